"""The examination of a backtest: honest things pass, and each kind of lie that is planted is caught."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import xsmom as xs
from xsmom import _core
from xsmom.errors import ConfigError, DataError, XsmomError
from xsmom.lake.sample import SampleMarket
from xsmom.research.check import CHECKS
from xsmom.research.check.chance import shuffle_names

DAY_MS = 86_400_000
FREE_OF_DEPTH = xs.Costs(impact_y=0.0)


@pytest.fixture(scope="module")
def panel() -> xs.Panel:
    return SampleMarket(20, 420, DAY_MS, 7).build()


def moves(panel: xs.Panel, look: int = 10) -> np.ndarray:
    change = np.full(panel.close.shape, np.nan)
    change[look:] = panel.close[look:] / panel.close[:-look] - 1.0
    return change


def weigh(score: np.ndarray) -> np.ndarray:
    """Scores of a row to weights of one unit of gross, net of nothing."""
    known = np.where(np.isnan(score), 0.0, 1.0)
    centred = (
        np.nan_to_num(score) - known * (np.nan_to_num(score).sum(axis=1) / np.maximum(known.sum(axis=1), 1.0))[:, None]
    )
    gross = np.abs(centred).sum(axis=1, keepdims=True)
    weights: np.ndarray = np.divide(centred, gross, out=np.zeros_like(centred), where=gross > 0)
    return weights


def honest(panel: xs.Panel) -> np.ndarray:
    return weigh(moves(panel))


def one_bar_ahead(panel: xs.Panel) -> np.ndarray:
    score = moves(panel)
    return weigh(np.vstack([score[1:], score[-1:]]))


def whole_sample_scale(panel: xs.Panel) -> np.ndarray:
    """The subtle one: volatilities of the whole sample, taken into every row."""
    daily = moves(panel, 1)
    return weigh(moves(panel) / np.nanstd(daily, axis=0))


def since_the_start(panel: xs.Panel) -> np.ndarray:
    """No look ahead, but a sum from wherever history began."""
    first = np.nanmax(np.where(np.isnan(panel.close), -np.inf, panel.close)[:5], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.where(np.isfinite(first), panel.close / first - 1.0, np.nan)
    return weigh(score)


def failures(panel: xs.Panel, what: Any, **how: Any) -> set[str]:
    costs = how.pop("costs", FREE_OF_DEPTH)
    return {finding.check for finding in xs.check(panel, what, costs=costs, **how).failed}


@pytest.mark.parametrize("profile", ["weekly", "classic"])
def test_the_shipped_profiles_pass(profile: str) -> None:
    config = xs.load_config(profile)
    bar_ms: Any = config.params()["bar_ms"]
    market = SampleMarket(30, 430 if bar_ms == DAY_MS else 1_500, bar_ms, 3).build()
    told: list[tuple[int, int]] = []
    found = xs.check(market, config, progress=lambda done, total: told.append((done, total)))
    assert found.passed, str(found)
    assert {finding.check for finding in found.findings} == {
        "decisions",
        "truncation",
        "blanked future",
        "poisoned future",
        "warm-up",
        "account adds up",
        "costs never negative",
        "no costs, none charged",
        "fees double",
        "fee line doubles",
        "shuffled names",
    }
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("fill_at", ["open", "close", "vwap"])
@pytest.mark.parametrize("delay_bars", [0, 2])
def test_an_honest_signal_passes(panel: xs.Panel, fill_at: Any, delay_bars: int) -> None:
    costs = xs.Costs(maker_share_frac=0.4, maker_bps=-1.0, impact_y=0.0)
    found = xs.check(panel, honest, costs=costs, fill_at=fill_at, delay_bars=delay_bars, warmup_bars=11)
    assert found.passed, str(found)
    assert not {f.check for f in found.findings} & {"fee line doubles"}  # equity sizes the units of weights


def test_impact_is_part_of_the_account(panel: xs.Panel) -> None:
    assert failures(panel, honest, costs=xs.Costs(), only=["account"]) == set()


def test_one_bar_ahead_is_caught_four_times(panel: xs.Panel) -> None:
    found = failures(panel, one_bar_ahead)
    assert found >= {"truncation", "blanked future", "poisoned future", "shuffled names"}


def test_a_whole_sample_scale_is_caught(panel: xs.Panel) -> None:
    found = xs.check(panel, whole_sample_scale, costs=FREE_OF_DEPTH, only=["future"])
    assert not found.passed
    [told] = [finding.sentence for finding in found.failed if finding.check == "poisoned future"]
    assert "looks ahead" in told
    assert "USDT at 20" in told  # which name, which bar


def test_a_sum_from_the_start_is_caught_by_the_warm_up_alone(panel: xs.Panel) -> None:
    assert failures(panel, since_the_start) == {"warm-up"}


def test_a_warm_up_that_is_told_too_short_is_caught(panel: xs.Panel) -> None:
    assert failures(panel, honest, warmup_bars=11, only=["warm-up"]) == set()
    assert failures(panel, honest, warmup_bars=10, only=["warm-up"]) == {"warm-up"}


def test_a_strategy_that_sees_the_next_close_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core itself, made to look one bar ahead."""
    plain = _core.simulate

    def peeking(market: xs.Panel, *rest: Any, **more: Any) -> Any:
        rows = np.minimum(np.arange(market.bars) + 1, market.bars - 1)
        ahead: dict[str, Any] = {name: getattr(market, name)[rows] for name in ("high", "low", "close")}
        ahead["open"] = np.clip(market.open, ahead["low"], ahead["high"])
        return plain(replace(market, **ahead), *rest, **more)

    monkeypatch.setattr(_core, "simulate", peeking)
    config = xs.load_config("weekly")
    found = {finding.check for finding in xs.check(SampleMarket(20, 420, DAY_MS, 5).build(), config).failed}
    assert {"truncation", "poisoned future", "account adds up"} <= found


