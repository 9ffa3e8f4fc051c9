"""Alarms about what does not happen: each waits its time, fires, and is silent when all is well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.engine.gate_books import (
    HOUR_MS,
    NOW_MS,
    book,
    entry,
    position_view,
    rules,
    told,
    turn,
    under_way,
    worked,
)
from tests.unit.engine.gate_steps import healthy, out_there, take
from xsmom.domain.book import Book, Money, Watch
from xsmom.domain.effects import SetTimer
from xsmom.domain.events import TimerFired
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn
from xsmom.engine.watch import ALARMS, patience_ms, trip_usdt, watch


def look(made: Book, by: Rules | None = None, now_ms: int = NOW_MS) -> Turn:
    now = turn(made, by, now_ms)
    watch(now)
    return now


def alarms(of: Turn) -> set[str]:
    return set(told(of)) & set(ALARMS)


@pytest.mark.parametrize("lots", [(0, 0, 0), (30, -300, 0)])
def test_all_is_well_on_a_healthy_book(lots: tuple[int, ...]) -> None:
    now = look(book(lots))
    assert told(now) == []
    assert now.effects == [SetTimer("watch", NOW_MS + 60_000)]
    assert look(book(lots), rules({}, facts_needed=False)).effects == []


# --- no trade ---------------------------------------------------------------------------------


def planned(at_ms: int, filled_ms: int = 0, **more: Any) -> Book:
    return book((5, 0, 0), last_plan_ms=at_ms, last_fill_ms=filled_ms, started_ms=NOW_MS - 1_000 * HOUR_MS, **more)


def test_no_fill_for_long_while_a_plan_had_orders() -> None:
    first = look(planned(NOW_MS, NOW_MS - 9 * HOUR_MS))
    assert alarms(first) == set(), "the plan has just been made: nine hours without orders are no fault"
    assert first.book.watch.unfilled_ms == NOW_MS
    soon = NOW_MS + patience_ms(rules()) - 1
    assert alarms(look(first.book, now_ms=soon)) == set()
    assert "trades.missing" in alarms(look(first.book, now_ms=soon + 1))


def test_a_later_plan_does_not_start_the_clock_anew_and_a_fill_does() -> None:
    waiting = replace(planned(NOW_MS), watch=Watch(unfilled_ms=NOW_MS - 10 * HOUR_MS))
    assert "trades.missing" in alarms(look(waiting))
    filled = look(replace(waiting, last_fill_ms=NOW_MS))
    assert alarms(filled) == set()
    assert filled.book.watch.unfilled_ms == 0


def test_what_a_former_process_planned_is_not_missed() -> None:
    made = replace(planned(NOW_MS - 20 * HOUR_MS), started_ms=NOW_MS)
    assert look(made).book.watch.unfilled_ms == 0


@pytest.mark.parametrize(
    ("settings", "wanted_ms"),
    [
        ({}, 4 * HOUR_MS),
        ({"notifications.monitoring.no_trade_hours": 6}, 6 * HOUR_MS),
        ({"strategy.rebalance.every_bars": 24}, 48 * HOUR_MS),
    ],
)
def test_patience_is_the_setting_or_two_rebalances(settings: dict[str, Any], wanted_ms: int) -> None:
    assert patience_ms(rules({"strategy.timeframe": "1h", **settings})) == wanted_ms


# --- signals without orders -------------------------------------------------------------------


def idle(**more: Any) -> Book:
    made = book(**more)
    return replace(made, cycle=replace(made.cycle, weight_frac=np.array([0.1, -0.1, np.nan])))


def test_targets_that_never_become_orders() -> None:
    first = look(idle())
    assert alarms(first) == set()
    late = NOW_MS + patience_ms(rules())
    assert alarms(look(first.book, now_ms=late)) == {"orders.missing"}


@pytest.mark.parametrize("well", ["held", "planned", "no targets"])
def test_what_ends_it(well: str) -> None:
    made = idle(watch=Watch(orderless_ms=1))
    if well == "held":
        made = replace(idle(lots=(5, 0, 0)), watch=made.watch)
    elif well == "planned":
        made = replace(made, names=replace(made.names, goal_lots=np.array([5, 0, 0])))
    else:
        made = replace(made, cycle=replace(made.cycle, weight_frac=np.zeros(3)))
    now = look(made)
    assert "orders.missing" not in alarms(now)
    assert now.book.watch.orderless_ms == 0


# --- stuck exits, drift -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "stood_ms", "fires"),
    [
        ({}, 1_799_999, False),
        ({}, 1_800_000, True),
        ({"notifications.monitoring.position_stuck_minutes": 5}, 300_000, True),
    ],
)
def test_an_exit_that_does_not_end(settings: dict[str, Any], stood_ms: int, fires: bool) -> None:
    made = book((5, 0, 0), watch=Watch(exits_ms={"AAAUSDT": NOW_MS - stood_ms}))
    assert ("position.stuck" in alarms(look(made, rules(settings)))) == fires


def drifting(held: int, goal: int, **more: Any) -> Book:
    made = book((held, 0, 0), **{"last_plan_ms": NOW_MS - HOUR_MS, "last_fill_ms": NOW_MS, **more})
    return replace(made, names=replace(made.names, goal_lots=np.array([goal, 0, 0])))


@pytest.mark.parametrize(
    ("held", "goal", "fires"),
    [(100, 100, False), (80, 100, False), (79, 100, True), (100, 79, True), (0, 5, True), (5, 0, True), (-5, 5, True)],
)
def test_held_lots_against_the_plan(held: int, goal: int, fires: bool) -> None:
    assert ("position.drifted" in alarms(look(drifting(held, goal)))) == fires


def test_the_share_that_alarms_is_a_setting() -> None:
    wide = rules({"notifications.monitoring.position_drift_pct": 50})
    assert alarms(look(drifting(60, 100), wide)) == set()
    assert alarms(look(drifting(60, 100))) == {"position.drifted"}


def test_a_plan_that_was_just_made_is_given_its_time() -> None:
    assert alarms(look(drifting(0, 100, last_plan_ms=NOW_MS - 60_000))) == set()


def test_orders_that_a_stop_took_back_are_no_drift() -> None:
    assert alarms(look(drifting(0, 100, stopping="keep"))) == set()


def test_names_that_a_plan_cannot_move_stand_apart() -> None:
    made = drifting(0, 100)
    frozen = replace(made, names=replace(made.names, stale_bars=np.array([1, 0, 0], dtype=np.uint32)))
    until = np.array(made.records["until_ms"])
    until[0] = NOW_MS + HOUR_MS
    cooling = replace(made, records={**made.records, "until_ms": until})
    by_hand = replace(made, held_by_hand={"AAAUSDT": "the owner"})
    on_hold = replace(made, positions={**made.positions, "hold": np.array([True, False, False])})
    rung = replace(drifting(70, 100), positions={**drifting(70, 100).positions, "rungs_hit": np.array([1, 0, 0])})
    busy = replace(drifting(0, 100), tasks=under_way((0, 0, 0), worked(entry(lots=100))).tasks)
    for one in (frozen, cooling, by_hand, on_hold, rung, busy):
        assert alarms(look(one)) == set()


# --- costs, losses, liquidation ---------------------------------------------------------------


def traded(fee_usdt: float, slippage_usdt: float, fills: int = 50) -> Book:
    spent = Money(cash_usdt=10_000, units=10_000, fee_usdt=fee_usdt, slippage_usdt=slippage_usdt)
    return book(money=replace(spent, traded_usdt=100_000, fills=fills))


def test_trading_that_costs_more_than_was_assumed() -> None:
    """Assumed by default: 5.5 bps taker and 1 bp of spread; 65 USDT on 100,000."""
    assert rules().pace.cost_frac == pytest.approx(6.5e-4)
    assert alarms(look(traded(50, 27.9))) == set()
    assert alarms(look(traded(50, 28.1))) == {"cost.overrun"}
    assert alarms(look(traded(50, 28.1, fills=49))) == set()
    wide = rules({"notifications.monitoring.cost_overrun_pct": 40})
    assert alarms(look(traded(50, 28.1), wide)) == set()
    assert rules({"costs.maker_fill_ratio": 1.0}).pace.cost_frac == pytest.approx(2e-4)


@pytest.mark.parametrize(
    ("settings", "loss_usdt", "fires"),
    [({}, 199, False), ({}, 201, True), ({"notifications.monitoring.trade_loss_pct": 3}, 201, False)],
)
def test_one_trade_that_loses_much(settings: dict[str, Any], loss_usdt: float, fires: bool) -> None:
    made = book((30, 0, 0))
    flow = np.array([-300.0 - loss_usdt, 0.0, 0.0])
    made = replace(made, names=replace(made.names, trip_flow_usdt=flow))
    assert trip_usdt(made, 0) == pytest.approx(-loss_usdt)
    assert ("trade.losing" in alarms(look(made, rules(settings)))) == fires


def test_a_liquidation_that_is_near() -> None:
    made = book((30, 0, 0))
    near = {"AAAUSDT": position_view("AAAUSDT", 30, 100.0, 91.0)}
    made = replace(made, venue=replace(made.venue, positions=near))
    assert alarms(look(made)) == {"liquidation.near"}


def test_an_alarm_is_repeated_hourly_and_not_at_every_look() -> None:
    made = book((5, 0, 0), watch=Watch(exits_ms={"AAAUSDT": 0}))
    first = look(made)
    assert alarms(look(first.book, now_ms=NOW_MS + 60_000)) == set()
    assert alarms(look(first.book, now_ms=NOW_MS + HOUR_MS)) == {"position.stuck"}


def test_through_the_step() -> None:
    made = healthy(held=True)
    now_ms = made.cycle.marked_ms
    late = replace(made, last_plan_ms=now_ms, last_fill_ms=0, watch=Watch(unfilled_ms=now_ms - 100 * HOUR_MS))
    outcome = take(late, TimerFired("watch", now_ms), out_there(), held=True)
    assert "trades.missing" in outcome.told
    assert SetTimer("watch", now_ms + 60_000) in outcome.effects
