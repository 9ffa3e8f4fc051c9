"""The breaker on errors of the interface: `health` trips it, and closes it when a probe has come back well."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while it is open or half open, or before the first word about the line."""
    del intent
    health = book.health
    if health.breaker_until_ms:
        left_ms = health.breaker_until_ms - now_ms
        text = f"open for another {left_ms / 1000:.0f} s" if left_ms > 0 else "half open: its probe is not back yet"
        return Refuse(Veto.BREAKER, text)
    if now_ms - health.link_ms > rules.gates.account_age_max_ms:
        return blind("nothing was heard of the line to the exchange for too long")
    return ALLOW
