"""Traps of the library's streams and of its queue, which a live exchange is needed for: each is sprung with the
unmodified client, and shown not to catch our port. The others are in tests/unit/venues/test_library_traps.py.
"""

import asyncio
import contextlib

import pytest

from tests.e2e.simex.rig import BTC, HOUR_MS, NO_LAGS, SYMBOL, on_exchange, until
from tests.e2e.simex.test_port import limit_below, port
from tests.e2e.simex.test_priority import listen
from xsmom.domain.trading import FillKind, OrderRequest, OrderState, OrderView, VenueFill


@contextlib.asynccontextmanager
async def listening(rig, venue):
    """What our own stream tells, from before anything happens."""
    told = []

    async def listen_on():
        async for event in venue.events():
            told.append(event)

    listener = asyncio.create_task(listen_on())
    await until(lambda: any(socket.topics for socket in rig.server.hub.sockets))
    try:
        yield told
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)


@pytest.mark.slow
@on_exchange(lags_ms=NO_LAGS)
async def test_5_states_that_come_while_nobody_waits_are_merged_and_not_told(rig):
    client = await rig.client()
    async with port(rig) as venue, listening(rig, venue) as told:
        first = asyncio.ensure_future(client.watch_orders(BTC))
        await until(lambda: sum(bool(socket.topics) for socket in rig.server.hub.sockets) >= 2)
        await venue.submit(limit_below(rig, "one"))
        await asyncio.wait_for(first, 5)
        # Nobody awaits the library now: an order comes, is changed and goes.
        await venue.submit(limit_below(rig, "two"))
        await venue.cancel(SYMBOL, "two")
        await until(lambda: any(event.state is OrderState.CANCELLED for event in told if isinstance(event, OrderView)))
        await asyncio.sleep(0.3)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.watch_orders(BTC)
        ours = [event.state for event in told if isinstance(event, OrderView) and event.client_order_id == "two"]
    assert ours == [OrderState.WORKING, OrderState.CANCELLED]


@pytest.mark.slow
@on_exchange(lags_ms=NO_LAGS)
async def test_6_a_funding_execution_brings_the_last_trade_again(rig):
    client = await rig.client()
    async with port(rig) as venue, listening(rig, venue) as told:
        watched = asyncio.ensure_future(client.watch_my_trades())
        await until(lambda: sum(bool(socket.topics) for socket in rig.server.hub.sockets) >= 2)
        await venue.submit(OrderRequest("buy", SYMBOL, 1_000))
        (trade,) = await asyncio.wait_for(watched, 5)
        again = asyncio.ensure_future(client.watch_my_trades())
        await rig.world.advance(rig.world.clock.now_ms() + 9 * HOUR_MS)
        assert [one["id"] for one in await asyncio.wait_for(again, 10)] == [trade["id"]]
        await until(lambda: any(one.kind is FillKind.FUNDING for one in told if isinstance(one, VenueFill)))
    ids = [event.exec_id for event in told if isinstance(event, VenueFill)]
    assert len(ids) == len(set(ids)), "each execution is told once"
    assert trade["id"] in ids


@pytest.mark.slow
@on_exchange(lags_ms=NO_LAGS)
async def test_12_the_librarys_queue_lets_an_order_wait_behind_candles(rig):
    client = await rig.client()
    client.enableRateLimit = True
    price = float(rig.on_tick(0.95))
    calls = [asyncio.ensure_future(client.fetch_ohlcv(BTC, "1h", None, 10)) for _ in range(20)]
    await asyncio.sleep(0)
    seen = listen(rig)
    await client.create_order(BTC, "limit", "buy", 0.01, price)
    await asyncio.gather(*calls)
    kinds = ["order" if where.endswith("create") else "candles" for where, _ in seen]
    assert kinds.index("order") >= 19, "the order left last"
    # Ours: see test_priority.py, where the stop leaves before a hundred that were asked for earlier.
