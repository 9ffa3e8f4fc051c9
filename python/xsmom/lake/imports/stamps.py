"""Time in files: its unit, its zone, and the length of a bar; all found, told, and open to overruling."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xsmom.domain.stamps import format_ms
from xsmom.domain.timeframe import format_timeframe, parse_timeframe
from xsmom.errors import DataError
from xsmom.lake.frame import find_bar_ms
from xsmom.lake.imports.wishes import Unit

# From the first bitcoin to the end of the century; the same span in another unit does not overlap it.
_FIRST_S, _LAST_S = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2009, 2100))
_PER_SECOND: dict[Unit, int] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_USUAL = frozenset("1s 5s 15s 30s 1m 3m 5m 10m 15m 30m 1h 2h 3h 4h 6h 8h 12h 1d 2d 3d 1w".split())  # noqa: SIM905
_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
)
_ZONED = r"(?:[Zz]|UTC|[+-]\d{2}:?\d{2})$"
_OFF_GRID_SHARE_MAX = 0.5


class Stamps(NamedTuple):
    """UTC milliseconds, and how they were read."""

    ms: pl.Series
    unit: str
    zone: str


def read_stamps(label: str, column: pl.Series, unit: Unit | None, zone: str | None) -> Stamps:
    """Any column of time as UTC milliseconds."""
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        raise DataError(f"{label} has no time in row {row + 1} of its column {column.name!r}: each row wants one")
    kind = column.dtype
    if kind == pl.String:
        return _read_text(label, column, unit, zone)
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return Stamps(column.dt.epoch("ms"), "datetime", kind.time_zone)
    if isinstance(kind, pl.Datetime) or kind == pl.Date:
        local = column.cast(pl.Datetime("ms"))
        return Stamps(_place(label, local, zone), "datetime", zone or "")
    if kind.is_integer() or kind.is_float():
        return _read_numbers(label, column, unit, zone)
    raise DataError(f"{label} has {kind} in its column of time {column.name!r}: wanted are numbers, text or datetimes")


def find_timeframe(
    label: str, stamps: NDArray[np.int64], column: NDArray[np.int64], symbols: tuple[str, ...], said: str | None,
    named: str | None,
) -> str:  # fmt: skip
    """The length of a bar: as said, else as found and not contradicted by the file's name."""
    found = find_bar_ms(stamps, column)
    if found is None:
        if said or named:
            return said or str(named)
        raise DataError(f"{label} has one bar for each symbol, which tells no length: give --timeframe 1h")
    if found.mixed is not None:
        row, step_ms = found.mixed
        raise DataError(
            f"{label} mixes bars of {format_timeframe(found.bar_ms)} and {format_timeframe(step_ms)} "
            f"({symbols[column[row]]} at {format_ms(int(stamps[row]))}): import each length from a file of its own"
        )
    timeframe = format_timeframe(found.bar_ms)
    wanted = said or named
    if wanted is not None and wanted != timeframe:
        bar_ms = parse_timeframe(wanted)
        if found.bar_ms < bar_ms or found.bar_ms % bar_ms:
            who = "--timeframe" if said else "the name"
            raise DataError(f"{label}: {who} says bars of {wanted}, its rows are {timeframe} apart: give the right one")
        return wanted
    if timeframe not in _USUAL and said is None:
        step = f"{found.bar_ms / 86_400_000:.4g} days" if found.bar_ms >= 86_400_000 else timeframe
        raise DataError(
            f"{label} has a row each {step}, which is no bar of an exchange: give --timeframe if it is one with gaps"
        )
    return timeframe


def refuse_off_grid(label: str, open_ms: NDArray[np.int64], timeframe: str) -> None:
    """Bars that all lie beside the grid of UTC were stamped in local time, or are not opens."""
    bar_ms = parse_timeframe(timeframe)
    if bar_ms > parse_timeframe("1d") and timeframe != "1w":
        return  # no exchange begins these at the same day as another
    off_ms = (open_ms - _week_start_ms(bar_ms)) % bar_ms
    if np.count_nonzero(off_ms) <= _OFF_GRID_SHARE_MAX * len(off_ms):
        return
    values, counts = np.unique(off_ms, return_counts=True)
    most_ms = int(values[counts.argmax()])
    raise DataError(
        f"{label} has bars that begin {most_ms / 60_000:g} minutes beside the {timeframe} grid of UTC, such as "
        f"{format_ms(int(open_ms[off_ms.argmax()]))}: if that is local time, give --tz Europe/Berlin; if the stamp is "
        "a close, --time-is close"
    )


def _week_start_ms(bar_ms: int) -> int:
    """Weeks begin on Monday everywhere, the epoch on a Thursday."""
    return 4 * 86_400_000 if bar_ms == parse_timeframe("1w") else 0


