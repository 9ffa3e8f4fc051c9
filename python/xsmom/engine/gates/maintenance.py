"""Maintenance margin rate: how near the exchange is to closing the book itself."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening at or above the limit."""
    del intent, now_ms
    account, most = book.venue.account, rules.gates.maintenance_frac
    rate = math.nan if account is None else float(account.maintenance_rate_frac)
    if math.isnan(rate):
        return blind("the maintenance margin rate is not known")
    return Refuse(Veto.MAINTENANCE, f"rate {rate:.0%}, limit {most:.0%}") if rate >= most else ALLOW
