"""Every call that a bot makes through the unmodified client, held against what the core knows."""

from decimal import Decimal

import ccxt
import numpy as np
import pytest

from tests.e2e.simex.rig import BTC, CASH, ETH, HOUR_MS, SYMBOL, on_exchange, panel
from xsmom.domain.exchange_core import from_e8

DAY_MS = 24 * HOUR_MS


def near(value):
    return pytest.approx(float(value), abs=1e-8)


@on_exchange()
async def test_markets(rig):
    client = await rig.client()
    assert len(client.markets) == len(rig.world.instruments)
    for symbol, instrument in rig.world.instruments.items():
        market = client.market(f"{instrument.base}/USDT:USDT")
        assert (market["id"], market["linear"], market["swap"], market["active"]) == (symbol, True, True, True)
        assert Decimal(str(market["precision"]["price"])) == instrument.price_tick
        assert Decimal(str(market["precision"]["amount"])) == instrument.qty_step
        limits = market["limits"]
        assert limits["amount"]["min"] == near(instrument.lots_min * instrument.qty_step)
        assert limits["amount"]["max"] == near(instrument.lots_max * instrument.qty_step)
        assert limits["cost"]["min"] == near(instrument.notional_usdt_min)
        assert limits["leverage"]["max"] == near(instrument.leverage_x_max)


@on_exchange()
async def test_currencies_and_time(rig):
    client = await rig.client()
    assert set(await client.fetch_currencies()) == {"USDT"}
    assert await client.fetch_time() == rig.world.clock.now_ms()


