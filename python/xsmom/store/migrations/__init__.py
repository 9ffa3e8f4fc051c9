"""Migrations of the journal's tables, run by `xsmom.store.schema`."""
