"""Prices of orders in whole ticks: where an order rests, and the worst that crossing may pay.

resting   buy at bid · (1 - offset), sell at ask · (1 + offset)
offset    0, or min(base + coefficient · spread, widest) while it follows the spread
bound     arrival · (1 ± max_cross), rounded to the better side
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xsmom.domain.book import Book
from xsmom.domain.market_data import Quote
from xsmom.engine.rules import WorkRules

QUOTE_AGE_MAX_MS = 60_000
"""A price that is older says nothing about now."""
_WHOLE = 1e-9
"""Quotients of a price and its tick are whole up to this."""


@dataclass(frozen=True, slots=True)
class Touch:
    """The two best prices."""

    bid: float
    ask: float

    @property
    def spread_frac(self) -> float:
        """Distance of the two, as a share of their middle."""
        return (self.ask - self.bid) / ((self.ask + self.bid) / 2.0)

    def near(self, side: int) -> float:
        """The best price of our own side."""
        return self.bid if side > 0 else self.ask

    def far(self, side: int) -> float:
        """The best price of the other side, which crossing pays."""
        return self.ask if side > 0 else self.bid


def touch_of(book: Book, symbol: str, now_ms: int) -> Touch | None:
    """The best prices of a symbol now; None where one side is missing, they are old, or make no sense."""
    quote: Quote | None = book.quotes.get(symbol)
    if quote is None or quote.bid is None or quote.ask is None or now_ms - quote.at_ms > QUOTE_AGE_MAX_MS:
        return None
    bid, ask = float(quote.bid), float(quote.ask)
    return Touch(bid, ask) if 0.0 < bid < ask else None


def offset_frac(touch: Touch, work: WorkRules) -> float:
    """How far from the touch an order rests."""
    if not work.offset_dynamic:
        return 0.0
    return min(work.offset_base_frac + work.offset_spread_x * touch.spread_frac, work.offset_max_frac)


def rest_ticks(side: int, touch: Touch, work: WorkRules, tick: float, *, post_only: bool) -> int:
    """Where an order rests. One that may only make is rounded away from the other side, and stays off it."""
    ticks = touch.near(side) * (1.0 - side * offset_frac(touch, work)) / tick
    if not post_only:
        return max(round(ticks), 1)
    if side > 0:
        return max(min(floor_ticks(ticks), ceil_ticks(touch.ask / tick) - 1), 1)
    return max(ceil_ticks(ticks), floor_ticks(touch.bid / tick) + 1)


def bound_ticks(side: int, arrival_price: float, work: WorkRules, tick: float) -> int:
    """The worst price that crossing may pay."""
    ticks = arrival_price * (1.0 + side * work.max_cross_frac) / tick
    return max(floor_ticks(ticks) if side > 0 else ceil_ticks(ticks), 1)


def floor_ticks(ticks: float) -> int:
    """The whole tick at or below."""
    return math.floor(ticks + _WHOLE * max(1.0, abs(ticks)))


def ceil_ticks(ticks: float) -> int:
    """The whole tick at or above."""
    return math.ceil(ticks - _WHOLE * max(1.0, abs(ticks)))
