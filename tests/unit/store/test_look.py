"""A look at a journal before anything is started: it tells what is there, and leaves everything as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.databases.fixtures import ACCOUNT, Database
from tests.unit.store.test_lease import write
from xsmom.errors import StateError
from xsmom.store.look import look_at_journal

NOW_MS = 1_700_000_000_000


def look(database: Database):
    return look_at_journal(database.rules, database.state_dir, NOW_MS)


def test_none_is_there_yet_and_none_is_made(database: Database) -> None:
    found = look(database)
    assert (found.exists, found.current, found.writer, found.book) == (False, True, "", None)
    assert not database.file.exists()


def test_who_writes_is_told_and_free_is_free(database: Database) -> None:
    journal = database.open()
    write(journal)
    found = look(database)
    assert f"process {os.getpid()}" in found.writer
    assert found.account == ACCOUNT
    assert found.exists
    # Looking takes nothing: its writer goes on.
    write(journal)
    assert look(database).writer
    journal.close()
    assert look(database).writer == ""


def test_tables_of_another_version(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.open().close()
    monkeypatch.setattr("xsmom.store.look.REVISIONS", ("0001", "0002", "9999"))
    assert look(database).current is False
    monkeypatch.setattr("xsmom.store.schema.REVISIONS", ("0000",))
    with pytest.raises(StateError, match="upgrade the package"):
        look(database)


def test_a_file_that_is_no_journal_is_a_sentence(sqlite: Database) -> None:
    sqlite.state_dir.mkdir(parents=True, exist_ok=True)
    Path(sqlite.file).write_bytes(b"no database at all " * 100)
    with pytest.raises(StateError, match="journal"):
        look(sqlite)
