"""Alarms about what does not happen: no trade, signals without orders, drift, exits that do not end, dear fills.

They only tell. Each waits its time, so that what is merely under way alarms nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from xsmom import kernel
from xsmom.domain.book import Book
from xsmom.domain.effects import SetTimer, Severity
from xsmom.engine.facts import equity_usdt
from xsmom.engine.gates.liquidation_near import distance_frac
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn

EVERY_MS = 60_000
_HOUR_MS = 3_600_000
_FILLS_MIN = 50
"""Costs of fewer fills are chance."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One row: how loud, how often again, when it fires, and what to do then."""

    severity: Severity
    fires: str
    mend: str
    again_ms: int = _HOUR_MS


ALARMS: Final[Mapping[str, Alarm]] = {
    "trades.missing": Alarm(
        Severity.ERROR,
        "plans had orders, and nothing has filled for `no_trade_hours` and for two rebalances",
        "`xsmom orders` shows what waits, and for what; a spread guard, a pair or a limit may hold all of it",
    ),
    "orders.missing": Alarm(
        Severity.ERROR,
        "there are targets, nothing is held, and no plan has come to an order for as long",
        "`xsmom why SYMBOL`: the equity may be too small for the least orders, or entries are blocked",
    ),
    "position.stuck": Alarm(
        Severity.CRITICAL,
        "a position that is to be closed has stood for `position_stuck_minutes`",
        "close it by hand at the exchange; the book takes note of it by itself",
    ),
    "position.drifted": Alarm(
        Severity.WARNING,
        "held lots differ from those of the newest plan by `position_drift_pct`, half a bar after it",
        "`xsmom why SYMBOL`; frozen, cooling and held names are left out, so the rest was not filled",
    ),
    "cost.overrun": Alarm(
        Severity.WARNING,
        "fees and slippage are above those that a simulation assumes by `cost_overrun_pct`",
        "compare `costs` with the account's fee tier; a slower rebalance or a wider band trades less",
        again_ms=24 * _HOUR_MS,
    ),
    "trade.losing": Alarm(
        Severity.WARNING,
        "one open position has lost `trade_loss_pct` of equity",
        "nothing has to be done; `risk.max_trade_loss_pct` would close it",
    ),
    "liquidation.near": Alarm(
        Severity.CRITICAL,
        "a position is nearer to liquidation than a tenth of the mark",
        "add collateral, or close it by hand",
    ),
}


def _alarm(turn: Turn, name: str, **fields: object) -> None:
    row = ALARMS[name]
    turn.note_once(name, row.again_ms, row.severity, **fields)


def watch(turn: Turn) -> None:
    """Look at everything once; called at each decision and by its own timer."""
    if not turn.rules.watches:  # where nothing is sent nothing fills, and nobody need be told
        _watch_fills(turn)
        _watch_orders(turn)
        _watch_exits(turn)
        _watch_drift(turn)
        _watch_costs(turn)
    _watch_positions(turn)
    if turn.rules.gates.facts_needed:
        turn.send(SetTimer("watch", turn.now_ms + EVERY_MS))


def patience_ms(rules: Rules) -> int:
    """Time without a fill that is too long: two rebalances at least."""
    return max(rules.pace.no_trade_ms, 2 * int(rules.fields["rebalance_bars"]) * rules.pace.bar_ms)


def _watch_fills(turn: Turn) -> None:
    """No fill for long, while plans had orders."""
    book = turn.book
    since_ms = book.watch.unfilled_ms
    if book.last_plan_ms <= max(book.last_fill_ms, book.started_ms):
        since_ms = 0
    elif not since_ms or since_ms <= book.last_fill_ms:
        since_ms = book.last_plan_ms
    if since_ms != book.watch.unfilled_ms:
        turn.put(watch=replace(book.watch, unfilled_ms=since_ms))
    if since_ms and turn.now_ms - since_ms >= patience_ms(turn.rules):
        _alarm(turn, "trades.missing", since_ms=since_ms)