@on_exchange()
async def test_candles_are_the_panels_newest_first_on_the_wire(rig):
    client = await rig.client()
    await rig.world.advance(rig.world.clock.now_ms() + HOUR_MS // 2)
    now_ms, market = rig.world.clock.now_ms(), panel()
    rows = await client.fetch_ohlcv(BTC, "1h", limit=50)
    column, tick = market.symbols.index(SYMBOL), float(rig.world.instruments[SYMBOL].price_tick)
    assert [row[0] for row in rows] == [now_ms // HOUR_MS * HOUR_MS - HOUR_MS * back for back in range(49, -1, -1)]
    for row in rows[:-1]:
        bar = list(market.close_ms).index(row[0] + HOUR_MS)
        for name, told in zip(("open", "high", "low", "close"), row[1:5], strict=True):
            assert told == pytest.approx(float(getattr(market, name)[bar, column]), abs=tick / 2 + 1e-9)
    _, raw, _ = await rig.get("/v5/market/kline", category="linear", symbol=SYMBOL, interval="60", limit=50)
    stamps = [int(row[0]) for row in raw["result"]["list"]]
    assert stamps == sorted(stamps, reverse=True)
    # The last bar is still forming: its close is the last price, and it changes.
    assert rows[-1][4] == pytest.approx(rig.price())
    await rig.world.advance(now_ms + HOUR_MS // 3)
    newer = (await client.fetch_ohlcv(BTC, "1h", limit=1))[0]
    assert (newer[0], newer[1]) == (rows[-1][0], rows[-1][1])
    assert newer[5] > rows[-1][5]
    assert newer[4] == pytest.approx(rig.price())


@on_exchange(bar=200)
async def test_candle_pages(rig):
    client = await rig.client()
    first_ms = int(panel().close_ms[0]) - HOUR_MS
    path, about = "/v5/market/kline", {"category": "linear", "symbol": SYMBOL, "interval": "60"}
    default = (await rig.get(path, **about))[1]["result"]["list"]
    assert len(default) == 200 - int(np.isnan(panel().close[1:201, 0]).sum())
    assert (await rig.get(path, **about, limit=1001))[1]["retCode"] == 10001
    since = await client.fetch_ohlcv(BTC, "1h", since=first_ms + 10 * HOUR_MS, limit=7)
    assert [row[0] for row in since] == [first_ms + HOUR_MS * bar for bar in range(10, 17)]
    span = {"start": first_ms + 5 * HOUR_MS, "end": first_ms + 9 * HOUR_MS}
    inside = (await rig.get(path, **about, **span))[1]["result"]["list"]
    assert [int(row[0]) for row in inside] == [first_ms + HOUR_MS * bar for bar in range(9, 4, -1)]
    daily = await client.fetch_ohlcv(BTC, "1d", limit=3)
    assert all(row[0] % DAY_MS == 0 for row in daily)
    hours = await client.fetch_ohlcv(BTC, "1h", since=daily[1][0], limit=24)
    assert daily[1][1:5] == [hours[0][1], max(r[2] for r in hours), min(r[3] for r in hours), hours[-1][4]]
    for bad in ({"interval": "7"}, {"interval": "1"}, {"symbol": "NOPEUSDT"}):
        assert (await rig.get(path, **(about | bad)))[1]["retCode"] == 10001


@on_exchange()
async def test_tickers_book_and_rates(rig):
    client = await rig.client()
    await rig.world.advance(rig.world.clock.now_ms() + 9 * HOUR_MS)
    tickers = await client.fetch_tickers()
    assert set(tickers) == set(client.markets)
    price, size = rig.world.prices.of[SYMBOL], rig.world.instruments[SYMBOL]
    ticker, tick = tickers[BTC], size.price_tick
    assert ticker["last"] == near(price.last * tick)
    assert (ticker["bid"], ticker["ask"]) == (near(price.bid * tick), near(price.ask * tick))
    assert ticker["info"]["markPrice"] == rig.on_tick(1)
    core = rig.world.core.ask({"ask": "market", "symbol": rig.world.number[SYMBOL]})
    assert (core["bid_ticks"], core["ask_ticks"]) == (price.bid, price.ask)
    hours = await client.fetch_ohlcv(BTC, "1h", limit=24)
    assert ticker["high"] == pytest.approx(max(row[2] for row in hours), abs=float(tick))
    book = await client.fetch_order_book(BTC, limit=5)
    bids, asks = rig.world.prices.levels(SYMBOL)
    assert book["bids"] == [[near(t * tick), near(n * size.qty_step)] for t, n in bids[:5]]
    assert book["asks"] == [[near(t * tick), near(n * size.qty_step)] for t, n in asks[:5]]
    prints = rig.world.candles.funding(SYMBOL, 0, rig.world.clock.now_ms(), rig.world.clock.now_ms())
    rate = await client.fetch_funding_rate(BTC)
    assert rate["fundingRate"] == near(prints[-1][1])
    assert rate["fundingTimestamp"] > rig.world.clock.now_ms()
    history = await client.fetch_funding_rate_history(BTC, limit=5)
    assert [(row["timestamp"], row["fundingRate"]) for row in history] == [(at, near(r)) for at, r in prints[-5:]]
    path = "/v5/market/funding/history"
    raw = (await rig.get(path, category="linear", symbol=SYMBOL))[1]["result"]["list"]
    stamps = [int(row["fundingRateTimestamp"]) for row in raw]
    assert stamps == sorted(stamps, reverse=True)
    alone = await rig.get(path, category="linear", symbol=SYMBOL, startTime=1)
    assert alone[1]["retCode"] == 10001


@on_exchange()
async def test_tiers_and_fees(rig):
    client = await rig.client()
    tiers = await client.fetch_leverage_tiers()
    for symbol, rows in tiers.items():
        instrument = rig.world.instruments[client.market(symbol)["id"]]
        told = [
            (Decimal(row["info"]["riskLimitValue"]), row["maintenanceMarginRate"], row["maxLeverage"]) for row in rows
        ]
        truth = [(t.notional_usdt_max, near(t.maintenance_frac), near(t.leverage_x_max)) for t in instrument.tiers]
        assert told == truth
        deductions = [Decimal(row["info"]["mmDeduction"] or 0) for row in rows]
        assert deductions == [tier.deduction_usdt for tier in instrument.tiers]
    fees = await client.fetch_trading_fees({"category": "linear"})
    maker, taker = rig.world.fees
    assert all((fee["maker"], fee["taker"]) == (near(maker), near(taker)) for fee in fees.values())


@on_exchange()
async def test_balance_and_position_are_the_cores(rig):
    client = await rig.client()
    await rig.buy("0.1", stopLoss=rig.on_tick(0.9), takeProfit=rig.on_tick(1.2))
    await rig.buy("1.5", side="Sell", symbol="ETHUSDT")
    rig.inject(1.01)
    truth = rig.truth()
    balance = await client.fetch_balance()
    assert balance["USDT"]["total"] == near(from_e8(truth["wallet"]["wallet_e8"]))
    coin = balance["info"]["result"]["list"][0]["coin"][0]
    for name, key in (
        ("totalPositionIM", "position_initial_e8"),
        ("totalOrderIM", "order_initial_e8"),
        ("totalPositionMM", "maintenance_e8"),
        ("unrealisedPnl", "unrealised_e8"),
    ):
        assert Decimal(coin[name]) == from_e8(truth["wallet"][key])
    positions = {row["symbol"]: row for row in await client.fetch_positions()}
    assert set(positions) == {BTC, ETH}
    for held in truth["positions"]:
        instrument = rig.world.instruments[rig.world.symbols[held["symbol"]]]
        row = positions[f"{instrument.base}/USDT:USDT"]
        size = abs(held["lots"]) * instrument.qty_step
        assert (row["contracts"], row["side"]) == (near(size), "long" if held["lots"] > 0 else "short")
        assert row["entryPrice"] == pytest.approx(float(abs(from_e8(held["cost_e8"])) / size), rel=1e-6)
        assert row["unrealizedPnl"] == near(from_e8(held["unrealised_e8"]))
        assert row["initialMargin"] == near(from_e8(held["initial_e8"]))
        assert row["maintenanceMargin"] == near(from_e8(held["maintenance_e8"]))
        assert (row["leverage"], row["hedged"]) == (10.0, False)
        stop = held["stop_loss_ticks"] * instrument.price_tick
        assert row["stopLossPrice"] == (near(stop) if stop else None)


@on_exchange()
async def test_create_look_up_amend_cancel(rig):
    client = await rig.client()
    price = float(rig.on_tick(0.95))
    made = await client.create_order(BTC, "limit", "buy", 0.02, price, {"clientOrderId": "mine-1"})
    assert (made["status"], made["filled"], made["clientOrderId"]) == (None, None, "mine-1")
    order = rig.truth()["open_orders"][0]
    [found] = await client.fetch_open_orders(BTC)
    assert (found["id"], found["clientOrderId"], found["status"]) == (made["id"], "mine-1", "open")
    assert (found["amount"], found["price"], found["timeInForce"]) == (0.02, price, "GTC")
    assert found["amount"] == near(order["lots"] * rig.world.instruments[SYMBOL].qty_step)
    by_name = await client.private_get_v5_order_realtime({"category": "linear", "orderLinkId": "mine-1"})
    assert [row["orderId"] for row in by_name["result"]["list"]] == [made["id"]]
    by_id = await client.fetch_order(made["id"], BTC, {"acknowledged": True})
    assert by_id["id"] == made["id"]
    tick = float(rig.world.instruments[SYMBOL].price_tick)
    changed = await client.edit_order(made["id"], BTC, "limit", "buy", 0.03, price - tick)
    assert changed["id"] == made["id"]
    [order] = rig.truth()["open_orders"]
    assert order["lots"] * float(rig.world.instruments[SYMBOL].qty_step) == near(0.03)
    assert order["ticks"] * tick == near(price - tick)
    gone = await client.cancel_order(None, BTC, {"orderLinkId": "mine-1"})
    assert gone["id"] == made["id"]
    assert rig.truth()["open_orders"] == []
    [closed] = await client.fetch_canceled_and_closed_orders(BTC)
    assert (closed["id"], closed["status"], closed["filled"]) == (made["id"], "canceled", 0.0)
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order(made["id"], BTC)


@on_exchange()
async def test_times_in_force_and_their_ends(rig):
    client = await rig.client()
    above, below = float(rig.on_tick(1.02)), float(rig.on_tick(0.98))
    crossing = await client.create_order(BTC, "limit", "buy", 0.01, above, {"timeInForce": "PostOnly"})
    nothing = await client.create_order(BTC, "limit", "buy", 0.01, below, {"timeInForce": "IOC"})
    market = await client.create_order(BTC, "market", "buy", 0.01)
    rows = (await rig.read("/v5/order/history"))["result"]["list"]
    ends = {row["orderId"]: (row["orderStatus"], row["rejectReason"], row["timeInForce"]) for row in rows}
    assert ends[crossing["id"]] == ("Cancelled", "EC_PostOnlyWillTakeLiquidity", "PostOnly")
    assert ends[nothing["id"]] == ("Cancelled", "EC_NoImmediateQtyToFill", "IOC")
    assert ends[market["id"]] == ("Filled", "EC_NoError", "IOC")
    filled = next(row for row in rows if row["orderId"] == market["id"])
    assert float(filled["price"]) > rig.price(), "a market order shows the worst price that it would have taken"


@on_exchange(cash=Decimal(10_000_000))
async def test_an_order_larger_than_the_book_is_filled_in_part(rig):
    rig.inject(1.0)  # a book without volume behind it is thin
    size = rig.world.instruments[SYMBOL]
    _, asks = rig.world.prices.levels(SYMBOL)
    there = sum(lots for _, lots in asks)
    about = {"symbol": SYMBOL, "side": "Buy", "orderType": "Limit", "timeInForce": "IOC", "price": rig.on_tick(1.02)}
    number = (await rig.post("/v5/order/create", **about, qty=str((there + 10) * size.qty_step)))["result"]["orderId"]
    row = (await rig.read("/v5/order/realtime", orderId=number))["result"]["list"][0]
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_NoImmediateQtyToFill")
    assert Decimal(row["cumExecQty"]) == there * size.qty_step
    assert (await rig.post("/v5/order/create", **about | {"timeInForce": "FOK"}, qty=row["qty"]))["retCode"] == 0
    [last, *_] = (await rig.read("/v5/order/history", limit=1))["result"]["list"]
    assert (last["orderStatus"], last["rejectReason"], last["cumExecQty"]) == (
        "Cancelled",
        "EC_CancelForNoFullFill",
        "0.00000",
    )


@on_exchange()
async def test_conditional_order_by_mark(rig):
    client = await rig.client()
    await client.create_order(BTC, "market", "buy", 0.01)
    trigger = float(rig.on_tick(0.97))
    params = {"stopLossPrice": trigger, "triggerBy": "MarkPrice", "closeOnTrigger": True, "reduceOnly": True}
    stop = await client.create_order(BTC, "market", "sell", 0.01, None, params)
    [row] = (await rig.read("/v5/order/realtime", symbol=SYMBOL))["result"]["list"]
    assert (row["orderId"], row["orderStatus"], row["stopOrderType"]) == (stop["id"], "Untriggered", "Stop")
    assert (row["triggerBy"], row["triggerDirection"], float(row["triggerPrice"])) == ("MarkPrice", 2, trigger)
    assert (row["reduceOnly"], row["closeOnTrigger"]) == (True, True)
    price = rig.price()
    rig.inject(0.95, mark=price, index=price)
    assert len(rig.truth()["open_orders"]) == 1, "the last price alone does not wake it"
    rig.inject(1.0, mark=trigger * 0.999)
    assert rig.truth()["positions"] == []
    [fill] = (await rig.read("/v5/execution/list", orderId=stop["id"]))["result"]["list"]
    assert (fill["createType"], fill["stopOrderType"]) == ("CreateByStopOrder", "Stop")


@on_exchange()
async def test_attached_and_position_stops(rig):
    client = await rig.client()
    first, second = float(rig.on_tick(0.9)), float(rig.on_tick(0.92))
    attached = {"stopLoss": {"triggerPrice": first, "triggerBy": "MarkPrice"}}
    await client.create_order(BTC, "market", "buy", 0.01, None, attached)
    [position] = await client.fetch_positions([BTC])
    assert position["stopLossPrice"] == first
    about = {"tradingStopEndpoint": True, "stopLossPrice": second, "positionIdx": 0, "slTriggerBy": "MarkPrice"}
    moved = await client.create_order(BTC, "market", "sell", 0, None, about | {"tpslMode": "Full"})
    assert moved["id"] is None
    [leg] = (await rig.read("/v5/order/realtime", symbol=SYMBOL, orderFilter="StopOrder"))["result"]["list"]
    assert (leg["stopOrderType"], leg["orderStatus"], float(leg["triggerPrice"])) == ("StopLoss", "Untriggered", second)
    assert (leg["side"], leg["reduceOnly"], leg["qty"]) == ("Sell", True, "0.01000")
    again = await rig.post(
        "/v5/position/trading-stop", symbol=SYMBOL, stopLoss=rig.on_tick(0.92), slTriggerBy="MarkPrice", positionIdx=0
    )
    assert again["retCode"] == 34040
    await client.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
    assert rig.truth()["open_orders"] == []
    closed = (await rig.read("/v5/order/history", symbol=SYMBOL))["result"]["list"]
    assert "CancelByTpSlTsClear" in [row["cancelType"] for row in closed]


@on_exchange()
async def test_leverage_and_modes(rig):
    client = await rig.client()
    await client.set_leverage(5, BTC)
    assert (await client.fetch_positions([BTC]))[0]["info"]["leverage"] == "5"
    for refused, call in (
        (ccxt.BadRequest, client.set_leverage(5, BTC)),
        (ccxt.MarginModeAlreadySet, client.set_margin_mode("cross")),
        (ccxt.NoChange, client.set_position_mode(False, BTC)),
        (ccxt.ExchangeError, client.set_leverage(51, BTC)),
    ):
        with pytest.raises(refused):
            await call
    await rig.buy("0.01")
    with pytest.raises(ccxt.ExchangeError, match="110024"):
        await client.set_position_mode(True, BTC)


@on_exchange(cash=CASH)
async def test_fills_and_ledger(rig):
    client = await rig.client()
    await client.create_order(BTC, "market", "buy", 0.02)
    await client.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
    trades = await client.fetch_my_trades(BTC)
    truth = [each for each in reversed(rig.truth()["executions"]) if each["kind"] == "trade"]
    assert len(trades) == len(truth) == 2
    for told, true in zip(trades, truth, strict=True):
        assert told["fee"]["cost"] == near(from_e8(true["fee_e8"]))
        assert told["cost"] == near(from_e8(true["value_e8"]))
        assert told["side"] == ("buy" if true["lots"] > 0 else "sell")
        assert told["takerOrMaker"] == "taker"
    ledger = await client.fetch_ledger("USDT")
    told = [Decimal(row["info"]["change"]) for row in ledger if row["info"]["type"] == "TRADE"]
    entries = rig.world.core.ask({"ask": "transactions", "account": 0, "since_ms": 0})
    assert sorted(told) == sorted(from_e8(entry["change_e8"]) for entry in entries if entry["kind"] == "trade")
    [closed] = (await rig.read("/v5/position/closed-pnl"))["result"]["list"]
    assert Decimal(closed["closedPnl"]) == from_e8(truth[1]["realised_e8"] - truth[1]["fee_e8"])


@on_exchange()
async def test_own_key(rig):
    client = rig.bare_client()
    told = (await client.private_get_v5_user_query_api())["result"]
    assert (told["apiKey"], told["readOnly"], told["uta"]) == ("key", 0, 1)
    assert await rig.bare_client(enableUnifiedAccount=None).is_unified_enabled() == [False, True]


@on_exchange()
async def test_a_client_without_any_setting_finds_its_way(rig):
    client = rig.bare_client(fetchMarkets={}, enableUnifiedAccount=None)
    client.has["fetchCurrencies"] = True
    await client.load_markets()
    assert {market["type"] for market in client.markets.values()} == {"swap"}
    assert await client.fetch_positions() == []
