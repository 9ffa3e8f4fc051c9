"""The hand on the exchange: every command acts, and what cannot be is refused in a sentence."""

import pytest

from tests.e2e.simex.rig import HOUR_MS, SYMBOL, on_exchange


async def order(rig, name, **given):
    url = f"http://127.0.0.1:{rig.addresses.control_port}/control/{name}"
    async with rig.session.post(url, json=given) as answer:
        return answer.status, await answer.json()


@on_exchange()
async def test_every_command_acts(rig):
    async with rig.session.get(f"http://127.0.0.1:{rig.addresses.control_port}/control") as answer:
        names = set(await answer.json())
    begin_ms = rig.world.clock.now_ms()
    number = await rig.buy("0.1")
    done = {
        "advance": (await order(rig, "advance", by_ms=HOUR_MS)) == (200, {"now_ms": begin_ms + HOUR_MS}),
        "price": (await order(rig, "price", symbol=SYMBOL, last=25_000))[0] == 200 and rig.price() == 25_000,
        "faults": (await order(rig, "faults", script=[{"do": "drop"}]))[1]["faults"] == 1
        and (await order(rig, "faults", clear=True, rate=0.5, seed=3))[1]["faults"] == 0
        and (await order(rig, "faults", rate=0))[0] == 200,
        "adl": (await order(rig, "adl", account="main", symbol=SYMBOL, lots=4_000))[0] == 200
        and rig.truth()["positions"][0]["lots"] == 6_000,
        "transfer": (await order(rig, "transfer", account="main", usdt="-100"))[0] == 200,
        "limits": (await order(rig, "limits", enforced=True))[0] == 200 and rig.world.limits.enforced,
        "lag": (await order(rig, "lag", view="position", ms=5))[0] == 200 and rig.world.lags_ms["position"] == 5,
        "skew": (await order(rig, "skew", ms=7))[0] == 200 and rig.world.clock.skew_ms == 7,
        "speed": (await order(rig, "speed", speed=60))[0] == 200 and rig.world.clock.speed == 60,
        "shock": (await order(rig, "shock", symbol=SYMBOL, share=0.9))[0] == 200 and 22_400 < rig.price() < 22_600,
        "lean": (await order(rig, "lean", symbol=SYMBOL, share=0.5))[0] == 200
        and rig.world.prices.leans[SYMBOL] == 0.5,
        "modes": (await order(rig, "modes", account="main", hedge=True, isolated=True))[0] == 200
        and rig.world.modes.hedged == rig.world.modes.isolated == {0}
        and (await order(rig, "modes", account="main"))[1] == {"account": "main", "hedge": False, "isolated": False}
        and rig.world.modes.hedged == set(),
        "delist": (await order(rig, "delist", symbol=SYMBOL, at_ms=begin_ms + 100 * HOUR_MS))[0] == 200
        and rig.world.told_delisting(SYMBOL),
        "maintenance": (await order(rig, "maintenance", title="upgrade", begin_ms=begin_ms, end_ms=begin_ms + 1))[0]
        == 200
        and (await rig.get("/v5/system/status"))[1]["result"]["list"][0]["state"] == "completed",
        "funding-interval": (await order(rig, "funding-interval", symbol=SYMBOL, minutes=60))[0] == 200,
        "key": (await order(rig, "key", key="key", banned=True))[1]["banned"] is True and rig.key.banned,
        "status": (await order(rig, "status", symbol=SYMBOL, trading="closing"))[0] == 200,
        "restart": (await order(rig, "restart"))[0] == 200 and rig.truth()["closed_orders"] == [],
        "kill-sockets": (await order(rig, "kill-sockets"))[1] == {"killed": 0},
        "state": (await order(rig, "state"))[1]["accounts"]["main"]["positions"][0]["symbol"] == 0,
    }
    assert set(done) == names
    assert [name for name, acted in done.items() if not acted] == []
    assert number


