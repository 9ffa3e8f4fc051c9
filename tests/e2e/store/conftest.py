"""The databases of these tests."""

from tests.databases.fixtures import database, server

__all__ = ["database", "server"]
