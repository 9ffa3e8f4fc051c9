"""Contracts come and go as the panel says, and nothing of tomorrow is told today."""

import asyncio

import numpy as np
import pytest

from tests.e2e.simex.rig import CASH, HOUR_MS, NO_LAGS, Rig
from xsmom.domain.market_data import Trading
from xsmom.errors import DataError
from xsmom.lake.sample import SampleMarket
from xsmom.simex.bybit.signing import Key
from xsmom.simex.clock import VenueClock, wall_ms
from xsmom.simex.limits import Limits, RollingLimit
from xsmom.simex.world import World

HERE = "/v5/market/instruments-info"


def churned():
    """A market in which at least one name is listed late and one ends early, with their hours."""
    market = SampleMarket(symbols=30, bars=24 * 120, seed=5).build()
    first_ms, last_ms = int(market.close_ms[0]), int(market.close_ms[-1])
    late = [n for n, at in enumerate(market.listed_ms) if first_ms + 48 * HOUR_MS < at < last_ms - 48 * HOUR_MS]
    gone = [n for n, at in enumerate(market.delisted_ms) if first_ms + 48 * HOUR_MS < at < last_ms]
    return market, late[0], gone[0]


def make_world(market, start_ms):
    world = World(market, start_ms=start_ms, speed=0.0, lags_ms=NO_LAGS)
    world.open_account("main", CASH, Key("key", "secret", "main", 1001))
    world.limits.enforced = False
    return world


def test_a_name_ends_when_the_panel_says_and_its_position_with_it():
    market, _, gone = churned()
    symbol, end_ms = market.symbols[gone], int(market.delisted_ms[gone])
    start_ms = end_ms - 6 * HOUR_MS

    async def walk():
        async with Rig(make_world(market, start_ms)) as rig:
            row = (await rig.get(HERE, category="linear", symbol=symbol))[1]["result"]["list"][0]
            assert (row["status"], row["deliveryTime"]) == ("Trading", "0"), "nobody knows yet"
            size = rig.world.instruments[symbol].qty_step * 100
            await rig.buy(str(size), symbol=symbol)
            last = rig.world.prices.of[symbol].last
            await rig.world.advance(end_ms + HOUR_MS)
            row = (await rig.get(HERE, category="linear", symbol=symbol))[1]["result"]["list"][0]
            assert (row["status"], row["deliveryTime"]) == ("Closed", str(end_ms))
            listed = (await rig.get(HERE, category="linear"))[1]["result"]["list"]
            assert symbol not in [each["symbol"] for each in listed]
            tickers = (await rig.get("/v5/market/tickers", category="linear"))[1]["result"]["list"]
            assert symbol not in [each["symbol"] for each in tickers]
            assert rig.truth()["positions"] == []
            [end] = (await rig.read("/v5/execution/list", execType="Delivery"))["result"]["list"]
            assert 0 < float(end["execPrice"]) < float(rig.world.price_of(symbol, last)) * 1.5
            order = {"symbol": symbol, "side": "Buy", "orderType": "Market", "qty": str(size)}
            assert (await rig.post("/v5/order/create", **order))["retCode"] == 110074
            with pytest.raises(DataError, match="does not trade"):
                rig.world.inject_price(symbol, 1.0, 1.0, 1.0)
            assert rig.server.failure() is None

    asyncio.run(walk())


def test_a_name_is_there_from_its_listing_on():
    market, late, _ = churned()
    symbol, begin_ms = market.symbols[late], int(market.listed_ms[late])

    async def walk():
        async with Rig(make_world(market, begin_ms - 5 * HOUR_MS)) as rig:
            bars = {"category": "linear", "symbol": symbol, "interval": "60"}
            assert (await rig.get("/v5/market/kline", **bars))[1]["retCode"] == 10001
            waiting = (await rig.get(HERE, category="linear", status="PreLaunch"))[1]["result"]["list"]
            assert symbol in [row["symbol"] for row in waiting]
            order = {"symbol": symbol, "side": "Buy", "orderType": "Market", "qty": "1"}
            assert (await rig.post("/v5/order/create", **order))["retCode"] != 0
            await rig.world.advance(begin_ms + 2 * HOUR_MS)
            assert rig.world.trading(symbol, rig.world.clock.now_ms()) is Trading.OPEN
            rows = (await rig.get("/v5/market/kline", **bars))[1]["result"]["list"]
            assert rows
            assert min(int(row[0]) for row in rows) >= begin_ms - HOUR_MS
            assert rig.server.failure() is None

    asyncio.run(walk())


def test_no_bar_shows_a_price_that_has_not_been():
    market, _, _ = churned()
    world = make_world(market, int(market.close_ms[30]))
    symbol = next(s for s in market.symbols if not np.isnan(market.close[20:40, market.symbols.index(s)]).any())
    column = market.symbols.index(symbol)

    async def walk():
        for _ in range(24):
            await world.advance(world.clock.now_ms() + HOUR_MS // 12)
            now_ms = world.clock.now_ms()
            newest = world.candles.bars(symbol, HOUR_MS, now_ms - HOUR_MS, now_ms, now_ms)[-1]
            bar = (newest[0] - int(market.close_ms[0])) // HOUR_MS + 1
            assert newest[2] <= market.high[bar, column]
            assert newest[3] >= market.low[bar, column]
            assert newest[0] < now_ms
            if now_ms % HOUR_MS == 0:
                assert newest[4] == market.close[bar, column]

    asyncio.run(walk())


def test_the_panel_ends_and_the_exchange_goes_on():
    market = SampleMarket(symbols=2, bars=30, seed=7, churn=False).build()

    async def walk():
        async with Rig(make_world(market, int(market.close_ms[-3]))) as rig:
            await rig.world.advance(int(market.close_ms[-1]) + 9 * HOUR_MS)
            await rig.buy("0.01")
            assert len(rig.truth()["positions"]) == 1
            assert rig.server.failure() is None

    asyncio.run(walk())


def test_a_rolling_budget_counts_each_call_for_its_window():
    limit = RollingLimit(3, 1000)
    assert [limit.take(at).allowed for at in (0, 1, 2, 3)] == [True, True, True, False]
    assert limit.take(999).reset_ms == 1000
    assert [limit.take(1000).allowed, limit.take(1000).allowed] == [True, False]
    assert limit.take(5000, 3).left == 0
    limits = Limits()
    assert limits.take_some("a", "x", 5, 0.0, 3)[1] == 3
    standing, granted = limits.take_some("a", "x", 5, 0.0, 4)
    assert (standing.allowed, granted) == (True, 2)
    assert limits.take_some("a", "x", 5, 0.0, 1)[0].allowed is False
    assert limits.take_some("b", "x", 5, 0.0, 5)[1] == 5


def test_the_clock_never_goes_back_and_takes_either_time():
    clock = VenueClock(1_000_000, 0.0)
    clock.advance_to(2_000_000)
    clock.advance_to(1_500_000)
    assert clock.now_ms() == 2_000_000
    assert clock.wall_seconds_until(2_000_001) == float("inf")
    assert clock.is_timely(2_000_000, 5000)
    assert clock.is_timely(wall_ms(), 5000)
    assert not clock.is_timely(1_990_000, 5000)
    clock.skew_ms = 10_000
    assert not clock.is_timely(wall_ms(), 5000)
    assert clock.told_ms() == 2_010_000
