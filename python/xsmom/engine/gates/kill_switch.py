"""The kill switch: asked before anything else."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent, Refuse, Verdict, Veto
from xsmom.engine.gates.gate import ALLOW
from xsmom.engine.rules import Rules


def judge(intent: Intent, book: Book, rules: Rules, now_ms: int) -> Verdict:
    """No opening while it is set."""
    del intent, rules, now_ms
    kill = book.kill
    return Refuse(Veto.KILL_SWITCH, f"set by {kill.by}: {kill.reason}") if kill.active else ALLOW