@on_exchange()
async def test_a_shock_stays_and_the_candles_show_it(rig):
    opened_ms = rig.world.clock.now_ms()
    before = rig.world.tape.panel
    await rig.world.advance(opened_ms + HOUR_MS // 2)
    at = rig.world.number[SYMBOL]
    bar = int((opened_ms - before.close_ms[0]) // HOUR_MS) + 1
    assert (await order(rig, "shock", symbol=SYMBOL, share=0.8))[0] == 200
    await rig.world.advance(opened_ms + 3 * HOUR_MS)
    _, body, _ = await rig.get("/v5/market/kline", category="linear", symbol=SYMBOL, interval="60", limit=4)
    rows = {int(row[0]): [float(cell) for cell in row[1:5]] for row in body["result"]["list"]}
    tick = float(rig.world.instruments[SYMBOL].price_tick)
    opened, high, low, closed = rows[opened_ms]
    assert opened == pytest.approx(before.open[bar, at], abs=tick)
    assert closed == pytest.approx(0.8 * before.close[bar, at], abs=tick)
    assert low <= closed < 0.85 * opened < high
    for later in (1, 2):
        assert rows[opened_ms + later * HOUR_MS][3] == pytest.approx(0.8 * before.close[bar + later, at], abs=tick)
    assert rig.price() == pytest.approx(0.8 * before.close[bar + 2, at], abs=2 * tick)


@on_exchange()
async def test_a_contract_ends_as_it_was_announced_and_takes_positions_with_it(rig):
    await rig.buy("0.1")
    now_ms = rig.world.clock.now_ms()
    assert (await order(rig, "delist", symbol=SYMBOL, at_ms=now_ms))[0] == 400
    await order(rig, "delist", symbol=SYMBOL, at_ms=now_ms + 2 * HOUR_MS)
    _, body, _ = await rig.get("/v5/market/instruments-info", category="linear", symbol=SYMBOL)
    assert body["result"]["list"][0]["deliveryTime"] == str(now_ms + 2 * HOUR_MS)
    await rig.world.advance(now_ms + HOUR_MS)
    assert rig.truth()["positions"][0]["lots"]
    await rig.world.advance(now_ms + 2 * HOUR_MS)
    assert not any(row["lots"] for row in rig.truth()["positions"])
    _, body, _ = await rig.get("/v5/market/instruments-info", category="linear")
    assert SYMBOL not in [row["symbol"] for row in body["result"]["list"]]


@on_exchange()
async def test_a_fault_meets_the_requests_whose_query_it_names(rig):
    script = [{"do": "http", "match": "kline", "query": f"symbol={SYMBOL}"}]
    assert (await order(rig, "faults", script=script))[0] == 200
    other = {"category": "linear", "symbol": "ETHUSDT", "interval": "60"}
    assert (await rig.get("/v5/market/kline", **other))[0] == 200
    async with rig.session.get("https://api.bybit.com/v5/market/kline", params={**other, "symbol": SYMBOL}) as answer:
        assert answer.status == 503


@on_exchange()
async def test_an_interruption_is_told_from_its_announcement_to_its_end(rig):
    now_ms = rig.world.clock.now_ms()

    async def state():
        return [row["state"] for row in (await rig.get("/v5/system/status"))[1]["result"]["list"]]

    assert await state() == []
    await order(rig, "maintenance", title="upgrade", begin_ms=now_ms + HOUR_MS, end_ms=now_ms + 2 * HOUR_MS)
    assert await state() == ["scheduled"]
    await rig.world.advance(now_ms + HOUR_MS)
    assert await state() == ["ongoing"]
    await order(rig, "maintenance", title="upgrade", begin_ms=now_ms + HOUR_MS, end_ms=now_ms + HOUR_MS + 1)
    await rig.world.advance(now_ms + HOUR_MS + 1)
    assert await state() == ["completed"]
    status, body = await order(rig, "maintenance", title="", begin_ms=1, end_ms=2)
    assert status == 400
    assert "title" in body["error"]


@on_exchange()
async def test_another_funding_interval_is_settled_as_it_is_announced(rig):
    await rig.buy("0.1")
    await order(rig, "funding-interval", symbol=SYMBOL, minutes=60)
    _, body, _ = await rig.get("/v5/market/instruments-info", category="linear", symbol=SYMBOL)
    assert body["result"]["list"][0]["fundingInterval"] == 60
    begin_ms = rig.world.clock.now_ms()
    await rig.world.advance(begin_ms + 5 * HOUR_MS)
    rows = (await rig.read("/v5/execution/list", execType="Funding"))["result"]["list"]
    assert [int(row["execTime"]) for row in rows] == [begin_ms + HOUR_MS * hour for hour in range(5, 0, -1)]
    _, body, _ = await rig.get("/v5/market/funding/history", category="linear", symbol=SYMBOL, limit=5)
    prints = body["result"]["list"]
    assert [(row["fundingRateTimestamp"], row["fundingRate"]) for row in prints] == [
        (row["execTime"], row["feeRate"]) for row in rows
    ]


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("explode", {}, "one of"),
        ("advance", {}, "to_ms or by_ms"),
        ("advance", {"by_ms": -1}, "market time goes"),
        ("advance", {"to_ms": 10**30}, "market time goes"),
        ("speed", {"speed": "fast"}, "market time per real time"),
        ("speed", {"speed": -1}, "0 to 1,000,000"),
        ("price", {"symbol": SYMBOL, "last": 0}, "above 0"),
        ("price", {"symbol": SYMBOL, "last": float("nan")}, "above 0"),
        ("price", {"symbol": "NOPE", "last": 1}, "no contract"),
        ("transfer", {"account": "main", "usdt": "much"}, "deposit"),
        ("transfer", {"account": "main", "usdt": "Infinity"}, "deposit"),
        ("transfer", {"account": "main", "usdt": "1e30"}, ""),
        ("transfer", {"account": "other", "usdt": "1"}, "no account"),
        ("transfer", {"account": "main", "usdt": "1", "as": "TRADE"}, "one of AIRDROP"),
        ("transfer", {"account": "main", "usdt": "-1000000"}, "refused"),
        ("adl", {"account": "main", "symbol": SYMBOL, "lots": 1}, "refused"),
        ("lag", {"view": "x", "ms": 1}, "no view"),
        ("lag", {"view": "history", "ms": -1}, "not possible"),
        ("status", {"symbol": SYMBOL, "trading": "never"}, "no status"),
        ("key", {"key": "none"}, "no key"),
        ("faults", {"script": [{"do": "x"}]}, "not known"),
        ("faults", {"script": 5}, ""),
        ("faults", {"rate": 2}, "0 to 1"),
        ("funding-interval", {"symbol": SYMBOL, "minutes": 7}, "multiple of"),
    ],
)
@on_exchange()
async def test_what_cannot_be_is_refused(rig, name, given, says):
    before = rig.world.core.log_hash
    status, body = await order(rig, name, **given)
    assert status in (400, 404)
    assert says in body["error"]
    assert rig.world.core.log_hash == before or "refused" in body["error"]
