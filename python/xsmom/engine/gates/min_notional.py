"""Smallest order: the exchange's own minimum, and the configuration's."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.facts import lot_usdt
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening that is too small; asked again when other gates have made it smaller."""
    del now_ms
    at = book.roster.index(intent.symbol)
    lot = lot_usdt(book, intent)
    if at is None or not lot > 0.0:
        return blind("there is no price for it")
    least_lots = book.roster.instruments[at].lots_min
    least_usdt = max(float(book.roster.notional_usdt_min[at]), rules.work.notional_usdt_min)
    # A price that went through a product must still give back the whole lots that the plan took for enough.
    value = abs(intent.lots) * lot * (1.0 + 1e-9)
    if math.isnan(value) or value < least_usdt or abs(intent.lots) < least_lots:
        return Refuse(Veto.MIN_NOTIONAL, f"{value:.6g} USDT, at least {least_usdt:g}")
    return ALLOW
