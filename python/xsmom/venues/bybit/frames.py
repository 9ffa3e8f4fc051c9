"""From raw frames to events: read, sorted by what is newer, repeated ones dropped.

Rules, because frames may come twice, late or in another order than they happened:
* an execution counts once, by its id;
* an order's event counts if it says more than the last: more was filled, or it is final, or it is later;
  after a final one nothing counts;
* a position's row counts if its sequence number is not below the last one's;
* a frame that cannot be read is a gap.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from xsmom.domain.trading import Gap, OrderView, PositionView, VenueEvent, VenueFill
from xsmom.venues.bybit import account_rows
from xsmom.venues.bybit.account_rows import Scales

_REMEMBERED_MAX = 20_000
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

V = TypeVar("V")


class _Memory(Generic[V]):
    """The last so many keys, each with what was last told of it."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, V] = OrderedDict()

    def get(self, key: str) -> V | None:
        return self._told.get(key)

    def put(self, key: str, value: V) -> None:
        self._told[key] = value
        self._told.move_to_end(key)
        if len(self._told) > _REMEMBERED_MAX:
            self._told.popitem(last=False)


class Frames:
    """Reads one frame after the other."""

    def __init__(self, scales: Scales) -> None:
        self._scales = scales
        self._executions: _Memory[bool] = _Memory()
        self._orders: _Memory[OrderView] = _Memory()
        self._positions: _Memory[PositionView] = _Memory()
        self._strangers: set[str] = set()
        #: The exchange's time of the newest frame that was read.
        self.told_ms = 0

    def read(self, frame: str, heard_ms: int) -> Iterator[VenueEvent]:
        """Events of one frame; none for what is not an event of ours."""
        try:
            message = json.loads(frame)
            events = list(self._events(message)) if isinstance(message, dict) else []
        except _UNREADABLE as error:
            yield Gap(self.told_ms or heard_ms, f"a frame that cannot be read ({type(error).__name__}: {error})")
            return
        yield from events

    def _events(self, message: dict[str, Any]) -> Iterator[VenueEvent]:
        topic = message.get("topic")
        if topic is None:
            return  # an answer to us: pong, auth, subscribe
        at_ms = int(message["creationTime"])
        self.told_ms = max(self.told_ms, at_ms)
        rows = message["data"]
        if topic == "wallet":
            for row in rows:
                yield account_rows.account(row, at_ms)
            return
        readers: dict[str, Callable[[dict[str, Any]], Iterator[VenueEvent]]] = {
            "order": self._order,
            "execution": self._execution,
            "position": self._position,
        }
        read = readers[topic]
        for row in rows:
            yield from self._stranger(row, at_ms) if self._is_strange(row) else read(row)

    def _is_strange(self, row: dict[str, Any]) -> bool:
        return row["category"] != "linear" or row["symbol"] not in self._scales.contracts

    def _stranger(self, row: dict[str, Any], at_ms: int) -> Iterator[VenueEvent]:
        """Something of a contract that we do not know: said once, since it may be one that was just listed."""
        if row["category"] == "linear" and row["symbol"] not in self._strangers:
            self._strangers.add(row["symbol"])
            yield Gap(at_ms, f"an event of {row['symbol']}, which is none of the contracts that we know")

    def _execution(self, row: dict[str, Any]) -> Iterator[VenueFill]:
        fill = account_rows.fill(row, self._scales)
        if self._executions.get(fill.exec_id) is None:
            self._executions.put(fill.exec_id, True)
            yield fill

    def _order(self, row: dict[str, Any]) -> Iterator[OrderView]:
        order = account_rows.order(row, self._scales)
        if supersedes(order, self._orders.get(order.order_id)):
            self._orders.put(order.order_id, order)
            yield order

    def _position(self, row: dict[str, Any]) -> Iterator[PositionView]:
        position = account_rows.position(row, self._scales)
        last = self._positions.get(position.symbol)
        if last is None or (position.seq, position.at_ms) >= (last.seq, last.at_ms):
            self._positions.put(position.symbol, position)
            yield position


def supersedes(order: OrderView, last: OrderView | None) -> bool:
    """Whether an order's event says more than the last one told of it."""
    if last is None:
        return True
    if last.state.final or order == last:
        return False
    return _progress(order) >= _progress(last)


def _progress(order: OrderView) -> tuple[int, bool, int]:
    return abs(order.filled_lots), order.state.final, order.at_ms
