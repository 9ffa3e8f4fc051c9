"""Verdicts on mark prices. The panel holds none; where last and mark part, a reader should know."""

from __future__ import annotations

import numpy as np
import polars as pl

from xsmom.lake.bar_rows import Floats
from xsmom.lake.findings import Stamps, note_runs
from xsmom.lake.rules import MARK_APART_FRAC, Finding


def judge_mark(symbol: str, frame: pl.DataFrame, open_ms: Stamps, close: Floats, bar_ms: int) -> list[Finding]:
    """Compare the mark closes of a series with the usable last closes at `open_ms`."""
    marks = (
        frame.select(pl.col("open_ms").cast(pl.Int64), pl.col("close").cast(pl.Float64).fill_null(float("nan")))
        .filter((pl.col("open_ms") % bar_ms == 0) & (pl.col("close") > 0))
        .unique("open_ms", keep="last")
        .sort("open_ms")
    )
    stamps, mark = marks["open_ms"].to_numpy(), marks["close"].to_numpy()
    both = np.flatnonzero(np.isin(open_ms, stamps))
    apart = np.zeros(len(open_ms), dtype=bool)
    apart[both] = np.abs(close[both] / mark[np.searchsorted(stamps, open_ms[both])] - 1) > MARK_APART_FRAC
    return note_runs(symbol, "mark_apart", open_ms, apart, "mark and last price are apart at the close")
