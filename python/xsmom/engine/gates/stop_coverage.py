"""Stops on the exchange: no new risk while some of what is held has none."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules
from xsmom.engine.sentinel import coverage_frac, settles


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening below full coverage."""
    del intent
    if rules.watches or not rules.protect.enabled:
        return ALLOW
    covered = coverage_frac(book)
    if math.isnan(covered):
        return blind("which stops stand is not known")
    if covered == 1.0:
        return ALLOW
    why = f"{covered:.0%} of the positions have theirs"
    return Refuse(Veto.STOP_COVERAGE, why, calm=settles(book, rules.protect, now_ms))
