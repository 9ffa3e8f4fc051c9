"""The databases that live processes write to."""

from tests.databases.fixtures import database, server

__all__ = ["database", "server"]
