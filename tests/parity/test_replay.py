"""History through the live engine holds the lots of the fast simulation at every bar, and its dollars to the bit.

Random markets with holes, deaths and jumps, every rule that needs a past, every fill price and delay; then a year of
real prices, where they lie beside the checkout.
"""

import dataclasses
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

import xsmom as xs
from tests.oracle import core
from tests.oracle.realdata import build_panel, first_close_ms, read_candles, read_funding
from tests.oracle.simulation import Setup
from tests.oracle.simulation_cases import COSTS, HOUR_MS, SCENARIOS, random_run, rough_market, scenario
from xsmom import _core
from xsmom.domain.contracts import fine_instruments, make_instruments
from xsmom.domain.margin import Margin
from xsmom.domain.orders import Style
from xsmom.engine.rules import PaceRules, Rules
from xsmom.lake.sample import SampleMarket
from xsmom.live.replay import Replay, Timing, replay_rules
from xsmom.ports import Journal

SAME = (
    "equity_usdt",
    "gross_usdt",
    "net_usdt",
    "fee_usdt",
    "spread_usdt",
    "impact_usdt",
    "funding_usdt",
    "traded_usdt",
)


def rules_of(params: dict[str, Any]) -> Rules:
    """Rules around parameters that no configuration wrote."""
    fields = {**_core.params_defaults(), **params}
    pace = PaceRules(bar_ms=fields["bar_ms"], decision_lag_max_ms=fields["bar_ms"] // 4)
    return replay_rules(Rules(core.to_params(params), fields, pace))


def instruments_of(panel, setup: Setup):
    if setup.contracts is None:
        return fine_instruments(panel, setup.cash_usdt)
    steps = dict(zip(panel.symbols, setup.contracts[0], strict=True))
    least = dict(zip(panel.symbols, setup.contracts[1], strict=True))
    plain = make_instruments(panel)
    return {
        symbol: dataclasses.replace(
            one,
            qty_step=Decimal(steps[symbol]),
            notional_usdt_min=Decimal(least[symbol]),
            lots_max=1 << 53,
            lots_max_market=1 << 53,
        )
        for symbol, one in plain.items()
    }


def replay_of(raw, params, setup: Setup, journal: Journal | None = None) -> Replay:
    """A replay of parameters that no configuration wrote."""
    panel = core.to_panel(raw, params["bar_ms"])
    costs: Any = SimpleNamespace(**setup.costs)
    tiers = {} if setup.tiers is None else dict(zip(panel.symbols, setup.tiers, strict=True))
    return Replay(
        panel,
        rules_of(params),
        costs,
        Timing(setup.fill_at, setup.delay_bars, setup.cash_usdt),
        instruments=instruments_of(panel, setup),
        margin=Margin(setup.maintenance_frac, tiers),
        journal=journal,
    )


def both(raw, params, setup: Setup):
    """The fast loop's columns, and the replay that is to have them."""
    replay = replay_of(raw, params, setup)
    panel, costs = replay.panel, replay.costs
    fast = _core.simulate(
        panel,
        core.to_params(params),
        costs,
        fill_at=setup.fill_at,
        delay_bars=setup.delay_bars,
        cash_usdt=setup.cash_usdt,
        contracts=setup.contracts,
        maintenance_frac=setup.maintenance_frac,
        tiers=setup.tiers,
        keep_units=True,
        keep_fills=True,
    )
    return fast, replay.run()


def assert_same(fast, done) -> None:
    """Lots, fills and dollars."""
    assert dict(done.refused) == {}
    over = min((at for at in (fast["bankrupt_at"], fast["liquidated_at"]) if at is not None), default=None)
    alive = slice(None) if over is None else slice(0, over)
    np.testing.assert_array_equal(done.run["units"][alive], fast["units"][alive])
    for name in SAME:
        np.testing.assert_array_equal(done.run[name][alive], fast[name][alive], err_msg=name)
    assert (done.run["bankrupt_at"], done.run["liquidated_at"]) == (fast["bankrupt_at"], fast["liquidated_at"])
    if over is None:
        for name in ("bar", "symbol", "units", "price", "fee_usdt"):
            np.testing.assert_array_equal(done.run["fills"][name], fast["fills"][name], err_msg=name)
        assert done.run["decisions"] == fast["decisions"]
        assert dict(done.run["reason_counts"]) == dict(fast["reason_counts"])
        np.testing.assert_array_equal(done.run["trips"]["net_usdt"], fast["trips"]["net_usdt"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_rule_that_needs_a_past(name: str) -> None:
    rng = np.random.default_rng([5, len(name), SCENARIOS[name].get("rebalance_bars", 1)])
    raw = rough_market(rng, 160, 9)
    fast, done = both(raw, scenario(name), Setup(costs=COSTS["mixed"]))
    assert_same(fast, done)
    # Expected shortfall wants more history than this market has: a guard that cannot judge lets nothing in.
    assert fast["traded_usdt"][-1] > 0 or name == "cvar"


@pytest.mark.parametrize("seed", range(20))
def test_random_rules_markets_costs_and_timings(seed: int) -> None:
    assert_same(*both(*random_run(seed)))


@pytest.mark.parametrize("fill", ["next_open", "close", "vwap"])
def test_the_sample_market_through_the_public_door(fill: str) -> None:
    panel = SampleMarket(symbols=12, bars=900, seed=3, drama=True).build()
    config = xs.load_config("classic", {"costs.fill": fill, "risk.trailing_enabled": True})
    result, parity = xs.replay(panel, config)
    fast = xs.backtest(panel, config)
    assert parity.same
    assert parity.equity_same
    assert parity.fills_replay == parity.fills_fast == fast.fills.height > 50
    assert result.metrics["sharpe"] == fast.metrics["sharpe"]


def test_a_gate_that_refuses_is_named_and_breaks_the_parity() -> None:
    raw, params = rough_market(np.random.default_rng(8), 140, 9), scenario("classic")
    panel = core.to_panel(raw, params["bar_ms"])
    rules = rules_of(params)
    tight = dataclasses.replace(rules, gates=dataclasses.replace(rules.gates, position_usdt_max=300.0))
    costs: Any = SimpleNamespace(**COSTS["free"])
    done = Replay(panel, tight, costs, Timing("open", 0, 10_000.0)).run()
    fast = _core.simulate(
        panel, core.to_params(params), costs, fill_at="open", delay_bars=0, cash_usdt=10_000.0, keep_units=True
    )
    assert done.refused.get("position_size", 0) > 0 or (done.run["units"] != fast["units"]).any()
    assert (np.abs(done.run["units"]) <= np.abs(fast["units"]).max()).all()


def test_orders_go_out_whole() -> None:
    assert rules_of(scenario("classic")).work.style is Style.WHOLE


def real_panel(path, funding_path, bars: int):
    """The newest hourly bars of 29 names."""
    candles = read_candles(path, HOUR_MS)
    last = int(candles.select(pl.col("close_ms").max()).item())
    funding = read_funding(funding_path, HOUR_MS)
    raw = build_panel(candles, HOUR_MS, max(first_close_ms(candles), last - (bars - 1) * HOUR_MS), bars, funding)
    return core.to_panel(raw, HOUR_MS)


def test_real_prices(shared, proof) -> None:
    """A year in the long proof, two months in the short one."""
    data = shared / "data"
    bars = 8_760 + 1_000 if proof else 1_500
    panel = real_panel(data / "binance_perp_1h_29sym_to2024.parquet", data / "funding_binance_b_to2024.parquet", bars)
    _, parity = xs.replay(panel, xs.load_config("classic", {"strategy.timeframe": "1h"}))
    assert parity.same, (parity.first_ms, parity.first_symbols, parity.refused)
    assert parity.equity_same
