"""Orders of somebody else on this account: another bot, or the owner."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while they stand: two hands on one account undo each other's limits."""
    del intent, rules, now_ms
    foreign = book.venue.foreign
    return Refuse(Veto.FOREIGN, ", ".join(foreign[:5])) if foreign else ALLOW
