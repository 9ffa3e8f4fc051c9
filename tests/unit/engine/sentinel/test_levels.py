"""Where stops lie, in ticks."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.books import T0, book, fill, holding, rules
from xsmom import kernel
from xsmom.domain.orders import Intent, Purpose, Style
from xsmom.engine import sentinel
from xsmom.engine.sentinel.holdings import Holding, holdings
from xsmom.engine.sentinel.levels import emergency_ticks, is_crossed, is_tighter, plan_ticks, ticks_away

RULES = rules()
A = "AAAUSDT"
NAN = float("nan")
TICKS = st.sampled_from(("0.1", "0.01", "0.5", "0.00001", "2.5", "1000"))


def held(lots: int = 50, entry: float = 100.0, **more: float) -> Holding:
    given_ = {"stop_price": NAN, "price": NAN, "liquidation_price": NAN, **more}
    return Holding(A, 0, lots, entry, tick=Decimal("0.1"), known=True, **given_)


@given(st.integers(1, 10**7), TICKS, st.sampled_from((1, -1)))
def test_a_price_on_a_tick_is_that_tick(ticks: int, tick: str, side: int) -> None:
    assert ticks_away(float(ticks * Decimal(tick)), Decimal(tick), side) == ticks


@given(st.floats(1e-3, 1e6), TICKS, st.sampled_from((1, -1)))
def test_else_it_is_the_next_one_away_from_the_market(price: float, tick: str, side: int) -> None:
    ticks = ticks_away(price, Decimal(tick), side)
    exact = Decimal(price) / Decimal(tick)
    assert ticks >= 1
    if exact >= 1:
        assert abs(ticks - exact) < 1
        assert side * (exact - ticks) >= -Decimal("1e-9") * max(Decimal(1), exact)


@pytest.mark.parametrize(
    ("lots", "entry", "price", "liquidation", "ticks"),
    [
        (50, 100.0, NAN, NAN, 950),
        (50, 100.0, 90.0, NAN, 855),
        (50, 100.0, 110.0, NAN, 950),
        (-50, 100.0, NAN, NAN, 1_050),
        (-50, 100.0, 110.0, NAN, 1_155),
        (-50, 100.0, 90.0, NAN, 1_050),
        # Half the way to liquidation where that is nearer.
        (50, 100.0, 100.0, 96.0, 980),
        (50, 100.0, 100.0, 92.0, 960),
        (50, 100.0, 100.0, 80.0, 950),
        (-50, 100.0, 100.0, 104.0, 1_020),
    ],
)
def test_the_emergency_level(lots: int, entry: float, price: float, liquidation: float, ticks: int) -> None:
    assert emergency_ticks(held(lots, entry, price=price, liquidation_price=liquidation), 0.05) == ticks


def test_without_any_price_there_is_none() -> None:
    assert emergency_ticks(held(entry=NAN), 0.05) is None


def test_a_level_beyond_liquidation_is_no_plan() -> None:
    assert plan_ticks(held(stop_price=95.0, liquidation_price=96.0)) is None
    assert plan_ticks(held(stop_price=97.0, liquidation_price=96.0)) == 970
    assert plan_ticks(held(-50, stop_price=105.0, liquidation_price=104.0)) is None
    assert plan_ticks(held(stop_price=NAN)) is None


def test_tighter_and_crossed_are_told_from_the_side() -> None:
    assert is_tighter(951, 950, 1)
    assert not is_tighter(951, 950, -1)
    assert is_crossed(held(price=95.0), 950)
    assert not is_crossed(held(price=95.1), 950)
    assert is_crossed(held(-50, price=105.0), 1_050)
    assert not is_crossed(held(price=NAN), 950)


def entry(lots: int, *, atr: float = 2.0, price: float = 100.0, reduce_only: bool = False) -> Intent:
    return Intent(A, lots, reduce_only, Purpose.REBALANCE, Style.POST_ONLY, price, atr, T0)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("atr", [2.0, NAN, 40.0])
def test_an_entry_takes_a_stop_along_a_little_beyond_the_level_of_its_fill(side: int, atr: float) -> None:
    sent = sentinel.entry_stop_ticks(book(RULES), RULES, entry(50 * side, atr=atr))
    assert sent is not None
    for better_frac in (0.0, 0.001, RULES.work.max_cross_frac):
        filled = holding_at(100.0 * (1.0 - side * better_frac), 50 * side, atr)
        assert not is_tighter(sent, filled, side), "it would stand tighter than the kernel wants"
    assert abs(sent - holding_at(100.0, 50 * side, atr)) <= 1_000 * 0.003


def holding_at(price: float, lots: int, atr: float) -> int:
    """The kernel's level of a fill, in ticks."""
    made = book(RULES)
    one = fill(A, lots, price, T0)
    positions, _, _ = kernel.fold_fill(dict(made.positions), 0, lots, float(one.price), atr, T0, RULES.params)
    (found,) = list(holdings(replace(made, positions=positions), RULES.protect.trigger))
    ticks = plan_ticks(found)
    assert ticks is not None
    return ticks


def test_an_add_carries_the_standing_level() -> None:
    made = holding(RULES, book(RULES), A, 50, 100.0, 97.33)
    assert sentinel.entry_stop_ticks(made, RULES, entry(20)) == 973
    # The other way it opens a position of its own, once this one is gone.
    other = sentinel.entry_stop_ticks(made, RULES, entry(-80))
    assert other is not None
    assert other > 1_000


def test_none_where_none_can_go_along() -> None:
    made = book(RULES)
    assert sentinel.entry_stop_ticks(made, RULES, entry(-50, reduce_only=True)) is None
    assert sentinel.entry_stop_ticks(made, RULES, replace(entry(50), symbol="ZZZUSDT")) is None
    assert sentinel.entry_stop_ticks(made, RULES, entry(50, price=math.nan)) is None
    protect = RULES.protect
    for off in (replace(protect, attach_stop=False), replace(protect, enabled=False)):
        without = replace(RULES, protect=off)
        assert sentinel.entry_stop_ticks(made, without, entry(50)) is None
