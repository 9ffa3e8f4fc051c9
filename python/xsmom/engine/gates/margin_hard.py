"""Margin in use at the hard limit: `margin.trim_intents` acts, and nothing is added."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.facts import margin_used_frac
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening at or above the hard limit."""
    del intent, now_ms
    account = book.venue.account
    used = math.nan if account is None else margin_used_frac(account)
    if math.isnan(used):
        return blind("the margin in use is not known")
    hard = rules.gates.margin_hard_frac
    return Refuse(Veto.MARGIN_HARD, f"{used:.0%} in use, hard limit {hard:.0%}") if used >= hard else ALLOW
