"""Whose execution it is: ours, the exchange's stop of ours, the exchange's own, or somebody's hand."""

from __future__ import annotations

from xsmom.domain.book import Book
from xsmom.domain.orders import is_ours
from xsmom.domain.trading import FillKind, VenueFill
from xsmom.domain.words import Word

_NEAR_FRAC = 0.02
"""A stop is carried out at market: its fill may lie so far before its level, and anywhere beyond."""


class Origin(Word):
    """Where an execution comes from."""

    OURS = "ours"
    #: A stop of the position that stood on the exchange.
    STOP = "stop"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"
    ADL = "adl"
    DELIVERY = "delivery"
    #: The owner, or another program, traded by hand.
    HAND = "hand"
    #: An order with a name of ours that this book never sent.
    STRANGER = "stranger"


_BY_KIND = {
    FillKind.FUNDING: Origin.FUNDING,
    FillKind.LIQUIDATION: Origin.LIQUIDATION,
    FillKind.ADL: Origin.ADL,
    FillKind.DELIVERY: Origin.DELIVERY,
}


def origin(book: Book, fill: VenueFill) -> Origin:
    """Ask before the fill is folded."""
    by_kind = _BY_KIND.get(fill.kind)
    if by_kind is not None:
        return by_kind
    name = fill.client_order_id
    live = book.orders.get(name)
    if live is not None:
        # A rung knows what it carries out; a stop that stands in does not.
        return Origin.STOP if live.protective and live.carries is None else Origin.OURS
    if name in book.tasks:
        return Origin.OURS
    if _is_stop(book, fill):
        return Origin.STOP
    if is_ours(name):
        return Origin.STRANGER
    return Origin.HAND


def _is_stop(book: Book, fill: VenueFill) -> bool:
    kept = book.protection.get(fill.symbol)
    known = {one.order_id for one in book.venue.stops.get(fill.symbol, ()) if one.of_position}
    known |= set(kept.stop_order_ids) if kept else set()
    if fill.order_id and fill.order_id in known:
        return True
    at = book.roster.index(fill.symbol)
    if kept is None or at is None or fill.client_order_id:
        return False
    # Some exchanges carry a stop out under a new number: it closes, near the level or beyond it.
    held = int(book.lots[at])
    ticks = kept.stop_ticks if kept.stop_ticks is not None else kept.goal_ticks
    if held * fill.lots >= 0 or ticks is None:
        return False
    side = 1 if held > 0 else -1
    level = float(ticks * book.roster.instruments[at].price_tick)
    return side * float(fill.price) <= side * level * (1.0 + side * _NEAR_FRAC)


def is_contained(book: Book, fill: VenueFill) -> bool:
    """An execution that must not be folded: the book's position contains it, or it is none of the book's."""
    if fill.symbol in book.ignored:
        return True
    if fill.kind is FillKind.FUNDING:
        return fill.at_ms < book.first_ms
    if fill.client_order_id in book.orders:
        return False
    if fill.at_ms < book.first_ms or any(one.startswith("R2 ") for one in book.venue.mismatches):
        return True
    taken = book.venue.taken.get(fill.symbol)
    if taken is None:
        return False
    seq, at_ms = taken
    return fill.seq <= seq if seq and fill.seq else fill.at_ms <= at_ms
