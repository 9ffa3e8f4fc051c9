"""Published constructions of momentum portfolios, made by the twin and by the core."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.oracle import core, decision, features, loop, markets
from tests.oracle.moment import first_state
from tests.oracle.params import DAY_MS

TOLERANCE = 1e-10
DAYS, NAMES = 120, 12


@pytest.fixture(params=["twin", "core"])
def program(request):
    if request.param == "core":
        return SimpleNamespace(features=core.features, decide=core.decide)
    return SimpleNamespace(features=features.features, decide=decision.decide)


@pytest.fixture(scope="module")
def vector(shared):
    text = (shared / "vectors/17_momentum_construction.json").read_text(encoding="utf-8")
    return json.loads(text)["cases"]


@pytest.fixture(scope="module")
def panel(vector):
    close = np.array(vector["prices"], dtype=float)
    assert close.shape == (DAYS, NAMES)
    return markets.make_panel(close, np.random.default_rng(17), DAY_MS, first_bar=19_000)


def plain_params(**changes):
    """Nothing but the construction: all names, no bounds, legs of one half each."""
    return markets.make_params(
        bar_ms=DAY_MS,
        lookback_bars=[20],
        lookback_weights=[1.0],
        skip_bars=1,
        vol_bars=20,
        zscore_clip=0.0,
        k_frac=0.5,
        k_min=1,
        k_max=100,
        gross_x=1.0,
        gross_hard_cap_x=1.0,
        net_cap_frac=20.0,
        weight_long_max_frac=20.0,
        weight_short_max_frac=20.0,
        vol_floor_ann_frac=10.0,  # above every name's own volatility: all sizes are by score alone
        **changes,
    )


def rows_of(vector, name):
    return np.array(vector["weights"][name], dtype=float)


def weights_on(program, panel, params, days):
    """The decision of each day from an empty book."""
    dense = program.features(panel, params)
    facts = {name: panel[name] for name in ("symbols", "listed_ms", "delisted_ms")}
    out = {}
    for t in days:
        row = features.feature_row(panel, dense, params, t)
        ledger = loop.Ledger(NAMES, np.random.default_rng(0), eventful=False)
        book = ledger.book_row(row["close_ms"], params, ledger.rng)
        out[t], _, _ = program.decide(
            row, {**book, "order_usdt_min": np.zeros(NAMES)}, first_state(NAMES, 1), params, facts
        )
    return out


def decided_days(wanted):
    return [t for t in range(DAYS) if wanted[t].any()]


def test_signal_and_volatility(program, panel, vector):
    dense = program.features(panel, plain_params())
    for name, key in (("score", "signal"), ("sigma", "vol")):
        want = np.array(vector[key], dtype=float)
        known = ~np.isnan(want)
        assert known.sum() > 900
        np.testing.assert_allclose(dense[name][known], want[known], rtol=0, atol=TOLERANCE)


def test_weights_by_rank(program, panel, vector):
    wanted = rows_of(vector, "rank")
    days = decided_days(wanted)
    assert len(days) > 90
    found = weights_on(program, panel, plain_params(signal_combine="rank"), days)
    for t in days:
        np.testing.assert_allclose(found[t], wanted[t], rtol=0, atol=TOLERANCE, err_msg=f"day {t}")


def test_weights_by_score(program, panel, vector):
    """Where no more than half of the names stand on either side of the mean."""
    wanted = rows_of(vector, "zscore")
    halves = [
        t
        for t in decided_days(wanted)
        if max((wanted[t] > 0).sum(), (wanted[t] < 0).sum()) <= (wanted[t] != 0).sum() // 2
    ]
    assert len(halves) >= 12
    found = weights_on(program, panel, plain_params(), halves)
    for t in halves:
        np.testing.assert_allclose(found[t], wanted[t], rtol=0, atol=TOLERANCE, err_msg=f"day {t}")


def test_equal_weights_of_the_outer_quarters(program, panel, vector):
    wanted = rows_of(vector, "quartile")
    days = decided_days(wanted)
    for k in (2, 3):
        ours = [t for t in days if (wanted[t] > 0).sum() == k]
        assert ours
        params = plain_params(size_power=0.0, market_neutral=False)
        params.update(k_min=k, k_max=k)
        found = weights_on(program, panel, params, ours)
        for t in ours:
            np.testing.assert_allclose(found[t], wanted[t], rtol=0, atol=TOLERANCE)


def test_ranks_over_volatility(program, panel, vector):
    wanted = rows_of(vector, "rank_invvol_neutral")
    days = decided_days(wanted)
    params = plain_params(signal_combine="rank")
    params["vol_floor_ann_frac"] = 0.0
    found = weights_on(program, panel, params, days)
    for t in days:
        np.testing.assert_allclose(found[t], wanted[t], rtol=0, atol=TOLERANCE, err_msg=f"day {t}")


def test_overlapping_tranches_are_the_mean_of_the_last_targets(program, panel, vector):
    """But where a name has died: the vector keeps it in old tranches, the decision does not."""
    wanted = np.array(vector["overlap5"], dtype=float)
    params = plain_params(signal_combine="rank", tranches=5)
    run = loop.run(panel, params, eventful=False, decide_with=program.decide)
    dying = range(90, 95)
    compared = 0
    for step in run:
        if step.t not in dying:
            np.testing.assert_allclose(step.weights, wanted[step.t], rtol=0, atol=TOLERANCE, err_msg=f"day {step.t}")
            compared += bool(wanted[step.t].any())
    assert compared > 80


def test_inverse_volatility(program, shared):
    """Inside a leg the weights stand to each other as one over volatility."""
    text = (shared / "vectors/11_portfolio_weights.json").read_text(encoding="utf-8")
    case = json.loads(text)
    returns = np.array(case["cases"]["returns"], dtype=float)
    wanted = np.array(case["cases"]["expected"]["inv_vol"], dtype=float)
    rows, cols = returns.shape
    close = 100.0 * np.vstack([np.ones(cols), np.cumprod(1.0 + returns, axis=0)])
    panel = markets.make_panel(close, np.random.default_rng(11), DAY_MS, first_bar=19_000)
    params = plain_params(size_power=0.0, market_neutral=False)
    params.update(vol_bars=rows, vol_floor_ann_frac=0.0)
    dense = program.features(panel, params)
    row = features.feature_row(panel, dense, params, rows)
    ledger = loop.Ledger(cols, np.random.default_rng(0), eventful=False)
    book = ledger.book_row(row["close_ms"], params, ledger.rng)
    facts = {name: panel[name] for name in ("symbols", "listed_ms", "delisted_ms")}
    weights, _, _ = program.decide(row, book, first_state(cols, 1), params, facts)
    for leg in (weights > 0.0, weights < 0.0):
        assert leg.sum() >= 3
        share = np.abs(weights[leg]) / np.abs(weights[leg]).sum()
        np.testing.assert_allclose(share, wanted[leg] / wanted[leg].sum(), rtol=1e-9)
