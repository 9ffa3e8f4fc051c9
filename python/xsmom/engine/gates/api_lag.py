"""Time that calls take: an exchange that answers late fills late."""

from __future__ import annotations

import math

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW, blind
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while the mean of the newest minute is above the limit."""
    del intent, now_ms
    lag_ms, most = book.health.lag_ms, rules.gates.lag_max_ms
    if math.isnan(lag_ms):
        return blind("no call was timed")
    return Refuse(Veto.API_LAG, f"{lag_ms:.0f} ms a call, at most {most:.0f}") if lag_ms > most else ALLOW
