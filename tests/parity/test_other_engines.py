"""The same weights, prices and costs through vectorbt and bt: equity agrees, and what differs has a cause.

Neither is a dependency of anything here (vectorbt's licence, Commons Clause, is why it never will be):
`just compare` installs both beside the checkout and runs this file; elsewhere it is skipped.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from typing import Any

import numpy as np
import pytest

import xsmom as xs
from xsmom.lake.sample import SampleMarket

pytestmark = pytest.mark.filterwarnings("ignore")

DAY_MS = 86_400_000
CASH = 10_000.0
Floats = np.ndarray


def engine(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed here; `just compare` installs it beside the checkout")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def market(seed: int, bars: int = 300, names: int = 12, *, gaps: float = 0.0) -> xs.Panel:
    """A market with as many gaps as asked for, and no others."""
    drawn = SampleMarket(names, bars, DAY_MS, seed, churn=False).build()
    cells = {name: fill_forward(getattr(drawn, name)) for name in ("open", "high", "low", "close", "volume_usdt")}
    cells["high"] = np.maximum(cells["high"], np.maximum(cells["open"], cells["close"]))
    cells["low"] = np.minimum(cells["low"], np.minimum(cells["open"], cells["close"]))
    absent = np.random.default_rng(seed).random(cells["close"].shape) < gaps
    absent[0] = False
    for array in cells.values():
        array[absent] = np.nan
    return xs.Panel.from_arrays(
        close_ms=drawn.close_ms,
        symbols=drawn.symbols,
        open=cells["open"],
        high=cells["high"],
        low=cells["low"],
        close=cells["close"],
        volume_usdt=cells["volume_usdt"],
    )


def fill_forward(cells: Floats) -> Floats:
    out = cells.copy()
    for t in range(1, len(out)):
        out[t] = np.where(np.isnan(out[t]), out[t - 1], out[t])
    return np.where(np.isnan(out), out[~np.isnan(out)].mean(), out)


def neutral_weights(seed: int, shape: tuple[int, int]) -> Floats:
    weights = np.random.default_rng(seed).normal(0.0, 0.1, shape)
    weights -= weights.mean(axis=1, keepdims=True)
    return weights


def costs_of(fee_bps: float, half_spread_bps: float) -> xs.Costs:
    return xs.Costs(taker_bps=fee_bps, half_spread_bps=half_spread_bps, impact_y=0.0, funding=False)


def ours(panel: xs.Panel, weights: Floats, costs: xs.Costs, fill_at: Any) -> Floats:
    result = xs.backtest(panel, weights=weights, costs=costs, fill_at=fill_at, cash_usdt=CASH)
    equity: Floats = result.series()["equity_usdt"]
    return equity


def vectorbt_equity(vbt: Any, panel: xs.Panel, weights: Floats, costs: xs.Costs, fill_at: str) -> Floats:
    pandas = importlib.import_module("pandas")
    size, price = weights, panel.close
    if fill_at == "open":
        size, price = np.vstack([np.full(weights.shape[1], np.nan), weights[:-1]]), panel.open
    size = np.where(np.isnan(price), np.nan, size)  # an absent bar trades nothing
    frame = pandas.DataFrame(fill_forward(panel.close), index=pandas.to_datetime(panel.close_ms, unit="ms"))
    portfolio = vbt.Portfolio.from_orders(
        frame,
        size=size,
        size_type="targetpercent",
        price=fill_forward(price),
        fees=costs.taker_fee_frac,
        slippage=costs.half_spread_frac,
        init_cash=CASH,
        group_by=True,
        cash_sharing=True,
        call_seq="auto",
        freq="1D",
    )
    value: Floats = portfolio.value().to_numpy()
    return value


@pytest.mark.parametrize("fill_at", ["open", "close"])
@pytest.mark.parametrize(("fee_bps", "half_spread_bps"), [(0, 0), (5.5, 0), (10, 5)])
def test_vectorbt_agrees_to_rounding(fill_at: str, fee_bps: float, half_spread_bps: float) -> None:
    vbt = engine("vectorbt")
    panel = market(5)
    weights, costs = neutral_weights(1, panel.close.shape), costs_of(fee_bps, half_spread_bps)
    theirs = vectorbt_equity(vbt, panel, weights, costs, fill_at)
    mine = ours(panel, weights, costs, fill_at)
    assert mine.min() < 0.99 * CASH  # something happened
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_vectorbt_agrees_through_absent_bars() -> None:
    """Filled at the close: what is absent keeps its units and its last mark on both sides."""
    vbt = engine("vectorbt")
    panel = market(6, gaps=0.05)
    weights, costs = neutral_weights(2, panel.close.shape), costs_of(10, 5)
    theirs = vectorbt_equity(vbt, panel, weights, costs, "close")
    np.testing.assert_allclose(ours(panel, weights, costs, "close"), theirs, rtol=1e-12)


def bt_equity(bt: Any, panel: xs.Panel, weights: Floats, charge: Any) -> Floats:
    pandas = importlib.import_module("pandas")
    index = pandas.to_datetime(panel.close_ms, unit="ms")
    rows = dict(zip(index, weights, strict=True))

    class Weigh(bt.Algo):  # type: ignore[misc]
        def __call__(self, target: Any) -> bool:
            target.temp["weights"] = dict(zip(panel.symbols, rows[target.now], strict=True))
            return True

    strategy = bt.Strategy("given", [Weigh(), bt.algos.Rebalance()])
    test = bt.Backtest(
        strategy,
        pandas.DataFrame(panel.close, index=index, columns=list(panel.symbols)),
        initial_capital=CASH,
        commissions=charge,
        integer_positions=False,
        progress_bar=False,
    )
    bt.run(test)
    value: Floats = test.strategy.values.reindex(index).to_numpy()
    return value


def size_net_of_fees(panel: xs.Panel, weights: Floats, fee_frac: float) -> Floats:
    """bt's rule: the notional of a trade *plus its fee* is what is missing to the target."""
    cash, units, equity = CASH, np.zeros(weights.shape[1]), []
    for wanted, price in zip(weights, panel.close, strict=True):
        missing = wanted * (cash + units @ price) - units * price
        notional = missing / (1.0 + np.sign(missing) * fee_frac)
        cash -= notional.sum() + fee_frac * np.abs(notional).sum()
        units = units + notional / price
        equity.append(cash + units @ price)
    return np.array(equity)


def test_bt_agrees_to_rounding_without_fees() -> None:
    bt = engine("bt")
    panel = market(5)
    weights = neutral_weights(1, panel.close.shape)
    theirs = bt_equity(bt, panel, weights, lambda _units, _price: 0.0)
    np.testing.assert_allclose(ours(panel, weights, costs_of(0, 0), "close"), theirs, rtol=1e-12)


def test_bt_differs_by_sizing_net_of_fees_and_by_nothing_else() -> None:
    bt = engine("bt")
    panel = market(5)
    weights, costs = neutral_weights(1, panel.close.shape), costs_of(10, 0)
    fee_frac = costs.taker_fee_frac
    theirs = bt_equity(bt, panel, weights, lambda units, price: abs(units) * price * fee_frac)
    np.testing.assert_allclose(size_net_of_fees(panel, weights, fee_frac), theirs, rtol=1e-10)
    gap = np.abs(ours(panel, weights, costs, "close") / theirs - 1.0).max()
    assert 1e-6 < gap < 2e-3  # the rule matters, and no more than fee times what is held
