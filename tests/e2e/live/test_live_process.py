"""The live process against the wire: it trades, it protects, it survives, and it does what it is told."""

import asyncio
import functools
import inspect

import pytest

from tests.e2e.live.trader import FIRST_BAR, MARKET, SPEED, Trader, settled
from tests.e2e.simex import rig as rigs
from tests.e2e.simex.test_port import port
from xsmom.domain.book import Mode
from xsmom.domain.events import Command
from xsmom.engine import money, sentinel
from xsmom.live.control import write_command
from xsmom.live.heartbeat import read_heartbeat


@functools.cache
def panel():
    return MARKET.build()


def on_market(test):
    """Let a coroutine be a test on a running exchange in time-lapse."""

    async def walk(*args, **kwargs):
        world = rigs.make_world(bar=FIRST_BAR, speed=SPEED)
        async with rigs.Rig(world) as rig, port(rig, lapse=SPEED) as venue:
            await test(rig, venue, *args, **kwargs)
            assert rig.server.failure() is None

    def run(monkeypatch, *args, **kwargs):
        monkeypatch.setattr(rigs, "panel", panel)
        asyncio.run(walk(*args, **kwargs))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    wanted = list(inspect.signature(test).parameters.values())[2:]
    first = inspect.Parameter("monkeypatch", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = inspect.Signature([first, *wanted])  # type: ignore[attr-defined]
    return run


@on_market
async def test_it_trades_protects_and_agrees_with_the_exchange(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        assert trader.held() == trader.truth()
        assert len(trader.held()) == 4
        assert trader.protected()
        book = trader.book
        assert book.mode is Mode.TRADING
        assert book.venue.mismatches == ()
        wallet = rig.truth()["wallet"]["wallet_e8"] / 1e8
        assert book.money.cash_usdt + cost_of(book) == pytest.approx(wallet, abs=1e-6)
        assert trader.notes.named("order.unknown") == []
        beat = read_heartbeat(tmp_path)
        assert beat is not None
        assert beat.pid > 0


def cost_of(book) -> float:
    """What was paid for what is held: cash form less this is the wallet."""
    entry = book.positions["entry_price"]
    held = book.lots != 0
    return float((book.lots * book.roster.qty_step * entry)[held].sum())


@on_market
async def test_killed_and_started_again_it_holds_the_same_and_asks_for_nothing_twice(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path) as trader:
        await trader.until(lambda book: len(book.orders) > 0)
        await trader.kill()
    again = Trader(rig, venue, tmp_path, journal=trader.journal)
    async with again:
        await again.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        assert again.held() == again.truth()
        truth = rig.truth()
        rows = [*truth["open_orders"], *truth["closed_orders"]]
        sent = [order["client_id"] for order in rows if order["client_id"].startswith("xm")]
        assert len(sent) == len(set(sent))
        assert again.book.run_id == trader.process.journal.newest_book().run_id


@on_market
async def test_the_kill_switch_flattens_and_survives_a_restart(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path) as trader:
        await trader.until(settled)
        write_command(tmp_path, Command.KILL, by="test", reason="get out", args={"flatten": "yes"})
        await trader.until(lambda book: book.kill.active and book.flat and book.mode is Mode.HALTED)
        assert trader.truth() == {}
    again = Trader(rig, venue, tmp_path, journal=trader.journal)
    async with again:
        await again.until(lambda book: book.cycle.closed_ms > 0)
        assert again.book.kill.active
        assert again.book.mode is Mode.HALTED
        assert again.truth() == {}


@on_market
async def test_the_stop_file_is_honoured_and_freezes_if_so_configured(rig, venue, tmp_path):
    settings = {"risk.kill_switch.on_activate": "freeze"}
    async with Trader(rig, venue, tmp_path, **settings) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        before = trader.truth()
        (tmp_path / "EMERGENCY_STOP").write_text("hands off")
        await trader.until(lambda book: book.kill.active)
        await asyncio.sleep(0.5)
        assert trader.truth() == before
        assert trader.protected()
        assert "hands off" in trader.book.kill.reason


@on_market
async def test_asked_to_stop_it_leaves_positions_and_their_stops(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        held = trader.held()
        write_command(tmp_path, Command.STOP_KEEP, by="test", reason="enough for today")
        why = await asyncio.wait_for(trader.task, 30)
        assert "keep" in why
        assert trader.truth() == held
        assert trader.protected()


@on_market
async def test_a_position_closed_by_hand_is_left_alone(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        symbol, lots = next((name, lots) for name, lots in trader.held().items() if lots > 0)
        step = rig.world.instruments[symbol].qty_step
        await rig.buy(str(lots * step), side="Sell", symbol=symbol, reduceOnly=True)
        await trader.until(lambda book: symbol in book.held_by_hand)
        assert symbol not in trader.held()
        assert money.equity_usdt(trader.book) > 0.0
        write_command(tmp_path, Command.RELEASE, by="test", args={"symbol": symbol})
        await trader.until(lambda book: symbol not in book.held_by_hand)
