"""The mode: positions grow in TRADING alone."""

from __future__ import annotations

from xsmom.domain.book import Book, Mode
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening in any other mode."""
    del intent, rules, now_ms
    return ALLOW if book.mode is Mode.TRADING else Refuse(Veto.MODE, f"{book.mode.value}: {book.mode_why}")
