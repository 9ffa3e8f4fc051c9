"""The end of a task: when nothing of it can fill any more, and what it has cost against the price at the decision."""

from __future__ import annotations

from xsmom.domain.effects import Severity
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import Style, Task
from xsmom.domain.trading import Refusal
from xsmom.engine.execution.bench import Bench


def settle(bench: Bench, name: str) -> None:
    """Close a task that is done or given up, once all its orders are final and their executions were seen."""
    task = bench.tasks.get(name)
    if task is None or not (task.ending or task.left_lots == 0 or _sent_whole(bench, task)):
        return
    for order in bench.orders_of(task):
        if not order.phase.final:
            return
        untold_ms = bench.turn.rules.work.untold_ms
        untold = order.untold_lots and bench.now_ms - (order.final_ms or 0) < untold_ms
        if untold:
            # The clock of `work` looks again when the wait is over.
            bench.put_task(evolve(task, due_ms=max(task.due_ms, (order.final_ms or 0) + untold_ms)))
            return
    _tell(bench, task)
    bench.drop_task(name)
    if task.approved.intent.style is Style.WHOLE:
        for order in bench.orders_of(task):
            bench.drop_order(order.client_order_id)


def call_off(bench: Bench, task: Task, why: str) -> Task:
    """Nothing more of a task is sent; what works of it is taken back when it is next worked."""
    if not task.ending:
        task = bench.put_task(evolve(task, ending=why, due_ms=bench.now_ms))
    return task


def slippage_frac(task: Task) -> float:
    """Executed against the price when it was decided, as a share of that; above 0 was worse. NaN without a fill."""
    intent, lots = task.approved.intent, abs(task.traded_lots)
    arrival = intent.touch_price if intent.touch_price is not None else intent.reference_price
    if not lots or not arrival > 0.0:
        return float("nan")
    side = 1.0 if task.approved.lots > 0 else -1.0
    return side * (task.traded_price_lots / lots / arrival - 1.0)


def _sent_whole(bench: Bench, task: Task) -> bool:
    """A whole order that has ended is never followed by another."""
    return task.approved.intent.style is Style.WHOLE and all(one.phase.final for one in bench.orders_of(task))


def _tell(bench: Bench, task: Task) -> None:
    intent, lots = task.approved.intent, abs(task.traded_lots)
    at = bench.book.roster.index(intent.symbol)
    step = float(bench.book.roster.qty_step[at]) if at is not None else float("nan")
    slippage = slippage_frac(task)
    average = task.traded_price_lots / lots if lots else float("nan")
    arrival = intent.touch_price if intent.touch_price is not None else intent.reference_price
    whole = task.left_lots == 0
    bench.turn.note(
        "order.done" if whole else "order.given_up",
        Severity.INFO if whole or task.ending == Refusal.WATCHED.value else Severity.WARNING,
        symbol=intent.symbol,
        client_order_id=task.approved.client_order_id,
        purpose=intent.purpose.value,
        style=intent.style.value,
        lots=task.approved.lots,
        filled_lots=task.filled_lots,
        average_price=average,
        arrival_price=arrival,
        slippage_bps=slippage * 1e4,
        slippage_usdt=slippage * arrival * lots * step,
        fee_usdt=task.fee_usdt,
        orders=task.children,
        took_ms=bench.now_ms - task.started_ms,
        why=task.ending,
        waited_for=task.waits_for,
    )
