"""Book and venue: while they contradict each other, nobody knows what is held."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.reconcile import Blocks, blocks
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while an invariant of reconciling is broken that stops entries."""
    del intent, rules, now_ms
    if not book.venue.modes_told:
        return blind("leverage and modes of the account are not known yet")
    if blocks(book) >= Blocks.ENTRIES:
        return Refuse(Veto.MISMATCH, "; ".join(book.venue.mismatches[:3]))
    return ALLOW
