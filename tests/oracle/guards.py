"""The guards told from history: no state is carried, each moment looks back at all before it.

Straight from docs/explanation/guards.md. An event is `("moment", {...})`, `("stop", at_ms)` or
`("rearm", key)`.
"""

import math
from dataclasses import dataclass
from typing import Any

DAY_MS = 86_400_000
LATCHED = 2**63 - 1
BOOK_ACTION = {
    "daily_loss": "flatten",
    "emergency_loss": "block_entries",
    "drawdown": "flatten",
    "longterm_drawdown": "block_entries",
    "symbol_daily_loss": "none",
    "trade_loss": "none",
    "cvar": "block_entries",
    "stop_cluster": "block_entries",
}
STRICTNESS = ("none", "block_entries", "flatten")
Moment = dict[str, Any]
Events = list[tuple[str, Any]]


@dataclass
class Reading:
    """How one guard stands."""

    standing: str
    measure: float
    until_ms: int


def day_of(at_ms: int) -> int:
    """Midnight belongs to the day that it ends."""
    return (at_ms - 1) // DAY_MS


def loss(base: float, value: float) -> float:
    """Share of the base that is lost."""
    return 1.0 if base <= 0.0 else 1.0 - value / base


def known(events: Events) -> list[Moment]:
    """Moments with a value, in order."""
    return [e for kind, e in events if kind == "moment" and math.isfinite(e["unit_value"])]


def effective_days(moments: list[Moment]) -> list[int]:
    """The day of each moment; one that is late counts into the day in progress."""
    days: list[int] = []
    for moment in moments:
        days.append(max([day_of(moment["at_ms"]), *days[-1:]]))
    return days


def values_of_day(moments: list[Moment], days: list[int], upto: int) -> list[float]:
    """Values of the day of moment `upto`: what was known before it, then its own."""
    first = days.index(days[upto])
    before = moments[first - 1 if first else 0]["unit_value"]
    return [before] + [m["unit_value"] for m in moments[first : upto + 1]]


def reading(measure: float, until_ms: int, now_ms: int) -> Reading:
    """In force, unknown or clear."""
    if until_ms > now_ms:
        return Reading("fired", measure, until_ms)
    return Reading("unknown" if math.isnan(measure) else "clear", measure, 0)


def day_guard(events: Events, params: dict[str, Any], name: str, now: Moment) -> Reading:
    """Daily loss and emergency loss."""
    limit = params["daily_loss_max_frac" if name == "daily_loss" else "emergency_loss_frac"]
    moments = known(events)
    days = effective_days(moments)
    measures = []
    until, spent = 0, set()
    for at, moment in enumerate(moments):
        values = values_of_day(moments, days, at)
        high = name == "daily_loss" and params["daily_loss_base"] == "high"
        measures.append(loss(max(values) if high else values[0], values[-1]))
        if measures[-1] < limit:
            continue
        end = (days[at] + 1) * DAY_MS
        if name == "emergency_loss":
            until = end
        elif days[at] not in spent:
            until = max(end, moment["at_ms"] + params["daily_loss_pause_ms"])
        spent.add(days[at])
    measure = measures[-1] if measures and math.isfinite(now["unit_value"]) else math.nan
    return reading(measure, until, now["at_ms"])


def peak_guard(events: Events, params: dict[str, Any], name: str, now: Moment) -> Reading:
    """Drawdown and long-term drawdown: only what came after the last re-arming counts."""
    long = name == "longterm_drawdown"
    limit = params["longterm_drawdown_max_frac" if long else "drawdown_max_frac"]
    cut = max([at for at, e in enumerate(events) if e == ("rearm", name)], default=-1)
    before = known(events[: cut + 1])
    moments = known(events)
    days = effective_days(moments)
    start = len(before)
    latched, measure = False, math.nan
    for at in range(start, len(moments)):
        points = [(days[k], moments[k]["unit_value"]) for k in range(start, at + 1)]
        if start:
            points.insert(0, (days[start - 1], before[-1]["unit_value"]))
        # the value before a day is that day's first
        points += [(points[k + 1][0], points[k][1]) for k in range(len(points) - 1)]
        first = -math.inf if long else days[at] - params["drawdown_days"]
        measure = loss(max(v for day, v in points if day > first), moments[at]["unit_value"])
        latched = latched or measure >= limit
    if not math.isfinite(now["unit_value"]):
        measure = math.nan
    return reading(measure, LATCHED if latched else 0, 0)


def equity_at_open(events: Events) -> float:
    """Equity as last known before the first value of the day in progress."""
    moments = known(events)
    days = effective_days(moments)
    if not moments:
        return math.nan
    first = moments[days.index(days[-1])]
    every = [e for kind, e in events if kind == "moment"]
    place = next(at for at, e in enumerate(every) if e is first)
    if days.index(days[-1]) == 0:
        return float(first["equity_usdt"])
    equities = [e["equity_usdt"] for e in every[:place]]
    return float([e for e in equities if math.isfinite(e)][-1])


def share(loss_usdt: float, equity: float) -> float:
    """Share of equity that is lost."""
    return 1.0 if equity <= 0.0 and loss_usdt > 0.0 else loss_usdt / equity


def worst(losses: list[float]) -> float:
    """The largest loss; not known when one is not."""
    return math.nan if any(math.isnan(one) for one in losses) else max([0.0, *losses])


