"""A bar, in its three moments. The order of things is that of docs/explanation/accounting.md, as in the simulation.

TOUCH: its range meets stops and rungs; what they ask for leaves at once. MARK: the book is valued at its close. DECIDE:
levels move, guards judge, and, where the bar is a rebalance and fresh, targets are decided and the way to them planned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from xsmom import kernel
from xsmom.domain.book import Book, Floats
from xsmom.domain.effects import Severity
from xsmom.domain.events import BarClosed, Stage
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import Intent, Purpose, Style
from xsmom.domain.tape import Closed, Marked, Touched
from xsmom.domain.window import Window
from xsmom.engine import modes, money, sentinel
from xsmom.engine.execution import working_lots
from xsmom.engine.guard_notes import tell_book_guards, tell_name_guards, tell_regimes, tell_shaped
from xsmom.engine.plan import plan_intents, sizing_usdt
from xsmom.engine.turn import DecisionRead, Turn

Row: TypeAlias = dict[str, Any]

_TOUCH_LEGS = 100_000
_RUNGS = 16

_SYMBOL_LOSS = 3
"""Place of the day's loss among the kinds of bars in the records: cooldown, ban, streak, loss of the day."""


def take_bar(turn: Turn, window: Window, event: BarClosed) -> list[Intent]:
    """Live through one moment of a bar; what is wanted because of it."""
    moment: Callable[[Turn, Window, BarClosed], list[Intent]] = {
        Stage.TOUCH: _touch,
        Stage.MARK: _mark,
        Stage.DECIDE: _close,
    }[event.stage]
    return moment(turn, window, event)


def _touch(turn: Turn, window: Window, event: BarClosed) -> list[Intent]:
    book, row = turn.book, event.row
    if row is None or event.close_ms <= book.cycle.touched_ms:
        return []
    turn.put(
        cycle=evolve(
            book.cycle,
            touched_ms=event.close_ms,
            window_hash=window.hash,
            complete_frac=_complete_frac(book, row.close, event.close_ms),
        )
    )
    if book.flat:
        return []
    missing = (book.lots != 0) & np.isnan(row.close)
    if missing.any():
        names = [book.roster.symbols[at] for at in np.flatnonzero(missing)]
        turn.note("bar.missing", Severity.WARNING, symbols=names, close_ms=event.close_ms)
    bar = {"kind": "range", "close_ms": row.close_ms}
    bar |= {name: getattr(row, name) for name in ("open", "high", "low", "close")}
    positions, exits = kernel.advance_stops(dict(book.positions), bar, turn.rules.params)
    turn.put(positions=positions)
    turn.record(Touched(event.close_ms))
    if exits:
        turn.put(cycle=evolve(turn.book.cycle, exited=True))
    return exit_intents(turn, exits)


def exit_intents(turn: Turn, exits: list[kernel.Exit]) -> list[Intent]:
    """What exits of the kernel ask for; a rung that stands on the exchange is carried out there."""
    symbols = turn.book.roster.symbols
    found = [(one, _exit_intent(turn, one)) for one in exits if one.lots]
    return [
        intent
        for one, intent in found
        if not one.rung or one.rung not in sentinel.standing_rungs(turn, symbols[one.symbol])
    ]


def _exit_intent(turn: Turn, found: kernel.Exit) -> Intent:
    book = turn.book
    symbol = book.roster.symbols[found.symbol]
    turn.note(
        "exit.touched",
        symbol=symbol,
        exit=found.reason,
        lots=found.lots,
        price=found.price,
        close_ms=found.bar_close_ms,
    )
    return Intent(
        symbol=symbol,
        lots=found.lots,
        reduce_only=True,
        purpose=Purpose.EXIT,
        style=Style.MARKET,
        reference_price=found.price,
        atr=float("nan"),
        decided_ms=found.bar_close_ms,
        # A bar asks for each rung, and for the stop, once; the plan counts its legs from 0. Names come in their order.
        leg=_TOUCH_LEGS + _RUNGS * found.symbol + found.rung,
        touch_price=found.price,
        exit_by=found.reason,
    )


def _mark(turn: Turn, window: Window, event: BarClosed) -> list[Intent]:
    book = turn.book
    if event.close_ms <= book.cycle.marked_ms or window.last_ms != event.close_ms:
        return []
    close = window.close[-1]
    names = evolve(book.names, mark=np.where(np.isnan(close), book.names.mark, close))
    turn.put(names=names, cycle=evolve(book.cycle, marked_ms=event.close_ms))
    value = money.unit_value(turn.book)
    kept = turn.book.money
    turn.put(money=evolve(kept, unit_value_peak=max(kept.unit_value_peak, value)))
    turn.record(Marked(event.close_ms))
    return []


