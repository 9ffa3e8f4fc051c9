"""The bars that a window has taken in, read back from the journal."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from xsmom.domain.events import BarClosed, BarsBackfilled, Event, Started, bars_of
from xsmom.domain.window import BarRow
from xsmom.errors import JournalCorrupt
from xsmom.store import chain
from xsmom.store.tables import ENTRIES
from xsmom.store.tail import Tail

_WITH_BARS = (BarClosed.__name__, BarsBackfilled.__name__)


def find_first(connection: sa.Connection, after_ms: int) -> int:
    """Number of the first entry whose bars are above a close and of the names that are traded now; 0 where none is.

    A window grows by rising bars, so that going back from the newest entry ends at the first that is too old.
    """
    begun = _find_start(connection)
    asked = sa.select(ENTRIES.c.seq).where(ENTRIES.c.kind.in_(_WITH_BARS), ENTRIES.c.seq > begun)
    first = 0
    for seq in connection.execute(asked.order_by(ENTRIES.c.seq.desc())).scalars():
        rows = bars_of(read_event(connection, seq))
        if rows and rows[-1].close_ms <= after_ms:
            break
        first = seq
    return first


def _find_start(connection: sa.Connection) -> int:
    """The oldest start since which the names are the same: bars of other names fit no window of these."""
    asked = sa.select(ENTRIES.c.seq).where(ENTRIES.c.kind == Started.__name__).order_by(ENTRIES.c.seq.desc())
    found, names = 0, None
    for seq in connection.execute(asked).scalars().all():
        event = read_event(connection, seq)
        assert isinstance(event, Started)
        theirs = tuple(one.symbol for one in event.instruments)
        if names is not None and theirs != names:
            return found
        found, names = seq, theirs
    return 0  # no other names in all that is left


def read_event(connection: sa.Connection, seq: int) -> Event:
    """The event of one entry, against its hash."""
    row = connection.execute(sa.select(ENTRIES).where(ENTRIES.c.seq == seq)).mappings().one()
    before = Tail.hash_at(connection, seq - 1)
    if before is None:
        raise JournalCorrupt(f"entry {seq - 1} is missing")
    return chain.read(dict(row), before).event


def read_bars(connection: sa.Connection, first: int, after_ms: int) -> Iterator[BarRow]:
    """Bars of the entries from one number on that are above a close, rising."""
    if first == 0:
        return
    asked = sa.select(ENTRIES.c.seq).where(ENTRIES.c.seq >= first, ENTRIES.c.kind.in_(_WITH_BARS))
    for seq in connection.execute(asked.order_by(ENTRIES.c.seq)).scalars().all():
        for row in bars_of(read_event(connection, seq)):
            if row.close_ms > after_ms:
                yield row
                after_ms = row.close_ms
