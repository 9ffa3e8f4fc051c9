"""Orders that would add to a position, taken back all at once."""

from __future__ import annotations

from dataclasses import replace

from xsmom.domain.effects import CancelOrder
from xsmom.domain.orders import Style
from xsmom.engine.facts import working_orders
from xsmom.engine.turn import Turn

_REPEAT_MS = 2_000


def cancel_entries(turn: Turn, why: str) -> None:
    """Give up every task that opens, and cancel what works for it."""
    tasks = {name: one for name, one in turn.book.tasks.items() if one.approved.intent.reduce_only}
    orders = dict(turn.book.orders)
    for order in list(working_orders(turn.book)):
        asked_ms = order.cancel_asked_ms
        if order.request.reduce_only or (asked_ms is not None and turn.now_ms - asked_ms < _REPEAT_MS):
            continue
        orders[order.client_order_id] = replace(order, cancel_asked_ms=turn.now_ms, why=why)
        turn.send(CancelOrder(order.symbol, order.client_order_id))
    turn.put(tasks=tasks, orders=orders)


def cancel_symbol(turn: Turn, symbol: str, why: str, keep: Style | None = None) -> None:
    """Give up every task of a symbol, and cancel its orders; tasks of one style may go on."""
    kept = {
        name: one
        for name, one in turn.book.tasks.items()
        if one.approved.intent.symbol != symbol or one.approved.intent.style is keep
    }
    orders = dict(turn.book.orders)
    for order in list(working_orders(turn.book)):
        asked_ms = order.cancel_asked_ms
        if order.symbol != symbol or order.parent_id in kept:
            continue
        if asked_ms is not None and turn.now_ms - asked_ms < _REPEAT_MS:
            continue
        orders[order.client_order_id] = replace(order, cancel_asked_ms=turn.now_ms, why=why)
        turn.send(CancelOrder(order.symbol, order.client_order_id))
    turn.put(tasks=kept, orders=orders)
