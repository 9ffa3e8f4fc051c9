"""The exchange's clock, as well as it can be known from here.

One measurement brackets the exchange's time between our sending and our receiving: it was right
somewhere in between, so its middle is wrong by half the round trip at most. The best of several is
kept. Between measurements our monotonic clock carries it on: a wall clock that is set meanwhile does
no harm.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from xsmom.errors import Unavailable

REFRESH_AFTER_S = 3_600.0
_SAMPLES = 3
_DRIFT_FRAC = 1e-4  # how fast two ordinary clocks may part


@dataclass(frozen=True, slots=True)
class Bearing:
    """What one measurement found."""

    exchange_ms: float
    at_s: float
    round_trip_ms: float
    #: Exchange minus our wall clock: above 0, ours is slow.
    skew_ms: float


class ExchangeClock:
    """Asks `ask` for the exchange's time when the last answer has grown old."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[int]],
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._ask, self._monotonic_s, self._wall_s = ask, monotonic_s, wall_s
        self._bearing: Bearing | None = None

    @property
    def known(self) -> bool:
        """Whether there is a measurement that is not too old."""
        return self._bearing is not None and self._age_s() < REFRESH_AFTER_S

    @property
    def skew_ms(self) -> float:
        """Exchange minus our wall clock when last measured."""
        return self._read().skew_ms

    @property
    def round_trip_ms(self) -> float:
        """The quickest round trip of the last measurement."""
        return self._read().round_trip_ms

    @property
    def error_ms(self) -> float:
        """How far `now_ms` may be off, drift since the measurement included."""
        return self._read().round_trip_ms / 2 + self._age_s() * _DRIFT_FRAC * 1_000

    def now_ms(self) -> int:
        """The exchange's time now."""
        bearing = self._read()
        return int(bearing.exchange_ms + (self._monotonic_s() - bearing.at_s) * 1_000)

    async def ensure(self) -> None:
        """Measure unless it was done lately."""
        if not self.known:
            await self.measure()

    async def measure(self) -> None:
        """Ask several times and keep the quickest answer."""
        self._bearing = min([await self._sample() for _ in range(_SAMPLES)], key=lambda one: one.round_trip_ms)

    async def _sample(self) -> Bearing:
        before_s, wall_s = self._monotonic_s(), self._wall_s()
        told_ms = await self._ask()
        after_s = self._monotonic_s()
        half_s = (after_s - before_s) / 2
        return Bearing(told_ms, before_s + half_s, 2_000 * half_s, told_ms - (wall_s + half_s) * 1_000)

    def _age_s(self) -> float:
        return self._monotonic_s() - self._read().at_s

    def _read(self) -> Bearing:
        if self._bearing is None:
            raise Unavailable("the exchange's clock was not measured yet: connect first")
        return self._bearing
