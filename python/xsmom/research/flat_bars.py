"""Why nothing was held: the bars at whose close a run was flat, shared out among what kept it out.

What a run decides up to a bar does not change with what comes after, so the reasons given in a stretch of
flat bars are those of the run that ends with it, less those of the run that ends before it: exact, at the
price of running again. A stretch is shared out among the reasons that stood behind its names. The longest
stretches are looked into; of the others some, evenly in time, that speak for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xsmom.kernel import REASON_TEXTS

LONGEST = 8
"""So many stretches are looked into one by one, and as many of those that are shorter."""

ENDED, WAITING = "ended", "between_rebalances"
_TEXTS = {
    ENDED: "The run had ended in bankruptcy or liquidation.",
    WAITING: "No decision fell into it: after an exit, until the next rebalance.",
}
# A name that ranks low stays out of any book; it does not make a book empty.
_IDLE = frozenset({"not_selected", "selected", "kept", "older_tranche"})
_NOT_THERE = frozenset({"not_listed", "delisted", "excluded", "not_included"})

Given = tuple[Counter[str], int]
"""How often each reason stood behind a name, and how many decisions were taken."""

Stretch = tuple[int, int]
"""First and last bar."""


class Cause(NamedTuple):
    """What kept a run out, and for which share of its flat bars."""

    key: str
    share_frac: float
    text: str


@dataclass(frozen=True)
class FlatBars:
    """Bars at whose close nothing was held, of all; the shares of `causes` add up to 1, greatest first.

    `told_from` of `stretches` were looked into; where they are fewer, the shares are estimates.
    """

    bars: int
    of_bars: int
    stretches: int
    told_from: int
    causes: tuple[Cause, ...]

    @property
    def share_frac(self) -> float:
        """Share of all bars."""
        return self.bars / self.of_bars

    def document(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "share_frac": self.share_frac, "causes": [cause._asdict() for cause in self.causes]}


def find_stretches(held: NDArray[np.bool_]) -> list[Stretch]:
    """Every stretch without a position."""
    edges = np.diff(np.concatenate(([False], ~held, [False])).astype(np.int8))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(first), int(end) - 1) for first, end in zip(firsts, ends, strict=True)]


def explain_flat_bars(
    held: NDArray[np.bool_], given_until: Callable[[int], Given], *, lag_bars: int, ended_at: int | None
) -> FlatBars:
    """Ask the run for its reasons around stretches of flat bars.

    `given_until(bars)` tells them of the run over the first so many bars, and `lag_bars` how many bars a
    decision is older than the first close at which its fills show.
    """
    stretches = find_stretches(held)
    end = len(held) if ended_at is None else ended_at
    over = [one for one in stretches if one[0] >= end]
    long, sampled, scale_x = _choose([one for one in stretches if one[0] < end])
    found: dict[str, float] = {ENDED: float(_count(over))} if over else {}
    for stretch, times in (*((one, 1.0) for one in long), *((one, scale_x) for one in sampled)):
        first, last = stretch
        shares = _share_out(given_until(last + 1 - lag_bars), given_until(first - lag_bars))
        for key, share in shares.items():
            found[key] = found.get(key, 0.0) + share * times * (last - first + 1)
    bars = _count(stretches)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    causes = tuple(Cause(key, count / bars, _TEXTS.get(key) or REASON_TEXTS[key].strip()) for key, count in ordered)
    return FlatBars(bars, len(held), len(stretches), len(over) + len(long) + len(sampled), causes)


def _choose(stretches: list[Stretch]) -> tuple[list[Stretch], list[Stretch], float]:
    """The longest, some of the others, and for how many bars each bar of these speaks."""
    ordered = sorted(stretches, key=lambda one: (one[0] - one[1], one[0]))
    long, short = ordered[:LONGEST], sorted(ordered[LONGEST:])
    places = np.unique(np.linspace(0, len(short) - 1, min(LONGEST, len(short))).astype(np.int64))
    sampled = [short[place] for place in places]
    return long, sampled, _count(short) / max(_count(sampled), 1)


def _count(stretches: list[Stretch]) -> int:
    return sum(last - first + 1 for first, last in stretches)


def _share_out(until: Given, before: Given) -> dict[str, float]:
    """Shares of the reasons given between two moments: of rules first, else of what is not tradable."""
    reasons = until[0] - before[0]
    if until[1] == before[1]:
        return {WAITING: 1.0}
    for ignored in (_IDLE | _NOT_THERE, _IDLE, frozenset[str]()):
        left = {key: times for key, times in reasons.items() if key not in ignored}
        if left:
            total = sum(left.values())
            return {key: times / total for key, times in left.items()}
    return {WAITING: 1.0}
