"""Money that came or went without a reason that the book knows."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.facts import equity_usdt
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while it is above its share of equity; `xsmom reconcile --classify` says what it was."""
    del intent, now_ms
    unexplained, equity = book.venue.unexplained_usdt, equity_usdt(book)
    if math.isnan(unexplained) or math.isnan(equity):
        return blind("the wallet cannot be compared with the book")
    most = rules.gates.wallet_unexplained_frac * max(equity, 0.0)
    return Refuse(Veto.WALLET, f"{unexplained:.8g} USDT are not explained") if abs(unexplained) > most else ALLOW
