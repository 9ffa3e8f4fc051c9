"""The breaker on errors of the interface: it was tripped by `health.on_link`, and holds for its time."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while it is open, or before the first word about the line."""
    del intent
    health = book.health
    if now_ms < health.breaker_until_ms:
        return Refuse(Veto.BREAKER, f"open for another {(health.breaker_until_ms - now_ms) / 1000:.0f} s")
    if now_ms - health.link_ms > rules.gates.account_age_max_ms:
        return blind("nothing was heard of the line to the exchange for too long")
    return ALLOW
