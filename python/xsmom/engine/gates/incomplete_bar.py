"""The cross-section: names are compared with one another, so most must have the same fresh bar."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Purpose, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening on a row with too many names missing, or on one that has become old."""
    complete = book.cycle.complete_frac
    if math.isnan(complete):
        return blind("how many names have a bar is not known")
    if complete < rules.gates.complete_min_frac:
        return Refuse(Veto.INCOMPLETE_BAR, f"{complete:.0%} of the names have the newest bar")
    most_ms = rules.pace.decision_lag_max_ms
    if intent.purpose is Purpose.REBALANCE and now_ms - intent.decided_ms > most_ms:
        return Refuse(Veto.INCOMPLETE_BAR, f"decided {(now_ms - intent.decided_ms) / 1000:.0f} s ago")
    if now_ms - book.cycle.closed_ms > rules.pace.bar_ms + most_ms:
        return Refuse(Veto.INCOMPLETE_BAR, "the newest bar is overdue")
    return ALLOW
