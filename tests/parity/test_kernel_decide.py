"""The core's decision against the slow twin's: weights, reasons and state at every step."""

import numpy as np
import pytest

from tests.oracle import core, loop, markets, realdata
from tests.oracle.compare import check_decision, on_edge


def check_steps(panel, params, seed, **options):
    """Every decision of a run, each from the twin's inputs; how many weights stood."""
    facts = {name: panel[name] for name in ("symbols", "listed_ms", "delisted_ms")}
    standing = 0
    for step in loop.run(panel, params, seed, **options):
        if on_edge(step, params, facts):
            continue
        found = core.decide(step.row, step.book, step.state, params, facts)
        check_decision(step, found, panel["symbols"])
        standing += int((step.weights != 0.0).sum())
    return standing


@pytest.mark.parametrize("overlay", ["none", *markets.OVERLAYS])
def test_each_rule_alone(overlay, proof):
    params = markets.make_params(*([] if overlay == "none" else [overlay]))
    standing = 0
    for seed in range(40 if proof else 3):
        panel = markets.random_panel(np.random.default_rng([1, seed]), rough=seed % 3 > 0)
        standing += check_steps(panel, params, seed)
    assert standing > 50, "the run held too little to compare anything"


@pytest.mark.parametrize(
    "overlays",
    [
        ("router", "beta_neutral"),
        ("router", "not_neutral_open"),
        ("cluster", "beta_neutral"),
        ("halve", "tranches"),
        ("positions", "slow_tranches"),
        ("top_n", "tranches"),
    ],
)
def test_rules_that_touch_each_other(overlays):
    for seed in range(6):
        panel = markets.random_panel(np.random.default_rng([10, seed]), rough=False)
        check_steps(panel, markets.make_params(*overlays), seed)


def test_rules_together(proof):
    for seed in range(1_500 if proof else 60):
        rng = np.random.default_rng([2, seed])
        overlays = markets.random_overlays(rng, 2 + seed % 5)
        panel = markets.random_panel(rng, 130, int(rng.integers(4, 18)), rough=seed % 4 > 0)
        try:
            check_steps(panel, markets.make_params(*overlays), seed)
        except AssertionError as unlike:
            raise AssertionError(f"seed {seed}, {overlays}: {unlike}") from unlike


def test_a_calm_book(proof):
    for seed in range(60 if proof else 4):
        panel = markets.random_panel(np.random.default_rng([3, seed]), 200, 16, rough=False)
        params = markets.make_params("buffer", "vol_target", "beta_neutral", "funding")
        assert check_steps(panel, params, seed, eventful=False) > 500


def test_a_few_names_only():
    for seed in range(12):
        rng = np.random.default_rng([4, seed])
        panel = markets.random_panel(rng, 90, 1 + seed % 4, rough=False)
        check_steps(panel, markets.make_params(k_min=1), seed)


def test_twins_among_the_names():
    rng = np.random.default_rng(5)
    for market_neutral in (True, False):
        half = markets.walk_prices(rng, 110, 5)
        panel = markets.make_panel(np.repeat(half, 2, axis=1), rng)
        for overlays in ([], ["rank"], ["rank_normal"], ["robust"], ["halve"], ["tranches"]):
            params = markets.make_params(*overlays, market_neutral=market_neutral, k_max=9)
            check_steps(panel, params, 5)


def test_real_hours(shared, proof):
    candles = realdata.read_candles(shared / "data/binance_perp_1h_29sym_to2024.parquet", 3_600_000)
    funding = realdata.read_funding(shared / "data/funding_binance_b_to2024.parquet", 3_600_000)
    first = realdata.first_close_ms(candles)
    for k in range(20 if proof else 2):
        start = first + (2_000 + 700 * k) * 3_600_000
        panel = realdata.build_panel(candles, 3_600_000, start, 260, funding)
        for overlays in (["funding", "power"], ["tranches", "halve"], ["rank", "regime"]):
            assert check_steps(panel, markets.make_params(*overlays), k) > 200


def test_the_whole_way_from_bars_to_weights(proof):
    """Features and decision of the core, run for themselves, end where the twin ends."""
    for seed in range(80 if proof else 6):
        rng = np.random.default_rng([6, seed])
        overlays = markets.random_overlays(rng, seed % 4)
        params = markets.make_params(*overlays)
        panel = markets.random_panel(rng, 110, 10, rough=False)
        facts = {name: panel[name] for name in ("symbols", "listed_ms", "delisted_ms")}
        for step in loop.run(panel, params, seed, start=90):
            if on_edge(step, params, facts):
                continue
            row = core.features_last(markets.cut(panel, 0, step.t + 1), params)
            assert int(row["close_ms"]) == step.row["close_ms"]
            found = core.decide(row, step.book, step.state, params, facts)
            check_decision(step, found, panel["symbols"])
