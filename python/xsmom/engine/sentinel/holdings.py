"""What is to be protected: every position of the book, and every one that the venue shows beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from xsmom.domain.book import Book
from xsmom.domain.market_data import Quote
from xsmom.domain.trading import PositionView, TriggerBy

_FRESH_MS = 60_000
"""An older price says nothing about where the market is."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One position that needs a stop."""

    symbol: str
    at: int
    lots: int
    entry_price: float
    #: Level of the kernel; NaN where it has none, as for a position that no plan of ours opened.
    stop_price: float
    #: Newest price of the kind that triggers stops; NaN when none is fresh.
    price: float
    #: NaN when the venue names none.
    liquidation_price: float
    tick: Decimal
    #: In the book; else only the venue shows it.
    known: bool

    @property
    def side(self) -> int:
        """1 for a long, -1 for a short."""
        return 1 if self.lots > 0 else -1


def holdings(book: Book, by: TriggerBy) -> Iterator[Holding]:
    """All of them, by symbol."""
    seen = book.venue.positions or {}
    held: set[str] = set()
    for at in book.lots.nonzero()[0]:
        symbol = book.roster.symbols[at]
        held.add(symbol)
        if symbol not in book.ignored:
            yield _of_book(book, int(at), seen.get(symbol), by)
    for symbol, view in seen.items():
        if symbol in held or not view.lots or not _is_believed(book, symbol):
            continue
        place = book.roster.index(symbol)
        if place is not None:
            yield _of_venue(book, place, view, by)


def _is_believed(book: Book, symbol: str) -> bool:
    """A position of the venue that the book lacks is news on its way, until reconciling says otherwise."""
    return symbol not in book.ignored and any(one.startswith(f"R7 {symbol}:") for one in book.venue.mismatches)


def _of_book(book: Book, at: int, view: PositionView | None, by: TriggerBy) -> Holding:
    instrument, positions = book.roster.instruments[at], book.positions
    return Holding(
        symbol=instrument.symbol,
        at=at,
        lots=int(positions["lots"][at]),
        entry_price=float(positions["entry_price"][at]),
        stop_price=float(positions["stop_price"][at]),
        price=watched_price(book, at, view, by),
        liquidation_price=_price(view.liquidation_price if view else None),
        tick=instrument.price_tick,
        known=True,
    )


def _of_venue(book: Book, at: int, view: PositionView, by: TriggerBy) -> Holding:
    instrument = book.roster.instruments[at]
    return Holding(
        symbol=instrument.symbol,
        at=at,
        lots=view.lots,
        entry_price=_price(view.entry_price),
        stop_price=float("nan"),
        price=watched_price(book, at, view, by),
        liquidation_price=_price(view.liquidation_price),
        tick=instrument.price_tick,
        known=False,
    )


def watched_price(book: Book, at: int, view: PositionView | None, by: TriggerBy) -> float:
    """The newest price of the kind that triggers; NaN when none is fresh. The mark of a bar may be hours old."""
    found, seen_ms = float("nan"), book.as_of_ms - _FRESH_MS
    if view is not None and by is TriggerBy.MARK and book.venue.positions_ms > seen_ms:
        found, seen_ms = float(view.mark_price), book.venue.positions_ms
    quote = book.quotes.get(book.roster.symbols[at])
    if quote is not None and quote.at_ms > seen_ms:
        return float(_of_quote(quote, by))
    return found


def _of_quote(quote: Quote, by: TriggerBy) -> Decimal:
    return {TriggerBy.MARK: quote.mark, TriggerBy.LAST: quote.last, TriggerBy.INDEX: quote.index}[by]


def _price(price: Decimal | None) -> float:
    return float("nan") if price is None else float(price)
