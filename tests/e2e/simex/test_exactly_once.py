"""Each intent becomes exactly one order: through faults before and after acceptance, kills of the sender, restarts
of the exchange. And the rule is what does it: with a shorter wait the same test finds orders twice.
"""

import asyncio
import contextlib
import random
from collections import Counter

import pytest

from tests.e2e.simex.rig import SYMBOL, on_exchange
from tests.e2e.simex.test_port import PROOF, limit_below, port
from xsmom.domain.trading import Ack, OrderRequest, Refusal, Rejected
from xsmom.errors import VenueError
from xsmom.venues.limiter import Limiter, Window

INTENTS, AT_ONCE = 500, 40
SEEDS = range(20 if PROOF else 1)
#: A request that arrives later than this after it was signed is refused by the exchange, whose clock must go for that.
RECV_WINDOW_MS = 1_000
#: How late a new order may be seen, and an answer be.
SEEN_AFTER_MS = 300
PATIENCE_S = (RECV_WINDOW_MS + SEEN_AFTER_MS) / 1_000
KILLED_FRAC, MARKET_FRAC, FAULTY_FRAC = 0.1, 0.2, 0.2
ARRIVED, RETRY = Refusal.DUPLICATE_ID, (Refusal.RATE, Refusal.CLOCK)


class Sender:
    """Keeps a journal of what it is about to send, and sends; a kill leaves only the journal."""

    def __init__(self, rig, venue, patience_s, seed):
        self.rig, self.venue, self.patience_s = rig, venue, patience_s
        self.rng = random.Random(seed)
        self.journal, self.resolved, self.kills = {}, {}, 0

    def request(self, intent, revision):
        name = f"i-{intent}-{revision}"
        self.journal[intent] = name  # before anything leaves
        if intent % round(1 / MARKET_FRAC) == 0:
            return OrderRequest(name, SYMBOL, 30)
        return limit_below(self.rig, name, lots=30)

    async def intend(self, intent):
        """Follow an intent until it is one order. What was proved absent is sent anew, under a new name."""
        revision = 0
        while True:
            request = self.request(intent, revision)
            alive = self.rng.random() >= KILLED_FRAC
            answer = await self.venue.submit(request) if alive else await self.killed(request)
            if isinstance(answer, Ack) or (isinstance(answer, Rejected) and answer.refusal is ARRIVED):
                break
            if isinstance(answer, Rejected) and answer.refusal in RETRY:
                continue  # refused before it was looked at
            assert not isinstance(answer, Rejected), answer
            if await self.is_there(request):
                break
            revision += 1
        self.resolved[intent] = request.client_order_id

    async def killed(self, request):
        """The process dies between journal and send, or while it waits for the answer. Another one follows."""
        self.kills += 1
        if self.rng.random() < 0.5:
            return
        task = asyncio.ensure_future(self.venue.submit(request))
        await asyncio.sleep(self.rng.random() * 0.05)
        task.cancel()
        await asyncio.wait([task])
        return

    async def is_there(self, request):
        """Look until the order is seen, or until a request as old as this one would be refused."""
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + self.patience_s
        async with asyncio.timeout(60):
            while True:
                last, found = loop.time() >= give_up_s, await self.look_up(request)
                if found or (last and found is False):
                    return found
                await asyncio.sleep(0.05)

    async def look_up(self, request):
        """Whether the order is seen; none where the question was not answered."""
        with contextlib.suppress(VenueError):
            return await self.venue.order_by_client_id(request.symbol, request.client_order_id) is not None
        return None


async def soak(rig, patience_s, intents, seed):
    """Send every intent through seeded faults; the orders that came of each, and what was met on the way."""
    async with port(rig, recv_window_ms=RECV_WINDOW_MS, send_timeout_ms=800) as venue:
        # Ten orders a second would be waited for; here the budget is not what is tried.
        venue.wire.limiter = Limiter([Window(100_000, 1_000)], {})
        rig.world.faults.set_profile(FAULTY_FRAC, seed)
        sender, gate = Sender(rig, venue, patience_s, seed), asyncio.Semaphore(AT_ONCE)

        async def intend(number):
            async with gate:
                await sender.intend(number)
                if number % 50 == 0:
                    rig.world.forget_closed()  # a restart of the exchange

        await asyncio.gather(*[intend(number) for number in range(intents)])
        rig.world.faults.set_profile(0.0, 0)
        await asyncio.sleep(0.4)  # what was on its way has arrived, or never will
    return sender


def orders_of(rig):
    """How many orders stand or have been filled, by intent."""
    truth = rig.truth()
    names = {order["client_id"] for order in truth["open_orders"]}
    names |= {execution["client_id"] for execution in truth["executions"] if execution["client_id"]}
    return Counter(int(name.split("-")[1]) for name in names)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@on_exchange(speed=1.0, lags_ms={"realtime": SEEN_AFTER_MS, "history": SEEN_AFTER_MS})
async def test_every_intent_becomes_exactly_one_order(rig, seed):
    sender = await soak(rig, PATIENCE_S, INTENTS, seed)
    found = orders_of(rig)
    assert set(found) == set(sender.resolved) == set(range(INTENTS)), "none is lost, all are resolved"
    assert set(found.values()) == {1}, "none is double"
    assert sender.kills > INTENTS // 20
    spoiled = sum(row["do"] in ("drop", "html200", "empty", "cut", "http") for row in rig.world.faults.done)
    assert spoiled > INTENTS // 20, "the profile met enough of them"


@pytest.mark.slow
@on_exchange(speed=1.0, lags_ms={"realtime": SEEN_AFTER_MS, "history": SEEN_AFTER_MS})
async def test_with_too_short_a_wait_orders_are_found_twice(rig):
    sender = await soak(rig, 0.0, 150, 0)
    found = orders_of(rig)
    assert set(found) == set(sender.resolved)
    assert max(found.values()) > 1, "the soak can tell a wrong rule from a right one"
