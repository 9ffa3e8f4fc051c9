"""Small series for the tests of the lake."""

from __future__ import annotations

import polars as pl

from xsmom.lake.series import SeriesKey, Source
from xsmom.lake.spans import Span

HOUR_MS = 3_600_000
START_MS = 1_640_995_200_000 - 3 * HOUR_MS  # 2021-12-31 21:00Z: three hours in one year, the rest in the next
BARS = SeriesKey("binance", "bars", "1h", "BTCUSDT")
FUNDING = SeriesKey("binance", "funding", "", "BTCUSDT")
SOURCE = Source("import", "a.csv", 1)


def make_bars(count: int = 6, start_ms: int = START_MS, price: float = 100.0) -> pl.DataFrame:
    """Hours that rise by one."""
    stamps = [start_ms + hour * HOUR_MS for hour in range(count)]
    close = [price + hour for hour in range(count)]
    prices = {"open": close, "high": [one + 1 for one in close], "low": [one - 1 for one in close], "close": close}
    return pl.DataFrame({"open_ms": stamps, **prices, "volume": [10.0] * count, "volume_usdt": [1e3] * count})


def span_of(rows: pl.DataFrame) -> Span:
    """From the first open to the last close."""
    return Span(rows["open_ms"][0], rows["open_ms"][-1] + HOUR_MS)
