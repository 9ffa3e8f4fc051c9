"""Status of a contract: not yet, no longer, or not ours to trade."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening in a contract that is not open for trading."""
    del rules, now_ms
    at = book.roster.index(intent.symbol)
    if at is None:
        return blind("it is not among the names of the configuration")
    status = book.roster.instruments[at].trading
    return ALLOW if status is Trading.OPEN else Refuse(Veto.NOT_TRADING, status.value)
