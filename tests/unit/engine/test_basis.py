"""The basis of a position: mark over spot index at its entry and now, and nothing where the exchange told no index."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.engine.books import SYMBOLS, T0, book, fill, quote, rules
from xsmom.domain.book import Book
from xsmom.domain.events import FillSeen, QuotesSeen
from xsmom.domain.window import Window
from xsmom.engine.step import step
from xsmom.live.picture import holdings, mean_basis_bps, purse

RULES = replace(rules(), protect=replace(rules().protect, enabled=False))
A, B, _ = SYMBOLS


class Lived:
    """A book that takes quotes and fills through the engine's step."""

    def __init__(self) -> None:
        self.book: Book = book(RULES)
        roster = self.book.roster
        self.window = Window(roster.symbols, roster.listed_ms, roster.delisted_ms, bar_ms=3_600_000, bars_max=4)
        self.now_ms = T0

    def quote(self, symbol: str, mark: float, index: float) -> None:
        one = replace(quote(symbol, mark, self.now_ms), index=Decimal(repr(index)))
        self.book, _, _ = step(self.book, self.window, QuotesSeen((one,)), self.now_ms, RULES)

    def fill(self, symbol: str, lots: int, price: float) -> None:
        self.now_ms += 1_000
        event = FillSeen(fill(symbol, lots, price, self.now_ms))
        self.book, _, _ = step(self.book, self.window, event, self.now_ms, RULES)

    def entry_bps(self, symbol: str) -> float:
        at = self.book.roster.index(symbol)
        assert at is not None
        return float(self.book.positions["basis_bps_entry"][at])


def test_it_is_that_of_the_first_fill_and_stays() -> None:
    lived = Lived()
    lived.quote(A, 100.1, 100.0)
    lived.fill(A, 50, 100.0)
    assert lived.entry_bps(A) == pytest.approx(10.0)
    lived.quote(A, 100.3, 100.0)
    lived.fill(A, 20, 100.0)  # an add
    lived.fill(A, -30, 100.0)  # a reduction
    assert lived.entry_bps(A) == pytest.approx(10.0)
    (held,) = holdings(lived.book)
    assert held.basis_bps_entry == pytest.approx(10.0)
    assert held.basis_bps_now == pytest.approx(30.0)
    # Another position, turned or opened anew, has its own.
    lived.quote(A, 99.9, 100.0)
    lived.fill(A, -80, 100.0)
    assert lived.book.lots[0] == -40
    assert lived.entry_bps(A) == pytest.approx(-10.0)


@pytest.mark.parametrize("index", [0.0, None])
def test_what_is_not_told_is_not_known(index: float | None) -> None:
    lived = Lived()
    if index is not None:
        lived.quote(A, 100.0, index)
    lived.fill(A, 50, 100.0)
    assert math.isnan(lived.entry_bps(A))
    (held,) = holdings(lived.book)
    assert (held.basis_bps_entry, held.basis_bps_now) == (None, None)
    assert mean_basis_bps(lived.book) == {"basis_bps_entry": None, "basis_bps_now": None}


def test_an_old_quote_says_nothing() -> None:
    lived = Lived()
    lived.quote(A, 100.1, 100.0)
    lived.now_ms += 301_000
    lived.fill(A, 50, 100.0)
    assert math.isnan(lived.entry_bps(A))


def test_all_of_them_by_side_and_worth() -> None:
    lived = Lived()
    lived.quote(A, 100.1, 100.0)
    lived.quote(B, 100.4, 100.0)
    lived.fill(A, 300, 100.0)
    lived.fill(B, -100, 100.0)
    told = purse(lived.book)
    # 3 parts of +10 on the long side, 1 part of +40 against the short.
    assert told["basis_bps_entry"] == pytest.approx((3 * 10 - 40) / 4)
    assert told["basis_bps_now"] == told["basis_bps_entry"]
