"""Guards that look at the contract, the size and the outcome of an order."""

from tests.e2e.live.stage import Stage
from tests.e2e.live.test_live_process import on_market
from tests.e2e.simex.rig import HOUR_MS
from xsmom.domain.events import Command


@on_market
async def test_sizes_are_cut_until_too_little_is_left(rig, venue, tmp_path):
    limits = {
        "live.ramp_days": 5,
        "risk.max_position_usdt": 150,
        "execution.max_order_usdt": 100,
        "execution.min_notional_usdt": 120,
    }
    async with Stage(rig, venue, tmp_path, **limits) as stage:
        async with (
            stage.fires("ramp"),
            stage.fires("position_size"),
            stage.fires("order_size"),
            stage.fires("min_notional"),
        ):
            await stage.until(lambda book: book.cycle.decided_ms > 0)
        await stage.nothing_opens()
        assert stage.sent() == []


@on_market
async def test_a_book_that_is_wide_or_leans_holds_entries(rig, venue, tmp_path):
    limits = {"execution.imbalance_guard.enabled": True, "execution.imbalance_guard.max_imbalance": 0.5}
    prices, names = rig.world.prices, list(rig.world.prices.of)
    prices.half_spread_frac = 0.01
    for name in names:
        rig.world.lean(name, 0.0)  # the books are laid anew
        price = prices.of[name]
        rig.world.inject_price(name, *(float(rig.world.price_of(name, price.last)),) * 3)
    async with Stage(rig, venue, tmp_path, **limits) as stage:
        async with stage.fires("spread"):
            await stage.until(lambda book: book.cycle.decided_ms > 0)
        assert stage.told("order.held").fields["waits_for"] == "spread"
        await stage.nothing_opens()
        prices.half_spread_frac = 1e-4
        longs = {task.approved.intent.symbol for task in stage.book.tasks.values() if task.approved.lots > 0}
        assert 0 < len(longs) < len(stage.book.tasks)
        for name in names:
            rig.world.lean(name, -0.7)
            price = prices.of[name]
            rig.world.inject_price(name, *(float(rig.world.price_of(name, price.last)),) * 3)
        async with stage.fires("imbalance"):
            await stage.until(
                lambda book: (
                    longs
                    == {task.approved.intent.symbol for task in book.tasks.values() if task.waits_for == "imbalance"}
                )
            )
        # What is sold meets a book that leans its way, as far as the net cap lets it; what is bought does not.
        await stage.until(lambda _: len(stage.truth()) > 0)
        assert all(lots < 0 for lots in stage.truth().values())
        for name in names:
            rig.world.lean(name, 0.0)
        await stage.at_rest()
        assert set(longs) <= set(stage.truth())


@on_market
async def test_an_order_without_an_answer_is_asked_for_and_sent_once(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path, **{"strategy.no_trade_band_frac": 0.0}) as stage:
        stage.meet(do="drop", match="/v5/order/create", when="after_accept")
        stage.meet(do="lose", match="order")
        stage.meet(do="lose", match="execution")
        stage.meet(do="http", match="/v5/order/", query="orderLinkId=xm", times=0)
        async with stage.fires("unknown_outcome"):
            await stage.until(lambda book: book.cycle.decided_ms > 0)
        name = stage.told("order.unknown").fields["symbol"]
        await stage.until(lambda _: len(stage.held()) == 3 or name in stage.held())
        stage.heal()
        await stage.at_rest()
        assert stage.held() == stage.truth()
        names = [row["client_id"] for row in stage.sent()]
        assert len(names) == len(set(names))


@on_market
async def test_a_contract_that_ends_while_it_is_held(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path) as stage:
        await stage.at_rest()
        first, second, *_ = stage.held()
        now_ms = rig.world.clock.now_ms()
        async with stage.fires("delisting"):
            rig.world.delist(first, now_ms + 20 * HOUR_MS)
            await stage.until(lambda _: first not in stage.held())
        # It is not opened again, also where the decision would.
        await stage.leap()
        assert first not in stage.held()
        async with stage.fires("removed"):
            stage.meet(do="http", match="/v5/market/instruments-info", times=0)
            if second not in stage.held():
                second = next(iter(stage.held()))
            rig.world.delist(second, (rig.world.clock.now_ms() // HOUR_MS + 1) * HOUR_MS)
            await stage.leap()
            await stage.until(lambda _: second not in stage.held())
        await stage.at_rest()  # the same close opens others, and word of their fills takes its time
        assert stage.held() == stage.truth()
        assert stage.told("mode.changed").fields["mode"] == "trading"


@on_market
async def test_what_the_operator_says(rig, venue, tmp_path):
    settings = {"risk.kill_switch.on_activate": "freeze"}
    async with Stage(rig, venue, tmp_path, **settings) as stage:
        await stage.at_rest()
        async with stage.fires("pause"):
            stage.say(Command.PAUSE)
        stage.say(Command.RESUME)
        await stage.until(lambda book: book.mode.value == "trading")
        held = stage.held()
        stop = tmp_path / "EMERGENCY_STOP"
        async with stage.fires("kill_file"):
            stop.write_text("hands off")
        assert stage.truth() == held
        stop.unlink()
        stage.say(Command.KILL_CLEAR)
        await stage.until(lambda book: book.mode.value == "trading")
        stage.meet(do="ret", code=110007, text="not enough", match="/v5/order/create", times=0)
        async with stage.fires("kill_command"):
            stage.say(Command.KILL, flatten="yes")
        async with stage.fires("stuck_exit"):
            await stage.to(rig.world.clock.now_ms() + 31 * 60_000)
        stage.heal()
        await stage.until(lambda book: book.flat and book.mode.value == "halted")
        await stage.leap()
        assert stage.truth() == {}


@on_market
async def test_modes_that_the_exchange_refuses_block_until_it_takes_them(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path) as stage:
        stage.meet(do="ret", code=110013, text="cannot set leverage", match="/v5/position/set-leverage", times=0)
        async with stage.fires("modes_refused"):
            await stage.until_told("gate.mismatch")
        assert stage.sent() == []
        assert "leverage" in stage.told("gate.mismatch").fields["why"] + stage.book.venue.mismatches[-1]
        stage.heal()
        await stage.until_told("modes.set")
        await stage.leap()
        await stage.at_rest()


@on_market
async def test_hedge_mode_blocks_until_it_can_be_left(rig, venue, tmp_path):
    resting = {"orderType": "Limit", "price": rig.on_tick(0.9), "orderLinkId": "somebody"}
    await rig.buy("0.01", **resting)
    rig.world.modes.put(0, hedge=True, isolated=False)
    async with Stage(rig, venue, tmp_path) as stage:
        async with stage.fires("modes_refused"):
            await stage.until_told("gate.mismatch")
        assert stage.sent() == []
        assert "open orders, so the position mode cannot be switched" in " ".join(stage.book.venue.mismatches)
        await venue.cancel("BTCUSDT", "somebody")
        await stage.until_told("modes.set")
        assert rig.world.modes.hedged == set()
        await stage.leap()
        await stage.at_rest()
