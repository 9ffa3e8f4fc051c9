"""What the best of many trials owes to their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom import _core
from xsmom.research.statistics import DAYS_A_YEAR

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Luck:
    """The best Sharpe ratio that so many trials without any skill are expected to show.

    `sqrt(V)·E[max of N]` with V the variance of the trials' Sharpe ratios, and at least `1/(T - 1)`, that of an
    estimate over T days: trials that resemble one another would make V, and with it the bar, too small.
    """

    trials: int
    per_day: float

    @property
    def sharpe(self) -> float:
        """The level a year."""
        return self.per_day * float(np.sqrt(DAYS_A_YEAR))


def measure_luck(sharpe_day: Floats, days: int) -> Luck:
    """The level for these trials; one whose Sharpe ratio is not defined counts as a trial all the same."""
    known = sharpe_day[np.isfinite(sharpe_day)]
    spread = float(known.var(ddof=1)) if known.size > 1 else 0.0
    least = 1.0 / max(days - 1, 1)
    variance = max(spread, least)
    return Luck(len(sharpe_day), float(np.sqrt(variance)) * _core.expected_max(len(sharpe_day)))


def deflate(run: dict[str, Any], luck: Luck) -> Floats:
    """Deflated Sharpe ratio of each run: the chance that its true Sharpe ratio is above the level of luck."""
    sharpe = sharpe_a_day(run)
    rows = zip(sharpe, run["days"], run["skew"], run["kurtosis"], strict=True)
    found = [_core.psr(float(s), float(n), float(g3), float(g4), benchmark=luck.per_day)[0] for s, n, g3, g4 in rows]
    return np.asarray(found, dtype=np.float64)


def sharpe_a_day(run: dict[str, Any]) -> Floats:
    """Sharpe ratios per day, as the core's formulas take them."""
    found: Floats = run["sharpe"] / np.sqrt(DAYS_A_YEAR)
    return found
