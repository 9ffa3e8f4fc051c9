"""What a stretch of time has brought, from a journal: prices, slippage, fees and funding, apart and to the cent.

The costs of a book are cumulative, and the book is kept at every close: a result is the difference between the book
at a close and the newest one, so that its parts add up to the change of equity and nothing falls between two rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from xsmom.domain.book import Book
from xsmom.domain.ledger import EquityRow, FillRow
from xsmom.engine import money
from xsmom.ports import JournalReader

_DAY_MS = 86_400_000
_LOOK_BACK_MS = (2 * _DAY_MS, 62 * _DAY_MS)
_TOLD_LATE_MS = 3 * _DAY_MS
"""An execution may be told so long after it happened; the book takes none that is older."""


@dataclass(frozen=True, slots=True)
class NameResult:
    """One name. `price_usdt` contains slippage; None where its mark at the beginning is not known."""

    symbol: str
    traded_usdt: float
    price_usdt: float | None
    fee_usdt: float
    funding_usdt: float

    @property
    def result_usdt(self) -> float | None:
        """What it brought."""
        return None if self.price_usdt is None else self.price_usdt - self.fee_usdt - self.funding_usdt


@dataclass(frozen=True, slots=True)
class Results:
    """`price_usdt` is what prices brought had everything been executed at the price when it was decided.

    Costs above 0 were lost. Equity after = before + price - slippage - fees - funding + transfers + corrections.
    """

    #: What was asked for, and the close that it begins at: the newest before, or the first of all.
    asked_ms: int
    since_ms: int
    until_ms: int
    equity_before_usdt: float
    equity_usdt: float
    #: Of a share of the book: transfers do not move it.
    return_frac: float
    price_usdt: float
    slippage_usdt: float
    fee_usdt: float
    funding_usdt: float
    transfers_usdt: float
    corrections_usdt: float
    traded_usdt: float
    names: tuple[NameResult, ...] = ()

    @property
    def result_usdt(self) -> float:
        """Won or lost: the change of equity that no transfer made."""
        return self.equity_usdt - self.equity_before_usdt - self.transfers_usdt

    @property
    def cost_frac(self) -> float | None:
        """Fees and slippage as a share of what was traded."""
        return (self.fee_usdt + self.slippage_usdt) / self.traded_usdt if self.traded_usdt > 0.0 else None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            **asdict(self),
            "result_usdt": self.result_usdt,
            "cost_frac": self.cost_frac,
            "names": [{**asdict(name), "result_usdt": name.result_usdt} for name in self.names],
        }


def results_since(reader: JournalReader, book: Book, since_ms: int, *, by_name: bool = True) -> Results | None:
    """Results from a time until the newest book; None before a first close, and where a mark is not known."""
    row = _row_at(reader, since_ms)
    equity = money.equity_usdt(book)
    if row is None or row.equity_usdt is None or not row.unit_value or math.isnan(equity):
        return None
    now = book.money
    fee, funding = now.fee_usdt - _plain(row.fee_usdt), now.funding_usdt - _plain(row.funding_usdt)
    slippage = now.slippage_usdt - _plain(row.slippage_usdt)
    transfers = now.transfers_usdt - _plain(row.transfers_usdt)
    corrections = now.corrections_usdt - _plain(row.corrections_usdt)
    change = equity - row.equity_usdt
    return Results(
        asked_ms=since_ms,
        since_ms=row.close_ms,
        until_ms=book.as_of_ms,
        equity_before_usdt=row.equity_usdt,
        equity_usdt=equity,
        return_frac=money.unit_value(book) / row.unit_value - 1.0,
        price_usdt=change - transfers - corrections + fee + funding + slippage,
        slippage_usdt=slippage,
        fee_usdt=fee,
        funding_usdt=funding,
        transfers_usdt=transfers,
        corrections_usdt=corrections,
        traded_usdt=now.traded_usdt - _plain(row.traded_usdt),
        names=_names(reader, book, row) if by_name else (),
    )


def _row_at(reader: JournalReader, since_ms: int) -> EquityRow | None:
    """The newest close at or before a time of which all is known, or the first after it."""
    for back_ms in (*_LOOK_BACK_MS, since_ms):
        rows = [row for row in reader.equity(since_ms - back_ms, since_ms + 1) if row.equity_usdt is not None]
        if rows:
            return rows[-1]
    return next((row for row in reader.equity(since_ms) if row.equity_usdt is not None), None)


def _names(reader: JournalReader, book: Book, row: EquityRow) -> tuple[NameResult, ...]:
    """Each name that was held or traded; by number of the entry, as the book took things in."""
    from_ms = row.close_ms - _TOLD_LATE_MS

    def ours(seq: int, symbol: str) -> bool:
        return row.seq < seq <= book.seq and book.roster.index(symbol) is not None

    fills: dict[str, list[FillRow]] = {}
    for fill in reader.fills(from_ms):
        if ours(fill.seq, fill.symbol):
            fills.setdefault(fill.symbol, []).append(fill)
    paid: dict[str, float] = {}
    for print_ in reader.funding(from_ms):
        if ours(print_.seq, print_.symbol):
            paid[print_.symbol] = paid.get(print_.symbol, 0.0) + float(print_.paid_usdt)
    marks = {one.symbol: one.mark for one in reader.decisions(row.close_ms) if one.mark is not None}
    held = {symbol for at, symbol in enumerate(book.roster.symbols) if book.lots[at]}
    return tuple(
        _name(book, symbol, fills.get(symbol, []), paid.get(symbol, 0.0), marks)
        for symbol in sorted(held | fills.keys() | paid.keys())
    )


def _name(book: Book, symbol: str, fills: list[FillRow], paid_usdt: float, marks: Mapping[str, float]) -> NameResult:
    at = book.roster.index(symbol)
    assert at is not None, "only names of the roster are asked for"
    step, lots = float(book.roster.qty_step[at]), int(book.lots[at])
    before = lots - sum(fill.lots for fill in fills)
    price: float | None = None
    if before == 0 or symbol in marks:
        value = lots * step * float(book.names.mark[at]) if lots else 0.0
        began = before * step * marks[symbol] if before else 0.0
        price = value - began - sum(fill.lots * step * float(fill.price) for fill in fills)
        price = None if math.isnan(price) else price
    return NameResult(
        symbol=symbol,
        traded_usdt=sum(abs(fill.lots) * step * float(fill.price) for fill in fills),
        price_usdt=price,
        fee_usdt=sum(float(fill.fee_usdt) for fill in fills),
        funding_usdt=paid_usdt,
    )


def _plain(value: float | None) -> float:
    return math.nan if value is None else value
