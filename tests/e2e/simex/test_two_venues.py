"""One port, two venues: the adapter on the simulated exchange, and the paper account. The same calls have the same
answers, and one log.
"""

import asyncio
import itertools
import random
from decimal import Decimal

import pytest

from tests.e2e.simex.rig import CASH, HOUR_MS, NO_LAGS, SYMBOL, make_world, on_exchange, panel
from tests.e2e.simex.test_port import PROOF, port
from xsmom.domain.exchange_core import Core, specify
from xsmom.domain.trading import (
    Ack,
    AmendRequest,
    FillKind,
    Modes,
    MoveKind,
    NoChange,
    OrderRequest,
    OrderState,
    Refusal,
    Rejected,
    TimeInForce,
    Trigger,
    TriggerBy,
)
from xsmom.simex.world import MAKER_FRAC, TAKER_FRAC
from xsmom.venues.limiter import Limiter, Window
from xsmom.venues.paper.paper_venue import PaperVenue
from xsmom.venues.paper.recorded_feed import RecordedFeed

STEPS = 100
MARKET = ("prices", "funding", "delist")


class Recorder:
    """Writes down what a world's core is told."""

    def __init__(self, world):
        self.world, self.told = world, []
        core = world.core
        self._apply, self._apply_all = core.apply, core.apply_all
        core.apply = lambda command, at_ms: self._note([command], at_ms) or self._apply(command, at_ms)
        core.apply_all = lambda commands, at_ms: self._note(commands, at_ms) or self._apply_all(commands, at_ms)

    def _note(self, commands, at_ms):
        if commands:
            self.told.append((at_ms, [dict(command) for command in commands]))

    @property
    def market(self):
        return [(at_ms, commands) for at_ms, commands in self.told if commands[0]["do"] in MARKET]


def first_prices():
    """The commands that a fresh world begins with; a world writes them before anybody can listen."""
    world = make_world()
    commands = [world._price_command(symbol) for symbol in world.symbols]
    return world, [(world.clock.now_ms(), commands)]


def on_both(test):
    """Run a test of the port on the adapter and on the paper account."""

    @on_exchange(lags_ms=NO_LAGS)
    async def over_the_wire(rig):
        async with port(rig, send_timeout_ms=60_000, timeout_ms=60_000) as venue:
            venue.wire.limiter = Limiter([Window(100_000, 1_000)], {})

            async def wait(hours):
                await rig.world.advance(rig.world.clock.now_ms() + hours * HOUR_MS)

            await test(venue, rig.world, wait)

    async def paper_alone():
        world, begin = first_prices()
        moments = list(begin)
        clock = [world.clock.now_ms()]
        venue = PaperVenue(
            RecordedFeed(panel(), world.instruments, moments),
            world.instruments,
            cash_usdt=CASH,
            now_ms=lambda: clock[0],
            name="main",
        )
        recorder = Recorder(world)

        async def wait(hours):
            await world.advance(world.clock.now_ms() + hours * HOUR_MS)
            moments.extend(recorder.market)
            recorder.told.clear()
            clock[0] = world.clock.now_ms()

        await test(venue, world, wait)

    return over_the_wire, paper_alone


def order(name, lots=1_000, **more):
    return OrderRequest(name, SYMBOL, lots, **more)


def refused_orders(low, resting):
    """Orders that no exchange takes, and why."""
    return [
        (resting, Refusal.DUPLICATE_ID),
        (order("none", 0), Refusal.SIZE),
        (order("wrong way", -1), Refusal.OTHER),
        (order("up", 10, reduce_only=True), Refusal.REDUCE_ONLY),
        (order("dear", 900_000), Refusal.MARGIN),
        (order("dust", 1), Refusal.NOTIONAL),
        (order("side", trigger=Trigger(low, TriggerBy.LAST, rising=True)), Refusal.TRIGGER_SIDE),
        (OrderRequest("far", "NONEUSDT", 1), Refusal.NOT_TRADING),
    ]


