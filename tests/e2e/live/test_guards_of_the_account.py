"""Guards that look at the account and at who else trades in it, one after another."""

import secrets

import pytest

from tests.e2e.live.stage import Stage
from tests.e2e.live.test_live_process import on_market
from tests.e2e.simex.rig import HOUR_MS
from xsmom.domain.book import Mode
from xsmom.domain.events import Command
from xsmom.engine import money, sentinel

# Every decision moves something, so that a gate has something to refuse.
RESTLESS = {"strategy.no_trade_band_frac": 0.0}


async def order_by_hand(rig, symbol, usdt, share=0.93, **more):
    """A resting order that no plan made."""
    qty = usdt / rig.price(symbol)
    step = rig.world.instruments[symbol].qty_step
    body = await rig.post(
        "/v5/order/create",
        symbol=symbol,
        side="Buy",
        orderType="Limit",
        qty=str(int(qty / float(step)) * step),
        price=rig.on_tick(share, symbol),
        **more,
    )
    assert body["retCode"] == 0, body
    return body["result"]["orderId"]


async def buy_by_hand(rig, symbol, usdt):
    step = rig.world.instruments[symbol].qty_step
    await rig.buy(str(int(usdt / rig.price(symbol) / float(step)) * step), symbol=symbol)


async def eat_margin(rig, symbol, share):
    """A resting order by hand that takes so much that this share of the equity is in use."""
    money = {name: float(value) for name, value in rig.world.wallet(0).items()}
    used = money["position_initial"] + money["order_initial"]
    missing = share * (money["wallet"] + money["unrealised"]) - used
    return await order_by_hand(rig, symbol, missing * 5 / 0.93)


async def cancel(rig, symbol, order_id):
    body = await rig.post("/v5/order/cancel", symbol=symbol, orderId=order_id)
    assert body["retCode"] == 0, body


def spare(stage):
    """A name that nothing is held in."""
    return next(name for name in stage.rig.world.instruments if name not in stage.held())


@on_market
async def test_who_else_trades_here_and_what_it_takes(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path, **RESTLESS) as stage:
        await stage.at_rest()
        name = spare(stage)
        # An order of ours that was not sent here: somebody runs us a second time.
        async with stage.fires("second_instance"):
            twin = await order_by_hand(rig, name, 500, orderLinkId="xm" + secrets.token_hex(12))
            stage.say(Command.RECONCILE)
            await stage.until(lambda book: any(one.startswith("R4") for one in book.venue.mismatches))
            await stage.leap()
        await cancel(rig, name, twin)
        stage.say(Command.RECONCILE)
        await stage.until(lambda book: not book.venue.mismatches)

        # Somebody's orders in every name that is held: nothing is added there; and they eat margin.
        foreign = {held: await order_by_hand(rig, held, 500) for held in stage.held()}
        stage.say(Command.RECONCILE)
        async with stage.fires("foreign_order"):
            await stage.until(lambda book: len(book.venue.foreign) == len(foreign))
            await stage.leap()
        for held, order_id in foreign.items():
            await cancel(rig, held, order_id)
        name = spare(stage)
        big = await eat_margin(rig, name, 0.87)
        stage.say(Command.RECONCILE)
        async with stage.fires("margin_soft"):
            await stage.until(lambda book: book.venue.account.initial_margin_usdt > 6_000)
            await stage.leap()
        async with stage.fires("margin_hard"):
            more = await eat_margin(rig, name, 0.95)
            stage.say(Command.RECONCILE)
            await stage.until_told("margin.trimmed")
        await cancel(rig, name, more)
        await cancel(rig, name, big)
        stage.say(Command.RECONCILE)
        await stage.until(lambda book: book.mode is Mode.TRADING)
        await stage.at_rest()
        assert stage.held() == stage.truth()

        # Somebody's orders on one side only: the other side is not opened alone.
        longs = [held for held, lots in stage.held().items() if lots > 0]
        stage.say(Command.FLATTEN)
        await stage.until(lambda book: book.flat and not book.flattening)
        for held in longs:
            await order_by_hand(rig, held, 500)
        stage.say(Command.RESUME)
        stage.say(Command.RECONCILE)
        async with stage.fires("one_side_refused"):
            await stage.leap()


@on_market
async def test_money_that_comes_and_goes(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path, **RESTLESS) as stage:
        await stage.at_rest()
        for guard, usdt in (("deposit", 2_000), ("withdrawal", -1_000)):
            before = money.unit_value(stage.book)
            async with stage.fires(guard):
                rig.world.transfer("main", str(usdt))
                stage.say(Command.RECONCILE)
            await stage.until(lambda book: abs(book.venue.unexplained_usdt) < 0.01)
            assert money.unit_value(stage.book) == pytest.approx(before, rel=1e-3)
        assert stage.book.mode is Mode.TRADING
        # Money that the exchange's own list does not explain.
        stage.meet(do="ret", code=10016, text="not now", match="/v5/account/transaction-log", times=0)
        async with stage.fires("wallet"):
            rig.world.transfer("main", "900")
            stage.say(Command.RECONCILE)
            await stage.until_told("wallet.unexplained")
            await stage.leap()
        stage.heal()
        await stage.leap()  # minutes pass between two looks for what is unexplained
        stage.say(Command.RECONCILE)
        await stage.until(lambda book: abs(book.venue.unexplained_usdt) < 0.01)
        assert stage.told("transfer.seen").fields["amount_usdt"] == 900


@on_market
async def test_a_hand_in_the_account(rig, venue, tmp_path):
    settings = {**RESTLESS, "risk.maintenance_margin_limit_pct": 20}
    async with Stage(rig, venue, tmp_path, **settings) as stage:
        await stage.at_rest()
        # The exchange takes neither the stop of what was bought by hand nor an order; once it does, all is well.
        name = spare(stage)
        close_ms = (rig.world.clock.now_ms() // HOUR_MS + 1) * HOUR_MS
        await stage.to(close_ms - 90_000)
        busy = {"do": "ret", "code": 10016, "text": "not now", "times": 0}
        stage.meet(match="/v5/position/trading-stop", **busy)
        stage.meet(match="/v5/order/create", skip=1, **busy)
        async with stage.fires("manual_trade"), stage.fires("naked_position"):
            await buy_by_hand(rig, name, 500)
            await stage.until(lambda book: name in book.held_by_hand)
            await stage.leap()
        assert stage.told("stop.unverified").fields["symbol"] == name
        stage.heal()
        await stage.until(lambda book: sentinel.coverage_frac(book) == 1.0)

        name = spare(stage)
        await rig.post("/v5/position/set-leverage", symbol=name, buyLeverage="50", sellLeverage="50")
        async with stage.fires("liquidation"):
            await buy_by_hand(rig, name, 120_000)
        await stage.until(lambda book: sentinel.coverage_frac(book) == 1.0)
        async with stage.fires("maintenance_rate"):
            rig.world.shock(name, 0.955)
            stage.say(Command.RECONCILE)
        await stage.until_told("margin.trimmed")
