"""One account, one writer: a second one is refused in words, a dead one is followed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.databases.fixtures import Database
from tests.oracle import nouns
from xsmom.errors import StateError
from xsmom.store.journal import SqlJournal
from xsmom.store.tables import LEASE

MINUTE_MS = 60_000


def write(journal: SqlJournal, count: int = 1) -> None:
    for seq in range(journal.last_seq + 1, journal.last_seq + count + 1):
        journal.append(nouns.day(seq), replace(nouns.book(1), seq=seq))


def test_a_second_writer_is_refused_with_the_first_ones_name(database: Database) -> None:
    first = database.open()
    write(first)
    database.clock.at_ms += 12_000
    sentence = (
        rf"is being written by process {os.getpid()} on {re.escape(socket.gethostname())}, whose newest sign is 12 s "
        "old: one account has one writer, so stop that one first"
    )
    with pytest.raises(StateError, match=sentence):
        database.open()
    write(first)
    assert first.last_seq == 2


def test_a_lease_that_was_given_back_is_free(database: Database) -> None:
    database.open().close()
    assert database.open().told == ()


@pytest.fixture
def other_process(database: Database):
    """A process that opens the journal, writes one entry, says so, and waits."""
    script = """
        import sys, time
        from pathlib import Path
        from pydantic import SecretStr
        from dataclasses import replace
        sys.path.insert(0, sys.argv[1])
        from tests.databases.fixtures import HandClock
        from tests.oracle import nouns
        from xsmom.store.opening import open_journal
        from xsmom.store.rules import StoreRules
        url = SecretStr(sys.argv[3]) if sys.argv[3] else None
        journal = open_journal(StoreRules(url), Path(sys.argv[2]), "bybit:1", HandClock())
        journal.append(nouns.day(1), replace(nouns.book(1), seq=1))
        print("ready", flush=True)
        time.sleep(120)
    """
    arguments = [str(Path(__file__).parents[3]), str(database.state_dir), database.rules.plain_url or ""]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), *arguments], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_writer_is_followed_at_once(database: Database, other_process) -> None:
    with pytest.raises(StateError, match=f"process {other_process.pid} on"):
        database.open()
    other_process.kill()
    other_process.wait()
    journal = open_when_gone(database)
    assert journal.last_seq == 1
    (note,) = journal.told
    assert (note.name, note.fields["pid"]) == ("journal.lease_taken", other_process.pid)
    write(journal)


def open_when_gone(database: Database) -> SqlJournal:
    """PostgreSQL sees the end of a session a moment after the process has ended."""
    deadline_s = time.monotonic() + 20
    while True:
        try:
            return database.open()
        except StateError:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)


def test_a_writer_that_hangs_is_followed_where_its_line_can_be_cut(database: Database, other_process) -> None:
    os.kill(other_process.pid, signal.SIGSTOP)
    database.clock.at_ms += 3 * MINUTE_MS + 1
    if database.kind == "sqlite":
        with pytest.raises(StateError, match="whose newest sign is 180 s old"):
            database.open()
    else:
        journal = database.open()
        assert [note.name for note in journal.told] == ["journal.lease_taken"]
        write(journal)


def test_one_that_comes_back_too_late_can_write_nothing_more(database: Database) -> None:
    if database.kind == "sqlite":
        pytest.skip("the lock of a file cannot be taken from a process that lives")
    first = database.open()
    write(first, 2)
    database.clock.at_ms += 3 * MINUTE_MS + 1
    second = database.open()
    with pytest.raises(StateError):
        write(first)
    with pytest.raises(StateError, match="is closed, or lost its database"):
        write(first)
    with pytest.raises(StateError):
        first.beat(0)
    write(second)
    assert [entry.seq for entry in second.entries(0)] == [1, 2, 3]


def test_signs_keep_the_lease(database: Database) -> None:
    first = database.open()
    for _ in range(3):
        database.clock.at_ms += 2 * MINUTE_MS
        first.beat(database.clock.at_ms)
    database.clock.at_ms += MINUTE_MS
    with pytest.raises(StateError, match="whose newest sign is 60 s old"):
        database.open()
    write(first)


def test_who_gives_signs_rarely_is_waited_for_longer(database: Database) -> None:
    database.rules = replace(database.rules, beat_ms=10 * MINUTE_MS)
    database.open()
    database.clock.at_ms += 29 * MINUTE_MS
    with pytest.raises(StateError, match="being written by"):
        database.open()


def test_a_row_of_another_machine_is_believed_while_it_is_fresh(sqlite: Database) -> None:
    """A folder that two machines share need not hand on the lock of a file."""
    journal = sqlite.open()
    with journal._connection.begin():
        journal._connection.execute(LEASE.update().values(host="elsewhere"))
    journal._connection.close()
    journal._lock.release()
    sqlite.clock.at_ms += MINUTE_MS
    with pytest.raises(
        StateError, match=r"on elsewhere, whose newest sign is 60 s old: .* until that sign is 180 s old"
    ):
        sqlite.open()
    sqlite.clock.at_ms += 2 * MINUTE_MS + 1
    assert [note.name for note in sqlite.open().told] == ["journal.lease_taken"]


def test_a_sign_without_the_lease_is_an_error(database: Database) -> None:
    journal = database.open()
    with journal._connection.begin():
        journal._connection.execute(sa.delete(LEASE))
    with pytest.raises(StateError, match="was taken by another process, since this one was silent for too long"):
        journal.beat(0)
