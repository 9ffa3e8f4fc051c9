"""Raw rows of bars as arrays: in order, on the grid, each bar once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xsmom.lake.findings import Mask, Stamps, note_all, note_runs
from xsmom.lake.rules import Finding

Floats = NDArray[np.float64]

_DUST = 1e-9  # by which a high may miss its close through other people's rounding


@dataclass(frozen=True)
class BarRows:
    """Columns of one series, all of one length; what is not known is NaN."""

    open_ms: Stamps
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    volume_usdt: Floats

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> Self:
        """Take the lake's columns; null becomes NaN."""
        names = [field.name for field in fields(cls) if field.name != "open_ms"]
        floats = {name: _floats(frame.get_column(name)) for name in names}
        stamps = frame.get_column("open_ms").to_numpy()
        return cls(open_ms=np.ascontiguousarray(stamps, dtype=np.int64), **floats)

    @cached_property
    def steps_ms(self) -> Stamps:
        """From each open to the next."""
        return np.diff(self.open_ms)

    def __len__(self) -> int:
        return len(self.open_ms)

    def take(self, which: NDArray[np.int64] | Mask) -> Self:
        """These rows only; itself where a mask leaves none out."""
        if which.dtype == np.bool_ and which.all():
            return self
        return type(self)(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def cut(self, first: int, end: int) -> Self:
        """Rows from one place up to another, as views."""
        return type(self)(**{field.name: getattr(self, field.name)[first:end] for field in fields(self)})

    def settled(self) -> Self:
        """High and low without the dust of somebody's rounding, and the value traded where only coins are told."""
        top, floor = np.fmax(self.open, self.close), np.fmin(self.open, self.close)
        high, low, value = self.high, self.low, self.volume_usdt
        if (high < top).any():
            high = np.where((high < top) & (high >= top * (1 - _DUST)), top, high)
        if (low > floor).any():
            low = np.where((low > floor) & (low <= floor * (1 + _DUST)), floor, low)
        untold = np.isnan(value)
        if untold.any():
            value = np.where(untold, self.volume * self.close, value)
        return replace(self, high=high, low=low, volume_usdt=value)


def _floats(column: pl.Series) -> Floats:
    """The column as numbers: a view where nothing is missing."""
    return np.asarray(column.to_numpy(), dtype=np.float64)


def order_rows(symbol: str, rows: BarRows, bar_ms: int) -> tuple[BarRows, Mask, list[Finding]]:
    """Put rows in order, on the grid, one a bar. The mask marks bars that were told in several ways."""
    found: list[Finding] = []
    if len(rows) > 1 and (rows.steps_ms < 0).any():
        behind = np.concatenate(([False], rows.steps_ms < 0))
        found += note_all(symbol, "disorder", rows.open_ms, behind, "rows that lie before the one above them")
        rows = rows.take(np.argsort(rows.open_ms, kind="stable"))
    off = rows.open_ms % bar_ms != 0
    if off.any():
        found += note_runs(symbol, "off_grid", rows.open_ms, off, f"no multiple of {bar_ms:,} ms")
        rows = rows.take(~off)
    if not (rows.steps_ms == 0).any():
        return rows, np.zeros(len(rows), dtype=bool), found
    rows, unsure, twice = _settle_repeats(symbol, rows)
    return rows, unsure, found + twice


def _settle_repeats(symbol: str, rows: BarRows) -> tuple[BarRows, Mask, list[Finding]]:
    """One row for each stamp: the only one, the only possible one, or one that is marked as unsure."""
    starts = np.flatnonzero(np.concatenate(([True], rows.steps_ms != 0)))
    ends = np.append(starts[1:], len(rows))
    possible = is_possible(rows.settled())
    chosen, unsure, found = starts.copy(), np.zeros(len(starts), dtype=bool), []
    for place in np.flatnonzero(ends - starts > 1):
        versions = _distinct(rows, range(starts[place], ends[place]))
        stamp = int(rows.open_ms[starts[place]])
        if len(versions) == 1:
            extra = int(ends[place] - starts[place]) - 1
            found.append(Finding(symbol, "duplicate", stamp, stamp, extra, "the same row again"))
            continue
        good = [row for row in versions if possible[row]]
        chosen[place] = good[0] if good else versions[0]
        unsure[place] = len(good) != 1
        kept = "which is right nobody can say" if unsure[place] else "only one of them is possible, and it is kept"
        closes = ", ".join(f"{rows.close[row]:g}" for row in versions)
        found.append(
            Finding(
                symbol, "conflict", stamp, stamp, len(versions), f"{len(versions)} versions (close {closes}): {kept}"
            )
        )
    return rows.take(chosen), unsure, found


def _distinct(rows: BarRows, places: range) -> list[int]:
    """One place for each different row; NaN equals NaN."""
    seen: dict[bytes, int] = {}
    for place in places:
        told = [getattr(rows, field.name)[place] for field in fields(rows)]
        seen.setdefault(np.array(told, dtype=np.float64).tobytes(), place)
    return list(seen.values())


def is_possible(rows: BarRows) -> Mask:
    """Could this row be a bar, by itself: prices above zero, low below, high above, volume known?"""
    return has_prices(rows) & has_range(rows) & has_volume(rows)


def has_prices(rows: BarRows) -> Mask:
    """Four finite prices above zero."""
    known = np.ones(len(rows), dtype=bool)
    for price in (rows.open, rows.high, rows.low, rows.close):
        known &= np.isfinite(price) & (price > 0)
    return known


def has_range(rows: BarRows) -> Mask:
    """Low at or below open and close, high at or above them."""
    return np.asarray((rows.low <= np.fmin(rows.open, rows.close)) & (rows.high >= np.fmax(rows.open, rows.close)))


def has_volume(rows: BarRows) -> Mask:
    """A volume that is known, not negative, and above zero where the price moved."""
    volume = rows.volume_usdt
    return np.asarray(np.isfinite(volume) & (volume >= 0) & ((volume > 0) | (rows.high == rows.low)))
