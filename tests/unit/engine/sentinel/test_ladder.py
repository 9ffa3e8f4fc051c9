"""The take-profit ladder on the exchange: behind the stop, right-sized, taken once, gone with its position."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.engine.books import rules
from tests.unit.engine.scene import Scene
from tests.unit.engine.scripted_venue import refused
from tests.unit.engine.sentinel.scenes import A, protected
from xsmom.domain.effects import AmendOrder, CancelOrder, SendOrder
from xsmom.domain.events import FillSeen, OrderUpdated
from xsmom.domain.orders import Phase, Purpose
from xsmom.domain.trading import Answer, OrderState, Refusal
from xsmom.engine.sentinel import is_rung

#: 20 of 50 lots at 102, 30 at 104.
LADDER = rules(ladder=[(0.02, 0.4), (0.04, 0.6)], ladder_unit="price_frac")


def stand(lots: int = 50, **script: Any) -> Scene:
    """A position whose stop and whose rungs stand."""
    acted = protected(lots, obeyed=LADDER, **script)
    acted.run(4_000)
    return acted


def standing(acted: Scene) -> list[tuple[int, int]]:
    """Ticks and lots of the conditional orders of ours at the venue."""
    rows = [one for one in acted.venue.orders.values() if one.trigger is not None and not one.state.final]
    return sorted((one.trigger.price_ticks, one.lots) for one in rows if one.trigger is not None)


def order_of(acted: Scene, number: int) -> str:
    return next(one.order_id for one in acted.book.protection[A].rungs if one.number == number)


def fire(acted: Scene, number: int, lots: int | None = None, price: float | None = None) -> None:
    """The exchange takes a rung; its word and its execution come a little later."""
    name = order_of(acted, number)
    view = acted.venue.orders[name]
    done = view.lots if lots is None else lots
    level = view.trigger.price_ticks * 0.1 if view.trigger and price is None else price
    assert level is not None
    made = acted.venue.trade(acted.now_ms, A, done, level, name, view.order_id)
    ended = done == view.lots
    acted.venue.orders[name] = replace(
        view, filled_lots=done, state=OrderState.FILLED if ended else OrderState.PARTIAL, at_ms=acted.now_ms
    )
    acted.at(acted.now_ms + 5, FillSeen(made))


def sent_exits(acted: Scene) -> list[int]:
    """Lots of exits that were sent as orders of their own."""
    return [
        one.request.lots
        for _, one in acted.sent
        if isinstance(one, SendOrder) and one.approved.intent.purpose is Purpose.EXIT
    ]


@pytest.mark.parametrize(("lots", "expected"), [(50, [(1020, -20), (1040, -30)]), (-50, [(960, 30), (980, 20)])])
def test_rungs_stand_behind_the_stop(lots: int, expected: list[tuple[int, int]]) -> None:
    acted = stand(lots)
    assert standing(acted) == expected
    rows = acted.venue.orders.values()
    assert all(one.reduce_only and one.trigger is not None and one.trigger.rising == (lots > 0) for one in rows)
    placed = [note.fields["rung"] for note in acted.told("rung.placed")]
    assert placed == [1, 2]
    first_rung = min(at_ms for at_ms, one in acted.sent if isinstance(one, SendOrder))
    stopped = next(at_ms for at_ms, note in acted.notes if note.name == "stop.placed")
    assert first_rung >= stopped, "a stop comes first"
    assert acted.exits == []
    acted.run(60_000)
    assert len([one for _, one in acted.sent if isinstance(one, SendOrder)]) == 2, "nothing is placed twice"


def test_without_a_ladder_nothing_stands() -> None:
    acted = protected()
    acted.run(10_000)
    assert standing(acted) == []
    assert acted.book.protection[A].rungs == ()


def test_one_that_the_exchange_takes_is_called_and_counted_once() -> None:
    acted = stand()
    fire(acted, 1)
    acted.run(200)
    assert acted.book.lots[0] == 30
    assert acted.book.positions["rungs_hit"][0] == 1
    # Now our own quotes arrive: the price had been there.
    acted.price(A, 102.5)
    acted.run(10_000)
    assert sent_exits(acted) == []
    assert acted.book.lots[0] == 30
    assert standing(acted) == [(1040, -30)]
    assert acted.venue.positions[A].lots == 30
    fire(acted, 2)
    acted.run(10_000)
    assert acted.book.flat
    assert standing(acted) == []
    (closed,) = acted.told("position.closed")
    assert closed.fields["exit"] == "take_profit"


def test_a_price_of_ours_leaves_it_to_the_exchange_for_a_while() -> None:
    acted = stand()
    acted.price(A, 102.1)
    acted.run(1_000)
    assert acted.book.positions["rungs_hit"][0] == 1
    assert sent_exits(acted) == []
    fire(acted, 1, price=102.1)
    acted.run(10_000)
    assert acted.book.lots[0] == 30
    assert sent_exits(acted) == []
    assert not [one for _, one in acted.sent if isinstance(one, CancelOrder)]


def test_what_the_exchange_does_not_take_is_closed_here_and_never_twice() -> None:
    acted = stand()
    acted.price(A, 102.1)
    acted.run(LADDER.protect.confirm_ms - 100)
    assert sent_exits(acted) == []
    name = order_of(acted, 1)
    gone = acted.venue.orders[name]
    acted.run(300)
    assert [one.client_order_id for _, one in acted.sent if isinstance(one, CancelOrder)] == [name]
    # It is not known to be gone before the exchange says so.
    assert sent_exits(acted) == []
    acted.at(acted.now_ms + 1, OrderUpdated(replace(gone, state=OrderState.CANCELLED, at_ms=acted.now_ms)))
    acted.run(2_000)
    assert sent_exits(acted) == [-20]
    assert acted.book.lots[0] == 30
    assert acted.told("rung.left")[0].fields["lots"] == 20


def test_of_one_that_fills_in_part_the_rest_is_closed() -> None:
    acted = stand()
    fire(acted, 1, lots=-15)
    acted.run(100)
    name = order_of(acted, 1)
    ended = replace(acted.venue.orders[name], state=OrderState.CANCELLED, at_ms=acted.now_ms)
    acted.at(acted.now_ms + 1, OrderUpdated(ended))
    acted.run(2_000)
    assert sent_exits(acted) == [-5]
    assert acted.book.lots[0] == 30


def test_after_a_partial_close_and_an_add_the_sizes_fit_again() -> None:
    acted = stand()
    acted.fill(A, -30, 101.0)
    acted.run(5_000)
    # Shares are of the first size; together never more than is held.
    assert standing(acted) == [(1020, -20)]
    acted.fill(A, 130, 101.0)
    acted.run(10_000)
    lots = acted.book.lots[0]
    entry = acted.book.positions["entry_price"][0]
    assert lots == 150
    rows = standing(acted)
    assert [one[1] for one in rows] == [-60, -90]
    assert rows[0][0] == np.ceil(entry * 1.02 * 10 - 1e-6)
    assert [one for _, one in acted.sent if isinstance(one, AmendOrder)], "changed in its place"


def test_a_missing_one_alone_is_placed_and_not_at_once() -> None:
    acted = stand()
    name, other = order_of(acted, 1), order_of(acted, 2)
    gone = acted.venue.orders.pop(name)
    acted.at(acted.now_ms + 1, OrderUpdated(replace(gone, state=OrderState.CANCELLED, at_ms=acted.now_ms)))
    acted.run(30_000)
    assert standing(acted) == [(1040, -30)]
    assert acted.told("rung.missing")[0].fields["rung"] == 1
    acted.run(LADDER.protect.repair_ms)
    assert standing(acted) == [(1020, -20), (1040, -30)]
    assert order_of(acted, 1) != name
    assert order_of(acted, 2) == other


def test_one_that_is_refused_is_tried_again_and_taken_by_us_meanwhile() -> None:
    def refuse(_now: int, ask: SendOrder) -> Answer | None:
        return refused(Refusal.OTHER) if ask.request.trigger is not None else None

    acted = stand(on_order=refuse)
    assert standing(acted) == []
    tries = [one for _, one in acted.sent if isinstance(one, SendOrder)]
    assert len(tries) == 2
    acted.price(A, 102.2)
    acted.run(2_000)
    assert sent_exits(acted) == [-20]
    assert acted.book.lots[0] == 30


def test_they_go_with_the_position() -> None:
    acted = stand()
    acted.fill(A, -50, 101.0)
    acted.run(2_000)
    assert acted.book.flat
    assert standing(acted) == []


def test_a_position_that_turns_gets_a_ladder_of_its_own() -> None:
    acted = stand()
    acted.fill(A, -100, 100.0)
    acted.run(10_000)
    assert acted.book.lots[0] == -50
    assert standing(acted) == [(960, 30), (980, 20)]
    old = [one for one in acted.book.orders.values() if is_rung(one) and one.request.lots < 0]
    assert all(one.phase is not Phase.UNTRIGGERED or one.cancel_asked_ms is not None for one in old)


def test_a_name_under_the_owners_hand_keeps_its_stop_and_loses_its_ladder() -> None:
    acted = stand()
    acted.fill(A, -5, 100.0, by_hand=True)
    acted.run(6_000)
    assert acted.book.positions["hold"][0]
    assert standing(acted) == []
    assert acted.book.protection[A].verified_ms is not None
