"""What goes wrong, by a real situation where there is one and by a fault else: code and class of error."""

import ccxt
import pytest

from tests.e2e.simex.rig import BTC, SYMBOL, on_exchange
from xsmom.errors import DataError
from xsmom.simex.faults import Fault, parse_faults

LIMIT = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.01"}


async def refused(rig, client, number, kind, call):
    with pytest.raises(ccxt.BaseError) as caught:
        await call(rig, client)
    assert f'"retCode":{number},' in str(caught.value)
    assert type(caught.value) is kind


def order(qty=0.01, share=0.95, side="buy", kind="limit", **params):
    async def call(rig, client):
        price = float(rig.on_tick(share)) if kind == "limit" else None
        return await client.create_order(BTC, kind, side, qty, price, params)

    return call


async def lever_up(rig, client):
    await client.set_leverage(50, BTC)
    await order(qty=8, share=1.0)(rig, client)


async def twice(rig, client):
    await order(clientOrderId="twin")(rig, client)
    await order(clientOrderId="twin")(rig, client)


async def conditional(rig, client, share=0.96, direction="descending"):
    await order(share=0.9, triggerPrice=float(rig.on_tick(share)), triggerDirection=direction)(rig, client)


async def eleven_conditionals(rig, client):
    for _ in range(11):
        await conditional(rig, client)


