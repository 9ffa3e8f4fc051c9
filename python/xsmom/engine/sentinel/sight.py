"""What the venue shows of a position's stop, in two independent views: the position's row, and the list of orders."""

from __future__ import annotations

from dataclasses import dataclass

from xsmom.domain.book import Book
from xsmom.domain.protection import Protection
from xsmom.domain.trading import OrderState, OrderView, PositionView
from xsmom.engine.rules import ProtectRules
from xsmom.engine.sentinel.holdings import Holding
from xsmom.engine.sentinel.levels import is_tighter


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at the stop of one position. Ticks are None where a view shows no stop that protects."""

    #: The venue shows the position as the book has it.
    confirmed: bool
    #: Level in the position's row, and of a live order that covers all of it.
    row_ticks: int | None
    order_ticks: int | None
    order_id: str
    #: Client id of the order behind `standing_ticks`; empty for a stop of the position.
    standing_id: str
    #: Level at which the position leaves whatever else stands; None when nothing is proved.
    standing_ticks: int | None
    #: The other leg of the position, which every request has to repeat.
    target_ticks: int | None
    #: Oldest time of the two views.
    seen_ms: int

    @property
    def naked(self) -> bool:
        """Neither view shows a stop."""
        return self.row_ticks is None and self.order_ticks is None


def look(book: Book, holding: Holding, kept: Protection, rules: ProtectRules) -> Sight:
    """Look once."""
    row = (book.venue.positions or {}).get(holding.symbol)
    orders = _covering(book, holding, rules)
    of_position = [one for one in orders if one.of_position]
    own = [one for one in orders if not one.of_position]
    row_ticks = _row_ticks(row, holding)
    stand_in = _tightest(own, holding)
    standing = next((one for one in of_position if row_ticks is not None and _ticks(one) == row_ticks), None)
    if standing is None and stand_in is not None and _is_journaled(book, stand_in):
        standing = stand_in
    shown = standing or _tightest(of_position, holding) or stand_in
    return Sight(
        confirmed=_is_confirmed(row, holding, kept),
        row_ticks=row_ticks,
        order_ticks=_ticks(shown),
        order_id=shown.order_id if shown else "",
        standing_ticks=_ticks(standing),
        standing_id=standing.client_order_id if standing and not standing.of_position else "",
        target_ticks=row.take_profit_ticks if row else None,
        seen_ms=min(book.venue.positions_ms, book.venue.orders_ms),
    )


def _is_confirmed(row: PositionView | None, holding: Holding, kept: Protection) -> bool:
    if row is None or row.lots * holding.side <= 0:
        return False
    return row.lots == holding.lots or (kept.fill_seq > 0 and row.seq >= kept.fill_seq)


def _row_ticks(row: PositionView | None, holding: Holding) -> int | None:
    if row is None or row.lots * holding.side <= 0 or row.stop_loss_ticks is None:
        return None
    return row.stop_loss_ticks if _is_right_side(row.stop_loss_ticks, holding) else None


def _is_right_side(ticks: int, holding: Holding) -> bool:
    """Beyond liquidation a stop protects nothing; on the market's other side it is a target."""
    level = float(ticks * holding.tick)
    if holding.side * level <= holding.side * holding.liquidation_price:
        return False
    base = holding.price if holding.price > 0.0 else holding.entry_price
    # A stop that the price has just reached is still one: it is being carried out.
    return not holding.side * level > holding.side * base * (1.0 + holding.side * 0.05)


def _covering(book: Book, holding: Holding, rules: ProtectRules) -> list[OrderView]:
    return [
        one
        for one in book.venue.stops.get(holding.symbol, ())
        if one.state is OrderState.UNTRIGGERED
        and one.trigger is not None
        and one.trigger.by is rules.trigger
        and one.trigger.rising == (holding.side < 0)
        and (one.reduce_only or one.of_position)
        and _covers(one, holding)
        and _is_right_side(one.trigger.price_ticks, holding)
    ]


def _covers(order: OrderView, holding: Holding) -> bool:
    """Opposite side and all of it; a stop of the position may tell no size, because it follows."""
    if order.of_position and not order.lots:
        return True
    return order.lots * holding.side < 0 and abs(order.lots - order.filled_lots) >= abs(holding.lots)


def _tightest(orders: list[OrderView], holding: Holding) -> OrderView | None:
    best: OrderView | None = None
    for one in orders:
        ticks, most = _ticks(one), _ticks(best)
        if ticks is not None and (most is None or is_tighter(ticks, most, holding.side)):
            best = one
    return best


def _is_journaled(book: Book, order: OrderView) -> bool:
    """A stand-in has no row: what we know of having sent it is the other view."""
    live = book.orders.get(order.client_order_id)
    return live is not None and not live.phase.final


def _ticks(order: OrderView | None) -> int | None:
    return order.trigger.price_ticks if order is not None and order.trigger is not None else None
