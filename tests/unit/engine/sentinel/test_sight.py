"""What counts as a stop that stands, view by view."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.books import quote
from tests.unit.engine.sentinel.scenes import RULES, A, protected
from xsmom.domain.book import Book
from xsmom.domain.trading import OrderState, OrderView, Trigger, TriggerBy
from xsmom.engine import sentinel
from xsmom.engine.sentinel.holdings import holdings
from xsmom.engine.sentinel.sight import Sight, look

RIGHT = Trigger(950, TriggerBy.MARK, rising=False)


def seen(made: Book) -> Sight:
    (holding,) = holdings(made, RULES.protect.trigger)
    return look(made, holding, made.protection[A], RULES.protect)


@pytest.fixture(scope="module")
def made() -> Book:
    """A long of 50 lots whose stop at 950 ticks stands in both views."""
    return protected().book


def with_order(made: Book, **changes: Any) -> Book:
    """The stop's order told otherwise."""
    (order,) = made.venue.stops[A]
    return replace(made, venue=replace(made.venue, stops={A: (replace(order, **changes),)}))


def with_row(made: Book, **changes: Any) -> Book:
    """The position's row told otherwise."""
    assert made.venue.positions is not None
    row = replace(made.venue.positions[A], **changes)
    return replace(made, venue=replace(made.venue, positions={A: row}))


def test_both_views_agree(made: Book) -> None:
    assert seen(made).standing_ticks == 950
    assert seen(made).confirmed
    assert not seen(made).naked
    assert sentinel.coverage_frac(made) == 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"trigger": replace(RIGHT, price_ticks=949)},
        {"trigger": replace(RIGHT, by=TriggerBy.LAST)},
        {"trigger": replace(RIGHT, rising=True)},
        {"trigger": None},
        {"lots": 50},
        {"lots": -49},
        {"filled_lots": -1},
        {"state": OrderState.CANCELLED},
        {"of_position": False, "reduce_only": False},
        # An order under no name that the book has sent stands for nobody's position.
        {"of_position": False, "client_order_id": "web-1"},
    ],
)
def test_an_order_that_is_not_quite_the_stop(made: Book, changes: dict[str, Any]) -> None:
    assert seen(with_order(made, **changes)).standing_ticks is None


def test_a_stop_of_the_position_need_not_tell_its_size(made: Book) -> None:
    assert seen(with_order(made, lots=0)).standing_ticks == 950


@pytest.mark.parametrize("changes", [{"stop_loss_ticks": 949}, {"stop_loss_ticks": None}, {"lots": -50}, {"lots": 0}])
def test_a_row_that_says_something_else(made: Book, changes: dict[str, Any]) -> None:
    assert seen(with_row(made, **changes)).standing_ticks is None


def test_neither_view_is_bare(made: Book) -> None:
    without = replace(made, venue=replace(made.venue, stops={}))
    assert not seen(without).naked
    assert seen(with_row(without, stop_loss_ticks=None)).naked


def test_the_position_is_confirmed_by_its_size_or_by_its_number(made: Book) -> None:
    other = with_row(made, lots=60, seq=7)
    assert not seen(other).confirmed
    kept = replace(made.protection[A], fill_seq=7)
    assert seen(replace(other, protection={A: kept})).confirmed
    kept = replace(kept, fill_seq=8)
    assert not seen(replace(other, protection={A: kept})).confirmed


def test_of_several_orders_the_one_that_the_row_tells_is_the_stop(made: Book) -> None:
    (order,) = made.venue.stops[A]
    partial: OrderView = replace(order, order_id="p", lots=-10, trigger=replace(RIGHT, price_ticks=980))
    both = replace(made, venue=replace(made.venue, stops={A: (partial, order)}))
    assert seen(both).standing_ticks == 950


def test_a_price_that_is_a_minute_old_is_none(made: Book) -> None:
    assert made.quotes == {}
    (fresh,) = holdings(made, TriggerBy.MARK)
    assert fresh.price == 100.0
    (other,) = holdings(made, TriggerBy.LAST)
    assert math.isnan(other.price), "a row tells the mark alone"
    (stale,) = holdings(replace(made, as_of_ms=made.as_of_ms + 90_000), TriggerBy.MARK)
    assert math.isnan(stale.price)
    later = made.as_of_ms + 90_000
    (quoted,) = holdings(replace(made, as_of_ms=later, quotes={A: quote(A, 97.0, later)}), TriggerBy.LAST)
    assert quoted.price == 97.0
