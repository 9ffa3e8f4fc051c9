"""The venue's list of open orders beside those that the book holds open."""

from __future__ import annotations

from xsmom.domain.effects import CancelOrder, LookupOrder, Severity
from xsmom.domain.events import OrderUpdated
from xsmom.domain.orders import Phase, is_ours
from xsmom.domain.trading import OrderView, Snapshot
from xsmom.engine import execution, reading
from xsmom.engine.reconcile.doubts import Doubts
from xsmom.engine.reconcile.invariants import Finding
from xsmom.engine.turn import Turn

_SHOWN = frozenset({Phase.ACKED, Phase.UNTRIGGERED, Phase.WORKING, Phase.PARTIAL})
"""Phases in which the venue must show an order; before them its own lookups are under way."""


def judge(turn: Turn, told: Snapshot[OrderView], doubts: Doubts) -> list[Finding]:
    """R3 to R6 and R10."""
    rows = [one for one in told.rows if one.symbol not in turn.book.ignored]
    findings: list[Finding] = []
    for view in sorted(rows, key=lambda one: (one.symbol, one.order_id)):
        if view.client_order_id in turn.book.orders:
            findings += _known(turn, view, doubts)
        elif not view.of_position:
            findings += _unknown(turn, view)
    findings += _missing(turn, {one.client_order_id for one in rows}, doubts)
    return findings


def _known(turn: Turn, view: OrderView, doubts: Doubts) -> list[Finding]:
    """An order of the book: what the list says of it is news like any other."""
    execution.on_update(turn, OrderUpdated(view))
    live = turn.book.orders.get(view.client_order_id)
    if live is None or abs(view.filled_lots) <= abs(live.traded_lots):
        return []
    text = f"{view.client_order_id} has filled {view.filled_lots} lots, the book knows of {live.traded_lots}"
    if doubts.is_believed(f"R10 {view.client_order_id}", text):
        doubts.settle(f"R10 {view.client_order_id}")
        reading.want_fills(turn, "an order has filled more than was told")
        return [Finding("R10", view.symbol, text)]
    reading.want_fills(turn, "an order has filled more than was told")
    return []


def _unknown(turn: Turn, view: OrderView) -> list[Finding]:
    """An order that no plan of this book made."""
    size = f"{view.lots} lots"
    if not is_ours(view.client_order_id):
        if turn.book.roster.index(view.symbol) is None:
            return []
        name = view.client_order_id or view.order_id
        return [Finding("R6", view.symbol, f"order {name} of {size} is not ours")]
    if view.created_ms >= turn.book.started_ms:
        text = f"order {view.client_order_id} of {size} has a name of ours and was not sent here"
        return [Finding("R4", view.symbol, f"{text}: is a second instance on this account?")]
    return _orphan(turn, view)


def _orphan(turn: Turn, view: OrderView) -> list[Finding]:
    name = view.client_order_id
    if view.trigger is not None and view.reduce_only:
        return []  # it protects what may be held: only the sentinel takes such an order back
    if turn.rules.agree.cancel_orphans:
        turn.send(CancelOrder(view.symbol, name))
        reading.want(turn, "an orphan was cancelled")
        turn.note("order.orphaned", Severity.WARNING, symbol=view.symbol, client_order_id=name, lots=view.lots)
    return [Finding("R3", view.symbol, f"order {name} of {view.lots} lots is left from before")]


def _missing(turn: Turn, shown: set[str], doubts: Doubts) -> list[Finding]:
    findings: list[Finding] = []
    for name in sorted(turn.book.orders):
        live = turn.book.orders[name]
        if live.phase not in _SHOWN or name in shown:
            continue
        if doubts.seen_ms - live.sent_ms < turn.rules.agree.visible_ms or live.symbol in turn.book.ignored:
            continue
        key, text = f"R5 {name}", f"order {name} is open in the book and not on the venue's list"
        if key not in doubts.before:
            turn.send(LookupOrder(live.symbol, name))
        if doubts.is_believed(key, live.phase.value):
            findings.append(Finding("R5", live.symbol, text))
    return findings
