"""Bounds of size that a start settles: what the configuration says, and what options of earlier starts said.

An option (`xsmom live --capital 2000`) is remembered in the journal until another start says otherwise: a restart that
forgot it keeps the smaller size. A ramp goes on from when it began.
"""

from __future__ import annotations

from typing import TypeAlias

from xsmom.config.resolved import Resolved
from xsmom.domain.limits import Limits
from xsmom.engine.rules import Rules

Points: TypeAlias = tuple[tuple[int, float], ...]

_OPTION = ("--set", "set")
CAPITAL, ORDER, RAMP_DAYS, RAMP_STEPS = (
    "live.capital_usdt",
    "execution.max_order_usdt",
    "live.ramp_days",
    "live.ramp_steps",
)


def settle_limits(config: Resolved, rules: Rules, before: Limits | None, now_ms: int) -> Limits:
    """The bounds that hold from this start on; `before` are those of the newest one, None at a first start."""
    kept = before or Limits()
    capital, capital_option = _bound(config, CAPITAL, kept.capital_option_usdt)
    order, order_option = _bound(config, ORDER, kept.order_option_usdt)
    ramp, straight, since_ms, by_option = _ramp(config, rules, kept, now_ms)
    return Limits(
        capital_usdt=capital,
        order_usdt_max=order,
        ramp=ramp,
        ramp_straight=straight,
        ramp_since_ms=since_ms,
        capital_option_usdt=capital_option,
        order_option_usdt=order_option,
        ramp_by_option=by_option,
    )


def _bound(config: Resolved, name: str, kept: float | None) -> tuple[float | None, float | None]:
    """A bound as it holds now, and what of it an option has said."""
    written = config.value(name)
    given = None if written is None else float(str(written))
    if config.origin(name) in _OPTION:
        return given, given
    present = [one for one in (given, kept) if one is not None]
    return min(present, default=None), kept


def _ramp(config: Resolved, rules: Rules, kept: Limits, now_ms: int) -> tuple[Points, bool, int, bool]:
    """Points, whether they are joined by straight lines, since when, and whether an option asked for it."""
    points, straight = rules.pace.ramp, rules.pace.ramp_straight
    option = any(config.origin(name) in _OPTION for name in (RAMP_DAYS, RAMP_STEPS))
    goes_on = not kept.ramp_ended(now_ms)
    if not option and kept.ramp_by_option and goes_on:
        return kept.ramp, kept.ramp_straight, kept.ramp_since_ms, True
    same = points == kept.ramp and straight == kept.ramp_straight
    if points and kept.ramp_since_ms and (goes_on or same):
        return points, straight, kept.ramp_since_ms, option or (same and kept.ramp_by_option)
    return points, straight, now_ms, option
