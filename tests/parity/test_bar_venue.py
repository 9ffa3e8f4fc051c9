"""The bar venue against the simulation: given the same lots, the same bits of every price, fee and dollar."""

import asyncio
import dataclasses
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.oracle import core
from tests.oracle.simulation_cases import COSTS, contracts_of, random_run, random_setup, rough_market, scenario
from xsmom import kernel
from xsmom.domain.contracts import fine_instruments, make_instruments
from xsmom.domain.margin import Margin
from xsmom.domain.trading import Ack, FillKind, OrderRequest
from xsmom.venues.paper.bar_venue import BarVenue

LOADED = {"gross_x": 3.0, "gross_hard_cap_x": 6.0, "weight_long_max_frac": 1.5, "weight_short_max_frac": 1.5}
STATED = {"delisted": FillKind.DELIVERY}


def instruments_of(panel, setup):
    if setup.contracts is None:
        return fine_instruments(panel, setup.cash_usdt)
    made = make_instruments(panel)
    steps = dict(zip(panel.symbols, setup.contracts[0], strict=True))
    return {symbol: dataclasses.replace(one, qty_step=Decimal(steps[symbol])) for symbol, one in made.items()}


def depth_of(panel, params):
    """Volatility and volume of a day at each close, as the simulation's features have them."""
    table = kernel.features(panel, core.to_params({**params, "adv_share_max_frac": 1.0}))
    root = np.sqrt(86_400_000 / params["bar_ms"])
    return table["sigma"] * root, table["adv_usdt"]


def make_venue(raw, params, setup):
    panel = core.to_panel(raw, params["bar_ms"])
    costs: Any = SimpleNamespace(**setup.costs)
    tiers = {} if setup.tiers is None else dict(zip(panel.symbols, setup.tiers, strict=True))
    return BarVenue(
        panel,
        instruments_of(panel, setup),
        costs,
        SimpleNamespace(fill_at=setup.fill_at, delay_bars=setup.delay_bars),
        cash_usdt=setup.cash_usdt,
        margin=Margin(setup.maintenance_frac, tiers),
        depth=depth_of(panel, params) if costs.impact_y > 0 else None,
    )


def orders_of(fills, steps):
    """Fills of the simulation as the orders that they came from: two that cross 0 were one."""
    rows: list = []
    columns = (fills[name].tolist() for name in ("bar", "symbol", "units", "reference_price"))
    for bar, symbol, units, price, exit_ in zip(*columns, fills["exit"], strict=True):
        lots = round(units / steps[symbol])
        joins = rows and exit_ == rows[-1][4] == "plan" and rows[-1][:2] == [bar, symbol] and rows[-1][3] == price
        if joins:
            rows[-1][2] += lots
        else:
            rows.append([bar, symbol, lots, price, exit_])
    return rows


class Driver:
    """Feeds a venue with the lots of a simulation, each at its time."""

    def __init__(self, venue, orders):
        self.venue, self.names = venue, venue.panel.symbols
        self.plan: dict[int, list] = {}
        self.exits: dict[int, list] = {}
        for bar, symbol, lots, price, exit_ in orders:
            if exit_ == "plan":
                self.plan.setdefault(bar - venue.lag_bars, []).append((symbol, lots))
            elif exit_ not in STATED:
                self.exits.setdefault(bar, []).append((symbol, lots, price))
        self.number = 0

    def request(self, symbol, lots, **more):
        self.number += 1
        return OrderRequest(f"o-{self.number}", self.names[symbol], lots, **more)

    async def bar(self, t):
        """One bar; its fills in their order."""
        venue = self.venue
        told = venue.open_bar(t)
        for symbol, lots, price in self.exits.get(t, ()):
            assert isinstance(venue.touch(self.request(symbol, lots, reduce_only=True), price, t), Ack)
        told += venue.take_fills() + venue.mark_bar(t) + venue.close_bar(t) + venue.survive(t)
        if not venue.over:
            for symbol, lots in self.plan.get(t, ()):
                assert isinstance(await venue.submit(self.request(symbol, lots)), Ack)
        return told + venue.take_fills()


