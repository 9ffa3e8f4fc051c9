"""What exits, plans and stored states may never do."""

import io
import math
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import book, exits_cases, guard_cases, loop, markets, plan_cases
from tests.oracle.core import to_params, to_row
from tests.oracle.params import DEFAULT_PARAMS
from xsmom import kernel

SEEDS = st.integers(0, 2**32 - 1)
RULES = st.lists(st.sampled_from(sorted(markets.OVERLAYS)), max_size=4, unique=True)
HOUR_MS = 3_600_000


def stored(state):
    """A state written to bytes and read again, as a journal would."""
    file = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(math.nan if value is None else value) for name, value in state.items()}
    np.savez(file, **arrays)
    file.seek(0)
    loaded = np.load(file, allow_pickle=False)
    found = {}
    for name, value in state.items():
        array = loaded[name]
        found[name] = array if isinstance(value, np.ndarray) else None if value is None else array.item()
    return found


def same_bits(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, dict):
            same_bits(value, other[name])
            continue
        a, b = np.asarray(value), np.asarray(other[name])
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), name


def lives(seed):
    rng = random.Random(seed)
    params = exits_cases.random_params(rng)
    return params, exits_cases.random_events(rng, params["bar_ms"])


@given(seed=SEEDS)
def test_a_stop_only_tightens(seed):
    params, events = lives(seed)
    records = book.run_exits(events, params)
    for event, before, after in zip(events[1:], records, records[1:], strict=False):
        old, new = before["position"], after["position"]
        if event["kind"] == "fill" or old["lots"] == 0 or np.sign(old["lots"]) != np.sign(new["lots"]):
            continue
        if not math.isnan(old["stop_price"]):
            assert np.sign(old["lots"]) * (new["stop_price"] - old["stop_price"]) >= 0.0
        if event["kind"] != "close":
            assert new["stop_price"] == old["stop_price"] or math.isnan(old["stop_price"])
        assert new["rungs_hit"] >= old["rungs_hit"]
        assert new["lock_step"] >= old["lock_step"]
        assert new["breakeven_latched"] >= old["breakeven_latched"]


@given(seed=SEEDS, long=st.booleans())
def test_ticks_and_bars_make_the_same_exits(seed, long):
    """Open, worse extreme, better extreme, close as ticks: the pessimistic order of a bar."""
    rng = random.Random(seed)
    params = exits_cases.random_params(rng)
    core_params = book.exit_core_params(params)
    price, lots = 100.0, 40 if long else -40
    by_bar, _, _ = kernel.fold_fill(kernel.flat_positions(1), 0, lots, price, 1.5, 0, core_params)
    by_tick = by_bar
    for number in range(1, 30):
        close_ms = number * params["bar_ms"]
        bar = exits_cases.random_bar(rng, price, close_ms, params["bar_ms"])
        if math.isnan(bar["close"]):
            continue
        price = bar["close"]
        row = {name: np.array([bar[name]]) for name in ("open", "high", "low", "close")}
        row |= {name: np.array([bar[name]]) for name in ("atr", "trail_ma", "slope_bps_day")}
        row["close_ms"] = close_ms
        by_bar, found = kernel.advance_stops(by_bar, {"kind": "range", **row}, core_params)
        worse, better = (bar["low"], bar["high"]) if long else (bar["high"], bar["low"])
        ticked = []
        for tick in (bar["open"], worse, better, bar["close"]):
            event = {"kind": "tick", "symbol": 0, "price": tick, "at_ms": close_ms - 1}
            by_tick, more = kernel.advance_stops(by_tick, event, core_params)
            ticked += more
        untimed = lambda one: (one.reason, one.rung, one.lots, one.bar_close_ms)  # noqa: E731
        assert [untimed(one) for one in found] == [untimed(one) for one in ticked]
        for one in found:
            by_bar, _, _ = kernel.fold_fill(by_bar, 0, one.lots, one.price, math.nan, close_ms - 1, core_params)
            by_tick, _, _ = kernel.fold_fill(by_tick, 0, one.lots, one.price, math.nan, close_ms - 1, core_params)
        by_bar, called = kernel.advance_stops(by_bar, {"kind": "close", **row}, core_params)
        by_tick, called_too = kernel.advance_stops(by_tick, {"kind": "close", **row}, core_params)
        assert called == called_too
        same_bits(by_bar, by_tick)
        if by_bar["lots"][0] == 0:
            return


