"""Our own request budget: what an exchange allows, shared out by urgency.

The library's limiter is one queue, in which a stop waits behind the candles that were asked for before
it. Here every call names its lane; a lane waits only for itself and for lanes above it, and data never
take the last tenth of a window, so that a stop finds room at once.

A window `calls` per `span_ms` is held exactly: the n-th call leaves no earlier than `span_ms` after the
one n places before it, and a little later still, because calls that leave evenly may arrive bunched.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

_BUNCHING_S = 0.1  # how much closer together two calls may arrive than they left
_DATA_SHARE = 0.9


class Lane(IntEnum):
    """Urgency of a call; the lowest number goes first."""

    STOP = 0
    REDUCE = 1
    CANCEL = 2
    ENTRY = 3
    DATA = 4


@dataclass(frozen=True, slots=True)
class Window:
    """At most `calls` in any `span_ms`."""

    calls: int
    span_ms: int

    def per_second(self) -> float:
        """The rate that this comes to."""
        return self.calls * 1_000 / self.span_ms


@dataclass(slots=True)
class _Meter:
    """When the last calls under one window left."""

    window: Window
    left_s: deque[float] = field(default_factory=deque)
    closed_until_s: float = 0.0

    def free_at(self, lane: Lane) -> float:
        calls = self.window.calls
        if lane is Lane.DATA:
            calls = max(1, int(calls * _DATA_SHARE))
        if len(self.left_s) < calls:
            return self.closed_until_s
        return max(self.closed_until_s, self.left_s[-calls] + self.window.span_ms / 1_000 + _BUNCHING_S)

    def note(self, now_s: float) -> None:
        self.left_s.append(now_s)
        while len(self.left_s) > self.window.calls:
            self.left_s.popleft()


@dataclass(order=True, slots=True)
class _Waiter:
    lane: Lane
    number: int
    budget: str = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Limiter:
    """Lets calls go when every window has room, the most urgent first."""

    def __init__(
        self,
        shared: Sequence[Window],
        budgets: Mapping[str, Window],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = [_Meter(window) for window in shared]
        self._budgets = {name: _Meter(window) for name, window in budgets.items()}
        self._now_s = now_s
        self._numbers = itertools.count()
        self._queues: dict[tuple[Lane, str], deque[_Waiter]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self.calls_made = 0

    @property
    def data_per_second_max(self) -> float:
        """The rate that data can reach."""
        return min(meter.window.per_second() for meter in self._shared) * _DATA_SHARE

    async def take(self, lane: Lane, budget: str) -> None:
        """Wait for this call's turn."""
        turn = asyncio.get_running_loop().create_future()
        waiter = _Waiter(lane, next(self._numbers), budget, turn)
        self._queues.setdefault((lane, budget), deque()).append(waiter)
        self._let_go()
        await turn

    def told(self, budget: str, remaining: int, reset_in_ms: int) -> None:
        """The exchange's own count: with nothing left, this budget stays shut until its reset.

        No reset is further off than the window is long: a stamp of another clock must not shut the door for years.
        """
        meter = self._budgets.get(budget)
        if meter is not None and remaining <= 0:
            self.close_budget(budget, min(max(0, reset_in_ms), meter.window.span_ms) / 1_000)

    def close_budget(self, budget: str, seconds: float) -> None:
        """Let nothing of one budget go for a while."""
        meter = self._budgets.get(budget)
        if meter is not None:
            meter.closed_until_s = max(meter.closed_until_s, self._now_s() + seconds)

    def close_for(self, seconds: float) -> None:
        """Let nothing go for a while: the exchange asked for a pause."""
        until_s = self._now_s() + seconds
        for meter in self._shared:
            meter.closed_until_s = max(meter.closed_until_s, until_s)

    def _let_go(self) -> None:
        """Grant every turn that has come, and set the alarm for the next."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while True:
            waiter, wait_s = self._next()
            if waiter is None:
                break
            if wait_s > 0:
                self._alarm = asyncio.get_running_loop().call_later(wait_s, self._let_go)
                break
            self._grant(waiter)

    def _next(self) -> tuple[_Waiter | None, float]:
        """Whoever may go soonest; of those who may go now, the most urgent."""
        best: _Waiter | None = None
        best_wait_s = 0.0
        now_s = self._now_s()
        for waiter in sorted(head for queue in self._queues.values() if (head := _head(queue)) is not None):
            wait_s = max(0.0, self._free_at(waiter) - now_s)
            if best is None or wait_s < best_wait_s:
                best, best_wait_s = waiter, wait_s
        return best, best_wait_s

    def _free_at(self, waiter: _Waiter) -> float:
        own = self._budgets.get(waiter.budget)
        meters = self._shared if own is None else [*self._shared, own]
        return max(meter.free_at(waiter.lane) for meter in meters)

    def _grant(self, waiter: _Waiter) -> None:
        self._queues[waiter.lane, waiter.budget].popleft()
        now_s = self._now_s()
        own = self._budgets.get(waiter.budget)
        for meter in self._shared if own is None else [*self._shared, own]:
            meter.note(now_s)
        self.calls_made += 1
        waiter.turn.set_result(None)


def _head(queue: deque[_Waiter]) -> _Waiter | None:
    """The first who still waits; whoever gave up is dropped."""
    while queue and queue[0].turn.done():
        queue.popleft()
    return queue[0] if queue else None