async def check_port(venue, world, wait):
    """What `ports.Venue` promises, call by call."""
    price = world.prices.of[SYMBOL]
    low, high = int(price.last * 0.93), int(price.last * 1.07)
    await check_facts(venue)
    assert isinstance(await venue.submit(order("buy", stop_loss_ticks=low)), Ack)
    resting = order("rest", 500, price_ticks=low, time_in_force=TimeInForce.POST_ONLY)
    assert isinstance(await venue.submit(resting), Ack)
    trigger = Trigger(high, TriggerBy.MARK, rising=True)
    assert isinstance(await venue.submit(order("wake", -1_000, trigger=trigger, reduce_only=True)), Ack)
    for request, refusal in refused_orders(low, resting):
        answer = await venue.submit(request)
        assert isinstance(answer, Rejected), request
        assert answer.refusal is refusal, (request, answer)
    assert isinstance(await venue.amend(AmendRequest("rest", SYMBOL, 600, low + 10)), Ack)
    await check_orders(venue, low, trigger)
    await check_mutations(venue, low, high)
    await wait(9)
    await check_money(venue)


async def check_facts(venue):
    capabilities = venue.capabilities
    assert (capabilities.position_stop, capabilities.attach_stop) == (True, True)
    assert (capabilities.amend, capabilities.lookup_by_client_id) == (True, True)
    assert capabilities.client_id_length_max == 36
    assert SYMBOL in await venue.instruments()
    assert (await venue.fees())[SYMBOL] == (MAKER_FRAC, TAKER_FRAC)
    key = await venue.key()
    assert (key.can_trade, key.can_withdraw) == (True, False)


async def check_orders(venue, low, trigger):
    """What is shown of orders, stops and the position."""
    shown = {one.client_order_id: one for one in (await venue.open_orders()).rows if not one.of_position}
    assert {name: (one.lots, one.state) for name, one in shown.items()} == {
        "rest": (600, OrderState.WORKING),
        "wake": (-1_000, OrderState.UNTRIGGERED),
    }
    assert shown["rest"].price_ticks == low + 10
    assert shown["wake"].trigger == trigger
    (leg,) = [one for one in (await venue.open_orders()).rows if one.of_position]
    assert (leg.lots, leg.trigger.price_ticks, leg.trigger.by) == (-1_000, low, TriggerBy.MARK)
    (held,) = (await venue.positions()).rows
    assert (held.lots, held.stop_loss_ticks, held.take_profit_ticks) == (1_000, low, None)
    found = await venue.order_by_client_id(SYMBOL, "buy")
    assert (found.state, found.filled_lots, found.lots) == (OrderState.FILLED, 1_000, 1_000)
    assert await venue.order_by_client_id(SYMBOL, "never") is None


async def check_mutations(venue, low, high):
    assert isinstance(await venue.set_position_stop(SYMBOL, low + 5, high, TriggerBy.MARK), Ack)
    assert isinstance(await venue.set_position_stop(SYMBOL, low + 5, high, TriggerBy.MARK), NoChange)
    assert isinstance(await venue.cancel(SYMBOL, "rest"), Ack)
    gone = await venue.cancel(SYMBOL, "rest")
    assert isinstance(gone, Rejected)
    assert gone.refusal in (Refusal.NOT_FOUND, Refusal.ALREADY_DONE)
    bare = await venue.set_position_stop("ETHUSDT", 10, None, TriggerBy.MARK)
    assert isinstance(bare, Rejected)
    assert bare.refusal is Refusal.NO_POSITION
    modes = Modes(leverage_x=Decimal(5), symbols=(SYMBOL,))
    assert f"leverage {SYMBOL}" in (await venue.ensure_modes(modes)).changed
    assert not (await venue.ensure_modes(modes)).changed


async def check_money(venue):
    """Funding, fees, and that they add up."""
    fills = await venue.fills(0)
    funding = [fill for fill in fills if fill.kind is FillKind.FUNDING]
    assert funding
    assert all(fill.lots == 0 for fill in funding)
    assert fills[0].client_order_id == "buy"
    assert [(one.kind, one.amount_usdt) for one in await venue.transfers(fills[0].at_ms - HOUR_MS)] == [
        (MoveKind.TRANSFER, CASH)
    ]
    assert await venue.transfers(fills[0].at_ms + 1) == []
    assert [fill.seq for fill in fills] == sorted(fill.seq for fill in fills)
    account = await venue.account()
    paid = sum((fill.fee_usdt for fill in fills), Decimal(0))
    rows = (await venue.positions()).rows
    assert account.equity_usdt == account.wallet_usdt + sum((row.unrealised_usdt for row in rows), Decimal(0))
    assert not rows or account.wallet_usdt == CASH - paid


test_the_port_over_the_wire, _paper = on_both(check_port)


