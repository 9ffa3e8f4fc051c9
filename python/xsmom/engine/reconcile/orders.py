"""The venue's list of open orders beside those that the book holds open."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.effects import CancelOrder, LookupOrder, Severity
from xsmom.domain.orders import Phase, is_ours
from xsmom.domain.trading import OrderView, Snapshot
from xsmom.engine import reading
from xsmom.engine.reconcile.invariants import Finding
from xsmom.engine.turn import Turn

_SHOWN = frozenset({Phase.ACKED, Phase.UNTRIGGERED, Phase.WORKING, Phase.PARTIAL})
"""Phases in which the venue must show an order; before them its own lookups are under way."""


def judge(turn: Turn, told: Snapshot[OrderView], seen_ms: int) -> list[Finding]:
    """R3 to R6 and R10."""
    rows = [one for one in told.rows if one.symbol not in turn.book.ignored]
    findings: list[Finding] = []
    for view in sorted(rows, key=lambda one: (one.symbol, one.order_id)):
        if view.client_order_id in turn.book.orders:
            findings += _known(turn, view)
        elif not view.of_position:
            findings += _unknown(turn, view)
    findings += _missing(turn, {one.client_order_id for one in rows}, seen_ms)
    return findings


def _known(turn: Turn, view: OrderView) -> list[Finding]:
    """An order of the book: what the list says of it is news like any other."""
    live = turn.book.orders[view.client_order_id]
    if abs(view.filled_lots) > abs(live.filled_lots):
        reading.want_fills(turn, f"fills of {view.client_order_id}")
        text = f"{view.client_order_id} has filled {view.filled_lots} lots, the book knows of {live.filled_lots}"
        return [Finding("R10", view.symbol, text)]
    if live.phase.value != view.state.value:
        turn.send(LookupOrder(view.symbol, view.client_order_id))
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
    if _protects(turn.book, view):
        return []
    if turn.rules.agree.cancel_orphans:
        turn.send(CancelOrder(view.symbol, name))
        turn.note("order.orphaned", Severity.WARNING, symbol=view.symbol, client_order_id=name, lots=view.lots)
    return [Finding("R3", view.symbol, f"order {name} of {view.lots} lots is left from before")]


def _protects(book: Book, view: OrderView) -> bool:
    """A conditional order that closes is a stop that stands in: never cancelled while anything may be held."""
    del book
    return view.trigger is not None and view.reduce_only


def _missing(turn: Turn, shown: set[str], seen_ms: int) -> list[Finding]:
    findings: list[Finding] = []
    for name in sorted(turn.book.orders):
        live = turn.book.orders[name]
        age_ms = seen_ms - max(live.sent_ms, live.at_ms if live.at_ms < seen_ms else 0)
        if live.phase in _SHOWN and name not in shown and age_ms >= turn.rules.agree.visible_ms:
            turn.send(LookupOrder(live.symbol, name))
            text = f"order {name} is open in the book and not on the venue's list"
            findings.append(Finding("R5", live.symbol, text))
    return findings
