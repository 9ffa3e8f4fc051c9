"""How commands write money."""

from __future__ import annotations


def usdt(value: float | None, *, sign: bool = False) -> str:
    """To the cent."""
    if value is None:
        return "not known"
    value = round(value, 2) or 0.0  # no minus before a zero
    return f"{value:+,.2f}" if sign else f"{value:,.2f}"
