"""The databases of these tests; PostgreSQL waits for the disk here."""

import pytest

from tests.databases.fixtures import database
from tests.databases.postgres import start_server

__all__ = ["database"]


@pytest.fixture(scope="session")
def server():
    """A server as an operator would run it."""
    running = start_server(durable=True)
    yield running
    running.stop()
    running.remove()
