"""The same hard inputs in whole runs, and at the doors of exits, plan and guards: a defined answer, never a guess."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.oracle import book, core, markets
from tests.oracle.params import DEFAULT_PARAMS
from tests.oracle.simulation import Setup, simulate
from tests.oracle.simulation_cases import COSTS, QUIET
from tests.oracle.simulation_compare import check_run
from xsmom import kernel
from xsmom.errors import KernelError

PRICES = ("open", "high", "low", "close")


@pytest.fixture
def panel():
    return markets.random_panel(np.random.default_rng(3), 80, 8, rough=False)


def stand_still(panel):
    for name in PRICES:
        panel[name][:] = 7.0
    return panel


def go_together(panel):
    for name in PRICES:
        panel[name][:] = panel[name][:, :1]
    return panel


def of_one_name(panel):
    return markets.take(panel, [0])


def without_a_bar(panel):
    return markets.blank(panel, np.ones_like(panel["close"], dtype=bool))


def without_volume(panel):
    panel["volume_usdt"][:] = 0.0
    return panel


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (stand_still, "flat_price"),
        (go_together, "no_dispersion"),
        (of_one_name, "universe_too_small"),
        (without_a_bar, "no_data"),
        (without_volume, "volume_too_low"),
    ],
)
def test_a_run_that_can_decide_nothing_holds_nothing(panel, spoil, reason):
    params, setup = markets.make_params(**QUIET, dollar_volume_min_usdt=1.0), Setup(COSTS["mixed"])
    spoiled = spoil(panel)
    found = core.simulate(spoiled, params, setup)
    check_run(found, simulate(spoiled, params, setup), setup.cash_usdt)
    assert (found["equity_usdt"] == setup.cash_usdt).all()
    assert reason in dict(found["reason_counts"])


def test_settlements_of_another_panel_are_refused(panel):
    params = markets.make_params(**QUIET)
    own = core.to_panel(panel, params["bar_ms"])
    fields = {name: getattr(own, name) for name in (*core.PANEL_FIELDS, "bar_ms")}
    other: Any = SimpleNamespace(**fields, settles=own.settles[1:])
    with pytest.raises(KernelError, match=r"settles.*79.*80"):
        core.simulate_panel(other, params, Setup(COSTS["mixed"]))


def test_look_backs_longer_than_the_panel_trade_nothing(panel):
    found = core.simulate(panel, markets.make_params(**QUIET, lookback_bars=[3, 7, 500]), Setup())
    assert found["traded_usdt"][-1] == 0.0
    assert "short_history" in dict(found["reason_counts"])


def test_another_unit_of_price_is_the_same_run(panel):
    params, setup = markets.make_params(**QUIET), Setup(COSTS["mixed"])
    unit = np.random.default_rng(1).uniform(0.001, 1_000.0, panel["close"].shape[1])
    scaled = {**panel, **{name: panel[name] * unit for name in PRICES}}
    one, other = core.simulate(panel, params, setup), core.simulate(scaled, params, setup)
    assert one["traded_usdt"][-1] > 0.0
    np.testing.assert_allclose(other["equity_usdt"], one["equity_usdt"], rtol=1e-6)  # lots are another power of two
    weights = [core.features(p, params)["score"] for p in (panel, scaled)]
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-9, atol=1e-12)


def held(lots=5):
    params = book.exit_core_params({"stop_atr_x": 2.0})
    return kernel.fold_fill(kernel.flat_positions(2), 1, lots, 100.0, 5.0, 0, params)[0], params


def test_a_missing_price_neither_moves_nor_ends_a_position():
    positions, params = held()
    nothing = {name: np.full(2, math.nan) for name in PRICES}
    events: list[dict[str, Any]] = [{"kind": kind, "close_ms": 3_600_000, **nothing} for kind in ("range", "close")]
    events.append({"kind": "tick", "symbol": 1, "price": math.nan, "at_ms": 5})
    for event in events:
        after, exits = kernel.advance_stops(positions, event, params)
        assert exits == []
        assert all(after[name].tobytes() == positions[name].tobytes() for name in positions)


def test_infinite_and_negative_prices_of_a_fill_are_refused():
    positions, params = held()
    for price in (math.inf, -1.0, 0.0, math.nan):
        with pytest.raises(ValueError, match="price is"):
            kernel.fold_fill(positions, 1, 1, price, 5.0, 0, params)
    with pytest.raises(ValueError, match=r"more than 2\^53"):
        kernel.fold_fill(positions, 1, 2**60, 100.0, 5.0, 0, params)


def plan_of(**changes):
    case: dict[str, Any] = {
        "weight_frac": np.array([0.2, -0.2]),
        "reasons": np.array([1, 1], dtype=np.uint8),
        "lots": np.array([30, -10]),
        "price": np.array([10.0, 20.0]),
        "mark": np.array([10.0, 20.0]),
        "closing": np.zeros(2, dtype=bool),
        "qty_step": np.ones(2),
        "notional_usdt_min": np.full(2, 5.0),
        "lots_max": np.zeros(0, dtype=np.int64),
        "sizing_usdt": 10_000.0,
        "guard": "none",
        "rebalance": True,
        "cost_week_frac": 0.0,
    } | changes
    weights, reasons = case.pop("weight_frac"), case.pop("reasons")
    return kernel.plan(weights, reasons, case, kernel.Params(**DEFAULT_PARAMS))


def test_what_is_not_known_orders_nothing():
    assert plan_of()["legs"]
    assert plan_of(price=np.full(2, math.nan))["legs"] == []
    assert plan_of(sizing_usdt=math.nan)["legs"] == []
    assert plan_of(weight_frac=np.full(2, math.nan))["legs"] == []


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"qty_step": np.zeros(2)}, "qty_step holds 0"),
        ({"qty_step": np.full(2, math.nan)}, "qty_step holds NaN"),
        ({"notional_usdt_min": np.full(2, -1.0)}, "notional_usdt_min holds -1"),
        ({"lots": np.zeros(3, dtype=np.int64)}, "lots has 3 entries, wants 2"),
        ({"lots_max": np.zeros(1, dtype=np.int64)}, "lots_max has 1 entries, wants 2"),
        ({"guard": "panic"}, "wants none, block_entries or flatten"),
        ({"reasons": np.array([1, 9], dtype=np.uint8)}, "9 is no reason's code"),
    ],
)
def test_a_plan_of_nonsense_is_refused_by_name(changes, match):
    with pytest.raises(ValueError, match=match):
        plan_of(**changes)


def test_a_guard_that_cannot_see_blocks_entries():
    params = kernel.Params(**{**DEFAULT_PARAMS, "daily_loss_max_frac": 0.05, "cvar_max_frac": 0.05})
    moment = {
        "at_ms": 86_400_000,
        "unit_value": math.nan,
        "equity_usdt": math.nan,
        "symbol_result_usdt": np.zeros(1),
        "trade_result_usdt": np.zeros(1),
        "exposure_frac": np.full(1, math.nan),
    }
    _, verdict = kernel.evaluate_guards(kernel.new_guards(1), moment, params)
    assert (verdict["action"], verdict["by"]) == ("block_entries", "daily_loss")
    assert {name: reading[0] for name, reading in verdict["readings"].items() if reading[0] != "off"} == {
        "daily_loss": "unknown",
        "cvar": "unknown",
    }
