"""Fixtures of every test that opens a journal: each kind of database, empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.databases.postgres import Server, start_server
from xsmom.store.journal import SqlJournal
from xsmom.store.opening import open_journal
from xsmom.store.rules import StoreRules

ACCOUNT = "bybit:1"


@dataclass
class HandClock:
    """A clock that a test sets."""

    at_ms: int = 1_700_000_000_000
    speed: float = 1.0

    def now_ms(self) -> int:
        return self.at_ms


@dataclass
class Database:
    """Where the journal of one test lies, and what it obeys."""

    kind: str
    rules: StoreRules
    state_dir: Path
    clock: HandClock = field(default_factory=HandClock)
    opened: list[SqlJournal] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.state_dir / "journal.sqlite3"

    def open(self, account: str = ACCOUNT) -> SqlJournal:
        journal = open_journal(self.rules, self.state_dir, account, self.clock)
        self.opened.append(journal)
        return journal


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL itself."""
    running = start_server()
    yield running
    running.stop()
    running.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path) -> Iterator[Database]:
    """An empty journal of each kind."""
    url = SecretStr(request.getfixturevalue("server").new_url()) if request.param == "postgresql" else None
    made = Database(request.param, StoreRules(url), tmp_path / "state")
    yield made
    for journal in made.opened:
        journal.close()


@pytest.fixture
def sqlite(tmp_path) -> Iterator[Database]:
    """The same, on SQLite alone."""
    made = Database("sqlite", StoreRules(), tmp_path / "state")
    yield made
    for journal in made.opened:
        journal.close()