def _watch_orders(turn: Turn) -> None:
    """Targets stand, nothing is held, and no plan comes to an order."""
    book = turn.book
    idle = book.flat and not book.tasks and not book.names.goal_lots.any() and _has_targets(book)
    since_ms = (book.watch.orderless_ms or turn.now_ms) if idle else 0
    if since_ms != book.watch.orderless_ms:
        turn.put(watch=replace(book.watch, orderless_ms=since_ms))
    if since_ms and turn.now_ms - since_ms >= patience_ms(turn.rules):
        _alarm(turn, "orders.missing", since_ms=since_ms)


def _has_targets(book: Book) -> bool:
    return bool(np.nan_to_num(book.cycle.weight_frac).any())


def _watch_exits(turn: Turn) -> None:
    """Positions that are to be closed and still stand."""
    for symbol, since_ms in turn.book.watch.exits_ms.items():
        if turn.now_ms - since_ms >= turn.rules.pace.stuck_ms:
            _alarm(turn, "position.stuck", symbol=symbol, since_ms=since_ms)


def _watch_drift(turn: Turn) -> None:
    """Held lots against those of the newest plan, once its orders have had their time."""
    book, pace = turn.book, turn.rules.pace
    if book.stopping:
        return  # its orders were taken back on purpose
    if turn.now_ms - book.last_plan_ms < min(pace.stuck_ms, pace.bar_ms // 2):
        return
    for symbol, share in _drifts(book):
        if share > pace.drift_frac:
            _alarm(turn, "position.drifted", symbol=symbol, drift_frac=share)


def _drifts(book: Book) -> Iterable[tuple[str, float]]:
    """Share by which each name is off its plan; frozen, cooling and held ones, and what is worked, are left out."""
    held, goal = book.lots, book.names.goal_lots
    apart = np.flatnonzero(held != goal)
    if not apart.size:
        return
    apart = apart[~_set_apart(book)[apart]]
    worked = {task.approved.intent.symbol for task in book.tasks.values()}
    for at in apart:
        symbol = book.roster.symbols[at]
        if symbol not in worked and symbol not in book.held_by_hand and symbol not in book.watch.exits_ms:
            yield symbol, abs(int(held[at]) - int(goal[at])) / max(abs(int(held[at])), abs(int(goal[at])))


def _set_apart(book: Book) -> NDArray[np.bool_]:
    until_ms, _ = kernel.barred(dict(book.records), book.cycle.closed_ms)
    cooling = (until_ms > book.cycle.closed_ms).any(axis=1)
    apart: NDArray[np.bool_] = (
        cooling | (book.names.stale_bars > 0) | book.positions["hold"] | (book.positions["rungs_hit"] > 0)
    )
    return apart


def _watch_costs(turn: Turn) -> None:
    """What trading has cost against what a simulation assumes."""
    money, pace = turn.book.money, turn.rules.pace
    if money.fills < _FILLS_MIN or not money.traded_usdt > 0.0 or not pace.cost_frac > 0.0:
        return
    live = (money.fee_usdt + money.slippage_usdt) / money.traded_usdt
    if live > pace.cost_frac * (1.0 + pace.cost_overrun_frac):
        _alarm(turn, "cost.overrun", cost_frac=live, assumed_frac=pace.cost_frac)


def _watch_positions(turn: Turn) -> None:
    """A large loss of one position, and a near liquidation."""
    book, rules = turn.book, turn.rules
    equity, held = equity_usdt(book), np.flatnonzero(book.lots)
    if equity > 0.0:
        loss_frac = -trips_usdt(book)[held] / equity
        for at, share in zip(held.tolist(), loss_frac.tolist(), strict=True):
            if share >= rules.pace.trade_loss_frac:
                _alarm(turn, "trade.losing", symbol=book.roster.symbols[at], loss_frac=share)
    views: Mapping[str, Any] = book.venue.positions or {}
    for symbol, view in views.items():
        distance = distance_frac(view)
        if distance < rules.gates.liquidation_min_frac:
            _alarm(turn, "liquidation.near", symbol=symbol, distance_frac=distance)


def trip_usdt(book: Book, at: int) -> float:
    """Result of an open position since its first fill; NaN without a mark."""
    return float(trips_usdt(book)[at]) if book.lots[at] else math.nan


def trips_usdt(book: Book) -> NDArray[np.float64]:
    """The same of every name; it says nothing of one that is not held."""
    value: NDArray[np.float64] = book.lots * book.roster.qty_step * book.names.mark
    return book.names.trip_flow_usdt + value
