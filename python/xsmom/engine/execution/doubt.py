"""Orders whose outcome nobody knows: looked up until they are found, or proved absent and sent again under their name.

An order is proved absent only by a lookup that was asked after `sent + receive window + clock error + visibility`: what
arrives later than that fails the exchange's check of the stamp. A trace of it, once seen, rules absence out for good.
An order that was sent without any answer may still stand in a queue of this very process: its proof waits longer.
"""

from __future__ import annotations

import math

from xsmom.domain.book import Mode
from xsmom.domain.effects import FetchAccount, FetchFills, LookupOrder, SendOrder, Severity
from xsmom.domain.events import OrderLookedUp
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import LiveOrder, Phase, Task
from xsmom.engine.execution.bench import Bench
from xsmom.engine.execution.ending import call_off, settle
from xsmom.engine.execution.progress import advance, see
from xsmom.engine.execution.table import Happening
from xsmom.engine.turn import Turn

FIRST_MS, SLOWEST_MS = 100, 2_000
"""Lookups follow one another after so long, doubling."""
REPLY_MS = 5_000
"""An answer, or the first sight of a taken order, comes within this time, or is looked for."""
EFFECT_MS = 3_000
"""A cancel or a change is seen to have taken effect within this time, or is looked for."""
VISIBLE_MS = 10_000
"""What an exchange has taken can be looked up after this time at the latest."""
QUEUED_MS = 120_000
"""The longest that a request may wait in this process before it is sent or answered."""
FORGOTTEN_MS = 60_000
"""An order that was there, and that no lookup finds for so long, is no longer known to the exchange."""
_FORGOTTEN_VIEWS = 6
"""Nor sooner than so many times the lateness of a view: in time-lapse a minute may be a blink."""

_UNSEEN = frozenset({Phase.SENT, Phase.UNKNOWN})
_UNANSWERED = frozenset({Phase.SENT, Phase.ACKED, Phase.UNKNOWN})

_CLOCK_UNKNOWN_MS = 10_000
"""Clocks that were not compared may be so far apart."""


def on_lookup(turn: Turn, event: OrderLookedUp) -> None:
    """The answer to a lookup."""
    bench = Bench(turn)
    order = bench.orders.get(event.client_order_id)
    if order is None:
        return
    if event.order is not None:
        _found(bench, order, event)
    elif not order.phase.final:
        _not_found(bench, order, event.asked_ms)
    bench.put_back()


def look(bench: Bench) -> None:
    """Ask for every order that is in doubt, when its time has come."""
    for order in bench.watched():
        due_ms = lookup_due_ms(bench, order)
        if due_ms is not None and bench.now_ms >= due_ms:
            bench.turn.send(LookupOrder(order.symbol, order.client_order_id))
            since_ms = order.doubted_ms if order.doubted_ms is not None else bench.now_ms
            bench.put_order(evolve(order, lookups=order.lookups + 1, looked_ms=bench.now_ms, doubted_ms=since_ms))


def lookup_due_ms(bench: Bench, order: LiveOrder) -> int | None:
    """When an order that is watched is looked up next; None while nothing about it is in doubt."""
    if order.phase.final:
        return None
    doubted_ms = _doubted_ms(order, bench.book.started_ms)
    if doubted_ms is None:
        return None
    if not order.lookups:
        return doubted_ms
    return order.looked_ms + min(FIRST_MS << min(order.lookups - 1, 10), SLOWEST_MS)


def proof_ms(bench: Bench, order: LiveOrder) -> int:
    """A lookup asked from here on, and answered with nothing, proves that an order never arrived."""
    rules, health = bench.turn.rules, bench.book.health
    clock_ms = abs(health.skew_ms) + health.skew_bound_ms
    if math.isnan(clock_ms):
        clock_ms = _CLOCK_UNKNOWN_MS
    wait_ms = rules.work.recv_window_ms + round(clock_ms) + max(VISIBLE_MS, rules.agree.visible_ms)
    if order.phase is Phase.SENT and order.sent_ms >= bench.book.started_ms:
        wait_ms += QUEUED_MS
    return order.sent_ms + wait_ms


def _doubted_ms(order: LiveOrder, started_ms: int) -> int | None:
    if order.doubted_ms is not None:
        return order.doubted_ms
    if order.sent_ms < started_ms and order.looked_ms < started_ms:
        return started_ms  # sent by a process that is gone: what came of it was not heard
    moments = [order.sent_ms + REPLY_MS] if order.phase in _UNANSWERED else []
    moments += [asked + EFFECT_MS for asked in (order.cancel_asked_ms, order.amend_asked_ms) if asked is not None]
    return min(moments, default=None)


def _found(bench: Bench, order: LiveOrder, event: OrderLookedUp) -> None:
    assert event.order is not None
    if order.phase in _UNSEEN:
        bench.turn.note(
            "order.found",
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            state=event.order.state.value,
            lookups=order.lookups,
        )
    # What was asked for before this lookup has taken effect by now, or never will: who still wants it asks again.
    task = bench.task_of(order)
    if task is not None:
        bench.put_task(evolve(task, due_ms=bench.now_ms))
    settled_ms = event.asked_ms - EFFECT_MS // 2
    if order.cancel_asked_ms is not None and order.cancel_asked_ms <= settled_ms:
        order = evolve(order, cancel_asked_ms=None)
    if order.amend_asked_ms is not None and order.amend_asked_ms <= settled_ms:
        order = evolve(order, amend_asked_ms=None)
    see(bench, order, event.order)


def _not_found(bench: Bench, order: LiveOrder, asked_ms: int) -> None:
    if order.phase in _UNSEEN and not order.seen:
        if asked_ms >= proof_ms(bench, order):
            _resend_or_drop(bench, order)
        return
    doubted_ms = order.doubted_ms
    if doubted_ms is None:
        bench.put_order(evolve(order, doubted_ms=bench.now_ms))
        return
    if asked_ms - doubted_ms < max(FORGOTTEN_MS, _FORGOTTEN_VIEWS * bench.turn.rules.agree.visible_ms):
        return
    bench.turn.note(
        "order.forgotten",
        Severity.ERROR,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        lookups=order.lookups,
    )
    bench.turn.send(FetchAccount("an order is no longer known to the exchange"))
    bench.turn.send(FetchFills(order.sent_ms))
    task = bench.task_of(order)
    if task is not None:
        call_off(bench, task, "an order of it was forgotten")
    advance(bench, order, Happening.FORGOTTEN, why="the exchange no longer knows it")


def _resend_or_drop(bench: Bench, order: LiveOrder) -> None:
    task = bench.task_of(order)
    again = task is not None and _still_wanted(bench, task)
    bench.turn.note(
        "order.absent",
        Severity.WARNING,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        lookups=order.lookups,
        sent_again=again,
    )
    if task is None or not again:
        advance(bench, order, Happening.DROPPED, why="it never arrived, and is no longer wanted")
        settle(bench, order.parent_id)
        return
    order = evolve(
        order, sent_ms=bench.now_ms, doubted_ms=None, lookups=0, resends=order.resends + 1, cancel_asked_ms=None
    )
    bench.put_order(order)
    advance(bench, order, Happening.RESENT)
    bench.turn.send(SendOrder(order.request, task.approved, task.approved.intent.touch_price))


def _still_wanted(bench: Bench, task: Task) -> bool:
    opens = not task.approved.intent.reduce_only
    return not task.ending and bench.now_ms < task.deadline_ms and not (opens and bench.book.mode is not Mode.TRADING)
