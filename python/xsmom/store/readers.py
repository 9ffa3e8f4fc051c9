"""Reading a journal while another process writes it: nothing is locked, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from xsmom.domain.book import Book
from xsmom.domain.events import Started
from xsmom.domain.journal import Entry
from xsmom.domain.ledger import (
    DecisionRow,
    EquityRow,
    FillRow,
    FundingRow,
    NoteRow,
    OrderRow,
    TransferRow,
    WriterRow,
)
from xsmom.errors import JournalCorrupt, StateError
from xsmom.store import chain, codec
from xsmom.store.book_parts import join
from xsmom.store.database import Place, close_quietly, find_place, open_engine, telling_database
from xsmom.store.rules import StoreRules
from xsmom.store.schema import REVISIONS, read_revision, refuse_newer
from xsmom.store.snapshots import read_snapshot
from xsmom.store.tables import BOOK, DECISIONS, ENTRIES, EQUITY, FILLS, FUNDING, LEASE, META, NOTES, ORDERS, TRANSFERS
from xsmom.store.tail import Tail, read_rows

FOREVER_MS = 2**62
"""An end that no time reaches."""

RowT = TypeVar("RowT")

_MONEY = ("price", "fee_usdt", "mark", "paid_usdt", "amount_usdt")


def open_reader(rules: StoreRules, state_dir: Path) -> SqlReader:
    """Look at the journal of a state folder; one that is not there yet is a sentence."""
    place = find_place(rules.plain_url, state_dir)
    if place.file is not None and not place.file.exists():
        raise StateError(f"there is no journal at {place.file}: start xsmom paper or xsmom live first")
    with telling_database(place):
        connection = open_engine(place, write=False).connect()
    try:
        with telling_database(place), connection.begin():
            found = read_revision(connection)
    except BaseException:
        close_quietly(connection)
        raise
    if found is None or found != REVISIONS[-1]:
        close_quietly(connection)
        refuse_newer(found, place)
        raise StateError(f"the journal {place.name} is not ready: its writer makes it so at its next start")
    return SqlReader(place, connection)


class SqlReader:
    """Each answer is one picture: all of it as of one moment."""

    def __init__(self, place: Place, connection: sa.Connection) -> None:
        self._place, self._connection = place, connection

    @property
    def account(self) -> str:
        """Venue and name of the account."""
        with self._picture() as connection:
            return str(connection.execute(sa.select(META.c.value).where(META.c.name == "account")).scalar() or "")

    def last_seq(self) -> int:
        """Number of the newest entry."""
        with self._picture() as connection:
            return Tail.newest(connection).seq

    def newest_book(self) -> Book | None:
        """The book after the newest entry; None before the first."""
        with self._picture() as connection:
            tail = Tail.newest(connection)
            asked = sa.select(BOOK.c.part, BOOK.c.item, BOOK.c.body, BOOK.c.hash).order_by(BOOK.c.part, BOOK.c.place)
            rows = connection.execute(asked).all()
        return join([(part, item, body, seal) for part, item, body, seal in rows], tail.hash) if tail.seq else None

    def writer(self) -> WriterRow | None:
        """Who writes; None when nobody does."""
        columns = (LEASE.c.pid, LEASE.c.host, LEASE.c.since_ms, LEASE.c.beat_ms)
        with self._picture() as connection:
            row = connection.execute(sa.select(*columns)).first()
        return None if row is None else WriterRow(*row)

    def fills(self, since_ms: int = 0, until_ms: int = FOREVER_MS, symbol: str | None = None) -> Sequence[FillRow]:
        """Executions of a time, rising, with what their orders were for."""
        asked = sa.select(FILLS, ORDERS.c.purpose, ORDERS.c.reference_price).outerjoin(
            ORDERS, ORDERS.c.client_order_id == FILLS.c.client_order_id
        )
        asked = _within(asked, FILLS, since_ms, until_ms).order_by(FILLS.c.at_ms, FILLS.c.seq)
        return self._rows(FillRow, _of_symbol(asked, FILLS, symbol))

    def funding(self, since_ms: int = 0, until_ms: int = FOREVER_MS, symbol: str | None = None) -> Sequence[FundingRow]:
        """Settlements of a time, rising."""
        asked = _within(sa.select(FUNDING), FUNDING, since_ms, until_ms).order_by(FUNDING.c.at_ms, FUNDING.c.symbol)
        return self._rows(FundingRow, _of_symbol(asked, FUNDING, symbol))

    def funding_paid(self, since_ms: int = 0, until_ms: int = FOREVER_MS) -> Mapping[str, Decimal]:
        """What each symbol has paid; below 0 it received more."""
        paid: dict[str, Decimal] = {}
        for row in self.funding(since_ms, until_ms):
            paid[row.symbol] = paid.get(row.symbol, Decimal(0)) + row.paid_usdt
        return dict(sorted(paid.items()))

    def qty_steps(self) -> Mapping[str, Decimal]:
        """Size of one lot of every name that a start has named; of one whose lot has changed, none."""
        asked = sa.select(ENTRIES.c.event).where(ENTRIES.c.kind == Started.__name__)
        with self._picture() as connection:
            starts = [codec.decode(text) for text in connection.execute(asked).scalars()]
        steps: dict[str, set[Decimal]] = {}
        for start in starts:
            for one in start.instruments:
                steps.setdefault(one.symbol, set()).add(one.qty_step)
        # Between two starts contracts may change too: a note tells of which.
        for row in self.notes(name="specs.changed"):
            for symbol in row.note.fields["symbols"]:  # type: ignore[attr-defined]
                steps.pop(symbol, None)
        return {symbol: next(iter(found)) for symbol, found in steps.items() if len(found) == 1}

    def transfers(self, since_ms: int = 0, until_ms: int = FOREVER_MS) -> Sequence[TransferRow]:
        """Deposits and withdrawals of a time, rising."""
        asked = _within(sa.select(TRANSFERS), TRANSFERS, since_ms, until_ms).order_by(TRANSFERS.c.at_ms)
        return self._rows(TransferRow, asked)

    def orders(
        self, *, open_only: bool = False, since_ms: int = 0, until_ms: int = FOREVER_MS, symbol: str | None = None
    ) -> Sequence[OrderRow]:
        """Orders sent in a time, rising; or those that still stand."""
        asked = sa.select(ORDERS).where(ORDERS.c.sent_ms >= since_ms, ORDERS.c.sent_ms < until_ms)
        if open_only:
            asked = asked.where(ORDERS.c.open)
        asked = asked.order_by(ORDERS.c.sent_ms, ORDERS.c.client_order_id)
        return self._rows(OrderRow, _of_symbol(asked, ORDERS, symbol))

    def equity(self, since_ms: int = 0, until_ms: int = FOREVER_MS) -> Sequence[EquityRow]:
        """The book at each close of a time, rising."""
        asked = sa.select(EQUITY).where(EQUITY.c.close_ms >= since_ms, EQUITY.c.close_ms < until_ms)
        return self._rows(EquityRow, asked.order_by(EQUITY.c.close_ms))

    def decisions(self, close_ms: int | None = None, symbol: str | None = None) -> Sequence[DecisionRow]:
        """What was decided at the close of a bar, or at the newest, of every name or of one."""
        newest = sa.select(sa.func.max(DECISIONS.c.close_ms)).scalar_subquery()
        asked = sa.select(DECISIONS).where(DECISIONS.c.close_ms == (newest if close_ms is None else close_ms))
        return self._rows(DecisionRow, _of_symbol(asked, DECISIONS, symbol).order_by(DECISIONS.c.symbol))

    def decided_ms(self, count: int | None = None, until_ms: int = FOREVER_MS) -> Sequence[int]:
        """Closes of the newest decisions before a time, falling."""
        asked = sa.select(DECISIONS.c.close_ms).where(DECISIONS.c.close_ms < until_ms).distinct()
        with self._picture() as connection:
            return list(connection.execute(asked.order_by(DECISIONS.c.close_ms.desc()).limit(count)).scalars())

    def entries(self, after_seq: int) -> Iterator[Entry]:
        """All entries above a number that are there when they are reached, rising, each against its hash."""
        with self._picture() as connection:
            before = Tail.hash_at(connection, after_seq)
        if before is None:
            raise JournalCorrupt(
                f"the journal {self._place.name} no longer has all entries after {after_seq}: storage.keep_days has "
                "let the oldest go"
            )
        while True:
            with self._picture() as connection:
                rows = read_rows(connection, after_seq)
            if not rows:
                return
            for row in rows:
                yield chain.read(row, before)
                after_seq, before = row["seq"], row["hash"]

    def snapshot_before(self, seq: int) -> tuple[Book, bytes] | None:
        """The newest book that was kept before an entry, with its window; one that cannot be read is passed over."""
        with self._picture() as connection:
            return read_snapshot(connection, before_seq=seq).snapshot

    def notes(
        self,
        since_ms: int = 0,
        until_ms: int = FOREVER_MS,
        *,
        name: str | None = None,
        symbol: str | None = None,
        count: int | None = None,
    ) -> Sequence[NoteRow]:
        """What was told in a time, rising; of `count`, the newest. `order.` names all that begin so."""
        asked = _of_symbol(_within(sa.select(NOTES), NOTES, since_ms, until_ms), NOTES, symbol)
        if name is not None:
            exact = not name.endswith(".")
            asked = asked.where(NOTES.c.name == name if exact else NOTES.c.name.startswith(name, autoescape=True))
        asked = asked.order_by(NOTES.c.seq.desc(), NOTES.c.place.desc()).limit(count)
        with self._picture() as connection:
            rows = connection.execute(asked).all()
        return [NoteRow(row.seq, row.at_ms, codec.decode(row.body)) for row in reversed(rows)]

    def close(self) -> None:
        """Give the connection back."""
        close_quietly(self._connection)

    @contextmanager
    def _picture(self) -> Iterator[sa.Connection]:
        with telling_database(self._place), self._connection.begin():
            yield self._connection

    def _rows(self, kind: type[RowT], asked: sa.Select[Any]) -> list[RowT]:
        with self._picture() as connection:
            rows = connection.execute(asked).mappings().all()
        return [kind(**{name: _cell(name, value) for name, value in row.items()}) for row in rows]


def _cell(name: str, value: Any) -> Any:
    if name in _MONEY and isinstance(value, str):
        return Decimal(value)
    return "" if name == "purpose" and value is None else value


def _within(asked: sa.Select[Any], table: sa.Table, since_ms: int, until_ms: int) -> sa.Select[Any]:
    return asked.where(table.c.at_ms >= since_ms, table.c.at_ms < until_ms)


def _of_symbol(asked: sa.Select[Any], table: sa.Table, symbol: str | None) -> sa.Select[Any]:
    return asked if symbol is None else asked.where(table.c.symbol == symbol)
