"""A position of the venue that no execution explains becomes the book's, at the venue's entry price."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from xsmom.domain.effects import Severity
from xsmom.domain.tape import Held
from xsmom.domain.trading import FillKind, PositionView, VenueFill
from xsmom.engine import execution, money
from xsmom.engine.turn import Turn


def take_over(turn: Turn, at: int, row: PositionView | None, as_of_ms: int, *, by_hand: bool) -> None:
    """Make the book hold what the venue holds. What has left went at the mark: its real price nobody told."""
    book = turn.book
    symbol, held = book.roster.symbols[at], int(book.lots[at])
    lots = row.lots if row is not None else 0
    mark = _mark(turn, at, row)
    seq, at_ms = (row.seq, as_of_ms) if row is not None else (0, as_of_ms)
    for part, (some, price) in enumerate(_parts(turn, at, lots, row, mark)):
        money.fold_fill(turn, _fill(f"taken-{symbol}-{as_of_ms}-{part}", symbol, some, price, seq, at_ms))
    taken = {**turn.book.venue.taken, symbol: (seq, at_ms)}
    turn.put(venue=replace(turn.book.venue, taken=taken))
    severity = Severity.ERROR if by_hand else Severity.WARNING
    turn.note("position.taken_over", severity, symbol=symbol, lots=lots, before=held, by_hand=by_hand)
    if by_hand:
        hold(turn, symbol, f"the venue held {lots} lots, the book {held}")


def _parts(turn: Turn, at: int, lots: int, row: PositionView | None, mark: float) -> list[tuple[int, float]]:
    """Executions that lead from what the book holds to what the venue holds."""
    book = turn.book
    held, entry = int(book.lots[at]), _entry(row, mark)
    if held * lots <= 0:
        closing = [(-held, mark)] if held else []
        return [*closing, (lots, entry)] if lots else closing
    if abs(lots) <= abs(held):
        return [(lots - held, mark)]
    # More of the same side: at the price that makes the average the venue's.
    price = (lots * entry - float(book.positions["cost_price_lots"][at])) / (lots - held)
    return [(lots - held, price if price > 0.0 else mark)]


def _entry(row: PositionView | None, mark: float) -> float:
    return float(row.entry_price) if row is not None and row.entry_price is not None else mark


def _mark(turn: Turn, at: int, row: PositionView | None) -> float:
    book = turn.book
    if row is not None:
        return float(row.mark_price)
    quote = book.quotes.get(book.roster.symbols[at])
    if quote is not None:
        return float(quote.mark)
    mark = float(book.names.mark[at])
    return mark if mark > 0.0 else float(book.positions["entry_price"][at])


def _fill(name: str, symbol: str, lots: int, price: float, seq: int, at_ms: int) -> VenueFill:
    return VenueFill(
        exec_id=name,
        order_id="",
        client_order_id="",
        symbol=symbol,
        kind=FillKind.TRADE,
        lots=lots,
        price=Decimal(price),
        fee_usdt=Decimal(0),
        is_maker=False,
        seq=seq,
        at_ms=at_ms,
    )


def hold(turn: Turn, symbol: str, why: str) -> None:
    """Put a name under the owner's hand: protected, counted, and not traded until it is released."""
    at = turn.book.roster.index(symbol)
    if at is None:
        return
    if symbol not in turn.book.held_by_hand:
        turn.note("position.held", Severity.WARNING, symbol=symbol, why=why)
        execution.cancel_symbol(turn, symbol, why)
    turn.set_item("held_by_hand", symbol, why)
    _set_hold(turn, at, on=True)


def release(turn: Turn, symbol: str) -> bool:
    """Give a name back to the strategy; whether it was held."""
    at = turn.book.roster.index(symbol)
    if at is None or symbol not in turn.book.held_by_hand:
        return False
    turn.set_item("held_by_hand", symbol, None)
    _set_hold(turn, at, on=False)
    turn.note("position.released", symbol=symbol)
    return True


def _set_hold(turn: Turn, at: int, *, on: bool) -> None:
    held = np.array(turn.book.positions["hold"])
    held[at] = on
    turn.put(positions={**turn.book.positions, "hold": held})
    turn.record(Held(at, on))
