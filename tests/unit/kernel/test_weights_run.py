"""Any target weights through the ledger, against an exact decimal account that shares no line with it."""

from __future__ import annotations

from decimal import Decimal, localcontext
from types import SimpleNamespace

import numpy as np
import pytest

from xsmom import _core
from xsmom.errors import KernelError

BAR_MS = 3_600_000


@pytest.fixture(autouse=True)
def digits():
    """Forty digits in these tests; what every other test reckons with is not ours to change."""
    with localcontext(prec=40):
        yield


def make_panel(seed: int, bars: int = 120, names: int = 11, holes: float = 0.0) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.02, (bars, names))
    close = np.exp(np.cumsum(steps, axis=0)) * rng.uniform(0.01, 5_000.0, names)
    open_ = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0.0, 0.002, (bars, names)))
    high = np.maximum(open_, close) * (1 + rng.uniform(0, 0.01, (bars, names)))
    low = np.minimum(open_, close) * (1 - rng.uniform(0, 0.01, (bars, names)))
    volume = rng.uniform(1e5, 1e7, (bars, names))
    funding = np.where(np.arange(bars)[:, None] % 8 == 0, rng.normal(0, 2e-4, (bars, names)), 0.0)
    absent = rng.random((bars, names)) < holes
    for field in (open_, high, low, close, volume):
        field[absent] = np.nan
    return SimpleNamespace(
        bar_ms=BAR_MS,
        close_ms=(np.arange(bars, dtype=np.int64) + 400_000) * BAR_MS,
        symbols=tuple(f"S{i:02}" for i in range(names)),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume_usdt=volume,
        funding_frac=funding,
        listed_ms=np.zeros(names, dtype=np.int64),
        delisted_ms=np.full(names, np.iinfo(np.int64).max),
    )


def make_weights(seed: int, panel: SimpleNamespace) -> np.ndarray:
    weights = np.random.default_rng(seed).normal(0.0, 0.15, panel.close.shape)
    weights[weights**2 < 0.002] = 0.0
    return np.ascontiguousarray(weights)


COSTS = SimpleNamespace(
    taker_fee_frac=0.00055,
    maker_fee_frac=0.0002,
    maker_share_frac=0.25,
    half_spread_frac=0.0003,
    impact_y=0.0,
    funding=True,
)
FREE = SimpleNamespace(**{**vars(COSTS), "taker_fee_frac": 0.0, "maker_fee_frac": 0.0, "half_spread_frac": 0.0})


class DecimalAccount:
    """One account in exact decimals, straight from docs/explanation/accounting.md."""

    def __init__(self, names: int, cash: float, costs: SimpleNamespace) -> None:
        self.cash = Decimal(cash)
        self.units = [Decimal(0)] * names
        self.mark = [Decimal(0)] * names
        self.paid = dict.fromkeys(("fee", "spread", "funding"), Decimal(0))
        share = Decimal(costs.maker_share_frac)
        self.fee_rate = share * Decimal(costs.maker_fee_frac) + (1 - share) * Decimal(costs.taker_fee_frac)
        self.spread = (1 - share) * Decimal(costs.half_spread_frac)
        self.charge = costs.funding

    def equity(self, prices: list[Decimal]) -> Decimal:
        return self.cash + sum((u * p for u, p in zip(self.units, prices, strict=True)), Decimal(0))

    def trade(self, row: np.ndarray, weights: np.ndarray) -> None:
        prices = [m if np.isnan(p) else Decimal(float(p)) for p, m in zip(row, self.mark, strict=True)]
        equity = self.equity(prices)
        for i, weight in enumerate(weights):
            if np.isnan(row[i]):
                continue
            step = Decimal(float(weight)) * equity / prices[i] - self.units[i]
            side = 1 if step > 0 else -1
            price = prices[i] * (1 + side * self.spread)
            fee = abs(step) * price * self.fee_rate
            self.cash -= step * price + fee
            self.units[i] += step
            self.paid["fee"] += fee
            self.paid["spread"] += abs(step) * prices[i] * self.spread

    def settle(self, close: np.ndarray, rates: np.ndarray) -> None:
        for i, price in enumerate(close):
            if not np.isnan(price):
                self.mark[i] = Decimal(float(price))
            if self.charge:
                due = self.units[i] * self.mark[i] * Decimal(float(rates[i]))
                self.cash -= due
                self.paid["funding"] += due


def run_exactly(panel: SimpleNamespace, weights: np.ndarray, fill_at: str, delay: int, costs: SimpleNamespace):
    account = DecimalAccount(len(panel.symbols), 10_000.0, costs)
    typical = (panel.open + panel.high + panel.low + panel.close) / 4
    source = {"open": panel.open, "close": panel.close, "vwap": typical}[fill_at]
    lag = delay + (fill_at != "close")
    equity = []
    for t in range(len(panel.close_ms)):
        if fill_at != "close" and t >= lag:
            account.trade(source[t], weights[t - lag])
        account.settle(panel.close[t], panel.funding_frac[t])
        if fill_at == "close" and t >= lag:
            account.trade(source[t], weights[t - lag])
        equity.append(float(account.equity(account.mark)))
    return np.array(equity), account


