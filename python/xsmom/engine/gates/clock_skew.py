"""Our clock against the exchange's: orders, bars and the day's limits hang on it."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while the clocks may be further apart than the limit."""
    del intent, now_ms
    skew_ms, bound_ms = book.health.skew_ms, book.health.skew_bound_ms
    apart_ms = abs(skew_ms) + bound_ms
    if math.isnan(apart_ms):
        return blind("the exchange's clock was not read")
    if apart_ms > rules.gates.skew_max_ms:
        return Refuse(Veto.CLOCK_SKEW, f"{skew_ms:.0f} ms, known to {bound_ms:.0f}")
    return ALLOW
