"""Bar lengths as people write them (`1h`) and as the code counts them (milliseconds)."""

from __future__ import annotations

import re

from xsmom.errors import DataError

_UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
DAY_MS = _UNITS_MS["d"]


def parse_timeframe(text: str) -> int:
    """Milliseconds of `15m`, `1h`, `1d`; calendar months are no bars, because they are not regular."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhdw])", text.strip())
    if match is None:
        raise DataError(f"timeframe {text!r} is not known: write a number and s, m, h, d or w, such as 1h")
    return int(match[1]) * _UNITS_MS[match[2]]


def format_timeframe(bar_ms: int) -> str:
    """`3_600_000` as `1h`; a length that no unit divides stays in milliseconds."""
    for unit, unit_ms in _UNITS_MS.items():
        if bar_ms % unit_ms == 0:
            return f"{bar_ms // unit_ms}{unit}"
    return f"{bar_ms}ms"
