"""Approved orders become tasks. `work` sends what is due of them, closing ones first."""

from __future__ import annotations

from collections.abc import Iterable

from xsmom.domain.orders import Approved, Purpose, Style, Task
from xsmom.domain.trading import TimeInForce
from xsmom.engine.execution.bench import Bench
from xsmom.engine.execution.cancel import give_up
from xsmom.engine.execution.send import send
from xsmom.engine.execution.styles import deadline_ms
from xsmom.engine.sentinel import send_stop
from xsmom.engine.turn import Turn


def start(turn: Turn, approved: Iterable[Approved]) -> None:
    """Take in what was approved. What is known already is the same order, met again after a crash."""
    given = list(approved)
    if not given:
        return
    orders = [one for one in given if one.intent.purpose is not Purpose.PROTECT]
    if orders:
        _begin(turn, orders)
    for one in given:
        if one.intent.purpose is Purpose.PROTECT:
            send_stop(turn, one)


def _begin(turn: Turn, given: list[Approved]) -> None:
    bench, fresh = Bench(turn), False
    # Two rungs of one bar are two exits of one symbol: neither is in the other's way.
    before = frozenset(bench.tasks)
    # What reduces goes first, else in the order given.
    for one in sorted(given, key=lambda one: not one.intent.reduce_only):
        name, style = one.client_order_id, one.intent.style
        if not one.lots or name in bench.tasks or name in bench.orders:
            continue
        fresh = True
        if one.intent.purpose is not Purpose.REBALANCE and style is not Style.WHOLE:
            _make_way(bench, one, before)
        task = bench.put_task(
            Task(
                approved=one,
                started_ms=turn.now_ms,
                deadline_ms=deadline_ms(style, turn.now_ms, turn.rules.work),
                due_ms=turn.now_ms,
                turnover_ms=turn.now_ms,
            )
        )
        if style is Style.WHOLE:
            send(bench, task, one.lots, None, TimeInForce.GTC)
    if fresh:
        bench.put_back()


def _make_way(bench: Bench, exit_order: Approved, before: frozenset[str]) -> None:
    """Entries of a symbol that has to be left give way.

    Other reductions do where nothing is left to them, and to an exit that a price inside a bar has touched, unless they
    are such exits themselves.
    """
    symbol = exit_order.intent.symbol
    at = bench.book.roster.index(symbol)
    leaves_all = at is None or abs(exit_order.lots) >= abs(int(bench.book.lots[at]))
    touched = _is_touched(exit_order)
    others = [
        name
        for name, task in bench.tasks.items()
        if name in before
        and task.approved.intent.symbol == symbol
        and not task.ending
        and (leaves_all or not task.approved.intent.reduce_only or (touched and not _is_touched(task.approved)))
    ]
    give_up(bench, others, f"{exit_order.intent.purpose.value} goes first")


def _is_touched(approved: Approved) -> bool:
    return approved.intent.touch_price is not None
