"""Exits, plan, guards and records through the public functions, against their twins."""

import math
import random

import numpy as np
import pytest

from tests.oracle import book, exits, exits_cases, guard_cases, plan_cases
from tests.oracle.plan import plan
from tests.oracle.records import barred, replay
from xsmom import kernel


def agree(found, wanted, where):
    """Equal, NaN with NaN; numbers to twelve digits."""
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            agree(found[name], value, f"{where} {name}")
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted), f"{where}: {found}, the twin says {wanted}"
        for at, (one, other) in enumerate(zip(found, wanted, strict=True)):
            agree(one, other, f"{where} {at}")
    elif isinstance(wanted, float):
        same = math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-12) or (math.isnan(found) and math.isnan(wanted))
        assert same, f"{where}: {found}, the twin says {wanted}"
    else:
        assert found == wanted, f"{where}: {found!r}, the twin says {wanted!r}"


def without_funding(records):
    """The twin has no funding and calls a side by its name of old."""
    for record in records:
        record["round_trips"] = [
            {k: v for k, v in trip.items() if k in ("entry_price", "exit_price", "realised_price_lots", "exit")}
            for trip in record["round_trips"]
        ]
    return records


def test_lives_of_positions(proof):
    rng = random.Random(7)
    met = set()
    for life in range(2_000 if proof else 60):
        params = exits_cases.random_params(rng)
        events = exits_cases.random_events(rng, params["bar_ms"])
        wanted = without_funding(exits.run(events, params))
        found = without_funding(book.run_exits(events, params))
        agree(found, wanted, f"life {life}: event")
        met |= {one["reason"] for record in wanted for one in record["exits"]}
    assert met >= set(kernel.EXITS.values()) - {"delisted"}, "some exit was never met"


def test_plans(proof):
    rng = np.random.default_rng(17)
    reasons = set()
    for at in range(20_000 if proof else 500):
        case, params = plan_cases.draw(rng)
        wanted = plan(case, params)
        agree(book.plan(case, params), wanted, f"case {at}")
        reasons |= set(wanted["reason"])
    assert reasons >= {"inside_band", "below_minimum", "leg_rounding", "net_cap", "exit", "flattened", "cost_budget"}


def test_lives_of_guards(proof):
    rng = np.random.default_rng(23)
    fired = set()
    for life in range(60 if proof else 5):
        events, wanted = guard_cases.live(rng, 30)
        found = book.run_guards(events, guard_cases.PARAMS, guard_cases.NAMES)
        agree(found, wanted, f"life {life}: moment")
        fired |= {at for verdict in wanted for at, how in enumerate(verdict["standing"]) if how == "fired"}
    assert fired == set(range(8)), "some guard never fired"


def test_records_of_round_trips():
    met = set()
    for at, case in enumerate(exits_cases.record_cases()):
        found = book.run_records(case["events"], case["params"], exits_cases.SYMBOLS)
        agree(found, case["barred"], f"case {at}: event")
        met |= {why for row in case["barred"] for sides in row for _, why in sides}
    assert met >= {None, "cooldown", "streak", "banned"}
    state = replay([], 1, {})
    assert barred(state, 0, 0) == [(0, None), (0, None)]


@pytest.mark.parametrize("params", [{"ladder": [(1.0, 0.5), (2.0, 0.25)], "stop_atr_x": 2.0}])
def test_rungs_taken_cap_what_may_be_held(params):
    core_params = book.exit_core_params(params)
    held = kernel.flat_positions(2)
    held, _, _ = kernel.fold_fill(held, 1, 8, 100.0, 5.0, 0, core_params)
    assert kernel.rung_cap_lots(held, core_params).tolist() == [math.inf, math.inf]
    tick = {"kind": "tick", "symbol": 1, "price": 110.0, "at_ms": 5}
    held, found = kernel.advance_stops(held, tick, core_params)
    assert [(one.reason, one.rung, one.lots) for one in found] == [("take_profit", 1, -4)]
    assert kernel.rung_cap_lots(held, core_params).tolist() == [math.inf, 4.0]
