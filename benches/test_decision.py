"""The classic decision over a panel, against plain NumPy and a C program; one live decision's latency."""

from __future__ import annotations

import time

import numpy as np
import pytest
from benches_reference import BARS, NAMES, Anchor, classic, cpu_medians, make_market, make_panel, numpy_weights

from xsmom import _core


@pytest.fixture(scope="module")
def market():
    return make_market(BARS, NAMES)


def test_the_core_decides_what_the_numpy_form_decides(market) -> None:
    # Without the rebalance of capped legs the two forms differ; the names and signs must not.
    mine = _core.model_weights(make_panel(market), classic())
    theirs = numpy_weights(market.close)
    same = np.sign(mine[200:]) == np.sign(theirs[200:])
    assert same.all(axis=1).mean() > 0.999


def test_classic_decision_over_numpy_and_c(market, tmp_path, budgets) -> None:
    panel, params = make_panel(market), classic()
    out = np.zeros((BARS, NAMES))
    anchor = Anchor(tmp_path)
    spent = cpu_medians(
        {
            "core": lambda: _core.model_weights(panel, params, out=out),
            "numpy": lambda: numpy_weights(market.close),
            "anchor": lambda: anchor.run(market),
        }
    )
    cells = BARS * NAMES
    print({name: f"{1e9 * seconds / cells:.2f} ns a cell" for name, seconds in spent.items()})
    budgets.hold("decision.over_numpy", spent["core"] / spent["numpy"])
    budgets.hold("decision.over_c_anchor", spent["core"] / spent["anchor"])


def test_one_live_decision(market) -> None:
    params = classic(regime_enabled=True, vol_target_enabled=True, correlation_enabled=True, adx_enabled=True)
    bars = _core.warmup_bars(params)
    cut = type(market)(*(np.ascontiguousarray(field[-bars:]) for field in market))
    panel = make_panel(cut)
    row = _core.features_last(panel, params)
    best = min(_timed(lambda: _core.features_last(panel, params)) for _ in range(20))
    print(f"features_last over {bars} bars: {best * 1e3:.2f} ms")
    assert row["score"].shape == (NAMES,)
    assert best < 0.050, "fifty milliseconds is ten times the budget: something is badly wrong"


# Thresholds so low that names pass them: a random market has no trends.
EVERYTHING = {
    "adx_min": 1.0,
    "breakout_ratio_min": 0.1,
    "regime_slope_min_bps_day": 0.0,
    "breadth_long_min_frac": 0.0,
    "breadth_short_min_frac": 0.0,
    "regime_enabled": True,
    "adx_enabled": True,
    "breakout_enabled": True,
    "breadth_enabled": True,
    "vol_target_enabled": True,
    "vol_regime_enabled": True,
    "correlation_enabled": True,
    "universe_top_n": 80,
    "funding_tilt_x": 1.0,
    "beta_neutral": True,
    "meta_enabled": True,
    "router_enabled": True,
    "majors": ["S000", "S001", "S002"],
    "trailing_enabled": True,
    "stop_atr_x": 2.0,
}


def test_one_live_bar_over_numpy(market, budgets) -> None:
    """What a live loop asks at a bar, through Python, against plain NumPy over the same window."""
    params = classic(**EVERYTHING)
    bars = _core.warmup_bars(params)
    cut = type(market)(*(np.ascontiguousarray(field[-bars:]) for field in market))
    panel = make_panel(cut)
    row = _core.features_last(panel, params)
    names = len(panel.symbols)
    state = _core.new_state(names, params)
    book = flat_book(row["close_ms"], names)
    weights, codes, _ = _core.decide(row, book, state, params, panel)
    assert np.count_nonzero(weights), "nothing is decided: nothing is measured"
    held = holdings(row["close"])

    def decide_and_plan() -> None:
        weights, codes, _ = _core.decide(row, book, state, params, panel)
        _core.plan(weights, codes, held, params)

    assert _core.plan(weights, codes, held, params)["legs"]
    best = {
        "features_last": min(_timed(lambda: _core.features_last(panel, params), 5) for _ in range(9)),
        "decide and plan": min(_timed(decide_and_plan, 50) for _ in range(9)),
        "numpy": min(_timed(lambda: numpy_weights(cut.close), 5) for _ in range(9)),
    }
    print({what: f"{seconds * 1e3:.3f} ms" for what, seconds in best.items()}, f"{bars} bars")
    budgets.hold("live.features_last_over_numpy", best["features_last"] / best["numpy"])
    budgets.hold("live.decide_and_plan_over_numpy", best["decide and plan"] / best["numpy"])


def test_one_live_bar_after_another_over_numpy(market, budgets) -> None:
    """The features of a bar as the live loop takes them: with a scratch that has seen the bar before."""
    params = classic(**EVERYTHING)
    bars, steps = _core.warmup_bars(params), 256
    windows = []
    for first in range(BARS - bars - steps, BARS - bars):
        window = make_panel(type(market)(*(field[first : first + bars] for field in market)))
        window.close_ms = window.close_ms + first * window.bar_ms
        windows.append(window)
    scratch = _core.Scratch(params, NAMES)
    spent = []
    for window in windows:
        begun = time.process_time()
        row = _core.features_last(window, params, scratch)
        spent.append(time.process_time() - begun)
    anew = _core.features_last(windows[-1], params)
    for name, values in anew.items():
        np.testing.assert_array_equal(row[name], values, err_msg=name)
    close = np.ascontiguousarray(windows[-1].close)
    plain = min(_timed(lambda: numpy_weights(close), 5) for _ in range(9))
    half, most = np.quantile(spent[1:], [0.5, 0.99])
    print(f"features of a bar {half * 1e3:.3f} ms in the middle, p99 {most * 1e3:.3f} ms (must: 5), {bars} bars back")
    budgets.hold("live.features_step_over_numpy", most / plain)


def flat_book(close_ms: int, names: int) -> dict[str, object]:
    """A book that holds nothing, with nothing barred."""
    return {
        "close_ms": close_ms,
        "equity_usdt": 100_000.0,
        "unit_value": 1.0,
        "unit_value_peak": 1.0,
        "guard": "none",
        "weight_now_frac": np.zeros(names),
        "stale_bars": np.zeros(names, dtype=np.uint32),
        "hold": np.zeros(names, dtype=bool),
        "barred_until_ms": np.zeros((names, 2), dtype=np.int64),
        "barred_by": np.zeros((names, 2), dtype=np.uint8),
        "rung_cap_frac": np.full(names, np.inf),
        "meta_scale": np.ones((names, 2)),
        "order_usdt_min": np.full(names, 5.0),
    }


def holdings(price: np.ndarray) -> dict[str, object]:
    """Nothing held, in contracts of about a dollar a lot."""
    names = len(price)
    return {
        "lots": np.zeros(names, dtype=np.int64),
        "price": price,
        "mark": price,
        "closing": np.zeros(names, dtype=bool),
        "qty_step": 1.0 / price,
        "notional_usdt_min": np.full(names, 5.0),
        "lots_max": np.zeros(0, dtype=np.int64),
        "sizing_usdt": 100_000.0,
        "guard": "none",
        "rebalance": True,
        "cost_week_frac": 0.0,
    }


def _timed(work, times: int = 1) -> float:
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times
