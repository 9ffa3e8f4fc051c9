"""An explanation computes scores, ranks and rules again: here they are held to what the core decided."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.oracle.lesson import lesson_market
from xsmom import _core, kernel
from xsmom.config.load import load_config
from xsmom.domain.panel import CELL_FIELDS
from xsmom.errors import DataError
from xsmom.lake.panel import Panel
from xsmom.lake.sample import SampleMarket
from xsmom.research.cross_section import cross_section, vol_target_scale
from xsmom.research.decision import blank_book, decide_at, hold_alone, rebalance_at
from xsmom.research.explain import explain, explain_decision, scores, show_value
from xsmom.research.rungs import volume_rank

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
UNIVERSE = {
    "not_listed", "delisted", "excluded", "not_included", "no_data", "too_young", "price_too_low",
    "volume_too_low", "outside_top_n", "short_history", "flat_price",
}  # fmt: skip
ENTRY = {"wrong_sign", "below_entry", "breadth", "blackout", "majors", "regime", "adx", "breakout"}

PLAIN = {"lookback_bars": [6, 24], "lookback_weights": [0.6, 0.4], "vol_bars": 48, "atr_bars": 14, "k_max": 3}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "universe": {
        "universe_top_n": 10, "dollar_volume_days": 3, "dollar_volume_min_usdt": 5.5e7, "age_min_days": 5.0,
        "universe_exclude": ["ETHUSDT"], "price_min_usdt": 0.5,
    },
    "ranks": {
        "signal_combine": "rank", "signal_kind": "vol_scaled", "standardise": "rank_normal", "tranches": 3,
        "beta_neutral": True, "beta_bars": 72, "signal_power": 1.35,
    },
    "robust": {"standardise": "robust", "zscore_clip": 2.0, "signal_kind": "log", "skip_bars": 2, "rank_buffer": 2},
    "tilt": {"funding_tilt_x": 1.0, "k_dispersion_bars": 96, "redemean": False, "entry_zscore_min": 0.9},
    "loose": {"market_neutral": False, "signal_power": 0.5, "entry_zscore_min": 0.6, "hold_zscore_min": 0.2},
    "trends": {
        "regime_enabled": True, "regime_ema_bars": 24, "adx_enabled": True, "adx_min": 20.0,
        "breakout_enabled": True, "breakout_ratio_min": 0.8,
    },
    "gates": {
        "majors_enabled": True, "majors": ["BTCUSDT", "ETHUSDT"], "majors_count_min": 1, "regime_ema_bars": 24,
        "breadth_enabled": True, "breadth_long_min_frac": 0.6, "breadth_short_min_frac": 0.6,
        "blackout_hours": list(range(8)), "atr_regime_enabled": True, "entry_zscore_min": 0.7,
    },
    "router": {
        "router_enabled": True, "majors": ["BTCUSDT"], "router_corr_enter": 0.2, "router_corr_exit": 0.1,
        "regime_ema_bars": 24, "router_net_cap_frac": 0.3,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def market():
    return SampleMarket(symbols=24, bars=900, seed=5, drama=True).build()


def params_of(case):
    return {**_core.params_defaults(), **PLAIN, **CASES[case]}


def decisions(market, case):
    rng = np.random.default_rng(1)
    for t in sorted(rng.integers(420, market.bars, 12)):
        yield decide_at(market, params_of(case), int(market.close_ms[t]))


def check_reasons(decision):
    cross = scores(decision)
    for i, reason in enumerate(decision.reasons):
        found = explain_decision(decision, i, decision.close_ms)
        failed = [rung.rule for rung in found.rungs if rung.passed is False]
        asked = [rung for rung in failed if rung in ENTRY]
        if reason in UNIVERSE:
            assert failed[0] == reason, (found.symbol, failed)
            assert not cross.eligible[i]
        elif reason in ENTRY:
            assert asked[0] == reason, (found.symbol, asked)
            assert "wants" in found.because or reason == "blackout"
        elif reason == "selected":
            assert not asked, (found.symbol, asked)
            assert cross.eligible[i]


@pytest.mark.parametrize("case", CASES)
def test_every_reason_is_the_first_rung_that_fails(market, case):
    for decision in decisions(market, case):
        check_reasons(decision)


@pytest.mark.parametrize(
    ("profile", "file"),
    [("weekly", "bybit_perp_1d_to2024"), ("classic", "binance_perp_1h_29sym_to2024")],
)
def test_reasons_on_real_bars(shared, profile, file):
    frame = pl.read_parquet(shared / "data" / f"{file}.parquet").rename({"ts": "open_ms"})
    open_ms = pl.col("open_ms")
    frame = frame.filter((open_ms > open_ms.max() - 150 * DAY_MS) & (pl.col("low") > 0))
    panel = Panel.from_frame(frame, duplicates="first")
    params = load_config(profile, env={}).params()
    met: Counter[str] = Counter()
    for t in range(panel.bars - 1, panel.bars // 2, -(panel.bars // 20)):
        decision = decide_at(panel, params, int(panel.close_ms[t]))
        met.update(decision.reasons)
        check_reasons(decision)
    assert met["selected"] + met["kept"] > 10, met


@pytest.mark.parametrize("case", CASES)
def test_the_legs_are_the_first_of_the_ranking(market, case):
    buffer = CASES[case].get("rank_buffer", 0)
    for decision in decisions(market, case):
        cross = scores(decision)
        tranche = decision.state["tranche_weight"][_renewed(decision)]
        for side in (1, -1):
            taken = [cross.rank(int(i), side) for i in np.flatnonzero(side * tranche > 0)]
            assert len(taken) <= cross.k
            assert all(1 <= rank <= cross.names // 2 for rank in taken)
            if case in {"plain", "universe", "ranks"}:
                # No rule but rank and sign: exactly the first K stand there, as far as signs go.
                signed = int(((side * cross.s > 0) & (side * cross.z >= 0)).sum())
                assert sorted(taken) == list(range(1, 1 + min(cross.k, signed)))
            if buffer:
                kept = [i for i in np.flatnonzero(side * tranche > 0) if decision.reasons[i] == "kept"]
                assert all(cross.rank(int(i), side) <= cross.k + buffer for i in kept)


def _renewed(decision):
    p = decision.params
    return decision.close_ms // p["bar_ms"] // p["rebalance_bars"] % p["tranches"]


def test_the_cases_meet_the_rules(market):
    met = Counter(reason for case in CASES for decision in decisions(market, case) for reason in decision.reasons)
    wanted = (UNIVERSE | ENTRY) - {"not_listed", "not_included", "no_data", "flat_price"}
    assert wanted <= set(met), wanted - set(met)


def test_scores_fall_with_rank_and_ties_keep_the_order_of_symbols():
    row = {"score": np.array([1.0, 3.0, 1.0, np.nan]), "sigma": np.full(4, 0.01), "dispersion_ratio": np.nan}
    eligible = np.array([True, True, True, False])
    cross = cross_section(row, eligible, params_of("plain"), {})
    assert cross.rank_long.tolist() == [2, 1, 3, 0]
    assert cross.rank_short.tolist() == [1, 3, 2, 0]
    assert np.isnan(cross.z[3])
    ordered = cross.s[[1, 0, 2]]
    assert all(a >= b for a, b in pairwise(ordered))


def test_the_book_that_is_explained_is_the_one_the_core_walked(market):
    for case in ("plain", "ranks", "universe"):
        for decision in decisions(market, case):
            book = blank_book(decision, decision.weight_before_frac)
            weights, codes, state = kernel.decide(
                dict(decision.row), book, dict(decision.state_before), kernel.Params(**decision.params), decision.panel
            )
            assert weights.tobytes() == decision.weight_frac.tobytes()
            assert tuple(kernel.REASONS[code] for code in codes) == decision.reasons
            assert np.array_equal(state["tranche_weight"], decision.state["tranche_weight"])


def test_the_volatility_target_is_the_factor_of_the_weights(market):
    free = {
        "vol_target_enabled": True, "vol_target_bars": 72, "vol_target_scale_min": 0.01, "vol_target_scale_max": 9.0,
        "gross_x": 0.1, "weight_long_max_frac": 1.0, "weight_short_max_frac": 1.0, "net_cap_frac": 9.0,
        "market_neutral": False, "gross_hard_cap_x": 9.0,
    }  # fmt: skip
    decision = decide_at(market, {**params_of("plain"), **free})
    wanted = decision.state["tranche_weight"][0]
    scale, vol = vol_target_scale(wanted, decision.row, decision.params)
    assert scale not in (0.01, 9.0, 1.0)
    np.testing.assert_allclose(decision.weight_frac, scale * wanted, rtol=1e-9)
    np.testing.assert_allclose(scale * vol, decision.params["vol_target_ann_frac"], rtol=1e-12)


def test_a_bound_weight_names_its_cap(market):
    tight = {
        "weight_long_max_frac": 0.05,
        "weight_short_max_frac": 0.9,
        "squeeze_loss_frac": 0.08,
        "market_neutral": False,
        "net_cap_frac": 9.0,
    }
    decision = decide_at(market, {**params_of("plain"), **tight})
    seen = set()
    for i, reason in enumerate(decision.reasons):
        found = explain_decision(decision, i, decision.close_ms)
        if reason in {"weight_cap", "squeeze_cap"}:
            seen.add(reason)
            limit = {"weight_cap": 0.05, "squeeze_cap": 0.04}[reason]
            cap = next(rung for rung in found.rungs if rung.rule == reason)
            assert (cap.value, cap.passed) == (limit, False)
            assert abs(found.weight_frac) <= limit
            assert f"the cap of a {found.side} is {limit:.2%}" in found.because
    assert seen == {"weight_cap", "squeeze_cap"}


def test_ranks_by_volume_decide_membership(market):
    for decision in decisions(market, "universe"):
        for i in range(len(market.symbols)):
            found = explain_decision(decision, i, decision.close_ms)
            rung = next(rung for rung in found.rungs if rung.rule == "outside_top_n")
            rank = volume_rank(decision, i)
            assert rung.passed == (not np.isnan(rank) and rank <= (rung.limit or 0))


def test_a_held_name_is_asked_for_on_its_side(market):
    wide = {"weight_long_max_frac": 1.0, "weight_short_max_frac": 1.0, "net_cap_frac": 9.0, "market_neutral": False}
    params = {**params_of("plain"), **wide, "rank_buffer": 4, "entry_zscore_min": 0.5}
    decision = decide_at(market, params)
    cross = scores(decision)
    i = int(np.flatnonzero((cross.rank_long == cross.k + 2) & (cross.s > 0))[0])
    assert decision.reasons[i] != "kept"
    alone = hold_alone(decision, market.symbols[i], "long")
    assert alone.reasons[i] == "kept"
    assert alone.weight_frac[i] > 0
    assert hold_alone(decision, market.symbols[i], "short").weight_frac[i] <= 0
    found = explain(market, params, market.symbols[i].lower(), held="long")
    assert (found.reason, found.symbol) == ("kept", market.symbols[i])
    assert "held long" in found.book


def test_the_decision_is_the_last_rebalance(market):
    params = {**params_of("plain"), "rebalance_bars": 24, "rebalance_offset_bars": 8}
    asked = int(market.close_ms[500])
    found = explain(market, params, "BTCUSDT", asked)
    assert found.decided_ms <= asked
    assert found.decided_ms // HOUR_MS % 24 == 8
    assert asked - found.decided_ms < DAY_MS
    assert rebalance_at(market, params, asked + HOUR_MS - 1) == rebalance_at(market, params, asked)


def test_nothing_after_the_moment_is_looked_at(market):
    at = int(market.close_ms[600])
    whole = explain(market, params_of("ranks"), "ETHUSDT", at).document()
    assert whole == explain(market.slice(0, 601), params_of("ranks"), "ETHUSDT", at).document()


@pytest.mark.parametrize(
    ("symbol", "at", "words"),
    [
        ("BTCUSD", None, "the nearest name is BTCUSDT"),
        ("BTCUSDT", 0, "1970-01-01 00:00Z is outside the panel, whose bars close from 2023-01-01 01:00Z"),
        (
            "BTCUSDT",
            1_672_531_200_000 + 3 * HOUR_MS,
            r"not enough history at 2023-01-01 03:00Z: 172 bars are needed, 3 are there; ask for .* 2023-01-08 04:00Z",
        ),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(market, symbol, at, words):
    with pytest.raises(DataError, match=words) as raised:
        explain(market, params_of("plain"), symbol, at)
    assert "\n" not in str(raised.value)


def test_a_panel_of_another_clock_is_refused(market):
    params = {**params_of("plain"), "bar_ms": DAY_MS}
    with pytest.raises(DataError, match=r"bars of 1h, the configuration counts bars of 1d.*strategy.timeframe=1h"):
        explain(market, params, "BTCUSDT")


def test_a_panel_that_ends_before_a_rebalance_is_refused(market):
    params = {**params_of("plain"), "rebalance_bars": 24, "rebalance_offset_bars": 23}
    with pytest.raises(DataError, match="no rebalance falls between"):
        explain(market, params, "BTCUSDT", int(market.close_ms[4]))


def test_the_document_has_no_nan(market):
    for name, case in (("late", "universe"), ("plain", "plain")):
        late = int(np.argmax(market.listed_ms)) if name == "late" else 0
        document = explain(market, params_of(case), market.symbols[late], int(market.close_ms[430])).document()
        assert "nan" not in str(document).lower().replace("finance", "")


def test_the_shipped_profiles_are_explained():
    for profile, bar_ms, bars in (("weekly", DAY_MS, 260), ("classic", HOUR_MS, 960)):
        params = load_config(profile, env={}).params()
        panel = SampleMarket(symbols=40, bars=bars, bar_ms=bar_ms, seed=3).build()
        decision = decide_at(panel, params)
        assert decision.weight_frac.any()
        for i in range(40):
            found = explain_decision(decision, i, decision.close_ms)
            assert found.sentence == kernel.REASON_TEXTS[found.reason]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "", ""),
        (float("nan"), "usdt", "unknown"),
        (0.0512, "share", "+5.12%"),
        (0.0512, "frac", "5.12%"),
        (1.0, "flag", "yes"),
        (12.0, "rank", "12"),
        (1_672_531_200_000, "time", "2023-01-01 00:00Z"),
        (2.5, "bps_day", "+2.50 bps a day"),
    ],
)
def test_numbers_read_as_people_read_them(value, unit, text):
    assert show_value(value, unit) == text


def test_a_limit_of_the_whole_leg_tells_before_and_after(market):
    decision = decide_at(market, {**params_of("plain"), "weight_long_max_frac": 1.0, "weight_short_max_frac": 0.1})
    i = decision.reasons.index("leg_short")
    found = explain_decision(decision, i, decision.close_ms)
    raw = next(rung.value for rung in found.rungs if rung.rule == "raw")
    assert raw is not None
    assert abs(found.weight_frac) < abs(raw)
    assert (
        f"left {show_value(raw, 'share')}; caps, room and balance made it {show_value(found.weight_frac, 'share')}."
        in found.because
    )


def test_a_frozen_name_tells_how_long_and_how_long_it_may(market):
    cells: dict[str, Any] = {name: np.array(getattr(market, name)) for name in CELL_FIELDS}
    for cell in cells.values():
        cell[-6:, 3] = np.nan
    dates = {"listed_ms": market.listed_ms, "delisted_ms": market.delisted_ms}
    outage = Panel.from_arrays(close_ms=market.close_ms, symbols=market.symbols, **cells, **dates)
    params = {**params_of("plain"), "stale_bars_max": 4}
    name = market.symbols[3]
    at_ms = [int(market.close_ms[-6 + after]) for after in (1, 5)]
    early, late = (explain(outage, params, name, at, "long") for at in at_ms)
    assert (early.reason, late.reason) == ("stale", "stale_too_long")
    assert early.because == "It has had no bar for 2 of them; a held name is kept as it is for 4."
    assert late.because.startswith("It has had no bar for 6 of them")
    assert early.weight_frac > 0.0
    assert late.weight_frac == 0.0


def test_what_the_sentence_says_is_not_said_twice(market):
    found = explain(market, params_of("universe"), "ETHUSDT")
    assert found.reason == "excluded"
    assert found.because == ""


def test_a_short_history_counts_its_bars(market):
    young = int(np.argmax(market.listed_ms))
    t = int(np.searchsorted(market.close_ms, market.listed_ms[young])) + 20
    found = explain(market, params_of("plain"), market.symbols[young], int(market.close_ms[t]))
    assert found.reason == "short_history"
    assert "wants of" not in found.because


def test_a_name_that_only_older_tranches_hold_says_so(market):
    told = []
    for decision in decisions(market, "ranks"):
        capped = decide_at(decision.panel, {**decision.params, "weight_short_max_frac": 0.05, "beta_neutral": False})
        renewed = capped.state["tranche_weight"][_renewed(capped)]
        elder = [i for i, why in enumerate(capped.reasons) if why == "leg_short" and renewed[i] == 0.0]
        told += [explain_decision(capped, i, capped.close_ms).because for i in elder]
    assert told
    assert all("the one renewed now does not" in because for because in told)


def test_the_multiplier_of_the_meta_labeller_is_shown():
    lesson = Panel.from_arrays(**lesson_market(500, 16, HOUR_MS), bar_ms=HOUR_MS)
    learning = {"meta_enabled": True, "meta_horizon_bars": 2, "meta_rate": 0.2, "meta_labels_min": 50}
    decision = decide_at(lesson, {**params_of("plain"), **learning, "vol_regime_base_bars": 48, "router_bars": 48})
    assert decision.labels is not None
    assert decision.labels["promoted"], "nothing was learned: nothing is shown"
    shown = {}
    for i, name in enumerate(lesson.symbols):
        rungs = explain_decision(decision, i, decision.close_ms).rungs
        shown[name] = next(rung for rung in rungs if rung.rule == "meta")
    assert any(rung.value != 1.0 for rung in shown.values())
    assert all(0.5 <= (rung.value or 0.0) <= 1.5 and "base rate" in rung.note for rung in shown.values())
    plain = decide_at(lesson, params_of("plain"))
    assert not any(rung.rule == "meta" for rung in explain_decision(plain, 0, plain.close_ms).rungs)
