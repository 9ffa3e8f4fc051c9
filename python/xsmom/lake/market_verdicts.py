"""Bars that were cut off for most names at once: what no series can tell about itself alone.

A program that stores the forming candle as if it were closed leaves bars whose close is somewhere on
the way. In a market that trades on, a bar opens where the one before closed; behind a bar that was cut
off it does not, and it does not for nearly all names at once.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from xsmom.lake.bar_verdicts import JudgedBars, suspect_cut
from xsmom.lake.findings import Mask, Stamps
from xsmom.lake.rules import HALF_FINISHED_NAMES


class CutOffCount:
    """Counts, bar by bar, how many names were seen and how many of them look cut off."""

    def __init__(self, bar_ms: int) -> None:
        self._bar_ms = bar_ms
        self._first = 0
        self._counts = np.zeros((2, 0), dtype=np.int32)  # seen, cut off

    def add(self, stamps: Stamps, cut: Mask) -> None:
        """Count one series: opens of the bars that tell anything, rising, and which of them look cut off."""
        if not stamps.size:
            return
        bars = stamps // self._bar_ms
        self._make_room(int(bars[0]), int(bars[-1]))
        self._counts[0, bars - self._first] += 1
        self._counts[1, bars[cut] - self._first] += 1

    def found(self) -> frozenset[int]:
        """Opens of the bars at which more than half of the names look cut off."""
        seen, cut = self._counts
        bars = np.flatnonzero((seen >= HALF_FINISHED_NAMES) & (2 * cut > seen)) + self._first
        return frozenset((bars * self._bar_ms).tolist())

    def _make_room(self, first: int, last: int) -> None:
        if not self._counts.size:
            self._first = first
        before = max(0, self._first - first)
        behind = max(0, last + 1 - self._first - self._counts.shape[1])
        if before or behind:
            self._counts = np.pad(self._counts, ((0, 0), (before, behind)))
            self._first -= before


def find_half_finished(series: Iterable[JudgedBars]) -> frozenset[int]:
    """Count all series of one market at once."""
    count: CutOffCount | None = None
    for judged in series:
        count = count or CutOffCount(judged.bar_ms)
        count.add(*suspect_cut(judged))
    return count.found() if count is not None else frozenset()
