"""What an equity carries: the core's answer beside a formula from the manual, and the edge."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import xsmom as xs
from xsmom.domain.contracts import make_instruments
from xsmom.lake.sample import SampleMarket
from xsmom.research.affordable import Affordable, find_affordable

MARKET = SampleMarket(16, 1_000, 3_600_000, seed=4, churn=False).build()
#: Smallest orders of 5, 10, 15, ... USDT.
CONTRACTS = {
    symbol: replace(one, notional_usdt_min=Decimal(5 * (place + 1)))
    for place, (symbol, one) in enumerate(make_instruments(MARKET).items())
}


def look(equity_usdt: float, **settings: Any) -> Affordable:
    config = xs.load_config("classic", {"universe.exclude": [], **settings}, env={})
    return find_affordable(MARKET, config.params(), CONTRACTS, equity_usdt)


def typical_frac(eligible: int) -> float:
    """Share of one position: half of gross over K names, or the cap of a weight."""
    params: Any = xs.load_config("classic", env={}).params()
    k = min(max(round(params["k_frac"] * eligible), params["k_min"]), params["k_max"])
    return float(min(params["gross_x"] / 2 / k, params["weight_long_max_frac"]))


@pytest.mark.parametrize("equity_usdt", [60.0, 300.0, 900.0, 5_000.0])
def test_a_name_is_affordable_from_two_smallest_orders_on(equity_usdt: float) -> None:
    found = look(equity_usdt)
    share = typical_frac(len(found.names))
    for one in found.names:
        assert one.affordable == (share * equity_usdt >= 2 * one.order_usdt_min), one
    assert {one.symbol for one in found.names if one.lots} <= {one.symbol for one in found.names if one.affordable}


def test_the_least_equity_is_where_the_config_begins_to_work() -> None:
    found = look(1_000.0)
    needs = sorted(one.order_usdt_min for one in found.names)
    assert found.wanted_names == 4
    assert found.least_usdt is not None
    assert found.least_usdt == pytest.approx(2 * needs[3] / typical_frac(len(needs)), abs=0.01)
    assert look(found.least_usdt).enough
    below = look(found.least_usdt - 0.02)
    assert not below.enough
    assert sum(one.affordable for one in below.names) == 3


def test_half_of_the_equity_for_sizing_needs_twice_as_much() -> None:
    whole, half = look(1_000.0), look(1_000.0, **{"strategy.capital_frac": 0.5})
    assert whole.least_usdt is not None
    assert half.least_usdt == pytest.approx(2 * whole.least_usdt, abs=0.02)
    assert half.sizing_usdt == 500.0


def test_what_whole_lots_leave() -> None:
    rich, poor = look(1e7), look(700.0)
    assert rich.gross_frac == pytest.approx(rich.gross_wanted_frac, rel=1e-3)
    assert abs(rich.net_frac) < 0.02
    assert 0.0 < poor.gross_frac <= poor.gross_wanted_frac
    values = np.array([one.value_usdt for one in poor.names])
    assert poor.gross_frac == pytest.approx(np.abs(values).sum() / 700.0)
    assert poor.net_frac == pytest.approx(values.sum() / 700.0)


def test_where_no_equity_would_do() -> None:
    found = look(1_000.0, **{"universe.min_age_days": 3_000})
    assert (found.names, found.wanted_names, found.least_usdt, found.enough) == ((), 0, None, False)
