"""The Python twin of the kernel's exits on cases worked out by hand, and the file that Rust reads."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.exit_params import full_params
from tests.oracle.exits import (
    FLAT,
    bar_close_ms,
    close_bar,
    fold_fill,
    run,
    rung_cap_lots,
    touch_bar,
    touch_tick,
)
from tests.oracle.exits_cases import cases, written

HOUR_MS = 3_600_000
PLAIN = {"stop_atr_x": 2.0}
VECTORS = Path(__file__).parents[2] / "vectors" / "exits_twin.json"


def opened(lots: int, params: dict[str, Any], at_ms: int = 0) -> dict[str, Any]:
    """Opened at 100 with an ATR of 5: R is 10 with two multiples."""
    position: dict[str, Any] = fold_fill(FLAT, lots, 100.0, 5.0, at_ms, params)["position"]
    return position


def bar(hour: int, *prices: float, **features: float) -> dict[str, Any]:
    named = dict(zip(("open", "high", "low", "close"), prices, strict=True))
    unknown = {"atr": math.nan, "trail_ma": math.nan, "slope_bps_day": math.nan}
    times = {"open_ms": (hour - 1) * HOUR_MS, "close_ms": hour * HOUR_MS}
    return {**times, **named, **unknown, **features}


def told(exits: list[dict[str, Any]]) -> list[tuple[str, int, float]]:
    return [(one["reason"], one["lots"], one["price"]) for one in exits]


@pytest.mark.parametrize(
    ("lots", "atr", "params", "stop", "rule"),
    [
        (3, 5.0, PLAIN, 90.0, "initial_stop"),
        (-3, 5.0, PLAIN, 110.0, "initial_stop"),
        (3, 4.0, {}, 86.0, "catastrophic_stop"),
        (3, math.nan, PLAIN, 95.0, "emergency_stop"),
        (-3, 0.0, PLAIN, 105.0, "emergency_stop"),
        (3, 50.0, PLAIN, 95.0, "emergency_stop"),
    ],
)
def test_the_first_fill_places_the_stop(lots: int, atr: float, params: dict[str, Any], stop: float, rule: str) -> None:
    position = fold_fill(FLAT, lots, 100.0, atr, 0, params)["position"]
    assert (position["stop_price"], position["stop_by"]) == (stop, rule)
    assert math.isnan(position["entry_atr"]) == (rule == "emergency_stop")


def test_fills_average_reduce_flip_and_close() -> None:
    first = opened(10, PLAIN)
    added = fold_fill(first, 30, 108.0, 50.0, 1, PLAIN)["position"]
    assert (added["entry_price"], added["r_usdt"], added["stop_price"]) == (106.0, 10.0, 90.0)
    reduced = fold_fill(added, -10, 116.0, math.nan, 2, PLAIN)
    assert reduced["realised_price_lots"] == 100.0
    assert (reduced["position"]["entry_price"], reduced["position"]["lots_initial"]) == (106.0, 40)
    flipped = fold_fill(reduced["position"], -35, 104.0, 3.0, 3, PLAIN)
    assert flipped["realised_price_lots"] == -60.0
    assert flipped["round_trip"]["realised_price_lots"] == 40.0
    assert (flipped["position"]["lots"], flipped["position"]["stop_price"]) == (-5, 110.0)
    closed = fold_fill(flipped["position"], 5, 100.0, math.nan, 4, PLAIN)
    assert (closed["position"]["lots"], closed["realised_price_lots"]) == (0, 20.0)


@pytest.mark.parametrize(
    ("lots", "prices", "exits"),
    [
        (4, (95.0, 96.0, 90.0, 95.0), [("initial_stop", -4, 90.0)]),
        (4, (95.0, 96.0, 90.01, 95.0), []),
        (4, (88.0, 97.0, 80.0, 95.0), [("initial_stop", -4, 88.0)]),
        (-4, (112.0, 115.0, 99.0, 100.0), [("initial_stop", 4, 112.0)]),
        (4, (100.0, 115.0, 85.0, 100.0), [("initial_stop", -4, 90.0)]),
        (4, (112.0, 115.0, 85.0, 99.0), [("take_profit", -2, 110.0), ("initial_stop", -2, 90.0)]),
        (4, (100.0, 125.0, 95.0, 99.0), [("take_profit", -2, 110.0), ("take_profit", -1, 120.0)]),
        (4, (math.nan,) * 4, []),
    ],
)
def test_bars_are_walked_in_the_pessimistic_order(
    lots: int, prices: tuple[float, ...], exits: list[tuple[str, int, float]]
) -> None:
    params = {**PLAIN, "ladder": [(1.0, 0.5), (2.0, 0.25)]}
    assert told(touch_bar(opened(lots, params), bar(2, *prices), params)[1]) == exits


def test_the_rest_of_the_entry_bar_counts_its_worse_extreme_and_its_close() -> None:
    params = {**PLAIN, "ladder": [(1.0, 0.5)]}
    inside = opened(4, params, at_ms=HOUR_MS // 2)
    assert told(touch_bar(inside, bar(1, 80.0, 120.0, 89.0, 100.0), params)[1]) == [("initial_stop", -4, 90.0)]
    assert touch_bar(inside, bar(1, 100.0, 120.0, 95.0, 105.0), params)[1] == []
    assert close_bar(inside, bar(1, 100.0, 120.0, 95.0, 105.0), params)[0]["best_price"] == 105.0


def test_touches_are_state_and_fire_once() -> None:
    params = {**PLAIN, "ladder": [(0.5, 0.25), (1.0, 0.25)]}
    position, exits = touch_tick(opened(10, params), 106.0, 5, params)
    assert told(exits) == [("take_profit", -2, 106.0)]
    assert exits[0]["bar_close_ms"] == HOUR_MS
    assert rung_cap_lots(position, params) == 8
    assert touch_tick(position, 106.0, 6, params)[1] == []
    position, exits = touch_tick(position, 90.0, 7, params)
    assert told(exits) == [("initial_stop", -10, 90.0)]
    assert touch_tick(position, 80.0, 8, params)[1] == []


def test_breakeven_and_locks_survive_a_return_to_the_entry() -> None:
    params = {**PLAIN, "breakeven_after_r": 0.5, "profit_locks_r": [(1.5, 0.5), (2.5, 1.2)]}
    position, _ = close_bar(opened(5, params), bar(1, 100.0, 105.0, 95.0, 96.0), params)
    assert (position["stop_price"], position["stop_by"]) == (100.0, "breakeven")
    position, _ = close_bar(position, bar(2, 100.0, 126.0, 100.0, 101.0), params)
    position, _ = close_bar(position, bar(3, 100.0, 101.0, 99.0, 100.0), params)
    assert (position["stop_price"], position["lock_step"]) == (112.0, 2)


def test_the_trail_never_loosens_and_small_moves_are_not_sent() -> None:
    params = {**PLAIN, "trailing_enabled": True, "stop_move_min_frac": 0.01}
    position = opened(5, params)
    for hour, high, atr, stop in [
        (1, 110.0, 4.0, 106.0),
        (2, 110.5, 4.0, 106.0),
        (3, 112.0, 9.0, 106.0),
        (4, 112.0, math.nan, 106.0),
        (5, 112.0, 4.0, 108.0),
    ]:
        position, _ = close_bar(position, bar(hour, 107.0, high, 107.0, 109.0, atr=atr), params)
        assert position["stop_price"] == stop


@pytest.mark.parametrize(
    ("params", "slope", "high", "reason"),
    [
        ({"hold_bars_max": 1}, math.nan, 130.0, "max_hold"),
        ({"hold_bars_max": 2}, math.nan, 130.0, None),
        ({"no_progress_bars": 1}, math.nan, 104.0, "no_progress"),
        ({"no_progress_bars": 1}, math.nan, 105.0, None),
        ({"regime_flip_exit": True}, -2.1, 101.0, "regime_flip"),
        ({"regime_flip_exit": True}, -2.0, 101.0, None),
        ({"regime_flip_exit": True}, math.nan, 101.0, None),
    ],
)
def test_exits_decided_at_a_close(params: dict[str, Any], slope: float, high: float, reason: str | None) -> None:
    params = {**PLAIN, **params}
    hour = bar(1, 100.0, high, 91.0, 100.0, slope_bps_day=slope)
    position, exits = close_bar(opened(5, params), hour, params)
    assert position["closing"] == reason
    assert [one["reason"] for one in exits] == ([reason] if reason else [])


def test_on_hold_only_the_stop_acts() -> None:
    params = {**PLAIN, "hold_bars_max": 1, "breakeven_after_r": 0.5, "ladder": [(1.0, 0.5)]}
    position = {**opened(4, params), "hold": True}
    position, exits = close_bar(position, bar(1, 100.0, 120.0, 99.0, 110.0), params)
    assert (exits, position["stop_price"], position["best_price"]) == ([], 90.0, 120.0)
    assert touch_tick(position, 120.0, 0, params)[1] == []
    assert told(touch_tick(position, 90.0, 0, params)[1]) == [("initial_stop", -4, 90.0)]


def test_a_run_fills_its_exits() -> None:
    events = [
        {"kind": "fill", "lots": 4, "price": 100.0, "atr": 5.0, "at_ms": 0},
        {"kind": "range", **bar(1, 100.0, 101.0, 89.0, 95.0)},
        {"kind": "close", **bar(1, 100.0, 101.0, 89.0, 95.0)},
    ]
    records = run(events, PLAIN)
    assert records[1]["round_trips"][0]["exit"] == "initial_stop"
    assert records[1]["round_trips"][0]["realised_price_lots"] == -40.0
    assert records[2]["position"]["lots"] == 0


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(KeyError, match="stop_atr"):
        full_params({"stop_atr": 2.0})
    assert bar_close_ms(0, HOUR_MS) == HOUR_MS


def test_the_file_that_rust_reads_is_what_the_twin_says() -> None:
    assert json.loads(VECTORS.read_text()) == written(cases())
