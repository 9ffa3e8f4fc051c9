"""From a fill to a verified stop."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.engine.books import T0, book, rules
from tests.unit.engine.scripted_venue import Scene, ScriptedVenue
from xsmom.engine import sentinel

RULES = rules()


def scene(**script: Any) -> Scene:
    venue = ScriptedVenue(marks={"AAAUSDT": 100.0, "BBBUSDT": 50.0, "CCCUSDT": 10.0}, **script)
    made = Scene(book(RULES), RULES, venue, T0)
    venue.note(T0)
    made.run(1)
    return made


@pytest.mark.parametrize("lag_ms", [0, 200, 1_000, 2_500, 5_000])
@pytest.mark.parametrize("lots", [50, -50])
def test_a_position_gets_its_stop_though_the_venue_shows_it_late(lag_ms: int, lots: int) -> None:
    acted = scene(lag_ms=lambda _now: lag_ms)
    acted.fill("AAAUSDT", lots, 100.0)
    acted.run(lag_ms + 4_000)
    kept = acted.book.protection["AAAUSDT"]
    assert kept.verified_ms is not None
    assert kept.naked_since_ms is None
    # No ATR is known in this book: the kernel's own emergency level, 5 % away.
    assert kept.stop_ticks == (950 if lots > 0 else 1050)
    assert acted.venue.positions["AAAUSDT"].stop_ticks == kept.stop_ticks
    assert sentinel.coverage_frac(acted.book) == 1.0
    assert acted.exits == []
    assert len(acted.told("stop.placed")) == 1
