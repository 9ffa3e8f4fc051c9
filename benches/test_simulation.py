"""Whole runs against a C program and NumPy; any weights through the ledger; what doubling costs; memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from benches_reference import (
    BARS,
    FEE,
    NAMES,
    SLIP,
    Anchor,
    Market,
    classic,
    cpu_medians,
    make_market,
    make_panel,
    numpy_account,
    numpy_equity,
    numpy_weights,
)

from xsmom import _core

CASH = 100_000.0
COSTS = SimpleNamespace(
    taker_fee_frac=FEE,
    maker_fee_frac=0.0,
    maker_share_frac=0.0,
    half_spread_frac=SLIP,
    impact_y=0.0,
    funding=True,
)
FREE = SimpleNamespace(**{**vars(COSTS), "taker_fee_frac": 0.0, "half_spread_frac": 0.0})


def simulate(panel, params, costs=COSTS):
    return _core.simulate(
        panel,
        params,
        costs,
        fill_at="close",
        delay_bars=0,
        cash_usdt=CASH,
        maintenance_frac=0.0,
        keep_trips=False,
    )


def account(panel, weights):
    return _core.run_weights(panel, weights, COSTS, fill_at="close", delay_bars=0, cash_usdt=CASH)


def with_stops() -> _core.Params:
    return classic(
        stop_atr_x=2.5,
        trailing_enabled=True,
        trail_atr_x=2.5,
        atr_bars=14,
        cooldown_bars=24,
        ladder=[(2.0, 0.3), (4.0, 0.3)],
    )


def cut(market: Market, bars: int, names: int) -> Market:
    return Market(*(np.ascontiguousarray(field[:bars, :names]) for field in market))


@pytest.fixture(scope="module")
def market():
    return make_market(BARS, NAMES)


def tell(spent: dict[str, float], cells: int = BARS * NAMES) -> None:
    print({name: f"{1e9 * seconds / cells:.2f} ns a cell" for name, seconds in spent.items()})


def test_all_roads_give_the_same_equity(market) -> None:
    short = cut(market, 2_000, NAMES)
    panel = make_panel(short)
    weights = _core.model_weights(panel, classic(), cash_usdt=CASH)
    by_hand = numpy_account(weights, short, CASH)
    given = account(panel, weights)["equity_usdt"]
    decided = simulate(panel, classic())["equity_usdt"]
    np.testing.assert_allclose(given, by_hand, rtol=1e-9)
    np.testing.assert_allclose(decided, by_hand, rtol=1e-6)  # lots are whole


def test_classic_run_over_numpy_and_c(market, tmp_path, budgets) -> None:
    panel, params, anchor = make_panel(market), classic(), Anchor(tmp_path)
    spent = cpu_medians(
        {
            "core": lambda: simulate(panel, params),
            "numpy": lambda: numpy_equity(numpy_weights(market.close), market),
            "anchor": lambda: anchor.run(market),
        }
    )
    tell(spent)
    budgets.hold("simulation.over_numpy", spent["core"] / spent["numpy"])
    budgets.hold("simulation.over_c_anchor", spent["core"] / spent["anchor"])


def test_run_with_stops_and_ladder_over_c(market, tmp_path, budgets) -> None:
    panel, params, anchor = make_panel(market), with_stops(), Anchor(tmp_path)
    spent = cpu_medians({"core": lambda: simulate(panel, params), "anchor": lambda: anchor.run(market, stage=6)})
    tell(spent)
    budgets.hold("simulation.stops_over_c_anchor", spent["core"] / spent["anchor"])


def test_given_weights_over_numpy(market, budgets) -> None:
    panel = make_panel(market)
    weights = numpy_weights(market.close)
    spent = cpu_medians(
        {
            "core": lambda: account(panel, weights),
            "numpy": lambda: numpy_account(weights, market, CASH),
        },
        rounds=3,
    )
    tell(spent)
    budgets.hold("weights.over_numpy", spent["core"] / spent["numpy"])


def test_doubling_bars_and_names(market, budgets) -> None:
    """How time grows with the size of a panel. Trading is free: else costs leave less than a millionth of the
    account at the end of the whole run alone, a few lots a name, and such a bar takes longer."""
    params = classic()
    sizes = {"whole": (BARS, NAMES), "half the bars": (BARS // 2, NAMES), "half the names": (BARS, NAMES // 2)}
    panels = {name: make_panel(cut(market, *size)) for name, size in sizes.items()}
    spent = cpu_medians({name: lambda panel=panel: simulate(panel, params, FREE) for name, panel in panels.items()})
    budgets.hold("simulation.double_bars", spent["whole"] / spent["half the bars"])
    budgets.hold("simulation.double_names", spent["whole"] / spent["half the names"])


PEAK = """
import re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_simulation as bench
market = bench.make_market(bench.BARS, bench.NAMES)
panel, small = bench.make_panel(market), bench.make_panel(bench.cut(market, 500, bench.NAMES))
bench.simulate(small, bench.classic())  # what is loaded and made once is not the run's
status = lambda key: 1024 * int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = status("VmRSS")
bench.simulate(panel, bench.classic())
print((status("VmHWM") - before) / market.close.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux to tell a peak")
def test_peak_memory_of_an_equity_only_run(budgets) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PEAK, str(Path(__file__).parent)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    budgets.hold("simulation.peak_memory", float(found))