async def replay(venue, run):
    steps = [float(venue.step(symbol)) for symbol in venue.panel.symbols]
    driver = Driver(venue, orders_of(run["fills"], steps))
    rows = []
    for t in range(venue.panel.bars):
        rows += await driver.bar(t)
        paid = venue.book.paid
        # In the bar in which it ends, a simulation tells what was left after the end.
        assert venue.book.equity_usdt == run["equity_usdt"][t], t
        assert venue.book.gross_usdt == run["gross_usdt"][t], t
        for name in ("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt"):
            assert getattr(paid, name) == run[name][t], (name, t)
        np.testing.assert_array_equal(venue.book.units, run["units"][t])
    return rows


def check(raw, params, setup):
    run = core.simulate(raw, params, setup)
    venue = make_venue(raw, params, setup)
    rows = asyncio.run(replay(venue, run))
    wanted = run["fills"]
    trades = [row for row in rows if row.kind in (FillKind.TRADE, FillKind.DELIVERY)]
    assert len(trades) == len(wanted["bar"])
    for row, at_ms, price, fee in zip(
        trades, wanted["at_ms"].tolist(), wanted["price"].tolist(), wanted["fee_usdt"].tolist(), strict=True
    ):
        assert (row.at_ms, float(row.price), float(row.fee_usdt)) == (at_ms, price, fee)
    ended = {"bankrupt": run["bankrupt_at"], "liquidated": run["liquidated_at"]}
    assert venue.over == next((name for name, bar in ended.items() if bar is not None), "")
    return run


@pytest.mark.parametrize("costs", list(COSTS))
@pytest.mark.parametrize(("fill_at", "delay_bars"), [("open", 0), ("open", 2), ("close", 0), ("close", 1), ("vwap", 1)])
def test_the_same_lots_have_the_same_bits(fill_at, delay_bars, costs):
    rng = np.random.default_rng(31)
    panel = rough_market(rng, 200, 10)
    setup = random_setup(rng, panel, costs=COSTS[costs], fill_at=fill_at, delay_bars=delay_bars, maintenance_frac=0.01)
    run = check(panel, scenario("stops"), setup)
    assert len(run["fills"]["bar"]) > 100


def test_lots_too_fine_to_round_are_those_of_a_simulation_without_contracts():
    rng = np.random.default_rng(32)
    panel = rough_market(rng, 200, 10)
    run = check(panel, scenario("classic"), random_setup(rng, panel, contracts=None, fill_at="open"))
    assert len(run["fills"]["bar"]) > 100


def test_rules_and_markets_of_every_kind(proof):
    """Mixtures of rules on rough markets: absent bars, delistings, ladders, stops, any timing."""
    runs = [check(*random_run(seed)) for seed in range(300 if proof else 25)]
    assert sum(len(run["fills"]["bar"]) for run in runs) > 1_000
    assert any("delisted" in run["fills"]["exit"] for run in runs)


@pytest.mark.parametrize("tiers", [None, [(500.0, 0.05), (2_000.0, 0.2), (1e12, 0.9)]])
def test_the_end_comes_in_the_same_bar_with_the_same_rest(tiers):
    rng = np.random.default_rng(33)
    ended = []
    for seed in range(12):
        panel = rough_market(np.random.default_rng(seed), 150, 8)
        rows = None if tiers is None else [tiers] * 8
        setup = random_setup(rng, panel, costs=COSTS["mixed"], maintenance_frac=0.3, tiers=rows, cash_usdt=9_000.0)
        run = check(panel, {**scenario("no_stop"), **LOADED}, setup)
        ended.append((run["bankrupt_at"], run["liquidated_at"]))
    assert any(liquidated is not None for _, liquidated in ended)


def test_steps_of_a_bar_come_once_and_in_their_order():
    rng = np.random.default_rng(34)
    panel = rough_market(rng, 60, 6)
    setup = random_setup(rng, panel, costs=COSTS["fees"], contracts=contracts_of(panel, 0.4, 5.0))
    venue = make_venue(panel, scenario("classic"), setup)
    with pytest.raises(AssertionError):
        venue.mark_bar(0)
    venue.open_bar(0)
    for wrong in (venue.open_bar, venue.close_bar, venue.survive):
        with pytest.raises(AssertionError):
            wrong(0)
    with pytest.raises(AssertionError):
        venue.open_bar(1)
