"""How a run scales: with leverage, bar by bar; with cash, in every line of the account."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xsmom as xs
from tests.unit.research.runs import draw_weights
from xsmom.config.load import load_config
from xsmom.domain.timeframe import DAY_MS
from xsmom.kernel import Params, model_weights
from xsmom.lake.panel import Panel
from xsmom.lake.sample import SampleMarket
from xsmom.research.result import Result

CASH = 10_000.0
FREE = xs.Costs(taker_bps=0.0, half_spread_bps=0.0, impact_y=0.0, funding=False)
LINEAR = xs.Costs(taker_bps=5.0, half_spread_bps=2.0, impact_y=0.0)
IMPACT = xs.Costs(taker_bps=0.0, half_spread_bps=0.0, impact_y=1.0, funding=False)
LINES = ("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt", "traded_usdt")


@pytest.fixture(scope="module")
def market() -> Panel:
    """A dozen names, of which none comes or goes."""
    return SampleMarket(12, 120, DAY_MS, 5, churn=False).build()


def hold(panel: Panel, weights: np.ndarray, costs: xs.Costs, cash_usdt: float = CASH) -> Result:
    return xs.backtest(panel, weights=weights, costs=costs, fill_at="close", cash_usdt=cash_usdt)


def bar_returns(result: Result) -> np.ndarray:
    equity = result.equity["equity_usdt"].to_numpy()
    return np.diff(equity) / equity[:-1]


def first_trades(panel: Panel, leverage_x: float, costs: xs.Costs) -> dict[str, float]:
    """What one entry, held to the next close, costs and pays by kind."""
    weights = draw_weights(panel)[60:61] * leverage_x
    two = panel.slice(0, 62)
    wanted = np.zeros((62, len(panel.symbols)))
    wanted[60:] = weights
    result = hold(two, wanted, costs)
    told = result.costs
    return {name: float(told[name][60]) for name in LINES} | {
        "price_usdt": float(result.equity["equity_usdt"][61] - result.equity["equity_usdt"][60])
    }


@given(leverage_x=st.floats(0.1, 3.0), seed=st.integers(0, 20))
def test_the_return_of_every_bar_is_that_of_one_times_the_leverage(market: Panel, leverage_x: float, seed: int) -> None:
    """Before costs, and rebalanced at each close, so that no drift of weights comes in between."""
    weights = draw_weights(market, seed=seed) / 4.0
    one, levered = (bar_returns(hold(market, weights * x, FREE)) for x in (1.0, leverage_x))
    np.testing.assert_allclose(levered, leverage_x * one, rtol=1e-9, atol=1e-13)
    assert np.abs(one).max() > 0.001


@given(leverage_x=st.floats(0.1, 3.0))
def test_an_entry_costs_in_proportion_and_its_impact_by_the_power_of_three_halves(
    market: Panel, leverage_x: float
) -> None:
    one, levered = (first_trades(market, x, LINEAR) for x in (1.0, leverage_x))
    for name in ("fee_usdt", "spread_usdt", "funding_usdt", "traded_usdt"):
        assert levered[name] == pytest.approx(leverage_x * one[name], rel=1e-9, abs=1e-9), name
    assert min(one["fee_usdt"], one["spread_usdt"]) > 0
    one, levered = (first_trades(market, x, IMPACT) for x in (1.0, leverage_x))
    assert one["impact_usdt"] > 0
    assert levered["impact_usdt"] == pytest.approx(leverage_x**1.5 * one["impact_usdt"], rel=1e-9)


@pytest.mark.parametrize("fill_at", ["open", "close", "vwap"])
def test_twice_the_cash_is_twice_every_line_to_the_bit(market: Panel, fill_at: str) -> None:
    """Without impact, nothing but size differs; a power of two leaves every digit as it is."""
    weights = draw_weights(market)
    one, two = (
        xs.backtest(market, weights=weights, costs=LINEAR, fill_at=fill_at, cash_usdt=cash)  # type: ignore[arg-type]
        for cash in (CASH, 2 * CASH)
    )
    assert two.equity["equity_usdt"].to_list() == (2.0 * one.equity["equity_usdt"]).to_list()
    assert two.units.tolist() == (2.0 * one.units).tolist()
    for name in LINES:
        assert two.costs[name].to_list() == (2.0 * one.costs[name]).to_list(), name


def test_twice_the_gross_is_twice_every_weight_where_no_cap_binds(market: Panel) -> None:
    free = {"strategy.max_weight_per_asset": 2.0, "strategy.gross_hard_cap": 2.4, "strategy.timeframe": "1d"}
    free |= {"strategy.squeeze_loss_frac": 10.0, "strategy.lookbacks": [5, 10], "strategy.lookback_weights": [1, 1]}
    one, two = (
        model_weights(market, Params(**load_config(None, free | {"strategy.gross_leverage": x}, env={}).params()))
        for x in (0.5, 1.0)
    )
    assert np.abs(one).sum(axis=1).max() > 0.1
    np.testing.assert_allclose(two, 2.0 * one, rtol=1e-12)
