from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide, healthy, out_there, take
from xsmom.domain.book import Book
from xsmom.domain.events import LinkChanged
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates.clock_skew import judge


def apart(skew_ms: float, bound_ms: float) -> Book:
    return replace(book(), health=replace(book().health, skew_ms=skew_ms, skew_bound_ms=bound_ms))


def test_it_fires_through_the_step() -> None:
    made = healthy()
    skewed = take(made, LinkChanged(made.cycle.marked_ms, 1, 0, 5.0, -1_500.0, 20.0, streaming=True))
    outcome = decide(lambda _: skewed.book)
    assert outcome.refused == {"clock_skew"}
    assert outcome.opened == set()
    assert "gate.clock_skew" in outcome.told
    assert decide(lambda _: skewed.book, out_there({"risk.venue_limits.max_clock_skew_ms": 2_000})).opened


@pytest.mark.parametrize(("skew_ms", "bound_ms", "fires"), [(980, 20, False), (-981, 20, True), (10, 1_000, True)])
def test_what_is_not_known_of_it_counts_against_it(skew_ms: float, bound_ms: float, fires: bool) -> None:
    verdict = judge(entry(), apart(skew_ms, bound_ms), rules(), NOW_MS)
    assert isinstance(verdict, Refuse if fires else Allow)
    if isinstance(verdict, Refuse):
        assert verdict.veto is Veto.CLOCK_SKEW


def test_a_clock_that_was_not_read_is_not_right() -> None:
    verdict = judge(entry(), apart(math.nan, 0.0), rules(), NOW_MS)
    assert verdict == Refuse(Veto.BLIND, "the exchange's clock was not read")
