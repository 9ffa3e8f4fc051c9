"""Wide tables: a column for each symbol, a file for each field. Together they become one long table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from hashlib import sha256
from pathlib import PurePath

import polars as pl

from xsmom.errors import DataError
from xsmom.lake.imports.columns import find_time, has_prices, looks_like_trades
from xsmom.lake.imports.files import Table
from xsmom.lake.imports.names import NameTells
from xsmom.lake.imports.plan import Plan, plan_table, read_numbers
from xsmom.lake.imports.stamps import read_stamps
from xsmom.lake.imports.wishes import Wishes
from xsmom.lake.series import Kind

_FIELD_WORDS = {
    "open": "open", "high": "high", "low": "low", "close": "close", "mark": "close", "volume": "volume",
    "turnover": "volume_usdt", "funding": "rate_frac", "rate": "rate_frac", "rates": "rate_frac",
}  # fmt: skip
_MARKS = re.compile(r"quote[_-]?volume|volume[_-]?usdt?", re.IGNORECASE)


@dataclass(frozen=True)
class WideTable:
    """A table of one field."""

    field: str
    table: Table


def as_wide(table: Table, wishes: Wishes) -> WideTable | None:
    """The table as a wide one, if it is that: by the user's word, or by its columns and its name."""
    if wishes.layout == "long":
        return None
    name = PurePath(table.origin.rpartition(":")[2])
    field = wishes.wide_field or _field_of(name)
    if wishes.layout == "wide":
        if field is None:
            raise DataError(
                f"{table.origin} does not say by its name which field it holds: give --layout wide:close, or call it "
                "close.csv"
            )
        return WideTable(field, table)
    columns = table.frame.columns
    if field is None or has_prices(columns) or looks_like_trades(columns) or wishes.columns:
        return None
    return WideTable(field, table)


def plan_wide(tables: Sequence[WideTable], wishes: Wishes) -> Plan:
    """One plan of all fields of a folder."""
    origins = [one.table.origin for one in tables]
    label = " + ".join(origins)
    fields = [one.field for one in tables]
    for field in fields:
        if fields.count(field) > 1:
            raise DataError(f"{label} hold the field {field} more than once: import each set from a folder of its own")
    kind = wishes.kind or _kind(tables)
    times = {find_time(one.table.origin, one.table.frame.columns, kind, wishes)[1] for one in tables}
    if len(times) > 1:
        raise DataError(f"{label} are stamped by open and by close: give --time-is open or --time-is close")
    keys = ["ts", "symbol"]
    longs = [_melt(one, kind, wishes) for one in tables]
    long = reduce(lambda one, other: one.join(other, on=keys, how="full", coalesce=True), longs).sort("symbol", "ts")
    digest = sha256("".join(one.table.sha256 for one in tables).encode()).hexdigest()
    tells: NameTells = tables[0].table.tells._replace(symbol=None, kind=kind, freqtrade=False)
    plain = replace(wishes, kind=kind, unit=None, zone=None, columns={}, layout="long", time_is=times.pop())  # type: ignore[arg-type]
    return plan_table(Table(long, label, digest, tells), plain, layout="wide")


def _melt(wide: WideTable, kind: Kind, wishes: Wishes) -> pl.DataFrame:
    frame, label = wide.table.frame, wide.table.origin
    time, _ = find_time(label, frame.columns, kind, wishes)
    stamps = read_stamps(label, frame[time], wishes.unit, wishes.zone).ms
    if stamps.is_duplicated().any():
        raise DataError(f"{label} has a time twice: a wide table tells each time once")
    names = [name for name in frame.columns if name != time]
    columns = {name: read_numbers(label, frame[name]) for name in names}
    values = pl.DataFrame({"ts": stamps, **columns})
    return values.unpivot(index="ts", variable_name="symbol", value_name=wide.field).drop_nulls(wide.field)


def _kind(tables: Sequence[WideTable]) -> Kind:
    fields = {one.field for one in tables}
    if fields == {"rate_frac"}:
        return "funding"
    if "rate_frac" in fields:
        names = ", ".join(one.table.origin for one in tables)
        raise DataError(f"{names} hold prices and funding rates: import them apart")
    if any(one.table.tells.kind == "mark" for one in tables):
        return "mark"
    return "bars"


def _field_of(name: PurePath) -> str | None:
    stem = name.name.partition(".")[0]
    if _MARKS.search(stem):
        return "volume_usdt"
    words = [word for word in re.split(r"[^a-z]+", stem.lower()) if word]
    return next((_FIELD_WORDS[word] for word in reversed(words) if word in _FIELD_WORDS), None)
