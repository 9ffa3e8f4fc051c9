"""A writer that is killed at any moment loses nothing that `append` had returned from."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import random
import signal
import struct
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

import pytest

from tests.databases.fixtures import Database
from tests.oracle import nouns
from xsmom.domain.book import Book
from xsmom.domain.effects import SendOrder
from xsmom.errors import StateError
from xsmom.store import codec
from xsmom.store.journal import SqlJournal
from xsmom.store.readers import open_reader

KILLS = 200 if os.environ.get("XSMOM_PROOF") == "1" else 20
SNAPSHOT_EVERY = 16
PATIENCE_S = 30.0
_SEQ = struct.Struct("<q")


def book_at(seq: int) -> Book:
    """What the book is after each step, so that anybody can tell what must be there."""
    orders = {one.client_order_id: one for one in (nouns.order(at % 3, at) for at in range(max(1, seq - 8), seq + 1))}
    return replace(BASE, seq=seq, orders=orders, held_by_hand={f"C{seq % 7}": str(seq)})


BASE = replace(nouns.book(), orders={}, tasks={})


def write_for_ever(database: Database, pipe: Connection) -> None:
    """Step after step; the number of each goes into the pipe once `append` has returned."""
    journal = database.open()
    while True:
        seq = journal.last_seq + 1
        journal.append(nouns.day(seq), book_at(seq))
        pipe.send_bytes(_SEQ.pack(seq))
        if seq % SNAPSHOT_EVERY == 0:
            journal.save_snapshot(book_at(seq), str(seq).encode())
            pipe.send_bytes(_SEQ.pack(-seq))
        if seq % 17 == 0:
            journal.beat(seq)


# Children of a clean process: one of this suite's own, which has threads by now, may be born with a lock held.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.e2e.store.test_kill"])


@dataclass
class Writer:
    """The process that will be killed."""

    process: multiprocessing.process.BaseProcess
    pipe: Connection
    acked: int = 0
    kept: int = 0

    @classmethod
    def start(cls, database: Database) -> Writer:
        reading, writing = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=write_for_ever, args=(replace(database, opened=[]), writing))
        process.start()
        writing.close()
        return cls(process, reading)

    def kill(self) -> int:
        """End it in the middle of whatever it does; the last number that it had told."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        while self._read():
            pass
        self.pipe.close()
        return self.acked

    def wait(self, steps: int) -> None:
        """Until it has told of so many steps."""
        for _ in range(steps):
            assert self.pipe.poll(PATIENCE_S), "the writer stands still"
            assert self._read(), "the writer has ended"

    def _read(self) -> bool:
        try:
            told = _SEQ.unpack(self.pipe.recv_bytes())[0]
        except (EOFError, OSError):  # nothing more, or a number that was cut off
            return False
        # Below 0 it tells of a snapshot.
        self.acked, self.kept = max(self.acked, told), max(self.kept, -told)
        return True


def reopen(database: Database) -> SqlJournal:
    """PostgreSQL sees that a session is gone a moment after its process has ended."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return database.open()
        except StateError:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)


def check(journal: SqlJournal, database: Database, before: int, kept: int) -> None:
    """Numbers without gap or repeat, each what it was; the book, the snapshots and the ledger of the same step."""
    last = journal.last_seq
    found = list(journal.entries(before))
    assert [entry.seq for entry in found] == list(range(before + 1, last + 1))
    assert all(codec.encode(entry) == codec.encode(nouns.day(entry.seq)) for entry in found)
    book, snapshot = journal.newest_book(), journal.newest_snapshot()
    assert last == 0 or (book is not None and codec.encode(book) == codec.encode(book_at(last)))
    assert snapshot is None or (snapshot[0].seq == int(snapshot[1]) <= last)
    # A kill between an entry and its snapshot loses the snapshot, never one that was told.
    assert kept == 0 or (snapshot is not None and snapshot[0].seq >= kept)
    reader = open_reader(database.rules, database.state_dir)
    for rows, rest in ((reader.fills(), 2), (reader.funding(), 4), (reader.transfers(), 0)):
        assert [row.seq for row in rows] == [seq for seq in range(1, last + 1) if seq % 5 == rest]
    known = {row.client_order_id for row in reader.orders()}
    sent = {key for entry in found for key in sent_ids(entry.effects)}
    assert sent <= known
    assert {row.client_order_id for row in reader.orders(open_only=True)} == (set(book.orders) if book else set())
    reader.close()


def sent_ids(effects) -> set[str]:
    return {effect.request.client_order_id for effect in effects if isinstance(effect, SendOrder)}


@pytest.mark.slow
def test_a_writer_that_is_killed_loses_nothing(database: Database) -> None:
    chance = random.Random(7)
    last = kept = 0
    for kill in range(KILLS):
        writer = Writer.start(database)
        if kill % 4 != 3:  # every fourth is killed while it opens, or makes its tables
            writer.wait(chance.randint(1, 12))
        time.sleep(chance.uniform(0.0, 0.03))
        acked = writer.kill()
        journal = reopen(database)
        assert max(last, acked) <= journal.last_seq <= max(last, acked) + 1
        kept = max(kept, writer.kept)
        check(journal, database, last, kept)
        assert {note.name for note in journal.told} <= {"journal.lease_taken"}
        last = journal.last_seq
        journal.close()
    assert last > 3 * KILLS
