"""Margin in use: above the soft limit nothing is added."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.facts import margin_used_frac
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening at or above the soft limit."""
    del intent, now_ms
    account = book.venue.account
    used = math.nan if account is None else margin_used_frac(account)
    if math.isnan(used):
        return blind("the margin in use is not known")
    soft = rules.gates.margin_soft_frac
    return Refuse(Veto.MARGIN_SOFT, f"{used:.0%} in use, soft limit {soft:.0%}") if used >= soft else ALLOW
