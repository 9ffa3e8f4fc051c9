"""What counts as a stop that covers a position, and what only looks like one."""

import dataclasses
from decimal import Decimal

import pytest

from tests.unit.engine.watchdog.scenes import look, order, position
from xsmom.domain.trading import OrderState, Trigger, TriggerBy
from xsmom.engine.watchdog import uncovered


def bare(positions, orders, **more) -> list[str]:
    return [one.symbol for one in uncovered(look(positions, orders, **more))]


def test_a_stop_of_the_position_in_both_views_covers_it() -> None:
    assert bare([position(lots=100), position("ETHUSDT", -40)], [order(lots=-100), order("ETHUSDT", 40)]) == []


def test_a_stop_that_tells_no_size_follows_the_position() -> None:
    falling = Trigger(950, TriggerBy.MARK, rising=False)
    assert bare([position(lots=100)], [order(lots=0, trigger=falling)]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"lots": -99},
        {"lots": -100, "filled_lots": -1},
        {"lots": 100},
        {"lots": 100, "trigger": Trigger(950, TriggerBy.MARK, rising=False)},
        {"state": OrderState.CANCELLED},
        {"state": OrderState.WORKING},
        {"trigger": None},
        {"trigger": Trigger(949, TriggerBy.MARK, rising=False)},
        {"trigger": Trigger(950, TriggerBy.MARK, rising=True)},
        {"trigger": Trigger(500, TriggerBy.MARK, rising=False)},
        {"reduce_only": False, "of_position": False},
        {"symbol": "ETHUSDT"},
    ],
    ids="-".join,
)
def test_what_only_looks_like_a_stop_covers_nothing(wrong) -> None:
    assert bare([position(lots=100)], [order(**wrong)]) == ["BTCUSDT"]


def test_a_row_without_the_order_is_no_proof_nor_the_order_without_the_row() -> None:
    assert bare([position()], []) == ["BTCUSDT"]
    assert bare([position(stop=0)], [order()]) == ["BTCUSDT"]


def test_stops_with_a_size_of_their_own_add_up() -> None:
    half = [order(lots=-50, of_position=False, order_id=str(at)) for at in range(2)]
    assert bare([position(stop=0)], half) == []
    assert bare([position(stop=0, lots=101)], half) == ["BTCUSDT"]


def test_a_level_far_beyond_the_market_is_a_target() -> None:
    far = Trigger(1_060, TriggerBy.MARK, rising=False)
    assert bare([position(stop=1_060)], [order(trigger=far)]) == ["BTCUSDT"]
    reached = Trigger(1_040, TriggerBy.MARK, rising=False)
    assert bare([position(stop=1_040)], [order(trigger=reached)]) == []
    short = Trigger(940, TriggerBy.MARK, rising=True)
    assert bare([position(lots=-100, stop=940)], [order(lots=100, trigger=short)]) == ["BTCUSDT"]


def test_without_a_liquidation_price_any_level_below_counts() -> None:
    low = Trigger(10, TriggerBy.LAST, rising=False)
    assert bare([position(stop=10, liquidation_price=None)], [order(trigger=low)]) == []
    assert bare([position(stop=10, liquidation_price=Decimal(2))], [order(trigger=low)]) == ["BTCUSDT"]


def test_what_is_left_alone_needs_none() -> None:
    assert bare([position(stop=0)], [], ignored=["BTCUSDT"]) == []


def test_a_contract_that_nobody_knows_is_not_covered() -> None:
    known = look([position()], [order()])
    assert uncovered(known) == ()
    assert len(uncovered(dataclasses.replace(known, contracts={}))) == 1
