"""The journal of a replay: a list in memory that nothing outlives."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from xsmom.domain.book import Book
from xsmom.domain.effects import Note
from xsmom.domain.events import bars_of
from xsmom.domain.journal import Entry
from xsmom.domain.window import BarRow
from xsmom.errors import JournalCorrupt


class MemoryJournal:
    """Keeps the newest `keep` entries, or all of them; values are kept as they are, without text."""

    def __init__(self, keep: int | None = None, snapshot_every_events: int | None = None) -> None:
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._every = snapshot_every_events
        self._snapshot: tuple[Book, bytes] | None = None
        self._book: Book | None = None
        self._last_seq = self._snapshot_seq = 0

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 before the first."""
        return self._last_seq

    @property
    def told(self) -> tuple[Note, ...]:
        """Nothing is ever found here that needed mending."""
        return ()

    @property
    def snapshot_due(self) -> bool:
        """Whether so many entries have come since the last snapshot; never, unless it was asked for."""
        return self._every is not None and self._last_seq - self._snapshot_seq >= self._every

    def append(self, entry: Entry, book: Book) -> None:
        """Keep an entry; its number follows on the last."""
        if entry.seq != self._last_seq + 1:
            raise JournalCorrupt(f"entry {entry.seq} does not follow on entry {self._last_seq}")
        if book.seq != entry.seq:
            raise JournalCorrupt(f"the book counts {book.seq} events and the entry is number {entry.seq}")
        self._entries.append(entry)
        self._last_seq, self._book = entry.seq, book

    def entries(self, after_seq: int) -> Iterator[Entry]:
        """All entries above a number, rising; one that was let go of is missed loudly."""
        first = self._last_seq - len(self._entries)
        if after_seq < first:
            raise JournalCorrupt(f"entries up to {first} are no longer kept: begin after that one")
        yield from list(self._entries)[max(0, after_seq - first) :]

    def save_snapshot(self, book: Book, window: bytes) -> None:
        """Keep a book and its window; the newest one only."""
        self._snapshot = book, window
        self._snapshot_seq = book.seq

    def newest_snapshot(self) -> tuple[Book, bytes] | None:
        """The one that was kept last."""
        return self._snapshot

    def newest_book(self) -> Book | None:
        """The one that came with the newest entry."""
        return self._book

    def window_rows(self, after_ms: int) -> Iterator[BarRow]:
        """Bars that events brought above a close, rising."""
        for entry in list(self._entries):
            for row in bars_of(entry.event):
                if row.close_ms > after_ms:
                    after_ms = row.close_ms
                    yield row

    def beat(self, at_ms: int) -> None:
        """Nobody else can write here."""

    def close(self) -> None:
        """Nothing to give back."""
