"""Input that is wrong or extreme: each has its defined answer, or a sentence that names the place."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tests.oracle import core, decision, features, loop, markets
from tests.oracle.moment import first_state
from tests.oracle.params import DEFAULT_PARAMS
from xsmom import _core
from xsmom.errors import DataError, KernelError

NAMES = 8


@pytest.fixture(params=["twin", "core"])
def program(request):
    if request.param == "core":
        return SimpleNamespace(features=core.features, decide=core.decide)
    return SimpleNamespace(features=features.features, decide=decision.decide)


@pytest.fixture
def panel():
    return markets.random_panel(np.random.default_rng(21), 80, NAMES, rough=False)


def decide_at(program, panel, params, t=-1):
    """The decision of one bar from an empty book."""
    t = range(len(panel["close_ms"]))[t]
    count = len(panel["symbols"])
    dense = program.features(panel, params)
    row = features.feature_row(panel, dense, params, t)
    ledger = loop.Ledger(count, np.random.default_rng(0), eventful=False)
    book = ledger.book_row(row["close_ms"], params, ledger.rng)
    facts = {name: panel[name] for name in ("symbols", "listed_ms", "delisted_ms")}
    state = first_state(count, params["tranches"])
    weights, reasons, _ = program.decide(row, book, state, params, facts)
    assert np.isfinite(weights).all()
    return weights, reasons


def refuse(panel, match):
    with pytest.raises(KernelError, match=match):
        core.features(panel, markets.make_params())


# --- cells and axes that no market makes: refused at the door ----------------------------------


@pytest.mark.parametrize("field", ["open", "high", "low", "close", "volume_usdt", "funding_frac"])
def test_an_infinity_is_refused_with_symbol_and_bar(panel, field):
    panel[field][33, 5] = math.inf
    refuse(panel, rf"{panel['symbols'][5]}.*{panel['close_ms'][33]}")


@pytest.mark.parametrize("field", ["open", "high", "low", "close", "volume_usdt"])
def test_half_a_bar_is_refused(panel, field):
    panel[field][33, 5] = math.nan
    refuse(panel, f"{panel['symbols'][5]}.*half")


@pytest.mark.parametrize("price", [0.0, -3.0])
def test_a_price_that_is_not_above_zero_is_refused(panel, price):
    for field in ("open", "low"):
        panel[field][7, 0] = price
    refuse(panel, f"{panel['symbols'][0]}.*above 0")


def test_a_low_above_the_close_is_refused(panel):
    panel["low"][7, 0] = panel["high"][7, 0]
    panel["high"][7, 0] *= 2.0
    refuse(panel, "contradict")


def test_a_bar_that_stands_twice_is_refused(panel):
    panel["close_ms"][40:] -= 3_600_000
    refuse(panel, f"{panel['close_ms'][39]}.*stands twice")


def test_a_hole_in_the_axis_is_refused(panel):
    panel["close_ms"][40:] += 3_600_000
    refuse(panel, "time axis")


def test_a_symbol_that_stands_twice_is_refused(panel):
    panel["symbols"] = (panel["symbols"][0], *panel["symbols"][:-1])
    refuse(panel, "stands twice")


def test_a_missing_column_is_refused(panel):
    panel["high"] = panel["high"][:, :-1]
    with pytest.raises(DataError, match=r"high has shape \(80, 7\)"):
        core.features(panel, markets.make_params())


# --- parameters that contradict themselves --------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"lookback_weights": [0.5, 0.3, 0.1]}, "lookback_weights: sum to 0.9"),
        ({"lookback_weights": [1.5, -0.5, 0.0]}, "lookback_weights.*from 0 up"),
        ({"lookback_weights": [math.nan, 0.5, 0.5]}, "lookback_weights"),
        ({"lookback_bars": [3, 7]}, "lookback_weights.*one weight for each"),
        ({"lookback_bars": [0, 7, 9]}, "lookback_bars"),
        ({"lookback_bars": [3, 7, 2_001]}, "lookback_bars"),
        ({"gross_x": math.inf}, "gross_x.*finite"),
        ({"k_min": 5, "k_max": 4}, "k_max"),
        ({"hold_zscore_min": 1.0, "entry_zscore_min": 0.5}, "hold_zscore_min"),
        ({"majors_enabled": True, "majors": []}, "majors"),
        ({"risk_per_trade_frac": 0.005, "stop_atr_x": 0.0}, "stop_atr_x"),
        ({"signal_kind": "guess"}, "signal_kind"),
        ({"vol_bars": 1}, "vol_bars"),
        ({"rebalance_offset_bars": 1}, "rebalance_offset_bars"),
    ],
)
def test_parameters_are_refused_by_name(changes, match):
    with pytest.raises(KernelError, match=match):
        _core.Params(**markets.make_params(**changes))


def test_an_unknown_or_missing_parameter_is_refused_by_name():
    with pytest.raises(KernelError, match="gross_y"):
        _core.Params(**DEFAULT_PARAMS, gross_y=1.0)
    with pytest.raises(KernelError, match="gross_x"):
        _core.Params(**{name: x for name, x in DEFAULT_PARAMS.items() if name != "gross_x"})


# --- markets at the edge: a defined answer --------------------------------------------------------


@pytest.mark.parametrize("cols", [1, 2, 3])
def test_few_names_shrink_the_legs(program, cols):
    panel = markets.random_panel(np.random.default_rng(3), 80, cols, rough=False)
    weights, reasons = decide_at(program, panel, markets.make_params())
    assert (weights != 0.0).sum() <= 2 * (cols // 2)
    if cols == 1:
        assert reasons == ["universe_too_small"]


def test_more_slots_than_names(program, panel):
    weights, _ = decide_at(program, panel, markets.make_params("wide_k"))
    assert (weights > 0.0).sum() <= NAMES // 2
    assert (weights < 0.0).sum() <= NAMES // 2
    assert weights.any()


def test_all_masked(program, panel):
    absent = np.ones_like(panel["close"], dtype=bool)
    weights, reasons = decide_at(program, markets.blank(panel, absent), markets.make_params())
    assert not weights.any()
    assert set(reasons) == {"no_data"}


def test_all_excluded(program, panel):
    params = markets.make_params(universe_exclude=list(panel["symbols"]))
    weights, reasons = decide_at(program, panel, params)
    assert not weights.any()
    assert set(reasons) == {"excluded"}


@pytest.mark.parametrize("standardise", ["z", "robust", "rank_normal"])
def test_ties_everywhere_mean_no_dispersion(program, standardise):
    rng = np.random.default_rng(4)
    close = np.repeat(markets.walk_prices(rng, 80, 1), NAMES, axis=1)
    panel = markets.make_panel(close, rng)
    weights, reasons = decide_at(program, panel, markets.make_params(standardise=standardise))
    assert not weights.any()
    assert set(reasons) == {"no_dispersion"}


def test_ties_are_broken_by_symbol(program):
    rng = np.random.default_rng(5)
    ways = markets.walk_prices(rng, 80, 2)
    order = np.argsort(ways[-1] / ways[-8])  # the weaker way first
    close = ways[:, [order[1]] * 4 + [order[0]] * 4]
    params = markets.make_params(lookback_bars=[7], lookback_weights=[1.0], k_min=2, k_max=2, weight_long_max_frac=1.0)
    weights, _ = decide_at(program, markets.make_panel(close, rng), params)
    assert np.flatnonzero(weights > 0.0).tolist() == [0, 1]
    assert np.flatnonzero(weights < 0.0).tolist() == [4, 5]


def test_a_price_that_never_moves_is_flat(program, panel):
    for name in ("open", "high", "low", "close"):
        panel[name][:, 2] = 3.25
    weights, reasons = decide_at(program, panel, markets.make_params())
    assert weights[2] == 0.0
    assert reasons[2] == "flat_price"


def test_prices_that_never_move_at_all(program, panel):
    params = markets.make_params("adx", "breakout", "beta_neutral", "vol_regime", "vol_target")
    for name in ("open", "high", "low", "close"):
        panel[name][:] = 3.25
    weights, reasons = decide_at(program, panel, params)
    assert not weights.any()
    assert set(reasons) <= {"flat_price", "short_history"}


def test_no_volume_at_all_is_below_any_floor(program, panel):
    panel["volume_usdt"][:, 3] = 0.0
    _, reasons = decide_at(program, panel, markets.make_params(dollar_volume_min_usdt=1.0))
    assert reasons[3] == "volume_too_low"
    weights, reasons = decide_at(program, panel, markets.make_params(adv_share_max_frac=0.01))
    assert weights[3] == 0.0


def test_history_shorter_than_the_longest_look_back(program, panel):
    params = markets.make_params(lookback_bars=[3, 7, 500])
    weights, reasons = decide_at(program, panel, params)
    assert not weights.any()
    assert set(reasons) == {"short_history"}


def test_a_panel_of_one_bar(program, panel):
    _, reasons = decide_at(program, markets.cut(panel, 0, 1), markets.make_params("router"))
    assert set(reasons) == {"short_history"}


def test_a_name_that_lists_inside_a_window_waits(program, panel):
    at = 70
    absent = np.zeros_like(panel["close"], dtype=bool)
    absent[:at, 1] = True
    panel = markets.blank(panel, absent)
    panel["listed_ms"][1] = panel["close_ms"][at] - 1
    assert decide_at(program, panel, markets.make_params(), at - 1)[1][1] == "not_listed"
    assert decide_at(program, panel, markets.make_params())[1][1] == "short_history"
    young = markets.make_params(age_min_days=2.0)
    assert decide_at(program, panel, young)[1][1] == "too_young"


def test_a_name_that_dies_inside_a_window_is_out(program, panel):
    absent = np.zeros_like(panel["close"], dtype=bool)
    absent[75:, 1] = True
    panel = markets.blank(panel, absent)
    assert decide_at(program, panel, markets.make_params(), 74)[1][1] != "no_data"
    assert decide_at(program, panel, markets.make_params(), 75)[1][1] == "no_data"
    panel["delisted_ms"][1] = panel["close_ms"][75]
    assert decide_at(program, panel, markets.make_params(), 75)[1][1] == "delisted"


def test_a_holed_window_is_valid_down_to_95_percent(program, panel):
    params = markets.make_params(lookback_bars=[60], lookback_weights=[1.0], vol_bars=60, signal_kind="log")
    for holes, known in ((1, True), (3, True), (4, False)):
        absent = np.zeros_like(panel["close"], dtype=bool)
        absent[30 : 30 + holes, 1] = True
        score = program.features(markets.blank(panel, absent), params)["score"]
        assert bool(np.isfinite(score[-1, 1])) is known, holes


def test_a_move_of_a_million_percent_keeps_weights_in_bounds(program, panel):
    for name in ("open", "high", "low", "close"):
        panel[name][60:, 4] *= 1e4
    panel["open"][60, 4] = panel["close"][60, 4]
    panel["low"][60, 4] = panel["close"][60, 4] * 0.99
    params = markets.make_params("vol_target", "halve", "beta_neutral")
    for t in range(58, 80):
        weights, _ = decide_at(program, panel, params, t)
        assert np.abs(weights).sum() <= params["gross_hard_cap_x"] + 1e-9
