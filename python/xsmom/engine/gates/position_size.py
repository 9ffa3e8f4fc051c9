"""Size of one position in USDT, whatever the plan says."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Shrink, Verdict, Veto
from xsmom.engine.facts import lot_usdt, same_side_lots
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """At most what is missing to the limit, held and working counted."""
    del now_ms
    most_usdt = rules.gates.position_usdt_max
    if math.isinf(most_usdt):
        return ALLOW
    lot = lot_usdt(book, intent)
    if not lot > 0.0:
        return blind("there is no price for it")
    side = 1 if intent.lots > 0 else -1
    room = max(math.floor(most_usdt / lot) - same_side_lots(book, intent.symbol, side), 0)
    return Shrink(room, Veto.POSITION_SIZE) if abs(intent.lots) > room else ALLOW
