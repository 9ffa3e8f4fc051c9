"""Entries that work when a gate begins to refuse, through the step: they wait, go back, or are called off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.gate_books import account, entry, worked
from tests.unit.engine.gate_steps import Outcome, healthy, out_there, take
from xsmom.domain.book import Book, Kill, Mode
from xsmom.domain.effects import AmendOrder, CancelOrder, SendOrder
from xsmom.domain.events import TimerFired
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import LiveOrder, Phase, Purpose
from xsmom.domain.protection import Protection
from xsmom.engine.gates import GATES, Standing
from xsmom.engine.rules import Rules

Bend = Callable[[Book], Book]


def venue(**changes: Any) -> Bend:
    return lambda made: replace(made, venue=replace(made.venue, **changes))


def health(**changes: Any) -> Bend:
    return lambda made: replace(made, health=replace(made.health, **changes))


def money(**changes: Any) -> Bend:
    return venue(account=account(**changes))


def contract(**changes: Any) -> Bend:
    def bend(made: Book) -> Book:
        roster = made.roster
        one, *others = roster.instruments
        return replace(made, roster=type(roster).of((replace(one, **changes), *others)))

    return bend


def bare(made: Book) -> Book:
    """A position that no stop protects."""
    positions = {**made.positions, "lots": made.positions["lots"].copy()}
    positions["lots"][1] = 5
    protection = {**made.protection, made.roster.symbols[1]: Protection(lots=5)}
    return replace(made, positions=positions, protection=protection)


def in_doubt(made: Book) -> Book:
    order = next(iter(made.orders.values()))
    lost = replace(order, request=replace(order.request, client_order_id="xmlost"), phase=Phase.UNKNOWN)
    return replace(made, orders={**made.orders, "xmlost": replace(lost, parent_id="xmlost", looked_ms=made.as_of_ms)})


def near(made: Book) -> Book:
    from tests.unit.engine.gate_books import position_view

    symbol = made.roster.symbols[1]
    return venue(positions={symbol: position_view(symbol, 5, 100.0, 95.0)})(made)


def by_hand(made: Book) -> Book:
    return replace(made, held_by_hand={made.roster.symbols[0]: "bought"})


BENT: dict[str, Bend] = {
    "kill_switch": lambda made: replace(made, kill=Kill(active=True, by="me", reason="fear")),
    "mode": lambda made: replace(made, paused="me"),
    "breaker": lambda made: health(breaker_until_ms=made.cycle.marked_ms + 60_000)(made),
    "api_lag": health(lag_ms=60_000.0),
    "clock_skew": health(skew_ms=5_000.0),
    "stale_book": health(streaming=False),
    "margin_soft": money(initial_margin_usdt=8_500),
    "margin_hard": money(initial_margin_usdt=9_500),
    "maintenance": money(maintenance_rate_frac="0.6"),
    "liquidation_near": near,
    "stop_coverage": bare,
    "unknown_order": in_doubt,
    "wallet": venue(unexplained_usdt=900.0),
    "mismatch": venue(mismatches=("R4 AAAUSDT: a twin",)),
    "foreign": lambda made: venue(mismatches=(f"R6 {made.roster.symbols[0]}: not ours",))(made),
    "held_by_hand": by_hand,
    "not_trading": contract(trading=Trading.NOT_YET),
    "delisting": lambda made: contract(delisted_ms=made.cycle.marked_ms + 90 * 3_600_000)(made),
}
STANDING = {gate.veto.value: gate.standing for gate in GATES}


def at_work() -> tuple[Book, LiveOrder, LiveOrder]:
    """A book with an entry and a reduction that rest; both are due, and their prices too."""
    made = healthy()
    now_ms = made.cycle.marked_ms
    made = replace(made, cycle=replace(made.cycle, closed_ms=now_ms))
    first, second = made.roster.symbols[:2]
    price = float(made.names.mark[0])
    lots = int(500.0 / price / float(made.roster.qty_step[0]))
    opening = worked(entry(first, lots, reference_price=price, decided_ms=now_ms))
    closing = worked(entry(second, -5, reduce_only=True, purpose=Purpose.REBALANCE, decided_ms=now_ms))
    tasks = {
        task.approved.client_order_id: replace(task, started_ms=now_ms, deadline_ms=now_ms + 3_600_000)
        for task, _ in (opening, closing)
    }
    orders = {order.client_order_id: replace(order, sent_ms=now_ms, priced_ms=0) for _, order in (opening, closing)}
    return (
        replace(made, tasks=tasks, orders=orders),
        orders[opening[1].client_order_id],
        orders[closing[1].client_order_id],
    )


def watched(veto: str) -> Rules:
    made = out_there()
    return replace(made, protect=replace(made.protect, enabled=veto == "stop_coverage"))


def look(made: Book, rules: Rules) -> Outcome:
    return take(made, TimerFired("work", made.cycle.marked_ms), rules)


def test_every_gate_is_bent_here() -> None:
    assert set(BENT) == {name for name, standing in STANDING.items() if standing is not Standing.STAYS}


def test_where_all_is_well_they_are_left_and_repriced() -> None:
    made, opening, _ = at_work()
    outcome = look(made, watched(""))
    assert not any(isinstance(effect, CancelOrder) for effect in outcome.effects)
    moved = [one.request.client_order_id for one in outcome.effects if isinstance(one, AmendOrder)]
    assert opening.client_order_id in moved
    assert not any(name.startswith("gate.") for name in outcome.told)


@pytest.mark.parametrize("veto", BENT)
def test_a_gate_that_begins_to_refuse(veto: str) -> None:
    made, opening, closing = at_work()
    outcome = look(BENT[veto](made), watched(veto))
    assert f"gate.{veto}" in outcome.told
    cancelled = {effect.client_order_id for effect in outcome.effects if isinstance(effect, CancelOrder)}
    standing = STANDING[veto]
    assert (opening.client_order_id in cancelled) == (standing in {Standing.TAKEN_BACK, Standing.CALLED_OFF})
    # A reduction is no gate's business, and nothing that opens leaves or is moved.
    assert closing.client_order_id not in cancelled
    assert not any(isinstance(effect, SendOrder) and not effect.request.reduce_only for effect in outcome.effects)
    moved = [one.request.client_order_id for one in outcome.effects if isinstance(one, AmendOrder)]
    assert opening.client_order_id not in moved
    task = outcome.book.tasks[opening.parent_id]
    assert bool(task.ending) == (standing is Standing.CALLED_OFF)
    if standing is Standing.CALLED_OFF:
        assert veto in task.ending
    else:
        assert task.barred_by


@pytest.mark.parametrize("veto", [name for name in BENT if STANDING[name] is Standing.TAKEN_BACK])
def test_when_it_is_silent_again_the_entry_goes_on_under_a_new_name(veto: str) -> None:
    made, opening, _ = at_work()
    taken = look(BENT[veto](made), watched(veto)).book
    gone = replace(taken.orders[opening.client_order_id], phase=Phase.CANCELLED, final_ms=taken.as_of_ms)
    back = replace(
        taken,
        orders={**taken.orders, opening.client_order_id: gone},
        health=made.health,
        venue=replace(made.venue, asked_ms=taken.venue.asked_ms),
        roster=made.roster,
    )
    outcome = look(back, watched(veto))
    sent = [effect.request.client_order_id for effect in outcome.effects if isinstance(effect, SendOrder)]
    assert any(name.startswith(f"{opening.parent_id}-") for name in sent)
    assert outcome.book.tasks[opening.parent_id].barred_by == ""


def test_a_gate_that_goes_on_takes_back_once() -> None:
    made, opening, _ = at_work()
    first = look(BENT["stale_book"](made), watched(""))
    again = look(first.book, watched(""))
    assert CancelOrder(opening.symbol, opening.client_order_id) in first.effects
    assert not any(isinstance(effect, CancelOrder) for effect in again.effects)


def test_a_process_that_just_began_tells_its_mode_and_not_each_gate() -> None:
    """After a restart with entries at work nothing of the account is known for a moment."""
    made, _, _ = at_work()
    begun = replace(made, mode=Mode.RECONCILING, venue=replace(made.venue, account=None, reconciled_ms=0))
    outcome = look(begun, watched("margin_soft"))
    gates = {name for name in outcome.told if name.startswith("gate.")}
    assert gates <= {"gate.mode"}
    later = replace(begun, venue=replace(begun.venue, reconciled_ms=made.as_of_ms))
    assert "gate.margin_soft" in look(later, watched("margin_soft")).told
