"""Public indicators against TA-Lib and pandas-like vectors; the arithmetic has its own tests in Rust."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xsmom import indicators
from xsmom.errors import DataError, KernelError

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"


def load(name: str) -> dict:
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    return json.loads(path.read_text("utf-8"))["cases"]


def numbers(values: list) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


WILDER = ("atr", "adx", "plus_di", "minus_di")


def by_bars(name: str, period: int) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    work = getattr(indicators, name)
    return lambda b: work(b["high"], b["low"], b["close"], period)


TALIB: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {
    "EMA_12": lambda b: indicators.ema(b["close"], 12),
    "EMA_50": lambda b: indicators.ema(b["close"], 50),
    "SMA_20": lambda b: indicators.sma(b["close"], 20),
    "TRANGE": lambda b: indicators.true_range(b["high"], b["low"], b["close"]),
    **{f"{name.upper()}_{period}": by_bars(name, period) for period in (7, 14, 20) for name in WILDER},
    "DX_14": lambda b: indicators.dx(b["high"], b["low"], b["close"], 14),
    "PLUS_DM_14": lambda b: indicators.plus_dm(b["high"], b["low"], b["close"], 14),
    "MINUS_DM_14": lambda b: indicators.minus_dm(b["high"], b["low"], b["close"], 14),
}


@pytest.mark.parametrize("name", sorted(TALIB))
def test_the_seeding_is_that_of_ta_lib(name: str) -> None:
    cases = load("01_talib_indicators.json")
    bars = {field: numbers(values) for field, values in cases["input"].items()}
    expected = numbers(cases["expected"][name])
    np.testing.assert_allclose(TALIB[name](bars), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["mean_24", "std_24_ddof0", "std_24_ddof1", "zlast_72_ddof1", "median_24"])
def test_rolling_windows_match(name: str) -> None:
    cases = load("02_rolling_ewm_zscore.json")
    kind, period, *spread = name.split("_")
    ddof = {"ddof": int(spread[0][-1])} if spread else {}
    work = {
        "mean": indicators.rolling_mean,
        "std": indicators.rolling_std,
        "zlast": indicators.rolling_zscore,
        "median": indicators.rolling_median,
    }[kind]
    found = work(numbers(cases["returns"]), int(period), **ddof)
    np.testing.assert_allclose(found, numbers(cases["expected"][name]), rtol=1e-9, atol=1e-12)


def test_a_small_spread_on_a_large_level_keeps_its_digits() -> None:
    case = load("02_rolling_ewm_zscore.json")["ill_conditioned"]
    found = indicators.rolling_std(numbers(case["x"]), 20)
    np.testing.assert_allclose(found, numbers(case["std_20_ddof1"]), rtol=1e-4)


def test_the_cross_section_matches() -> None:
    case = load("02_rolling_ewm_zscore.json")["cross_section"]
    table = np.array([numbers(row) for row in case["matrix"]])
    for name, found in (
        ("rank_average", indicators.ranks(table)),
        ("zscore_ddof0", indicators.zscores(table)),
        ("zscore_ddof1", indicators.zscores(table, ddof=1)),
        ("robust_z_mad_1.4826", indicators.robust_zscores(table)),
    ):
        expected = np.array([numbers(row) for row in case[name]])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_table_is_its_columns() -> None:
    table = np.random.default_rng(1).normal(size=(200, 11)).cumsum(axis=0) + 100.0
    for work in (indicators.ema, indicators.rolling_std, indicators.rolling_median):
        whole = work(table, 14)
        for i in range(table.shape[1]):
            np.testing.assert_array_equal(whole[:, i], work(table[:, i], 14))


def test_bad_input_is_told_in_one_sentence() -> None:
    with pytest.raises(KernelError, match="period"):
        indicators.ema([1.0, 2.0], 0)
    with pytest.raises(DataError, match="3 dimensions"):
        indicators.ema(np.zeros((2, 2, 2)), 2)
    with pytest.raises(DataError, match=r"shapes \(3,\) and \(2,\)"):
        indicators.true_range([1.0, 2.0, 3.0], [1.0, 2.0], [1.0, 2.0, 3.0])


def test_out_is_written_and_given_back() -> None:
    table = np.random.default_rng(2).normal(size=(90, 7)).cumsum(axis=0) + 100.0
    bars = (table + 1.0, table - 1.0, table)
    out = np.full_like(table, 7.0)
    cases: list[tuple[Any, tuple[np.ndarray, ...]]] = [
        (indicators.ema, (table,)),
        (indicators.rolling_std, (table,)),
        (indicators.atr, bars),
        (indicators.adx, bars),
    ]
    for work, inputs in cases:
        assert work(*inputs, 14, out=out) is out
        np.testing.assert_array_equal(out, work(*inputs, 14))
    line = np.empty(90)
    assert indicators.sma(table[:, 0], 5, out=line) is line
    np.testing.assert_array_equal(line, indicators.sma(table[:, 0], 5))


def test_an_out_that_does_not_fit_is_refused() -> None:
    table = np.ones((20, 3))
    misfits: list[Any] = [np.empty((3, 20)), np.empty((20, 3), dtype=np.float32), np.empty((3, 20)).T]
    for out in misfits:
        with pytest.raises(DataError, match="out wants"):
            indicators.ema(table, 2, out=out)
    with pytest.raises(DataError, match="out is one of the inputs"):
        indicators.ema(table, 2, out=table)
