"""Fills, funding and transfers into the book: cash, positions, records. A fill is the only way that lots change.

The arithmetic is that of the simulation, in its order, so that the same fills give the same bits: `paid = units *
price + fee`, units from whole lots, funding as the venue charged it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom import kernel
from xsmom.domain.book import Book, Columns
from xsmom.domain.effects import Severity
from xsmom.domain.events import Event, FillSeen, FundingPaid, TransferSeen
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import Approved
from xsmom.domain.tape import Corrected, Filled, Settled, Transferred
from xsmom.domain.trading import FillKind, VenueFill
from xsmom.engine.facts import mark_now
from xsmom.engine.guard_notes import tell_streak
from xsmom.engine.turn import Turn

_BASIS_AGE_MS = 300_000
"""A quote that is older says nothing about the basis at an entry."""
_CENT_USDT = 0.01
"""Less than this is what rounding leaves of an account that was emptied."""
_KEPT_MS = 3 * 86_400_000
"""Ids of executions are remembered so long after the newest one; a venue repeats none that is older."""


def equity_usdt(book: Book) -> float:
    """Cash and the value of every position at its mark."""
    return book.money.cash_usdt + value_usdt(book)[0]


def value_usdt(book: Book) -> tuple[float, float]:
    """Signed value and gross of what is held, at the marks."""
    return kernel.value_book(book.lots * book.roster.qty_step, book.names.mark)


def basis_bps(book: Book, symbol: str, now_ms: int) -> float:
    """Mark over spot index, basis points, by the newest quote; NaN where none is fresh or it tells no index."""
    quote = book.quotes.get(symbol)
    if quote is None or now_ms - quote.at_ms > _BASIS_AGE_MS or not quote.index > 0 or not quote.mark > 0:
        return float("nan")
    return float(quote.mark / quote.index - 1) * 1e4


def unit_value(book: Book) -> float:
    """Value of one share of the book: what results alone have moved."""
    return share_usdt(book, equity_usdt(book))


def share_usdt(book: Book, equity: float) -> float:
    """Value of one share at this equity; where everything was taken out, the last that there was."""
    money = book.money
    return equity / money.units if money.units > 0.0 else money.unit_value_last


def unit_value_now(book: Book) -> float:
    """The same at the newest quotes: what prices moved since the last close, they moved for the shares of then."""
    return share_usdt(book, equity_now_usdt(book))


def equity_now_usdt(book: Book) -> float:
    """Cash and what is held, at the newest quotes; at the last close where none has come."""
    held = np.flatnonzero(book.lots)
    values = (int(book.lots[at]) * float(book.roster.qty_step[at]) * mark_now(book, int(at)) for at in held)
    return book.money.cash_usdt + math.fsum(values)


def remember_fill(turn: Turn, fill: VenueFill) -> None:
    """An execution that the book holds already, by another way."""
    turn.put(fills_seen=_remember(turn.book.fills_seen, fill.exec_id, fill.at_ms))


def knows(book: Book, event: Event) -> bool:
    """An execution or settlement that the book has folded or set aside already, told once more: it changes nothing."""
    if not isinstance(event, FillSeen | FundingPaid):
        return False
    return book.fills_seen.get(event.fill.exec_id) == event.fill.at_ms


def remember_move(turn: Turn, move_id: str, at_ms: int) -> None:
    """A movement of the wallet that is known, and moves nothing here."""
    turn.put(transfers_seen=_remember(turn.book.transfers_seen, move_id, at_ms))


def fold_fill(turn: Turn, fill: VenueFill, *, stopped: bool = False) -> bool:
    """Take an execution into the book, once; whether it was new. `stopped`: the exchange's own stop made it."""
    book = turn.book
    if fill.exec_id in book.fills_seen:
        return False
    at, price, fee_usdt = book.roster.index(fill.symbol), float(fill.price), float(fill.fee_usdt)
    if at is None:
        remember_fill(turn, fill)
        turn.note("fill.foreign", Severity.ERROR, symbol=fill.symbol, lots=fill.lots, price=price)
        return True
    turn.put(
        fills_seen=_remember(book.fills_seen, fill.exec_id, fill.at_ms),
        last_fill_ms=max(book.last_fill_ms, fill.at_ms),
    )
    for part in _parts(book, at, fill, price, fee_usdt, stopped=stopped):
        _book(turn, part)
    turn.note(
        "order.filled" if fill.kind is FillKind.TRADE else f"fill.{fill.kind.value}",
        Severity.INFO if fill.kind is FillKind.TRADE else Severity.ERROR,
        symbol=fill.symbol,
        lots=fill.lots,
        price=price,
        fee_usdt=fee_usdt,
        maker=fill.is_maker,
        client_order_id=fill.client_order_id,
        at_ms=fill.at_ms,
    )
    return True


