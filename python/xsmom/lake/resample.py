"""Small bars into larger ones: open of the first, highest, lowest, close of the last, volumes summed.

A large bar is kept if its first and its last small bar are usable and 95 % of all are; otherwise its
open, its close or its extremes are not known, and it is left out. Each bar that lacks a part is told.
"""

from __future__ import annotations

import numpy as np

from xsmom.errors import DataError
from xsmom.lake.bar_rows import BarRows
from xsmom.lake.findings import Mask, note_runs
from xsmom.lake.rules import PARTS_FRAC_MIN, Finding


def resample(symbol: str, rows: BarRows, small_ms: int, bar_ms: int) -> tuple[BarRows, Mask, list[Finding]]:
    """Join usable small bars to bars of `bar_ms`. The mask marks those that are whole enough to be kept."""
    parts, rest = divmod(bar_ms, small_ms)
    if rest:
        raise DataError(f"bars of {bar_ms:,} ms cannot be made of bars of {small_ms:,} ms: choose a multiple")
    if parts == 1 or not len(rows):
        return rows, np.ones(len(rows), dtype=bool), []
    bars = rows.open_ms // bar_ms
    starts = np.flatnonzero(np.concatenate(([True], np.diff(bars) != 0)))
    ends = np.append(starts[1:], len(rows))
    count = ends - starts
    opens = bars[starts] * bar_ms
    volume, value = (np.add.reduceat(column, starts) for column in (rows.volume, rows.volume_usdt))
    joined = BarRows(
        open_ms=opens,
        open=rows.open[starts],
        high=np.maximum.reduceat(rows.high, starts),
        low=np.minimum.reduceat(rows.low, starts),
        close=rows.close[ends - 1],
        volume=volume,
        volume_usdt=value,
    )
    ends_there = (rows.open_ms[starts] == opens) & (rows.open_ms[ends - 1] == opens + bar_ms - small_ms)
    kept = ends_there & (count >= np.ceil(PARTS_FRAC_MIN * parts))
    lacking = count < parts
    found = note_runs(symbol, "parts_missing", opens, lacking & kept, f"kept, with most of its {parts} parts")
    found += note_runs(symbol, "parts_missing", opens, lacking & ~kept, f"NaN, with too few of its {parts} parts")
    return joined, kept, found
