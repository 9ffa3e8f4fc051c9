"""Instants as UTC milliseconds: how they read and are written, and how to tell them from seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom.errors import DataError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_MIN, _SECONDS_MAX = 10**8, 10**11  # 1973 to the year 5138, read as seconds
_MINUTE_MS = 60_000


def format_ms(at_ms: int) -> str:
    """`2024-01-31 08:00Z`, with seconds where they are not zero; the number where no calendar reaches."""
    try:
        instant = _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return f"{at_ms} ms"
    text = instant.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3].removesuffix(".000").removesuffix(":00")
    return f"{text}Z"


def parse_ms(text: str) -> int:
    """Read `2024-03-01` (that day's 00:00 UTC) or a time with its zone, `2024-03-01T12:00Z`.

    A time without a zone is refused: whose noon it is would be a guess.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise DataError(f"{text!r} is no time: write 2024-03-01 or 2024-03-01T12:00Z") from None
    if instant.tzinfo is None:
        if len(text.strip()) > len("2024-03-01"):
            raise DataError(f"{text!r} has no zone: write {text.strip()}Z if you mean UTC, or +02:00 behind it")
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def refuse_seconds(column: str, stamps: NDArray[Any], bar_ms: int) -> None:
    """Refuse stamps in seconds. Read as milliseconds they lie in 1970, at steps no exchange offers."""
    newest = int(np.max(stamps, initial=0))
    if _SECONDS_MIN <= newest < _SECONDS_MAX and bar_ms % _MINUTE_MS:
        at = format_ms(newest * 1_000)
        raise DataError(f"{column} looks like seconds ({newest} would be {at}): multiply it by 1000")
