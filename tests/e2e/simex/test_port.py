"""Our own adapter, through the unmodified client, on the simulated exchange: what it says is what is so."""

import asyncio
import contextlib
import os
import ssl
from decimal import Decimal

import pytest
from pydantic import SecretStr

from tests.e2e.simex.rig import NO_LAGS, SYMBOL, LocalResolver, on_exchange, until
from xsmom.domain.trading import (
    Ack,
    FillKind,
    Gap,
    Modes,
    NoChange,
    OrderRequest,
    OrderState,
    OrderView,
    Refusal,
    Rejected,
    TimeInForce,
    TriggerBy,
    Unknown,
    VenueFill,
)
from xsmom.errors import VenueError
from xsmom.simex.faults import parse_faults
from xsmom.venues.roster import open_venue
from xsmom.venues.wire import Access, Keys

PROOF = os.environ.get("XSMOM_PROOF") == "1"


@contextlib.asynccontextmanager
async def port(rig, **settings):
    """Open the adapter on the exchange of this rig; addresses are the real ones."""
    trust = ssl.create_default_context(cadata=rig.addresses.certificate.decode())
    trust.check_hostname = False
    given = {
        "keys": Keys(SecretStr("key"), SecretStr("secret")),
        "resolver": lambda: LocalResolver(rig.addresses.port),
        "tls": trust,
        "pauses_s": (0.02, 0.05, 0.1),
        **settings,
    }
    venue = await open_venue("bybit", Access(**given))
    try:
        await venue.instruments()
        yield venue
    finally:
        await venue.close()


def meet(rig, **fault):
    rig.world.faults.script.extend(parse_faults([fault]))


def limit_below(rig, name, lots=100, share=0.95, **more):
    price = rig.world.prices.of[SYMBOL]
    return OrderRequest(name, SYMBOL, lots, price_ticks=int(price.last * share), **more)


@on_exchange(lags_ms=NO_LAGS)
async def test_what_the_port_reads_is_what_the_exchange_knows(rig):
    async with port(rig) as venue:
        bought = await venue.submit(
            OrderRequest("buy-1", SYMBOL, 1_000, stop_loss_ticks=limit_below(rig, "x").price_ticks)
        )
        assert isinstance(bought, Ack)
        assert isinstance(await venue.submit(limit_below(rig, "rest-1", time_in_force=TimeInForce.POST_ONLY)), Ack)
        truth = rig.truth()
        (position,) = (await venue.positions()).rows
        (held,) = truth["positions"]
        assert (position.lots, position.seq) == (held["lots"], held["seq"])
        assert position.stop_loss_ticks == held["stop_loss_ticks"]
        assert int(position.initial_margin_usdt * 10**8) == held["initial_e8"]
        account = await venue.account()
        assert int(account.wallet_usdt * 10**8) == truth["wallet"]["wallet_e8"]
        assert int(account.available_usdt * 10**8) == truth["wallet"]["available_e8"]
        shown = {order.order_id: order for order in (await venue.open_orders()).rows}
        assert len(shown) == len(truth["open_orders"]) == 2
        assert sum(order.of_position for order in shown.values()) == 1
        (fill,) = await venue.fills(rig.world.clock.now_ms() - 60_000)
        (execution,) = truth["executions"]
        assert (fill.lots, fill.kind, fill.seq) == (execution["lots"], FillKind.TRADE, execution["seq"])
        assert int(fill.fee_usdt * 10**8) == execution["fee_e8"]
        found = await venue.order_by_client_id(SYMBOL, "buy-1")
        assert (found.state, found.filled_lots) == (OrderState.FILLED, 1_000)
        assert await venue.order_by_client_id(SYMBOL, "never") is None


@on_exchange(lags_ms=NO_LAGS)
async def test_every_mutation_answers(rig):
    async with port(rig) as venue:
        resting = limit_below(rig, "rest-1")
        assert isinstance(await venue.submit(resting), Ack)
        again = await venue.submit(resting)
        assert isinstance(again, Rejected)
        assert again.refusal is Refusal.DUPLICATE_ID
        assert isinstance(await venue.cancel(SYMBOL, "rest-1"), Ack)
        gone = await venue.cancel(SYMBOL, "rest-1")
        assert isinstance(gone, Rejected)
        assert gone.refusal in (Refusal.NOT_FOUND, Refusal.ALREADY_DONE)
        reduce = await venue.submit(OrderRequest("red-1", SYMBOL, -10, reduce_only=True))
        assert isinstance(reduce, Rejected)
        assert reduce.refusal is Refusal.REDUCE_ONLY
        stop = resting.price_ticks
        bare = await venue.set_position_stop(SYMBOL, stop, None, TriggerBy.MARK)
        assert isinstance(bare, Rejected)
        assert bare.refusal is Refusal.NO_POSITION
        assert isinstance(await venue.submit(OrderRequest("buy-1", SYMBOL, 1_000)), Ack)
        assert isinstance(await venue.set_position_stop(SYMBOL, stop, None, TriggerBy.MARK), Ack | NoChange)
        assert isinstance(await venue.set_position_stop(SYMBOL, stop, None, TriggerBy.MARK), NoChange)
        report = await venue.ensure_modes(Modes(leverage_x=Decimal(5), symbols=(SYMBOL,)))
        assert not report.failed
        assert not (await venue.ensure_modes(Modes(leverage_x=Decimal(5), symbols=(SYMBOL,)))).changed
        key = await venue.key()
        assert key.can_trade
        assert not key.can_withdraw


@on_exchange(lags_ms=NO_LAGS)
async def test_a_doubtful_answer_is_unknown_and_a_doubtful_read_raises(rig):
    async with port(rig, pauses_s=(0.01,)) as venue:
        deeds = ("drop", "html200", "empty", "cut", "http")
        for number, do in enumerate(deeds):
            meet(rig, do=do, match="/v5/order/create", when="after_accept")
            answer = await venue.submit(limit_below(rig, f"doubt-{number}"))
            assert isinstance(answer, Unknown), (do, answer)
            assert await venue.order_by_client_id(SYMBOL, f"doubt-{number}") is not None
        for do in deeds:
            meet(rig, do=do, match="/v5/position/list", times=5)
            with pytest.raises(VenueError):
                await venue.positions()
            rig.world.faults.script.clear()


@on_exchange(lags_ms=NO_LAGS)
async def test_events_tell_of_orders_and_fills_and_of_gaps(rig):
    async with port(rig) as venue:
        told = []

        async def listen():
            async for event in venue.events():
                told.append(event)

        listener = asyncio.create_task(listen())
        async with asyncio.timeout(10):
            await until(lambda: any(socket.topics for socket in rig.server.hub.sockets))
            await venue.submit(OrderRequest("buy-1", SYMBOL, 500))
            await until(lambda: any(isinstance(event, VenueFill) for event in told))
            before = sum(isinstance(event, Gap) for event in told)
            rig.server.hub.kill_all("private")
            await until(lambda: sum(isinstance(event, Gap) for event in told) > before)
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        orders = [event for event in told if isinstance(event, OrderView)]
        assert orders[-1].state is OrderState.FILLED
        assert orders[-1].filled_lots == 500
