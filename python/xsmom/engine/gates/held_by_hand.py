"""The owner's hand: a symbol that he touched is his until `xsmom release`."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening in a symbol that is held by hand, or left alone by name."""
    del rules, now_ms
    symbol = intent.symbol
    at = book.roster.index(symbol)
    if symbol in book.held_by_hand:
        return Refuse(Veto.HELD_BY_HAND, book.held_by_hand[symbol])
    if symbol in book.ignored:
        return Refuse(Veto.HELD_BY_HAND, "it is left alone, by --ignore")
    if at is not None and book.positions["hold"][at]:
        return Refuse(Veto.HELD_BY_HAND, "on hold")
    return ALLOW
