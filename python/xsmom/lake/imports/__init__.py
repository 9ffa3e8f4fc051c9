"""Market data in files of the usual layouts, on their way into the lake."""