@given(seed=SEEDS)
def test_no_order_reaches_past_its_target(seed):
    case, params = plan_cases.draw(np.random.default_rng(seed))
    found = book.plan(case, params)
    for i, (goal, held) in enumerate(zip(found["goal_lots"], case["lots"], strict=True)):
        price, step = case["price"][i], case["qty_step"][i]
        if math.isnan(price):
            assert goal == held
            continue
        wanted = case["weight_frac"][i] * case["sizing_usdt"] / (price * step)
        grows = abs(goal) > abs(held) or goal * held < 0
        if grows:
            assert goal * wanted > 0.0
            assert abs(goal) <= abs(wanted) * (1.0 + 1e-9) or abs(goal) <= abs(held)
            assert abs(goal) <= abs(wanted) * (1.0 + 1e-9)
            assert case["guard"] == "none"
            assert case["rebalance"]


@given(seed=SEEDS)
def test_a_filled_plan_plans_nothing_more(seed):
    case, params = plan_cases.draw(np.random.default_rng(seed))
    filled = {**case, "lots": book.plan(case, params)["goal_lots"]}
    assert book.plan(filled, params)["legs"] == []


@given(seed=SEEDS)
def test_reduce_only_legs_come_first_and_never_cross_nothing(seed):
    case, params = plan_cases.draw(np.random.default_rng(seed))
    legs = book.plan(case, params)["legs"]
    assert [reduce_only for _, _, reduce_only in legs] == sorted((leg[2] for leg in legs), reverse=True)
    for symbol, lots, reduce_only in legs:
        held = case["lots"][symbol]
        if reduce_only:
            assert held * lots < 0
            assert abs(lots) <= abs(held)


@given(seed=SEEDS)
def test_stored_positions_go_on_with_the_same_bits(seed):
    params, events = lives(seed)
    core_params = book.exit_core_params(params)
    kept = fresh = kernel.flat_positions(2)
    for event in events:
        if event["kind"] == "fill":
            fill = (1, event["lots"], event["price"], event["atr"], event["at_ms"], core_params)
            kept, fresh = kernel.fold_fill(kept, *fill)[0], kernel.fold_fill(stored(fresh), *fill)[0]
        else:
            told = book.event_of(event, 2, 1)
            kept, found = kernel.advance_stops(kept, told, core_params)
            fresh, again = kernel.advance_stops(stored(fresh), told, core_params)
            assert found == again
        same_bits(kept, fresh)


def test_stored_guards_go_on_with_the_same_bits():
    rng = np.random.default_rng(3)
    params = kernel.Params(**{**DEFAULT_PARAMS, **guard_cases.PARAMS})
    for _ in range(4):
        events, _ = guard_cases.live(rng, 30)
        kept = fresh = kernel.new_guards(guard_cases.NAMES)
        for kind, event in events:
            if kind == "stop":
                kept, fresh = (kernel.note_guard_stop(s, event, params) for s in (kept, stored(fresh)))
            elif kind == "rearm":
                kept, fresh = (kernel.rearm_guard(s, event)[0] for s in (kept, stored(fresh)))
            else:
                moment = book.moment_of(event)
                kept, verdict = kernel.evaluate_guards(kept, moment, params)
                fresh, again = kernel.evaluate_guards(stored(fresh), moment, params)
                same_bits(verdict, again)
            same_bits(kept, fresh)


def test_stored_records_go_on_with_the_same_bits():
    for case in exits_cases.record_cases():
        params = book.exit_core_params(case["params"])
        kept = fresh = kernel.new_records(exits_cases.SYMBOLS)
        state = kernel.new_state(exits_cases.SYMBOLS, params)
        for event in case["events"]:
            for_trip = event["kind"] == "trip"
            told = (event["symbol"], event["net_usdt"] if for_trip else 1 - 2 * event["side"], event["at_ms"], params)
            if for_trip:
                kept, fresh = (kernel.note_round_trip(one, *told) for one in (kept, stored(fresh)))
            else:
                kept, fresh = (kernel.note_stop(one, state, *told)[0] for one in (kept, stored(fresh)))
            same_bits(kept, fresh)


