"""The sections of the configuration tree, one file per subject."""
