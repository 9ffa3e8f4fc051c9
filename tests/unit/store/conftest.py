"""The databases of these tests."""

from tests.databases.fixtures import database, server, sqlite

__all__ = ["database", "server", "sqlite"]
