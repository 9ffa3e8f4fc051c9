"""Orders and tasks on the bench: changed as often as a step needs, and put back into the book once."""

from __future__ import annotations

from dataclasses import dataclass, field

from xsmom.domain.book import Book
from xsmom.domain.evolve import evolve
from xsmom.domain.orders import LiveOrder, Style, Task, child_order_id
from xsmom.engine.turn import Turn


@dataclass(slots=True)
class Bench:
    """What the parts of this room share during one call."""

    turn: Turn
    orders: dict[str, LiveOrder] = field(init=False)
    tasks: dict[str, Task] = field(init=False)
    _tasks_in: dict[str, list[str]] | None = field(init=False, default=None)
    _orders_in: dict[str, list[str]] | None = field(init=False, default=None)
    _alone: set[str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.orders = dict(self.turn.book.orders)
        self.tasks = dict(self.turn.book.tasks)

    @property
    def book(self) -> Book:
        """The book as it was when the bench was laid; orders and tasks are here."""
        return self.turn.book

    @property
    def now_ms(self) -> int:
        """The moment of this step."""
        return self.turn.now_ms

    def put_order(self, order: LiveOrder) -> LiveOrder:
        """Take in a new or changed order."""
        name = order.client_order_id
        if name not in self.orders and self._orders_in is not None:
            self._orders_in.setdefault(order.symbol, []).append(name)
        self.orders[name] = order
        return order

    def put_task(self, task: Task) -> Task:
        """Take in a new or changed task."""
        name = task.approved.client_order_id
        if name not in self.tasks:
            self._alone = None
            if self._tasks_in is not None:
                self._tasks_in.setdefault(task.approved.intent.symbol, []).append(name)
        self.tasks[name] = task
        return task

    def drop_order(self, name: str) -> None:
        """Forget an order."""
        del self.orders[name]

    def drop_task(self, name: str) -> None:
        """Forget a task; its orders stay until they are forgotten themselves, and know what late executions are for."""
        task = self.tasks.pop(name)
        for order in self.orders_of(task):
            if order.traded_lots != order.request.lots:
                self.orders[order.client_order_id] = evolve(order, carries=task.approved)

    def orders_of(self, task: Task) -> list[LiveOrder]:
        """All orders of a task that are remembered, oldest first; their names are its own with a number."""
        name, orders = task.approved.client_order_id, self.orders
        if task.children == 1:
            return [orders[name]] if name in orders else []
        names = (child_order_id(name, child) for child in range(task.children))
        return [orders[one] for one in names if one in orders]

    def live_of(self, task: Task) -> list[LiveOrder]:
        """Those that may still fill."""
        return [order for order in self.orders_of(task) if not order.phase.final]

    def orders_in(self, symbol: str) -> list[LiveOrder]:
        """All orders in a symbol."""
        if self._orders_in is None:
            self._orders_in = {}
            for name, order in self.orders.items():
                self._orders_in.setdefault(order.symbol, []).append(name)
        return [self.orders[name] for name in self._orders_in.get(symbol, []) if name in self.orders]

    def tasks_in(self, symbol: str) -> list[Task]:
        """All tasks in a symbol."""
        if self._tasks_in is None:
            self._tasks_in = {}
            for name, task in self.tasks.items():
                self._tasks_in.setdefault(task.approved.intent.symbol, []).append(name)
        return [self.tasks[name] for name in self._tasks_in.get(symbol, []) if name in self.tasks]

    def task_of(self, order: LiveOrder) -> Task | None:
        """The task that an order belongs to."""
        return self.tasks.get(order.parent_id)

    def watched(self) -> list[LiveOrder]:
        """Orders that something may be due of: all but those that were sent whole, to be left alone until they end."""
        if self._alone is None:
            # One that ends takes its order with it.
            whole = Style.WHOLE
            self._alone = {name for name, task in self.tasks.items() if task.approved.intent.style is whole}
        return [order for order in self.orders.values() if order.parent_id not in self._alone]

    def put_back(self) -> None:
        """Give the book what has changed."""
        self.turn.put(orders=self.orders, tasks=self.tasks)
