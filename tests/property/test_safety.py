"""Whatever the venue does: nothing stays bare beyond its time, no stop loosens, the book comes back to the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.engine.books import T0, book, rules, with_stop
from tests.unit.engine.scene import Scene
from tests.unit.engine.scripted_venue import ScriptedVenue, refused, storm
from xsmom.domain.book import Book, Columns, VenueFacts
from xsmom.domain.effects import SendOrder, SetPositionStop
from xsmom.domain.events import AccountSeen
from xsmom.domain.trading import Answer, Refusal
from xsmom.engine import reconcile, sentinel
from xsmom.engine.turn import Turn

RULES = rules()
A, B = "AAAUSDT", "BBBUSDT"
PROTECT = RULES.protect
BOUND_MS = PROTECT.blind_max_ms + PROTECT.naked_max_ms + 2 * PROTECT.poll_ms

FAULTS: tuple[Callable[[], Answer], ...] = (
    storm,
    lambda: refused(Refusal.OTHER),
    lambda: refused(Refusal.PRICE),
    lambda: refused(Refusal.RATE),
    lambda: refused(Refusal.NO_POSITION),
)

traded = st.tuples(
    st.just("fill"),
    st.sampled_from((A, B)),
    st.integers(-60, 60).filter(bool),
    st.sampled_from(("ours", "hand", "lost")),
)
moved = st.tuples(st.just("move"), st.sampled_from((A, B)), st.floats(-0.03, 0.03))
lifted = st.tuples(st.just("level"), st.sampled_from((A, B)), st.floats(0.0, 0.04))
swept = st.tuples(st.just("sweep"), st.sampled_from((A, B)), st.booleans())
deafened = st.tuples(st.just("deaf"), st.booleans())
stubborn = st.tuples(st.just("stops"), st.sampled_from((None, *range(len(FAULTS)))))
closed = st.tuples(st.just("orders"), st.sampled_from((None, 0, 1)))
lagging = st.tuples(st.just("lag"), st.sampled_from((0, 200, 2_000, 5_000)))
waited = st.tuples(st.just("wait"), st.sampled_from((50, 700, 4_000, 16_000)))
scripts = st.lists(
    st.one_of(traded, moved, lifted, swept, deafened, stubborn, closed, lagging, waited, waited),
    min_size=3,
    max_size=14,
)


@dataclass
class Watch:
    """What must hold after each step, and at each request for a stop."""

    naked_since: dict[str, int] = field(default_factory=dict)

    def check(self, acted: Scene) -> None:
        """No position stays bare: in time there is a verified stop, or an exit was asked for."""
        for at in acted.book.lots.nonzero()[0]:
            symbol = acted.book.roster.symbols[at]
            kept = acted.book.protection.get(symbol)
            assert kept is not None, "a position that nobody guards"
            assert kept.lots == acted.book.lots[at]
            if kept.verified_ms is None:
                assert kept.naked_since_ms is not None, "the time without a stop is not counted"
                bare_ms = acted.now_ms - kept.naked_since_ms
                asked = [at_ms for at_ms, one in acted.exits if one.symbol == symbol and at_ms >= kept.naked_since_ms]
                assert bare_ms <= BOUND_MS or asked, f"{symbol} bare for {bare_ms} ms and no exit"
        assert 0.0 <= sentinel.coverage_frac(acted.book) <= 1.0


def never_looser(acted: Scene, inner: Callable[[int, SetPositionStop], Answer | None]) -> None:
    """A request never undoes protection that stands."""

    def on_stop(now_ms: int, ask: SetPositionStop) -> Answer | None:
        held = acted.venue.positions.get(ask.symbol)
        if held is not None and held.stop_order and held.stop_ticks is not None and not acted.venue.lag_ms(now_ms):
            side = 1 if held.lots > 0 else -1
            assert ask.stop_loss_ticks is not None
            assert side * ask.stop_loss_ticks >= side * held.stop_ticks, "a stop was loosened"
        return inner(now_ms, ask)

    acted.venue.on_stop = on_stop


def play(acted: Scene, script: list[tuple[Any, ...]]) -> None:
    """Let it happen."""
    for what, *args in script:
        if what == "fill":
            symbol, lots, how = args
            acted.fill(symbol, lots, acted.venue.marks[symbol], by_hand=how == "hand", tell=how != "lost")
            acted.run(5)
        elif what == "move":
            acted.price(args[0], round(acted.venue.marks[args[0]] * (1.0 + args[1]), 1))
            acted.run(5)
        elif what == "level":
            lift(acted, *args)
        elif what == "sweep":
            sweep(acted, *args)
        elif what == "deaf":
            acted.venue.deaf = lambda _now, deaf=args[0]: deaf  # type: ignore[misc]
        elif what == "stops":
            never_looser(acted, lambda _now, _ask, one=args[0]: None if one is None else FAULTS[one]())  # type: ignore[misc]
        elif what == "orders":
            acted.venue.on_order = lambda _now, _ask, one=args[0]: None if one is None else FAULTS[one]()  # type: ignore[misc]
        elif what == "lag":
            acted.venue.lag_ms = lambda _now, ms=args[0]: ms  # type: ignore[misc]
        else:
            acted.run(args[0])


def lift(acted: Scene, symbol: str, share: float) -> None:
    """The kernel tightens a level, as a close of a bar does."""
    at = acted.book.roster.index(symbol)
    assert at is not None
    level, lots = float(acted.book.positions["stop_price"][at]), int(acted.book.lots[at])
    if lots and level > 0.0:
        acted.book = with_stop(acted.book, symbol, level * (1.0 + share if lots > 0 else 1.0 - share))


def sweep(acted: Scene, symbol: str, row_too: bool) -> None:
    """Somebody cancels all orders of a name."""
    held = acted.venue.positions.get(symbol)
    if held is not None:
        acted.venue.positions[symbol] = replace(held, stop_order=False, stop_ticks=None if row_too else held.stop_ticks)
        acted.venue.note(acted.now_ms)


def calm(acted: Scene) -> None:
    """Nothing is wrong any more."""
    acted.venue.deaf = lambda _now: False
    acted.venue.on_order = lambda _now, _ask: None
    acted.venue.lag_ms = lambda _now: 0
    never_looser(acted, lambda _now, _ask: None)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(scripts)
def test_no_position_stays_bare_and_the_book_comes_back_to_the_truth(script: list[tuple[Any, ...]]) -> None:
    come_through(script)


@pytest.mark.proof
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts)
def test_the_same_over_many_scripts(script: list[tuple[Any, ...]]) -> None:
    come_through(script)


def come_through(script: list[tuple[Any, ...]]) -> None:
    """Live through a script under watch, then see that all is well again."""
    acted = Scene(book(RULES), RULES, ScriptedVenue(marks={A: 100.0, B: 50.0}), T0, check=Watch().check)
    acted.venue.note(T0)
    never_looser(acted, lambda _now, _ask: None)
    acted.poke()  # from the first step on there is a timer
    acted.run(1)
    play(acted, script)
    calm(acted)
    acted.run(RULES.agree.every_ms + 60_000)
    shown = {name: one.lots for name, one in acted.venue.positions.items()}
    assert {
        name: int(lots) for name, lots in zip(acted.book.roster.symbols, acted.book.lots, strict=True) if lots
    } == shown
    assert sentinel.coverage_frac(acted.book) == 1.0
    assert acted.book.venue.doubts == {}
    assert [one for one in acted.book.venue.mismatches if not one.startswith("R9")] == []


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(scripts)
def test_a_second_look_at_the_same_changes_nothing(script: list[tuple[Any, ...]]) -> None:
    acted = Scene(book(RULES), RULES, ScriptedVenue(marks={A: 100.0, B: 50.0}), T0)
    acted.venue.note(T0)
    never_looser(acted, lambda _now, _ask: None)
    acted.poke()  # from the first step on there is a timer
    acted.run(1)
    play(acted, script)
    seen = replace(acted.venue.read(acted.now_ms), asked_ms=acted.now_ms)
    once = Turn(acted.book, RULES, acted.now_ms)
    reconcile.on_account(once, seen)
    twice = Turn(once.book, RULES, acted.now_ms)
    reconcile.on_account(twice, seen)
    assert timeless(twice.book) == timeless(once.book)
    assert twice.book.money == once.book.money
    same_positions(once.book.positions, twice.book.positions)
    assert [one for one in twice.notes if one.name in {"book.mismatched", "position.taken_over"}] == []
    assert not [one for one in twice.effects if isinstance(one, SendOrder)]


@settings(max_examples=50, deadline=None)
@given(
    st.integers(-50, 50),
    st.lists(st.sampled_from(("account", "positions", "orders")), min_size=1, max_size=3, unique=True),
    st.integers(0, 600_000),
)
def test_a_failed_read_changes_no_position(lots: int, failed: list[str], later_ms: int) -> None:
    acted = Scene(book(RULES), RULES, ScriptedVenue(marks={A: 100.0, B: 50.0}), T0)
    acted.venue.note(T0)
    if lots:
        acted.fill(A, lots, 100.0)
    acted.run(3_000)
    whole = acted.venue.read(acted.now_ms)
    parts: dict[str, Any] = {
        name: None if name in failed else getattr(whole, name) for name in ("account", "positions", "orders")
    }
    turn = Turn(acted.book, RULES, acted.now_ms + later_ms)
    reconcile.on_account(turn, AccountSeen(turn.now_ms, **parts, failed=tuple((one, "503") for one in failed)))
    assert turn.book.lots[0] == lots
    same_positions(acted.book.positions, turn.book.positions)
    assert turn.book.money == acted.book.money
    assert turn.book.venue.reconciled_ms == acted.book.venue.reconciled_ms
    assert reconcile.blocks(turn.book) >= reconcile.Blocks.ENTRIES
    for name in failed:
        assert getattr(turn.book.venue, name if name != "orders" else "stops") == getattr(
            acted.book.venue, name if name != "orders" else "stops"
        )


def timeless(made: Book) -> VenueFacts:
    """What is known of the venue, without the moments of looking."""
    return replace(made.venue, account_ms=0, positions_ms=0, orders_ms=0, answered_ms=0, reconciled_ms=0)


def same_positions(one: Columns, other: Columns) -> None:
    """Column by column, to the bit."""
    for name, column in one.items():
        assert np.array_equal(column, other[name], equal_nan=column.dtype.kind == "f"), name
