"""Whether something grows: a robust slope over the later samples, and how much growth is none.

Theil and Sen's slope is the median of the slopes of all pairs: a burst, or a sawtooth of a collector, does not move it.
A row grows when even the lower end of the slope's 95 % interval, over the whole span that was fitted, is more than what
is allowed. So noise is no leak, a jump at the start is none, and a leak is one however slow, if the run is long enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

SETTLED_FRAC = 0.25
"""The first part of a run is not fitted: caches fill, and the first positions are opened."""

SAMPLES_MIN = 8
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Slope:
    """One row of samples, fitted."""

    name: str
    first: float
    median: float
    last: float
    most: float
    #: Units an hour of the exchange, and the lower end of its interval.
    per_hour: float
    per_hour_low: float
    hours: float
    allowed: float

    @property
    def growth(self) -> float:
        """What it comes to over the span that was fitted."""
        return self.per_hour * self.hours

    @property
    def grows(self) -> bool:
        """Whether it is surely more than is allowed."""
        return self.per_hour_low * self.hours > self.allowed


def fit(name: str, hours: Sequence[float], values: Sequence[float], allowed: float) -> Slope:
    """The slope of the later samples."""
    if len(values) < SAMPLES_MIN:
        raise ValueError(f"{len(values)} samples of {name} say nothing: run for longer")
    at, seen = np.asarray(hours, dtype=float), np.asarray(values, dtype=float)
    late = at >= at[0] + SETTLED_FRAC * (at[-1] - at[0])
    found = theilslopes(seen[late], at[late], alpha=0.95)
    return Slope(
        name=name,
        first=float(seen[0]),
        median=float(np.median(seen[late])),
        last=float(seen[-1]),
        most=float(seen.max()),
        per_hour=float(found.slope),
        per_hour_low=float(found.low_slope),
        hours=float(at[late][-1] - at[late][0]),
        allowed=allowed,
    )


def fit_all(samples: Sequence[Mapping[str, float]], allowed: Mapping[str, float]) -> list[Slope]:
    """Every row that has an allowance."""
    hours = [one["hours"] for one in samples]
    return [fit(name, hours, [one[name] for one in samples], most) for name, most in allowed.items()]


def sparkline(values: Sequence[float], width: int = 48) -> str:
    """A row of bars, from its least to its most."""
    if not values:
        return ""
    parts = np.array_split(np.asarray(values, dtype=float), min(width, len(values)))
    means = np.array([part.mean() for part in parts])
    least, span = means.min(), float(np.ptp(means))
    steps = np.zeros(len(means), dtype=int) if span == 0 else ((means - least) / span * (len(_BARS) - 1)).round()
    return "".join(_BARS[int(step)] for step in steps)


def table(slopes: Sequence[Slope], samples: Sequence[Mapping[str, float]]) -> str:
    """What was found, for people."""
    lines = [f"{'':22}{'first':>10}{'median':>10}{'last':>10}{'most':>10}{'growth':>10}{'allowed':>10}  in time"]
    for one in slopes:
        cells = (one.first, one.median, one.last, one.most, one.growth)
        shown = "".join(f"{cell:10.1f}" for cell in cells)
        mark = "  GROWS" if one.grows else ""
        line = sparkline([row[one.name] for row in samples])
        lines.append(f"{one.name:22}{shown}{one.allowed:10.1f}  {line}{mark}")
    return "\n".join(lines)
