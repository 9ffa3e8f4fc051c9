"""Many orders at once: batches, cancelling by filter, pages."""

from tests.e2e.simex.rig import BTC, SYMBOL, on_exchange


@on_exchange()
async def test_batch_answers_row_by_row(rig):
    client = await rig.client()
    price = float(rig.on_tick(0.95))
    good = {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": price}
    orders = [good | {"params": {"clientOrderId": f"b{n}"}} for n in range(3)]
    await client.create_orders(orders)
    assert {order["client_id"] for order in rig.truth()["open_orders"]} == {"b0", "b1", "b2"}
    row = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": rig.on_tick(0.95)}
    request = [row | {"orderLinkId": "b3"}, row | {"orderLinkId": "b0"}, row | {"qty": "0"}]
    body = await rig.post("/v5/order/create-batch", request=request)
    assert [each["code"] for each in body["retExtInfo"]["list"]] == [0, 110072, 10001]
    assert [bool(each["orderId"]) for each in body["result"]["list"]] == [True, False, False]
    cancelled = await rig.post("/v5/order/cancel-batch", request=[{"symbol": SYMBOL, "orderLinkId": "b3"}])
    assert cancelled["retExtInfo"]["list"] == [{"code": 0, "msg": "OK"}]
    amended = await rig.post("/v5/order/amend-batch", request=[{"symbol": SYMBOL, "orderLinkId": "b2", "qty": "0.02"}])
    assert amended["retExtInfo"]["list"] == [{"code": 0, "msg": "OK"}]
    assert (await rig.post("/v5/order/create-batch", request=[row] * 21))["retCode"] == 10001


@on_exchange()
async def test_cancel_all_spares_only_what_the_filter_spares(rig):
    client = await rig.client()

    async def lay():
        await rig.buy("0.01", stopLoss=rig.on_tick(0.9))
        plain = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": rig.on_tick(0.95)}
        await rig.post("/v5/order/create", **plain)
        await rig.post("/v5/order/create", **plain, triggerPrice=rig.on_tick(0.96), triggerDirection=2)
        await rig.post("/v5/order/create", **(plain | {"symbol": "ETHUSDT", "price": rig.on_tick(0.95, "ETHUSDT")}))

    def kinds():
        return sorted((order["stop_kind"], order["symbol"]) for order in rig.truth()["open_orders"])

    btc, eth = rig.world.number[SYMBOL], rig.world.number["ETHUSDT"]
    stop, conditional, plain = ("stop_loss", btc), ("conditional", btc), ("none", btc)
    await lay()
    assert kinds() == sorted([stop, conditional, plain, ("none", eth)])
    await client.cancel_all_orders(BTC, {"orderFilter": "Order"})
    assert kinds() == sorted([stop, conditional, ("none", eth)])
    assert (await rig.post("/v5/order/cancel-all", settleCoin="USDC"))["result"]["list"] == []
    await rig.post("/v5/order/cancel-all", baseCoin="ETH")
    assert kinds() == sorted([stop, conditional])
    await rig.post("/v5/order/cancel-all", symbol=SYMBOL, orderFilter="StopOrder", stopOrderType="Stop")
    assert kinds() == [stop]
    await client.cancel_all_orders(BTC)
    assert kinds() == [], "without a filter the stop of the position goes too"


@on_exchange()
async def test_open_orders_come_in_pages(rig):
    client = await rig.client()
    rig.world.transfer("main", "100000")
    order = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": rig.on_tick(0.95)}
    for _ in range(57):
        assert (await rig.post("/v5/order/create", **order))["retCode"] == 0
    assert len(await client.fetch_open_orders(BTC)) == 20
    assert len(await client.fetch_open_orders(BTC, None, 50)) == 50
    path, seen, cursor = "/v5/order/realtime", [], ""
    while True:
        query = {"settleCoin": "USDT", "limit": 25} | ({"cursor": cursor} if cursor else {})
        result = (await rig.read(path, **query))["result"]
        seen += [row["orderId"] for row in result["list"]]
        cursor = result["nextPageCursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 57
    assert (await rig.read(path, settleCoin="USDT", limit=51))["retCode"] == 10001
    assert (await rig.read(path))["retCode"] == 10001
