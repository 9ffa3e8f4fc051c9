"""An entry as a row of text, chained by its hash to the one before it."""

from __future__ import annotations

import hashlib
from typing import Any

from xsmom.domain.effects import Note
from xsmom.domain.journal import Entry
from xsmom.errors import JournalCorrupt
from xsmom.store import codec

EMPTY_HASH = "0" * 64
"""What the first entry is chained to."""


def seal(before: str, row: dict[str, Any]) -> str:
    """Hash of a row, given the hash of the one before."""
    head = f"{before} {row['seq']} {row['at_ms']} {row['kind']} {row['format']}"
    # Each text with its length: no letter can move from one to the next unseen.
    body = "".join(f" {len(row[name])}:{row[name]}" for name in ("event", "effects", "notes"))
    return hashlib.sha256((head + body).encode("utf-8", "surrogateescape")).hexdigest()


def write(entry: Entry, before: str) -> dict[str, Any]:
    """The row of an entry."""
    row: dict[str, Any] = {
        "seq": entry.seq,
        "at_ms": entry.at_ms,
        "kind": type(entry.event).__name__,
        "format": codec.FORMAT,
        "event": codec.encode(entry.event),
        "effects": codec.encode(entry.effects),
        "notes": f"[{','.join(note_text(note) for note in entry.notes)}]",
    }
    row["hash"] = seal(before, row)
    return row


def note_text(note: Note) -> str:
    """Text of one note."""
    return codec.encode_note(note.name, note.severity, note.fields)


def read(row: dict[str, Any], before: str) -> Entry:
    """The entry of a row, or what is wrong with it."""
    if row["format"] > codec.FORMAT:
        raise JournalCorrupt(
            f"it has format {row['format']}, and this version knows {codec.FORMAT}: upgrade the package"
        )
    if seal(before, row) != row["hash"]:
        raise JournalCorrupt("it does not match its hash")
    return Entry(
        seq=row["seq"],
        at_ms=row["at_ms"],
        event=codec.decode(row["event"]),
        effects=codec.decode(row["effects"]),
        notes=tuple(codec.decode(row["notes"])),
    )


def seal_snapshot(entry_hash: str, book: str, window: bytes) -> str:
    """Hash of a snapshot: it belongs to one entry of one journal."""
    digest = hashlib.sha256(f"{entry_hash} {len(book)}:{book} {len(window)}:".encode("utf-8", "surrogateescape"))
    digest.update(window)
    return digest.hexdigest()
