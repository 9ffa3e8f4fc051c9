"""Turnover and costs made yearly: of one run, or of many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

COST_KINDS = ("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt")


def make_yearly(
    totals: Mapping[str, Any], *, years: float, equity_mean_usdt: Any, equity_usdt: Any, cash_usdt: Any
) -> dict[str, Any]:
    """Turnover and each cost as shares of mean equity a year, and costs as a share of gross result.

    `totals` holds the costs of the whole run and `traded_usdt`; numbers, or arrays of one entry a run.
    """
    paid = {name: totals[name] for name in COST_KINDS}
    total = sum(paid.values())
    net = equity_usdt - cash_usdt
    gross = net + total
    share = years * equity_mean_usdt
    yearly = {name.replace("_usdt", "_year_frac"): value / share for name, value in paid.items()}
    return {
        "turnover_year_x": totals["traded_usdt"] / share,
        "cost_year_frac": total / share,
        **yearly,
        "gross_usdt": gross,
        "net_usdt": net,
        "cost_of_gross_frac": np.divide(total, gross, out=np.full(np.shape(gross), np.nan), where=gross > 0)[()],
    }
