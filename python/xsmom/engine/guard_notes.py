"""What the guards of the core tell: each has a name of its own, told when it fires and once a day while it stands.

The core says what holds now; this file sees what is new in it. `guard.changed` beside these says what the whole of them
means for the book.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from xsmom import kernel
from xsmom.domain.book import Columns, Floats
from xsmom.domain.effects import Severity
from xsmom.engine.turn import Turn

AGAIN_MS = 86_400_000
BLIND: Final = "guard.blind"
_STREAK = 2
"""Place of a losing streak among the kinds of bars in the records: cooldown, ban, streak, loss of the day."""
_SHAPERS: Final = {
    "correlation": ("correlated", "cluster_cap"),
    "risk_per_trade": ("risk_cap",),
    "positions_max": ("positions_max",),
    "exposure": ("gross_cap", "net_cap"),
}
"""Guards that shape a target, by the reasons that a decision gives for it."""


def _by_reason() -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    codes = {name: code for code, name in kernel.REASONS.items()}
    kinds = np.zeros(256, dtype=np.uint8)
    for kind, reasons in enumerate(_SHAPERS.values(), 1):
        kinds[[codes[reason] for reason in reasons]] = kind
    return kinds, ("", *_SHAPERS)


_KINDS, _KIND_NAMES = _by_reason()


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
    "risk_per_trade": GuardNote(
        Severity.INFO,
        "`risk.risk_per_trade_frac`: a position would lose more than this at its first stop, and was made smaller",
        "nothing; it is judged anew at each rebalance",
    ),
    "positions_max": GuardNote(
        Severity.INFO,
        "`strategy.entry_throttle.max_open_positions`: as many positions as may be are held, and a name was left out",
        "nothing; it is judged anew at each rebalance",
    ),
    "exposure": GuardNote(
        Severity.INFO,
        "`strategy.gross_hard_cap`, `strategy.net_cap_frac`: gross or net would be above its cap, and targets were cut",
        "nothing; it is judged anew at each rebalance",
    ),
    "atr_regime": GuardNote(
        Severity.INFO,
        "`strategy.atr_regime`: names are calm or wild by their ATR, and their entry threshold was moved",
        "nothing; it is judged anew at each rebalance",
    ),
    "vol_regime": GuardNote(
        Severity.INFO,
        "`strategy.vol_regime`: the market's volatility has jumped, and the whole book was made smaller",
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


def tell_shaped(turn: Turn, before: Any, reasons: Any, weights: Floats) -> None:
    """Names whose target a guard has shaped at this decision, and had not at the one before."""
    kinds = _KINDS[reasons]
    new = (kinds != 0) & (kinds != _KINDS[before])
    for kind in np.unique(kinds[new]):
        chosen, name = np.flatnonzero(new & (kinds == kind)), _KIND_NAMES[kind]
        names = [turn.book.roster.symbols[at] for at in chosen]
        shares = [float(weights[at]) for at in chosen]
        turn.note(f"guard.{name}", GUARD_NOTES[name].severity, symbols=names, weight_frac=shares)


def tell_regimes(turn: Turn, row: Mapping[str, Any]) -> None:
    """What the volatility does to thresholds and to size: told when it begins, and once a day while it lasts."""
    fields = turn.rules.fields
    if fields["atr_regime_enabled"]:
        share = row["atr"] / row["close"]
        calm = int((share < fields["atr_regime_low_frac"]).sum())
        wild = int((share > fields["atr_regime_high_frac"]).sum())
        told: dict[str, object] = {"calm": calm, "wild": wild}
        _keep(turn, "guard.atr_regime", GUARD_NOTES["atr_regime"].severity, told, on=calm + wild > 0)
    if fields["vol_regime_enabled"]:
        ratio, start = float(row["vol_ratio"]), float(fields["vol_regime_ratio_start"])
        told = {"vol_ratio": ratio, "start": start}
        _keep(turn, "guard.vol_regime", GUARD_NOTES["vol_regime"].severity, told, on=ratio > start)


def _tell(turn: Turn, name: str, at: int, **fields: object) -> None:
    turn.note(f"guard.{name}", GUARD_NOTES[name].severity, symbol=turn.book.roster.symbols[at], **fields)
