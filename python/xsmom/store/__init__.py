"""The journal: what is remembered for good, and where it lies.

`sqlalchemy` and `alembic` are imported by the modules that speak to a database, never by this one.
"""
