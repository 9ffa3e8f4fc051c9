"""What one step adds to the tables of readers: rows, made of the entry and of the book before and after it.

Pure: the journal writes them in the transaction of the entry.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np

from xsmom import kernel
from xsmom._core import value_book
from xsmom.domain.book import Book, Roster
from xsmom.domain.effects import Note, SendOrder
from xsmom.domain.events import (
    BarClosed,
    Event,
    FillSeen,
    FundingPaid,
    OrderLookedUp,
    OrderUpdated,
    Stage,
    TransferSeen,
    VenueReplied,
)
from xsmom.domain.journal import Entry
from xsmom.domain.orders import Intent, LiveOrder, Phase, Purpose, is_ours
from xsmom.domain.trading import FillKind, Rejected, VenueFill
from xsmom.store.chain import note_text

Row = dict[str, Any]


@dataclass(slots=True)
class Shown:
    """Rows by table. What is told twice (an execution, a transfer) is kept as it was told first."""

    fills: list[Row] = field(default_factory=list)
    funding: list[Row] = field(default_factory=list)
    transfers: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    equity: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    #: Client ids of orders that have left the book.
    left: list[str] = field(default_factory=list)


def show(entry: Entry, before: Book | None, after: Book) -> Shown:
    """All rows of a step."""
    shown = show_entry(entry)
    if before is None or before.orders is not after.orders:
        shown.orders = [*_orders(entry, before, after), *_ended(entry, before, after)]
        shown.left = [] if before is None else [key for key in before.orders if key not in after.orders]
    if _has_passed(entry.event, Stage.DECIDE, after.cycle.decided_ms):
        shown.decisions = _decisions(entry.seq, after)
    if _has_passed(entry.event, Stage.MARK, after.cycle.marked_ms):
        shown.equity = [_equity(entry.seq, after)]
    return shown


def show_entry(entry: Entry) -> Shown:
    """The rows that follow from the entry alone; they can be made again from the journal."""
    shown = Shown(notes=list(_notes(entry)))
    event = entry.event
    if isinstance(event, FillSeen | FundingPaid):
        if event.fill.kind is FillKind.FUNDING:
            shown.funding = [_funding(entry.seq, event.fill)]
        else:
            shown.fills = [_fill(entry.seq, event.fill)]
    shown.transfers = [_transfer(entry, note) for note in entry.notes if note.name == "transfer.seen"]
    return shown


def _has_passed(event: Event, stage: Stage, reached_ms: int) -> bool:
    """The step was this stage of a bar, and the book went through it."""
    return isinstance(event, BarClosed) and event.stage is stage and event.close_ms == reached_ms


def _fill(seq: int, fill: VenueFill) -> Row:
    return {
        "exec_id": fill.exec_id,
        "seq": seq,
        "at_ms": fill.at_ms,
        "symbol": fill.symbol,
        "kind": fill.kind.value,
        "client_order_id": fill.client_order_id,
        "order_id": fill.order_id,
        "lots": fill.lots,
        "price": str(fill.price),
        "fee_usdt": str(fill.fee_usdt),
        "is_maker": fill.is_maker,
    }


def _funding(seq: int, fill: VenueFill) -> Row:
    return {
        "exec_id": fill.exec_id,
        "seq": seq,
        "at_ms": fill.at_ms,
        "symbol": fill.symbol,
        "mark": str(fill.price),
        "paid_usdt": str(fill.fee_usdt),
    }


def _transfer(entry: Entry, note: Note) -> Row:
    """What was booked: the exchange's word, or that of the operator. What the base has already was not."""
    event, told = entry.event, note.fields
    if isinstance(event, TransferSeen):
        transfer_id, amount = event.transfer_id, event.amount_usdt
    else:
        transfer_id, amount = str(told["id"]), Decimal(repr(told["amount_usdt"]))
    return {"transfer_id": transfer_id, "seq": entry.seq, "at_ms": told["at_ms"], "amount_usdt": str(amount)}


def _orders(entry: Entry, before: Book | None, after: Book) -> Iterator[Row]:
    old = {} if before is None else before.orders
    sent = {effect.request.client_order_id: effect for effect in entry.effects if isinstance(effect, SendOrder)}
    for key, order in after.orders.items():
        if old.get(key) is not order:
            yield _order(entry.seq, order, _intent(sent.get(key), after, order), after.roster)


def _ended(entry: Entry, before: Book | None, after: Book) -> Iterator[Row]:
    """Orders that ended and left the book in one step: their last row is what the event says of them."""
    for key, order in ({} if before is None else before.orders).items():
        if key not in after.orders and not order.phase.final:
            ended = _end(entry.event, order)
            if ended is not None:
                yield _order(entry.seq, ended, _intent(None, before or after, order), after.roster)


