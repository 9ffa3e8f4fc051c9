from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, position_view, rules
from tests.unit.engine.gate_steps import decide
from xsmom.domain.book import Book
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates.liquidation_near import distance_frac, judge


def near(made: Book) -> Book:
    views = dict(made.venue.positions or {})
    symbol = next(iter(views))
    view = views[symbol]
    side = 1 if view.lots > 0 else -1
    views[symbol] = replace(view, liquidation_price=view.mark_price * (100 - 9 * side) / 100)
    return replace(made, venue=replace(made.venue, positions=views))


def test_it_fires_through_the_step() -> None:
    outcome = decide(near, held=True)
    assert outcome.refused == {"liquidation_near"}
    assert outcome.opened == set()
    assert outcome.reductions > 0
    assert "gate.liquidation_near" in outcome.told


@pytest.mark.parametrize(
    ("lots", "liquidation", "wanted"),
    [(5, 95.0, 0.05), (-5, 105.0, 0.05), (5, 105.0, -0.05), (5, None, math.inf), (0, 99.0, math.inf)],
)
def test_distance(lots: int, liquidation: float | None, wanted: float) -> None:
    assert distance_frac(position_view("AAAUSDT", lots, 100.0, liquidation)) == pytest.approx(wanted)


def test_at_the_limit_it_is_silent_and_below_it_fires_for_every_name() -> None:
    def at(level: float) -> Book:
        views = {"BBBUSDT": position_view("BBBUSDT", 5, 100.0, level)}
        return replace(book(), venue=replace(book().venue, positions=views))

    assert judge(entry("AAAUSDT"), at(90.0), rules(), NOW_MS) == Allow()
    assert judge(entry("AAAUSDT"), at(90.1), rules(), NOW_MS) == Refuse(Veto.LIQUIDATION_NEAR, "BBBUSDT is 9.9% away")


def test_what_it_cannot_see_it_refuses() -> None:
    for views in (None, {"AAAUSDT": position_view("AAAUSDT", 5, 0.0, 10.0)}):
        verdict = judge(entry(), replace(book(), venue=replace(book().venue, positions=views)), rules(), NOW_MS)
        assert isinstance(verdict, Refuse)
        assert verdict.veto is Veto.BLIND
