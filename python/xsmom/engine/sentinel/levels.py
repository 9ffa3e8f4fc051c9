"""Where a stop stands: the kernel's level in whole ticks, and the emergency level where there is none.

    plan       stop_price, rounded to a tick away from the market: down for a long, up for a short
    emergency  base = min(entry, price) for a long, max for a short; distance = emergency_frac * base,
               or half the way from the price to liquidation if that is nearer

Levels of the kernel move at closes of bars only, and by its own least move: there is no second threshold here.
"""

from __future__ import annotations

import math
from decimal import Decimal

from xsmom.domain.book import Book
from xsmom.domain.orders import Intent
from xsmom.engine.rules import Rules
from xsmom.engine.sentinel.holdings import Holding

_SNAP = 1e-9
"""A level this near to a tick, in ticks, is that tick: division by a tick is not exact."""


def ticks_away(price: float, tick: Decimal, side: int) -> int:
    """Whole ticks of a level of a position of this side, away from the market; at least 1."""
    exact = price / float(tick)
    nearest = round(exact)
    if abs(exact - nearest) <= _SNAP * max(1.0, abs(exact)):
        return max(1, nearest)
    return max(1, math.floor(exact) if side > 0 else math.ceil(exact))


def is_tighter(ticks: int, than: int, side: int) -> bool:
    """Nearer to the market: higher for a long, lower for a short."""
    return side * ticks > side * than


def plan_ticks(holding: Holding) -> int | None:
    """The kernel's level; None where it has none, or where liquidation would come before it."""
    level = holding.stop_price
    if not level > 0.0 or not math.isfinite(level):
        return None
    if holding.side * level <= holding.side * holding.liquidation_price:
        return None
    return ticks_away(level, holding.tick, holding.side)


def emergency_ticks(holding: Holding, emergency_frac: float) -> int | None:
    """The level for a position without one; None when not a single price of it is known."""
    side = holding.side
    known = [price for price in (holding.entry_price, holding.price) if price > 0.0]
    if not known:
        return None
    base = min(known) if side > 0 else max(known)
    distance = emergency_frac * base
    room = side * (base - holding.liquidation_price)
    if room > 0.0:
        distance = min(distance, room / 2.0)
    return ticks_away(base - side * distance, holding.tick, side)


def is_crossed(holding: Holding, ticks: int) -> bool:
    """Whether the watched price has reached a level."""
    return holding.side * holding.price <= holding.side * float(ticks * holding.tick)


def entry_stop_ticks(book: Book, rules: Rules, intent: Intent) -> int | None:
    """The stop that goes out with an opening order; None where none can.

    It lies a little beyond the level that the fill will give, by what the price may be better than the
    reference, because a stop only ever tightens and the level that counts is the kernel's.
    """
    at = book.roster.index(intent.symbol)
    if at is None or intent.reduce_only or not rules.protect.enabled or not rules.protect.attach_stop:
        return None
    side = 1 if intent.lots > 0 else -1
    tick = book.roster.instruments[at].price_tick
    held = int(book.lots[at])
    if held * side > 0:
        # The stop is one for the whole position: an add must not move it.
        standing = book.protection.get(intent.symbol)
        if standing is not None and standing.goal_ticks is not None:
            return standing.goal_ticks
        level = float(book.positions["stop_price"][at])
        if level > 0.0:
            return ticks_away(level, tick, side)
    # The best price that may come of it, and the kernel's level there.
    price = intent.reference_price * (1.0 - side * max(rules.work.max_cross_frac, rules.work.offset_max_frac))
    if not price > 0.0:
        return None
    fields = rules.fields
    risk = (float(fields["stop_atr_x"]) or float(fields["catastrophic_atr_x"])) * intent.atr
    if not 0.0 < risk < price:
        risk = rules.protect.emergency_frac * price
    return ticks_away(max(price - side * risk, float(tick)), tick, side)
