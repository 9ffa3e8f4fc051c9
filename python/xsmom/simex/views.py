"""What a client may see yet: each view shows what happened a little later than it did.

An order that was acknowledged is not at once in the list of orders, a fill is known before the position
that contains it, history comes last. A bot that takes one view for the truth will be wrong on this
exchange, as it would be on the real one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from xsmom.errors import DataError

LAGS_MS = {"order_event": 1, "execution_event": 2, "wallet_event": 2, "position_event": 20} | {
    "realtime": 50,
    "execution": 2,
    "position": 20,
    "history": 500,
}
"""How late each view is; only `position_event` and below it are lists, the others are pushed."""

REALTIME_CLOSED_MAX = 500
HISTORY_MAX = 20_000

Row = dict[str, Any]


class Views:
    """The lists of one account as they are shown now."""

    def __init__(self, lags_ms: dict[str, int]) -> None:
        self._lags_ms = lags_ms
        self.open: dict[int, Row] = {}
        self.closed: dict[int, Row] = {}
        self.history: dict[int, Row] = {}
        self.executions: deque[Row] = deque(maxlen=HISTORY_MAX)
        self.positions: dict[int, Row] = {}

    def note_order(self, order: Row) -> None:
        """An order is as it is told here."""
        self.later("realtime", lambda: self._show_order(order))
        if _is_final(order):
            self.later("history", lambda: self._show_closed(order))

    def note_execution(self, execution: Row) -> None:
        """Something was executed."""
        self.later("execution", lambda: self.executions.append(execution))

    def note_position(self, position: Row) -> None:
        """A position is as it is told here."""
        self.later("position", lambda: self._show_position(position))

    def forget_closed(self) -> None:
        """A restart: closed orders are gone from the list of orders; history keeps them."""
        self.closed.clear()

    def orders(self) -> Iterator[Row]:
        """Open orders, the newest first."""
        return iter(sorted(self.open.values(), key=lambda order: -order["id"]))

    def newest_closed(self) -> Iterator[Row]:
        """Orders that were closed of late, the last one first."""
        return reversed(self.closed.values())

    def find(self, matches: Callable[[Row], bool]) -> Row | None:
        """Find an order among the open ones and the last closed ones."""
        for order in (*self.open.values(), *self.newest_closed()):
            if matches(order):
                return order
        return None

    def later(self, view: str, show: Callable[[], None]) -> None:
        """Show something once its view is due; at once where no clock runs."""
        lag_ms = self._lags_ms[view]
        try:
            loop = asyncio.get_running_loop() if lag_ms > 0 else None
        except RuntimeError:  # accounts are opened before the server runs
            loop = None
        if loop is None:
            show()
        else:
            loop.call_later(lag_ms / 1000, show)

    def _show_order(self, order: Row) -> None:
        known = self.open.get(order["id"])
        if known is not None and known["version"] > order["version"]:
            return
        if _is_final(order):
            self.open.pop(order["id"], None)
            self.closed[order["id"]] = order
            if len(self.closed) > REALTIME_CLOSED_MAX:
                del self.closed[next(iter(self.closed))]
        elif order["id"] not in self.closed:
            self.open[order["id"]] = order

    def _show_closed(self, order: Row) -> None:
        self.history[order["id"]] = order
        if len(self.history) > HISTORY_MAX:
            del self.history[next(iter(self.history))]

    def _show_position(self, position: Row) -> None:
        known = self.positions.get(position["symbol"])
        if known is None or known["version"] <= position["version"]:
            self.positions[position["symbol"]] = position


def _is_final(order: Row) -> bool:
    return order["state"] in ("filled", "cancelled")


def check_lag(lags_ms: dict[str, int], view: str, lag_ms: int) -> None:
    """Set how late a view is."""
    if view not in lags_ms:
        raise DataError(f"{view!r} is no view: one of {', '.join(lags_ms)}")
    if not 0 <= lag_ms <= 60_000:
        raise DataError(f"a lag of {lag_ms} ms is not possible: 0 to 60,000")
    lags_ms[view] = lag_ms
