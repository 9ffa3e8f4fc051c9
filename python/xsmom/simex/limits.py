"""Request budgets: so many calls in a rolling second for each key and kind of call, and for each address."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a budget after a call, or when the next one may come."""

    allowed: bool
    limit: int
    left: int
    reset_ms: int


@dataclass
class RollingLimit:
    """At most `limit` calls within `window_ms`."""

    limit: int
    window_ms: int = 1000
    _times: deque[float] = field(default_factory=deque)

    def take(self, now_ms: float, count: int = 1) -> Standing:
        """Count `count` calls, or refuse them all."""
        times = self._times
        while times and times[0] <= now_ms - self.window_ms:
            times.popleft()
        if len(times) + count > self.limit:
            reset_ms = int(times[0] + self.window_ms) if times else int(now_ms)
            return Standing(allowed=False, limit=self.limit, left=self.limit - len(times), reset_ms=reset_ms)
        times.extend([now_ms] * count)
        return Standing(allowed=True, limit=self.limit, left=self.limit - len(times), reset_ms=int(now_ms))


class Limits:
    """All budgets of one exchange. Off for load tests; `refused` counts what was turned away."""

    def __init__(self, *, enforced: bool = True) -> None:
        self.enforced = enforced
        self.refused = 0
        self._of: defaultdict[tuple[str, str], RollingLimit | None] = defaultdict(lambda: None)

    def take_some(self, who: str, what: str, limit: int, now_ms: float, count: int) -> tuple[Standing, int]:
        """Count as many of `count` rows as the budget has room for; say how many those are."""
        standing = self.take(who, what, limit, now_ms, count=count)
        if standing.allowed or not standing.left:
            return standing, count if standing.allowed else 0
        return self.take(who, what, limit, now_ms, count=standing.left), standing.left

    def take(
        self, who: str, what: str, limit: int, now_ms: float, *, window_ms: int = 1000, count: int = 1
    ) -> Standing:
        """Count a call of `who` against the budget of `what`."""
        budget = self._of[who, what]
        if budget is None or budget.limit != limit:
            budget = self._of[who, what] = RollingLimit(limit, window_ms)
        standing = budget.take(now_ms, count)
        if standing.allowed or self.enforced:
            self.refused += not standing.allowed
            return standing
        return Standing(allowed=True, limit=limit, left=0, reset_ms=int(now_ms))
