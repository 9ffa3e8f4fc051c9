"""From a fill to a verified stop."""

from __future__ import annotations

import pytest

from tests.unit.engine.sentinel.scenes import RULES, A, protected, scene, with_rules
from xsmom.domain.effects import SetPositionStop
from xsmom.domain.orders import Phase
from xsmom.domain.trading import TriggerBy
from xsmom.engine import sentinel


@pytest.mark.parametrize("lag_ms", [0, 200, 1_000, 2_500, 5_000])
@pytest.mark.parametrize("lots", [50, -50])
def test_a_position_gets_its_stop_though_the_venue_shows_it_late(lag_ms: int, lots: int) -> None:
    acted = scene(lag_ms=lambda _now: lag_ms)
    acted.fill(A, lots, 100.0)
    acted.run(lag_ms + 4_000)
    kept = acted.book.protection[A]
    assert kept.verified_ms is not None
    assert kept.naked_since_ms is None
    # No ATR is known in this book: the kernel's own emergency level, 5 % away.
    assert kept.stop_ticks == (950 if lots > 0 else 1050)
    assert acted.venue.positions[A].stop_ticks == kept.stop_ticks
    assert sentinel.coverage_frac(acted.book) == 1.0
    assert acted.exits == []
    assert len(acted.told("stop.placed")) == 1
    assert acted.book.lots[0] == lots
    assert not acted.book.held_by_hand


def test_a_stop_that_came_with_the_entry_is_not_asked_for_again() -> None:
    acted = scene()
    acted.fill(A, 50, 100.0)
    acted.venue.set_stop(acted.now_ms, A, 950, None, TriggerBy.MARK)
    acted.run(3_000)
    assert acted.asked() == []
    assert acted.book.protection[A].verified_ms is not None


def test_it_is_verified_only_by_two_readings_half_a_second_apart() -> None:
    acted = scene()
    acted.fill(A, 50, 100.0)
    acted.venue.set_stop(acted.now_ms, A, 950, None, TriggerBy.MARK)
    acted.run(300)
    assert acted.book.protection[A].matched_ms is not None
    assert acted.book.protection[A].verified_ms is None
    assert sentinel.coverage_frac(acted.book) == 0.0
    acted.run(700)
    assert acted.book.protection[A].verified_ms is not None


def test_one_view_is_not_enough() -> None:
    acted = scene(forgets_orders=True)
    acted.fill(A, 50, 100.0)
    acted.run(3_500)
    assert acted.venue.positions[A].stop_ticks == 950
    assert acted.book.protection[A].verified_ms is None
    # The order of its own, which the list shows, is the second view in the end.
    acted.run(6_500)
    kept = acted.book.protection[A]
    assert kept.verified_ms is not None
    assert acted.book.orders[kept.order_id].phase is Phase.UNTRIGGERED
    assert acted.exits == []


def test_what_the_kernel_wants_is_what_is_asked_for_rounded_away_from_the_market() -> None:
    assert protected(50, 96.47).venue.positions[A].stop_ticks == 964
    assert protected(-50, 103.53).venue.positions[A].stop_ticks == 1_036


def test_by_the_configured_price() -> None:
    acted = scene(with_rules(trigger=TriggerBy.LAST))
    acted.fill(A, 50, 100.0)
    acted.run(3_000)
    assert {one.by for one in acted.asked()} == {TriggerBy.LAST}
    assert acted.book.protection[A].verified_ms is not None


def test_a_stop_by_another_price_is_none() -> None:
    acted = protected()
    acted.venue.set_stop(acted.now_ms, A, 950, None, TriggerBy.LAST)
    acted.run(16_500)
    assert acted.told("stop.missing")
    assert acted.venue.positions[A].stop_by is TriggerBy.MARK
    assert acted.book.protection[A].verified_ms is not None


def test_where_positions_take_no_stop_an_order_stands_in_and_moves_in_its_place() -> None:
    acted = scene(with_rules(position_stop=False))
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    kept = acted.book.protection[A]
    assert kept.verified_ms is not None
    live = acted.book.orders[kept.order_id]
    assert live.protective
    assert live.request.reduce_only
    assert live.request.close_on_trigger
    assert live.request.lots == -50
    assert not [one for _, one in acted.sent if isinstance(one, SetPositionStop)]
    # An add: the order covers too little, so another takes its place, and the first is taken back.
    acted.fill(A, 30, 100.0)
    acted.run(8_000)
    kept = acted.book.protection[A]
    assert kept.verified_ms is not None
    assert acted.book.orders[kept.order_id].request.lots == -80
    assert [name for name, one in acted.venue.orders.items() if not one.state.final] == [kept.order_id]
    # The position ends: nothing is left behind.
    acted.fill(A, -80, 101.0)
    acted.run(2_000)
    assert all(one.state.final for one in acted.venue.orders.values())


def test_off_means_off() -> None:
    acted = scene(with_rules(enabled=False))
    acted.fill(A, 50, 100.0)
    acted.run(10_000)
    assert acted.sent == []
    assert acted.book.protection == {}


def test_coverage_of_a_flat_book_is_whole() -> None:
    assert sentinel.coverage_frac(scene(RULES).book) == 1.0
