"""Figures as people read them: thousands apart, units beside, a dash where nothing is known."""

from __future__ import annotations

import math
from typing import Any

DASH = "\u2014"
_MINUS = "\u2212"


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _signed(text: str) -> str:
    # What rounds to zero has no sign.
    if not any(digit in text for digit in "123456789"):
        text = text.removeprefix("-")
    return text.replace("-", _MINUS)


def say_frac(value: Any, digits: int = 1) -> str:
    """`0.1234` as `12.3 %`."""
    return _signed(f"{100 * value:,.{digits}f} %") if _known(value) else DASH


def say_number(value: Any, digits: int = 2) -> str:
    """Two digits behind the point, thousands apart."""
    if isinstance(value, float) and math.isinf(value):
        return "never" if value > 0 else DASH
    return _signed(f"{value:,.{digits}f}") if _known(value) else DASH


def say_usdt(value: Any) -> str:
    """Whole dollars from a thousand up, cents below."""
    if not _known(value):
        return DASH
    text = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.2f}"
    return _signed(text)


def say_significant(value: Any, digits: int = 6) -> str:
    """Units and prices, whose size can be anything."""
    if not _known(value):
        return DASH
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(places, 12)}f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def say_count(value: Any) -> str:
    """Whole numbers, thousands apart."""
    return f"{int(value):,}" if _known(value) else DASH


def say_of(value: int, thing: str, things: str | None = None) -> str:
    """`1 day`, `1,000 days`; `things` where the plural is no mere s."""
    return f"{value:,} {thing if value == 1 else things or f'{thing}s'}"


def say_probability(value: Any) -> str:
    """Three digits, and never certainty: what rounds to 0 or 1 is said as a bound."""
    if not _known(value):
        return "unknown"
    if value > 0.999:
        return "above 0.999"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def say_interval(pair: Any, digits: int = 2) -> str:
    """`[-0.31, 1.92]`, or a dash."""
    if pair is None or not all(_known(value) for value in pair):
        return DASH
    return f"[{say_number(pair[0], digits)}, {say_number(pair[1], digits)}]"
