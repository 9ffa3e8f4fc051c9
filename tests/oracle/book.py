"""The core's exits, guards, records and plan behind the shapes that the twins speak."""

import math
from typing import Any

import numpy as np

from tests.oracle.exit_params import full_params
from tests.oracle.params import DEFAULT_PARAMS as NEUTRAL
from xsmom import kernel

Dict = dict[str, Any]
CODES = {key: code for code, key in kernel.EXITS.items()}
REASON_CODES = {key: code for code, key in kernel.REASONS.items()}
KINDS = {0: None, 1: "cooldown", 2: "banned", 3: "streak", 4: "symbol_loss"}


def exit_core_params(params: Dict) -> kernel.Params:
    """Parameters of exits, the rest neutral."""
    known = full_params(params)
    for name in ("ladder", "profit_locks_r"):  # JSON makes lists of pairs
        known[name] = [tuple(pair) for pair in known[name]]
    return kernel.Params(**{**NEUTRAL, **{name: value for name, value in known.items() if name in NEUTRAL}})


def plain(positions: Dict, i: int) -> Dict:
    """One position as the twin has it."""
    found = {name: values[i].item() for name, values in positions.items()}
    for name in ("stop_by", "closing"):
        found[name] = kernel.EXITS.get(found[name])
    return found


def event_of(event: Dict, symbols: int, i: int) -> Dict:
    """A bar of one name as a bar of all; the others have none."""
    if event["kind"] == "tick":
        return {**event, "symbol": i}
    names = ("open", "high", "low", "close", "atr", "trail_ma", "slope_bps_day")
    rows = {name: np.full(symbols, math.nan) for name in names}
    for name in names:
        rows[name][i] = event[name]
    return {"kind": event["kind"], "close_ms": event["close_ms"], **rows}


def run_exits(events: list[Dict], params: Dict, symbols: int = 3, i: int = 1) -> list[Dict]:
    """The twin's `run`, by the core: name `i` of `symbols`."""
    core_params = exit_core_params(params)
    positions = kernel.flat_positions(symbols)
    records = []
    for event in events:
        exits: list[kernel.Exit] = []
        fills = []
        if event["kind"] == "fill":
            fills = [(event["lots"], event["price"], event["atr"], event["at_ms"])]
        else:
            positions, exits = kernel.advance_stops(positions, event_of(event, symbols, i), core_params)
            assert all(found.symbol == i for found in exits)
            if event["kind"] != "close":
                at_ms = event["at_ms"] if event["kind"] == "tick" else event["close_ms"]
                fills = [(found.lots, found.price, math.nan, at_ms) for found in exits]
        trips = []
        for lots, price, atr, at_ms in fills:
            positions, _, trip = kernel.fold_fill(positions, i, lots, price, atr, at_ms, core_params)
            trips += [trip] if trip else []
        told = [{k: v for k, v in found._asdict().items() if k != "symbol"} for found in exits]
        records.append({"exits": told, "round_trips": trips, "position": plain(positions, i)})
    return records


def plan(case: Dict, params: Dict) -> Dict:
    """The twin's `plan`, by the core."""
    codes = np.array([REASON_CODES[key] for key in case["reason"]], dtype=np.uint8)
    kinds = {"lots": np.int64, "lots_max": np.int64, "closing": np.bool_}
    book = {
        name: np.array(value, dtype=kinds.get(name, np.float64)) if isinstance(value, list) else value
        for name, value in case.items()
        if name not in ("weight_frac", "reason")
    }
    majors = {"majors": ["A"], "majors_count_min": 1} if params["router_enabled"] else {}
    found = kernel.plan(np.array(case["weight_frac"]), codes, book, kernel.Params(**{**NEUTRAL, **params, **majors}))
    assert (found["goal_lots"] == book["lots"] + found["order_lots"]).all()
    return {
        "goal_lots": found["goal_lots"].tolist(),
        "reason": [kernel.REASONS[code] for code in found["reasons"]],
        "legs": found["legs"],
    }


def moment_of(event: Dict) -> Dict:
    """A moment as arrays."""
    lists = {name: np.array(value) for name, value in event.items() if isinstance(value, list)}
    return {**event, **lists}


def run_guards(events: list[tuple[str, Any]], params: Dict, symbols: int) -> list[Dict]:
    """A verdict for each moment, by the core."""
    core_params = kernel.Params(**{**NEUTRAL, **params})
    state = kernel.new_guards(symbols)
    verdicts = []
    for kind, event in events:
        if kind == "stop":
            state = kernel.note_guard_stop(state, event, core_params)
        elif kind == "rearm":
            state, _ = kernel.rearm_guard(state, event)
        else:
            state, found = kernel.evaluate_guards(state, moment_of(event), core_params)
            standing, measure, _, until_ms = zip(*found["readings"].values(), strict=True)
            told = {"standing": list(standing), "measure": list(measure), "until_ms": list(until_ms)}
            named = {"paused_until_ms": state["paused_until_ms"].tolist(), "close": state["close"].tolist()}
            verdicts.append({"action": found["action"], "by": found["by"], **told, **named})
    return verdicts


def run_records(events: list[Dict], params: Dict, symbols: int) -> list[list[Any]]:
    """After each event, who is barred at its time, by the core."""
    core_params = exit_core_params(params)
    records = kernel.new_records(symbols)
    state = kernel.new_state(symbols, core_params)
    told = []
    for event in events:
        symbol, at_ms = event["symbol"], event["at_ms"]
        if event["kind"] == "trip":
            records = kernel.note_round_trip(records, symbol, event["net_usdt"], at_ms, core_params)
        else:
            side = 1 if event["side"] == 0 else -1
            records, flags = kernel.note_stop(records, state, symbol, side, at_ms, core_params)
            assert flags[symbol, event["side"]]
            state = {**state, "awaiting_reentry": flags}
        until, by = kernel.barred(records, at_ms)
        told.append(
            [[(int(u), KINDS[int(b)]) for u, b in zip(*one, strict=True)] for one in zip(until, by, strict=True)]
        )
    return told
