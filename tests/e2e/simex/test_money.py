"""Money as the wire tells it, held against sums that are made here."""

from decimal import ROUND_UP, Decimal

import pytest

from tests.e2e.simex.rig import BTC, HOUR_MS, SYMBOL, make_world, on_exchange, panel
from xsmom.simex.bybit.signing import Key

E8 = Decimal("0.00000001")
TAKER = Decimal("0.00055")


async def wallet(rig):
    row = (await rig.read("/v5/account/wallet-balance", accountType="UNIFIED"))["result"]["list"][0]
    return {name: Decimal(value) for name, value in row.items() if name.startswith("total")}


async def position(rig, symbol=SYMBOL):
    return (await rig.read("/v5/position/list", symbol=symbol))["result"]["list"][0]


async def fills(rig, kind):
    return (await rig.read("/v5/execution/list", execType=kind))["result"]["list"]


async def ledger(rig, kind):
    return (await rig.read("/v5/account/transaction-log", type=kind))["result"]["list"]


@on_exchange()
async def test_fee_of_each_fill(rig):
    await rig.buy("0.12345")
    resting = {"symbol": SYMBOL, "side": "Sell", "orderType": "Limit", "qty": "0.1", "price": rig.on_tick(1.01)}
    await rig.post("/v5/order/create", **resting)
    rig.inject(1.02)
    rows = await fills(rig, "Trade")
    assert [row["isMaker"] for row in rows] == [True, False]
    for row in rows:
        value = Decimal(row["execPrice"]) * Decimal(row["execQty"])
        rate = Decimal("0.0002") if row["isMaker"] else TAKER
        assert Decimal(row["execValue"]) == value
        assert Decimal(row["feeRate"]) == rate
        assert Decimal(row["execFee"]) == (value * rate).quantize(E8, ROUND_UP)
    fees = sum(Decimal(row["execFee"]) for row in rows)
    results = sum(Decimal(row["execPnl"]) for row in rows)
    assert (await wallet(rig))["totalWalletBalance"] == Decimal(10_000) - fees + results
    changes = [Decimal(row["change"]) for row in await ledger(rig, "TRADE")]
    assert sum(changes) == results - fees


