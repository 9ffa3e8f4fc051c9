from __future__ import annotations

import math
from dataclasses import replace

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide, healthy, out_there, take
from xsmom.domain.book import Book
from xsmom.domain.events import LinkChanged
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates.api_lag import judge


def lagging(lag_ms: float) -> Book:
    return replace(book(), health=replace(book().health, lag_ms=lag_ms))


def test_it_fires_through_the_step() -> None:
    made = healthy()
    slow = take(made, LinkChanged(made.cycle.marked_ms, 10, 0, 5_001.0, 5.0, 20.0, streaming=True))
    outcome = decide(lambda _: slow.book)
    assert outcome.refused == {"api_lag"}
    assert outcome.opened == set()
    assert "gate.api_lag" in outcome.told
    assert decide(lambda _: slow.book, out_there({"risk.venue_limits.max_api_lag_seconds": 6})).opened


def test_at_the_limit_it_is_silent() -> None:
    assert judge(entry(), lagging(5_000.0), rules(), NOW_MS) == Allow()
    assert judge(entry(), lagging(5_000.1), rules(), NOW_MS) == Refuse(Veto.API_LAG, "5000 ms a call, at most 5000")


def test_what_was_not_timed_is_not_known() -> None:
    assert judge(entry(), lagging(math.nan), rules(), NOW_MS) == Refuse(Veto.BLIND, "no call was timed")
