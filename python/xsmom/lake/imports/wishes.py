"""What a user may say about files, where the guess would be wrong or impossible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from xsmom.errors import DataError
from xsmom.lake.series import Kind

Unit = Literal["s", "ms", "us", "ns"]
TimeIs = Literal["open", "close"]

FIELDS = ("open_ms", "at_ms", "symbol", "open", "high", "low", "close", "volume", "volume_usdt", "rate_frac")
WIDE_FIELDS = ("open", "high", "low", "close", "volume", "volume_usdt", "rate_frac")


@dataclass(frozen=True)
class Wishes:
    """Everything that was said; None is for the guess."""

    venue: str | None = None
    kind: Kind | None = None
    timeframe: str | None = None
    symbol: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: Unit | None = None
    time_is: TimeIs | None = None
    zone: str | None = None
    layout: Literal["long", "wide"] | None = None
    wide_field: str | None = None


def parse_columns(text: str | None) -> dict[str, str]:
    """Read `open_ms=ts,close=last`: our field, then the file's column."""
    chosen: dict[str, str] = {}
    for piece in (text or "").split(","):
        if not piece.strip():
            continue
        name, equals, column = (word.strip() for word in piece.partition("="))
        if not equals or not column or name not in FIELDS:
            raise DataError(f"--columns {piece.strip()!r}: write FIELD=COLUMN, FIELD one of {', '.join(FIELDS)}")
        chosen[name] = column
    return chosen


def parse_layout(text: str | None) -> tuple[Literal["long", "wide"] | None, str | None]:
    """Read `long`, `wide`, or `wide:close` where the file's name does not tell the field."""
    if text is None:
        return None, None
    layout, colon, name = text.partition(":")
    if layout == "long" and not colon:
        return "long", None
    if layout == "wide" and (not colon or name in WIDE_FIELDS):
        return "wide", name or None
    raise DataError(f"--layout {text!r} is not known: long, wide, or wide:FIELD, FIELD one of {', '.join(WIDE_FIELDS)}")
