"""From a frame to series: what was taken for what, the rows of each symbol, and what is worth a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from xsmom.domain.stamps import format_ms
from xsmom.domain.timeframe import format_timeframe, parse_timeframe
from xsmom.errors import DataError
from xsmom.lake.imports.columns import guess_columns
from xsmom.lake.imports.files import Table
from xsmom.lake.imports.names import plain_symbol
from xsmom.lake.imports.stamps import find_timeframe, read_stamps, refuse_off_grid
from xsmom.lake.imports.wishes import Wishes
from xsmom.lake.series import Kind, SeriesKey


@dataclass(frozen=True)
class Shape:
    """How a table was understood; tables of one shape are told together."""

    venue: str
    kind: Kind
    layout: str
    timeframe: str
    time: str
    unit: str
    zone: str
    time_is: str
    taken: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]


@dataclass
class Plan:
    """What one table becomes in the lake."""

    origin: str
    sha256: str
    shape: Shape
    series: dict[SeriesKey, pl.DataFrame]
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of all series."""
        return sum(len(frame) for frame in self.series.values())

    @property
    def ends_ms(self) -> tuple[int, int]:
        """Oldest and newest stamp of all."""
        columns = [frame.to_series(0) for frame in self.series.values()]
        return min(int(column[0]) for column in columns), max(int(column[-1]) for column in columns)


def plan_table(table: Table, wishes: Wishes, layout: str = "long") -> Plan:
    """Understand a long table; what cannot be is an error and nothing else happens."""
    label, frame, tells = table.origin, table.frame, table.tells
    if frame.is_empty():
        raise DataError(f"{label} holds no rows")
    guess = guess_columns(label, frame.columns, tells, wishes)
    stamps = read_stamps(label, frame[guess.time], wishes.unit, wishes.zone)
    names = _symbols(label, frame, guess.taken.get("symbol"), tells.symbol, wishes)
    numbers = {name: read_numbers(label, frame[column]) for name, column in guess.taken.items() if name != "symbol"}
    notes: list[str] = []
    long = pl.DataFrame({"symbol": names.series, "stamp": stamps.ms, **numbers})
    long = _sort(long, notes)
    timeframe = ""
    if guess.kind != "funding":
        long, timeframe = _as_opens(label, long, guess.time_is, tells.timeframe, wishes)
    venue = _venue(label, tells.venue, wishes)
    series = _series(long, venue, guess.kind, timeframe)
    if _repeats(long):
        _note_repeats(series, notes)
    if names.renamed:
        notes.append(f"{names.renamed} symbols got the exchange's own name, such as {names.example}")
    if stamps.unit not in ("ms", "datetime", "text") and wishes.unit is None:
        notes.append(f"times were taken for {stamps.unit}, because only so do they lie between 2009 and 2100")
    taken = tuple(sorted(guess.taken.items()))
    shape = Shape(
        venue, guess.kind, layout, timeframe, guess.time, stamps.unit, stamps.zone,
        "instant" if guess.kind == "funding" else guess.time_is, taken, guess.ignored,
    )  # fmt: skip
    return Plan(label, table.sha256, shape, series, notes)


@dataclass(frozen=True)
class _Names:
    series: pl.Series
    renamed: int = 0
    example: str = ""


def _symbols(label: str, frame: pl.DataFrame, column: str | None, named: str | None, wishes: Wishes) -> _Names:
    if wishes.symbol is not None:
        if column is not None and frame[column].n_unique() > 1:
            raise DataError(f"{label} has several symbols in its column {column!r}: --symbol would make them one")
        return _Names(pl.Series("symbol", [wishes.symbol]).new_from_index(0, len(frame)))
    if column is None:
        if named is None:
            raise DataError(
                f"{label} has no column of symbols and its name tells none: give --symbol BTCUSDT or --columns symbol=…"
            )
        return _Names(pl.Series("symbol", [named]).new_from_index(0, len(frame)))
    names = frame[column]
    if names.null_count():
        row = int(names.is_null().arg_max() or 0)
        raise DataError(f"{label} has no symbol in row {row + 1} of its column {column!r}: each row wants one")
    if not (names.dtype == pl.String or isinstance(names.dtype, pl.Categorical | pl.Enum)):
        raise DataError(f"{label} has {names.dtype} in its column of symbols {column!r}: text is wanted")
    told = names.cast(pl.String)
    plain = {name: plain_symbol(name.strip()) for name in told.unique().sort().to_list()}
    _refuse_collision(label, plain)
    changed = {name: new for name, new in plain.items() if new != name}
    if not changed:
        return _Names(told)
    old, new = next(iter(changed.items()))
    return _Names(told.replace(changed), len(changed), f"{old} → {new}")


