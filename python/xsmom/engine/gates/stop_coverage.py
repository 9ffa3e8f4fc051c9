"""Stops on the exchange: no new risk while some of what is held has none."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def covered_frac(book: Book) -> float:
    """Share of the positions whose stop was seen in both views; 1 where nothing is held."""
    held = [book.roster.symbols[at] for at in book.lots.nonzero()[0]]
    seen = [name for name in held if name in book.protection and book.protection[name].verified_ms is not None]
    return len(seen) / len(held) if held else 1.0


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening below full coverage."""
    del intent, now_ms
    if not rules.protect.enabled:
        return ALLOW
    covered = covered_frac(book)
    if math.isnan(covered):
        return blind("which stops stand is not known")
    return Refuse(Veto.STOP_COVERAGE, f"{covered:.0%} of the positions have theirs") if covered < 1.0 else ALLOW
