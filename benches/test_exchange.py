"""What the adapter costs above the library alone, and what the simulated exchange serves, in CPU time.

The exchange runs in a process of its own, so that the time of either side is its own. Both sides of a ratio are
measured in turn.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.e2e.simex import rig
from tests.e2e.simex.rig import BTC, ETH, HOUR_MS, SYMBOL
from tests.e2e.simex.test_port import port
from xsmom.domain.market_data import PriceKind
from xsmom.domain.panel import Panel
from xsmom.domain.trading import Ack, OrderRequest, TimeInForce
from xsmom.lake.sample import SampleMarket
from xsmom.simex.server import Server
from xsmom.venues.limiter import Lane, Limiter, Window

ROUNDS, CALLS, ORDERS = 5, 60, 400


NAMES, BARS = 100, 1_000


@dataclass(frozen=True)
class Size:
    """How large a market is, and at which of its bars the clock begins."""

    names: int = 4
    bars: int = 240
    begin: int = 200


def whole_market(size: Size) -> Panel:
    """A sample market in which no bar is absent: each answer is one page, and nothing is asked twice."""
    panel = SampleMarket(symbols=size.names, bars=size.bars, seed=7, churn=False).build()
    known = ~np.isnan(panel.close)
    known[0] = True
    newest = np.maximum.accumulate(np.where(known, np.arange(panel.bars)[:, None], 0))

    def fill(cells: NDArray[np.float64]) -> NDArray[np.float64]:
        filled = np.take_along_axis(cells, newest, axis=0)
        return np.where(np.isnan(filled), np.nanmax(filled, axis=0), filled)

    opened, high, low, close = (fill(cells) for cells in (panel.open, panel.high, panel.low, panel.close))
    volume = np.nan_to_num(panel.volume_usdt)
    return replace(panel, open=opened, high=high, low=low, close=close, volume_usdt=volume)


def serve(pipe: Any, size: Size) -> None:
    """Run an exchange until told to stop; tell its CPU time when asked."""
    market = whole_market(size)
    rig.panel = lambda: market  # type: ignore[assignment]

    async def run() -> None:
        world = rig.make_world(speed=1.0, bar=size.begin)
        server = Server(world)
        addresses = await server.start()
        last = world.prices.of[SYMBOL].last
        pipe.send((addresses.port, addresses.certificate, last, world.clock.now_ms(), world.symbols))
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, pipe.recv) == "cpu":
            pipe.send(time.process_time())
        await server.stop()

    asyncio.run(run())


class Exchange:
    """The other process, looking enough like a rig for `port`."""

    def __init__(self, size: Size | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, size or Size()))
        self.process.start()
        told = self.pipe.recv()
        self.addresses = type("Addresses", (), {"port": told[0], "certificate": told[1]})
        self.last_ticks, self.now_ms, self.symbols = told[2:]

    def cpu_s(self) -> float:
        """CPU time that it has taken so far."""
        self.pipe.send("cpu")
        return float(self.pipe.recv())

    def stop(self) -> None:
        """Let it end."""
        self.pipe.send("stop")
        self.process.join(10)


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    found = Exchange()
    yield found
    found.stop()


def library_client(venue: Any) -> Any:
    """The same library on the same connections, without anything of ours around it."""
    import ccxt.async_support as library

    settings = {"defaultType": "swap", "fetchMarkets": {"types": ["linear"]}, "maxRetriesOnFailure": 0}
    settings |= {"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedMarginStatus": 6}
    options = {"apiKey": "key", "secret": "secret", "session": venue.wire.session, "enableRateLimit": False}
    client = library.bybit({**options, "options": settings, "has": {"fetchCurrencies": False}})
    client.own_session = False
    return client


async def cost(call: Any, calls: int) -> float:
    """CPU seconds of one call."""
    await call()
    began = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - began) / calls


def test_the_adapter_costs_little_above_the_library(budgets: Any, exchange: Exchange) -> None:
    since_ms = exchange.now_ms - 190 * HOUR_MS

    async def measure() -> dict[str, float]:
        async with port(exchange, recv_window_ms=60_000) as venue:
            venue.wire.limiter = Limiter([Window(10**6, 1_000)], {})
            client = library_client(venue)
            await client.load_markets()
            pairs = {
                "candles": (
                    lambda: venue.candles(SYMBOL, HOUR_MS, since_ms, 180, PriceKind.LAST),
                    lambda: client.fetch_ohlcv(BTC, "1h", since_ms, 180),
                ),
                "positions": (venue.positions, client.fetch_positions),
                "account": (venue.account, client.fetch_balance),
                "quotes": (venue.quotes, lambda: client.fetch_tickers([BTC, ETH])),
            }
            ratios: dict[str, float] = {}
            for name, (ours, theirs) in pairs.items():
                found = [await cost(ours, CALLS) / await cost(theirs, CALLS) for _ in range(ROUNDS)]
                ratios[name] = statistics.median(found)
            return ratios

    ratios = asyncio.run(measure())
    budgets.hold("exchange.adapter_candles_over_library", ratios["candles"])
    budgets.hold("exchange.adapter_positions_over_library", ratios["positions"])
    budgets.hold("exchange.adapter_account_over_library", ratios["account"])
    budgets.hold("exchange.adapter_quotes_over_library", ratios["quotes"])


def test_what_the_exchange_serves_on_one_core(budgets: Any, exchange: Exchange) -> None:
    async def measure() -> tuple[float, float]:
        async with port(exchange, recv_window_ms=60_000, send_timeout_ms=60_000) as venue:
            venue.wire.limiter = Limiter([Window(10**6, 1_000)], {})
            gate = asyncio.Semaphore(32)
            ticks = int(exchange.last_ticks * 0.95)

            async def place(number: int) -> None:
                async with gate:
                    request = OrderRequest(f"b-{number}", SYMBOL, 30, ticks, TimeInForce.GTC)
                    assert isinstance(await venue.submit(request), Ack)

            async def read() -> None:
                async with gate:
                    await venue.wire.once("time", {}, Lane.ENTRY)

            began = exchange.cpu_s()
            await asyncio.gather(*[place(number) for number in range(ORDERS)])
            created = exchange.cpu_s()
            await asyncio.gather(*[read() for _ in range(ORDERS * 3)])
            return (created - began) / ORDERS, (exchange.cpu_s() - created) / (ORDERS * 3)

    create_s, read_s = asyncio.run(measure())
    print(f"simex: {1 / create_s:,.0f} signed creates and {1 / read_s:,.0f} small reads a second of CPU")
    # In units of a round trip of the event loop's own: a machine that is slower is so for both.
    unit_s = min(loop_turn_s() for _ in range(3))
    budgets.hold("exchange.create_over_loop_turns", create_s / unit_s)
    budgets.hold("exchange.read_over_loop_turns", read_s / unit_s)


def test_a_thousand_bars_of_a_hundred_names(budgets: Any) -> None:
    """Through the adapter and its usual request budget; what the clock says depends on what else the machine does."""
    exchange = Exchange(Size(NAMES, BARS + 200, BARS + 150))
    since_ms = (exchange.now_ms // HOUR_MS - BARS - 1) * HOUR_MS

    async def measure() -> tuple[float, float, float]:
        async with port(exchange) as venue:
            asked = [
                lambda name=name: venue.candles(name, HOUR_MS, since_ms, BARS, PriceKind.LAST)
                for name in exchange.symbols
            ]
            await asked[0]()
            found = []
            for _ in range(3):
                await asyncio.sleep(5.2)  # a whole window of the budget
                before, own_before, began = exchange.cpu_s(), time.process_time(), time.perf_counter()
                told = await asyncio.gather(*(one() for one in asked))
                spent = time.perf_counter() - began
                assert sum(len(one.close) for one in told) == NAMES * BARS
                found.append((time.process_time() - own_before, exchange.cpu_s() - before, spent))
            own, served, took = (min(column) for column in zip(*found, strict=True))
            return own, served, took

    try:
        own_s, served_s, took_s = asyncio.run(measure())
    finally:
        exchange.stop()
    print(f"{NAMES} x {BARS} candles: {took_s:.2f} s, of CPU {own_s:.2f} s adapter and {served_s:.2f} s simex")
    unit_s = min(loop_turn_s() for _ in range(3))
    budgets.hold("exchange.pages_read_over_loop_turns", own_s / NAMES / unit_s)
    budgets.hold("exchange.pages_served_over_loop_turns", served_s / NAMES / unit_s)


def loop_turn_s() -> float:
    """CPU time of a hundred turns of an event loop: what a server of this kind cannot do without."""

    async def turn() -> None:
        for _ in range(20_000):
            await asyncio.sleep(0)

    began = time.process_time()
    asyncio.run(turn())
    return (time.process_time() - began) / 200
