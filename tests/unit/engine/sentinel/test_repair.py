"""Stops that go missing, are half there, or no longer fit."""

from __future__ import annotations

import itertools

import pytest

from tests.unit.engine.books import with_stop
from tests.unit.engine.sentinel.scenes import RULES, A, protected
from xsmom.domain.trading import TriggerBy
from xsmom.engine import sentinel


@pytest.mark.parametrize("row_too", [True, False])
def test_a_stop_that_a_cancel_all_took_away_comes_back(row_too: bool) -> None:
    acted = protected()
    gone_ms = acted.now_ms
    acted.venue.positions[A].stop_order = False
    if row_too:
        acted.venue.positions[A].stop_ticks = None
    acted.venue.note(gone_ms)
    acted.run(RULES.protect.every_ms + 2_000)
    (missing,) = acted.told("stop.missing")
    assert missing.fields["symbol"] == A
    assert acted.venue.positions[A].stop_order
    assert acted.book.protection[A].verified_ms is not None
    placed = acted.told("stop.placed")[-1]
    assert 0 < placed.fields["naked_ms"] < 2_000  # type: ignore[operator]
    assert acted.exits == []


def test_while_it_is_missing_it_is_not_covered() -> None:
    acted = protected()
    acted.venue.positions[A].stop_order = False
    acted.venue.note(acted.now_ms)
    covered: list[float] = []
    acted.check = lambda now: covered.append(sentinel.coverage_frac(now.book))
    acted.run(RULES.protect.every_ms + 2_000)
    assert covered[0] == 1.0
    assert 0.0 in covered
    assert covered[-1] == 1.0


def test_the_other_leg_goes_along() -> None:
    acted = protected()
    acted.venue.positions[A].stop_ticks, acted.venue.positions[A].target_ticks = None, 1_200
    acted.venue.positions[A].stop_order = False
    acted.venue.note(acted.now_ms)
    acted.run(RULES.protect.every_ms + 2_000)
    assert acted.asked()[-1].take_profit_ticks == 1_200
    assert acted.venue.positions[A].target_ticks == 1_200
    assert acted.venue.positions[A].stop_ticks == 950


def test_a_stop_on_the_wrong_side_is_none() -> None:
    acted = protected()
    acted.venue.set_stop(acted.now_ms, A, 1_200, None, TriggerBy.MARK)
    acted.run(RULES.protect.every_ms + 2_000)
    assert acted.told("stop.missing")
    assert acted.venue.positions[A].stop_ticks == 950


def test_a_stop_beyond_liquidation_is_none() -> None:
    acted = protected()
    acted.venue.liquidation[A] = 96.0
    acted.run(RULES.protect.every_ms + 4_000)
    # Half the way from the price to liquidation is nearer than 5 %.
    assert acted.venue.positions[A].stop_ticks == 980
    assert acted.told("stop.emergency")
    assert acted.book.protection[A].verified_ms is not None


def test_after_a_partial_close_the_same_stop_protects_the_rest() -> None:
    acted = protected()
    asked = len(acted.asked())
    acted.fill(A, -20, 101.0)
    acted.run(5_000)
    assert acted.book.lots[0] == 30
    assert acted.book.protection[A].verified_ms is not None
    assert len(acted.asked()) == asked
    assert not acted.told("stop.missing")


def test_a_position_that_turns_gets_a_stop_on_its_new_side() -> None:
    acted = protected()
    acted.fill(A, -80, 100.0)
    acted.run(4_000)
    kept = acted.book.protection[A]
    assert acted.book.lots[0] == -30
    assert kept.verified_ms is not None
    assert kept.stop_ticks == 1_050
    assert acted.exits == []


def test_a_tighter_stop_of_the_owner_is_left_where_it_is() -> None:
    acted = protected()
    asked = len(acted.asked())
    acted.venue.set_stop(acted.now_ms, A, 980, None, TriggerBy.MARK)
    acted.run(RULES.protect.every_ms * 2)
    assert len(acted.asked()) == asked
    assert acted.book.protection[A].stop_ticks == 980
    assert acted.book.protection[A].verified_ms is not None


def test_a_looser_stop_of_the_owner_is_tightened_again() -> None:
    acted = protected()
    acted.venue.set_stop(acted.now_ms, A, 900, None, TriggerBy.MARK)
    acted.run(RULES.protect.every_ms * 2)
    assert acted.venue.positions[A].stop_ticks == 950


def test_readings_go_on_at_the_pace_of_the_line() -> None:
    acted = protected()
    before = acted.book.venue.positions_ms
    acted.run(RULES.protect.every_ms + 100)
    assert before < acted.book.venue.positions_ms
    reads = [at for at, one in acted.sent if type(one).__name__ == "FetchAccount"]
    assert max(late - early for early, late in itertools.pairwise(reads)) <= RULES.protect.every_ms


def test_a_reading_that_fails_takes_no_verification_away() -> None:
    acted = protected()
    acted.venue.deaf = lambda _now: True
    acted.run(120_000)
    assert acted.book.protection[A].verified_ms is not None
    assert acted.exits == []
    assert acted.book.lots[0] == 50
    assert acted.told("venue.unread")


def test_levels_of_the_kernel_are_followed_and_never_back() -> None:
    acted = protected(50, 93.0)
    for level, stands in ((95.0, 950), (94.0, 950), (97.33, 973), (90.0, 973)):
        acted.book = with_stop(acted.book, A, level)
        acted.run(16_000)
        assert acted.venue.positions[A].stop_ticks == stands
    assert acted.exits == []
    # Nor when it has to be placed anew.
    acted.venue.positions[A].stop_ticks, acted.venue.positions[A].stop_order = None, False
    acted.venue.note(acted.now_ms)
    acted.run(18_000)
    assert acted.venue.positions[A].stop_ticks == 973


def test_a_level_that_the_exchange_has_not_taken_is_carried_out_here() -> None:
    acted = protected()
    assert acted.book.protection[A].stop_ticks == 950
    # A close has moved the level to 99; before the exchange has heard of it, or since it refused, the price is beyond.
    acted.book = with_stop(acted.book, A, 99.0)
    acted.price(A, 98.0)
    acted.run(1)
    ((_, intent),) = acted.exits
    assert intent.lots == -50


def test_a_level_that_the_exchange_has_met_too_is_left_to_it() -> None:
    acted = protected()
    acted.price(A, 94.9)
    acted.run(1)
    assert acted.exits == []