SITUATIONS = {
    "margin": (110007, ccxt.InsufficientFunds, order(qty=5)),
    "position too large for its leverage": (110090, ccxt.ExchangeError, lever_up),
    "nothing to reduce": (110017, ccxt.InvalidOrder, order(kind="market", side="sell", reduceOnly=True)),
    "client id used before": (110072, ccxt.InvalidOrder, twice),
    "order that never was": (110001, ccxt.OrderNotFound, lambda _, c: c.cancel_order("never", BTC)),
    "amend an order that never was": (
        110001,
        ccxt.OrderNotFound,
        lambda _, c: c.edit_order("no", BTC, "limit", "buy", 1, 9),
    ),
    "leverage as it is": (110043, ccxt.BadRequest, lambda _, c: c.set_leverage(10, BTC)),
    "mode as it is": (110025, ccxt.NoChange, lambda _, c: c.set_position_mode(False, BTC)),
    "margin mode as it is": (110026, ccxt.MarginModeAlreadySet, lambda _, c: c.set_margin_mode("cross")),
    "hedge index in one-way mode": (10001, ccxt.BadRequest, order(positionIdx=1)),
    "trigger above that should be below": (110093, ccxt.InvalidOrder, lambda r, c: conditional(r, c, 1.02)),
    "trigger below that should be above": (
        110092,
        ccxt.InvalidOrder,
        lambda r, c: conditional(r, c, 0.98, "ascending"),
    ),
    "worth too little": (110094, ccxt.InvalidOrder, order(qty=0.0001)),
    "too many conditional orders": (110009, ccxt.InvalidOrder, eleven_conditionals),
    "leverage beyond the tier": (110013, ccxt.BadRequest, lambda _, c: c.set_leverage(60, BTC)),
    "name with other signs": (10001, ccxt.BadRequest, order(clientOrderId="a b")),
    "no such contract": (
        10001,
        ccxt.BadRequest,
        lambda _, c: c.public_get_v5_market_kline({"symbol": "NO", "interval": "60"}),
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
@on_exchange()
async def test_situation(rig, name):
    await refused(rig, await rig.client(), *SITUATIONS[name])


@on_exchange()
async def test_stop_on_a_flat_account_and_the_same_stop_again(rig):
    stop = {"symbol": SYMBOL, "stopLoss": rig.on_tick(0.9), "positionIdx": 0, "tpslMode": "Full"}
    body = await rig.post("/v5/position/trading-stop", **stop)
    assert (body["retCode"], "zero position" in body["retMsg"]) == (10001, True)
    await rig.buy("0.01")
    assert (await rig.post("/v5/position/trading-stop", **stop))["retCode"] == 0
    assert (await rig.post("/v5/position/trading-stop", **stop))["retCode"] == 34040


@on_exchange()
async def test_misfits_are_refused_by_name(rig):
    for change, text in (
        ({"price": str(float(rig.on_tick(0.95)) + 0.001)}, "price"),
        ({"qty": "0.0000001", "price": rig.on_tick(0.95)}, "Qty"),
        ({"qty": "0", "price": rig.on_tick(0.95)}, "number of contracts"),
        ({"qty": "1e15", "price": rig.on_tick(0.95)}, "number of contracts"),
        ({"side": "buy", "price": rig.on_tick(0.95)}, "side"),
        ({"orderType": "Stop", "price": rig.on_tick(0.95)}, "orderType"),
        ({"timeInForce": "DAY", "price": rig.on_tick(0.95)}, "timeInForce"),
        ({"category": "spot", "price": rig.on_tick(0.95)}, "spot"),
        ({}, "price"),
    ):
        body = await rig.post("/v5/order/create", **(LIMIT | change))
        assert (body["retCode"], text in body["retMsg"]) == (10001, True), (change, body)
    assert (await rig.post("/v5/order/create", **LIMIT, price="1e17"))["retCode"] == 110003
    assert rig.truth()["open_orders"] == []


@on_exchange()
async def test_an_order_is_found_under_its_own_contract_alone(rig):
    number = (await rig.post("/v5/order/create", **LIMIT, price=rig.on_tick(0.95)))["result"]["orderId"]
    assert (await rig.post("/v5/order/cancel", symbol="ETHUSDT", orderId=number))["retCode"] == 110001
    assert (await rig.read("/v5/order/realtime", symbol="ETHUSDT", orderId=number))["result"]["list"] == []
    assert len(rig.truth()["open_orders"]) == 1


# --- faults ---------------------------------------------------------------------------------------

IN_THE_BODY = {
    10000: ccxt.ExchangeError,
    10016: ccxt.ExchangeError,
    429: ccxt.ExchangeError,
    10002: ccxt.InvalidNonce,
    10006: ccxt.RateLimitExceeded,
    10018: ccxt.RateLimitExceeded,
    10003: ccxt.AuthenticationError,
    10004: ccxt.AuthenticationError,
    10007: ccxt.AuthenticationError,
    10009: ccxt.AuthenticationError,
    33004: ccxt.AuthenticationError,
    10005: ccxt.PermissionDenied,
    10010: ccxt.PermissionDenied,
    10024: ccxt.PermissionDenied,
    10027: ccxt.PermissionDenied,
    10008: ccxt.AccountSuspended,
    10014: ccxt.BadRequest,
    110003: ccxt.InvalidOrder,
    110004: ccxt.InsufficientFunds,
    110006: ccxt.InsufficientFunds,
    110012: ccxt.InsufficientFunds,
    110044: ccxt.InsufficientFunds,
    110045: ccxt.InsufficientFunds,
    110008: ccxt.InvalidOrder,
    110010: ccxt.InvalidOrder,
    30208: ccxt.ExchangeError,
    30209: ccxt.ExchangeError,
}
BY_STATUS = {
    403: ccxt.RateLimitExceeded,
    502: ccxt.ExchangeNotAvailable,
    503: ccxt.ExchangeNotAvailable,
    520: ccxt.ExchangeNotAvailable,
    504: ccxt.RequestTimeout,
    408: ccxt.RequestTimeout,
}


@on_exchange()
async def test_codes_in_the_body_by_fault(rig):
    client = await rig.client()
    for number, kind in IN_THE_BODY.items():
        rig.world.faults.script[:] = [Fault("ret", match="/v5/order/create", code=number, text="as told")]
        await refused(rig, client, number, kind, order())
    assert rig.truth()["open_orders"] == []


@on_exchange()
async def test_http_statuses_by_fault(rig):
    client = await rig.client()
    for status, kind in BY_STATUS.items():
        rig.world.faults.script[:] = [Fault("http", match="/v5/order/create", status=status)]
        with pytest.raises(ccxt.BaseError) as caught:
            await order()(rig, client)
        assert type(caught.value) is kind, status
    assert rig.truth()["open_orders"] == []


@pytest.mark.parametrize("when", ["before", "after_accept"])
@on_exchange()
async def test_what_is_no_json_looks_like_success_to_the_client(rig, when):
    client = await rig.client()
    spoilt: list[dict] = [{"do": "html200"}, {"do": "empty"}, {"do": "cut"}, {"do": "http", "status": 524}]
    for number, row in enumerate(spoilt):
        name = f"spoilt-{number}"
        rig.world.faults.script[:] = parse_faults([row | {"match": "/v5/order/create", "when": when}])
        made = await order(clientOrderId=name)(rig, client)
        assert made["id"] is None
        accepted = name in {each["client_id"] for each in rig.truth()["open_orders"]}
        assert accepted == (when == "after_accept")
        rig.world.faults.script[:] = parse_faults([row | {"match": "/v5/position/list"}])
        await rig.buy("0.001")
        assert await client.fetch_positions() == [], "a client that trusts this thinks that it is flat"


@pytest.mark.parametrize("when", ["before", "after_accept"])
@on_exchange()
async def test_a_dropped_connection_looks_the_same_before_and_after_acceptance(rig, when):
    client = await rig.client()
    rig.world.faults.script[:] = [Fault("drop", match="/v5/order/create", when=when, times=0)]
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await order(clientOrderId="dropped")(rig, client)
    accepted = [each["client_id"] for each in rig.truth()["open_orders"]]
    assert accepted == ([] if when == "before" else ["dropped"])


@pytest.mark.parametrize("when", ["before", "after_accept"])
@on_exchange()
async def test_an_answer_that_takes_too_long(rig, when):
    client = await rig.client()
    client.timeout = 100
    rig.world.faults.script[:] = [Fault("delay", match="/v5/order/create", when=when, delay_ms=300)]
    with pytest.raises(ccxt.RequestTimeout):
        await order(clientOrderId="late")(rig, client)
    assert len(rig.world.faults.done) == 1


@on_exchange()
async def test_a_restart_forgets_closed_orders_and_history_keeps_them(rig):
    number = await rig.buy("0.01")
    assert len((await rig.read("/v5/order/realtime", orderId=number))["result"]["list"]) == 1
    rig.world.forget_closed()
    assert (await rig.read("/v5/order/realtime", orderId=number))["result"]["list"] == []
    assert len((await rig.read("/v5/order/history", orderId=number))["result"]["list"]) == 1


@on_exchange()
async def test_faults_meet_the_request_that_they_name_and_as_often(rig):
    rows = [{"do": "ret", "match": "order/create", "client_id": "met", "skip": 1, "times": 2, "code": 10016}]
    rig.world.faults.script[:] = parse_faults(rows)

    async def send(name):
        return (await rig.post("/v5/order/create", **LIMIT, price=rig.on_tick(0.95), orderLinkId=name))["retCode"]

    assert [await send("other"), await send("met")] == [0, 0]
    assert [await send("met"), await send("met"), await send("met")] == [10016, 10016, 110072]
    assert [row["where"] for row in rig.world.faults.done] == ["/v5/order/create"] * 2


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"do": "explode"}, "not known"),
        ({}, "lacks 'do'"),
        ("drop", "lacks 'do'"),
        ({"do": 5}, "lacks 'do'"),
        ({"do": "drop", "where": "x"}, "'where'"),
        ({"do": "drop", "when": "event"}, "cannot act"),
        ({"do": "drop", "skip": -1}, "at least 0"),
        ({"do": "drop", "skip": "1"}, "whole number"),
        ({"do": "drop", "match": 1}, "is text"),
        ({"do": "http", "status": 42}, "200 to 599"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(row, says):
    with pytest.raises(DataError, match=says):
        parse_faults([row])