@pytest.mark.parametrize(
    ("line", "check"),
    [("equity_usdt", "account adds up"), ("spread_usdt", "costs never negative"), ("fee_usdt", "fees double")],
)
def test_a_ledger_that_loses_a_little_is_caught(
    panel: xs.Panel, monkeypatch: pytest.MonkeyPatch, line: str, check: str
) -> None:
    plain = _core.run_weights

    def leaky(*given: Any, **more: Any) -> Any:
        run = dict(plain(*given, **more))
        run[line] = run[line] - 0.01 * np.arange(len(run[line]))
        return run

    monkeypatch.setattr(_core, "run_weights", leaky)
    assert check in failures(panel, honest, only=["account"])


def test_costs_that_cannot_be_switched_off_are_caught(panel: xs.Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _core.run_weights

    def greedy(market: xs.Panel, weights: Any, costs: Any, **more: Any) -> Any:
        return plain(market, weights, xs.Costs(taker_bps=max(costs.taker_bps, 0.5), impact_y=0.0), **more)

    monkeypatch.setattr(_core, "run_weights", greedy)
    assert "no costs, none charged" in failures(panel, honest, only=["account"])


def test_nothing_decided_is_nothing_proven(panel: xs.Panel) -> None:
    found = xs.check(panel, lambda market: np.zeros(market.close.shape), costs=FREE_OF_DEPTH)
    assert not found.passed
    assert "prove nothing" in found.failed[0].sentence


def test_shuffling_deals_the_same_moves_to_other_names(panel: xs.Panel) -> None:
    market = shuffle_names(panel, np.random.default_rng(1))
    market.panel.check()  # still whole bars at the core's own door
    assert (np.isnan(market.panel.close) == np.isnan(panel.close)).all()
    assert not np.array_equal(market.panel.close[-1], panel.close[-1])
    both = ~np.isnan(panel.close[1:]).any(axis=1) & ~np.isnan(panel.close[:-1]).any(axis=1)
    for close in (panel.close, market.panel.close):
        move = (close[1:] / close[:-1] - 1.0)[both]
        np.testing.assert_allclose(move.mean(axis=1), market.mean_move[1:][both], rtol=1e-9, atol=1e-12)
    old, new = (np.sort(close[1:] / close[:-1], axis=1)[both] for close in (panel.close, market.panel.close))
    np.testing.assert_allclose(old, new, rtol=1e-9)


def test_a_long_only_book_is_not_blamed_for_the_market(panel: xs.Panel) -> None:
    """It earns what the market drifts, which no shuffle of names takes away."""

    def long_only(market: xs.Panel) -> np.ndarray:
        return np.where(np.isnan(market.close), 0.0, 1.0 / market.close.shape[1])

    rising = replace(panel, **{name: getattr(panel, name) * 1.004 ** np.arange(panel.bars)[:, None] for name in
                               ("open", "high", "low", "close")})  # fmt: skip
    assert failures(rising, long_only, only=["shuffled"]) == set()


def test_the_answer_as_frame_document_and_text(panel: xs.Panel) -> None:
    found = xs.check(panel, one_bar_ahead, costs=FREE_OF_DEPTH, only=["future"])
    assert found.frame().height == len(found.findings) == len(found.document()) == 4
    assert str(found).count("FAIL") == len(found.failed)
    again = xs.check(panel, one_bar_ahead, costs=FREE_OF_DEPTH, only=["future"])
    assert again.findings == found.findings  # seeded


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"only": ["futures"]}, "'futures' is no group of checks: choose from " + ", ".join(CHECKS)),
        ({"warmup_bars": 0}, "warmup_bars is 0"),
        ({"warmup_bars": 420}, "420 are warm-up"),
        ({"costs": 3}, "costs is a int"),
    ],
)
def test_what_cannot_be_examined_is_refused(panel: xs.Panel, how: dict[str, Any], told: str) -> None:
    with pytest.raises((ConfigError, DataError), match=told.replace("(", r"\(")):
        xs.check(panel, honest, **({"costs": FREE_OF_DEPTH} | how))


def test_weights_of_a_wrong_shape_are_refused(panel: xs.Panel) -> None:
    with pytest.raises(XsmomError, match=r"weights of shape \(419, 20\), the panel wants \(420, 20\)"):
        xs.check(panel, lambda market: honest(market)[1:], costs=FREE_OF_DEPTH)


def test_a_panel_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="wants 10 at least"):
        xs.check(SampleMarket(3, 5, DAY_MS, 1).build(), honest, costs=FREE_OF_DEPTH)