def _refuse_collision(label: str, plain: Mapping[str, str]) -> None:
    by_new: dict[str, str] = {}
    for old, new in plain.items():
        if by_new.setdefault(new, old) != old:
            raise DataError(
                f"{label} has {by_new[new]} and {old}, which are both {new}: import spot and perpetuals from files "
                "of their own"
            )


def read_numbers(label: str, column: pl.Series) -> pl.Series:
    """A column of numbers, also where a file has them as text; what is no number is named."""
    if column.dtype.is_numeric():
        return column.cast(pl.Float64)
    if column.dtype != pl.String:
        raise DataError(f"{label} has {column.dtype} in its column {column.name!r}: numbers are wanted")
    text = column.str.strip_chars()
    text = text.replace({"": None, "null": None, "None": None, "nan": "NaN"})
    numbers = text.cast(pl.Float64, strict=False)
    bad = numbers.is_null() & text.is_not_null()
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"{label} has {column[row]!r} in row {row + 1} of its column {column.name!r}: a number is wanted"
        )
    return numbers


def _sort(long: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """By symbol and stamp; files that are sorted already, as most are, are not sorted again."""
    runs = long["symbol"].rle_id()
    steps = long["stamp"].diff().fill_null(0)
    back = (steps < 0) & (runs.diff().fill_null(0) == 0)
    if back.any():
        notes.append(f"{int(back.sum()):,} rows were older than the one before them: sorted")
    grouped = int(runs[-1]) + 1 == long["symbol"].n_unique()
    return long if grouped and not back.any() else long.sort("symbol", "stamp", maintain_order=True)


def _series(long: pl.DataFrame, venue: str, kind: Kind, timeframe: str) -> dict[SeriesKey, pl.DataFrame]:
    """The rows of each symbol in the columns of the lake: slices, no copies."""
    some = SeriesKey(venue, kind, timeframe, "X")
    told = {"stamp": some.stamp, **{name: name for name in long.columns if name in some.columns}}
    values = long.select(pl.col(name).alias(new) for name, new in told.items())
    lacking = [pl.lit(None, pl.Float64).alias(name) for name in some.columns if name not in values.columns]
    values = values.with_columns(lacking).select(some.columns)
    series: dict[SeriesKey, pl.DataFrame] = {}
    begin = 0
    for length, symbol in long["symbol"].rle().struct.unnest().iter_rows():
        series[SeriesKey(venue, kind, timeframe, symbol)] = values[begin : begin + length]
        begin += length
    return series


def _repeats(long: pl.DataFrame) -> bool:
    same = np.diff(long["symbol"].rle_id().to_numpy().astype(np.int64)) == 0
    return bool(((np.diff(long["stamp"].to_numpy()) == 0) & same).any())


def _as_opens(
    label: str, long: pl.DataFrame, time_is: str, named: str | None, wishes: Wishes
) -> tuple[pl.DataFrame, str]:
    """Find the length of a bar, and bring closes back to opens."""
    said = format_timeframe(parse_timeframe(wishes.timeframe)) if wishes.timeframe else None
    column = long["symbol"].rle_id().to_numpy().astype(np.int64)
    symbols = tuple(long["symbol"].rle().struct.field("value").to_list())
    timeframe = find_timeframe(label, long["stamp"].to_numpy(), column, symbols, said, named)
    if time_is == "close":
        bar_ms = parse_timeframe(timeframe)
        late = (long["stamp"] % 1_000 == 999).all()  # an exchange's close is a millisecond before the next open
        long = long.with_columns(pl.col("stamp") + (1 if late else 0) - bar_ms)
    refuse_off_grid(label, long["stamp"].to_numpy(), timeframe)
    return long, timeframe


def _venue(label: str, named: str | None, wishes: Wishes) -> str:
    venue = wishes.venue or named
    if venue is None:
        raise DataError(f"{label} does not say by its name which exchange it is from: give --venue binance")
    return venue


def _note_repeats(series: Mapping[SeriesKey, pl.DataFrame], notes: list[str]) -> None:
    """Stamps that come twice: alike they are stored once, with other values side by side."""
    alike = other = 0
    example = ""
    for key, rows in series.items():
        stamps = rows.to_series(0)
        repeats = len(rows) - stamps.n_unique() if (stamps.diff() == 0).any() else 0
        if not repeats:
            continue
        differing = rows.unique().to_series(0)
        kept = len(differing) - differing.n_unique()
        alike, other = alike + repeats - kept, other + kept
        if kept and not example:
            twice = rows.unique().filter(pl.col(stamps.name).is_duplicated()).to_series(0).min()
            example = f"{key.symbol} at {format_ms(int(twice))}"  # type: ignore[arg-type]
    if alike:
        notes.append(f"{alike:,} rows came twice: stored once")
    if other:
        notes.append(f"{other:,} rows tell a stamp again with other values ({example}): all kept, data check judges")
