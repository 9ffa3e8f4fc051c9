"""Tickers, and what became of them: the second listing under one ticker is `LUNAUSDT.2`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """From `at_ms` on, `units` of `new` stand for one of `old`: a redenomination where both are one ticker."""

    at_ms: int
    old: str
    new: str
    units: float
    note: str = ""


def ticker_of(symbol: str) -> str:
    """The exchange's own name of a listing: `LUNAUSDT` of `LUNAUSDT.2`, and of itself."""
    head, dot, number = symbol.rpartition(".")
    return head if dot and head and number.isascii() and number.isdigit() else symbol