def symbol_guard(events: Events, params: dict[str, Any], now: Moment) -> tuple[Reading, list[int]]:
    """Loss of each symbol since the day's open."""
    limit = params["symbol_daily_loss_max_frac"]
    count = len(now["symbol_result_usdt"])
    paused, losses = [0] * count, [0.0] * count
    every = [at for at, (kind, _) in enumerate(events) if kind == "moment"]
    for at in every:
        upto = events[: at + 1]
        seen = [e for kind, e in upto if kind == "moment"]
        moments = known(upto)
        equity = equity_at_open(upto)
        days = effective_days(moments)
        first = moments[days.index(days[-1])] if moments else seen[0]
        before = seen[: next(k for k, e in enumerate(seen) if e is first)]
        for i in range(count):
            results = [e["symbol_result_usdt"][i] for e in before]
            results = [r for r in results if not math.isnan(r)]
            opened = results[-1] if results else seen[0]["symbol_result_usdt"][i]
            losses[i] = share(opened - seen[-1]["symbol_result_usdt"][i], equity)
            if losses[i] >= limit and days:
                paused[i] = (days[-1] + 1) * DAY_MS
    return reading(worst(losses), max([0, *paused]), now["at_ms"]), paused


def trade_guard(events: Events, params: dict[str, Any], now: Moment) -> tuple[Reading, list[bool]]:
    """Loss of each open position."""
    equity = equity_at_open(events)
    losses = [share(-result, equity) for result in now["trade_result_usdt"]]
    close = [one >= params["trade_loss_max_frac"] for one in losses]
    return reading(worst(losses), LATCHED if any(close) else 0, 0), close


def cvar_guard(params: dict[str, Any], now: Moment) -> Reading:
    """Expected shortfall of the held book for a day."""
    window, held = now["ret_window"][-240:], now["exposure_frac"]
    filled = sum(not all(math.isnan(ret) for ret in row) for row in window)
    if len(window) < 60 or filled < 0.95 * len(window) or any(math.isnan(e) for e in held):
        return Reading("unknown", math.nan, 0)
    for i, exposure in enumerate(held):
        present = sum(not math.isnan(row[i]) for row in window)
        if exposure != 0.0 and present < 0.95 * len(window):
            return Reading("unknown", math.nan, 0)
    book = sorted(
        sum(e * r for e, r in zip(held, row, strict=True) if e != 0.0 and not math.isnan(r)) for row in window
    )
    tail = 0.05 * len(book)
    whole = math.floor(tail + 1e-9)
    mean = (sum(book[:whole]) + (tail - whole) * book[whole]) / tail
    measure = max(0.0, -mean) * math.sqrt(DAY_MS / params["bar_ms"])
    return reading(measure, LATCHED if measure >= params["cvar_max_frac"] else 0, 0)


def cluster_guard(events: Events, params: dict[str, Any], now: Moment) -> Reading:
    """Stops in the window, those of an earlier firing left out."""
    until, counted, measure = 0, [], 0
    for kind, event in events:
        if kind == "stop":
            counted.append(event)
            counted = counted[-params["stop_cluster_count"] :]
        elif kind == "moment":
            since = event["at_ms"] - params["stop_cluster_window_ms"]
            counted = [at for at in counted if at > since]
            measure = len(counted)
            if measure >= params["stop_cluster_count"]:
                counted = []
                until = event["at_ms"] + params["stop_cluster_pause_ms"]
    return reading(float(measure), until, now["at_ms"])


def evaluate(events: Events, params: dict[str, Any]) -> dict[str, Any]:
    """The verdict at the last event, which is a moment."""
    now = events[-1][1]
    symbol, paused = symbol_guard(events, params, now)
    trade, close = trade_guard(events, params, now)
    found = {
        "daily_loss": day_guard(events, params, "daily_loss", now),
        "emergency_loss": day_guard(events, params, "emergency_loss", now),
        "drawdown": peak_guard(events, params, "drawdown", now),
        "longterm_drawdown": peak_guard(events, params, "longterm_drawdown", now),
        "symbol_daily_loss": symbol,
        "trade_loss": trade,
        "cvar": cvar_guard(params, now),
        "stop_cluster": cluster_guard(events, params, now),
    }
    actions = {
        name: {"fired": BOOK_ACTION[name], "unknown": "block_entries"}.get(one.standing, "none")
        for name, one in found.items()
    }
    action = max(actions.values(), key=STRICTNESS.index)
    by = None if action == "none" else next(name for name in actions if actions[name] == action)
    return {
        "action": action,
        "by": by,
        "standing": [one.standing for one in found.values()],
        "measure": [one.measure for one in found.values()],
        "until_ms": [one.until_ms for one in found.values()],
        "paused_until_ms": paused,
        "close": close,
    }


def guards_on(params: dict[str, Any]) -> list[str]:
    """Guards with a limit."""
    limits = {
        "daily_loss": "daily_loss_max_frac",
        "emergency_loss": "emergency_loss_frac",
        "drawdown": "drawdown_max_frac",
        "longterm_drawdown": "longterm_drawdown_max_frac",
        "symbol_daily_loss": "symbol_daily_loss_max_frac",
        "trade_loss": "trade_loss_max_frac",
        "cvar": "cvar_max_frac",
        "stop_cluster": "stop_cluster_count",
    }
    return [name for name, limit in limits.items() if params[limit] > 0]
