"""An order of ours whose outcome is unknown: it may have filled, so the symbol waits for it."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Phase, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening in a symbol that has one."""
    del rules, now_ms
    for order in book.orders.values():
        if order.symbol == intent.symbol and order.phase is Phase.UNKNOWN:
            return Refuse(Veto.UNKNOWN_ORDER, order.client_order_id)
    return ALLOW
