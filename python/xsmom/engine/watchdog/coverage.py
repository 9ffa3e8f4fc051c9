"""Which positions lack a stop on the exchange that covers all of them, seen from outside the trader's own book.

A stop counts when it is a live conditional order on the other side that can only reduce, that wakes at a loss and
before liquidation. A stop of the position itself follows its size, and must stand in the position's row as well:
two views that disagree are no proof. Other stops count by their quantity, and may add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from xsmom.domain.market_data import Instrument
from xsmom.domain.trading import OrderState, OrderView, PositionView
from xsmom.engine.watchdog.watch import Look

_REACHED = Decimal("1.05")
"""A stop that the price has passed by less than this is being carried out; by more, it is none."""


def uncovered(look: Look) -> tuple[PositionView, ...]:
    """Positions without such a stop. Asked only where positions and orders are both known."""
    assert look.positions is not None
    assert look.orders is not None
    return tuple(one for one in look.held if not _is_covered(one, look.orders, look.contracts.get(one.symbol)))


def _is_covered(position: PositionView, orders: Sequence[OrderView], contract: Instrument | None) -> bool:
    if contract is None:
        return False
    stops = [one for one in orders if one.symbol == position.symbol and _protects(one, position, contract)]
    if any(one.of_position and _covers_whole(one, position) for one in stops):
        return True
    own = sum(abs(one.lots) - abs(one.filled_lots) for one in stops if not one.of_position)
    return own >= abs(position.lots)


def _covers_whole(order: OrderView, position: PositionView) -> bool:
    assert order.trigger is not None
    if order.trigger.price_ticks != position.stop_loss_ticks:
        return False
    # A stop of the position may tell no size, because it follows.
    return not order.lots or abs(order.lots) - abs(order.filled_lots) >= abs(position.lots)


def _protects(order: OrderView, position: PositionView, contract: Instrument) -> bool:
    side = 1 if position.lots > 0 else -1
    trigger = order.trigger
    if order.state is not OrderState.UNTRIGGERED or trigger is None or trigger.rising != (side < 0):
        return False
    if not (order.reduce_only or order.of_position) or order.lots * side > 0:
        return False
    if not order.of_position and not order.lots:
        return False
    level = trigger.price_ticks * contract.price_tick
    liquidation = position.liquidation_price
    if liquidation is not None and side * level <= side * liquidation:
        return False
    mark = position.mark_price
    return level <= mark * _REACHED if side > 0 else level * _REACHED >= mark
