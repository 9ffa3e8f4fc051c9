"""Events of an account for whoever listens, each listener at its own pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable

from xsmom.domain.trading import Gap, VenueEvent

EVENTS_MAX = 100_000


class _Listener:
    """What one listener has not taken yet."""

    def __init__(self, began_ms: int) -> None:
        self.waiting: deque[VenueEvent] = deque([Gap(began_ms, "the stream begins")])
        self.something = asyncio.Event()
        self.something.set()


class Outlet:
    """Hands every event to every listener. One who is too slow gets a `Gap` in place of what he missed."""

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._events_max = events_max
        self._listeners: list[_Listener] = []

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def tell(self, events: Iterable[VenueEvent], at_ms: int) -> None:
        """Lay events out for every listener."""
        told = tuple(events)
        if not told:
            return
        for listener in self._listeners:
            if len(listener.waiting) + len(told) > self._events_max:
                listener.waiting.clear()
                listener.waiting.append(Gap(at_ms, f"more than {self._events_max} events waited"))
            else:
                listener.waiting.extend(told)
            listener.something.set()

    async def listen(self, began_ms: int) -> AsyncGenerator[VenueEvent, None]:
        """All that is told from now on; a `Gap` first, because what was before must be read."""
        listener = _Listener(began_ms)
        self._listeners.append(listener)
        try:
            while True:
                await listener.something.wait()
                listener.something.clear()
                while listener.waiting:
                    yield listener.waiting.popleft()
        finally:
            self._listeners.remove(listener)
