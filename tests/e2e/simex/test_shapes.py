"""Keys and JSON types of every answer and stream row, held against the exchange's own documentation."""

import json
from pathlib import Path

import pytest

from tests.e2e.simex.rig import HOUR_MS, SYMBOL, on_exchange

DOCUMENTED = json.loads((Path(__file__).parent / "documented_fields.json").read_text())
# What the documentation names and the simulation leaves out: a sentence of the manual says so too.
LEFT_OUT = {
    "/v5/order/history": {"list.rpiTakerAccess", "list.rpiMatchedQty", "list.extraFees"},
    "/v5/position/closed-pnl": {"list.openFee", "list.closeFee"},
}
KINDS = {bool: "boolean", str: "string", int: "integer", list: "array", dict: "object", type(None): "null"}
READS = {
    "/v5/order/realtime": {"settleCoin": "USDT"},
    "/v5/order/history": {},
    "/v5/execution/list": {},
    "/v5/position/list": {"settleCoin": "USDT"},
    "/v5/position/closed-pnl": {},
    "/v5/account/wallet-balance": {"accountType": "UNIFIED"},
    "/v5/account/fee-rate": {},
    "/v5/account/transaction-log": {},
    "/v5/account/info": {},
    "/v5/user/query-api": {},
}
PUBLIC = {
    "/v5/market/instruments-info": {},
    "/v5/market/kline": {"symbol": SYMBOL, "interval": "60"},
    "/v5/market/tickers": {"symbol": SYMBOL},
    "/v5/market/orderbook": {"symbol": SYMBOL},
    "/v5/market/funding/history": {"symbol": SYMBOL},
    "/v5/market/risk-limit": {},
    "/v5/market/time": {},
}


def kinds(value, before=""):
    """Every key below a value with the set of JSON types that it has."""
    found: dict[str, set] = {}
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        for name, inner in row.items() if isinstance(row, dict) else ():
            found.setdefault(before + name, set()).add(KINDS[type(inner)])
            for deeper, kind in kinds(inner, f"{before}{name}.").items():
                found.setdefault(deeper, set()).update(kind)
    return found


def check(name, body):
    found = kinds(body)
    wanted = {key: kind for key, kind in DOCUMENTED[name].items() if key not in LEFT_OUT.get(name, ())}
    assert {key: sorted(found.get(key, ())) for key in wanted} == {key: [kind] for key, kind in wanted.items()}


async def traded(rig):
    """An account that has everything: position, stops, open orders, closed ones, funding."""
    now_ms = rig.world.clock.now_ms()
    await rig.buy("0.1", stopLoss=rig.on_tick(0.8), takeProfit=rig.on_tick(1.3))
    resting = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": rig.on_tick(0.95)}
    assert (await rig.post("/v5/order/create", **resting, orderLinkId="rests"))["retCode"] == 0
    await rig.world.advance(now_ms + 10 * HOUR_MS)
    await rig.buy("0.05", side="Sell", reduceOnly=True)


@on_exchange()
async def test_signed_reads_have_the_documented_keys_and_types(rig):
    await traded(rig)
    for path, query in READS.items():
        body = await rig.read(path, **query)
        assert (body["retCode"], body["retMsg"], body["retExtInfo"]) == (0, "OK", {}), path
        assert kinds(body)["time"] == {"integer"}
        check(path, body["result"])


@on_exchange()
async def test_public_reads_have_the_documented_keys_and_types(rig):
    for path, query in PUBLIC.items():
        status, body, _ = await rig.get(path, category="linear", **query)
        assert (status, body["retCode"]) == (200, 0), path
        check(path, body["result"])
    _, bars, _ = await rig.get("/v5/market/kline", category="linear", symbol=SYMBOL, interval="60", limit=3)
    assert [[type(cell) for cell in row] for row in bars["result"]["list"]] == [[str] * 7] * 3
    for kind in ("mark", "index", "premium-index"):
        path = f"/v5/market/{kind}-price-kline"
        _, bars, _ = await rig.get(path, category="linear", symbol=SYMBOL, interval="60", limit=3)
        assert [[type(cell) for cell in row] for row in bars["result"]["list"]] == [[str] * 5] * 3


@on_exchange()
async def test_changes_answer_with_identities_alone(rig):
    order = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": rig.on_tick(0.95)}
    made = await rig.post("/v5/order/create", **order)
    number = made["result"]["orderId"]
    changed = await rig.post("/v5/order/amend", symbol=SYMBOL, orderId=number, qty="0.02")
    gone = await rig.post("/v5/order/cancel", symbol=SYMBOL, orderId=number)
    for path, body in (("create", made), ("amend", changed), ("cancel", gone)):
        check(f"/v5/order/{path}", body["result"])
        assert set(body["result"]) == {"orderId", "orderLinkId"}
    await rig.post("/v5/order/create", **order)
    check("/v5/order/cancel-all", (await rig.post("/v5/order/cancel-all", settleCoin="USDT"))["result"])


@on_exchange()
async def test_stream_rows_have_the_documented_keys_and_types(rig):
    public = await rig.socket("/v5/public/linear")
    topics = [f"tickers.{SYMBOL}", f"kline.60.{SYMBOL}", f"orderbook.50.{SYMBOL}"]
    await public.send_json({"op": "subscribe", "req_id": "1", "args": topics})
    private = await rig.socket("/v5/private", auth=True, topics=["order", "execution", "position", "wallet"])
    await traded(rig)
    seen: dict[str, dict] = {}
    wanted = {"tickers", "kline", "orderbook"}
    while wanted - set(seen):
        message = await public.receive_json(timeout=5)
        if "topic" in message:
            seen.setdefault(message["topic"].partition(".")[0], message)
    wanted = {"order", "execution", "position", "wallet"}
    while wanted - set(seen):
        message = await private.receive_json(timeout=5)
        seen.setdefault(message["topic"], message)
    for name, message in seen.items():
        check(name, message)


@on_exchange()
async def test_what_is_empty_is_empty_text(rig):
    flat = (await rig.read("/v5/position/list", symbol=SYMBOL))["result"]["list"]
    assert len(flat) == 1
    assert {name: flat[0][name] for name in ("side", "size", "avgPrice", "positionValue", "unrealisedPnl")} == {
        "side": "",
        "size": "0",
        "avgPrice": "0",
        "positionValue": "",
        "unrealisedPnl": "",
    }
    assert [flat[0][name] for name in ("liqPrice", "stopLoss", "takeProfit", "bustPrice")] == [""] * 4
    assert (await rig.read("/v5/position/list", settleCoin="USDT"))["result"]["list"] == []
    wallet = (await rig.read("/v5/account/wallet-balance", accountType="UNIFIED"))["result"]["list"][0]
    assert wallet["coin"][0]["availableToWithdraw"] == ""
    refused = await rig.post("/v5/order/cancel", symbol=SYMBOL, orderId="never")
    assert (refused["result"], refused["retExtInfo"]) == ({}, {})


def test_the_comparison_can_fail():
    with pytest.raises(AssertionError):
        check("/v5/market/time", {"timeSecond": 1, "timeNano": "1"})
    with pytest.raises(AssertionError):
        check("/v5/market/time", {"timeSecond": "1"})
