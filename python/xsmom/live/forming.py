"""The bar that is forming, as if it closed now: for a rehearsal, never for a decision.

Prices are those of finer candles since its open and the newest quote. Its volume is the day's turnover scaled to a bar:
what has been traded so far would make every name look thin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from xsmom.domain.market_data import Instrument, PriceKind, Quote
from xsmom.domain.window import BarRow
from xsmom.errors import DataError, VenueError
from xsmom.ports import MarketData

_MINUTE_MS = 60_000
_DAY_MS = 1_440 * _MINUTE_MS
_FINER_MS = (_MINUTE_MS, 5 * _MINUTE_MS, 15 * _MINUTE_MS, 60 * _MINUTE_MS)
_PIECES_MAX = 100
_AT_ONCE = 16


async def forming_row(
    market: MarketData,
    names: Sequence[Instrument],
    quotes: Mapping[str, Quote],
    last: BarRow,
    bar_ms: int,
) -> BarRow:
    """The row after `last`; a name without a quote or without the bar before is absent, as it would be live."""
    ranked = sorted(names, key=lambda one: one.symbol)
    cells = np.full((6, len(ranked)), np.nan)
    ranges = await _ranges(market, ranked, last.close_ms, bar_ms)
    for at, one in enumerate(ranked):
        quote = quotes.get(one.symbol)
        if quote is None or not quote.last > 0:
            continue
        price = float(quote.last)
        begin, high, low = ranges.get(one.symbol, (float(last.close[at]), price, price))
        if np.isnan(begin):
            begin = price
        funding = _funding(quote, last.close_ms, bar_ms)
        volume = float(quote.turnover_usdt_day) * bar_ms / _DAY_MS
        cells[:, at] = (begin, max(begin, high, price), min(begin, low, price), price, volume, funding)
    return BarRow(last.close_ms + bar_ms, *(np.ascontiguousarray(cells[at]) for at in range(6)))


def _funding(quote: Quote, since_ms: int, bar_ms: int) -> float:
    """The rate that is announced, where it settles before the bar ends."""
    due_ms = quote.next_funding_ms
    if quote.funding_frac is None or due_ms is None or not since_ms < due_ms <= since_ms + bar_ms:
        return float("nan")
    return float(quote.funding_frac)


async def _ranges(
    market: MarketData, names: Sequence[Instrument], since_ms: int, bar_ms: int
) -> dict[str, tuple[float, float, float]]:
    """Open, high and low of each name since the bar began, where the exchange has finer candles."""
    finer_ms = next((one for one in _FINER_MS if one < bar_ms and bar_ms // one <= _PIECES_MAX), None)
    if finer_ms is None:
        return {}
    gate = asyncio.Semaphore(_AT_ONCE)
    pieces = min(bar_ms // finer_ms, market.candles_page_max)

    async def ask(one: Instrument) -> tuple[str, tuple[float, float, float] | None]:
        async with gate:
            try:
                found = await market.candles(one.symbol, finer_ms, since_ms, pieces, PriceKind.LAST)
            except (VenueError, DataError):
                return one.symbol, None  # its range is then from the last close to the price of now
        if not len(found):
            return one.symbol, None
        return one.symbol, (float(found.open[0]), float(found.high.max()), float(found.low.min()))

    told = await asyncio.gather(*(ask(one) for one in names))
    return {symbol: span for symbol, span in told if span is not None}
