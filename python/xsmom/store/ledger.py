"""Writes what readers look at, in the transaction of the entry."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from xsmom.store.book_parts import Change
from xsmom.store.shown import Shown
from xsmom.store.tables import BOOK, DECISIONS, EQUITY, FILLS, FUNDING, NOTES, ORDERS, TRANSFERS

# What is known of an order only when it is sent stays as it was written then.
_ORDER_MOVES = ("seq", "lots", "price", "phase", "filled_lots", "order_id", "sent_ms", "at_ms", "why", "open")

_BATCH = 400


class Ledger:
    """The statements, made once."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert

        def once(table: sa.Table) -> Any:
            return insert(table).on_conflict_do_nothing()

        def newest(table: sa.Table, moves: tuple[str, ...]) -> Any:
            keys = [column.name for column in table.primary_key]
            statement = insert(table)
            return statement.on_conflict_do_update(
                index_elements=keys, set_={name: statement.excluded[name] for name in moves}
            )

        def others(table: sa.Table) -> tuple[str, ...]:
            return tuple(column.name for column in table.columns if not column.primary_key)

        self._fill, self._funding, self._transfer = once(FILLS), once(FUNDING), once(TRANSFERS)
        self._note = once(NOTES)
        self._order = newest(ORDERS, _ORDER_MOVES)
        self._decision, self._equity = newest(DECISIONS, others(DECISIONS)), newest(EQUITY, others(EQUITY))
        self._part = newest(BOOK, others(BOOK))
        self._drop_part = BOOK.delete().where(
            BOOK.c.part == sa.bindparam("at_part"), BOOK.c.item == sa.bindparam("at_item")
        )

    def write(self, shown: Shown) -> None:
        """All rows of a step."""
        pairs = (
            (self._fill, shown.fills),
            (self._funding, shown.funding),
            (self._transfer, shown.transfers),
            (self._order, shown.orders),
            (self._decision, shown.decisions),
            (self._equity, shown.equity),
            (self._note, shown.notes),
        )
        for statement, rows in pairs:
            if rows:
                self._connection.execute(statement, rows)
        if shown.left:
            gone = ORDERS.update().where(ORDERS.c.client_order_id.in_(shown.left)).values(open=False)
            self._connection.execute(gone)

    def write_book(self, change: Change, *, anew: bool) -> None:
        """The parts that a step changed; `anew`: whatever was there before goes, and so do orders left open."""
        if anew:
            self._connection.execute(BOOK.delete())
            self._connection.execute(ORDERS.update().where(ORDERS.c.open).values(open=False))
        self._connection.execute(self._part, change.put)
        if change.gone:
            keys = [{"at_part": part, "at_item": item} for part, item in change.gone]
            self._connection.execute(self._drop_part, keys)
