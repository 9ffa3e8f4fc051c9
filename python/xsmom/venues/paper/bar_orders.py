"""Orders that are filled whole at prices of bars: what waits, what became of each, and every execution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from xsmom.domain.trading import FillKind, OrderRequest, OrderState, OrderView, VenueFill
from xsmom.venues.paper.bar_account import Booked

ABSENT = "absent bar"
LEFT = "the position has left"
NOTHING_TO_REDUCE = "nothing to reduce"


@dataclass
class BarOrder:
    """One order and where it stands."""

    request: OrderRequest
    number: int
    lots: int
    due_bar: int
    created_ms: int
    at_ms: int
    filled_lots: int = 0
    price_lots: float = 0.0
    state: OrderState = OrderState.WORKING
    reason: str = ""

    def view(self) -> OrderView:
        """The order as the port shows it."""
        average = Decimal(self.price_lots / self.filled_lots) if self.filled_lots else None
        return OrderView(
            order_id=str(self.number),
            client_order_id=self.request.client_order_id,
            symbol=self.request.symbol,
            lots=self.lots,
            filled_lots=self.filled_lots,
            average_price=average,
            price_ticks=self.request.price_ticks,
            trigger=None,
            reduce_only=self.request.reduce_only,
            of_position=False,
            state=self.state,
            reason=self.reason,
            created_ms=self.created_ms,
            at_ms=self.at_ms,
        )


class BarOrders:
    """All orders of an account, by the names that it gave them."""

    def __init__(self) -> None:
        self.known: dict[str, BarOrder] = {}
        self.waiting: list[BarOrder] = []
        self.fills: list[VenueFill] = []
        self.changed: dict[str, BarOrder] = {}
        self._untold: dict[str, BarOrder] = {}
        self.order_numbers = 0

    def take_in(self, request: OrderRequest, due_bar: int, at_ms: int, *, waits: bool) -> BarOrder:
        """A new order."""
        self.order_numbers += 1
        order = BarOrder(request, self.order_numbers, request.lots, due_bar, at_ms, at_ms)
        self.known[request.client_order_id] = order
        if waits:
            self.waiting.append(order)
        self.note(order)
        return order

    def note(self, order: BarOrder) -> None:
        """An order has changed."""
        self.changed[order.request.client_order_id] = order
        self._untold[order.request.client_order_id] = order

    def due(self, bar: int) -> Iterator[BarOrder]:
        """Take out what waits for this bar, the oldest first."""
        ready = [order for order in self.waiting if order.due_bar <= bar]
        self.waiting = [order for order in self.waiting if order.due_bar > bar]
        yield from ready

    def cancel(self, order: BarOrder, reason: str, at_ms: int) -> None:
        """Take an order back."""
        self.waiting = [other for other in self.waiting if other is not order]
        order.state, order.reason, order.at_ms = OrderState.CANCELLED, reason, at_ms
        self.note(order)

    def drop(self, symbol: str, reason: str, at_ms: int) -> None:
        """Take back whatever waits for a name."""
        for order in [order for order in self.waiting if order.request.symbol == symbol]:
            self.cancel(order, reason, at_ms)

    def execution(self, order: BarOrder | None, symbol: str, kind: FillKind, done: Booked, at_ms: int) -> VenueFill:
        """Write one execution down. Numbers become decimals exactly, so that they can be turned back."""
        number = len(self.fills) + 1
        fill = VenueFill(
            exec_id=str(number),
            order_id="" if order is None else str(order.number),
            client_order_id="" if order is None else order.request.client_order_id,
            symbol=symbol,
            kind=kind,
            lots=done.lots,
            price=Decimal(done.price),
            fee_usdt=Decimal(done.fee_usdt),
            is_maker=False,
            seq=number,
            at_ms=at_ms,
            reference_price=Decimal(done.reference_price),
        )
        self.fills.append(fill)
        if order is not None:
            order.filled_lots += done.lots
            order.price_lots += done.lots * done.price
            order.at_ms = at_ms
        return fill

    def finish(self, order: BarOrder) -> None:
        """An order is as filled as it will be."""
        order.state = OrderState.FILLED
        self.note(order)

    def take_changed(self) -> list[OrderView]:
        """Orders that have changed since this was last asked."""
        changed, self.changed = self.changed, {}
        return [order.view() for order in changed.values()]

    def take_untold(self, *, show: bool) -> list[OrderView]:
        """Orders that have changed since listeners were last told; where nobody listens, none is shown."""
        untold, self._untold = self._untold, {}
        return [order.view() for order in untold.values()] if show else []
