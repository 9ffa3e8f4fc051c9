"""Small lakes to check, compile and mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.unit.lake.market_rows import FILES, HOUR_MS, START_MS, healthy, real_rows
from xsmom.domain.timeframe import format_timeframe
from xsmom.lake.series import SeriesKey, Source
from xsmom.lake.spans import Span
from xsmom.lake.store import Lake

FETCHED_MS = START_MS + 10**12
DOWNLOAD = Source("download", "acme", FETCHED_MS)


def put_bars(lake: Lake, symbol: str, columns: dict[str, Any], *, venue: str = "acme", bar_ms: int = HOUR_MS,
             kind: Any = "bars", source: Source = DOWNLOAD) -> SeriesKey:  # fmt: skip
    """Store bars as a complete download."""
    key = SeriesKey(venue, kind, format_timeframe(bar_ms), symbol)
    rows = pl.DataFrame(columns)
    stamps = columns["open_ms"]
    covered = Span(int(np.min(stamps)) // bar_ms * bar_ms, int(np.max(stamps)) + bar_ms)
    lake.merge(key, rows, covered=covered, source=source, replace=False)
    return key


def put_funding(lake: Lake, symbol: str, hours: Any, rates: Any, *, venue: str = "acme") -> SeriesKey:
    """Store prints at these hours, everything known around them."""
    key = SeriesKey(venue, "funding", "", symbol)
    stamps = START_MS + HOUR_MS * np.asarray(hours, dtype=np.int64)
    covered = Span(START_MS - HOUR_MS, int(stamps[-1]) + HOUR_MS)
    rows = pl.DataFrame({"at_ms": stamps, "rate_frac": np.asarray(rates, dtype=np.float64)})
    lake.merge(key, rows, covered=covered, source=DOWNLOAD, replace=False)
    return key


def healthy_lake(path: Path, names: int = 5, bars: int = 300, bar_ms: int = HOUR_MS) -> Lake:
    """A lake of one venue, with bars and funding of healthy names."""
    lake = Lake.open(path, create=True)
    with lake.batch():
        for number in range(names):
            put_bars(lake, f"N{number}USDT", healthy(bars, number, bar_ms), bar_ms=bar_ms)
            hours = np.arange(0, bars * bar_ms // HOUR_MS, 8)
            put_funding(lake, f"N{number}USDT", hours, np.full(len(hours), 1e-4 * (number + 1)))
    return lake


def real_lake(path: Path, shared: Path, name: str, *, venue: str = "binance", symbols: Any = None) -> Lake:
    """A real file, as an import stores it."""
    lake = Lake.open(path, create=True)
    rows = real_rows(shared, name)
    bar_ms = FILES[name]
    end_ms = int(rows["open_ms"].max())  # type: ignore[arg-type]
    source = Source("import", name, FETCHED_MS, None, end_ms)
    with lake.batch():
        for (symbol,), frame in rows.partition_by("symbol", as_dict=True).items():
            if symbols is not None and symbol not in symbols:
                continue
            key = SeriesKey(venue, "bars", format_timeframe(bar_ms), str(symbol))
            covered = Span(int(frame["open_ms"].min()), int(frame["open_ms"].max()) + bar_ms)  # type: ignore[arg-type]
            lake.merge(key, frame.select(key.columns), covered=covered, source=source, replace=False)
    return lake
