"""The public measures, against vectors and identities; the arithmetic itself is tested in the core."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom import _core
from xsmom.errors import KernelError
from xsmom.research import statistics

VECTORS = Path(__file__).resolve().parents[3].parent / "shared" / "vectors"


def vectors(name: str) -> dict:
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    return json.loads(path.read_text("utf-8"))


def test_metrics_are_the_cores() -> None:
    for case in vectors("03_performance_metrics.json")["cases"].values():
        found = statistics.metrics(case["returns"], case["primary"]["periods_per_year"])
        assert found["sharpe"] == pytest.approx(case["primary"]["sharpe_ann"], rel=1e-9, nan_ok=True)
        assert found["max_drawdown"] == pytest.approx(case["primary"]["max_drawdown"], rel=1e-9, abs=1e-12)


def test_psr_names_both_forms_and_gates_on_the_smaller() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    found = statistics.psr(returns)
    assert found["gate"] == min(found["psr_2012"], found["psr_2025"])
    assert 0.9 < found["gate"] < 1.0


def test_track_record_is_where_psr_reaches_its_confidence() -> None:
    returns = np.random.default_rng(2).normal(0.0004, 0.01, 800)
    assert statistics.min_track_record(returns, benchmark=1.0) == np.inf
    assert statistics.min_track_record(returns) > 1.0


def test_stationary_bootstrap_has_the_exact_variance_of_the_mean() -> None:
    cases = vectors("08_bootstrap.json")["cases"]
    checked = 0
    for name, series in cases["series"].items():
        values = np.array(series)
        n = len(values)
        centred = values - values.mean()
        circular = [float(np.mean(centred * np.roll(centred, -k))) for k in range(n)]
        block = 12.0
        weights = [(1 - k / n) * (1 - 1 / block) ** k for k in range(1, n)]
        exact = np.sqrt((circular[0] + 2 * np.dot(weights, circular[1:])) / n)
        draws = values[statistics.stationary_indices(n, block, 4_000, 7)].mean(axis=1)
        assert draws.std() == pytest.approx(exact, rel=0.05), name
        checked += 1
    assert checked >= 5


def test_interval_covers_and_is_seeded() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.01, 730)
    low, high = statistics.sharpe_interval(returns)
    assert low < statistics.metrics(returns)["sharpe"] < high
    assert (low, high) == statistics.sharpe_interval(returns)


def drawn_by_numpy(returns: np.ndarray, block: float, draws: int, seed: int) -> np.ndarray:
    """Sharpe ratios of the draws, with NumPy's generator, sums and deviations."""
    sampled = returns[statistics.stationary_indices(len(returns), block, draws, seed)]
    spread = sampled.std(axis=1, ddof=1)
    mean = sampled.mean(axis=1)
    return np.divide(mean, spread, out=np.full(draws, np.nan), where=spread > 1e-14 * np.abs(mean))


@pytest.mark.parametrize("days", [2, 3, 7, 8, 9, 127, 128, 129, 365, 1_000, 2_921])
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**64 - 1])
def test_draws_are_those_of_numpy_bit_for_bit(days: int, seed: int) -> None:
    returns = np.random.default_rng(days).standard_t(3, days) * 0.02
    for block in (1.0, 5.0, 40.0):
        found = _core.sharpe_draws(returns, 1.0 / block, 100, seed)
        np.testing.assert_array_equal(found, drawn_by_numpy(returns, block, 100, seed))


@given(
    st.lists(st.floats(-1.0, 2.0), min_size=2, max_size=300),
    st.floats(1.0, 400.0),
    st.integers(0, 2**64 - 1),
)
def test_draws_of_any_returns_are_those_of_numpy(returns: list[float], block: float, seed: int) -> None:
    values = np.array(returns)
    found = _core.sharpe_draws(values, 1.0 / block, 20, seed)
    np.testing.assert_array_equal(found, drawn_by_numpy(values, block, 20, seed))


@pytest.mark.parametrize("returns", [[], [0.1], [0.25, 0.25, 0.25], [0.1] * 3, [1e-9] * 30])
def test_no_interval_without_a_spread(returns: list[float]) -> None:
    assert np.isnan(statistics.sharpe_interval(returns)).all()


@pytest.mark.parametrize(("returns", "words"), [([], "returns: are empty"), ([0.1, np.nan], "hold NaN at place 1")])
def test_bad_returns_are_refused(returns: list[float], words: str) -> None:
    with pytest.raises(KernelError, match=words):
        statistics.metrics(returns)
