"""What a database refuses is one sentence, and nothing is half written."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.databases.fixtures import Database
from tests.oracle import nouns
from xsmom.errors import ConfigError, JournalCorrupt, OutputError, StateError
from xsmom.store.journal import SqlJournal
from xsmom.store.readers import open_reader
from xsmom.store.tables import FILLS


def write(journal: SqlJournal, count: int = 1, names: int = 1) -> None:
    for seq in range(journal.last_seq + 1, journal.last_seq + count + 1):
        journal.append(nouns.day(seq, names), replace(nouns.book(names), seq=seq))


def whole(journal: SqlJournal, database: Database) -> None:
    """Entries, newest book and readers' tables are of the same step."""
    seq = journal.last_seq
    assert [entry.seq for entry in journal.entries(0)] == list(range(1, seq + 1))
    book = journal.newest_book()
    assert book is None if seq == 0 else book is not None and book.seq == seq
    reader = open_reader(database.rules, database.state_dir)
    assert [row.seq for row in reader.fills()] == [at for at in range(1, seq + 1) if at % 5 == 2]
    reader.close()


def test_a_full_disk(sqlite: Database) -> None:
    journal = sqlite.open()
    write(journal, 3)
    with journal._connection.begin():
        pages = journal._connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        journal._connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")
    with pytest.raises(OutputError, match=r"journal.sqlite3: the disk is full, and nothing of this step was written"):
        write(journal, 200, names=40)
    seq = journal.last_seq
    assert seq < 200
    whole(journal, sqlite)
    with journal._connection.begin():
        journal._connection.exec_driver_sql("PRAGMA max_page_count=100000")
    write(journal, 2)
    assert journal.last_seq == seq + 2
    whole(journal, sqlite)


def fill_up(folder: Path) -> None:
    """Leave no byte: what a step was too large for, a sign of life may still find room in."""
    with contextlib.suppress(OSError), (folder / "rest").open("wb", buffering=0) as file:
        while file.write(bytes(4_096)):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which needs root")
def test_a_disk_that_is_really_full(sqlite: Database) -> None:
    sqlite.state_dir.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", sqlite.state_dir], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        journal = sqlite.open()
        with pytest.raises(OutputError, match=r"the disk is full|does not read or write"):
            write(journal, 500, names=20)
        assert 0 < journal.last_seq < 500
        seq = journal.last_seq
        journal.close()
        fill_up(sqlite.state_dir)
        # Room in the old log may let it open and write a little; then it is refused as well.
        with pytest.raises(OutputError, match="the disk is full"):
            write(sqlite.open(), 500, names=20)
        if sqlite.opened:
            full = sqlite.opened.pop()
            seq = full.last_seq
            full.close()
        subprocess.run(["mount", "-o", "remount,size=5m", sqlite.state_dir], check=True)
        again = sqlite.open()
        assert again.last_seq == seq
        write(again)
        whole(again, sqlite)
        again.close()
    finally:
        subprocess.run(["umount", "-l", sqlite.state_dir], check=True)


def test_a_file_that_another_program_holds(sqlite: Database, monkeypatch) -> None:
    monkeypatch.setattr("xsmom.store.database._BUSY_MS", 50)
    journal = sqlite.open()
    write(journal, 2)
    other = sqlite3.connect(sqlite.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match=r"another program holds it \(a copy, a database browser\)"):
        write(journal)
    other.close()
    journal.close()
    again = sqlite.open()
    assert again.last_seq == 2
    write(again)
    whole(again, sqlite)


def test_a_file_that_may_not_be_written(sqlite: Database) -> None:
    journal = sqlite.open()
    write(journal, 2)
    with journal._connection.begin():
        pass
    journal._connection.exec_driver_sql("PRAGMA query_only=ON")
    journal._connection.rollback()
    with pytest.raises(OutputError, match="it cannot be written: give this user the right"):
        write(journal)
    assert journal.last_seq == 2


def test_a_server_that_takes_no_writes(database: Database) -> None:
    if database.kind == "sqlite":
        pytest.skip("a matter of PostgreSQL")
    journal = database.open()
    write(journal, 2)
    with journal._connection.begin():
        journal._connection.execute(sa.text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    with pytest.raises(OutputError, match="the server takes no writes: it is a replica, or set to read only"):
        write(journal)
    with journal._connection.begin():
        journal._connection.execute(sa.text("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"))


def test_a_folder_that_cannot_be_made(sqlite: Database) -> None:
    sqlite.state_dir.write_text("a file", "utf-8")
    sqlite.state_dir /= "deeper"
    with pytest.raises(OutputError, match=r"deeper: not a directory: set live.state_dir"):
        sqlite.open()


def test_a_file_that_is_no_database(sqlite: Database) -> None:
    sqlite.state_dir.mkdir()
    sqlite.file.write_bytes(b"not a database at all" * 500)
    with pytest.raises(JournalCorrupt, match="the database is damaged: restore the database from a backup, or move it"):
        sqlite.open()


def test_a_database_with_a_damaged_page(sqlite: Database) -> None:
    journal = sqlite.open()
    write(journal, 30, names=5)
    journal.close()
    body = bytearray(sqlite.file.read_bytes())
    for page in range(3, len(body) // 4096):
        body[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    sqlite.file.write_bytes(body)
    with pytest.raises(JournalCorrupt, match="damaged"):
        list(sqlite.open().entries(0))


def test_a_line_that_is_cut_ends_the_writer(database: Database, request) -> None:
    if database.kind == "sqlite":
        pytest.skip("a matter of PostgreSQL")
    journal = database.open()
    write(journal, 3)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xsmom'"
    request.getfixturevalue("server").run(cut)
    with pytest.raises(StateError, match="the database does not answer"):
        write(journal)
    with pytest.raises(StateError, match="is closed, or lost its database: start again"):
        write(journal)
    again = database.open()
    assert again.last_seq == 3
    write(again)
    whole(again, database)


def test_a_database_that_is_not_there(database: Database) -> None:
    if database.kind == "sqlite":
        pytest.skip("a matter of PostgreSQL")
    url = database.rules.url
    assert url is not None
    changed = url.get_secret_value().replace("/postgres?", "/nowhere?")
    database.rules = replace(database.rules, url=type(url)(changed))
    with pytest.raises(ConfigError, match="there is no such database: make it with createdb"):
        database.open()


def test_a_row_that_is_there_already_means_another_writer(database: Database) -> None:
    """Should a lock ever fail: the number of an entry is taken once."""
    journal = database.open()
    write(journal, 3)
    journal._tail = journal._tail._replace(seq=2)
    with pytest.raises(StateError, match="another process has written to it meanwhile"):
        write(journal)
    with pytest.raises(StateError, match="is closed, or lost"):
        write(journal)


def test_a_failing_statement_leaves_nothing_of_the_step(database: Database) -> None:
    journal = database.open()
    write(journal, 6)
    with journal._connection.begin():
        journal._connection.execute(sa.text("ALTER TABLE fills RENAME TO elsewhere"))
    with pytest.raises(StateError, match="the database says"):
        write(journal)
    with journal._connection.begin():
        journal._connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO fills"))
        assert journal._connection.execute(sa.select(sa.func.max(FILLS.c.seq))).scalar() == 2
    write(journal)
    whole(journal, database)
