"""Slow, readable twin of the kernel's exits, written from docs/explanation/exits.md alone.

Everything is plain dicts and pure functions; nothing given is changed. NaN stands for "not known".

* ``params``: the exit parameters by the names of the kernel's ``Params``; `full_params` fills the rest.
* ``position``: the fields of the kernel's ``Position`` that exits use (see `FLAT`).
* ``bar``: ``open_ms close_ms open high low close``, and for closes also ``atr trail_ma slope_bps_day``.
* an *exit*: ``reason rung lots price bar_close_ms``; ``lots`` is the signed trade.

`run(events, params)` drives one symbol through a list of events, each a dict with ``kind``:
``fill`` (lots, price, atr, at_ms), ``tick`` (price, at_ms), ``range`` (bar), ``close`` (bar). Exits of ticks
and ranges are filled at once at their price. It returns one record an event: the exits, the round trips and the
position after it. A binding test feeds the same events to the kernel and compares record by record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.oracle.exit_params import full_params

Dict = dict[str, Any]

FLAT: Dict = {
    "lots": 0,
    "lots_initial": 0,
    "entry_price": math.nan,
    "cost_price_lots": 0.0,
    "realised_price_lots": 0.0,
    "entry_atr": math.nan,
    "r_usdt": math.nan,
    "best_price": math.nan,
    "stop_price": math.nan,
    "stop_by": None,
    "stop_moved_ms": 0,
    "breakeven_latched": False,
    "lock_step": 0,
    "rungs_hit": 0,
    "closing": None,
    "opened_ms": 0,
    "hold": False,
}

FIRES_ONCE = {
    "initial_stop",
    "catastrophic_stop",
    "emergency_stop",
    "breakeven",
    "profit_lock",
    "trailing_stop",
    "take_profit",
}


def side(position: Mapping[str, Any]) -> int:
    lots: int = position["lots"]
    return (lots > 0) - (lots < 0)


# ---- 1. fills ------------------------------------------------------------------------------------


def open_position(lots: int, price: float, atr: float, at_ms: int, params: Mapping[str, Any], *, hold: bool) -> Dict:
    d = 1 if lots > 0 else -1
    new = {
        **FLAT,
        "lots": lots,
        "lots_initial": lots,
        "entry_price": price,
        "best_price": price,
        "cost_price_lots": lots * price,
        "entry_atr": atr,
        "opened_ms": at_ms,
        "hold": hold,
    }
    has_strategy_stop = params["stop_atr_x"] > 0
    multiple = params["stop_atr_x"] if has_strategy_stop else params["catastrophic_atr_x"]
    if multiple == 0:
        return new
    r = multiple * atr
    new["stop_by"] = "initial_stop" if has_strategy_stop else "catastrophic_stop"
    if math.isnan(atr) or atr <= 0 or r >= price:
        r = 0.05 * price
        new["stop_by"] = "emergency_stop"
        new["entry_atr"] = math.nan
    new["r_usdt"] = r
    new["stop_price"] = price - d * r
    return new


def fold_fill(
    position: Mapping[str, Any],
    lots: int,
    price: float,
    atr: float,
    at_ms: int,
    params: Mapping[str, Any],
) -> Dict:
    """Return ``position``, ``round_trip`` (or None) and ``realised_price_lots`` of the fill."""
    params = full_params(params)
    pos = dict(position)
    held = pos["lots"]
    if lots == 0:
        return {"position": pos, "round_trip": None, "realised_price_lots": 0.0}
    if held == 0:
        new = open_position(lots, price, atr, at_ms, params, hold=pos["hold"])
        return {"position": new, "round_trip": None, "realised_price_lots": 0.0}
    if (held > 0) == (lots > 0):
        pos["lots"] = held + lots
        pos["cost_price_lots"] += lots * price
        pos["entry_price"] = pos["cost_price_lots"] / pos["lots"]
        pos["lots_initial"] = max(pos["lots_initial"], pos["lots"], key=abs)
        return {"position": pos, "round_trip": None, "realised_price_lots": 0.0}
    if abs(lots) < abs(held):
        cost = pos["cost_price_lots"] * (abs(lots) / abs(held))
        realised = -lots * price - cost
        pos["lots"] = held + lots
        pos["cost_price_lots"] -= cost
        pos["realised_price_lots"] += realised
        return {"position": pos, "round_trip": None, "realised_price_lots": realised}
    realised = held * price - pos["cost_price_lots"]
    trip = {
        "side": 1 if held > 0 else -1,
        "lots_max": abs(pos["lots_initial"]),
        "entry_price": pos["entry_price"],
        "exit_price": price,
        "opened_ms": pos["opened_ms"],
        "closed_ms": at_ms,
        "realised_price_lots": pos["realised_price_lots"] + realised,
        "exit": pos["closing"],
    }
    new = {**FLAT, "hold": pos["hold"]}
    rest = held + lots
    if rest != 0:
        new = open_position(rest, price, atr, at_ms, params, hold=pos["hold"])
    return {"position": new, "round_trip": trip, "realised_price_lots": realised}


# ---- 2. touches ----------------------------------------------------------------------------------


def bar_close_ms(at_ms: int, bar_ms: int) -> int:
    return (at_ms // bar_ms + 1) * bar_ms


def rung_level(position: Mapping[str, Any], distance: float, params: Mapping[str, Any]) -> float:
    entry: float = position["entry_price"]
    unit: float = position["r_usdt"] if params["ladder_unit"] == "r" else entry
    return entry + side(position) * distance * unit


def rung_lots(position: Mapping[str, Any], share: float) -> int:
    initial: int = abs(position["lots_initial"])
    return math.floor(share * initial + 1e-9)


def rung_cap_lots(position: Mapping[str, Any], params: Mapping[str, Any]) -> int | None:
    """Lots that the rungs taken still allow; None while no rung is taken."""
    params = full_params(params)
    if position["lots"] == 0 or position["rungs_hit"] == 0:
        return None
    taken = sum(rung_lots(position, q) for _, q in params["ladder"][: position["rungs_hit"]])
    initial: int = abs(position["lots_initial"])
    return max(initial - taken, 0)


# What is seen, at which price, and the price of the fill given the level that it touches.
Step = tuple[str, float, Callable[[float], float]]


def _trade(position: Mapping[str, Any], reason: str, rung: int, lots: int, price: float) -> Dict:
    return {"reason": reason, "rung": rung, "lots": -side(position) * lots, "price": price}


def _take_rungs(pos: Dict, left: int, step: Step, params: Mapping[str, Any]) -> list[Dict]:
    """Exits of the rungs that one price reaches; raises `rungs_hit`."""
    _, seen, fill = step
    d = side(pos)
    exits: list[Dict] = []
    if pos["closing"] is not None or pos["hold"]:
        return exits
    for number, (distance, share) in enumerate(params["ladder"], start=1):
        level = rung_level(pos, distance, params)
        if number <= pos["rungs_hit"]:
            continue
        if left == 0 or not d * seen >= d * level:
            break
        pos["rungs_hit"] = number
        lots = min(rung_lots(pos, share), left)
        left -= lots
        if lots > 0:
            exits.append(_trade(pos, "take_profit", number, lots, fill(level)))
    return exits


def _touch(
    position: Mapping[str, Any], steps: Iterable[Step], close_ms: int, params: Mapping[str, Any]
) -> tuple[Dict, list[Dict]]:
    """Walk through the steps until nothing is left."""
    pos = dict(position)
    exits: list[Dict] = []
    left = 0 if pos["closing"] in FIRES_ONCE else abs(pos["lots"])
    for step in steps:
        what, seen, fill = step
        stop = pos["stop_price"]
        taken: list[Dict] = []
        if what == "rungs":
            taken = _take_rungs(pos, left, step, params)
        elif left > 0 and side(pos) * seen <= side(pos) * stop:
            taken = [_trade(pos, pos["stop_by"], 0, left, fill(stop))]
        left -= sum(abs(one["lots"]) for one in taken)
        if taken and left == 0:
            pos["closing"] = taken[-1]["reason"]
        exits += [{**one, "bar_close_ms": close_ms} for one in taken]
    return pos, exits


def touch_tick(
    position: Mapping[str, Any], price: float, at_ms: int, params: Mapping[str, Any]
) -> tuple[Dict, list[Dict]]:
    """Position with its new flags, and the exits that one price causes."""
    params = full_params(params)

    def at_price(_level: float) -> float:
        return price

    steps: list[Step] = [("stop", price, at_price), ("rungs", price, at_price)]
    return _touch(position, steps, bar_close_ms(at_ms, params["bar_ms"]), params)


def presence(position: Mapping[str, Any], bar: Mapping[str, Any]) -> str:
    if math.isnan(bar["close"]) or position["opened_ms"] >= bar["close_ms"]:
        return "none"
    return "whole" if position["opened_ms"] <= bar["open_ms"] else "rest"


def touch_bar(
    position: Mapping[str, Any], bar: Mapping[str, Any], params: Mapping[str, Any]
) -> tuple[Dict, list[Dict]]:
    """Position with its new flags, and the exits of one bar in the pessimistic order."""
    params = full_params(params)
    d = side(position)
    worse, better = (bar["low"], bar["high"]) if d > 0 else (bar["high"], bar["low"])

    def at_level(level: float) -> float:
        return level

    def at_open(level: float) -> float:
        opened: float = bar["open"]
        return min(opened, level) if d > 0 else max(opened, level)

    steps: list[Step] = []
    lived = presence(position, bar)
    if lived == "whole":
        steps = [("stop", bar["open"], at_open), ("rungs", bar["open"], at_level)]
        steps += [("stop", worse, at_level), ("rungs", better, at_level)]
    elif lived == "rest":
        steps = [("stop", worse, at_level), ("rungs", bar["close"], at_level)]
    return _touch(position, steps, bar["close_ms"], params)


# ---- 3. the close of a bar -----------------------------------------------------------------------


def wanted_level(
    position: Mapping[str, Any], bar: Mapping[str, Any], params: Mapping[str, Any]
) -> tuple[float, str] | None:
    d = side(position)
    entry, r = position["entry_price"], position["r_usdt"]
    base = "initial_stop" if params["stop_atr_x"] > 0 else "catastrophic_stop"
    if math.isnan(position["entry_atr"]):
        base = "emergency_stop"
    levels: list[tuple[float, str]] = [(entry - d * r, base)]
    if position["breakeven_latched"]:
        levels.append((entry, "breakeven"))
    if position["lock_step"] > 0:
        _, lock = params["profit_locks_r"][position["lock_step"] - 1]
        levels.append((entry + d * lock * r, "profit_lock"))
    if params["trailing_enabled"]:
        chandelier = params["trail_kind"] == "chandelier"
        anchor = position["best_price"] if chandelier else bar["trail_ma"]
        levels.append((anchor - d * params["trail_atr_x"] * bar["atr"], "trailing_stop"))
    known = [pair for pair in levels if not math.isnan(pair[0])]

    def tightness(pair: tuple[float, str]) -> float:
        return d * pair[0]

    # max() keeps the first of equals, which is the rule for ties.
    return max(known, key=tightness) if known else None


def _decided(pos: Mapping[str, Any], bar: Mapping[str, Any], params: Mapping[str, Any]) -> str | None:
    d = side(pos)
    bars_held = bar["close_ms"] // params["bar_ms"] - pos["opened_ms"] // params["bar_ms"]
    if 0 < params["hold_bars_max"] <= bars_held:
        return "max_hold"
    gain = d * (pos["best_price"] - pos["entry_price"])
    late = 0 < params["no_progress_bars"] <= bars_held
    if late and gain < params["no_progress_min_r"] * pos["r_usdt"]:
        return "no_progress"
    against = d * bar["slope_bps_day"] < -params["regime_slope_min_bps_day"]
    if params["regime_flip_exit"] and against:
        return "regime_flip"
    return None


def close_bar(
    position: Mapping[str, Any], bar: Mapping[str, Any], params: Mapping[str, Any]
) -> tuple[Dict, list[Dict]]:
    """Position after the close, and the exit that it decides (a list of none or one)."""
    params = full_params(params)
    pos = dict(position)
    lived = presence(pos, bar)
    d = side(pos)
    if d == 0 or lived == "none":
        return pos, []
    better = bar["high"] if d > 0 else bar["low"]
    seen = better if lived == "whole" else bar["close"]
    pos["best_price"] = max(pos["best_price"], seen) if d > 0 else min(pos["best_price"], seen)
    if pos["hold"]:
        return pos, []

    gain = d * (pos["best_price"] - pos["entry_price"])
    if params["breakeven_after_r"] > 0 and gain >= params["breakeven_after_r"] * pos["r_usdt"]:
        pos["breakeven_latched"] = True
    for number, (at, _) in enumerate(params["profit_locks_r"], start=1):
        if number > pos["lock_step"]:
            if not gain >= at * pos["r_usdt"]:
                break
            pos["lock_step"] = number

    wanted = wanted_level(pos, bar, params)
    if wanted is not None:
        level, rule = wanted
        gained = d * (level - pos["stop_price"])
        first = math.isnan(pos["stop_price"])
        never_moved = pos["stop_moved_ms"] == 0
        waited_ms = bar["close_ms"] - pos["stop_moved_ms"]
        rested = never_moved or waited_ms >= params["stop_move_min_ms"]
        far = gained > 0 and gained >= params["stop_move_min_frac"] * bar["close"]
        if first or (far and rested):
            pos.update(stop_price=level, stop_by=rule, stop_moved_ms=bar["close_ms"])

    reason = None if pos["closing"] is not None else _decided(pos, bar, params)
    if reason is None:
        return pos, []
    pos["closing"] = reason
    told = {"rung": 0, "lots": -pos["lots"], "price": bar["close"], "bar_close_ms": bar["close_ms"]}
    return pos, [{"reason": reason, **told}]


def run(events: Iterable[Mapping[str, Any]], params: Mapping[str, Any]) -> list[Dict]:
    """Drive one symbol; exits of ticks and ranges fill at once, at their price."""
    pos: Dict = dict(FLAT)
    records = []
    for event in events:
        kind = event["kind"]
        exits: list[Dict] = []
        trips: list[Dict] = []
        if kind == "fill":
            folded = fold_fill(pos, event["lots"], event["price"], event["atr"], event["at_ms"], params)
            pos = folded["position"]
            trips = [folded["round_trip"]]
        elif kind == "close":
            pos, exits = close_bar(pos, event, params)
        else:
            is_tick = kind == "tick"
            at_ms = event["at_ms"] if is_tick else event["close_ms"]
            if is_tick:
                pos, exits = touch_tick(pos, event["price"], at_ms, params)
            else:
                pos, exits = touch_bar(pos, event, params)
            for told in exits:
                folded = fold_fill(pos, told["lots"], told["price"], math.nan, at_ms, params)
                pos = folded["position"]
                trips.append(folded["round_trip"])
        records.append({"exits": exits, "round_trips": [trip for trip in trips if trip], "position": dict(pos)})
    return records
