"""The exchange's clock: real time, real time made faster, or steps on command.

Market time is what bars, orders and funding carry. Signed requests are dated by their sender, whose
clock may be the real one or market time: either is accepted, so that a market of last year can be
traded with today's signatures.
"""

from __future__ import annotations

import time
from dataclasses import dataclass


def wall_ms() -> int:
    """Read this machine's clock."""
    return time.time_ns() // 1_000_000


_ON_THE_WAY_MS = 2_000


@dataclass
class VenueClock:
    """Market time: `start_ms` when made, then `speed` times as fast as the wall; 0 moves by steps only."""

    start_ms: int
    speed: float = 1.0
    #: What the exchange's own clock is wrong by, for tests of skew.
    skew_ms: int = 0

    def __post_init__(self) -> None:
        self._market_ms = float(self.start_ms)
        self._seen = time.monotonic()

    def now_ms(self) -> int:
        """Market time now."""
        self._settle()
        return int(self._market_ms)

    def advance_to(self, at_ms: int) -> None:
        """Jump ahead; never back."""
        self._settle()
        self._market_ms = max(self._market_ms, float(at_ms))

    def set_speed(self, speed: float) -> None:
        """Go on at another speed from here."""
        self._settle()
        self.speed = speed

    def told_ms(self) -> int:
        """Market time as the exchange tells it, wrong by its skew."""
        return self.now_ms() + self.skew_ms

    def is_timely(self, stamp_ms: int, window_ms: int) -> bool:
        """Whether a signed request is neither too old nor from the future, by either clock."""
        stretch = max(1.0, self.speed)
        for now_ms, factor in ((wall_ms(), 1.0), (self.now_ms(), stretch)):
            late_ms = now_ms + self.skew_ms - stamp_ms
            if -1000 * factor < late_ms <= window_ms * factor:
                return True
        return False

    def has_passed(self, at_ms: int) -> bool:
        """Whether a stamp of the sender's future is past; in time-lapse the way here takes market time too."""
        on_the_way_ms = _ON_THE_WAY_MS * (max(1.0, self.speed) - 1.0)
        return at_ms <= self.told_ms() - on_the_way_ms

    def wall_seconds_until(self, at_ms: int) -> float:
        """Real seconds until market time is there; infinite while it stands still."""
        left_ms = at_ms - self.now_ms()
        if left_ms <= 0:
            return 0.0
        return left_ms / 1000 / self.speed if self.speed > 0 else float("inf")

    def _settle(self) -> None:
        now = time.monotonic()
        self._market_ms += (now - self._seen) * 1000 * self.speed
        self._seen = now