def _close(turn: Turn, window: Window, event: BarClosed) -> list[Intent]:
    book = turn.book
    if event.close_ms <= book.cycle.closed_ms or window.last_ms != event.close_ms:
        return []
    row = kernel.features_last(window, turn.rules.params, window.scratch(turn.rules.params))
    turn.put(cycle=evolve(book.cycle, closed_ms=event.close_ms, atr=row.get("atr", np.zeros(0))))
    if not book.flat:
        _move_levels(turn, window, row, event.close_ms)
    _judge(turn, row, event.close_ms)
    _count_stale(turn, row["close"])
    _note_week(turn)
    rebalance = is_rebalance(turn, event.close_ms)
    _label(turn, row)
    late = event.late or turn.now_ms - event.close_ms > turn.rules.pace.decision_lag_max_ms
    if turn.tape is not None:
        turn.record(_closed(turn, event.close_ms, late=late))
    if late:
        if rebalance:
            turn.note("decision.skipped", Severity.WARNING, close_ms=event.close_ms, now_ms=turn.now_ms)
        return []
    if not money.equity_usdt(turn.book) > 0.0:
        # No share of nothing can be aimed at. Guards, exits and stops have had their turn.
        if rebalance:
            turn.note("decision.skipped", Severity.ERROR, close_ms=event.close_ms, now_ms=turn.now_ms, why="no equity")
        return []
    if rebalance:
        _decide(turn, window, row, event.close_ms)
    if rebalance or _restless(turn.book):
        return plan_intents(turn, row, event.close_ms, rebalance=rebalance)
    return []


def _closed(turn: Turn, close_ms: int, *, late: bool) -> Closed:
    """What is known at this close beside bars and fills."""
    book, rules = turn.book, turn.rules
    return Closed(
        close_ms=close_ms,
        late=late,
        plans=modes.plans(book),
        guard=modes.plan_guard(book, rules, turn.now_ms),
        waiting_lots=working_lots(book),
        works=works(book),
    )


def is_rebalance(turn: Turn, close_ms: int) -> bool:
    """Whether targets are decided at this close."""
    fields = turn.rules.fields
    place = close_ms // turn.rules.pace.bar_ms
    return bool(place % fields["rebalance_bars"] == fields["rebalance_offset_bars"])


def _complete_frac(book: Book, close: Floats, close_ms: int) -> float:
    """Share of the names that should have a bar and do."""
    roster = book.roster
    alive = (roster.listed_ms < close_ms) & (roster.delisted_ms > close_ms) & ~np.isnan(book.names.mark)
    return float((~np.isnan(close) & alive).sum() / alive.sum()) if alive.any() else 1.0


def _move_levels(turn: Turn, window: Window, row: Row, close_ms: int) -> None:
    bar = {"kind": "close", "close_ms": close_ms}
    bar |= {name: getattr(window, name)[-1] for name in ("open", "high", "low", "close")}
    bar |= {name: row[name] for name in ("atr", "trail_ma", "slope_bps_day") if name in row}
    positions, exits = kernel.advance_stops(dict(turn.book.positions), bar, turn.rules.params)
    turn.put(positions=positions)
    for found in exits:
        turn.note("exit.decided", symbol=turn.book.roster.symbols[found.symbol], exit=found.reason, close_ms=close_ms)


def _judge(turn: Turn, row: Row, close_ms: int) -> None:
    """The guards that need only equity, positions and bars; what they say is kept before it is acted on."""
    book = turn.book
    equity = money.equity_usdt(book)
    held = book.lots != 0
    value = np.where(held, book.lots * book.roster.qty_step * book.names.mark, 0.0)
    moment = {
        "at_ms": close_ms,
        "unit_value": money.share_usdt(book, equity),
        "equity_usdt": equity,
        "symbol_result_usdt": book.names.flow_usdt + value,
        "trade_result_usdt": np.where(held, book.names.trip_flow_usdt + value, 0.0),
        "exposure_frac": value / equity if equity > 0.0 else np.where(held, np.nan, 0.0),
    }
    if "ret_window" in row:
        moment["ret_window"] = row["ret_window"]
    guards, verdict = kernel.evaluate_guards(dict(book.guards), moment, turn.rules.params)
    before, records = book.cycle.guard, book.records
    paused = guards["paused_until_ms"] > close_ms
    if paused.any():
        until = records["until_ms"].copy()
        lasts = np.where(paused, guards["paused_until_ms"], 0)[:, None]
        until[:, _SYMBOL_LOSS, :] = np.maximum(until[:, _SYMBOL_LOSS, :], lasts)
        records = {**records, "until_ms": until}
    turn.put(
        guards=guards,
        records=records,
        # The guard asks anew at each close; the operator has asked until the position is gone.
        names=evolve(book.names, close_asked=guards["close"] & held, close_ordered=book.names.close_ordered & held),
        cycle=evolve(book.cycle, guard=verdict["action"], guard_by=verdict["by"] or ""),
    )
    tell_book_guards(turn, verdict["readings"], close_ms)
    tell_name_guards(turn, book.guards, guards, close_ms)
    if verdict["action"] != before:
        turn.note(
            "guard.changed",
            Severity.INFO if verdict["action"] == "none" else Severity.CRITICAL,
            action=verdict["action"],
            by=verdict["by"],
            readings={name: reading[:3] for name, reading in verdict["readings"].items() if reading[0] != "off"},
            close_ms=close_ms,
        )


