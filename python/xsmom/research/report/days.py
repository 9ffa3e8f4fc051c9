"""The run by UTC day: returns beside an equal-weight market, rolling measures, months."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from xsmom.domain.timeframe import DAY_MS
from xsmom.research.report.attribution import Attribution, fill_marks
from xsmom.research.statistics import DAYS_A_YEAR

if TYPE_CHECKING:
    from xsmom.research.result import Result

Floats = NDArray[np.float64]
ROLLING_DAYS = 90


@dataclass
class Days:
    """One row for each UTC day that the panel touches."""

    day: list[str]
    last: NDArray[np.int64]
    """Bar that closes each day."""
    return_frac: Floats
    market_frac: Floats
    turnover_x: Floats
    cost_frac: Floats
    """Fees, spread and impact of the day as a share of equity at its start."""


def split_days(result: Result) -> Days:
    """Cut the run at UTC midnights, exactly as `Result.daily_returns` does."""
    frame = result.daily_returns
    number = (result.panel.close_ms - 1) // DAY_MS
    last = np.flatnonzero(np.append(number[1:] != number[:-1], True))
    equity = result.equity["equity_usdt"].to_numpy()
    before = np.concatenate([[result.cash_usdt], equity[last[:-1]]])
    costs = result.costs
    trading = costs["fee_usdt"].to_numpy() + costs["spread_usdt"].to_numpy() + costs["impact_usdt"].to_numpy()
    return Days(
        day=[day.isoformat() for day in frame["day"].to_list()],
        last=last,
        return_frac=frame["return_frac"].to_numpy(),
        market_frac=measure_market(result, last),
        turnover_x=_per_equity(costs["traded_usdt"].to_numpy()[last], before),
        cost_frac=_per_equity(trading[last], before),
    )


def _per_equity(total: Floats, before: Floats) -> Floats:
    steps = np.diff(total, prepend=0.0)
    return np.divide(steps, before, out=np.zeros_like(steps), where=before > 0)


def measure_market(result: Result, last: NDArray[np.int64]) -> Floats:
    """Return of each day of all names with a bar in it and a price before it, equally weighted.

    A name counts on the day it dies, at its last price; the first day counts from its first open.
    """
    panel = result.panel
    present = ~np.isnan(panel.close)
    mark, start = np.zeros(len(panel.symbols)), 0
    before = np.nan_to_num(panel.open[0], nan=0.0)
    returns = np.zeros(len(last))
    for i, end in enumerate(last):
        rows = slice(start, int(end) + 1)
        mark = fill_marks(panel.close[rows], mark)[-1]
        counted = present[rows].any(axis=0) & (before > 0)
        if counted.any():
            returns[i] = float(np.mean(mark[counted] / before[counted] - 1.0))
        before, start = mark, int(end) + 1
    return returns


def roll(days: Days) -> dict[str, Floats]:
    """Sharpe ratio, volatility and beta to the market of the 90 days up to each; NaN before there are 90."""
    count = len(days.return_frac)
    names = ("sharpe", "volatility_frac", "beta")
    found = {name: np.full(count, np.nan) for name in names}
    if count < ROLLING_DAYS:
        return found
    own = sliding_window_view(days.return_frac, ROLLING_DAYS)
    market = sliding_window_view(days.market_frac, ROLLING_DAYS)
    mean, spread = own.mean(axis=1), own.std(axis=1, ddof=1)
    far = market - market.mean(axis=1, keepdims=True)
    variance = (far**2).sum(axis=1)
    covariance = (far * (own - mean[:, None])).sum(axis=1)
    undefined = np.full(len(mean), np.nan)
    ratio = np.divide(mean, spread, out=undefined.copy(), where=spread > 1e-12)
    found["sharpe"][ROLLING_DAYS - 1 :] = ratio * np.sqrt(DAYS_A_YEAR)
    found["volatility_frac"][ROLLING_DAYS - 1 :] = spread * np.sqrt(DAYS_A_YEAR)
    found["beta"][ROLLING_DAYS - 1 :] = np.divide(covariance, variance, out=undefined, where=variance > 1e-18)
    return found


def whole_beta(days: Days) -> float:
    """Beta to the equal-weight market over all days; NaN where the market stood still."""
    market = days.market_frac - days.market_frac.mean()
    variance = float(market @ market)
    if variance <= 1e-18:
        return float("nan")
    return float(market @ (days.return_frac - days.return_frac.mean())) / variance


def compound_months(days: Days) -> list[dict[str, Any]]:
    """Return of each calendar month, compounded from its days."""
    growth: dict[str, float] = {}
    for day, change in zip(days.day, days.return_frac, strict=True):
        growth[day[:7]] = growth.get(day[:7], 1.0) * (1.0 + float(change))
    return [{"month": month, "return_frac": value - 1.0} for month, value in growth.items()]


def list_daily(result: Result, days: Days, parts: Attribution) -> dict[str, Any]:
    """Columns of the daily table, each as long as `day`."""
    equity = result.equity["equity_usdt"].to_numpy()[days.last]
    costs = result.costs
    columns = {
        "equity_usdt": equity,
        "drawdown_frac": result.equity["drawdown_frac"].to_numpy()[days.last],
        "return_frac": days.return_frac,
        "market_return_frac": days.market_frac,
        "long_frac": parts.long_frac[days.last],
        "short_frac": parts.short_frac[days.last],
        "gross_frac": (parts.long_frac - parts.short_frac)[days.last],
        "net_frac": (parts.long_frac + parts.short_frac)[days.last],
        "names": parts.names[days.last],
        "turnover_x": days.turnover_x,
    }
    for name in ("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt"):
        columns[f"{name}_cum"] = costs[name].to_numpy()[days.last]
    columns |= {f"rolling_{name}": values for name, values in roll(days).items()}
    return {"day": days.day, **{name: values.tolist() for name, values in columns.items()}}
