"""The account as the exchange shows it: what was read too long ago is not known."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening on an old reading, or while the private stream is down."""
    del intent
    facts, most_ms = book.venue, rules.gates.account_age_max_ms
    if facts.account is None or facts.positions is None:
        return blind("the account could not be read")
    age_ms = now_ms - min(facts.account_ms, facts.positions_ms, facts.orders_ms)
    if age_ms > most_ms:
        return Refuse(Veto.STALE_BOOK, f"read {age_ms / 1000:.0f} s ago")
    if not book.health.streaming:
        return Refuse(Veto.STALE_BOOK, "the private stream is down")
    return ALLOW
