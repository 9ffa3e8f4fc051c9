"""A protective stop does not wait behind market data: on the wire, with the limiter that is used in earnest."""

import asyncio
import time

import pytest

from tests.e2e.simex.rig import HOUR_MS, NO_LAGS, SYMBOL, on_exchange
from tests.e2e.simex.test_port import meet, port
from xsmom.domain.market_data import PriceKind
from xsmom.domain.trading import Ack, OrderRequest, Trigger, TriggerBy

CALLS = 150
#: What is promised, and how often it is tried: one try in time shows that nothing was waited for.
LEAVES_WITHIN_S, TRIES = 0.05, 5


def listen(rig):
    """Note each request that arrives: path and time."""
    seen, find = [], rig.world.faults.find
    meet(rig, do="delay", match="no such path")  # with a script, every request is looked at

    def note(where, when, client_id="", query=""):
        if when == "before":
            seen.append((where, time.perf_counter()))
        return find(where, when, client_id, query)

    rig.world.faults.find = note
    return seen


@pytest.mark.slow
@on_exchange(lags_ms=NO_LAGS)
async def test_a_stop_leaves_at_once_while_candles_wait_for_their_turn(rig):
    async with port(rig, requests_per_second=10) as venue:
        assert isinstance(await venue.submit(OrderRequest("buy", SYMBOL, 1_000)), Ack)
        since_ms, ticks = rig.world.clock.now_ms() - 100 * HOUR_MS, int(rig.world.prices.of[SYMBOL].last * 0.9)
        seen = listen(rig)
        calls = [
            asyncio.ensure_future(venue.candles(SYMBOL, HOUR_MS, since_ms, 10, PriceKind.LAST)) for _ in range(CALLS)
        ]
        await asyncio.sleep(0.3)  # those that may go have gone; the window is full
        waits_s = []
        for number in range(TRIES):
            trigger = Trigger(ticks + number, TriggerBy.MARK, rising=False)
            stop = OrderRequest(
                f"stop-{number}", SYMBOL, -1_000, trigger=trigger, reduce_only=True, close_on_trigger=True
            )
            began_s = time.perf_counter()
            assert isinstance(await venue.submit(stop), Ack)
            (arrived_s,) = [at_s for where, at_s in seen if where.endswith("order/create")][number:]
            waits_s.append(arrived_s - began_s)
            assert sum(not call.done() for call in calls) >= 100, "a hundred candle calls were before it"
        assert min(waits_s) < LEAVES_WITHIN_S, waits_s
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
