"""The ramp of the first days as it is written, and what of it makes no sense."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xsmom.config.schema import Config


_NAMES = ("live.ramp_steps", "live.ramp_days")


def ramp_problems(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Settings that take part, the one to be changed first, and one sentence."""
    rows = config.live.ramp_steps
    if not rows:
        return
    days, shares = ([row[place] for row in rows] for place in (0, 1))
    if config.live.ramp_days:
        yield _NAMES[::-1], "live.ramp_days and live.ramp_steps are two ramps; keep one of them"
    elif days[0] != 0 or not all(low < high for some in (days, shares) for low, high in pairwise(some)):
        yield _NAMES[:1], "live.ramp_steps: days and shares must rise from row to row, and the first day is 0"
    elif not 0 < shares[0] <= shares[-1] <= 1:
        yield _NAMES[:1], "live.ramp_steps: shares of full size lie above 0 and up to 1, such as 0.25"
