"""The durable journal of one account, on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa

from xsmom.domain.book import Book
from xsmom.domain.effects import Note, Severity
from xsmom.domain.journal import Entry
from xsmom.domain.window import BarRow
from xsmom.errors import JournalCorrupt, StateError, XsmomError
from xsmom.ports import Clock
from xsmom.store import chain
from xsmom.store.bars import find_first, read_bars
from xsmom.store.book_parts import Places, find_change, join
from xsmom.store.database import MEND, Place, close_quietly, telling_database
from xsmom.store.lease import Lease, Lock
from xsmom.store.ledger import Ledger
from xsmom.store.rules import StoreRules
from xsmom.store.shown import show
from xsmom.store.snapshots import prune, read_snapshot, write_snapshot
from xsmom.store.tables import BOOK, ENTRIES, SNAPSHOTS
from xsmom.store.tail import Tail, read_rows

_INSERT = ENTRIES.insert()
_BOOK_ROWS = sa.select(BOOK.c.part, BOOK.c.item, BOOK.c.body, BOOK.c.hash).order_by(BOOK.c.part, BOOK.c.place)


class SqlJournal:
    """Made by `xsmom.store.opening.open_journal`, which has taken the lease and looked at the tail."""

    def __init__(
        self,
        place: Place,
        connection: sa.Connection,
        *,
        lock: Lock,
        lease: Lease,
        rules: StoreRules,
        clock: Clock,
        tail: Tail,
        told: tuple[Note, ...],
    ) -> None:
        self._place, self._connection, self._lock, self._lease = place, connection, lock, lease
        self._rules, self._clock = rules, clock
        self._tail = tail
        self._told = told
        self._ledger = Ledger(connection)
        #: The book that the readers' tables hold; None until the first step of this process.
        self._shown: Book | None = None
        self._places: Places = {}
        self._broken = False
        with self._transaction():
            newest = connection.execute(sa.select(sa.func.max(SNAPSHOTS.c.seq))).scalar()
        self._snapshot_seq: int = newest or 0

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 before the first."""
        return self._tail.seq

    @property
    def told(self) -> tuple[Note, ...]:
        """What opening and recovery found and mended."""
        return self._told

    @property
    def snapshot_due(self) -> bool:
        """Whether `storage.snapshot_every_events` entries have come since the last snapshot."""
        return self._tail.seq - self._snapshot_seq >= self._rules.snapshot_every_events

    def append(self, entry: Entry, book: Book) -> None:
        """Write an event, its effects, its notes and what readers see, in one transaction."""
        if entry.seq != self._tail.seq + 1:
            raise JournalCorrupt(f"entry {entry.seq} does not follow on entry {self._tail.seq} of {self._place.name}")
        if book.seq != entry.seq:
            raise JournalCorrupt(f"the book counts {book.seq} events and the entry is number {entry.seq}")
        row = chain.write(entry, self._tail.hash)
        shown = show(entry, self._shown, book)
        change = find_change(self._shown, book, self._places, row["hash"])
        with self._transaction():
            self._connection.execute(_INSERT, [row])
            self._ledger.write_book(change, anew=self._shown is None)
            self._ledger.write(shown)
        self._tail, self._shown, self._places = Tail(entry.seq, row["hash"]), book, change.places

    def entries(self, after_seq: int) -> Iterator[Entry]:
        """All entries above a number, rising, each against its hash."""
        stop = self._tail.seq
        with self._transaction():
            before = self._hash_of(after_seq)
        while after_seq < stop:
            with self._transaction():
                rows = read_rows(self._connection, after_seq)
            if not rows:
                raise JournalCorrupt(self._gap(after_seq + 1))
            for row in rows:
                yield self._read(row, after_seq + 1, before)
                after_seq, before = row["seq"], row["hash"]

    def save_snapshot(self, book: Book, window: bytes) -> None:
        """Keep a book and its window; drop the oldest, and the past that `storage.keep_days` lets go."""
        if book.seq > self._tail.seq:
            raise JournalCorrupt(f"a book of {book.seq} events cannot be kept: the newest entry is {self._tail.seq}")
        with self._transaction():
            write_snapshot(self._connection, book, window, self._hash_of(book.seq))
            if self._rules.keep_ms:
                prune(self._connection, self._clock.now_ms() - self._rules.keep_ms)
        self._snapshot_seq = book.seq

    def newest_snapshot(self) -> tuple[Book, bytes] | None:
        """The newest one that can be read; what was wrong with a newer one is told."""
        with self._transaction():
            found = read_snapshot(self._connection)
        self._told += found.told
        return found.snapshot

    def newest_book(self) -> Book | None:
        """The book after the newest entry; None before the first, and where it is not whole, which is told."""
        with self._transaction():
            rows = self._connection.execute(_BOOK_ROWS).all()
        if self._tail.seq == 0:
            return None
        try:
            return join([(part, item, body, seal) for part, item, body, seal in rows], self._tail.hash)
        except JournalCorrupt as error:
            fields = {"seq": self._tail.seq, "why": str(error)}
            self._told += (Note("journal.book_skipped", Severity.WARNING, fields),)
            return None

    def window_rows(self, after_ms: int) -> Iterator[BarRow]:
        """Bars that events brought, of the names that are traded now, above a close, rising."""
        with self._transaction():
            first = find_first(self._connection, after_ms)
            bars = list(read_bars(self._connection, first, after_ms))
        return iter(bars)

    def beat(self, at_ms: int) -> None:
        """Say that the writer is alive."""
        with self._transaction():
            self._lease.beat(self._connection, at_ms)

    def close(self) -> None:
        """Give the lease back."""
        # Whatever stands in its way (a full disk, a line that broke): the lease runs out by itself, the lock must go.
        with suppress(XsmomError, sa.exc.SQLAlchemyError), self._transaction():
            self._lease.give_back(self._connection)
        close_quietly(self._connection)
        self._lock.release()
        self._broken = True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing. After a failure the journal goes on only if the database stands where it stood."""
        if self._broken:
            raise StateError(f"the journal {self._place.name} is closed, or lost its database: start again")
        try:
            with telling_database(self._place), self._connection.begin():
                yield
        except BaseException:
            self._broken = True
            self._broken = not self._stands()
            raise

    def _stands(self) -> bool:
        """Whether line and lock are still ours, and the newest entry the one we know."""
        # A line that broke took the lock of PostgreSQL with it; SQLAlchemy would quietly open another.
        if self._connection.closed or self._connection.invalidated:
            return False
        with suppress(sa.exc.SQLAlchemyError), self._connection.begin():
            return Tail.newest(self._connection) == self._tail
        return False

    def _hash_of(self, seq: int) -> str:
        """What the entry after this number is chained to."""
        found = Tail.hash_at(self._connection, seq)
        if found is None:
            raise JournalCorrupt(self._gap(seq))
        return found

    def _read(self, row: dict[str, Any], expected: int, before: str) -> Entry:
        if row["seq"] != expected:
            raise JournalCorrupt(self._gap(expected))
        try:
            return chain.read(row, before)
        except JournalCorrupt as error:
            raise JournalCorrupt(
                f"entry {expected} of the journal {self._place.name} cannot be read: {error}; {MEND}"
            ) from error

    def _gap(self, seq: int) -> str:
        return f"entry {seq} of the journal {self._place.name} is missing: {MEND}"
