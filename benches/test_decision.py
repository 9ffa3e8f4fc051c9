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


def _timed(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
