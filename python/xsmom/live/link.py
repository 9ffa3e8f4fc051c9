"""The line to the exchange, measured: every call counted, timed, and its failure named.

While the breaker is not closed, calls that protect nothing leave one by one, far apart; what protects never waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from xsmom.domain.events import LinkChanged
from xsmom.domain.market_data import ClockSight
from xsmom.domain.trading import Unknown
from xsmom.errors import VenueError

T = TypeVar("T")

HELD_SPACING_S = 0.5
"""Between two calls that protect nothing, while calls are held: a hundred names have their bar within a minute."""


class LinkMeter:
    """Counts calls between two looks. The engine learns of the line by `LinkChanged` alone."""

    def __init__(self, speed: float = 1.0) -> None:
        self.streaming = False
        #: Why it does not stream.
        self.deaf = ""
        #: What the exchange says of an interruption that is under way; empty where there is none.
        self.maintenance = ""
        # Not measured is not known: whoever needs the clock refuses until it is.
        self.skew_ms = self.skew_bound_ms = math.nan
        self._calls = self._failures = 0
        self._spent_ns = 0
        self._why = ""
        self._spacing_s = HELD_SPACING_S / speed
        self._free = asyncio.Event()
        self._free.set()
        self._slot_s = 0.0

    @property
    def held(self) -> bool:
        """Whether what protects nothing is slowed, and nothing may be opened."""
        return not self._free.is_set()

    def hold(self, *, held: bool) -> None:
        """Slow what protects nothing, or free it; whoever waits goes at once then."""
        if held:
            self._free.clear()
        else:
            self._free.set()

    async def call(self, what: str, work: Callable[[], Awaitable[T]], *, can_wait: bool = False) -> T:
        """One call; a failure is counted and raised again. `can_wait`: it protects nothing."""
        if can_wait and self.held:
            await self._wait_turn()
        begun = time.monotonic_ns()
        try:
            answer = await work()
        except VenueError as error:
            self._fail(f"{what}: {error}")
            raise
        finally:
            self._calls += 1
            self._spent_ns += time.monotonic_ns() - begun
        if isinstance(answer, Unknown):
            self._fail(f"{what}: {answer.why}")
        return answer

    def note_clock(self, now_ms: int, sight: ClockSight | None) -> bool:
        """Our clock beside the exchange's, or None where it could not be read; whether that is news."""
        before_ms, error_ms = self.skew_ms, self.skew_bound_ms
        self.skew_ms = self.skew_bound_ms = math.nan
        if sight is not None:
            self.skew_ms, self.skew_bound_ms = now_ms - sight.exchange_ms, sight.error_ms
        if math.isnan(before_ms) or sight is None:
            return math.isnan(before_ms) != (sight is None)
        return abs(self.skew_ms - before_ms) > error_ms + self.skew_bound_ms

    async def _wait_turn(self) -> None:
        now_s = time.monotonic()
        self._slot_s = max(now_s, self._slot_s + self._spacing_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._free.wait(), self._slot_s - now_s)

    @property
    def failing(self) -> bool:
        """Whether something failed since the last look."""
        return self._failures > 0

    def look(self, at_ms: int) -> LinkChanged:
        """What the line was like since the last look."""
        mean = self._spent_ns / self._calls / 1e6 if self._calls else float("nan")
        seen = LinkChanged(
            at_ms=at_ms,
            calls=self._calls,
            failures=self._failures,
            lag_ms=mean,
            skew_ms=self.skew_ms,
            skew_bound_ms=self.skew_bound_ms,
            streaming=self.streaming,
            maintenance=bool(self.maintenance),
            why=self.maintenance or self._why or self.deaf,
        )
        self._calls = self._failures = 0
        self._spent_ns, self._why = 0, ""
        return seen

    def _fail(self, why: str) -> None:
        self._failures += 1
        self._why = self._why or why
