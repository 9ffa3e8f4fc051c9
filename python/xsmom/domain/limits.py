"""Bounds of size that a start settles: capital, largest order, ramp."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the size beside the strategy, as the newest start has settled it.

    What came by an option of a command is kept from start to start until another is given: a restart that forgot the
    option must not trade ten times the size.
    """

    #: Equity that may be sized by, and value of one order; None is no bound.
    capital_usdt: float | None = None
    order_usdt_max: float | None = None
    #: Points (time since the ramp began, share of full size) of the ramp; empty is none.
    ramp: tuple[tuple[int, float], ...] = ()
    #: Between points the share grows in a straight line; else it stays until the next.
    ramp_straight: bool = True
    ramp_since_ms: int = 0
    #: What an option said, and not the configuration.
    capital_option_usdt: float | None = None
    order_option_usdt: float | None = None
    ramp_by_option: bool = False

    def ramp_frac(self, now_ms: int) -> float:
        """Share of the full size that is allowed now."""
        if not self.ramp:
            return 1.0
        gone_ms = max(now_ms - self.ramp_since_ms, 0)
        at = max(bisect_right([point[0] for point in self.ramp], gone_ms) - 1, 0)
        begin_ms, share = self.ramp[at]
        if not self.ramp_straight or at + 1 == len(self.ramp):
            return share
        end_ms, next_share = self.ramp[at + 1]
        return min(share + (next_share - share) * (gone_ms - begin_ms) / (end_ms - begin_ms), next_share)

    def ramp_ended(self, now_ms: int) -> bool:
        """Whether its last point is reached."""
        return not self.ramp or now_ms - self.ramp_since_ms >= self.ramp[-1][0]
