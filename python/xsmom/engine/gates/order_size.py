"""Size of one order in USDT."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Shrink, Verdict, Veto
from xsmom.engine.facts import lot_usdt
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """At most the limit; the next plan asks for what is missing."""
    del now_ms
    most_usdt = rules.work.order_usdt_max
    if most_usdt is None:
        return ALLOW
    lot = lot_usdt(book, intent)
    if not lot > 0.0:
        return blind("there is no price for it")
    most = math.floor(most_usdt / lot)
    return Shrink(most, Veto.ORDER_SIZE) if abs(intent.lots) > most else ALLOW
