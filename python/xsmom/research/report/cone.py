"""What else could have happened: the run's own days drawn again in blocks.

Stationary bootstrap (Politis and Romano 1994) of UTC-daily net returns, seeded. The same draws serve the
cone and the intervals, so that all of them speak of the same other histories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom import _core
from xsmom.research.statistics import DAYS_A_YEAR, stationary_indices

Floats = NDArray[np.float64]

SEED = 0
COVERAGE = 0.90
DEPTHS = (0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50, 0.75)
_DRAWS_MAX, _DRAWS_MIN = 2_000, 200
_CELLS_MAX = 8_000_000


@dataclass(frozen=True)
class Draws:
    """Places of resampled days, draws by days, and the mean length of a block."""

    places: NDArray[np.int64]
    block_days: float


def draw(days: int) -> Draws:
    """Draw histories of as many days; fewer of them where the history is very long."""
    block = max(5.0, float(np.cbrt(days)))
    draws = int(np.clip(_CELLS_MAX // days, _DRAWS_MIN, _DRAWS_MAX))
    return Draws(stationary_indices(days, block, draws, SEED), block)


def _interval(values: Floats) -> list[float]:
    if not np.isfinite(values).any():
        return [float("nan"), float("nan")]
    tail = (1.0 - COVERAGE) / 2.0
    low, high = np.nanquantile(values, [tail, 1.0 - tail])
    return [float(low), float(high)]


def hac_interval(returns: Floats, draws: Draws) -> list[float]:
    """90 % interval of the annualised HAC Sharpe ratio (Newey-West, Bartlett weights)."""
    if len(returns) < 2:
        return [float("nan"), float("nan")]
    sampled = returns[draws.places]
    mean = sampled.mean(axis=1)
    far = sampled - mean[:, None]
    length, lags = len(returns), _core.automatic_lags(len(returns))
    # mean / sqrt(long-run variance), both per day
    variance = np.einsum("ij,ij->i", far, far) / length
    for lag in range(1, min(lags, length - 1) + 1):
        shared = np.einsum("ij,ij->i", far[:, lag:], far[:, :-lag]) / length
        variance += 2.0 * (1.0 - lag / (lags + 1)) * shared
    ratio = np.divide(mean, np.sqrt(np.abs(variance)), out=np.full(len(mean), np.nan), where=variance > 1e-18)
    return _interval(ratio * np.sqrt(DAYS_A_YEAR))


def bar_interval(returns: Floats, last: NDArray[np.int64], periods: float, draws: Draws) -> list[float]:
    """90 % interval of the Sharpe ratio on bars: whole days are drawn, so that a day's bars stay together."""
    starts = np.concatenate([[0], last[:-1] + 1])
    count = np.diff(np.append(starts, len(returns))).astype(np.float64)[draws.places].sum(axis=1)
    total = np.add.reduceat(returns, starts)[draws.places].sum(axis=1)
    squares = np.add.reduceat(returns**2, starts)[draws.places].sum(axis=1)
    mean = total / count
    freedom = np.maximum(count - 1.0, 1.0)
    spread = np.sqrt(np.maximum(squares - count * mean**2, 0.0) / freedom)
    ratio = np.divide(mean, spread, out=np.full(len(mean), np.nan), where=spread > 1e-12)
    return _interval(ratio * np.sqrt(periods))


def build_cone(returns: Floats, cash_usdt: float, worst_frac: float, draws: Draws) -> dict[str, Any]:
    """Bands of equity and drawdown at each day, and how often the worst drawdown is worse than x."""
    growth = np.cumprod(1.0 + returns[draws.places], axis=1)
    high = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    drawdown = growth / high - 1.0
    worst = drawdown.min(axis=1)
    levels = [0.05, 0.50, 0.95]
    equity = np.quantile(growth, levels, axis=0) * cash_usdt
    below = np.quantile(drawdown, levels, axis=0)
    return {
        "draws": len(draws.places),
        "block_days": draws.block_days,
        "seed": SEED,
        "equity_usdt_p05": equity[0].tolist(),
        "equity_usdt_p50": equity[1].tolist(),
        "equity_usdt_p95": equity[2].tolist(),
        "drawdown_frac_p05": below[0].tolist(),
        "drawdown_frac_p50": below[1].tolist(),
        "drawdown_frac_p95": below[2].tolist(),
        "loss_probability": float(np.mean(growth[:, -1] < 1.0)),
        "max_drawdown_worse_than": [
            {"drawdown_frac": -depth, "probability": float(np.mean(worst < -depth))} for depth in DEPTHS
        ],
        "worse_than_this_run": {"drawdown_frac": worst_frac, "probability": float(np.mean(worst < worst_frac))},
        "max_drawdown_frac_p05": float(np.quantile(worst, 0.05)),
        "max_drawdown_frac_p50": float(np.quantile(worst, 0.50)),
    }