def fold_funding(turn: Turn, event: FundingPaid) -> None:
    """Take a settlement into the book, once."""
    fill, book = event.fill, turn.book
    if fill.exec_id in book.fills_seen:
        return
    turn.put(fills_seen=_remember(book.fills_seen, fill.exec_id, fill.at_ms))
    at = book.roster.index(fill.symbol)
    money, paid = book.money, float(fill.fee_usdt)
    cash = money.cash_usdt - paid
    turn.put(money=evolve(money, cash_usdt=cash, funding_usdt=money.funding_usdt + paid))
    turn.note("funding.paid", symbol=fill.symbol, paid_usdt=paid, at_ms=fill.at_ms)
    if at is None:
        turn.record(Corrected(-paid))
        return
    turn.record(Settled(at, paid))
    # What flowed is the difference of cash, rounding included: round trips then add up to it.
    received = cash - money.cash_usdt
    names = book.names
    turn.put(
        names=evolve(
            names,
            flow_usdt=_add(names.flow_usdt, at, received),
            trip_flow_usdt=_add(names.trip_flow_usdt, at, received),
            funding_usdt=_add(names.funding_usdt, at, paid),
        ),
        positions=_with(book.positions, "funding_usdt_cum", at, received),
    )


def fold_transfer(turn: Turn, event: TransferSeen) -> None:
    """Money moved in or out by the owner: shares of the book are bought or sold at their value now."""
    book = turn.book
    if event.transfer_id in book.transfers_seen:
        return
    amount, money = float(event.amount_usdt), book.money
    before = equity_now_usdt(book)
    value = share_usdt(book, before)
    # Out of nothing, or less, no share has a price: a new count goes on from the last one that had.
    left = money.units + amount / value if value > 0.0 else max(before + amount, 0.0) / money.unit_value_last
    last = value if value > 0.0 else money.unit_value_last
    if left * last < _CENT_USDT:
        left = 0.0
    turn.put(
        transfers_seen=_remember(book.transfers_seen, event.transfer_id, event.at_ms),
        money=evolve(
            money,
            cash_usdt=money.cash_usdt + amount,
            units=left,
            unit_value_last=last,
            transfers_usdt=money.transfers_usdt + amount,
        ),
    )
    turn.record(Transferred(amount, left, last))
    turn.note("transfer.seen", Severity.WARNING, id=event.transfer_id, amount_usdt=amount, at_ms=event.at_ms)


def approved_of(book: Book, fill: VenueFill) -> Approved | None:
    """The approved order that a fill carries out; None where no order of ours is behind it."""
    order = book.orders.get(fill.client_order_id)
    task = book.tasks.get(order.parent_id if order else fill.client_order_id)
    if task is not None:
        return task.approved
    return order.carries if order else None


def _parts(book: Book, at: int, fill: VenueFill, price: float, fee: float, *, stopped: bool) -> list[Filled]:
    held, lots, by = int(book.lots[at]), fill.lots, ""
    approved = approved_of(book, fill)
    intent = approved.intent if approved else None
    if intent is not None:
        by = intent.exit_by
    elif fill.kind is FillKind.DELIVERY:
        by = "delisted"
    elif stopped:
        by = kernel.EXITS.get(int(book.positions["stop_by"][at]), "")
    reference = _reference_price(fill, approved)
    atr = intent.atr if intent else float("nan")

    own = bool(by) and (intent is None or intent.touch_price is not None)

    def part(some: int, fee_usdt: float, exit_by: str) -> Filled:
        return Filled(at, some, price, fee_usdt, reference, atr, fill.at_ms, exit_by, own and bool(exit_by))

    if held and (held > 0) != (held + lots > 0) and held + lots:
        closing_fee = fee * abs(held) / abs(lots)
        return [part(-held, closing_fee, by), part(held + lots, fee - closing_fee, "")]
    return [part(lots, fee, by)]


def _reference_price(fill: VenueFill, approved: Approved | None) -> float:
    """Price that slippage is measured against: the filler's own, the exit's, or the one when it was decided."""
    if fill.reference_price is not None:
        return float(fill.reference_price)
    if approved is None:
        return float(fill.price)
    intent = approved.intent
    return intent.reference_price if intent.touch_price is None else intent.touch_price