def test_the_port_of_a_paper_account():
    asyncio.run(_paper())


# ---- one log -----------------------------------------------------------------------------------


async def wander(venue, instruments, steps, wait, seed, settle=None):
    """Random calls of every kind; what was answered and shown, in words that both venues have."""
    rng = random.Random(seed)
    told, names = [], itertools.count()
    symbols = sorted(instruments)
    for _ in range(steps):
        symbol, kind = rng.choice(symbols), rng.choice(("market", "limit", "stop", "legs", "amend", "cancel", "wait"))
        last = (await venue.quotes())[symbol].last if kind != "wait" else Decimal(1)
        ticks = int(last * Decimal(str(rng.uniform(0.96, 1.04))) / instruments[symbol].price_tick)
        if settle is not None:
            await settle()
        lots, name = rng.choice((-1, 1)) * rng.randrange(200, 900), f"o-{next(names)}"
        if kind == "market":
            answer = await venue.submit(OrderRequest(name, symbol, lots, reduce_only=rng.random() < 0.3))
        elif kind == "limit":
            answer = await venue.submit(OrderRequest(name, symbol, lots, ticks, rng.choice(list(TimeInForce))))
        elif kind == "stop":
            trigger = Trigger(ticks, rng.choice(list(TriggerBy)), rising=rng.random() < 0.5)
            answer = await venue.submit(OrderRequest(name, symbol, lots, trigger=trigger))
        elif kind == "legs":
            answer = await venue.set_position_stop(symbol, ticks, rng.choice((None, 2 * ticks)), TriggerBy.MARK)
        elif kind == "amend":
            answer = await venue.amend(AmendRequest(f"o-{rng.randrange(steps)}", symbol, lots, ticks))
        elif kind == "cancel":
            answer = await venue.cancel(symbol, f"o-{rng.randrange(steps)}")
        else:
            await wait(1)
            answer = None
        told.append((kind, type(answer).__name__))
    rows = [(row.symbol, row.lots, row.seq, row.unrealised_usdt) for row in (await venue.positions()).rows]
    fills = [(fill.symbol, fill.lots, fill.price, fill.fee_usdt, fill.seq) for fill in await venue.fills(0)]
    return told, sorted(rows), sorted(fills, key=lambda fill: fill[-1]), (await venue.account()).wallet_usdt


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10 if PROOF else 2))
def test_wire_paper_and_core_write_one_log(seed):
    outcome = {}

    @on_exchange(lags_ms=NO_LAGS)
    async def over_the_wire(rig):
        recorder = Recorder(rig.world)
        async with port(rig, send_timeout_ms=60_000, timeout_ms=60_000) as venue:
            venue.wire.limiter = Limiter([Window(100_000, 1_000)], {})

            async def wait(hours):
                await rig.world.advance(rig.world.clock.now_ms() + hours * HOUR_MS)

            # This exchange's clock stands still while ours goes on: before each call they are brought together.
            seen = await wander(venue, rig.world.instruments, STEPS, wait, seed, venue.wire.clock.measure)
        outcome["wire"] = seen, rig.world.core.log_hash, list(recorder.told)

    over_the_wire()
    seen, log_hash, told = outcome["wire"]

    # The same calls on a paper account, under the market that was recorded.
    world, moments = first_prices()
    moments += [(at_ms, commands) for at_ms, commands in told if commands[0]["do"] in MARKET]
    begin_ms = world.clock.now_ms()
    clock = [begin_ms]
    paper = PaperVenue(
        RecordedFeed(panel(), world.instruments, moments),
        world.instruments,
        cash_usdt=CASH,
        now_ms=lambda: clock[0],
        name="main",
    )

    async def wait(hours):
        clock[0] += hours * HOUR_MS

    assert asyncio.run(wander(paper, world.instruments, STEPS, wait, seed)) == seen
    assert paper.log_hash == log_hash

    # And the commands alone, on a bare core.
    specs = [
        specify(world.instruments[symbol], maker_frac=MAKER_FRAC, taker_frac=TAKER_FRAC) for symbol in world.symbols
    ]
    core = Core(specs)
    core.apply_all(moments[0][1], begin_ms)
    core.apply({"do": "open_account", "name": "main", "wallet_e8": int(CASH * 10**8)}, begin_ms)
    for at_ms, commands in told:
        core.apply_all(commands, at_ms)
    assert core.log_hash == log_hash
    assert len(told) > STEPS
