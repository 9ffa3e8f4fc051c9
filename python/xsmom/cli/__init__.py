"""The command line: one file per command group. It names concrete classes; nobody imports it."""
