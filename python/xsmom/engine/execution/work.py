"""The end of every step: lookups, tasks that are due, a sweep of what the market left behind, and the next timer."""

from __future__ import annotations

import math

from xsmom.domain.book import Mode
from xsmom.domain.effects import FetchFills, SetTimer, Severity
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import LiveOrder, Style, Task
from xsmom.engine.execution.bench import Bench
from xsmom.engine.execution.cancel import entries, give_up
from xsmom.engine.execution.doubt import look, lookup_due_ms
from xsmom.engine.execution.pairs import Room
from xsmom.engine.execution.sweep import is_time, sweep, sweep_due_ms
from xsmom.engine.execution.worker import Worker
from xsmom.engine.turn import Turn

TIMER = "work"
_KEEP_MS = 600_000
"""Final orders are remembered so long, so that a late word about them is no surprise."""
_UNTOLD_MAX_MS, _UNTOLD_MAX_X = 600_000, 3
"""An execution that never comes is given up after this time, and after so many times the wait for it."""
_NO_ENTRIES = frozenset({Mode.REDUCING, Mode.FLATTENING, Mode.HALTED})


def work(turn: Turn) -> None:
    """Do what is due now, and ask to be called again when something will be."""
    book = turn.book
    # What was sent whole is left alone: a plan counts it as filled, in the simulation too; `modes` calls it off.
    stays = turn.rules.work.style is Style.WHOLE and not book.kill.active
    barred = (book.mode in _NO_ENTRIES or book.kill.active) and not stays
    rests_ms = _rests_until_ms(turn)
    if rests_ms is not None and not (rests_ms and barred):
        if rests_ms and is_time(turn):
            turn.put(swept_ms=turn.now_ms)
        _wake_at(turn, rests_ms)
        return
    bench = Bench(turn)
    if barred:
        give_up(bench, entries(bench), f"mode {book.mode.value}" if not book.kill.active else "kill switch")
    look(bench)
    swept_ms = sweep(bench)
    room = Room(bench, turn.rules)
    for task in sorted(_worked(bench), key=_rank):
        newest = bench.tasks.get(task.approved.client_order_id)
        if newest is not None and newest.due_ms <= bench.now_ms:
            Worker(bench, newest, room).move()
    _forget(bench)
    bench.put_back()
    turn.put(swept_ms=swept_ms)
    _set_timer(bench)


def _rests_until_ms(turn: Turn) -> int | None:
    """When an ended order is next forgotten, where there are none but such and those left alone; 0 is no order.

    None where there may be more to do: then everything is looked at.
    """
    tasks, whole = turn.book.tasks, Style.WHOLE
    for task in tasks.values():
        if task.approved.intent.style is not whole:
            return None
    # One that is sent whole bears its task's name: what is left are those whose task has ended, and slices.
    orders, first_ms = turn.book.orders, math.inf
    for name in orders.keys() - tasks.keys():
        order = orders[name]
        if order.parent_id in tasks:
            continue
        final_ms = order.final_ms
        if final_ms is None or order.untold_lots or not order.phase.final:
            return None
        first_ms = min(first_ms, final_ms)
    if first_ms == math.inf:
        return 0
    until_ms = int(first_ms) + _KEEP_MS
    return None if until_ms <= turn.now_ms else until_ms


def _worked(bench: Bench) -> list[Task]:
    """Tasks that are worked; the others were sent whole."""
    whole = Style.WHOLE
    return [task for task in bench.tasks.values() if task.approved.intent.style is not whole]


def _rank(task: Task) -> tuple[int, bool, int, str, str]:
    """Older first, and what reduces before what opens."""
    intent = task.approved.intent
    return (task.started_ms, not intent.reduce_only, intent.leg, intent.symbol, task.approved.client_order_id)


def _forget(bench: Bench) -> None:
    """Drop final orders that nobody needs; executions that never came are asked for, and at last given up."""
    for order in bench.watched():
        if order.final_ms is None or _needed(bench, order):
            continue
        age_ms = bench.now_ms - order.final_ms
        untold_ms = bench.turn.rules.work.untold_ms
        if order.untold_lots and age_ms >= untold_ms and order.looked_ms <= order.final_ms + untold_ms - 1:
            bench.turn.send(FetchFills(order.sent_ms))
            bench.put_order(evolve(order, looked_ms=bench.now_ms))
        elif order.untold_lots and age_ms >= _untold_max_ms(bench):
            bench.turn.note(
                "fill.missing",
                Severity.ERROR,
                symbol=order.symbol,
                client_order_id=order.client_order_id,
                lots=order.untold_lots,
            )
            bench.drop_order(order.client_order_id)
        elif not order.untold_lots and age_ms >= _KEEP_MS:
            bench.drop_order(order.client_order_id)


def _needed(bench: Bench, order: LiveOrder) -> bool:
    """The newest order of a living task tells when to try again; of the others only what is untold counts."""
    task = bench.task_of(order)
    if task is None:
        return False
    return bool(order.untold_lots) or order.client_order_id == bench.orders_of(task)[-1].client_order_id


def _forget_due_ms(bench: Bench, order: LiveOrder) -> int | None:
    if order.final_ms is None or _needed(bench, order):
        return None
    if not order.untold_lots:
        return order.final_ms + _KEEP_MS
    untold_ms = bench.turn.rules.work.untold_ms
    asked = order.looked_ms >= order.final_ms + untold_ms
    return order.final_ms + (_untold_max_ms(bench) if asked else untold_ms)


def _untold_max_ms(bench: Bench) -> int:
    return max(_UNTOLD_MAX_MS, _UNTOLD_MAX_X * bench.turn.rules.work.untold_ms)


def _set_timer(bench: Bench) -> None:
    """One timer for all of it, set anew only when its moment has changed or is over."""
    moments = [task.due_ms for task in _worked(bench)]
    for order in bench.watched():
        moments += [due for due in (lookup_due_ms(bench, order), _forget_due_ms(bench, order)) if due is not None]
    moments += sweep_due_ms(bench)
    _wake_at(bench.turn, max(min(moments, default=0), bench.now_ms + 1) if moments else 0)


def _wake_at(turn: Turn, due_ms: int) -> None:
    if due_ms == turn.book.work_due_ms:
        return
    turn.put(work_due_ms=due_ms)
    if due_ms:
        turn.send(SetTimer(TIMER, due_ms))
