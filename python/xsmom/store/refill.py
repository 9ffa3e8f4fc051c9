"""The readers' ledger made again from the entries, after a migration that made its tables."""

from __future__ import annotations

import sqlalchemy as sa

from xsmom.errors import JournalCorrupt
from xsmom.store import chain
from xsmom.store.ledger import Ledger
from xsmom.store.shown import show_entry
from xsmom.store.tables import META
from xsmom.store.tail import Tail, read_rows


def refill_ledger(connection: sa.Connection, ledger: Ledger) -> None:
    """Write what entries alone tell (fills, funding, transfers, notes) where a migration asked for it.

    Orders, decisions and equity follow from books, which entries do not hold: they begin with the next step.
    """
    asked = connection.execute(sa.select(META.c.value).where(META.c.name == "refill")).scalar()
    if asked is None:
        return
    rows = read_rows(connection, 0)
    while rows:
        for row in rows:
            before = Tail.hash_at(connection, row["seq"] - 1)
            if before is None:
                raise JournalCorrupt(f"entry {row['seq'] - 1} is missing: restore the journal from a backup")
            ledger.write(show_entry(chain.read(row, before)))
        rows = read_rows(connection, rows[-1]["seq"])
    connection.execute(META.delete().where(META.c.name == "refill"))
