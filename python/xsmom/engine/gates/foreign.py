"""Orders of somebody else in a name that we trade: another bot, or the owner."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW
from xsmom.engine.reconcile import blocked_symbols
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening in a symbol in which such orders stand: what they fill is not ours to size."""
    del rules, now_ms
    if book.venue.mismatches and intent.symbol in blocked_symbols(book):
        return Refuse(Veto.FOREIGN, next(one for one in book.venue.mismatches if intent.symbol in one))
    return ALLOW
