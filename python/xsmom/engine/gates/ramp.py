"""The ramp: a start on a new account, or with a ramp of its own, grows to full size over days."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.limits import Limits
from xsmom.domain.orders import Intent, Shrink, Verdict, Veto
from xsmom.engine.facts import same_side_lots
from xsmom.engine.gates.gate import ALLOW
from xsmom.engine.rules import Rules


def ramp_frac(book: Book, rules: Rules, now_ms: int) -> float:
    """Share of the full size that is allowed now.

    The start has written down its ramp and since when it runs, so that a restart goes on with it. A book that no
    start has told of one grows by the configuration, from its first start on.
    """
    if book.limits.ramp_since_ms:
        return book.limits.ramp_frac(now_ms)
    written = Limits(ramp=rules.pace.ramp, ramp_straight=rules.pace.ramp_straight, ramp_since_ms=book.first_ms)
    return written.ramp_frac(now_ms)


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """At most so much that the position is the allowed share of what it is to become."""
    share = ramp_frac(book, rules, now_ms)
    if share >= 1.0:
        return ALLOW
    held = same_side_lots(book, intent.symbol, 1 if intent.lots > 0 else -1)
    wanted = held + abs(intent.lots)
    room = max(math.floor(share * wanted) - held, 0)
    return Shrink(room, Veto.RAMP) if abs(intent.lots) > room else ALLOW
