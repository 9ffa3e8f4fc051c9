"""Bars at whose close nothing was held: how they are counted, chosen and told."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xsmom as xs
from tests.unit.research.runs import draw_weights, run
from xsmom.domain.timeframe import DAY_MS
from xsmom.lake.panel import Panel
from xsmom.lake.sample import SampleMarket
from xsmom.research import flat_bars
from xsmom.research.flat_bars import ENDED, WAITING, explain_flat_bars, find_stretches


@pytest.fixture(scope="module")
def market() -> Panel:
    return SampleMarket(20, 400, DAY_MS, 7).build()


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_stretches_are_all_flat_bars_and_no_other(held: list[bool]) -> None:
    stretches = find_stretches(np.array(held))
    inside = [bar for first, last in stretches for bar in range(first, last + 1)]
    assert inside == [bar for bar, is_held in enumerate(held) if not is_held]
    assert all(last + 1 < following for (_, last), (following, _) in pairwise(stretches))


def explain(held: list[bool], reasons: list[dict[str, int]], **how: Any) -> flat_bars.FlatBars:
    """With reasons told bar by bar; an empty bar took no decision."""

    def given_until(bars: int) -> flat_bars.Given:
        told = reasons[: max(bars, 0)]
        return Counter[str](sum((Counter(row) for row in told), Counter())), sum(bool(row) for row in told)

    return explain_flat_bars(np.array(held), given_until, **{"lag_bars": 0, "ended_at": None, **how})


def test_a_rule_goes_before_a_low_rank_and_before_what_is_not_there() -> None:
    said = {"not_selected": 40, "delisted": 9, "regime": 3, "cooldown": 1}
    found = explain([True, False, False], [{}, said, said])
    assert [(cause.key, cause.share_frac) for cause in found.causes] == [("regime", 0.75), ("cooldown", 0.25)]
    assert (found.bars, found.of_bars) == (2, 3)
    assert found.share_frac == pytest.approx(2 / 3)


def test_what_is_not_there_is_told_where_nothing_else_is() -> None:
    found = explain([False], [{"not_selected": 40, "delisted": 9}])
    assert [cause.key for cause in found.causes] == ["delisted"]
    assert [cause.key for cause in explain([False], [{"not_selected": 40}]).causes] == ["not_selected"]


def test_a_stretch_without_a_decision_waits_for_the_next() -> None:
    found = explain([True, False, True], [{"selected": 2}, {}, {"selected": 2}])
    assert [(cause.key, cause.share_frac) for cause in found.causes] == [(WAITING, 1.0)]


def test_what_lies_behind_the_end_of_a_run_is_no_choice() -> None:
    found = explain([True, False, False, False], [{"selected": 2}] * 4, ended_at=1)
    assert [(cause.key, cause.share_frac) for cause in found.causes] == [(ENDED, 1.0)]


def test_a_decision_shows_in_the_book_as_many_bars_later_as_fills_take() -> None:
    said = [{"regime": 1}, {"adx": 1}, {"cooldown": 1}, {"banned": 1}]
    found = explain([True, True, False, True], said, lag_bars=1)
    assert [cause.key for cause in found.causes] == ["adx"]


def test_short_stretches_speak_for_their_like() -> None:
    """Forty stretches of one bar, and one of ten: a quarter of the bars is the long one's."""
    held = [bar % 2 == 0 for bar in range(60)] + [False] * 10
    said = [{"cooldown": 1}] * 59 + [{"regime": 1}] * 11
    found = explain(held, said)
    assert found.stretches == 30
    assert found.told_from == 2 * flat_bars.LONGEST
    assert sum(cause.share_frac for cause in found.causes) == pytest.approx(1.0)
    assert {cause.key: cause.share_frac for cause in found.causes} == pytest.approx(
        {"cooldown": 29 / 40, "regime": 11 / 40}
    )


def test_a_run_tells_its_flat_bars(market: Panel) -> None:
    result = xs.backtest(market, "weekly")
    found = result.flat_bars
    assert found is not None
    assert found.bars == int((result.exposure["gross_frac"] == 0).sum())
    assert result.metrics["flat_frac"] == pytest.approx(found.share_frac)
    assert found.causes[0].key == "short_history"
    assert sum(cause.share_frac for cause in found.causes) == pytest.approx(1.0)
    assert found.document()["causes"][0]["text"] == "Not enough history for the signal."


def test_a_run_that_trades_nothing_says_why_in_shares(market: Panel) -> None:
    with pytest.warns(RuntimeWarning, match="nothing was traded"):
        found = xs.backtest(market, xs.load_config("weekly", {"universe.min_price_usdt": 1e9})).flat_bars
    assert found is not None
    assert (found.share_frac, found.causes[0].key) == (1.0, "price_too_low")
    assert found.causes[0].share_frac > 0.9


def test_a_run_of_weights_knows_no_reasons(market: Panel) -> None:
    assert run(market, draw_weights(market)).flat_bars is None
