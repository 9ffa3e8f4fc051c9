"""The bar that is forming: put together from finer candles and the quote, and equal to the bar once that is over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from xsmom.domain.contracts import make_instruments
from xsmom.domain.market_data import Candles, Quote
from xsmom.domain.window import BarRow
from xsmom.errors import DataError
from xsmom.lake.sample import SampleMarket
from xsmom.live.forming import forming_row

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
OPEN_MS = 1_700_006_400_000 // HOUR_MS * HOUR_MS
NAMES = tuple(make_instruments(SampleMarket(symbols=3, bars=5, seed=1).build()).values())
PATHS = {one.symbol: 100.0 * np.exp(np.cumsum(np.sin(np.arange(61) + 7 * at) / 100)) for at, one in enumerate(NAMES)}


class Market:
    """Minutes of one hour; `until` is how many are over."""

    candles_page_max = 1_000

    def __init__(self, until: int, *, finer: bool = True) -> None:
        self.until, self.finer = until, finer

    async def candles(self, symbol, bar_ms, since_ms, bars, _price) -> Candles:
        if not self.finer:
            raise DataError("no such bars")
        assert (bar_ms, since_ms, bars) == (MINUTE_MS, OPEN_MS, 60)
        path = PATHS[symbol][: self.until + 1]
        opens, closes = path[:-1], path[1:]
        stamps = OPEN_MS + MINUTE_MS * np.arange(self.until, dtype=np.int64)
        high, low = np.maximum(opens, closes), np.minimum(opens, closes)
        return Candles(symbol, bar_ms, stamps, opens, high, low, closes, opens, opens)

    def quotes(self) -> dict[str, Quote]:
        def of(symbol: str) -> Quote:
            last = Decimal(repr(float(PATHS[symbol][self.until])))
            due_ms = OPEN_MS + HOUR_MS
            return Quote(symbol, OPEN_MS, last, last, last, last, last, Decimal(2_400), Decimal("0.0001"), due_ms)

        return {one.symbol: of(one.symbol) for one in NAMES}


def last_row(close: float = 100.0) -> BarRow:
    cells = np.full(len(NAMES), close)
    return BarRow(OPEN_MS, cells, cells, cells, cells, cells, cells)


def row(market: Market, quotes=None, last=None) -> BarRow:
    told = market.quotes() if quotes is None else quotes
    return asyncio.run(forming_row(market, NAMES, told, last or last_row(), HOUR_MS))  # type: ignore[arg-type]


def test_once_the_hour_is_over_it_is_the_bar() -> None:
    found = row(Market(60))
    assert found.close_ms == OPEN_MS + HOUR_MS
    for at, symbol in enumerate(sorted(PATHS)):
        path = PATHS[symbol]
        assert (found.open[at], found.close[at]) == (path[0], path[-1])
        assert (found.high[at], found.low[at]) == (path.max(), path.min())


@pytest.mark.parametrize("until", [1, 7, 30])
def test_in_the_midst_it_is_what_was_seen(until: int) -> None:
    found = row(Market(until))
    for at, symbol in enumerate(sorted(PATHS)):
        path = PATHS[symbol][: until + 1]
        assert found.close[at] == path[-1]
        assert (found.high[at], found.low[at]) == (path.max(), path.min())
    assert found.volume_usdt == pytest.approx(100.0)  # an hour of a day's 2,400
    assert found.funding_frac == pytest.approx(1e-4)  # it settles at the end of this bar


def test_without_finer_candles_the_range_is_from_the_last_close_to_the_price_of_now() -> None:
    found = row(Market(30, finer=False), last=last_row(99.0))
    for at, symbol in enumerate(sorted(PATHS)):
        price = PATHS[symbol][30]
        assert (found.open[at], found.close[at]) == (99.0, price)
        assert (found.low[at], found.high[at]) == (min(99.0, price), max(99.0, price))


def test_a_name_without_a_quote_has_no_bar() -> None:
    market = Market(30)
    quotes = market.quotes()
    gone = sorted(quotes)[1]
    del quotes[gone]
    found = row(market, quotes)
    assert np.isnan(found.close[1])
    assert np.isnan(found.volume_usdt[1])
    assert np.isfinite(found.close[[0, 2]]).all()


def test_funding_that_settles_later_is_none_of_this_bar() -> None:
    market = Market(30)
    quotes = {name: replace(one, next_funding_ms=OPEN_MS + 2 * HOUR_MS) for name, one in market.quotes().items()}
    assert np.isnan(row(market, quotes).funding_frac).all()
