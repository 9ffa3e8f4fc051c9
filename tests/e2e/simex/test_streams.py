"""Streams through the unmodified client and through plain sockets, whole and broken."""

import asyncio
import time

import ccxt
import pytest
from aiohttp import WSMsgType

from tests.e2e.simex.rig import BTC, HOUR_MS, PATIENCE_S, SYMBOL, on_exchange, until
from xsmom.simex.bybit import streams
from xsmom.simex.faults import Fault

ALL = ["order", "execution", "position", "wallet"]
TRADE_HEADER = "X-BAPI-TIMESTAMP"


async def soon(waiting):
    return await asyncio.wait_for(waiting, PATIENCE_S)


def step(rig):
    return rig.world.advance(rig.world.clock.now_ms() + HOUR_MS // 12)


async def collect(ws, done, *, quiet_s=PATIENCE_S):
    """Receive topic messages until `done` says that they suffice."""
    got: list[dict] = []
    while not done(got):
        message = await ws.receive_json(timeout=quiet_s)
        if "topic" in message:
            got.append(message)
    return got


def rows_of(messages, topic):
    return [row for message in messages if message["topic"] == topic for row in message["data"]]


def progress(row):
    final = row["orderStatus"] in ("Filled", "Cancelled", "Deactivated")
    return float(row["cumExecQty"]), final, int(row["updatedTime"])


def merge(messages):
    """What a careful bot knows after these messages: fills by identity, orders by progress, newest position."""
    fills = {row["execId"]: row for row in rows_of(messages, "execution")}
    orders = {row["orderId"]: row["orderStatus"] for row in sorted(rows_of(messages, "order"), key=progress)}
    positions = sorted(rows_of(messages, "position"), key=lambda row: row["seq"])
    return fills, orders, {row["symbol"]: (row["seq"], row["size"]) for row in positions}


def check_truth(rig, messages):
    fills, orders, held = merge(messages)
    truth = rig.truth()
    assert len(fills) == len(truth["executions"])
    states = {"working": "New", "filled": "Filled", "untriggered": "Untriggered"}
    known = {row["id"]: states.get(row["state"]) for row in truth["open_orders"] + truth["closed_orders"]}
    told = {int(number.rsplit("-", 1)[1], 16): status for number, status in orders.items()}
    assert {number: told[number] for number, state in known.items() if state} == {n: s for n, s in known.items() if s}
    lots = {rig.world.symbols[row["symbol"]]: row["lots"] for row in truth["positions"]}
    for symbol, (_, size) in held.items():
        assert float(size) == pytest.approx(float(abs(rig.world.size_of(symbol, lots.get(symbol, 0)))))


# --- through the client ---------------------------------------------------------------------------


@on_exchange()
async def test_public_streams_through_the_client(rig):
    client = await rig.client()
    ticker = await soon(client.watch_ticker(BTC))
    assert ticker["last"] == rig.price()
    book = await soon(client.watch_order_book(BTC, 50))
    price = rig.world.prices.of[SYMBOL]
    assert book["bids"][0][0] == float(rig.world.price_of(SYMBOL, price.bid))
    bars = asyncio.ensure_future(client.watch_ohlcv(BTC, "1h"))
    await until(lambda: rig.world.listened(f"kline.60.{SYMBOL}"))
    await step(rig)
    assert (await soon(bars))[-1][4] == rig.price()
    rig.inject(1.01)
    while (await soon(client.watch_ticker(BTC)))["last"] != rig.price():
        pass
    watched = asyncio.ensure_future(client.watch_order_book(BTC, 50))
    await asyncio.sleep(0)
    rig.inject(1.0)
    book = await soon(watched)
    assert book["asks"][0][0] == float(rig.world.price_of(SYMBOL, rig.world.prices.of[SYMBOL].ask))


@on_exchange()
async def test_private_streams_through_the_client(rig):
    client = await rig.client()
    waiting = [asyncio.ensure_future(call) for call in (client.watch_orders(), client.watch_my_trades())]
    balance = asyncio.ensure_future(client.watch_balance())
    assert await soon(client.watch_positions()) == [], "the first answer is asked for, not pushed"
    positions = asyncio.ensure_future(client.watch_positions())
    await until(lambda: all(rig.world.account_listened("main", topic) for topic in ALL))
    made = await client.create_order(BTC, "market", "buy", 0.01)
    [orders, trades] = [await soon(each) for each in waiting]
    assert orders[-1]["id"] == made["id"]
    assert (trades[-1]["order"], trades[-1]["amount"]) == (made["id"], 0.01)
    assert (await soon(balance))["USDT"]["total"] == pytest.approx(float(rig.world.wallet(0)["wallet"]), abs=1)
    held = await soon(positions)
    assert (held[-1]["contracts"], held[-1]["side"]) == (0.01, "long")


@on_exchange()
async def test_order_entry_through_the_client(rig):
    client = await rig.client()
    price = float(rig.on_tick(0.95))
    made = await soon(client.create_order_ws(BTC, "limit", "buy", 0.01, price, {"clientOrderId": "ws-1"}))
    [order] = rig.truth()["open_orders"]
    assert (made["clientOrderId"], order["client_id"]) == ("ws-1", "ws-1")
    changed = await soon(client.edit_order_ws(made["id"], BTC, "limit", "buy", 0.02, price))
    assert changed["id"] == made["id"]
    with pytest.raises(ccxt.InvalidOrder, match="110072"):
        await soon(client.create_order_ws(BTC, "limit", "buy", 0.01, price, {"clientOrderId": "ws-1"}))
    await soon(client.cancel_order_ws(made["id"], BTC))
    assert rig.truth()["open_orders"] == []


@on_exchange()
async def test_a_cut_connection_is_an_error_and_the_next_watch_dials_again(rig):
    client = await rig.client()
    await soon(client.watch_ticker(BTC))
    waiting = asyncio.ensure_future(client.watch_ticker(BTC))
    await asyncio.sleep(0)
    assert rig.server.hub.kill_all("public") == 1
    with pytest.raises(ccxt.NetworkError):
        await soon(waiting)
    rig.inject(1.01)
    assert (await soon(client.watch_ticker(BTC)))["last"] == rig.price()


@on_exchange()
async def test_a_silent_socket_is_noticed_by_its_missing_pongs(rig):
    client = await rig.client(streaming={})
    client.streaming["keepAlive"] = 100
    await soon(client.watch_ticker(BTC))
    rig.world.faults.script[:] = [Fault("silent_socket", match="tickers")]
    rig.inject(1.01)
    with pytest.raises(ccxt.RequestTimeout):
        await soon(client.watch_ticker(BTC))


# --- plain sockets --------------------------------------------------------------------------------


async def trade_a_little(rig):
    await rig.buy("0.1", stopLoss=rig.on_tick(0.8))
    resting = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.02", "price": rig.on_tick(0.9)}
    await rig.post("/v5/order/create", **resting)
    for _ in range(3):
        await rig.buy("0.02", side="Sell", reduceOnly=True)
    await rig.buy("0.03", side="Sell")


@pytest.mark.parametrize("deed", ["", "duplicate", "reorder", "late"])
@on_exchange()
async def test_whatever_happens_on_the_way_the_state_is_the_truth(rig, deed):
    ws = await rig.socket("/v5/private", auth=True, topics=ALL)
    if deed:
        rows = [Fault(deed, match=topic, skip=skip, delay_ms=30) for topic in ALL[:3] for skip in (0, 2, 3)]
        rig.world.faults.script[:] = rows
    await trade_a_little(rig)
    truth = rig.truth()
    lots = truth["positions"][0]["lots"]

    def complete(messages):
        fills, _, held = merge(messages)
        if len(fills) < len(truth["executions"]) or SYMBOL not in held:
            return False
        return float(held[SYMBOL][1]) == pytest.approx(float(rig.world.size_of(SYMBOL, lots))) and settled(messages)

    def settled(messages):
        return sum(merge(messages)[1][number] == "Filled" for number in merge(messages)[1]) == 5

    messages = await collect(ws, complete)
    check_truth(rig, messages)
    if deed:
        assert len(rig.world.faults.done) >= 6


@on_exchange()
async def test_lost_events_are_found_again_by_asking(rig):
    ws = await rig.socket("/v5/private", auth=True, topics=ALL)
    rig.world.faults.script[:] = [Fault("lose", match="execution", times=0)]
    await rig.buy("0.1")
    messages = await collect(ws, lambda got: any(each["topic"] == "position" for each in got))
    assert all(message["topic"] != "execution" for message in messages)
    assert len((await rig.read("/v5/execution/list"))["result"]["list"]) == 1


@on_exchange()
async def test_a_fault_that_kills_the_socket(rig):
    ws = await rig.socket("/v5/private", auth=True, topics=ALL)
    rig.world.faults.script[:] = [Fault("kill_socket", match="order")]
    await rig.buy("0.1")
    kinds = [(await ws.receive(timeout=PATIENCE_S)).type for _ in range(1)]
    assert kinds[0] in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE)
    await until(lambda: not rig.server.hub.sockets)
    ws = await rig.socket("/v5/private", auth=True, topics=ALL)
    await rig.buy("0.1")
    assert await collect(ws, lambda got: len(got) >= 3), "the new one goes on, and nothing is replayed"


