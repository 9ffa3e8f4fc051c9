"""Every guard of the core, fired through `engine.step`: what it does, and that it is told under its own name, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.engine.gate_steps import Outcome, decide, healthy, moment, out_there, take
from xsmom import kernel
from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import Severity
from xsmom.domain.events import BarClosed, Stage
from xsmom.domain.panel import CELL_FIELDS
from xsmom.domain.window import BarRow, Window
from xsmom.engine.guard_notes import GUARD_NOTES, tell_streak
from xsmom.engine.step import step
from xsmom.engine.turn import Turn

DAY_MS = 86_400_000


def day_of(made: Book) -> int:
    return (made.cycle.marked_ms - 1) // DAY_MS


def guarded(**changes: Any) -> Callable[[Book], Book]:
    """The guards as they are on a day that opened at a value of one, changed so."""

    def bend(made: Book) -> Book:
        value = 1.0
        kept = {
            "day": day_of(made),
            "last_value": value,
            "day_open_value": value,
            "day_high_value": value,
            "today_high_value": value,
            "peak_value": value,
            "day_open_equity_usdt": 10_000.0,
            "last_equity_usdt": 10_000.0,
        }
        return replace(made, guards={**dict(made.guards), **kept, **changes})

    return bend


def fallen(name: str) -> Callable[[Book], Book]:
    """One measure of the value stood twice as high before."""
    return guarded(**{name: 2.5})


def losing(made: Book) -> Book:
    """Names that are held have lost all day, and since their first fill."""
    bent = guarded(results_known=True)(made)
    held = made.lots != 0
    names = made.names
    return replace(
        bent,
        names=replace(
            names,
            flow_usdt=np.where(held, names.flow_usdt - 5_000.0, names.flow_usdt),
            trip_flow_usdt=np.where(held, names.trip_flow_usdt - 5_000.0, names.trip_flow_usdt),
        ),
    )


def clustered(made: Book) -> Book:
    at_ms = made.cycle.marked_ms
    return guarded(stops_ms=np.array([at_ms - 2_000, at_ms - 1_000], dtype=np.int64))(made)


SCENES: dict[str, tuple[dict[str, Any], Callable[[Book], Book], Mode | None]] = {
    "daily_loss": ({"risk.max_daily_loss_pct": 5}, fallen("day_high_value"), Mode.FLATTENING),
    "emergency_loss": ({"risk.emergency_loss_pct": 2}, fallen("day_open_value"), Mode.REDUCING),
    "drawdown": ({"risk.max_portfolio_drawdown_pct": 15}, fallen("today_high_value"), Mode.FLATTENING),
    "longterm_drawdown": ({"risk.max_longterm_drawdown_pct": 30}, fallen("peak_value"), Mode.REDUCING),
    "symbol_daily_loss": ({"risk.max_symbol_daily_loss_pct": 3}, losing, None),
    "trade_loss": ({"risk.max_trade_loss_pct": 2}, losing, None),
    "cvar": ({"risk.max_cvar_pct": 0.01}, guarded(), Mode.REDUCING),
    "stop_cluster": ({"risk.stop_cluster.count": 2}, clustered, Mode.REDUCING),
}


def fire(guard: str) -> tuple[Outcome, Any]:
    settings, bend, _ = SCENES[guard]
    quiet = {"risk.max_daily_loss_pct": 0, **settings}
    rules = out_there(quiet)
    if guard == "cvar":
        return longer(bend(healthy(held=True)), rules), rules
    return decide(bend, rules, held=True), rules


def longer(made: Book, rules: Any) -> Outcome:
    """The decision with ten times the history, which a loss of the worst days wants: the same bars again and again."""
    _, short = moment(held=True)
    bars, bar_ms = len(short.close), int(rules.fields["bar_ms"])
    window = Window(short.symbols, short.listed_ms, short.delisted_ms, bar_ms=bar_ms, bars_max=10 * bars)
    for part in range(-9, 1):
        for at in range(bars):
            cells = (np.array(getattr(short, name)[at]) for name in CELL_FIELDS)
            window.append(BarRow(int(short.close_ms[at]) + part * bars * bar_ms, *cells))
    event = BarClosed(made.cycle.marked_ms, Stage.DECIDE)
    return Outcome(*step(made, window, event, made.cycle.marked_ms, rules))


@pytest.mark.parametrize("guard", SCENES)
def test_it_fires_through_the_step_under_its_own_name(guard: str) -> None:
    outcome, _ = fire(guard)
    (told, *_) = [note for note in outcome.notes if note.name == f"guard.{guard}"]
    assert told.severity is GUARD_NOTES[guard].severity
    mode = SCENES[guard][2]
    if mode is not None:
        assert outcome.book.mode is mode
        assert outcome.opened == set()
    calm = decide(guarded(), out_there({"risk.max_daily_loss_pct": 0}), held=True)
    assert f"guard.{guard}" not in calm.told
    assert calm.book.mode is Mode.TRADING


def test_there_is_a_scene_for_every_guard_of_the_core() -> None:
    assert set(SCENES) == set(kernel.GUARDS) == set(GUARD_NOTES) - {"streak", *SHAPED}


def test_what_stands_is_told_once_a_day_and_anew_when_it_comes_again() -> None:
    outcome, rules = fire("drawdown")
    close_ms = outcome.book.cycle.closed_ms

    def again(book: Book, late_ms: int) -> Outcome:
        at = replace(book.cycle, closed_ms=close_ms - 1)
        return take(
            replace(book, cycle=at), BarClosed(close_ms, Stage.DECIDE), rules, now_ms=close_ms + late_ms, held=True
        )

    assert "guard.drawdown" not in again(outcome.book, 60_000).told
    assert "guard.drawdown" in again(outcome.book, DAY_MS).told
    let_go = replace(outcome.book, guards={**guarded()(outcome.book).guards, "drawdown_latched": False})
    calm = again(let_go, 60_000)
    assert "guard.drawdown" not in calm.told
    fired = replace(calm.book, guards=fallen("today_high_value")(calm.book).guards)
    assert "guard.drawdown" in again(fired, 120_000).told


def test_a_guard_that_cannot_be_judged_blocks_and_says_so() -> None:
    bend = guarded(day_open_value=float("nan"))
    outcome = decide(bend, out_there({"risk.max_daily_loss_pct": 0, "risk.emergency_loss_pct": 2}), held=True)
    (told,) = [note for note in outcome.notes if note.name == "guard.blind"]
    assert told.fields["guard"] == "emergency_loss"
    assert told.severity is Severity.ERROR
    assert outcome.book.mode is Mode.REDUCING
    assert outcome.opened == set()


def test_positions_and_names_are_named() -> None:
    for guard in ("trade_loss", "symbol_daily_loss"):
        outcome, _ = fire(guard)
        named = {note.fields["symbol"] for note in outcome.notes if note.name == f"guard.{guard}"}
        held = {name for at, name in enumerate(healthy(held=True).roster.symbols) if healthy(held=True).lots[at]}
        assert named == held
    assert outcome.opened.isdisjoint(held)


def test_trades_that_lose_in_a_row_pause_their_symbol() -> None:
    rules = out_there({"risk.streak.losses": 1})
    made = healthy(held=True)
    at = int(np.flatnonzero(made.lots)[0])
    turn = Turn(made, rules, made.cycle.marked_ms)
    records = kernel.note_round_trip(dict(made.records), at, -50.0, made.cycle.marked_ms, rules.params)
    tell_streak(turn, made.records, records, at)
    (told,) = turn.notes
    assert told.name == "guard.streak"
    assert told.fields["symbol"] == made.roster.symbols[at]
    tell_streak(turn, records, records, at)
    assert len(turn.notes) == 1


SHAPED: dict[str, dict[str, Any]] = {
    "correlation": {
        "strategy.correlation_limit.enabled": True,
        "strategy.correlation_limit.max_corr": 0.01,
        "strategy.correlation_limit.lookback": 20,
    },
    "risk_per_trade": {"risk.risk_per_trade_frac": 0.0001},
    "positions_max": {"strategy.entry_throttle.max_open_positions": 2},
    "exposure": {
        "strategy.portfolio_vol_target.enabled": True,
        "strategy.portfolio_vol_target.target_ann_vol": 5.0,
        "strategy.portfolio_vol_target.max_scale": 3.0,
        "strategy.portfolio_vol_target.lookback_hours": 20,
        "strategy.gross_leverage": 0.5,
        "strategy.gross_hard_cap": 0.6,
    },
    "atr_regime": {
        "strategy.atr_regime.enabled": True,
        "strategy.atr_regime.high_atr_pct": 0.001,
        "strategy.atr_regime.low_atr_pct": 0.0,
    },
    "vol_regime": {
        "strategy.vol_regime.enabled": True,
        "strategy.vol_regime.fast_lookback": 2,
        "strategy.vol_regime.base_lookback": 5,
        "strategy.vol_regime.ratio_start": 0.05,
    },
}


@pytest.mark.parametrize("guard", SHAPED)
def test_what_shapes_a_target_is_told_at_the_decision(guard: str) -> None:
    outcome, plain = decide(rules=out_there(SHAPED[guard])), decide()
    (told,) = [note for note in outcome.notes if note.name == f"guard.{guard}"]
    assert told.severity is GUARD_NOTES[guard].severity
    assert f"guard.{guard}" not in plain.told
    changed = outcome.book.cycle.weight_frac != plain.book.cycle.weight_frac
    assert changed.any() or guard == "atr_regime"  # its threshold is below every score here
    if "symbols" in told.fields:
        reasons = outcome.book.cycle.reasons
        cut = {name for at, name in enumerate(outcome.book.roster.symbols) if reasons[at] in CODES[guard]}
        assert set(told.fields["symbols"]) == cut  # type: ignore[call-overload]


CODES = {
    guard: {code for code, name in kernel.REASONS.items() if name in reasons}
    for guard, reasons in {
        "correlation": {"correlated", "cluster_cap"},
        "risk_per_trade": {"risk_cap"},
        "positions_max": {"positions_max"},
        "exposure": {"gross_cap", "net_cap"},
    }.items()
}
