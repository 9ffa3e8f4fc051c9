"""One more order of a task: a child bears the task's own id with its number."""

from __future__ import annotations

from xsmom.domain.effects import SendOrder
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import LiveOrder, Phase, Style, Task, child_order_id
from xsmom.domain.trading import OrderRequest, TimeInForce
from xsmom.engine.execution.bench import Bench
from xsmom.engine.sentinel import entry_stop_ticks


def send(bench: Bench, task: Task, lots: int, price_ticks: int | None, time_in_force: TimeInForce) -> Task:
    """Send signed lots; without a price it is a market order."""
    approved = task.approved
    intent = approved.intent
    whole = intent.style is Style.WHOLE
    request = OrderRequest(
        client_order_id=child_order_id(approved.client_order_id, task.children),
        symbol=intent.symbol,
        lots=lots,
        price_ticks=price_ticks,
        time_in_force=time_in_force,
        reduce_only=intent.reduce_only,
        stop_loss_ticks=None if whole else entry_stop_ticks(bench.book, bench.turn.rules, intent),
        stop_loss_by=bench.turn.rules.protect.trigger,
    )
    bench.put_order(
        LiveOrder(
            request=request,
            parent_id=approved.client_order_id,
            phase=Phase.SENT,
            sent_ms=bench.now_ms,
            priced_ms=bench.now_ms,
        )
    )
    bench.turn.send(SendOrder(request, approved, intent.touch_price))
    bench.turn.note(
        "order.sent",
        symbol=intent.symbol,
        client_order_id=request.client_order_id,
        lots=lots,
        price_ticks=price_ticks,
        time_in_force=time_in_force.value,
        reduce_only=intent.reduce_only,
        purpose=intent.purpose.value,
        style=intent.style.value,
    )
    return bench.put_task(evolve(task, children=task.children + 1, waits_for=""))
