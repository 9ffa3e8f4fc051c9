"""Given weights through the ledger, over vectorbt's `from_orders` on the same weights and prices.

`just compare` installs vectorbt beside the checkout; elsewhere this is skipped.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from benches_reference import BARS, FEE, NAMES, SLIP, cpu_medians, make_market, make_panel, numpy_weights

from xsmom import _core

CASH = 100_000.0
COSTS = SimpleNamespace(
    taker_fee_frac=FEE,
    maker_fee_frac=0.0,
    maker_share_frac=0.0,
    half_spread_frac=SLIP,
    impact_y=0.0,
    funding=False,
)

pytestmark = pytest.mark.filterwarnings("ignore")


def load(name: str):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed here; `just compare` installs it beside the checkout")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def test_given_weights_over_vectorbt(budgets) -> None:
    vectorbt, pandas = load("vectorbt"), load("pandas")
    market = make_market(BARS, NAMES)
    weights = numpy_weights(market.close)
    panel = make_panel(market)
    close = pandas.DataFrame(market.close)

    def core():
        return _core.run_weights(panel, weights, COSTS, fill_at="close", delay_bars=0, cash_usdt=CASH)

    def theirs():
        portfolio = vectorbt.Portfolio.from_orders(
            close,
            size=weights,
            size_type="targetpercent",
            fees=FEE,
            slippage=SLIP,
            init_cash=CASH,
            group_by=True,
            cash_sharing=True,
            call_seq="auto",
            freq="1h",
        )
        return portfolio.value()

    spent = cpu_medians({"core": core, "vectorbt": theirs}, rounds=3)
    mine, other = core()["equity_usdt"], theirs().to_numpy()
    # Costs eat this book. What it trades at the end is below 1e-8 units, which vectorbt takes for rounding.
    worth = mine > 0.01 * CASH
    assert worth.sum() > 5_000
    np.testing.assert_allclose(mine[worth], other[worth], rtol=1e-9)
    print({name: f"{1e9 * seconds / (BARS * NAMES):.2f} ns a cell" for name, seconds in spent.items()})
    budgets.hold("weights.over_vectorbt", spent["core"] / spent["vectorbt"])