def _count_stale(turn: Turn, close: Floats) -> None:
    names = turn.book.names
    stale = np.where(np.isnan(close), names.stale_bars + np.uint32(1), np.uint32(0)).astype(np.uint32)
    turn.put(names=evolve(names, stale_bars=stale))


def _note_week(turn: Turn) -> None:
    """Cumulative cost at each close of the newest seven days, and at the one seven days ago."""
    if not turn.rules.fields["annual_cost_max_frac"] > 0.0:
        return
    bars = 7 * 86_400_000 // turn.rules.pace.bar_ms
    cycle = turn.book.cycle
    week = (*cycle.paid_week, turn.book.money.paid_usdt)[-(bars + 1) :]
    turn.put(cycle=evolve(cycle, paid_week=week))


def _label(turn: Turn, row: Row) -> None:
    if turn.book.labels is not None:
        turn.put(labels=kernel.observe_labels(dict(turn.book.labels), row, turn.rules.params))


def _decide(turn: Turn, window: Window, row: Row, close_ms: int) -> None:
    book, params = turn.book, turn.rules.params
    turn.decision = DecisionRead(close_ms, row, book_row(turn, row, close_ms), book.decision)
    weights, reasons, state = kernel.decide(row, turn.decision.book_row, dict(book.decision), params, window)
    turn.put(
        decision=state,
        cycle=evolve(
            book.cycle,
            decided_ms=close_ms,
            weight_frac=weights,
            reasons=reasons,
            decisions=book.cycle.decisions + 1,
        ),
    )
    if book.labels is not None:
        turn.put(labels=kernel.enter_labels(dict(book.labels), row, weights, reasons, params))
    tell_shaped(turn, book.cycle.reasons, reasons, weights)
    tell_regimes(turn, row)
    turn.note(
        "targets.decided",
        close_ms=close_ms,
        long=int((weights > 0.0).sum()),
        short=int((weights < 0.0).sum()),
        gross_frac=float(np.abs(weights).sum()),
        net_frac=float(weights.sum()),
        window_hash=window.hash,
    )


def book_row(turn: Turn, row: Row, close_ms: int) -> Row:
    """What a decision reads of the book at the close of a bar."""
    book, params = turn.book, turn.rules.params
    equity = money.equity_usdt(book)
    share = 1.0 / sizing_usdt(equity, turn.rules.fields)
    held = book.lots != 0
    mark, step = book.names.mark, book.roster.qty_step
    units = book.lots * step
    cap = kernel.rung_cap_lots(dict(book.positions), params)
    # A cap of whole lots that has been through divisions must still give those lots back.
    capped = held & np.isfinite(cap)
    with np.errstate(invalid="ignore"):
        rung_cap = np.where(capped, cap * step * mark * share * (1.0 + 1e-12), np.inf)
        weight_now = np.where(held, units * mark * share, 0.0)
    until_ms, by = kernel.barred(dict(book.records), close_ms)
    scale = np.ones((len(book.roster), 2))
    if book.labels is not None:
        scale = kernel.estimate_labels(dict(book.labels), row, params)
    return {
        "close_ms": close_ms,
        "equity_usdt": equity,
        "unit_value": money.share_usdt(book, equity),
        "unit_value_peak": book.money.unit_value_peak,
        "guard": book.cycle.guard,
        "weight_now_frac": weight_now,
        "stale_bars": book.names.stale_bars,
        "hold": book.positions["hold"],
        "barred_until_ms": until_ms,
        "barred_by": by,
        "rung_cap_frac": rung_cap,
        "meta_scale": scale,
        "order_usdt_min": np.fmax(book.roster.notional_usdt_min, step * row["close"]),
    }


def works(book: Book) -> bool:
    """Whether anything of ours may still fill."""
    return bool(book.tasks) or any(not order.phase.final for order in book.orders.values())


def _restless(book: Book) -> bool:
    """Something needs a plan between rebalances: an exit that waits or has just left, a guard."""
    if book.flat and not works(book):
        return False
    closing = bool(((book.positions["closing"] != 0) & (book.lots != 0)).any())
    return (
        book.cycle.guard != "none"
        or book.cycle.exited
        or bool((book.names.close_asked | book.names.close_ordered).any())
        or closing
    )
