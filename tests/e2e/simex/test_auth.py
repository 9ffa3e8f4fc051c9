"""Who may do what, for how long, from where, and how often."""

import json
import time

import ccxt
import pytest

from tests.e2e.simex.rig import BTC, SYMBOL, on_exchange
from xsmom.simex.bybit.signing import Key

WALLET = "/v5/account/wallet-balance"
ABOUT = {"accountType": "UNIFIED"}
CREATE = "/v5/order/create"


def now_ms():
    return time.time_ns() // 1_000_000


async def ask(rig, **how):
    return (await rig.signed("GET", WALLET, ABOUT, **how))[1]["retCode"]


@on_exchange()
async def test_key_and_signature(rig):
    assert await ask(rig) == 0
    assert await ask(rig, sign_as="another") == 10004
    assert await ask(rig, key=Key("nobody", "secret", "main", 1)) == 10003
    assert await ask(rig, headers={"X-BAPI-SIGN": "\u00e9"}) == 10004
    for stamp in ("", "soon", "\u00b2", "9" * 400):
        assert await ask(rig, stamp=stamp) == 10002
    assert await ask(rig, window="-1") == 10002


@on_exchange()
async def test_classes_of_the_client(rig):
    with pytest.raises(ccxt.AuthenticationError):
        await rig.bare_client(key="nobody").fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        await rig.bare_client(secret="wrong").fetch_balance()
    client = rig.bare_client()
    rig.world.clock.skew_ms = 60_000
    with pytest.raises(ccxt.InvalidNonce):
        await client.fetch_balance()
    rig.world.clock.skew_ms = 0
    rig.key.banned = True
    with pytest.raises(ccxt.AccountSuspended):
        await client.fetch_balance()


@pytest.mark.parametrize(
    ("age_ms", "window", "code"),
    [
        (0, "5000", 0),
        (4000, "5000", 0),
        (5600, "5000", 10002),
        (-600, "5000", 0),
        (-1600, "5000", 10002),
        (3000, "2000", 10002),
    ],
)
@on_exchange()
async def test_time_window(rig, age_ms, window, code):
    assert await ask(rig, stamp=str(now_ms() - age_ms), window=window) == code


@on_exchange()
async def test_market_time_signs_as_well_as_real_time(rig):
    assert await ask(rig, stamp=str(rig.world.clock.now_ms())) == 0
    assert await ask(rig, stamp=str(rig.world.clock.now_ms() - 6000)) == 10002


@on_exchange()
async def test_rights_of_a_key(rig):
    order = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "0.01"}

    async def send():
        return (await rig.signed("POST", CREATE, order))[1]["retCode"]

    rig.key.can_trade = False
    assert (await send(), await ask(rig)) == (10005, 0)
    assert (await rig.read("/v5/user/query-api"))["result"]["readOnly"] == 1
    rig.key.can_trade, rig.key.ips = True, ("10.0.0.1",)
    assert await send() == 10010
    rig.key.ips = ("127.0.0.1",)
    rig.key.expires_ms = rig.world.clock.now_ms()
    assert await send() == 33004
    rig.key.expires_ms += 1
    assert await send() == 0
    assert len(rig.truth()["positions"]) == 1


@on_exchange()
async def test_the_body_is_what_was_signed(rig):
    body = json.dumps({"category": "linear", "symbol": SYMBOL})
    assert (await rig.signed("POST", CREATE, body))[1]["retCode"] == 10001
    spaced = body.replace(":", " :  ")
    assert (await rig.signed("POST", CREATE, spaced))[1]["retCode"] == 10001, "signed as it was sent"
    for broken in ("{", "[]", '"x"', "[" * 100_000):
        assert (await rig.signed("POST", CREATE, broken))[1]["retCode"] == 10001


@on_exchange()
async def test_unknown_paths(rig):
    for method, path in (("GET", "/v5/nothing"), ("POST", "/v5/nothing"), ("POST", WALLET), ("GET", CREATE)):
        status, body, _ = await rig.signed(method, path)
        assert (status, body["retCode"]) == (404, 10017)


@on_exchange()
async def test_budgets_of_a_second(rig):
    rig.world.limits.enforced = True
    order = {"category": "linear", "symbol": SYMBOL, "side": "Sell", "orderType": "Limit", "qty": "0.01"}
    order["price"] = rig.on_tick(1.05)
    told = [await rig.signed("POST", CREATE, order) for _ in range(11)]
    left = [answer[2]["X-Bapi-Limit-Status"] for answer in told]
    assert left == [str(n) for n in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0)]
    assert {answer[2]["X-Bapi-Limit"] for answer in told} == {"10"}
    assert [answer[1]["retCode"] for answer in told] == [0] * 10 + [10006]
    assert int(told[-1][2]["X-Bapi-Limit-Reset-Timestamp"]) > now_ms() - 100
    assert len(rig.truth()["open_orders"]) == 10
    with pytest.raises(ccxt.RateLimitExceeded):
        await (await rig.client()).create_order(BTC, "limit", "sell", 0.01, float(order["price"]))
    assert await ask(rig) == 0, "every endpoint has its own"


@on_exchange()
async def test_rows_of_a_batch_beyond_the_budget_fail_alone(rig):
    rig.world.limits.enforced = True
    row = {"symbol": SYMBOL, "side": "Sell", "orderType": "Limit", "qty": "0.01", "price": rig.on_tick(1.05)}
    body = await rig.post("/v5/order/create-batch", request=[row] * 12)
    assert body["retCode"] == 0
    assert [each["code"] for each in body["retExtInfo"]["list"]] == [0] * 10 + [10006] * 2
    assert len(rig.truth()["open_orders"]) == 10
    assert (await rig.post("/v5/order/create-batch", request=[row]))["retCode"] == 10006


@on_exchange()
async def test_budget_of_an_address(rig):
    rig.world.limits.enforced = True
    path = "https://api.bybit.com/v5/market/time"
    statuses: list[int] = []
    while not statuses or (statuses[-1] == 200 and len(statuses) < 700):
        async with rig.session.get(path) as answer:
            statuses.append(answer.status)
            await answer.read()
    assert statuses == [200] * 600 + [403]
    with pytest.raises(ccxt.RateLimitExceeded):
        await rig.bare_client().fetch_time()
