"""First and later starts, through the whole step: what the mode becomes, what is kept, what is read anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.engine.books import CASH, T0
from tests.unit.engine.reconcile.scenes import RULES, A, B, held, scene
from tests.unit.engine.scene import Scene
from xsmom.domain.book import Mode
from xsmom.domain.effects import CancelOrder, FetchFills
from xsmom.domain.events import Started
from xsmom.engine import sentinel

EVERY_MS = RULES.agree.every_ms


def start(acted: Scene, **more: Any) -> Scene:
    """A process begins."""
    instruments = acted.book.roster.instruments
    acted.step(Started("run", acted.now_ms, "c", "p", "1", instruments, CASH, **more))
    acted.run(4_000)
    return acted


def first(**more: Any) -> Scene:
    """A first start: there is no book yet."""
    acted = scene()
    roster = acted.book
    acted.book = None  # type: ignore[assignment]
    acted.step(Started("run", T0, "c", "p", "1", roster.roster.instruments, CASH, **more))
    acted.run(4_000)
    return acted


def kill(acted: Scene) -> None:
    """The process dies: what was on its way is never heard, timers are gone, the book is what was written."""
    acted.queue.clear()
    acted.timers.clear()
    acted.now_ms += 60_000


def test_a_flat_account_agrees_and_may_trade() -> None:
    acted = first()
    assert acted.book.venue.reconciled_ms >= acted.book.started_ms
    assert acted.book.mode is Mode.TRADING
    assert acted.told("book.reconciled")


def test_a_start_that_hears_nothing_does_not_trade() -> None:
    acted = scene()
    acted.venue.deaf = lambda _now: True
    start(acted)
    assert acted.book.mode is not Mode.TRADING
    assert acted.book.venue.positions is None, "unknown, not flat"
    acted.venue.deaf = lambda _now: False
    acted.run(30_000)
    assert acted.book.mode is Mode.TRADING  # type: ignore[comparison-overlap]


def test_an_account_that_is_not_flat_halts_a_first_start() -> None:
    acted = scene()
    held(acted, A, 40, 99.0)
    instruments, acted.book = acted.book.roster.instruments, None  # type: ignore[assignment]
    acted.step(Started("run", T0, "c", "p", "1", instruments, CASH))
    acted.run(10_000)
    assert acted.book.mode is Mode.HALTED
    assert "R2" in acted.book.mode_why
    assert acted.asked() == []
    assert acted.exits == []


def test_and_not_when_it_is_told_to_adopt_or_to_ignore() -> None:
    for more, lots in (({"adopt": True}, 40), ({"ignore": (A,)}, 0)):
        acted = scene()
        held(acted, A, 40, 99.0)
        instruments, acted.book = acted.book.roster.instruments, None  # type: ignore[assignment]
        acted.step(Started("run", T0, "c", "p", "1", instruments, CASH, **more))
        acted.run(30_000)
        assert acted.book.mode is Mode.TRADING
        assert acted.book.lots[0] == lots
        assert bool(acted.asked()) == bool(lots)


def test_killed_with_positions_the_next_start_keeps_them_and_verifies_their_stops() -> None:
    acted = first()
    acted.fill(A, 50, 100.0)
    acted.fill(B, -70, 50.0)
    acted.run(5_000)
    levels = {name: one.stop_ticks for name, one in acted.venue.positions.items()}
    before = acted.book
    kill(acted)
    start(acted)
    assert acted.book.lots.tolist() == before.lots.tolist()
    assert acted.book.positions["stop_price"].tolist()[:2] == before.positions["stop_price"].tolist()[:2]
    assert {name: one.stop_ticks for name, one in acted.venue.positions.items()} == levels
    assert sentinel.coverage_frac(acted.book) == 1.0
    assert acted.book.mode is Mode.TRADING
    assert acted.exits == []
    assert not [one for _, one in acted.sent if isinstance(one, CancelOrder)]


def test_killed_between_a_fill_and_its_stop() -> None:
    acted = first()
    acted.fill(A, 50, 100.0)
    acted.run(2)  # the fill is folded, nothing is asked for yet
    assert acted.asked() == []
    kill(acted)
    start(acted)
    assert acted.venue.positions[A].stop_ticks == 950
    assert sentinel.coverage_frac(acted.book) == 1.0
    assert acted.exits == []


def test_a_fill_while_nobody_was_there_is_read_at_the_start() -> None:
    acted = first()
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    kill(acted)
    acted.venue.trade(acted.now_ms - 30_000, A, -50, 95.0, "", "stop-AAAUSDT-950")
    start(acted)
    assert acted.book.lots[0] == 0
    assert acted.book.held_by_hand == {}, "it was our stop"
    assert [one for _, one in acted.sent if isinstance(one, FetchFills)]
    acted.run(EVERY_MS)
    assert acted.book.venue.mismatches == ()
    assert acted.book.venue.unexplained_usdt == 0.0


def test_a_position_opened_by_hand_while_nobody_was_there_is_held_and_protected() -> None:
    acted = first()
    kill(acted)
    acted.venue.trade(acted.now_ms - 30_000, B, 60, 50.0, "web-3")
    start(acted)
    acted.run(5_000)
    assert acted.book.lots[1] == 60
    assert B in acted.book.held_by_hand
    assert acted.venue.positions[B].stop_ticks is not None
    assert sentinel.coverage_frac(acted.book) == 1.0


def test_a_refused_start_goes_on_when_the_account_has_become_flat_and_is_started_again() -> None:
    acted = scene()
    held(acted, A, 40, 99.0)
    instruments, acted.book = acted.book.roster.instruments, None  # type: ignore[assignment]
    acted.step(Started("run", T0, "c", "p", "1", instruments, CASH))
    acted.run(10_000)
    acted.fill(A, -40, 100.0, by_hand=True)
    acted.run(20_000)
    assert acted.book.lots[0] == 0
    kill(acted)
    start(acted)
    assert acted.book.lots[0] == 0
    assert acted.book.money.fills == 0
    assert acted.book.venue.mismatches == ()


def test_restarts_do_not_excuse_an_unexplained_wallet() -> None:
    acted = first()
    acted.run(2_000)
    kill(acted)
    acted.venue.wallet_usdt -= 200.0
    start(acted)
    acted.run(20_000)
    assert acted.book.venue.unexplained_usdt == -200.0
    assert [one.split(":")[0] for one in acted.book.venue.mismatches] == ["R11"]
    after = replace(acted.book)
    kill(acted)
    start(acted)
    acted.run(20_000)
    assert acted.book.venue.unexplained_usdt == after.venue.unexplained_usdt
    assert acted.book.venue.mismatches == after.venue.mismatches