@pytest.mark.parametrize("fill_at", ["open", "close", "vwap"])
@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_equity_and_every_cost_equal_the_exact_account(fill_at: str, delay: int, holes: float) -> None:
    panel = make_panel(11, holes=holes)
    weights = make_weights(5, panel)
    found = _core.run_weights(
        panel, weights, COSTS, fill_at=fill_at, delay_bars=delay, cash_usdt=10_000.0, keep_units=True
    )
    expected, account = run_exactly(panel, weights, fill_at, delay, COSTS)
    np.testing.assert_allclose(found["equity_usdt"], expected, rtol=1e-11)
    np.testing.assert_allclose(found["fee_usdt"][-1], float(account.paid["fee"]), rtol=1e-11)
    np.testing.assert_allclose(found["spread_usdt"][-1], float(account.paid["spread"]), rtol=1e-11)
    np.testing.assert_allclose(found["funding_usdt"][-1], float(account.paid["funding"]), rtol=1e-9)
    np.testing.assert_allclose(found["units"][-1], [float(u) for u in account.units], rtol=1e-10)


def test_free_trading_earns_the_price_result_alone() -> None:
    panel = make_panel(3)
    panel.funding_frac[:] = 0.0
    weights = make_weights(4, panel)
    found = _core.run_weights(panel, weights, FREE, fill_at="close", delay_bars=0, cash_usdt=1.0)
    growth = 1 + (weights[:-1] * (panel.close[1:] / panel.close[:-1] - 1)).sum(axis=1)
    np.testing.assert_allclose(found["equity_usdt"][1:], np.cumprod(growth), rtol=1e-11)


def test_doubling_the_fee_doubles_the_fee_of_the_first_trade_exactly() -> None:
    panel = make_panel(8, bars=3)
    weights = make_weights(9, panel)
    weights[1:] = 0.0
    twice = SimpleNamespace(**{**vars(COSTS), "taker_fee_frac": 0.0011, "maker_fee_frac": 0.0004})
    run = lambda costs: _core.run_weights(panel, weights, costs, fill_at="close", delay_bars=0, cash_usdt=1e4)  # noqa: E731
    assert run(twice)["fee_usdt"][0] == 2 * run(COSTS)["fee_usdt"][0]


def test_a_book_that_loses_more_than_it_has_ends_at_zero() -> None:
    panel = make_panel(2, bars=6, names=1)
    for field in (panel.open, panel.high, panel.low, panel.close):
        field[:] = np.array([100.0, 100.0, 100.0, 10.0, 200.0, 300.0])[:, None]
    weights = np.full((6, 1), 3.0)
    found = _core.run_weights(panel, weights, FREE, fill_at="close", delay_bars=0, cash_usdt=1e4)
    assert found["bankrupt_at"] == 3
    assert (found["equity_usdt"][3:] == 0.0).all()


def test_impact_costs_two_thirds_of_the_square_root_peak_and_unknown_depth_the_most() -> None:
    panel = make_panel(2, bars=2, names=2)
    weights = np.array([[0.5, 0.5], [0.5, 0.5]])
    costs = SimpleNamespace(**{**vars(FREE), "impact_y": 1.0})
    sigma = np.full((2, 2), 0.06)
    adv = np.array([[1e6, np.nan], [1e6, np.nan]])
    found = _core.run_weights(panel, weights, costs, fill_at="close", delay_bars=0, cash_usdt=1e4, depth=(sigma, adv))
    expected = 5_000 * (2 / 3 * 0.06 * np.sqrt(5_000 / 1e6)) + 5_000 * 0.10
    assert found["impact_usdt"][0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": np.full((120, 11), np.nan)}, "weights of S00 at bar .* is NaN, wants a finite share"),
        ({"weights": np.zeros((120, 3))}, "weights has shape"),
        ({"cash_usdt": 0.0}, "cash_usdt: is 0, wants a finite amount above 0"),
        ({"costs": SimpleNamespace(**{**vars(COSTS), "taker_fee_frac": -0.5})}, "taker_fee_frac: is -0.5"),
    ],
)
def test_bad_input_is_refused_by_name(change: dict, words: str) -> None:
    panel = make_panel(1)
    given = {"weights": np.zeros((120, 11)), "costs": COSTS, "cash_usdt": 1e4, **change}
    with pytest.raises(KernelError, match=words):
        _core.run_weights(
            panel, given["weights"], given["costs"], fill_at="open", delay_bars=0, cash_usdt=given["cash_usdt"]
        )