def _book(turn: Turn, part: Filled) -> None:
    turn.record(part)
    book, at = turn.book, part.at
    step, before = float(book.roster.qty_step[at]), int(book.lots[at])
    units = float(part.lots) * step
    paid = units * part.price + part.fee_usdt
    slippage = units * (part.price - part.reference_price)
    money, names = book.money, book.names
    positions, _, ended = kernel.fold_fill(
        dict(book.positions), at, part.lots, part.price, part.atr, part.at_ms, turn.rules.params
    )
    if before == 0:
        entered = basis_bps(book, book.roster.symbols[at], part.at_ms)
        positions["basis_bps_entry"] = _set(positions["basis_bps_entry"], at, entered)
    trip_flow = -paid if before == 0 else float(names.trip_flow_usdt[at]) - paid
    mark = names.mark
    if before == 0 and np.isnan(mark[at]):
        mark = _set(mark, at, part.reference_price)
    turn.put(
        positions=positions,
        money=evolve(
            money,
            cash_usdt=money.cash_usdt - paid,
            fee_usdt=money.fee_usdt + part.fee_usdt,
            slippage_usdt=money.slippage_usdt + slippage,
            traded_usdt=money.traded_usdt + abs(units) * part.reference_price,
            fills=money.fills + 1,
        ),
        names=evolve(
            names,
            mark=mark,
            flow_usdt=_add(names.flow_usdt, at, -paid),
            trip_flow_usdt=_set(names.trip_flow_usdt, at, trip_flow),
            fee_usdt=_add(names.fee_usdt, at, part.fee_usdt),
            slippage_usdt=_add(names.slippage_usdt, at, slippage),
        ),
    )
    if before + part.lots == 0:
        _end_trip(turn, part, trip_flow, 1 if before > 0 else -1, ended)


def _end_trip(turn: Turn, part: Filled, net_usdt: float, side: int, ended: dict[str, Any] | None) -> None:
    book, rules, fields = turn.book, turn.rules, turn.rules.fields
    bar_ms = rules.pace.bar_ms
    closes_ms = (part.at_ms // bar_ms + 1) * bar_ms
    records: Columns = book.records
    if fields["streak_losses"] > 0 or fields["symbol_score_enabled"]:
        records = kernel.note_round_trip(dict(records), part.at, net_usdt, closes_ms, rules.params)
        tell_streak(turn, book.records, records, part.at)
    turn.put(records=records, cycle=evolve(book.cycle, exited=book.cycle.exited or part.on_its_own))
    if part.exit_by in kernel.STOP_EXITS:
        note_stop(turn, part.at, side, closes_ms)
    trip = ended or {}
    turn.note(
        "position.closed",
        symbol=book.roster.symbols[part.at],
        side="long" if side > 0 else "short",
        net_usdt=net_usdt,
        exit=part.exit_by or trip.get("exit") or "plan",
        at_ms=part.at_ms,
        opened_ms=trip.get("opened_ms"),
        lots_max=trip.get("lots_max"),
        entry_price=trip.get("entry_price"),
        exit_price=trip.get("exit_price"),
        funding_usdt=trip.get("funding_usdt_cum"),
    )


def note_stop(turn: Turn, at: int, side: int, closes_ms: int) -> None:
    """A stop has closed a position: bar its side, and let the guards count it."""
    book, params = turn.book, turn.rules.params
    records, awaiting = kernel.note_stop(dict(book.records), dict(book.decision), at, side, closes_ms, params)
    turn.put(
        records=records,
        decision={**book.decision, "awaiting_reentry": awaiting},
        guards=kernel.note_guard_stop(dict(book.guards), closes_ms, params),
    )


def _add(values: NDArray[np.float64], at: int, amount: float) -> NDArray[np.float64]:
    return _set(values, at, float(values[at]) + amount)


def _set(values: NDArray[np.float64], at: int, value: float) -> NDArray[np.float64]:
    after = values.copy()
    after[at] = value
    return after


def _with(columns: Columns, name: str, at: int, amount: float) -> Columns:
    return {**columns, name: _add(columns[name], at, amount)}


def _remember(seen: Any, key: str, at_ms: int) -> dict[str, int]:
    kept = dict(seen)
    kept[key] = at_ms
    if len(kept) % 512 == 0:
        newest = max(kept.values())
        kept = {name: ms for name, ms in kept.items() if newest - ms <= _KEPT_MS}
    return kept
