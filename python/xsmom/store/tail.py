"""The newest end of a journal, and what is done when it is torn."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from xsmom.domain.effects import Note, Severity
from xsmom.errors import JournalCorrupt
from xsmom.store import chain
from xsmom.store.database import MEND, Place
from xsmom.store.tables import ENTRIES, META, SNAPSHOTS, TORN

_BATCH = 500


class Tail(NamedTuple):
    """Number and hash of the newest entry; of the newest pruned one where none is left."""

    seq: int
    hash: str

    @classmethod
    def newest(cls, connection: sa.Connection) -> Self:
        """As the database has it now."""
        row = connection.execute(
            sa.select(ENTRIES.c.seq, ENTRIES.c.hash).order_by(ENTRIES.c.seq.desc()).limit(1)
        ).first()
        return cls(*row) if row is not None else cls(*_anchor(connection))

    @staticmethod
    def hash_at(connection: sa.Connection, seq: int) -> str | None:
        """Hash that the entry after `seq` is chained to; None where that cannot be known."""
        found: str | None = connection.execute(sa.select(ENTRIES.c.hash).where(ENTRIES.c.seq == seq)).scalar()
        if found is None:
            anchor = _anchor(connection)
            return anchor.hash if anchor.seq == seq else None
        return found


class _Anchor(NamedTuple):
    seq: int
    hash: str


def _anchor(connection: sa.Connection) -> _Anchor:
    rows = connection.execute(sa.select(META.c.name, META.c.value).where(META.c.name.like("anchor_%"))).all()
    found = {name: value for name, value in rows}  # noqa: C416  rows are no pairs to the type checker
    return _Anchor(int(found.get("anchor_seq", "0")), found.get("anchor_hash", chain.EMPTY_HASH))


def read_rows(connection: sa.Connection, after_seq: int) -> list[dict[str, Any]]:
    """The next entries above a number, as rows."""
    asked = sa.select(ENTRIES).where(ENTRIES.c.seq > after_seq).order_by(ENTRIES.c.seq).limit(_BATCH)
    return [dict(row) for row in connection.execute(asked).mappings()]


def mend_tail(connection: sa.Connection, place: Place, now_ms: int) -> tuple[Note, ...]:
    """Take the newest entry out if it does not match its hash; in the caller's transaction. Only it can be torn.

    An entry that was torn while it was written was never acted upon. If the disk spoiled it later, its orders are at
    the venue, and reconciling finds them by their names.
    """
    rows = _newest_rows(connection)
    if not rows or _sound(connection, rows[0]):
        return ()
    row, seq = rows[0], rows[0]["seq"]
    if len(rows) > 1 and not _sound(connection, rows[1]):
        raise JournalCorrupt(
            f"the journal {place.name} is damaged in entry {rows[1]['seq']}, which is not the newest: {MEND}"
        )
    why = "it does not match its hash"
    kept = {name: row[name] for name in ("seq", "at_ms", "event", "effects", "notes", "hash")}
    connection.execute(TORN.insert(), [{**kept, "dropped_ms": now_ms, "why": why}])
    connection.execute(ENTRIES.delete().where(ENTRIES.c.seq == seq))
    connection.execute(SNAPSHOTS.delete().where(SNAPSHOTS.c.seq == seq))
    return (Note("journal.torn", Severity.ERROR, {"seq": seq, "why": why}),)


def _newest_rows(connection: sa.Connection) -> list[dict[str, Any]]:
    asked = sa.select(ENTRIES).order_by(ENTRIES.c.seq.desc()).limit(2)
    return [dict(row) for row in connection.execute(asked).mappings()]


def _sound(connection: sa.Connection, row: dict[str, Any]) -> bool:
    """Whether it matches its hash. Where the one before it is missing, nobody can tell: reading says so."""
    before = Tail.hash_at(connection, row["seq"] - 1)
    return before is None or chain.seal(before, row) == row["hash"]
