"""Market data on disk: frames and files in, trustworthy panels out; and the sample market."""
