"""Clocks: the machine's own, and one that runs faster beside an exchange that does."""

from __future__ import annotations

import time
from dataclasses import dataclass


class SystemClock:
    """UTC of this machine."""

    speed = 1.0

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return time.time_ns() // 1_000_000


class SteadyClock:
    """UTC as this machine had it at the start, carried on by a clock that nobody sets.

    A step of the machine's clock would move every due time: one forward would wake all of them, and one back would put
    the checks of stops and account to sleep for as long. Sleep of the machine is counted. If the clock was wrong at the
    start the gate on the exchange's clock holds openings until the trader is started again.
    """

    speed = 1.0

    def __init__(self) -> None:
        self._start_ns = time.time_ns() - _unset_ns()

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return (self._start_ns + _unset_ns()) // 1_000_000


def _unset_ns() -> int:
    """A clock that no one sets, and that goes on while the machine sleeps, where there is such a one."""
    source = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if source is None else time.clock_gettime_ns(source)


@dataclass(slots=True)
class LapseClock:
    """Time that runs `speed` times as fast from `start_ms` on: for a simulated exchange in time-lapse."""

    start_ms: int
    speed: float
    began_ns: int = 0

    def __post_init__(self) -> None:
        """It starts when it is made."""
        self.began_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Its time now."""
        return self.start_ms + int((time.monotonic_ns() - self.began_ns) * self.speed / 1e6)

    def move_to(self, at_ms: int) -> None:
        """Go on from there, as the exchange that it runs beside was told to."""
        self.start_ms += at_ms - self.now_ms()
