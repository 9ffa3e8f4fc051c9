from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.gate_books import HOUR_MS, NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import BAR_MS, decide, out_there
from xsmom.domain.book import Book
from xsmom.domain.orders import Allow, Purpose, Refuse, Verdict, Veto
from xsmom.engine.gates.incomplete_bar import judge


def row(of: Book, **changes: Any) -> Book:
    return replace(of, cycle=replace(of.cycle, **changes))


def ask(made: Book, now_ms: int = NOW_MS, **changes: Any) -> Verdict:
    return judge(entry(**changes), made, rules(), now_ms)


def test_it_fires_through_the_step() -> None:
    outcome = decide(lambda made: row(made, complete_frac=0.89))
    assert outcome.refused == {"incomplete_bar"}
    assert outcome.opened == set()
    assert "gate.incomplete_bar" in outcome.told
    lower = out_there({"risk.venue_limits.min_complete_frac": 0.8})
    assert decide(lambda made: row(made, complete_frac=0.89), lower).opened


def test_a_bar_that_is_too_old_is_not_decided_at_all() -> None:
    """`live.max_decision_lag_minutes`, and never more than a quarter of a bar."""
    assert decide(late_ms=BAR_MS // 4).opened
    late = decide(late_ms=BAR_MS // 4 + 1)
    assert "decision.skipped" in late.told
    assert late.opened == set()
    short = out_there({"live.max_decision_lag_minutes": 1})
    assert decide(rules=short, late_ms=60_000).opened
    assert "decision.skipped" in decide(rules=short, late_ms=60_001).told


def test_share_of_the_names() -> None:
    assert ask(row(book(), complete_frac=0.9)) == Allow()
    assert ask(row(book(), complete_frac=0.899)) == Refuse(Veto.INCOMPLETE_BAR, "90% of the names have the newest bar")
    assert ask(row(book(), complete_frac=math.nan)) == Refuse(Veto.BLIND, "how many names have a bar is not known")


@pytest.mark.parametrize(("over_ms", "fires"), [(0, False), (1, True)])
def test_a_decision_that_waited_too_long_is_no_decision(over_ms: int, fires: bool) -> None:
    made, age_ms = row(book(), closed_ms=NOW_MS), rules().pace.decision_lag_max_ms + over_ms
    assert isinstance(ask(made, decided_ms=NOW_MS - age_ms), Refuse) == fires
    assert ask(made, decided_ms=NOW_MS - age_ms, purpose=Purpose.EXIT) == Allow()


def test_an_overdue_bar_stops_entries() -> None:
    bar_ms = rules().pace.bar_ms
    made = row(book(), closed_ms=NOW_MS - bar_ms)
    assert ask(made) == Allow()
    verdict = ask(made, NOW_MS + 2 * HOUR_MS, purpose=Purpose.EXIT)
    assert verdict == Refuse(Veto.INCOMPLETE_BAR, "the newest bar is overdue")