@on_exchange()
async def test_a_consumer_that_is_too_slow_is_cut_off_and_others_are_not(rig, monkeypatch):
    monkeypatch.setattr(streams, "BACKLOG_MAX", 50)
    slow = await rig.socket("/v5/public/linear", topics=[f"orderbook.50.{SYMBOL}"])
    slow._response.connection.transport.pause_reading()
    await until(lambda: len(rig.server.hub.sockets) == 1)
    message = {"topic": f"orderbook.50.{SYMBOL}", "data": "x" * 100_000}
    for _ in range(1_000):
        rig.server.hub.publish(message["topic"], message)
        await asyncio.sleep(0)
    await until(lambda: not rig.server.hub.sockets)
    assert rig.server.failure() is None
    fast = await rig.socket("/v5/public/linear", topics=[f"tickers.{SYMBOL}"])
    assert await collect(fast, lambda got: len(got) == 1)


@on_exchange()
async def test_bars_confirm_once_they_are_closed(rig):
    ws = await rig.socket("/v5/public/linear", topics=[f"kline.60.{SYMBOL}", f"kline.D.{SYMBOL}"])
    await rig.world.advance(rig.world.clock.now_ms() // HOUR_MS * HOUR_MS + 2 * HOUR_MS)
    messages = await collect(ws, lambda got: sum(m["topic"] == f"kline.60.{SYMBOL}" for m in got) == 24)
    hourly = [m["data"][0] for m in messages if m["topic"] == f"kline.60.{SYMBOL}"]
    assert [row["confirm"] for row in hourly] == ([False] * 11 + [True]) * 2
    assert [row["end"] - row["start"] for row in hourly] == [HOUR_MS - 1] * 24
    _, body, _ = await rig.get("/v5/market/kline", category="linear", symbol=SYMBOL, interval="60", limit=2)
    closed = hourly[-1]
    row = next(row for row in body["result"]["list"] if int(row[0]) == closed["start"])
    assert row[1:6] == [closed[name] for name in ("open", "high", "low", "close", "volume")]


@on_exchange()
async def test_what_a_socket_refuses(rig):
    async def say(ws, message):
        await (ws.send_str(message) if isinstance(message, str) else ws.send_json(message))
        return await ws.receive_json(timeout=PATIENCE_S)

    public = await rig.socket("/v5/public/linear")
    for bad in (
        "{",
        "[1]",
        "[" * 50_000,
        {"op": 1},
        {"op": "subscribe", "args": ["tickers.NOPE"]},
        {"op": "subscribe"},
    ):
        assert (await say(public, bad))["success"] is False
    for topic in (f"kline.7.{SYMBOL}", f"orderbook.3.{SYMBOL}", "tickers", f"publicTrade.{SYMBOL}"):
        assert (await say(public, {"op": "subscribe", "args": [topic]}))["success"] is False
    assert (await say(public, {"op": "ping", "req_id": "7"}))["ret_msg"] == "pong"
    private = await rig.socket("/v5/private")
    assert (await say(private, {"op": "subscribe", "args": ["order"]}))["success"] is False
    for args in (["nobody", 1, "x"], ["key", 1, "x"], ["key", "\u00b2", "x"], ["key", 10**15, "\u00e9"], [], None):
        assert (await say(private, {"op": "auth", "args": args}))["success"] is False
    assert (await say(private, {"op": "ping"}))["op"] == "pong"
    trade = await rig.socket("/v5/trade")
    order = {"op": "order.create", "reqId": "1", "args": [{}]}
    assert (await say(trade, order))["retCode"] == 10003
    trade = await rig.socket("/v5/trade", auth=True)
    assert (await say(trade, order))["retCode"] == 10002
    header = {TRADE_HEADER: str(time.time_ns() // 1_000_000)}
    assert (await say(trade, order | {"header": header}))["retCode"] == 20006
    told = await say(trade, order | {"header": header, "reqId": "2"})
    assert (told["retCode"], told["reqId"], told["op"]) == (10001, "2", "order.create")
    assert (await say(trade, {"op": "order.explode"}))["retCode"] == 10404
    assert (await say(trade, {"op": "ping"}))["op"] == "pong"


@on_exchange()
async def test_order_entry_faults_and_batches(rig):
    ws = await rig.socket("/v5/trade", auth=True)
    row = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.01"}
    row["price"] = rig.on_tick(0.95)

    async def enter(op, args, client_id):
        header = {TRADE_HEADER: str(time.time_ns() // 1_000_000)}
        await ws.send_json({"op": op, "reqId": client_id, "header": header, "args": [args]})
        return await ws.receive(timeout=PATIENCE_S)

    batch = {"category": "linear", "request": [row | {"orderLinkId": "b1"}, row | {"orderLinkId": "b1"}]}
    told = (await enter("order.create-batch", batch, "1")).json()
    assert [each["code"] for each in told["retExtInfo"]["list"]] == [0, 110072]
    rig.world.faults.script[:] = [Fault("ret", match="order/create", code=10016)]
    assert (await enter("order.create", row | {"orderLinkId": "x"}, "2")).json()["retCode"] == 10016
    rig.world.faults.script[:] = [Fault("delay", match="order/create", when="after_accept", delay_ms=50)]
    before = time.monotonic()
    assert (await enter("order.create", row | {"orderLinkId": "y"}, "3")).json()["retCode"] == 0
    assert time.monotonic() - before >= 0.05
    rig.world.faults.script[:] = [Fault("drop", match="order/create", when="after_accept")]
    end = await enter("order.create", row | {"orderLinkId": "z"}, "4")
    assert end.type in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE)
    assert {order["client_id"] for order in rig.truth()["open_orders"]} == {"b1", "y", "z"}
