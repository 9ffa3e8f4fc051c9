"""From a long polars frame to the arrays of a panel: a regular grid, with NaN where no bar is.

What is refused here is what a grid cannot show afterwards: stamps in seconds or without a time zone,
bars of several lengths, stamps off the grid, one bar told twice. The cells are checked by the core.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xsmom.domain.panel import CELL_FIELDS
from xsmom.domain.stamps import format_ms, refuse_seconds
from xsmom.domain.timeframe import format_timeframe
from xsmom.errors import DataError

OPEN_COLUMNS = ("open_ms", "open_time", "ts", "timestamp", "datetime", "date")
"""Columns taken for the open of a bar, the first that is there; `close_ms` goes before them all."""

_PRICES = ("open", "high", "low", "close")
_MIXED_RUN = 24  # equal steps in a row that no gaps make by chance: a day of hours
_MIXED_WHOLE = 3  # so many suffice where they are all that a symbol has
_GRID_CELLS_MIN = 1_000_000
_GRID_ROWS_X = 500


def read_frame(frame: pl.DataFrame, *, bar_ms: int | None, duplicates: Literal["refuse", "first"]) -> dict[str, Any]:
    """Give the keyword arguments of `Panel.from_arrays`, symbols sorted."""
    if duplicates not in ("refuse", "first"):
        raise DataError(f"duplicates={duplicates!r} is not known: 'refuse' or 'first'")
    long = _read_columns(frame)
    if long.is_empty():
        raise DataError("the frame has no rows: a panel wants at least one bar")
    long = long.sort("symbol", "stamp", maintain_order=True)
    symbols = tuple(long["symbol"].unique(maintain_order=True).to_list())
    column = long["symbol"].rle_id().to_numpy().astype(np.int64)
    stamps = long["stamp"].to_numpy()
    if bar_ms is None:
        bar_ms = _infer_bar_ms(stamps, column, symbols)
    refuse_seconds("the time column", stamps, bar_ms)
    close_ms = stamps if "close_ms" in frame.columns else stamps + bar_ms
    _refuse_off_grid(close_ms, column, symbols, bar_ms)
    keep = _drop_duplicates(long, close_ms, column, symbols, duplicates)
    cells = {name: long[name].to_numpy()[keep] for name in CELL_FIELDS if name in long.columns}
    first_ms = int(close_ms.min())
    axis = np.arange(first_ms, int(close_ms.max()) + 1, bar_ms, dtype=np.int64)
    _refuse_empty_grid(axis, close_ms, column, symbols)
    place = (close_ms[keep] - first_ms) // bar_ms * len(symbols) + column[keep]
    grid = {name: _scatter(values, place, (len(axis), len(symbols))) for name, values in cells.items()}
    return {"close_ms": axis, "symbols": symbols, "bar_ms": bar_ms, **grid}


def _read_columns(frame: pl.DataFrame) -> pl.DataFrame:
    """Name and type the columns that are needed; unknown ones are not looked at."""
    columns = frame.columns
    time = next((name for name in ("close_ms", *OPEN_COLUMNS) if name in columns), None)
    missing = [name for name in ("symbol", *_PRICES) if name not in columns]
    if missing or time is None:
        lacks = f"column {missing[0]!r}" if missing else "a time column (close_ms, ts or date)"
        raise DataError(f"the frame lacks {lacks}: it has {', '.join(columns) or 'no columns'}")
    kind = frame.schema["symbol"]
    if not (kind == pl.String or isinstance(kind, pl.Categorical | pl.Enum)):
        raise DataError(f"column 'symbol' holds {kind}, wants text")
    for name in ("symbol", time):
        if frame[name].null_count():
            row = int(frame[name].is_null().arg_max() or 0)
            raise DataError(f"column {name!r} is empty in row {row}: each row wants a symbol and a time")
    wanted = [pl.col("symbol").cast(pl.String), _read_time(frame, time).alias("stamp")]
    wanted += [_number(frame, name).alias(name) for name in _PRICES]
    wanted.append(_read_volume(frame).alias("volume_usdt"))
    if "funding_frac" in columns:
        wanted.append(_number(frame, "funding_frac").alias("funding_frac"))
    return frame.select(wanted)


def _read_time(frame: pl.DataFrame, name: str) -> pl.Expr:
    kind = frame.schema[name]
    if kind.is_integer():
        return pl.col(name).cast(pl.Int64)
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return pl.col(name).dt.epoch("ms")
    if isinstance(kind, pl.Datetime) or kind == pl.Date:
        raise DataError(
            f"column {name!r} has no time zone: say which it is, "
            f'such as pl.col("{name}").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")'
        )
    raise DataError(f"column {name!r} holds {kind}, wants UTC milliseconds as integers or aware datetimes")


def _read_volume(frame: pl.DataFrame) -> pl.Expr:
    for name in ("volume_usdt", "quote_volume"):
        if name in frame.columns:
            return _number(frame, name)
    if "volume" in frame.columns:
        return _number(frame, "volume") * _number(frame, "close")
    raise DataError("the frame lacks a volume: volume_usdt, quote_volume, or volume in coins")


def _number(frame: pl.DataFrame, name: str) -> pl.Expr:
    if not frame.schema[name].is_numeric():
        raise DataError(f"column {name!r} holds {frame.schema[name]}, wants numbers")
    return pl.col(name).cast(pl.Float64).fill_null(float("nan"))


class BarLength(NamedTuple):
    """The most frequent step between bars; `mixed` is a row where others begin, and their step."""

    bar_ms: int
    mixed: tuple[int, int] | None


def find_bar_ms(stamps: NDArray[np.int64], column: NDArray[np.int64]) -> BarLength | None:
    """Take the most frequent step between rows of one symbol; None where no symbol has two stamps."""
    steps = np.where(np.diff(column) == 0, np.diff(stamps), 0)  # 0: the step to another symbol
    lengths, counts = np.unique(steps[steps > 0], return_counts=True)
    if not lengths.size:
        return None
    bar_ms = int(lengths[counts.argmax()])
    edges = np.flatnonzero(np.diff(steps, prepend=-1, append=-1))
    start, run = edges[:-1], np.diff(edges)
    step = steps[start]
    # A run that is all of a symbol lies between two steps to another symbol.
    bounded = np.concatenate(([0], step, [0]))
    whole = (bounded[:-2] == 0) & (bounded[2:] == 0)
    mixed = (step != 0) & (step != bar_ms) & ((run >= _MIXED_RUN) | (whole & (run >= _MIXED_WHOLE)))
    row = int(start[mixed.argmax()])
    return BarLength(bar_ms, (row, int(steps[row])) if mixed.any() else None)


def _infer_bar_ms(stamps: NDArray[np.int64], column: NDArray[np.int64], symbols: tuple[str, ...]) -> int:
    """The length of the bars, and refuse a frame of several."""
    found = find_bar_ms(stamps, column)
    if found is None:
        raise DataError("the bar length cannot be told from single bars: give bar_ms=3_600_000 for hours")
    if found.mixed is not None:
        row, step_ms = found.mixed
        raise DataError(
            f"{symbols[column[row]]} has bars of {format_timeframe(step_ms)} at "
            f"{format_ms(int(stamps[row]))}, others are of {format_timeframe(found.bar_ms)}: "
            "resample to one length, or give bar_ms if these are gaps"
        )
    return found.bar_ms


def _refuse_off_grid(
    close_ms: NDArray[np.int64], column: NDArray[np.int64], symbols: tuple[str, ...], bar_ms: int
) -> None:
    off = close_ms % bar_ms != 0
    if off.any():
        row = int(off.argmax())
        raise DataError(
            f"{symbols[column[row]]} has a bar that closes at {format_ms(int(close_ms[row]))}, which is no "
            f"multiple of {format_timeframe(bar_ms)} since 1970: {int(off.sum())} such stamps, mend or drop "
            "them"
        )


def _drop_duplicates(
    long: pl.DataFrame,
    close_ms: NDArray[np.int64],
    column: NDArray[np.int64],
    symbols: tuple[str, ...],
    duplicates: Literal["refuse", "first"],
) -> NDArray[np.bool_]:
    """Mark the rows to keep. Rows that tell one bar differently are refused whatever was asked."""
    again = np.zeros(len(close_ms), dtype=bool)
    again[1:] = (np.diff(close_ms) == 0) & (np.diff(column) == 0)
    if not again.any():
        return ~again
    rows = np.flatnonzero(again)
    differs = np.zeros(len(rows), dtype=bool)
    for name in (field for field in CELL_FIELDS if field in long.columns):
        values = long[name].to_numpy()
        now, before = values[rows], values[rows - 1]
        differs |= (now != before) & ~(np.isnan(now) & np.isnan(before))
    if differs.any() or duplicates == "refuse":
        row = int(rows[differs.argmax()]) if differs.any() else int(rows[0])
        at = format_ms(int(close_ms[row]))
        mend = "with different values: drop the wrong one"
        what = mend if differs.any() else "alike: duplicates='first' keeps one"
        raise DataError(f"{symbols[column[row]]} has the bar that closes at {at} twice, {what}")
    return ~again


def _refuse_empty_grid(
    axis: NDArray[np.int64], close_ms: NDArray[np.int64], column: NDArray[np.int64], symbols: tuple[str, ...]
) -> None:
    """One stray stamp would stretch the grid over decades, and memory with it."""
    cells = len(axis) * len(symbols)
    if cells > max(_GRID_CELLS_MIN, _GRID_ROWS_X * len(close_ms)):
        middle = np.median(close_ms)
        row = int(np.abs(close_ms - middle).argmax())
        raise DataError(
            f"{symbols[column[row]]} has a bar at {format_ms(int(close_ms[row]))}, far from all others: "
            f"the grid would hold {cells:,} cells for {len(close_ms):,} rows"
        )


def _scatter(values: NDArray[np.float64], place: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.float64]:
    grid = np.full(shape, np.nan)
    grid.reshape(-1)[place] = values
    grid.flags.writeable = False  # nobody else holds it: the panel may take it without a copy
    return grid
