"""The same run at twice its trading costs: exact where the result can run again, first order elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from xsmom.domain.costs import Costs
from xsmom.research import statistics
from xsmom.research.report.days import Days

if TYPE_CHECKING:
    from xsmom.research.result import Result


def double_costs(costs: Costs) -> Costs:
    """Fees, spread and impact twice; a rebate stays as it is, and funding is a fact, no assumption."""
    return replace(
        costs,
        taker_bps=_worsen(costs.taker_bps),
        maker_bps=_worsen(costs.maker_bps),
        half_spread_bps=2.0 * costs.half_spread_bps,
        impact_y=2.0 * costs.impact_y,
    )


def _worsen(bps: float) -> float:
    return 2.0 * bps if bps > 0 else bps


def stress_costs(result: Result, days: Days) -> dict[str, Any]:
    """Return and Sharpe ratio at doubled trading costs, and how they were found.

    A result with `rerun(costs) -> Result` is run again. Without it each day's costs are taken from its
    return once more: that leaves out that a smaller account trades less, and pays less.
    """
    rerun: Any = getattr(result, "rerun", None)
    if callable(rerun):
        again: Result = rerun(double_costs(result.assumed_costs))
        returns = again.daily_returns["return_frac"].to_numpy()
        method = "exact: run again"
    else:
        returns = np.maximum(days.return_frac - days.cost_frac, -1.0)
        method = "first order: net less costs, day by day"
    found = statistics.metrics(returns)
    low, high = statistics.sharpe_interval(returns)
    return {
        "method": method,
        "total_return": float(np.prod(1.0 + returns) - 1.0),
        "cagr": found["cagr"],
        "sharpe": found["sharpe"],
        "sharpe_low": low,
        "sharpe_high": high,
        "max_drawdown": found["max_drawdown"],
    }
