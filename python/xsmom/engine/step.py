"""One event in, one book out, and what is to be done: the whole engine is this function.

    book, effects, notes = step(book, window, event, now_ms, rules)

It awaits nothing, reads no clock and asks no one. The order inside is always the same: fold the event, let the mode
settle, gather what is wanted, let every gate look at it, and turn what was approved into orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from xsmom.domain.book import Book
from xsmom.domain.effects import Effect, Note
from xsmom.domain.events import (
    AccountSeen,
    Ask,
    BarClosed,
    BarsBackfilled,
    CommandGiven,
    DepthSeen,
    Event,
    FillSeen,
    FillsRead,
    FundingPaid,
    InstrumentsSeen,
    LinkChanged,
    MoveSeen,
    OrderLookedUp,
    OrderUpdated,
    QuotesSeen,
    Stage,
    Started,
    TimerFired,
    TransferSeen,
    TransfersRead,
    VenueReplied,
)
from xsmom.domain.orders import Intent
from xsmom.domain.tape import Tape
from xsmom.domain.trading import VenueFill
from xsmom.domain.window import Window
from xsmom.engine import boot, commands, execution, health, money, reconcile, sentinel, watch
from xsmom.engine.bar import take_bar
from xsmom.engine.flatten import flatten_intents
from xsmom.engine.margin import trim_intents
from xsmom.engine.modes import settle_mode
from xsmom.engine.review import review
from xsmom.engine.rules import Rules
from xsmom.engine.standing import judge_standing
from xsmom.engine.ticks import take_quotes
from xsmom.engine.turn import Turn
from xsmom.errors import StateError

Outcome: TypeAlias = tuple[Book, tuple[Effect, ...], tuple[Note, ...]]


def grow(window: Window, event: Event) -> None:
    """Rows that an event brings, into the window; a row that is there already, or comes too late, is no news."""
    rows = event.rows if isinstance(event, BarsBackfilled) else ()
    if isinstance(event, BarClosed) and event.row is not None:
        rows = (event.row,)
    for row in rows:
        if window.last_ms is None or row.close_ms > window.last_ms:
            window.append(row)


def step(
    book: Book | None, window: Window, event: Event, now_ms: int, rules: Rules, tape: list[Tape] | None = None
) -> Outcome:
    """Take one event; `window` has grown by it already. What moves the book is put on `tape`, where there is one."""
    turn = live_through(book, window, event, now_ms, rules, tape)
    return turn.book, tuple(turn.effects), tuple(turn.notes)


def live_through(
    book: Book | None, window: Window, event: Event, now_ms: int, rules: Rules, tape: list[Tape] | None = None
) -> Turn:
    """The same step, with what it read on the way: for who explains a decision."""
    turn = _open(book, event, now_ms, rules)
    turn.tape = tape
    intents = _fold(turn, window, event)
    settle_mode(turn)
    judge_standing(turn)
    intents += flatten_intents(turn)
    intents += trim_intents(turn)
    intents += sentinel.guard_positions(turn)
    execution.start(turn, review(turn, intents))
    execution.work(turn)
    turn.put(seq=turn.book.seq + 1, as_of_ms=now_ms)
    return turn


def _open(book: Book | None, event: Event, now_ms: int, rules: Rules) -> Turn:
    if isinstance(event, Started):
        turn = Turn(boot.first_book(event, rules) if book is None else book, rules, now_ms)
        if book is not None:
            boot.restart(turn, event)
        return turn
    if book is None:
        raise StateError(
            f"the first event of a journal is a start, not {type(event).__name__}: this journal has no head"
        )
    return Turn(book, rules, now_ms)


def _fold(turn: Turn, window: Window, event: Event) -> list[Intent]:
    """The event into the book; what is wanted because of it."""
    if isinstance(event, BarClosed):
        intents = take_bar(turn, window, event)
        if event.stage is Stage.DECIDE:
            watch.watch(turn)
        return intents
    if isinstance(event, QuotesSeen):
        return take_quotes(turn, event)
    if isinstance(event, FillSeen):
        _fold_fill(turn, event.fill)
    elif isinstance(event, OrderUpdated):
        execution.on_update(turn, event)
    elif isinstance(event, OrderLookedUp):
        execution.on_lookup(turn, event)
    elif isinstance(event, VenueReplied):
        _fold_reply(turn, event)
    else:
        _fold_facts(turn, event)
    return []


def _fold_fill(turn: Turn, fill: VenueFill) -> None:
    """Whose it is must be asked before it changes the position that would tell."""
    origin = reconcile.origin(turn.book, fill)
    if reconcile.is_contained(turn.book, fill):
        money.remember_fill(turn, fill)
        return
    sentinel.call_rung(turn, fill)
    if money.fold_fill(turn, fill, stopped=origin is reconcile.Origin.STOP):
        execution.on_fill(turn, fill)
        reconcile.on_fill(turn, fill, origin)
        sentinel.on_fill(turn, fill)


def _fold_reply(turn: Turn, event: VenueReplied) -> None:
    if event.ask is Ask.STOP:
        sentinel.on_stop_reply(turn, event)
    elif event.ask is Ask.MODES:
        reconcile.on_modes(turn, event)
    else:
        execution.on_reply(turn, event)


def _fold_facts(turn: Turn, event: Event) -> None:
    """Facts of the venue, the line and the operator: each kind is one room's."""
    fold = _FACTS.get(type(event))
    if fold is not None:
        fold(turn, event)
    elif isinstance(event, TimerFired) and event.name == "watch":
        watch.watch(turn)
    elif isinstance(event, TimerFired) and event.name == health.BREAKER:
        health.probe(turn)


def _fold_funding(turn: Turn, event: FundingPaid) -> None:
    if reconcile.is_contained(turn.book, event.fill):
        money.remember_fill(turn, event.fill)
    else:
        money.fold_funding(turn, event)


def _fold_link(turn: Turn, event: LinkChanged) -> None:
    health.on_link(turn, event)
    if event.failures:
        reconcile.want(turn, event.why or "a call failed")


def _fold_start(turn: Turn, event: Started) -> None:
    boot.begin(turn, event)
    reconcile.on_started(turn, event)
    health.resume(turn)
    watch.watch(turn)


_FACTS: dict[type, Callable[[Turn, Any], None]] = {
    AccountSeen: reconcile.on_account,
    CommandGiven: commands.on_command,
    DepthSeen: execution.on_depth,
    FillsRead: reconcile.on_fills_read,
    FundingPaid: _fold_funding,
    InstrumentsSeen: boot.take_specs,
    LinkChanged: _fold_link,
    MoveSeen: reconcile.on_move,
    Started: _fold_start,
    TransferSeen: reconcile.on_transfer,
    TransfersRead: reconcile.on_transfers_read,
}
