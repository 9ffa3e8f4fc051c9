"""An announced delisting: entries are banned at once; `flatten` closes in time."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.domain.panel import NEVER_MS
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening in a contract whose last trade has a date."""
    del rules
    at = book.roster.index(intent.symbol)
    if at is None:
        return blind("it is not among the names of the configuration")
    gone_ms = int(book.roster.delisted_ms[at])
    if gone_ms == NEVER_MS:
        return ALLOW
    return Refuse(Veto.DELISTING, f"last trade in {(gone_ms - now_ms) / 3_600_000:.1f} h")
