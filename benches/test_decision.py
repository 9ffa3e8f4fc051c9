"""The classic decision over a panel, against plain NumPy and a C program; one live decision's latency."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from benches_reference import (
    CAP,
    GROSS,
    LOOKBACK_WEIGHTS,
    LOOKBACKS,
    NAMES_A_SIDE,
    POWER,
    VOL_BARS,
    Anchor,
    cpu_medians,
    make_market,
    numpy_weights,
)

from xsmom import _core

BAR_MS = 3_600_000
BARS, NAMES = 35_040, 100


def make_panel(market) -> SimpleNamespace:
    bars, names = market.close.shape
    return SimpleNamespace(
        bar_ms=BAR_MS,
        close_ms=(np.arange(bars, dtype=np.int64) + 400_000) * BAR_MS,
        symbols=tuple(f"S{i:03}" for i in range(names)),
        **market._asdict(),
        listed_ms=np.zeros(names, dtype=np.int64),
        delisted_ms=np.full(names, np.iinfo(np.int64).max),
    )


def classic(**changes) -> _core.Params:
    fields = _core.params_defaults() | {
        "lookback_bars": list(LOOKBACKS),
        "lookback_weights": list(LOOKBACK_WEIGHTS),
        "signal_power": POWER,
        "vol_bars": VOL_BARS,
        "vol_floor_ann_frac": 0.0,
        "zscore_clip": 0.0,
        "redemean": False,
        "k_frac": 0.0,
        "k_min": NAMES_A_SIDE,
        "k_max": NAMES_A_SIDE,
        "gross_x": GROSS,
        "gross_hard_cap_x": GROSS,
        "weight_long_max_frac": CAP,
        "weight_short_max_frac": CAP,
        "catastrophic_atr_x": 0.0,
        **changes,
    }
    return _core.Params(**fields)


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


def _timed(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
