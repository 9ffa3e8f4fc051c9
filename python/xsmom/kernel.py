"""The core's functions under public names: what is decided, planned, stopped, guarded, and why.

Everything here takes and returns plain arrays and dictionaries of arrays; the meaning of each key is in
the manual's pages on the decision, exits, plan, guards and meta-labeller. State is handed in and out: nothing
is hidden, nothing given is changed, and what comes back can be stored by `numpy.savez` and goes on with the
same bits. A live loop calls, at each close of a bar:

    state = kernel.new_state(names, params)           # once; then what the last call gave back
    positions, exits = kernel.advance_stops(positions, {"kind": "close", **bar}, params)
    guards, verdict = kernel.evaluate_guards(guards, moment, params)
    until_ms, by = kernel.barred(records, close_ms)
    weights, reasons, state = kernel.decide(row, book, state, params, facts)
    orders = kernel.plan(weights, reasons, holdings, params)["legs"]
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xsmom import _core
from xsmom._core import (
    Params,
    Scratch,
    barred,
    decide,
    enter_labels,
    estimate_labels,
    evaluate_guards,
    execute_fill,
    features,
    features_last,
    fine_lot_steps,
    flat_positions,
    fold_fill,
    follow,
    guard_table,
    model_book,
    model_weights,
    new_guards,
    new_labels,
    new_records,
    new_state,
    note_guard_stop,
    note_round_trip,
    note_stop,
    observe_labels,
    plan,
    rearm_guard,
    report_labels,
    rung_cap_lots,
    value_book,
    warmup_bars,
)

__all__ = [
    "EXITS",
    "GUARDS",
    "REASONS",
    "REASON_TEXTS",
    "STOP_EXITS",
    "Exit",
    "Params",
    "Scratch",
    "advance_stops",
    "barred",
    "decide",
    "enter_labels",
    "estimate_labels",
    "evaluate_guards",
    "execute_fill",
    "features",
    "features_last",
    "fine_lot_steps",
    "flat_positions",
    "fold_fill",
    "follow",
    "model_book",
    "model_weights",
    "new_guards",
    "new_labels",
    "new_records",
    "new_state",
    "note_guard_stop",
    "note_round_trip",
    "note_stop",
    "observe_labels",
    "plan",
    "rearm_guard",
    "report_labels",
    "rung_cap_lots",
    "value_book",
    "warmup_bars",
]

REASONS: dict[int, str] = {code: key for code, (key, _) in _core.reasons().items()}
"""Reason codes and their stable names."""

REASON_TEXTS: dict[str, str] = dict(_core.reasons().values())
"""One sentence for each reason."""

EXITS: dict[int, str] = _core.exit_reasons()
"""Codes of exits, as `stop_by` and `closing` of a position hold them, and their stable names; 0 is none."""

STOP_EXITS = frozenset(
    {"initial_stop", "catastrophic_stop", "emergency_stop", "breakeven", "profit_lock", "trailing_stop"}
)
"""Exits by a level that protects; they bar the side that they closed."""

GUARDS: dict[str, tuple[str, str, str, str]] = guard_table()
"""Each guard's limit (a field of Params), measure, action and reset, strictest first."""


class Exit(NamedTuple):
    """Lots to be traded against a position, and why."""

    symbol: int
    reason: str
    rung: int
    """Rung of the ladder, counted from 1; 0 for everything else."""
    lots: int
    """Signed lots of the trade: negative closes a long."""
    price: float
    bar_close_ms: int


def advance_stops(
    positions: dict[str, Any], event: dict[str, Any], params: Params
) -> tuple[dict[str, Any], list[Exit]]:
    """Advance all stops by one event: the next positions, and the exits to carry out.

    `event` is `{"kind": "tick", "symbol", "price", "at_ms"}`, or a bar of all symbols: `{"kind": "range" or
    "close", "close_ms", "open", "high", "low", "close"}`, for a close also `atr`, `trail_ma`, `slope_bps_day` where
    the rules need them. Levels move at closes only; ticks and ranges only touch them.
    """
    after, found = _core.advance_stops(positions, event, params)
    return after, [Exit(one[0], EXITS[one[1]], *one[2:]) for one in found]