@given(seed=SEEDS, rules=RULES)
def test_a_stored_decision_state_and_labels_go_on_with_the_same_bits(seed, rules):
    rng = np.random.default_rng(seed)
    panel = markets.random_panel(rng, 60, int(rng.integers(4, 12)))
    params = markets.make_params(*rules, meta_enabled=True, meta_horizon_bars=2, meta_labels_min=5)
    run = loop.run(panel, params, seed, start=30)
    names = len(panel["symbols"])
    facts = SimpleNamespace(**{name: panel[name] for name in ("symbols", "listed_ms", "delisted_ms")})
    core_params = to_params(params)
    state = again = kernel.new_state(names, core_params)
    labels = more = kernel.new_labels(names, core_params)
    for step in run:
        row = to_row(step.row, names)
        labels = kernel.observe_labels(labels, row, core_params)
        more = kernel.observe_labels(stored(more), row, core_params)
        scale = kernel.estimate_labels(labels, row, core_params)
        assert scale.tobytes() == kernel.estimate_labels(stored(more), row, core_params).tobytes()
        book_row = {**step.book, "meta_scale": scale}
        weights, codes, state = kernel.decide(row, book_row, state, core_params, facts)
        weights_again, codes_again, again = kernel.decide(row, book_row, stored(again), core_params, facts)
        assert weights.tobytes() == weights_again.tobytes()
        assert codes.tobytes() == codes_again.tobytes()
        labels = kernel.enter_labels(labels, row, weights, codes, core_params)
        more = kernel.enter_labels(stored(more), row, weights, codes, core_params)
        same_bits(state, again)
        same_bits(labels, more)
    assert labels["bars"] == len(run)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"stop_by": np.array([99], dtype=np.uint8)}, "stop_by holds 99"),
        ({"best_price": np.zeros(2)}, "best_price has 2 entries, wants 1"),
        ({"lots": np.zeros(1)}, "lots"),
        ({"hold": None}, "hold"),
    ],
)
def test_positions_that_make_no_sense_are_refused_by_name(change, match):
    positions = {**kernel.flat_positions(1), **change}
    tick = {"kind": "tick", "symbol": 0, "price": 1.0, "at_ms": 0}
    with pytest.raises((ValueError, KeyError, TypeError), match=match):
        kernel.advance_stops(positions, tick, kernel.Params(**DEFAULT_PARAMS))


def test_events_and_names_that_do_not_exist_are_refused():
    params = kernel.Params(**DEFAULT_PARAMS)
    flat = kernel.flat_positions(2)
    with pytest.raises(ValueError, match="symbol is 2"):
        kernel.advance_stops(flat, {"kind": "tick", "symbol": 2, "price": 1.0, "at_ms": 0}, params)
    bar = {name: np.ones(2) for name in ("open", "high", "low", "close")}
    with pytest.raises(ValueError, match='kind is "quote"'):
        kernel.advance_stops(flat, {"kind": "quote", "close_ms": HOUR_MS, **bar}, params)
    with pytest.raises(KeyError, match="close_ms"):
        kernel.advance_stops(flat, {"kind": "close"}, params)
    with pytest.raises(ValueError, match="price is NaN"):
        kernel.fold_fill(flat, 0, 1, math.nan, 1.0, 0, params)
    with pytest.raises(ValueError, match="wants drawdown or longterm_drawdown"):
        kernel.rearm_guard(kernel.new_guards(2), "cvar")
    state = kernel.new_guards(2)
    del state["high_day"]
    with pytest.raises(KeyError, match="high_day is missing"):
        kernel.note_guard_stop(state, 0, params)
    with pytest.raises(ValueError, match="side is 0"):
        kernel.note_stop(kernel.new_records(2), kernel.new_state(2, params), 0, 0, 0, params)
