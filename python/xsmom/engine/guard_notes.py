"""What the guards of the core tell: each has a name of its own, told when it fires and once a day while it stands.

The core says what holds now; this file sees what is new in it. `guard.changed` beside these says what the whole of them
means for the book.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from xsmom import kernel
from xsmom.domain.book import Columns, Floats
from xsmom.domain.effects import Severity
from xsmom.engine.turn import Turn

AGAIN_MS = 86_400_000
BLIND: Final = "guard.blind"
_STREAK = 2
"""Place of a losing streak among the kinds of bars in the records: cooldown, ban, streak, loss of the day."""
_TOGETHER: Final = np.zeros(256, dtype=bool)
_TOGETHER[[code for code, name in kernel.REASONS.items() if name in {"correlated", "cluster_cap"}]] = True


@dataclass(frozen=True, slots=True)
class GuardNote:
    """One guard: how loud it is, when it fires, what to do then."""

    severity: Severity
    fires: str
    mend: str


def _book(severity: Severity, name: str, mend: str) -> GuardNote:
    limit, measure, action, _ = kernel.GUARDS[name]
    return GuardNote(severity, f"{measure} is at `{limit}`: {action}", mend)


GUARD_NOTES: Final[Mapping[str, GuardNote]] = {
    "daily_loss": _book(Severity.CRITICAL, "daily_loss", "nothing; entries go on at the next UTC midnight"),
    "emergency_loss": _book(Severity.ERROR, "emergency_loss", "nothing; entries go on at the next UTC midnight"),
    "drawdown": _book(
        Severity.CRITICAL, "drawdown", "*you*: when you still trust it, `xsmom rearm drawdown --reason ...`"
    ),
    "longterm_drawdown": _book(
        Severity.CRITICAL,
        "longterm_drawdown",
        "*you*: when you still trust it, `xsmom rearm longterm_drawdown --reason ...`",
    ),
    "symbol_daily_loss": _book(Severity.WARNING, "symbol_daily_loss", "nothing; it may enter again after UTC midnight"),
    "trade_loss": _book(Severity.WARNING, "trade_loss", "nothing; the position is being closed"),
    "cvar": _book(Severity.WARNING, "cvar", "nothing; lower `strategy.gross_leverage` if it comes often"),
    "stop_cluster": _book(
        Severity.ERROR, "stop_cluster", "nothing; look at what moved before entries go on by themselves"
    ),
    "streak": GuardNote(
        Severity.WARNING,
        "`risk.streak.losses` trips in a row have lost: that symbol's entries pause, or the book's",
        "nothing; it ends after `risk.streak.pause_hours`",
    ),
    "correlation": GuardNote(
        Severity.INFO,
        "`strategy.correlation_limit`: names of one side move together and were made smaller",
        "nothing; it is judged anew at each rebalance",
    ),
}


def tell_book_guards(turn: Turn, readings: Mapping[str, tuple[Any, ...]], close_ms: int) -> None:
    """Guards of the whole book: new ones, and once a day those that stand; what cannot be judged says so."""
    for name, (standing, measure, limit, *_) in readings.items():
        if name in {"symbol_daily_loss", "trade_loss"} and standing == "fired":
            continue  # told for each name
        fields = {"measure": measure, "limit": limit, "close_ms": close_ms}
        _keep(turn, f"guard.{name}", GUARD_NOTES[name].severity, fields, on=standing == "fired")
        _keep(turn, BLIND, Severity.ERROR, {"guard": name, "close_ms": close_ms}, on=standing == "unknown", part=name)


def _keep(turn: Turn, name: str, severity: Severity, fields: Mapping[str, object], *, on: bool, part: str = "") -> None:
    key = f"{name}:{part}"
    last_ms = turn.book.loud_ms.get(key)
    if not on:
        if last_ms is not None:
            turn.set_item("loud_ms", key, None)
    elif last_ms is None or turn.now_ms - last_ms >= AGAIN_MS:
        turn.set_item("loud_ms", key, turn.now_ms)
        turn.note(name, severity, **fields)


def tell_name_guards(turn: Turn, before: Columns, after: Columns, close_ms: int) -> None:
    """Guards of one name: its loss of the day, and a position that has lost too much."""
    held = turn.book.lots != 0
    paused = (after["paused_until_ms"] > close_ms) & ~(before["paused_until_ms"] > close_ms)
    for at in np.flatnonzero(paused):
        until_ms = int(after["paused_until_ms"][at])
        _tell(turn, "symbol_daily_loss", int(at), until_ms=until_ms, close_ms=close_ms)
    for at in np.flatnonzero(after["close"] & ~before["close"] & held):
        _tell(turn, "trade_loss", int(at), close_ms=close_ms)


def tell_streak(turn: Turn, before: Columns, after: Columns, at: int) -> None:
    """A trip has ended, and with it a streak has come to its limit."""
    if after["book_until_ms"] > before["book_until_ms"]:
        turn.note("guard.streak", GUARD_NOTES["streak"].severity, scope="book", until_ms=after["book_until_ms"])
    until_ms = int(after["until_ms"][at, _STREAK].max())
    if until_ms > int(before["until_ms"][at, _STREAK].max()):
        _tell(turn, "streak", at, scope="symbol", until_ms=until_ms)


def tell_correlated(turn: Turn, before: Any, reasons: Any, weights: Floats) -> None:
    """Names that were made smaller because others move with them, and were not at the decision before."""
    new = _TOGETHER[reasons] & ~_TOGETHER[before]
    if new.any():
        names = [turn.book.roster.symbols[at] for at in np.flatnonzero(new)]
        shares = [float(weights[at]) for at in np.flatnonzero(new)]
        turn.note("guard.correlation", GUARD_NOTES["correlation"].severity, symbols=names, weight_frac=shares)


def _tell(turn: Turn, name: str, at: int, **fields: object) -> None:
    turn.note(f"guard.{name}", GUARD_NOTES[name].severity, symbol=turn.book.roster.symbols[at], **fields)
