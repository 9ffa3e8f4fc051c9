"""How commands write money."""

from __future__ import annotations

from decimal import Decimal

_NOTHING_USDT = 5e-9
"""Exchanges count in hundred-millionths: less than half of one is what rounding left."""


def usdt(value: float | None, *, sign: bool = False) -> str:
    """To the cent; what is less than that and not nothing, to its second digit: it must not look like 0."""
    if value is None:
        return "not known"
    if _NOTHING_USDT <= abs(value) < 0.005:
        small = f"{Decimal(f'{value:.2g}'):f}"
        return f"+{small}" if sign and value > 0.0 else small
    value = round(value, 2) or 0.0  # no minus before a zero
    return f"{value:+,.2f}" if sign else f"{value:,.2f}"


def about_usdt(value: float) -> str:
    """Where cents say nothing, without them."""
    return f"{value:,.0f}" if abs(value) >= 100.0 else usdt(value)
