"""Each rule of bars: a planted case, and a real one where the real data have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lake.market_rows import (
    DAY_MS,
    FILES,
    HOUR_MS,
    START_MS,
    healthy,
    judge,
    judge_real,
    real_rows,
    rules_of,
)
from xsmom.domain.stamps import parse_ms
from xsmom.lake.bar_verdicts import Facts, judge_bars
from xsmom.lake.rules import RULES, Action, Limits, Severity
from xsmom.lake.spans import Span


def at(number: int) -> int:
    return START_MS + number * HOUR_MS


def test_a_healthy_market_is_found_healthy() -> None:
    judged = judge(healthy())
    assert judged.findings == []
    assert judged.usable.all()


def test_rows_out_of_order_are_sorted_and_told() -> None:
    columns = healthy()
    order = np.r_[:50, 60:70, 50:60, 70:200]
    judged = judge({name: column[order] for name, column in columns.items()})
    assert rules_of(judged.findings) == ["disorder"]
    np.testing.assert_array_equal(judged.rows.open_ms, columns["open_ms"])
    np.testing.assert_array_equal(judged.rows.close, columns["close"])


def test_stamps_off_the_grid_are_dropped() -> None:
    columns = healthy()
    columns["open_ms"][10] += 1_000
    judged = judge(columns, covered=(Span(START_MS, at(200)),))
    assert rules_of(judged.findings) == ["off_grid", "gap"]
    assert at(10) not in judged.rows.open_ms


def test_equal_rows_are_one_row() -> None:
    columns = {name: np.repeat(column, [1] * 7 + [3] + [1] * 192) for name, column in healthy().items()}
    judged = judge(columns)
    assert [(f.rule, f.first_ms, f.rows) for f in judged.findings] == [("duplicate", at(7), 2)]
    assert judged.usable.all()
    assert len(judged.rows) == 200


def twice(column: str, value: float) -> dict[str, Any]:
    """Bar 7 told twice, the second time with another value in one column."""
    columns = {name: np.insert(values, 8, values[7]) for name, values in healthy().items()}
    columns[column][8] = value
    return columns


def test_a_bar_told_twice_with_one_possible_version_is_that_version() -> None:
    judged = judge(twice("low", 1e6))
    assert [(f.rule, f.first_ms) for f in judged.findings] == [("conflict", at(7))]
    assert judged.usable.all()
    assert judged.rows.low[7] == healthy()["low"][7]


def test_a_bar_told_twice_with_two_possible_versions_is_nan() -> None:
    columns = twice("close", healthy()["close"][7])
    columns["close"][8] = (columns["open"][7] + columns["low"][7]) / 2
    judged = judge(columns)
    assert rules_of(judged.findings) == ["conflict"]
    assert np.flatnonzero(~judged.usable).tolist() == [7]


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_price_that_is_none(column: str, value: float) -> None:
    columns = healthy()
    columns[column][30] = value
    judged = judge(columns)
    assert [(f.rule, f.first_ms, f.rows) for f in judged.findings] == [("bad_price", at(30), 1)]
    assert np.flatnonzero(~judged.usable).tolist() == [30]


@pytest.mark.parametrize(("column", "factor"), [("high", 0.9), ("low", 1.1)])
def test_a_range_that_contradicts_itself(column: str, factor: float) -> None:
    columns = healthy()
    columns[column][30] *= factor
    assert rules_of(judge(columns).findings) == ["broken_range"]


def test_the_dust_of_rounding_is_no_contradiction() -> None:
    columns = healthy()
    columns["high"] = np.maximum(columns["open"], columns["close"]) * (1 - 1e-12)
    judged = judge(columns)
    assert judged.findings == []
    assert (judged.rows.high >= np.maximum(judged.rows.open, judged.rows.close)).all()


@pytest.mark.parametrize("value", [0.0, -5.0, np.nan])
def test_a_volume_that_cannot_be(value: float) -> None:
    columns = healthy()
    columns["volume"][30] = columns["volume_usdt"][30] = value
    assert [(f.rule, f.first_ms) for f in judge(columns).findings] == [("volume_hole", at(30))]


def test_volume_in_coins_is_valued_at_the_close() -> None:
    columns = healthy()
    columns["volume_usdt"] = np.full(200, np.nan)
    judged = judge(columns)
    assert judged.findings == []
    np.testing.assert_array_equal(judged.rows.volume_usdt, columns["volume"] * columns["close"])


def test_a_series_without_volume_is_no_series() -> None:
    columns = healthy()
    columns["volume"] = columns["volume_usdt"] = np.full(200, np.nan)
    judged = judge(columns)
    assert rules_of(judged.findings) == ["no_volume", "empty"]


def test_a_copied_bar_is_no_bar() -> None:
    columns = healthy()
    for name in ("open", "high", "low", "close", "volume", "volume_usdt"):
        columns[name][31:33] = columns[name][30]
    assert [(f.rule, f.first_ms, f.rows) for f in judge(columns).findings] == [("copied", at(31), 2)]


def still(bars: int) -> dict[str, Any]:
    columns = healthy()
    for name in ("open", "high", "low", "close"):
        columns[name][30 : 30 + bars] = columns["close"][29]
    columns["open"][30 + bars] = columns["close"][29]
    columns["volume"][30 : 30 + bars] = columns["volume_usdt"][30 : 30 + bars] = 0.0
    columns["high"] = np.maximum(columns["high"], np.maximum(columns["open"], columns["close"]))
    columns["low"] = np.minimum(columns["low"], np.minimum(columns["open"], columns["close"]))
    return columns


def test_a_price_freezes_when_it_has_stood_still_for_long_enough() -> None:
    judged = judge(still(20))
    assert [(f.rule, f.first_ms, f.rows) for f in judged.findings] == [
        ("no_trade", at(30), 20),
        ("frozen", at(41), 9),
    ]
    assert np.flatnonzero(~judged.usable).tolist() == list(range(41, 50))


def test_freezing_is_not_known_before_its_time() -> None:
    whole, part = judge(still(20)), judge({name: column[:45] for name, column in still(20).items()})
    np.testing.assert_array_equal(whole.usable[:45], part.usable)


def test_an_hour_without_a_trade_is_only_told() -> None:
    judged = judge(still(11))
    assert rules_of(judged.findings) == ["no_trade"]
    assert judged.usable.all()


@pytest.mark.parametrize("factor", [1.6, 20.0, 0.6, 0.01])
def test_a_close_away_from_both_neighbours_is_a_bad_print(factor: float) -> None:
    columns = healthy()
    columns["close"][30] *= factor
    columns["high"][30] = max(columns["high"][30], columns["close"][30])
    columns["low"][30] = min(columns["low"][30], columns["close"][30])
    judged = judge(columns)
    assert [(f.rule, f.first_ms) for f in judged.findings] == [("spike", at(30))]


def test_a_squeeze_that_turns_in_the_next_bar_is_real() -> None:
    """Up 150 % and back: the bar after opens where the squeeze closed, so somebody traded there."""
    columns = healthy()
    columns["close"][30] *= 2.5
    columns["open"][31] = columns["close"][30]
    columns["high"][30:32] = columns["close"][30] * 1.01
    assert rules_of(judge(columns).findings) in ([], ["long_wick"])


@pytest.mark.parametrize(("column", "factor", "rule"), [
    ("high", 1.7, "long_wick"), ("low", 0.5, "long_wick"), ("high", 12.0, "wild_wick"), ("low", 0.05, "wild_wick"),
])  # fmt: skip
def test_wicks(column: str, factor: float, rule: str) -> None:
    columns = healthy()
    columns[column][30] *= factor
    judged = judge(columns)
    assert [(f.rule, f.first_ms) for f in judged.findings] == [(rule, at(30))]
    assert judged.usable.all() == (RULES[rule].action is Action.KEEP)


def test_absent_bars_are_the_exchanges_own_or_nobodys() -> None:
    columns = {name: np.delete(column, range(30, 40)) for name, column in healthy().items()}
    covered = (Span(START_MS, at(34)), Span(at(37), at(200)))
    found = judge(columns, covered=covered).findings
    assert [(f.rule, f.first_ms, f.rows) for f in found] == [
        ("gap", at(30), 4), ("gap", at(37), 3), ("hole", at(34), 3),
    ]  # fmt: skip
    assert RULES["hole"].severity is Severity.WARNING


def test_the_bar_that_was_forming_when_it_was_fetched_is_dropped() -> None:
    columns = healthy()
    judged = judge(columns, fetched_ms=at(199) + HOUR_MS - 1, covered=(Span(START_MS, at(200)),))
    assert rules_of(judged.findings) == ["unproven_last"]
    assert len(judged.rows) == 199
    assert judge(columns, fetched_ms=at(200)).findings == []


def test_the_newest_bar_of_a_file_proves_nothing() -> None:
    judged = judge(healthy(), set_end_ms=at(200))
    assert [(f.rule, f.first_ms) for f in judged.findings] == [("unproven_last", at(199))]


def test_a_name_that_ends_long_before_its_file_has_ended() -> None:
    judged = judge(healthy(), set_end_ms=at(200) + 14 * DAY_MS)
    assert judged.ended
    assert rules_of(judged.findings) == ["ended"]
    assert len(judged.rows) == 200
    assert not judge(healthy(), set_end_ms=at(200) + 14 * DAY_MS - 1).ended


def test_a_name_that_was_not_downloaded_further_has_not_ended() -> None:
    judged = judge(healthy(), fetched_ms=at(10_000), covered=(Span(START_MS, at(200)),))
    assert not judged.ended


def test_rules_do_not_pile_up_on_one_bad_bar() -> None:
    columns = healthy()
    for name in ("open", "low", "close", "volume", "volume_usdt"):
        columns[name][30] = 0.0
    assert len(judge(columns).findings) == 1


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_the_order_and_the_repetition_of_rows_change_nothing(seed: int, again: int) -> None:
    rng = np.random.default_rng(seed)
    columns = healthy(60, seed)
    columns["close"][rng.integers(60)] = -1.0
    order = rng.permutation(np.concatenate((np.arange(60), rng.integers(0, 60, again))))
    one, other = judge(columns), judge({name: column[order] for name, column in columns.items()})
    np.testing.assert_array_equal(one.usable, other.usable)
    np.testing.assert_array_equal(one.rows.close, other.rows.close)


@given(st.lists(st.sampled_from([-1.0, 0.0, np.nan, np.inf, 1e-9, 50.0, 100.0, 1e12]), min_size=6, max_size=240))
def test_whatever_comes_in_only_possible_bars_are_usable(values: list[float]) -> None:
    rows = len(values) // 6
    names = ("open", "high", "low", "close", "volume", "volume_usdt")
    columns: dict[str, Any] = {name: np.array(values[i * rows : (i + 1) * rows]) for i, name in enumerate(names)}
    columns["open_ms"] = START_MS + HOUR_MS * (np.arange(rows, dtype=np.int64) * 7 % 5)
    judged = judge(columns)
    good = judged.rows.take(judged.usable)
    assert (np.diff(judged.rows.open_ms) > 0).all()
    for price in (good.open, good.high, good.low, good.close):
        assert (np.isfinite(price) & (price > 0)).all()
    assert (good.low <= np.minimum(good.open, good.close)).all()
    assert (good.high >= np.maximum(good.open, good.close)).all()
    assert (np.isfinite(good.volume_usdt) & (good.volume_usdt >= 0)).all()


# --- real cases -------------------------------------------------------------------------------


def test_bybit_told_a_day_twice(shared: Path) -> None:
    rows = real_rows(shared, "bybit_perp_1d_to2024.parquet")
    found = [
        finding
        for (symbol,), frame in rows.partition_by("symbol", as_dict=True).items()
        for finding in judge_bars(symbol, frame, DAY_MS, Limits(), Facts()).findings
        if finding.rule in {"duplicate", "conflict"}
    ]
    assert {finding.rule for finding in found} == {"duplicate"}
    assert len({finding.symbol for finding in found}) == 152
    assert {finding.first_ms for finding in found} == {parse_ms("2023-02-18")}


def test_bch_opened_at_nothing(shared: Path) -> None:
    judged = judge_real(shared, "bybit_perp_1d_to2024.parquet", "BCHUSDT")
    assert [(f.rule, f.first_ms) for f in judged.findings if f.severity is Severity.ERROR] == [
        ("bad_price", parse_ms("2020-12-14"))
    ]


def test_the_collapse_of_luna_is_real_to_its_last_hour(shared: Path) -> None:
    """From 80 dollars to a ten-thousandth in a week, with every bar of it usable."""
    judged = judge_real(shared, "binance_spot_1h_2021_2023.parquet", "LUNAUSDT")
    fall = (judged.rows.open_ms >= parse_ms("2022-05-05")) & (judged.rows.open_ms <= parse_ms("2022-05-13"))
    assert judged.rows.close[fall][0] > 80
    assert judged.rows.close[fall][-1] < 0.001
    assert judged.usable[fall].all()


def test_a_dead_coin_without_a_trade_for_a_day(shared: Path) -> None:
    judged = judge_real(shared, "binance_spot_1h_2021_2023.parquet", "NBTUSDT")
    frozen = [finding for finding in judged.findings if finding.rule == "frozen"]
    longest = max(frozen, key=lambda finding: finding.rows)
    assert longest.last_ms == parse_ms("2023-01-08T17:00Z")
    assert longest.rows == 12


def test_a_dollar_that_traded_at_999(shared: Path) -> None:
    judged = judge_real(shared, "binance_spot_1h_2021_2023.parquet", "PAXUSDT")
    assert [f.first_ms for f in judged.findings if f.rule == "wild_wick"] == [parse_ms("2021-07-26T01:00Z")]


def test_the_crash_of_2020_keeps_its_wicks(shared: Path) -> None:
    """ETHUSDT at 323 on 2020-03-13 and ADA at half for a minute: traded, and stops were hit."""
    judged = judge_real(shared, "binance_perp_1h_long_to2024.parquet", "ETHUSDT")
    kept = [f.first_ms for f in judged.findings if f.rule == "long_wick"]
    assert parse_ms("2020-03-13T02:00Z") in kept
    assert judged.usable.all()


def test_outages_are_gaps(shared: Path) -> None:
    rows = real_rows(shared, "binance_spot_1h_basis_to2024.parquet", "BTCUSDT")
    span = Span(int(rows["open_ms"].min()), int(rows["open_ms"].max()) + HOUR_MS)  # type: ignore[arg-type]
    judged = judge_bars("BTCUSDT", rows, HOUR_MS, Limits(), Facts(covered=(span,)))
    gaps = [finding for finding in judged.findings if finding.rule == "gap"]
    hours = 1 + (span.end_ms - span.start_ms) // HOUR_MS - 1
    assert sum(finding.rows for finding in gaps) == hours - len(rows) > 0


def test_the_newest_day_of_a_set_was_cut_off(shared: Path) -> None:
    """The spot set of days was cut on 2023-12-30 at 21 to 23 o'clock: every living name loses that day."""
    rows = real_rows(shared, "binance_spot_1d_2021_2023.parquet")
    last = rows.filter(pl.col("open_ms") == parse_ms("2023-12-30"))
    assert last["hours"].max() < 24  # type: ignore[operator]
    judged = judge_real(shared, "binance_spot_1d_2021_2023.parquet", "BTCUSDT", set_end_ms=parse_ms("2023-12-31"))
    assert judged.rows.open_ms[-1] == parse_ms("2023-12-29")


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_what_real_files_lose_has_been_looked_at(shared: Path, name: str) -> None:
    """Every bar of the real files that becomes NaN or is dropped, counted; each was judged by hand."""
    lost = {"binance_spot_1h_2021_2023.parquet": {"frozen": 24, "wild_wick": 1},
            "binance_spot_1d_2021_2023.parquet": {"wild_wick": 7},
            "bybit_perp_1d_to2024.parquet": {"bad_price": 1, "wild_wick": 1}}  # fmt: skip
    rows = real_rows(shared, name)
    found: dict[str, int] = {}
    for (symbol,), frame in rows.partition_by("symbol", as_dict=True).items():
        for finding in judge_bars(symbol, frame, FILES[name], Limits(), Facts()).findings:
            if finding.action in {Action.NAN, Action.DROP} and finding.rule not in {"gap", "hole"}:
                found[finding.rule] = found.get(finding.rule, 0) + finding.rows
    assert found == lost.get(name, {})