def _end(event: Event, order: LiveOrder) -> LiveOrder | None:
    """An order after the event that ended it; None where the event says nothing of it."""
    if isinstance(event, FillSeen) and event.fill.client_order_id == order.client_order_id:
        filled = order.traded_lots + event.fill.lots
        phase = Phase.FILLED if filled == order.request.lots else Phase.CANCELLED
        return replace(order, phase=phase, filled_lots=filled)
    if isinstance(event, VenueReplied) and event.client_order_id == order.client_order_id:
        answer = event.answer
        return replace(order, phase=Phase.REJECTED, why=answer.text) if isinstance(answer, Rejected) else None
    if isinstance(event, OrderLookedUp) and event.client_order_id == order.client_order_id and event.order is None:
        return replace(order, phase=Phase.REJECTED, why="absent")
    view = event.order if isinstance(event, OrderUpdated | OrderLookedUp) else None
    if view is None or view.client_order_id != order.client_order_id or not view.state.final:
        return None
    filled = max(order.filled_lots, view.filled_lots, key=abs)
    return replace(order, phase=Phase(view.state.value), filled_lots=filled, why=view.reason, at_ms=view.at_ms)


def _intent(sent: SendOrder | None, book: Book, order: LiveOrder) -> Intent | None:
    """The intent behind an order: that of its sending, or of the task that still works on it."""
    if sent is not None:
        return sent.approved.intent
    task = book.tasks.get(order.parent_id)
    return None if task is None else task.approved.intent


def _order(seq: int, order: LiveOrder, intent: Intent | None, roster: Roster) -> Row:
    request = order.request
    trigger = None if request.trigger is None else request.trigger.price_ticks
    ticks = request.price_ticks if trigger is None else trigger
    protects = trigger is not None and is_ours(request.client_order_id)
    purpose = intent.purpose if intent else Purpose.PROTECT if protects else None
    return {
        "client_order_id": request.client_order_id,
        "seq": seq,
        "parent_id": order.parent_id,
        "symbol": request.symbol,
        "purpose": purpose.value if purpose else "",
        "style": intent.style.value if intent else "",
        "reference_price": _number(intent.reference_price) if intent else None,
        "lots": request.lots,
        "price": _price(roster, request.symbol, ticks),
        "reduce_only": request.reduce_only,
        "conditional": trigger is not None,
        "phase": order.phase.value,
        "filled_lots": order.filled_lots,
        "order_id": order.order_id,
        "sent_ms": order.sent_ms,
        "at_ms": order.at_ms,
        "why": order.why,
        "open": not order.phase.final,
    }


def _price(roster: Roster, symbol: str, ticks: int | None) -> str | None:
    at = bisect_left(roster.symbols, symbol)
    if ticks is None or at == len(roster.symbols) or roster.symbols[at] != symbol:
        return None
    return str(Decimal(ticks) * roster.instruments[at].price_tick)


def _decisions(seq: int, book: Book) -> list[Row]:
    cycle, names = book.cycle, book.names
    columns = (cycle.weight_frac, cycle.reasons, names.goal_lots, book.lots, names.mark)
    cells = (np.asarray(one).tolist() for one in columns)
    return [
        {
            "close_ms": cycle.decided_ms,
            "symbol": symbol,
            "seq": seq,
            "weight_frac": _number(weight_frac),
            "reason": kernel.REASONS.get(reason, str(reason)),
            "goal_lots": goal_lots,
            "lots": lots,
            "mark": _number(mark),
        }
        for symbol, weight_frac, reason, goal_lots, lots, mark in zip(book.roster.symbols, *cells, strict=False)
    ]


def _equity(seq: int, book: Book) -> Row:
    money = book.money
    net_usdt, gross_usdt = value_book(book.lots * book.roster.qty_step, book.names.mark)
    equity_usdt = money.cash_usdt + net_usdt
    numbers = {
        "equity_usdt": equity_usdt,
        "unit_value": equity_usdt / money.units if money.units else money.unit_value_last,
        "cash_usdt": money.cash_usdt,
        "gross_usdt": gross_usdt,
        "net_usdt": net_usdt,
        "fee_usdt": money.fee_usdt,
        "slippage_usdt": money.slippage_usdt,
        "funding_usdt": money.funding_usdt,
        "traded_usdt": money.traded_usdt,
        "transfers_usdt": money.transfers_usdt,
        "corrections_usdt": money.corrections_usdt,
    }
    cells = {name: _number(value) for name, value in numbers.items()}
    return {"close_ms": book.cycle.marked_ms, "seq": seq, **cells}


def _notes(entry: Entry) -> Iterator[Row]:
    for place, note in enumerate(entry.notes):
        yield {
            "seq": entry.seq,
            "place": place,
            "at_ms": entry.at_ms,
            "name": note.name,
            "severity": note.severity.value,
            "symbol": str(note.fields.get("symbol", "")),
            "body": note_text(note),
        }


def _number(value: float) -> float | None:
    """What a column holds: plain, and null for NaN."""
    return None if math.isnan(value) else float(value)
