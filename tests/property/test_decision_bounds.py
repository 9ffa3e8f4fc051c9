"""What no decision may ever do, over random books, markets and rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import loop, markets
from tests.oracle.features import feature_row, features
from tests.oracle.limits import cap_of
from tests.oracle.moment import LONG, SHORT, Moment, first_state

SEEDS = st.integers(0, 2**32 - 1)
RULES = st.lists(st.sampled_from(sorted(markets.OVERLAYS)), max_size=5, unique=True)
TINY = 1e-9
OUT = {"not_listed", "delisted", "excluded", "not_included", "no_data", "too_young"}
OUT |= {"price_too_low", "volume_too_low", "outside_top_n", "stale_too_long"}
UNRANKED = OUT | {"short_history", "flat_price", "too_small"}


def facts_of(panel):
    return {name: panel[name] for name in ("symbols", "listed_ms", "delisted_ms")}


def steps_of(program, seed, rules, rows=70, *, rough=True, eventful=True, **changes):
    rng = np.random.default_rng(seed)
    panel = markets.random_panel(rng, rows, int(rng.integers(4, 16)), rough=rough)
    params = markets.make_params(*rules, **changes)
    run = loop.run(panel, params, seed, eventful=eventful, start=30, decide_with=program.decide)
    return panel, params, run


def frozen(step, side=None):
    now = step.book["weight_now_frac"]
    places = [i for i, why in enumerate(step.reasons) if why in ("stale", "operator_hold")]
    if side is not None:
        sign = 1.0 if side == LONG else -1.0
        places = [i for i in places if sign * now[i] > 0.0]
    return places


@given(seed=SEEDS, rules=RULES)
def test_no_weight_is_above_its_cap(program, seed, rules):
    panel, params, run = steps_of(program, seed, rules)
    for step in run:
        now = Moment(step.row, step.book, step.state, params, facts_of(panel))
        for i in set(range(now.count)) - set(frozen(step)):
            side = LONG if step.weights[i] > 0.0 else SHORT
            if step.weights[i] != 0.0:
                assert abs(step.weights[i]) <= cap_of(now, i, side)[0] + TINY


@given(seed=SEEDS, rules=RULES)
def test_gross_is_within_its_hard_cap(program, seed, rules):
    _, params, run = steps_of(program, seed, rules)
    for step in run:
        held = sum(abs(step.book["weight_now_frac"][i]) for i in frozen(step))
        bound = max(params["gross_hard_cap_x"], held)
        assert np.abs(step.weights).sum() <= bound + TINY


@given(seed=SEEDS, rules=RULES)
def test_net_is_within_its_cap(program, seed, rules):
    _, params, run = steps_of(program, seed, rules)
    for step in run:
        mixing = params["router_enabled"] and step.after["router_mix"] < 1.0 - TINY
        cap = params["router_net_cap_frac"] if mixing else params["net_cap_frac"]
        if not any(step.book["weight_now_frac"][i] for i in frozen(step)):
            assert abs(step.weights.sum()) <= cap + TINY
            if params["market_neutral"] and not params["beta_neutral"] and not mixing:
                assert abs(step.weights.sum()) <= TINY


@given(seed=SEEDS, rules=RULES)
def test_a_leg_holds_at_most_its_names(program, seed, rules):
    _, params, run = steps_of(program, seed, rules, tranches=1)
    for step in run:
        loose = [i for i in range(len(step.weights)) if i not in frozen(step)]
        n = sum(why not in UNRANKED for i, why in enumerate(step.reasons) if i in loose)
        for sign in (1.0, -1.0):
            leg = [i for i in loose if sign * step.weights[i] > 0.0]
            assert len(leg) <= min(params["k_max"], n // 2)


@given(seed=SEEDS, rules=RULES)
def test_a_name_that_is_out_and_not_frozen_is_at_nothing(program, seed, rules):
    _, _, run = steps_of(program, seed, rules)
    for step in run:
        for i, why in enumerate(step.reasons):
            if why in OUT or (why in UNRANKED and len(step.state["tranche_weight"]) == 1):
                assert step.weights[i] == 0.0


@given(seed=SEEDS, rules=RULES)
def test_a_blocked_book_only_moves_toward_nothing(program, seed, rules):
    _, _, run = steps_of(program, seed, rules)
    for step in run:
        now = step.book["weight_now_frac"]
        if step.book["guard"] == "flatten":
            assert not step.weights.any()
            assert not step.after["tranche_weight"].any()
        if step.book["guard"] == "block_entries":
            assert (np.abs(step.weights) <= np.abs(now) + 1e-15).all()
            assert (step.weights * now >= 0.0).all()


@given(seed=SEEDS, rules=RULES)
def test_a_missing_bar_never_sells_a_held_name(program, seed, rules):
    rules = [name for name in rules if name != "impatient"]
    panel, params, run = steps_of(program, seed, rules)
    for step in run[-12:]:
        held = [i for i in np.flatnonzero(step.book["weight_now_frac"]) if step.reasons[i] not in OUT | {"flattened"}]
        if not held or step.book["guard"] == "flatten":
            continue
        absent = np.zeros_like(panel["close"], dtype=bool)
        absent[step.t, held[0]] = True
        holed = markets.blank(panel, absent)
        row = feature_row(holed, features(holed, params), params, step.t)
        book = {**step.book, "stale_bars": step.book["stale_bars"].copy()}
        book["stale_bars"][held[0]] = 1
        weights, reasons, _ = program.decide(row, book, step.state, params, facts_of(panel))
        assert weights[held[0]] == book["weight_now_frac"][held[0]]
        assert reasons[held[0]] in ("stale", "operator_hold")


@given(seed=SEEDS, rules=RULES)
def test_no_bar_at_all_sells_nothing(program, seed, rules):
    rules = [name for name in rules if name != "impatient"]
    panel, params, run = steps_of(program, seed, rules)
    step = run[-1]
    now = step.book["weight_now_frac"]
    absent = np.zeros_like(panel["close"], dtype=bool)
    absent[step.t] = True
    holed = markets.blank(panel, absent)
    row = feature_row(holed, features(holed, params), params, step.t)
    book = {**step.book, "guard": "none", "stale_bars": np.ones(len(now), dtype=np.uint32)}
    weights, reasons, _ = program.decide(row, book, step.state, params, facts_of(panel))
    for i, why in enumerate(reasons):
        if why in ("stale", "operator_hold"):
            assert weights[i] == now[i]
        else:
            assert why in OUT


@given(seed=SEEDS, rules=RULES)
def test_no_step_raises_the_wanted_gross(program, seed, rules):
    _, params, run = steps_of(program, seed, rules)
    scale = params["vol_target_scale_max"] if params["vol_target_enabled"] else 1.0
    for step in run:
        if not frozen(step):
            assert np.abs(step.weights).sum() <= params["gross_x"] * scale + TINY


@given(seed=SEEDS, rules=RULES)
def test_symbols_in_another_order_get_the_same_weights(program, seed, rules):
    rng = np.random.default_rng(seed)
    panel = markets.random_panel(rng, 60, 10, rough=False)
    # A bound makes ties of all that is beyond it, and ties are broken by symbol.
    params = markets.make_params(*rules, zscore_clip=0.0, vol_scaled_clip=0.0)
    order = [int(i) for i in rng.permutation(10)]
    name_now = {panel["symbols"][old]: panel["symbols"][new] for new, old in enumerate(order)}
    moved = markets.take(panel, order)
    renamed = dict(params)
    for listed in ("majors", "universe_exclude", "universe_include"):
        renamed[listed] = [name_now[s] for s in params[listed]]
    run = loop.run(panel, params, seed, start=30, decide_with=program.decide)
    dense = program.features(moved, renamed)
    for step in run[::6]:
        book = permute(step.book, order)
        state = {**step.state}
        state["tranche_weight"] = np.ascontiguousarray(step.state["tranche_weight"][:, order])
        state["member"] = step.state["member"][order]
        state["awaiting_reentry"] = step.state["awaiting_reentry"][order]
        row = feature_row(moved, dense, renamed, step.t)
        weights, reasons, _ = program.decide(row, book, state, renamed, facts_of(moved))
        np.testing.assert_allclose(weights, step.weights[order], rtol=0, atol=1e-12)
        assert reasons == [step.reasons[i] for i in order]


def permute(book, order):
    moved = dict(book)
    for name, value in book.items():
        if isinstance(value, np.ndarray):
            moved[name] = value[order]
    return moved


@given(seed=SEEDS, rules=RULES, shift=st.integers(-12, 12))
def test_the_unit_of_price_is_irrelevant(program, seed, rules, shift):
    rules = [name for name in rules if name != "age_price"]
    rng = np.random.default_rng(seed)
    panel = markets.random_panel(rng, 60, 8)
    params = markets.make_params(*rules)
    unit = 2.0 ** (shift + rng.integers(-3, 4, size=8))
    scaled = {**panel, **{f: panel[f] * unit for f in ("open", "high", "low", "close")}}
    one, other = program.features(panel, params), program.features(scaled, params)
    for t in (35, 59):
        rows = [feature_row(p, d, params, t) for p, d in ((panel, one), (scaled, other))]
        book = loop.Ledger(8, rng, eventful=False).book_row(rows[0]["close_ms"], params, rng)
        state = first_state(8, params["tranches"])
        first, again = (program.decide(r, book, state, params, facts_of(panel)) for r in rows)
        np.testing.assert_array_equal(first[0], again[0])
        assert first[1] == again[1]


@pytest.mark.parametrize("poison", ["nan", "noise"])
@given(seed=SEEDS, rules=RULES)
def test_what_comes_later_changes_nothing(program, poison, seed, rules):
    rng = np.random.default_rng(seed)
    panel = markets.random_panel(rng, 90, 8)
    params = markets.make_params(*rules)
    t = int(rng.integers(20, 89))
    absent = np.zeros_like(panel["close"], dtype=bool)
    absent[t + 1 :] = True
    spoilt = markets.blank(panel, absent)
    if poison == "noise":
        other = markets.random_panel(rng, 90, 8)
        for name in markets.FIELDS:
            spoilt[name][t + 1 :] = other[name][t + 1 :]
    wanted, found = program.features(panel, params), program.features(spoilt, params)
    for name, want in wanted.items():
        np.testing.assert_array_equal(found[name][: t + 1], want[: t + 1], err_msg=name)
