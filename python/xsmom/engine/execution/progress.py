"""How far an order has come: words of the venue are merged, whatever their order and however often they come.

The merge: what is filled never falls, what is final absorbs, executions are counted apart from what lists say. A list
may know of a fill before its execution is seen; until then those lots count as on their way (`untold_lots`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from xsmom.domain.effects import CancelOrder, FetchAccount, Severity
from xsmom.domain.events import OrderUpdated
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import LiveOrder, Phase
from xsmom.domain.trading import OrderView, Refusal, VenueFill
from xsmom.engine.execution.bench import Bench
from xsmom.engine.execution.ending import settle
from xsmom.engine.execution.table import TABLE, Happening, seen
from xsmom.engine.turn import Turn

_NOT_SENT = f"{Refusal.WATCHED.value}: "
"""How the reason of an order begins that was meant to go nowhere."""
_TOLD = {Phase.CANCELLED: Severity.INFO, Phase.REJECTED: Severity.WARNING, Phase.EXPIRED: Severity.WARNING}


def on_update(turn: Turn, event: OrderUpdated) -> None:
    """Word from the venue about an order; one that is not ours, or was forgotten long ago, is not looked at here."""
    bench = Bench(turn)
    order = bench.orders.get(event.order.client_order_id)
    if order is not None:
        see(bench, order, event.order)
        bench.put_back()


def on_fill(turn: Turn, fill: VenueFill) -> None:
    """One execution, once: progress of its order and its task."""
    bench = Bench(turn)
    order = bench.orders.get(fill.client_order_id)
    if order is None:
        return
    traded = order.traded_lots + fill.lots
    out = abs(traded) >= abs(order.request.lots)
    task = bench.task_of(order)
    if task is not None:
        bench.put_task(
            evolve(
                task,
                traded_lots=task.traded_lots + fill.lots,
                traded_price_lots=task.traded_price_lots + abs(fill.lots) * float(fill.price),
                fee_usdt=task.fee_usdt + float(fill.fee_usdt),
                refusals=0,
            )
        )
    advance(
        bench,
        order,
        Happening.TRADED_OUT if out else Happening.TRADED,
        filled_lots=traded,
        traded_lots=traded,
        order_id=order.order_id or fill.order_id,
        at_ms=max(order.at_ms, fill.at_ms),
        seen=True,
    )
    bench.put_back()


def see(bench: Bench, order: LiveOrder, view: OrderView) -> LiveOrder:
    """Merge what the venue shows of an order of ours."""
    if order.phase is Phase.REJECTED and not order.seen and not view.state.final:
        return _contradict(bench, order, view)
    request, newer = order.request, view.at_ms >= order.at_ms
    if abs(view.lots) < abs(request.lots) and view.lots * request.lots > 0:
        # A reducing order is cut by the venue when the position is smaller than it.
        request = replace(request, lots=view.lots)
    if newer and order.amend_asked_ms is None and None not in {view.price_ticks, request.price_ticks}:
        request = replace(request, price_ticks=view.price_ticks)
    news = {"doubted_ms": None, "lookups": 0} if newer else {}
    return advance(
        bench,
        order,
        seen(view.state),
        filled_lots=view.filled_lots,
        why=view.reason,
        request=request,
        order_id=view.order_id or order.order_id,
        at_ms=max(order.at_ms, view.at_ms),
        seen=True,
        **news,
    )


def advance(
    bench: Bench, order: LiveOrder, happening: Happening, *, filled_lots: int = 0, why: str = "", **news: Any
) -> LiveOrder:
    """Let something happen to an order: its phase by the table, its fill by the greater of what is known.

    `news` are fields of the order that are known anew.
    """
    before, phase = bench.orders[order.client_order_id], TABLE[order.phase, happening]
    filled = max(before.filled_lots, filled_lots, key=abs)
    ended = phase.final and not before.phase.final
    if ended:
        news |= {"final_ms": bench.now_ms, "why": why}
    if phase.final:
        news["doubted_ms"] = None
    order = bench.put_order(evolve(order, phase=phase, filled_lots=filled, **news))
    if ended and phase in _TOLD:
        _tell(bench, order)
    task = bench.task_of(order)
    if task is None:
        return order
    done = filled - before.filled_lots
    if done or ended or phase is not before.phase:
        bench.put_task(evolve(task, filled_lots=task.filled_lots + done, due_ms=bench.now_ms))
        _wake(bench, order.symbol)
    settle(bench, order.parent_id)
    return order


def _wake(bench: Bench, symbol: str) -> None:
    """Tasks that wait for others look again: those of the symbol, and those that wait for the other side."""
    for task in [one for one in bench.tasks.values() if one.waits_for]:
        if task.approved.intent.symbol == symbol or task.waits_for == "pair":
            bench.put_task(evolve(task, due_ms=min(task.due_ms, bench.now_ms)))


def _tell(bench: Bench, order: LiveOrder) -> None:
    bench.turn.note(
        f"order.{order.phase.value}",
        Severity.INFO if order.why.startswith(_NOT_SENT) else _TOLD[order.phase],
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        lots=order.request.lots,
        filled_lots=order.filled_lots,
        why=order.why,
    )


def _contradict(bench: Bench, order: LiveOrder, view: OrderView) -> LiveOrder:
    """The venue had refused it, and now shows it alive: nobody waits for it, so it is taken back, loudly."""
    bench.turn.note(
        "order.contradicted",
        Severity.ERROR,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        why=f"refused ({order.why}), and then seen {view.state.value}",
    )
    if not order.protective:
        bench.turn.send(CancelOrder(order.symbol, order.client_order_id))
    bench.turn.send(FetchAccount("an order that was refused is alive"))
    return advance(
        bench,
        evolve(order, order_id=view.order_id, at_ms=max(order.at_ms, view.at_ms), seen=True),
        seen(view.state),
        filled_lots=view.filled_lots,
    )
