"""Performance and luck of a return series: the public face of the core's measures (`xs.stats`).

Everything takes simple returns per period. The headline of this package is UTC-daily net returns with
365 periods a year; hourly figures hide the tails.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xsmom import _core

DAYS_A_YEAR = 365.0


def _read(returns: ArrayLike) -> NDArray[np.float64]:
    return np.ascontiguousarray(returns, dtype=np.float64).ravel()


def metrics(returns: ArrayLike, periods: float = DAYS_A_YEAR) -> dict[str, Any]:
    """Every figure of a series: return, Sharpe, Sortino, drawdown, tails … NaN where undefined."""
    return _core.metrics(_read(returns), periods)


def hac_sharpe(returns: ArrayLike, periods: float = DAYS_A_YEAR, lags: int | None = None) -> float:
    """Annualised Sharpe ratio whose spread knows autocorrelation (Newey-West, Bartlett weights)."""
    values = _read(returns)
    lags = _core.automatic_lags(len(values)) if lags is None else lags
    return _core.hac_sharpe(values, lags) * float(np.sqrt(periods))


def newey_west_t(returns: ArrayLike, lags: int | None = None) -> float:
    """Newey-West t statistic of the mean return."""
    values = _read(returns)
    return _core.newey_west_t(values, _core.automatic_lags(len(values)) if lags is None else lags)


def psr(returns: ArrayLike, benchmark: float = 0.0, rho: float = 0.0) -> dict[str, float]:
    """Probability that the true Sharpe ratio per period is above `benchmark`.

    Two published forms disagree; both are named, and `gate` is the smaller.
    """
    found = _core.metrics(_read(returns), 1.0)
    older, newer = _core.psr(
        found["sharpe"], found["n"], found["skew"], found["kurtosis"], benchmark=benchmark, rho=rho
    )
    return {"psr_2012": older, "psr_2025": newer, "gate": min(older, newer)}


def min_track_record(returns: ArrayLike, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Periods needed before PSR (2012) reaches `confidence`; infinite at or below the benchmark."""
    found = _core.metrics(_read(returns), 1.0)
    return _core.min_track_record(
        found["sharpe"], found["skew"], found["kurtosis"], benchmark=benchmark, confidence=confidence
    )


def expected_max(trials: float) -> float:
    """Expected maximum of `trials` independent standard normals: what luck alone reaches."""
    return _core.expected_max(trials)


def sharpe_interval(
    returns: ArrayLike,
    periods: float = DAYS_A_YEAR,
    *,
    coverage: float = 0.90,
    block: float | None = None,
    draws: int = 2_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of the annualised Sharpe ratio by the stationary bootstrap (Politis and Romano).

    `block` is the expected block length; without it the cube root of the length, at least 5.
    """
    values = _read(returns)
    if len(values) < 2:
        return float("nan"), float("nan")
    expected = max(5.0, float(np.cbrt(len(values)))) if block is None else block
    # The core draws as `stationary_indices` does, bit for bit, in a quarter of the time and without NumPy's generators.
    ratios = _core.sharpe_draws(values, 1.0 / expected, draws, seed) * np.sqrt(periods)
    if np.isnan(ratios).all():
        return float("nan"), float("nan")
    tail = (1.0 - coverage) / 2.0
    return quantile(ratios, tail), quantile(ratios, 1.0 - tail)


def quantile(values: NDArray[np.float64], share: float) -> float:
    """The linear quantile of what is known. NumPy's own loads masked arrays, a tenth of a run's start."""
    ordered = np.sort(values[~np.isnan(values)])
    place = share * (len(ordered) - 1)
    below = int(place)
    part, low = place - below, float(ordered[below])
    high = float(ordered[min(below + 1, len(ordered) - 1)])
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1.0 - part)


def stationary_indices(length: int, block: float, draws: int, seed: int) -> NDArray[np.int64]:
    """Places of a stationary bootstrap: geometric blocks of mean `block`, wrapped around the end."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, length, (draws, length))
    fresh = rng.random((draws, length)) < 1.0 / block
    fresh[:, 0] = True
    # Each place is its block's start plus the steps since: the start less its own place, held for the block.
    starts = np.flatnonzero(fresh)
    held = np.repeat(places.ravel()[starts] - starts, np.diff(starts, append=draws * length))
    held += np.arange(draws * length)
    held -= length * (held >= length)  # around the end, and never twice: no block is longer than a row
    return held.reshape(draws, length)
