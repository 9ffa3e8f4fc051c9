"""Anything may be asked, signed or not: no answer is a 500, and every refusal has a code that is documented."""

import asyncio
import json
import os
import time

import aiohttp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.simex.rig import SYMBOL, Rig, make_world, on_exchange
from xsmom.simex.bybit import codes
from xsmom.simex.bybit.gateway import PRIVATE
from xsmom.simex.bybit.public import ROUTES

CODES = {code.number for code in vars(codes).values() if isinstance(code, codes.Code)}
CODES |= {code.number for code in codes.REFUSALS.values()} | {110073}
PATHS = sorted({("GET", path) for path in ROUTES} | set(PRIVATE))
TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "0",
            "-1",
            "1",
            "0.1",
            "1e999",
            "NaN",
            "Infinity",
            "9" * 30,
            "\u00b2",
            "\u0661",
            "1_000",
            " 1",
            "0x10",
            "true",
        ]
    ),
    st.sampled_from(
        ["Buy", "Sell", "Limit", "Market", "GTC", "PostOnly", "Full", "Partial", SYMBOL, "ETHUSDT", "USDT"]
    ),
    st.sampled_from(
        ["27000", "26000.5", "30000", "60", "D", "linear", "spot", "UNIFIED", "StopOrder", "page_3", "page_-1"]
    ),
    st.text(max_size=12),
)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
NAMES = st.sampled_from(
    [
        "category",
        "symbol",
        "side",
        "orderType",
        "qty",
        "price",
        "timeInForce",
        "reduceOnly",
        "closeOnTrigger",
        "orderLinkId",
        "orderId",
        "triggerPrice",
        "triggerDirection",
        "triggerBy",
        "stopLoss",
        "takeProfit",
        "slTriggerBy",
        "tpTriggerBy",
        "tpslMode",
        "positionIdx",
        "slSize",
        "tpSize",
        "slLimitPrice",
        "slOrderType",
        "trailingStop",
        "buyLeverage",
        "sellLeverage",
        "mode",
        "setMarginMode",
        "request",
        "orderFilter",
        "stopOrderType",
        "settleCoin",
        "baseCoin",
        "limit",
        "cursor",
        "openOnly",
        "orderStatus",
        "execType",
        "startTime",
        "endTime",
        "start",
        "end",
        "interval",
        "accountType",
        "coin",
        "type",
        "status",
    ]
)
SOUND = {
    "category": "linear",
    "symbol": SYMBOL,
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.01",
    "price": "26000",
    "positionIdx": 0,
    "interval": "60",
    "accountType": "UNIFIED",
    "settleCoin": "USDT",
    "buyLeverage": "7",
    "sellLeverage": "7",
    "stopLoss": "20000",
}
CHANGES = st.dictionaries(NAMES, VALUES, max_size=4)
BODIES = CHANGES.map(lambda change: SOUND | change) | st.lists(CHANGES, max_size=3).map(
    lambda rows: {"category": "linear", "request": [SOUND | row for row in rows]}
)
CALLS = st.tuples(st.sampled_from(PATHS), BODIES)


def check(status, body):
    assert status in (200, 403, 404), body
    assert set(body) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
    assert body["retCode"] in CODES, body
    rows = body["retExtInfo"].get("list", []) if body["retExtInfo"] else []
    assert all(row["code"] in CODES for row in rows)


async def call(rig, method, path, given_body):
    if method == "POST":
        return await rig.signed("POST", path, json.dumps(given_body))
    query = {name: str(value) for name, value in given_body.items() if not isinstance(value, dict | list)}
    if path in ROUTES:
        async with rig.session.get(f"https://api.bybit.com{path}", params=query) as answer:
            return answer.status, json.loads(await answer.read()), None
    url = str(rig.session._build_url("https://api.bybit.com").update_query(query).raw_query_string)
    return await rig.signed("GET", path, dict(pair.partition("=")[::2] for pair in url.split("&")))


def run_on_exchange(act):
    async def walk():
        async with Rig(make_world()) as rig:
            await rig.buy("0.02")
            await act(rig)
            assert rig.server.failure() is None
            assert (await rig.read("/v5/position/list", symbol=SYMBOL))["retCode"] == 0

    asyncio.run(walk())


FEW = settings(
    max_examples=1_000 if os.environ.get("XSMOM_PROOF") == "1" else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@FEW
@given(st.lists(CALLS, min_size=1, max_size=12))
def test_any_signed_or_public_request(calls):
    async def act(rig):
        for (method, path), body in calls:
            status, answer, _ = await call(rig, method, path, body)
            check(status, answer)
        await rig.world.advance(rig.world.clock.now_ms() + 600_000)

    run_on_exchange(act)


@FEW
@given(
    st.lists(st.tuples(st.sampled_from(PATHS), st.text(max_size=60) | st.binary(max_size=60)), min_size=1, max_size=8)
)
def test_any_body_at_all(calls):
    async def act(rig):
        for (_, path), body in calls:
            if isinstance(body, str):
                status, answer, _ = await rig.signed("POST", path, body.encode("utf-8", "replace").decode())
            else:
                async with rig.session.post(f"https://api.bybit.com{path}", data=body) as given_answer:
                    status, answer = given_answer.status, json.loads(await given_answer.read())
            check(status, answer)

    run_on_exchange(act)


MESSAGES = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["subscribe", "unsubscribe", "auth", "ping", "order.create", "order.cancel-batch", "x"])
        | VALUES
    },
    optional={
        "args": VALUES | st.lists(BODIES | VALUES, max_size=3),
        "req_id": VALUES,
        "reqId": VALUES,
        "header": VALUES | st.just({"X-BAPI-TIMESTAMP": "now"}),
    },
)


@FEW
@given(st.lists(MESSAGES | VALUES, min_size=1, max_size=10))
def test_any_message_on_any_socket(messages):
    async def act(rig):
        sockets = [await rig.socket("/v5/public/linear")]
        sockets += [await rig.socket(path, auth=True) for path in ("/v5/private", "/v5/trade")]
        now = str(time.time_ns() // 1_000_000)
        for message in messages:
            text = json.dumps(message).replace('"now"', f'"{now}"')
            for ws in sockets:
                await ws.send_str(text)
        for ws, op in zip(sockets, ("ping", "pong", "pong"), strict=True):
            await ws.send_json({"op": "ping", "req_id": "last"})
            while True:
                got = await ws.receive(timeout=5)
                assert got.type is aiohttp.WSMsgType.TEXT, "the socket stays open"
                told = got.json()
                assert told.get("retCode", 0) in CODES | {0}
                if told.get("op") == op and told.get("req_id", "last") == "last":
                    break

    run_on_exchange(act)


@on_exchange()
async def test_the_check_can_fail(rig):
    rig.world.core.ask = lambda _query: 1 / 0  # a fault of ours, planted
    async with rig.session.get("https://api.bybit.com/v5/market/time") as answer:
        assert answer.status == 200
    key = rig.key
    stamp = str(time.time_ns() // 1_000_000)
    from xsmom.simex.bybit.signing import sign

    query = "accountType=UNIFIED"
    headers = {"X-BAPI-API-KEY": key.key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-RECV-WINDOW": "5000"}
    headers["X-BAPI-SIGN"] = sign(key.secret, f"{stamp}{key.key}5000{query}")
    url = f"https://api.bybit.com/v5/account/wallet-balance?{query}"
    async with rig.session.get(url, headers=headers) as answer:
        assert answer.status == 500
