"""Specifications of contracts by date: one row where one changed, so that the past keeps its own."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import polars as pl

from xsmom.domain.market_data import Instrument
from xsmom.errors import DataError
from xsmom.lake.part import UNREADABLE
from xsmom.lake.telling import telling

_WHOLE = ("lots_min", "lots_max", "lots_max_market", "funding_interval_ms", "listed_ms", "delisted_ms")
_FACTS = tuple(item.name for item in fields(Instrument))
SCHEMA: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "seen_ms": pl.Int64(),
    **{name: pl.Int64() if name in _WHOLE else pl.String() for name in _FACTS if name != "symbol"},
}
"""Exact numbers (ticks, steps, tiers) are kept as text, because a float would not be exact."""


def read(path: Path) -> pl.DataFrame:
    """Every row; none where nothing was stored yet."""
    if not path.exists():
        return pl.DataFrame(schema=SCHEMA)
    with telling(path, DataError):
        data = path.read_bytes()
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except UNREADABLE as error:
        raise DataError(f"{path} is no whole Parquet file ({error}): remove it, then download again") from None
    if dict(frame.schema) != SCHEMA:
        raise DataError(f"{path} does not hold the columns of instruments: remove it, then download again")
    return frame


def encode(rows: pl.DataFrame) -> bytes:
    """The whole file."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def append(path: Path, told: Sequence[Instrument], seen_ms: int) -> tuple[pl.DataFrame, int]:
    """All rows with those of `told` that differ from the newest row of their symbol, and their number."""
    rows = read(path)
    newest = {row["symbol"]: row for row in latest(rows, None).iter_rows(named=True)}
    fresh = []
    for instrument in told:
        facts = {name: _plain(getattr(instrument, name)) for name in _FACTS}
        known = newest.get(instrument.symbol)
        if known is None or any(known[name] != value for name, value in facts.items()):
            fresh.append({**facts, "seen_ms": seen_ms})
    if not fresh:
        return rows, 0
    added = pl.DataFrame(fresh, schema=SCHEMA)
    return pl.concat([rows, added]).sort("symbol", "seen_ms", maintain_order=True), len(fresh)


def latest(rows: pl.DataFrame, at_ms: int | None) -> pl.DataFrame:
    """The newest row of each symbol that was seen at `at_ms` or before."""
    seen = rows if at_ms is None else rows.filter(pl.col("seen_ms") <= at_ms)
    return seen.unique("symbol", keep="last", maintain_order=True).sort("symbol")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        tiers = [{item.name: _plain(getattr(tier, item.name)) for item in fields(tier)} for tier in value]
        return json.dumps(tiers, separators=(",", ":"))
    return value
