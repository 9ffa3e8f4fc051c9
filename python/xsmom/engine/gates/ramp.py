"""The ramp: a first start grows to full size over days, in a straight line from a tenth."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Shrink, Verdict, Veto
from xsmom.engine.facts import same_side_lots
from xsmom.engine.gates.gate import ALLOW
from xsmom.engine.rules import Rules

FIRST_FRAC = 0.1
"""Share of the full size at the first moment; from none at all nothing would ever be learned."""


def ramp_frac(book: Book, rules: Rules, now_ms: int) -> float:
    """Share of the full size that is allowed now."""
    if rules.pace.ramp_ms <= 0:
        return 1.0
    gone = max(now_ms - book.first_ms, 0) / rules.pace.ramp_ms
    return min(FIRST_FRAC + (1.0 - FIRST_FRAC) * gone, 1.0)


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """At most so much that the position is the allowed share of what it is to become."""
    share = ramp_frac(book, rules, now_ms)
    if share >= 1.0:
        return ALLOW
    held = same_side_lots(book, intent.symbol, 1 if intent.lots > 0 else -1)
    wanted = held + abs(intent.lots)
    room = max(math.floor(share * wanted) - held, 0)
    return Shrink(room, Veto.RAMP) if abs(intent.lots) > room else ALLOW
