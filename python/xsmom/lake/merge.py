"""How rows come together: sorted by stamp, equal rows once, different ones of a stamp side by side."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from xsmom.domain.stamps import format_ms
from xsmom.errors import DataError
from xsmom.lake.part import schema_of
from xsmom.lake.series import SeriesKey
from xsmom.lake.spans import Span, year_of, year_span

_MAY_LACK = ("volume", "volume_usdt")
_MARK_MAY_LACK = ("open", "high", "low", *_MAY_LACK)


class Merged(NamedTuple):
    """What a merge did: rows added, and stamps that were told before with other values."""

    added: int
    known: int
    differing: int


def conform(key: SeriesKey, rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of the series in their order and type, sorted, each row once."""
    may_lack = _MARK_MAY_LACK if key.kind == "mark" else _MAY_LACK
    lacks = [name for name in key.columns if name not in rows.columns and name not in may_lack]
    extra = [name for name in rows.columns if name not in key.columns]
    if lacks or extra:
        what = f"lack column {lacks[0]!r}" if lacks else f"have a column {extra[0]!r} that is not stored"
        raise DataError(f"rows for {key} {what}: wanted are {', '.join(key.columns)}")
    if dict(rows.schema) == schema_of(key) and not rows[key.stamp].null_count() and key.kind != "funding":
        return _in_order(key, rows)
    given = {name: pl.col(name) if name in rows.columns else pl.lit(None) for name in key.columns}
    try:
        frame = rows.select(given[name].cast(kind).alias(name) for name, kind in schema_of(key).items())
    except pl.exceptions.PolarsError as error:
        raise DataError(f"rows for {key} are not all numbers: {str(error).splitlines()[0]}") from None
    if frame[key.stamp].null_count():
        raise DataError(f"rows for {key} lack a stamp in {key.stamp}")
    if key.kind == "funding" and frame["rate_frac"].null_count():
        raise DataError(f"rows for {key} lack a rate in rate_frac")
    return _in_order(key, frame)


def split_rows(key: SeriesKey, rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Sorted rows by UTC year."""
    pieces: dict[int, pl.DataFrame] = {}
    stamps = rows[key.stamp].to_numpy()
    begin = 0
    while begin < len(stamps):
        year = year_of(int(stamps[begin]))
        end = int(np.searchsorted(stamps, year_span(year).end_ms, side="left"))
        pieces[year] = rows[begin:end]
        begin = end
    return pieces


def refuse_outside(key: SeriesKey, rows: pl.DataFrame, covered: Span) -> None:
    """Rows that replace must lie in the range that they replace."""
    if len(rows) and not (covered.start_ms <= rows[key.stamp][0] and rows[key.stamp][-1] < covered.end_ms):
        span = f"{format_ms(covered.start_ms)} to {format_ms(covered.end_ms)}"
        raise DataError(f"rows for {key} lie outside the range that was asked for, {span}")


def merge_rows(
    key: SeriesKey, old: pl.DataFrame, told: pl.DataFrame, replaced: Span | Literal["told"] | None
) -> tuple[pl.DataFrame, int]:
    """Old and new rows as one sorted frame, and how many old ones gave way to others.

    What gives way: nothing, the old rows of a range, or those whose stamps are told again.
    """
    if old.is_empty():
        return told, 0
    if replaced is None:
        return _in_order(key, pl.concat([old, told])), 0
    if replaced == "told":
        before, kept = old.join(told, on=key.stamp, how="semi"), old.join(told, on=key.stamp, how="anti")
    else:
        inside = pl.col(key.stamp).is_between(replaced.start_ms, replaced.end_ms, closed="left")
        before, kept = old.filter(inside), old.filter(~inside)
    gone = before.join(told, on=list(key.columns), how="anti", nulls_equal=True)
    return _in_order(key, pl.concat([kept, told])), len(gone)


def compare(key: SeriesKey, old: pl.DataFrame, told: pl.DataFrame) -> tuple[int, int]:
    """How many of the told rows have a stamp that is known, and how many of these tell it differently."""
    if old.is_empty() or told.is_empty() or told[key.stamp][0] > old[key.stamp][-1]:
        return 0, 0
    known = told.join(old, on=key.stamp, how="semi")
    return len(known), len(known.join(old, on=list(key.columns), how="anti", nulls_equal=True))


def _in_order(key: SeriesKey, rows: pl.DataFrame) -> pl.DataFrame:
    """Sort by stamp; only where a stamp comes twice do the other columns decide, so that no order is left open."""
    # In NumPy: a part is small, and each step of polars costs as much as all of this.
    steps = np.diff(rows[key.stamp].to_numpy())
    if (steps < 0).any():
        rows = rows.sort(key.stamp)
        steps = np.diff(rows[key.stamp].to_numpy())
    if (steps == 0).any():
        rows = rows.unique().sort(key.columns)
    return rows
