"""Settings that were varied and changed nothing are named, and no others."""

from __future__ import annotations

from itertools import product

import xsmom as xs
from xsmom.config.load import load_config
from xsmom.domain.timeframe import DAY_MS
from xsmom.lake.sample import SampleMarket
from xsmom.research.inert_settings import find_inert
from xsmom.research.sweep import make_trials, run_trials
from xsmom.research.sweep_page import say_luck

GRID = list(product((1, 2, 3), ("a", "b")))
SETTINGS: dict[str, list[object]] = {"number": [number for number, _ in GRID], "letter": [letter for _, letter in GRID]}


def test_a_setting_without_effect_is_named() -> None:
    assert find_inert(SETTINGS, [letter for _, letter in GRID]) == ["number"]
    assert find_inert(SETTINGS, ["same"] * len(GRID)) == ["number", "letter"]


def test_an_effect_anywhere_is_an_effect() -> None:
    outcomes = [letter for _, letter in GRID]
    outcomes[-1] = "other"
    assert find_inert(SETTINGS, outcomes) == []


def test_rows_that_differ_in_everything_tell_nothing() -> None:
    assert find_inert({"x": [0.1, 0.2, 0.3], "y": [5, 6, 7]}, ["same"] * 3) == []
    assert find_inert({"x": [1, 1]}, ["same"] * 2) == []


def test_a_list_is_a_value() -> None:
    assert find_inert({"lookbacks": [[1, 2], [3, 4]]}, ["same", "same"]) == ["lookbacks"]


def test_a_sweep_says_which_of_its_settings_did_nothing() -> None:
    panel = SampleMarket(30, 400, DAY_MS, 7).build()
    points = [{"strategy.k_max": k, "strategy.signal_power": power} for k in (12, 20) for power in (1.0, 1.5)]
    found = run_trials(panel, make_trials(panel, points, load_config("weekly"), costs=None, timing={}))
    assert found.inert == ["strategy.k_max"]
    assert any(line.startswith("strategy.k_max changed nothing") for line in say_luck(found))
    frame = xs.sweep(panel, points, base="weekly")
    assert frame["equity_usdt"].n_unique() == 2