@on_exchange()
async def test_the_list_of_money_by_its_windows_words_and_pages(rig):
    begin_ms = rig.world.clock.now_ms()
    await rig.buy("0.01")
    for hours in (1, 30, 30):
        await rig.world.advance(rig.world.clock.now_ms() + hours * HOUR_MS)
        rig.world.transfer("main", "100")
    rig.world.transfer("main", "-40.5")
    rig.world.transfer("main", "-0.25", "INTEREST")

    async def read(**query):
        body = (await rig.signed("GET", "/v5/account/transaction-log", query))[1]
        assert body["retCode"] == 0, body
        return body["result"]["list"], body["result"]["nextPageCursor"]

    rows, cursor = await read(limit=2)
    assert [(row["type"], row["change"], row["category"], row["symbol"]) for row in rows] == [
        ("INTEREST", "-0.25", "", ""),
        ("TRANSFER_OUT", "-40.5", "", ""),
    ]
    more, _ = await read(limit=2, cursor=cursor)
    assert more[0]["type"] == "TRANSFER_IN"
    assert {row["cashFlow"] == row["change"] for row in rows} == {True}
    # With one end alone the window is a day from there; without any, the newest day.
    assert [row["type"] for row in (await read(type="TRANSFER_IN"))[0]] == ["TRANSFER_IN"]
    assert [row["type"] for row in (await read(startTime=begin_ms, type="TRANSFER_IN"))[0]] == ["TRANSFER_IN"] * 2
    assert [row["type"] for row in (await read(endTime=begin_ms + 2 * HOUR_MS, type="TRANSFER_IN"))[0]] == [
        "TRANSFER_IN"
    ] * 2
    assert (await read(category="linear", type="TRANSFER_IN"))[0] == [], "transfers have no category"
    week = await rig.read("/v5/account/transaction-log", startTime=0, endTime=8 * 86_400_000)
    assert week["retCode"] == 10001
    ids = [row["id"] for row in (await read(startTime=begin_ms, endTime=begin_ms + 4 * 86_400_000, limit=50))[0]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("side", ["Buy", "Sell"])
@on_exchange()
async def test_funding_has_opposite_signs_in_the_two_lists(rig, side):
    await rig.buy("0.1", side=side)
    while not await fills(rig, "Funding"):
        before = (await wallet(rig))["totalWalletBalance"]
        await rig.world.advance(rig.world.clock.now_ms() + HOUR_MS)
    [paid] = await fills(rig, "Funding")
    [entry] = await ledger(rig, "SETTLEMENT")
    rate, value = Decimal(paid["feeRate"]), Decimal(paid["markPrice"]) * Decimal("0.1")
    market, now_ms = panel(), rig.world.clock.now_ms()
    bar = list(market.close_ms).index(now_ms)
    assert float(rate) == pytest.approx(float(market.funding_frac[bar, market.symbols.index(SYMBOL)]), abs=1e-8)
    expected = value * rate * (1 if side == "Buy" else -1)
    assert Decimal(paid["execFee"]) == pytest.approx(expected, abs=E8)
    assert Decimal(entry["funding"]) == Decimal(entry["change"]) == -Decimal(paid["execFee"])
    assert (await wallet(rig))["totalWalletBalance"] == before - Decimal(paid["execFee"])
    assert paid["orderId"] == ""
    client = await rig.client()
    [cost] = await client.fetch_funding_history(BTC)
    assert cost["amount"] == pytest.approx(float(paid["execFee"]))


@on_exchange()
async def test_equity_margin_and_positions_add_up_at_every_price(rig):
    await rig.buy("0.1", stopLoss=rig.on_tick(0.5))
    await rig.buy("2", side="Sell", symbol="ETHUSDT")
    resting = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.05", "price": rig.on_tick(0.93)}
    await rig.post("/v5/order/create", **resting)
    for share in (1.0, 1.03, 0.97, 0.99, 1.05):
        rig.inject(share)
        total = await wallet(rig)
        held = (await rig.read("/v5/position/list", settleCoin="USDT"))["result"]["list"]
        assert len(held) == 2
        open_result = sum(Decimal(row["unrealisedPnl"]) for row in held)
        assert total["totalPerpUPL"] == open_result
        assert total["totalEquity"] == total["totalWalletBalance"] + open_result
        assert total["totalMarginBalance"] == total["totalEquity"]
        assert total["totalAvailableBalance"] == total["totalMarginBalance"] - total["totalInitialMargin"]
        assert total["totalMaintenanceMargin"] == sum(Decimal(row["positionMM"]) for row in held)
        for row in held:
            size, mark, cost = (Decimal(row[name]) for name in ("size", "markPrice", "positionValue"))
            sign = 1 if row["side"] == "Buy" else -1
            assert Decimal(row["unrealisedPnl"]) == sign * (size * mark - cost)


@pytest.mark.parametrize("usdt", [150_000, 260_000, 1_200_000])
@on_exchange(cash=Decimal(2_000_000), bar=120)
async def test_margins_follow_the_tier_of_the_position(rig, usdt):
    size = (Decimal(usdt) / 4 / Decimal(str(rig.price()))).quantize(Decimal("0.001"))
    for _ in range(4):
        await rig.buy(str(size), side="Sell")
    row = await position(rig)
    value = Decimal(row["size"]) * Decimal(row["markPrice"])
    tiers = rig.world.instruments[SYMBOL].tiers
    number, tier = next((n, each) for n, each in enumerate(tiers, 1) if value <= each.notional_usdt_max)
    assert (row["riskId"], Decimal(row["riskLimitValue"])) == (number, tier.notional_usdt_max)
    closing = value * (1 + 1 / Decimal(10)) * TAKER
    maintenance = value * tier.maintenance_frac - tier.deduction_usdt + closing
    assert Decimal(row["positionMM"]) == pytest.approx(maintenance, abs=Decimal("1e-6"))
    assert Decimal(row["positionIM"]) == pytest.approx(value / 10 + closing, abs=Decimal("1e-6"))


@on_exchange(cash=Decimal(400))
async def test_liquidation(rig):
    await rig.buy("0.12")
    resting = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": rig.on_tick(0.7)}
    assert (await rig.post("/v5/order/create", **resting))["retCode"] == 0
    row = await position(rig)
    at = float(row["liqPrice"]) / rig.price()
    rig.inject(at * 1.002)
    assert (await position(rig))["size"] == "0.12000"
    rig.inject(0.995)
    gone = (await rig.read("/v5/order/history", symbol=SYMBOL))["result"]["list"]
    assert "CancelAllBeforeLiq" in {row["cancelType"] for row in gone}
    assert {row["createType"] for row in gone} & {"CreateByLiq", "CreateByTakeOver_PassThrough"}
    assert float((await position(rig))["size"] or 0) < 0.12
    assert (await wallet(rig))["totalWalletBalance"] >= 0


@on_exchange()
async def test_deleveraging(rig):
    await rig.buy("0.1")
    rig.world.deleverage("main", SYMBOL, 4_000)
    [row] = await fills(rig, "AdlTrade")
    assert (row["side"], Decimal(row["execQty"]), row["execPrice"]) == ("Sell", Decimal("0.04"), row["markPrice"])
    assert (await position(rig))["size"] == "0.06000"
    assert [entry["tradeId"] for entry in await ledger(rig, "ADL")] == [row["execId"]]


@on_exchange()
async def test_an_order_that_only_reduces_never_turns_the_position(rig):
    await rig.buy("0.1")
    number = await rig.buy("0.5", side="Sell", reduceOnly=True)
    [order] = (await rig.read("/v5/order/realtime", orderId=number))["result"]["list"]
    assert (order["qty"], order["cumExecQty"]) == ("0.10000", "0.10000")
    assert (await position(rig))["side"] == ""
    await rig.buy("0.1")
    resting = {"symbol": SYMBOL, "side": "Sell", "orderType": "Limit", "qty": "0.1", "price": rig.on_tick(1.02)}
    number = (await rig.post("/v5/order/create", **resting, reduceOnly=True))["result"]["orderId"]
    await rig.buy("0.1", side="Sell", reduceOnly=True)
    [order] = (await rig.read("/v5/order/realtime", orderId=number))["result"]["list"]
    assert (order["orderStatus"], order["cancelType"]) == ("Cancelled", "CancelByReduceOnly")


@on_exchange()
async def test_a_contract_that_closes_and_ends(rig):
    await rig.buy("0.1")
    rig.world.set_trading(SYMBOL, "closing")
    order = {"symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "0.01"}
    assert (await rig.post("/v5/order/create", **order))["retCode"] == 110023
    assert (await rig.post("/v5/order/create", **(order | {"side": "Sell"}), reduceOnly=True))["retCode"] == 0
    query = {"category": "linear", "symbol": SYMBOL}
    assert (await rig.get("/v5/market/instruments-info", **query))[1]["result"]["list"][0]["status"] == "Delivering"
    ticks = rig.world.prices.of[SYMBOL].last
    rig.world.command({"do": "delist", "symbol": rig.world.number[SYMBOL], "ticks": ticks})
    rig.world.set_trading(SYMBOL, "closed")
    [row] = await fills(rig, "Delivery")
    assert (row["side"], row["execQty"], row["execPrice"]) == ("Sell", "0.09000", rig.on_tick(1))
    assert (await position(rig))["size"] == "0"
    assert [entry["tradeId"] for entry in await ledger(rig, "DELIVERY")] == [row["execId"]]
    assert (await rig.post("/v5/order/create", **order))["retCode"] == 110074


@on_exchange()
async def test_the_same_commands_give_the_same_hash_over_the_wire(rig):
    other = make_world()
    await rig.buy("0.1", orderLinkId="a")
    resting = {"symbol": SYMBOL, "side": "Sell", "orderType": "Limit", "qty": "0.05", "price": rig.on_tick(1.01)}
    await rig.post("/v5/order/create", **resting, orderLinkId="b")
    await rig.world.advance(rig.world.clock.now_ms() + HOUR_MS)
    number, ticks = other.number[SYMBOL], int(Decimal(resting["price"]) / other.instruments[SYMBOL].price_tick)
    common = {"do": "place", "account": 0, "symbol": number, "reduce_only": False, "close_on_trigger": False}
    other.command({**common, "client_id": "a", "lots": 10_000})
    limit = {"ticks": ticks, "time_in_force": "gtc"}
    other.command({**common, "client_id": "b", "lots": -5_000, **limit})
    await other.advance(other.clock.now_ms() + HOUR_MS)
    assert rig.world.core.log_hash == other.core.log_hash
    other.open_account("second", Decimal(1), Key("k2", "s2", "second", 2))
    assert rig.world.core.log_hash != other.core.log_hash


LAGS = {"realtime": 150, "execution": 20, "position": 300, "history": 400}


@on_exchange(lags_ms=LAGS)
async def test_each_view_shows_what_happened_when_it_is_due(rig):
    number = await rig.buy("0.1", stopLoss=rig.on_tick(0.9))
    assert len(rig.truth()["executions"]) == 1

    async def seen():
        listed = (await rig.read("/v5/order/realtime", orderId=number))["result"]["list"]
        filled = await fills(rig, "Trade")
        row = await position(rig)
        past = (await rig.read("/v5/order/history", orderId=number))["result"]["list"]
        return {
            "realtime": len(listed),
            "execution": len(filled),
            "position": int(row["size"] != "0"),
            "history": len(past),
        }

    assert (await seen())["position"] == 0
    assert (await position(rig))["stopLoss"] == ""
    order: list[str] = []
    while len(order) < len(LAGS):
        order += [name for name, shown in (await seen()).items() if shown and name not in order]
    assert order == ["execution", "realtime", "position", "history"]
