"""What happens when the venue says no, says nothing, or the price was quicker."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.unit.engine.books import with_stop
from tests.unit.engine.scene import Scene
from tests.unit.engine.scripted_venue import refused, storm
from tests.unit.engine.sentinel.scenes import RULES, A, protected, scene
from xsmom.domain.effects import SetPositionStop, Severity
from xsmom.domain.events import FillSeen
from xsmom.domain.orders import Purpose, Style
from xsmom.domain.trading import Refusal, TriggerBy

PROTECT = RULES.protect


def first_exit_ms(acted: Scene, since_ms: int) -> int:
    """From a moment to the first emergency exit."""
    return acted.exits[0][0] - since_ms


@pytest.mark.parametrize("lots", [50, -50])
def test_when_all_is_refused_the_position_is_closed_in_time(lots: int) -> None:
    acted = scene(on_stop=lambda _now, _ask: refused(Refusal.OTHER))
    acted.venue.on_order = lambda _now, effect: refused(Refusal.OTHER) if effect.request.trigger else None
    acted.fill(A, lots, 100.0)
    since_ms = acted.now_ms
    acted.run(20_000)
    assert first_exit_ms(acted, since_ms) <= PROTECT.naked_max_ms + PROTECT.poll_ms
    (_, intent), *_ = acted.exits
    assert (intent.purpose, intent.style, intent.lots, intent.reduce_only) == (Purpose.EXIT, Style.MARKET, -lots, True)
    assert acted.book.lots[0] == 0
    assert len(acted.exits) == 1
    (given_up,) = acted.told("stop.given_up")
    assert given_up.severity is Severity.CRITICAL
    assert "refused" in str(given_up.fields["why"])


def test_the_order_of_tries() -> None:
    acted = protected(50, 97.0)
    acted.venue.positions[A].stop_ticks, acted.venue.positions[A].stop_order = None, False
    acted.venue.on_stop = lambda _now, _ask: refused(Refusal.PRICE)
    acted.venue.note(acted.now_ms)
    before = len(acted.asked())
    acted.run(PROTECT.every_ms + 4_000)
    # The plan twice, then the emergency level; and an order of its own, which is taken and protects.
    assert [one.stop_loss_ticks for one in acted.asked()[before:]][:3] == [970, 970, 950]
    (stood_in,) = acted.told("stop.stood_in")
    assert stood_in.fields["ticks"] == 950
    assert acted.told("stop.emergency")[-1].fields["why"].startswith("refused: price")  # type: ignore[attr-defined]
    kept = acted.book.protection[A]
    assert kept.verified_ms is not None
    assert kept.order_id in acted.venue.orders
    assert acted.exits == []


def test_an_emergency_stop_is_tightened_to_the_plan_when_the_venue_takes_it_again() -> None:
    acted = protected(50, 97.0)
    acted.venue.positions[A].stop_ticks, acted.venue.positions[A].stop_order = None, False
    acted.venue.on_stop = lambda _now, ask: refused(Refusal.PRICE) if ask.stop_loss_ticks == 970 else None
    acted.venue.note(acted.now_ms)
    acted.run(PROTECT.every_ms + 4_000)
    assert acted.venue.positions[A].stop_ticks == 950
    acted.venue.on_stop = lambda _now, _ask: None
    acted.run(PROTECT.repair_ms + PROTECT.every_ms)
    assert acted.venue.positions[A].stop_ticks == 970
    assert acted.exits == []


def test_a_position_that_is_not_visible_yet_is_asked_again_in_its_window() -> None:
    answers = itertools.chain([refused(Refusal.NO_POSITION), refused(Refusal.NO_POSITION)], itertools.repeat(None))
    acted = scene(on_stop=lambda _now, _ask: next(answers))
    acted.fill(A, 50, 100.0)
    acted.run(6_000)
    assert acted.book.protection[A].verified_ms is not None
    assert not acted.told("stop.emergency")
    assert {one.stop_loss_ticks for one in acted.asked()} == {950}


@pytest.mark.parametrize("length_ms", [9_000, 30_000, 55_000])
def test_a_storm_that_passes_ends_with_a_verified_stop(length_ms: int) -> None:
    acted = scene()
    until_ms = acted.now_ms + length_ms
    acted.venue.deaf = lambda now: now < until_ms
    acted.venue.on_stop = lambda now, _ask: storm() if now < until_ms else None
    acted.venue.on_order = lambda now, _ask: storm() if now < until_ms else None
    acted.fill(A, 50, 100.0)
    acted.run(length_ms + 5_000)
    assert acted.book.protection[A].verified_ms is not None
    assert acted.exits == []
    asked = [at for at, one in acted.sent if isinstance(one, SetPositionStop)]
    assert len(asked) > 1, "it is tried during the storm"
    assert min(late - early for early, late in itertools.pairwise(asked)) >= PROTECT.poll_ms, "and not in a rush"


def test_a_storm_that_does_not_pass_ends_the_position_as_soon_as_an_order_gets_through() -> None:
    acted = scene()
    acted.venue.deaf = lambda _now: True
    acted.venue.on_stop = lambda _now, _ask: storm()
    since_ms = acted.now_ms
    acted.venue.on_order = lambda now, _ask: storm() if now < since_ms + 90_000 else None
    acted.fill(A, 50, 100.0)
    acted.run(120_000)
    assert first_exit_ms(acted, since_ms) <= PROTECT.blind_max_ms + PROTECT.poll_ms
    again = [at for at, _ in acted.exits]
    assert min(late - early for early, late in itertools.pairwise(again)) >= PROTECT.exit_ms
    assert len({intent.revision for _, intent in acted.exits}) == len(acted.exits), "each try has its own name"
    assert acted.book.lots[0] == 0


@pytest.mark.parametrize(("lots", "price"), [(50, 94.9), (-50, 105.1)])
def test_a_price_that_crossed_the_level_before_a_stop_stood_closes_at_once(lots: int, price: float) -> None:
    acted = scene(on_stop=lambda _now, _ask: refused(Refusal.TRIGGER_SIDE))
    acted.fill(A, lots, 100.0)
    acted.run(2)
    acted.price(A, price)
    acted.run(100)
    assert len(acted.exits) == 1
    assert acted.book.lots[0] == 0


def test_a_verified_stop_has_its_time_to_be_carried_out_there() -> None:
    acted = protected()
    acted.price(A, 94.9)
    acted.run(500)
    assert acted.exits == []
    acted.venue.trade(acted.now_ms, A, -50, 94.9, "", "stop-AAAUSDT-950")
    acted.at(acted.now_ms, _told(acted))
    acted.run(20_000)
    assert acted.exits == []
    assert acted.book.lots[0] == 0
    assert A not in acted.book.held_by_hand


def test_one_that_does_not_fire_is_helped() -> None:
    acted = protected()
    acted.price(A, 94.9)
    acted.run(PROTECT.confirm_ms + 1_500)
    assert len(acted.exits) == 1
    assert acted.book.lots[0] == 0


def test_a_price_that_comes_back_calls_it_off() -> None:
    acted = protected()
    acted.price(A, 94.9)
    acted.run(1_000)
    acted.price(A, 96.0)
    acted.run(20_000)
    assert acted.exits == []
    assert acted.book.protection[A].crossed_ms is None


def test_a_lost_key_is_told_at_the_top_and_leaves_what_stands() -> None:
    acted = protected(50, 97.0)
    acted.venue.on_stop = lambda _now, _ask: refused(Refusal.AUTH)
    acted.book = with_stop(acted.book, A, 98.0)
    acted.run(PROTECT.every_ms + 5_000)
    assert acted.told("stop.refused")[0].severity is Severity.CRITICAL
    assert acted.venue.positions[A].stop_ticks == 970
    assert acted.book.protection[A].verified_ms is not None
    assert acted.exits == []


def test_a_position_closed_by_hand_during_repair_is_let_go() -> None:
    acted = scene(on_stop=lambda _now, _ask: refused(Refusal.OTHER))
    acted.venue.on_order = lambda _now, effect: refused(Refusal.OTHER) if effect.request.trigger else None
    acted.fill(A, 50, 100.0)
    acted.run(2_000)
    acted.fill(A, -50, 100.0, by_hand=True)
    acted.run(400_000)
    assert acted.exits == []
    assert A not in acted.book.protection
    assert acted.book.held_by_hand[A]


def test_take_profit_of_an_ignored_name_is_nobodys_business() -> None:
    acted = scene()
    acted.book = replace(acted.book, ignored=(A,))
    acted.fill(A, 50, 100.0, by_hand=True)
    acted.venue.set_stop(acted.now_ms, A, 900, 1_200, TriggerBy.LAST)
    acted.run(30_000)
    assert acted.asked() == []
    assert acted.book.lots[0] == 0
    assert acted.book.protection == {}


def _told(acted: Scene) -> FillSeen:
    return FillSeen(acted.venue.fills[-1])


def test_the_mark_of_an_old_bar_closes_nothing() -> None:
    acted = scene()
    # The newest bar closed hours ago, beyond where the stop of this entry lies; no quote has come yet.
    acted.book = replace(acted.book, names=replace(acted.book.names, mark=acted.book.names.mark * 0.9))
    acted.fill(A, 50, 100.0)
    acted.run(4_000)
    assert acted.exits == []
    assert acted.book.protection[A].verified_ms is not None
