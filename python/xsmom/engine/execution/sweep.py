"""The sweep of stale orders: what has stood too long is taken back, and what the market has left behind is repriced."""

from __future__ import annotations

from xsmom.domain.effects import Severity
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import LiveOrder, Phase
from xsmom.engine.execution.bench import Bench
from xsmom.engine.execution.cancel import ask_cancel
from xsmom.engine.execution.price import touch_of
from xsmom.engine.turn import Turn

_PLACED = frozenset({Phase.WORKING, Phase.PARTIAL})


def sweep(bench: Bench) -> int:
    """Sweep when it is time; when it was last done."""
    work = bench.turn.rules.work
    if not is_time(bench.turn):
        return bench.book.swept_ms
    for order in bench.watched():
        if not _may_be_stale(order):
            continue
        if bench.now_ms - order.sent_ms >= work.stale_age_ms:
            _tell(bench, order, "age")
            ask_cancel(bench, order)
        elif _far_frac(bench, order) > work.stale_far_frac:
            _tell(bench, order, "distance")
            _reprice_next(bench, order)
    return bench.now_ms


def is_time(turn: Turn) -> bool:
    """Whether the next sweep is due."""
    work = turn.rules.work
    return work.stale_sweep and turn.now_ms - turn.book.swept_ms >= work.stale_every_ms


def sweep_due_ms(bench: Bench) -> list[int]:
    """When the next sweep is due, where anything stands that could be stale."""
    work = bench.turn.rules.work
    if not work.stale_sweep or not any(_may_be_stale(order) for order in bench.watched()):
        return []
    return [max(bench.book.swept_ms + work.stale_every_ms, bench.now_ms + 1)]


def _may_be_stale(order: LiveOrder) -> bool:
    return order.phase in _PLACED and not order.protective and order.cancel_asked_ms is None


def _far_frac(bench: Bench, order: LiveOrder) -> float:
    """How far its price lies behind the best of its side; 0 where that cannot be told."""
    touch, at = touch_of(bench.book, order.symbol, bench.now_ms), bench.book.roster.index(order.symbol)
    if touch is None or at is None or order.request.price_ticks is None:
        return 0.0
    side = 1 if order.request.lots > 0 else -1
    price = order.request.price_ticks * float(bench.book.roster.price_tick[at])
    return side * (touch.near(side) / price - 1.0)


def _reprice_next(bench: Bench, order: LiveOrder) -> None:
    """Its task moves it in this very step, or takes it back; without one it is nobody's, and goes."""
    task = bench.task_of(order)
    if task is None:
        ask_cancel(bench, order)
        return
    bench.put_order(evolve(order, priced_ms=0))
    bench.put_task(evolve(task, due_ms=bench.now_ms))


def _tell(bench: Bench, order: LiveOrder, by: str) -> None:
    bench.turn.note(
        "order.stale",
        Severity.WARNING,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        by=by,
        age_ms=bench.now_ms - order.sent_ms,
    )
