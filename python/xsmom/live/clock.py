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
