"""Books and windows at some numbers of the journal, so that recovery need not begin at the first entry."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from xsmom.domain.book import Book
from xsmom.domain.effects import Note, Severity
from xsmom.errors import JournalCorrupt
from xsmom.store import codec
from xsmom.store.chain import seal_snapshot
from xsmom.store.tables import DECISIONS, ENTRIES, META, NOTES, SNAPSHOTS

KEPT = 3
"""Snapshots that are kept: the newest, and two to fall back on."""


class Found(NamedTuple):
    """The newest snapshot that could be read, and what was wrong with newer ones."""

    snapshot: tuple[Book, bytes] | None
    told: tuple[Note, ...]


def write_snapshot(connection: sa.Connection, book: Book, window: bytes, entry_hash: str) -> None:
    """Store one, in the caller's transaction, and drop the oldest."""
    text = codec.encode(book)
    row = {
        "seq": book.seq,
        "at_ms": book.as_of_ms,
        "format": codec.FORMAT,
        "book": text,
        "window": window,
        "hash": seal_snapshot(entry_hash, text, window),
    }
    connection.execute(SNAPSHOTS.delete().where(SNAPSHOTS.c.seq == book.seq))
    connection.execute(SNAPSHOTS.insert(), [row])
    newest = sa.select(SNAPSHOTS.c.seq).order_by(SNAPSHOTS.c.seq.desc()).limit(KEPT)
    connection.execute(SNAPSHOTS.delete().where(SNAPSHOTS.c.seq.not_in(newest.scalar_subquery())))


def read_snapshot(connection: sa.Connection, before_seq: int | None = None) -> Found:
    """The newest (before an entry) that is whole and belongs to an entry of this journal."""
    told: list[Note] = []
    asked = sa.select(SNAPSHOTS.c.seq).order_by(SNAPSHOTS.c.seq.desc())
    if before_seq is not None:
        asked = asked.where(SNAPSHOTS.c.seq < before_seq)
    numbers = connection.execute(asked).scalars().all()
    for seq in numbers:
        try:
            return Found(_read(connection, seq), tuple(told))
        except JournalCorrupt as error:
            told.append(Note("journal.snapshot_skipped", Severity.ERROR, {"seq": seq, "why": str(error)}))
    return Found(None, tuple(told))


def _read(connection: sa.Connection, seq: int) -> tuple[Book, bytes]:
    row = connection.execute(sa.select(SNAPSHOTS).where(SNAPSHOTS.c.seq == seq)).one()
    entry_hash = connection.execute(sa.select(ENTRIES.c.hash).where(ENTRIES.c.seq == seq)).scalar()
    if entry_hash is None:
        raise JournalCorrupt(f"the snapshot {seq} belongs to no entry that is left")
    if row.format > codec.FORMAT:
        raise JournalCorrupt(f"the snapshot {seq} has format {row.format}, and this version knows {codec.FORMAT}")
    if seal_snapshot(entry_hash, row.book, row.window) != row.hash:
        raise JournalCorrupt(f"the snapshot {seq} does not match its hash")
    book: Book = codec.decode(row.book)
    return book, bytes(row.window)


def prune(connection: sa.Connection, before_ms: int) -> int:
    """Drop entries from before a time that no kept snapshot needs, with decisions and notes; how many."""
    oldest = connection.execute(sa.select(sa.func.min(SNAPSHOTS.c.seq))).scalar()
    if oldest is None:
        return 0
    old = sa.select(sa.func.max(ENTRIES.c.seq)).where(ENTRIES.c.seq < oldest, ENTRIES.c.at_ms < before_ms)
    last = connection.execute(old).scalar()
    if last is None:
        return 0
    anchor = connection.execute(sa.select(ENTRIES.c.hash).where(ENTRIES.c.seq == last)).scalar_one()
    connection.execute(META.delete().where(META.c.name.in_(("anchor_seq", "anchor_hash"))))
    connection.execute(
        META.insert(), [{"name": "anchor_seq", "value": str(last)}, {"name": "anchor_hash", "value": anchor}]
    )
    gone = connection.execute(ENTRIES.delete().where(ENTRIES.c.seq <= last)).rowcount
    connection.execute(NOTES.delete().where(NOTES.c.seq <= last))
    connection.execute(DECISIONS.delete().where(DECISIONS.c.seq <= last))
    return gone
