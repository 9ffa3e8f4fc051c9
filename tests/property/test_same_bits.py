"""The core's features are the same bits wherever history begins and whatever the CPU offers."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.oracle import core, loop, markets

ROOT = Path(__file__).resolve().parents[2]
ON = ["rank", "top_n", "beta_neutral", "dispersion_k", "risk", "adv", "regime", "adx", "majors"]
ON += ["breakout", "vol_regime", "funding", "router", "vol_target"]


def same_bits(one, other):
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize("kind", ["raw", "log", "vol_scaled"])
def test_finite_memory(kind, proof):
    """Features of the whole panel at t are those of any window that holds the warm-up before t."""
    for seed in range(60 if proof else 4):
        rng = np.random.default_rng([11, seed])
        params = markets.make_params(*ON, signal_kind=kind, vol_bars=int(rng.integers(2, 200)))
        warmup = core.warmup_bars(params)
        rows = warmup + 330
        panel = markets.random_panel(rng, rows, int(rng.integers(3, 20)))
        dense = core.features(panel, params)
        for _ in range(12):
            t = int(rng.integers(warmup, rows))
            start = t - warmup - int(rng.integers(0, t - warmup + 1))
            last = core.features_last(markets.cut(panel, max(start, 0), t + 1), params)
            unlike = [name for name, x in dense.items() if not same_bits(last[name], x[t])]
            assert not unlike, (seed, t, start, unlike)


def test_the_last_row_is_the_dense_last_row():
    rng = np.random.default_rng(12)
    params = markets.make_params(*ON)
    panel = markets.random_panel(rng, 200, 9)
    dense, last = core.features(panel, params), core.features_last(panel, params)
    assert [name for name, x in dense.items() if not same_bits(last[name], x[-1])] == []
    assert len(dense) >= 12
    r = panel["close"][1:] / panel["close"][:-1] - 1.0
    rows = np.asarray(last["ret_window"])
    np.testing.assert_allclose(rows, r[-len(rows) :], rtol=0, atol=1e-15)


def digest():
    """One number for all features and weights of a few runs."""
    seen = hashlib.sha256()
    for seed in range(6):
        rng = np.random.default_rng([13, seed])
        params = markets.make_params(*ON, *markets.random_overlays(rng, 2), signal_kind="log")
        panel = markets.random_panel(rng, 150, 5 + 3 * seed)
        for name, x in sorted(core.features(panel, params).items()):
            seen.update(name.encode() + np.asarray(x).tobytes())
        for step in loop.run(panel, params, seed, start=60, decide_with=core.decide):
            seen.update(np.asarray(step.weights).tobytes())
    return seen.hexdigest()


def test_masked_cpu_features_change_no_bit():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    code += "from tests.property.test_same_bits import digest\nprint(digest())"
    found = {}
    for level in ("baseline", "x86-64-v3", ""):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env={**os.environ, "XSMOM_SIMD": level},
            capture_output=True,
            text=True,
            check=True,
        )
        found[level] = done.stdout.strip()
    assert len(found[""]) == 64
    assert set(found.values()) == {found[""]}


def test_the_same_run_twice_is_the_same_bits():
    assert digest() == digest()