def _read_text(label: str, column: pl.Series, unit: Unit | None, zone: str | None) -> Stamps:
    text = column.str.strip_chars()
    numbers = text.cast(pl.Int64, strict=False)
    if not numbers.null_count():
        return _read_numbers(label, numbers.alias(column.name), unit, zone)
    zoned = text.str.contains(_ZONED)
    if zoned.any() and not zoned.all():
        row = int((~zoned).arg_max() or 0)
        raise DataError(f"{label} has times with and without a zone (row {row + 1}: {text[row]!r}): make them alike")
    if zoned.all():
        plain = text.str.replace(r"\s*(?:[Zz]|UTC)$", "+0000").str.replace(r"([+-]\d{2}):(\d{2})$", "${1}${2}")
        stamps = _parse_text(label, column, plain, "%z")
        return Stamps(stamps.dt.epoch("ms"), "text", "told in each row")
    return Stamps(_place(label, _parse_text(label, column, text, ""), zone), "text", zone or "")


def _parse_text(label: str, column: pl.Series, text: pl.Series, suffix: str) -> pl.Series:
    fewest, culprit = len(text) + 1, 0
    for pattern in _FORMATS:
        for space in ("", " ") if suffix else ("",):
            parsed = text.str.to_datetime(f"{pattern}{space}{suffix}", time_unit="ms", strict=False)
            missing = parsed.null_count()
            if not missing:
                return parsed
            if missing < fewest:
                fewest, culprit = missing, int(parsed.is_null().arg_max() or 0)
    raise DataError(
        f"{label} has {column[culprit]!r} in row {culprit + 1} of its column of time {column.name!r}, which is no time "
        "that is read here: write 2024-01-31T08:00:00Z or UTC milliseconds"
    )


def _place(label: str, local: pl.Series, zone: str | None) -> pl.Series:
    """Times without a zone belong to the one that the user names; whose noon it is would be a guess."""
    if zone is None:
        raise DataError(
            f"{label} has times without a zone ({local[0]}): give --tz UTC, or --tz and the zone they are in"
        )
    try:
        ZoneInfo(zone)
        placed = local.dt.replace_time_zone(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise DataError(f"--tz {zone!r} is no time zone: write UTC or a name such as Europe/Berlin") from None
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{label} has a time that {zone} has twice or never, at a change of its clocks "
            f"({str(error).splitlines()[0]}): export the file in UTC"
        ) from None
    return placed.dt.epoch("ms")


def _read_numbers(label: str, column: pl.Series, unit: Unit | None, zone: str | None) -> Stamps:
    numbers = column
    if column.dtype.is_float():
        numbers = column.cast(pl.Int64, strict=False)
        if numbers.null_count() or not (numbers.cast(pl.Float64) == column).all():
            raise DataError(f"{label} has broken numbers in its column of time {column.name!r}: whole ones are wanted")
    numbers = numbers.cast(pl.Int64)
    chosen = unit or _guess_unit(label, numbers)
    per_ms = _PER_SECOND[chosen] / 1_000
    ms = numbers * 1_000 if chosen == "s" else numbers // int(per_ms)
    first, last = ms.min(), ms.max()
    if not (_in_range(first) and _in_range(last)):
        worst = first if not _in_range(first) else last
        raise DataError(f"{label}: read as {chosen}, its column {column.name!r} holds {format_ms(int(worst))}: "  # type: ignore[arg-type]
                        f"give another --unit")  # fmt: skip
    if zone not in (None, "UTC"):
        ms = _place(label, pl.from_epoch(ms, time_unit="ms"), zone)
    return Stamps(ms, chosen, zone or "UTC")


def _in_range(ms: object) -> bool:
    return isinstance(ms, int) and _FIRST_S * 1_000 <= ms < _LAST_S * 1_000


def _guess_unit(label: str, numbers: pl.Series) -> Unit:
    """The one unit in which every stamp lies between 2009 and 2100."""
    for unit, per_second in _PER_SECOND.items():
        inside = numbers.is_between(_FIRST_S * per_second, _LAST_S * per_second - 1)
        if inside.all():
            return unit
        if inside.any():
            row = int((~inside).arg_max() or 0)
            raise DataError(
                f"{label} has stamps in {unit} and others that are not, such as {numbers[row]} in row {row + 1} of "
                f"{numbers.name!r}: bring them to one unit, or drop those rows"
            )
    raise DataError(
        f"{label} has {numbers[0]} in its column of time {numbers.name!r}, which is no time between 2009 and 2100 in "
        "s, ms, us or ns: give --unit, or another column by --columns open_ms=…"
    )
