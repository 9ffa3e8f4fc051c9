"""A random profile of faults: repeatable, and survivable by a client that looks before it sends again."""

import asyncio

import ccxt

from tests.e2e.simex.rig import BTC, SYMBOL, on_exchange
from xsmom.simex.faults import DONE_MAX, Faults

INTENTS, AT_ONCE = 80, 16
LONGEST_DELAY_S = 0.35


def test_the_same_seed_meets_the_same_requests():
    def met(seed):
        faults = Faults(rate_frac=0.3, seed=seed)
        for number in range(200):
            faults.find("/v5/order/create", "before", str(number))
            faults.find("order", "event")
        return faults.done

    assert met(1) == met(1)
    assert met(1) != met(2)
    assert 80 < len(met(1)) < 160
    assert {row["do"] for row in met(1) if row["when"] == "event"} == {"late", "duplicate", "reorder"}
    assert Faults().idle
    assert not Faults(rate_frac=0.1).idle


def test_what_faults_did_is_remembered_up_to_a_bound():
    faults = Faults(rate_frac=1.0, seed=1)
    for number in range(DONE_MAX + 5):
        faults.find(f"/path/{number}", "before")
    assert len(faults.done) == DONE_MAX
    assert (faults.done[0]["where"], faults.done[-1]["where"]) == ("/path/5", f"/path/{DONE_MAX + 4}")


async def look_up(client, name):
    """Give the order of a name, or none; asks until it gets a whole answer."""
    while True:
        try:
            answer = await client.private_get_v5_order_realtime({"category": "linear", "orderLinkId": name})
        except ccxt.BaseError:
            continue
        if isinstance(answer, dict) and isinstance(answer.get("result"), dict) and "list" in answer["result"]:
            return answer["result"]["list"][0] if answer["result"]["list"] else None


async def send_once(client, name, price):
    """Send until the order is known to be there: after a doubtful answer wait, look, and keep the name."""
    sends = 0
    while True:
        sends += 1
        try:
            made = await client.create_order(BTC, "limit", "buy", 0.001, price, {"clientOrderId": name})
            if made["id"]:
                return made["id"], sends
        except ccxt.BaseError:
            pass
        await asyncio.sleep(LONGEST_DELAY_S)
        found = await look_up(client, name)
        if found is not None:
            return found["orderId"], sends


@on_exchange(lags_ms={"realtime": 50})
async def test_every_intent_becomes_one_order_through_all_faults(rig):
    client = await rig.client()
    price = float(rig.on_tick(0.95))
    rig.world.faults.set_profile(0.25, 11)
    gate = asyncio.Semaphore(AT_ONCE)

    async def intend(number):
        async with gate:
            return await send_once(client, f"intent-{number}", price)

    told = await asyncio.gather(*[intend(number) for number in range(INTENTS)])
    rig.world.faults.set_profile(0.0, 0)
    there = {order["client_id"]: order["id"] for order in rig.truth()["open_orders"]}
    assert set(there) == {f"intent-{number}" for number in range(INTENTS)}, "none is lost"
    assert len(rig.truth()["open_orders"]) == INTENTS, "none is double"
    assert [int(number.rsplit("-", 1)[1], 16) for number, _ in told] == [there[f"intent-{n}"] for n in range(INTENTS)]
    doubtful = sum(sends > 1 for _, sends in told)
    assert doubtful >= 5, "the profile met enough of them"
    deeds = {row["do"] for row in rig.world.faults.done}
    assert deeds >= {"drop", "http", "html200", "empty", "cut", "ret", "delay"}
    body = await rig.read("/v5/order/realtime", symbol=SYMBOL, limit=50)
    assert len(body["result"]["list"]) == 50
