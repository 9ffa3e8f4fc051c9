"""Funding: stamps at their instants, intervals that change, prints that contradict, sums by bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lake.market_rows import HOUR_MS, START_MS, rules_of
from xsmom.domain.stamps import parse_ms
from xsmom.lake.funding_verdicts import JudgedFunding, judge_funding, sum_by_bar
from xsmom.lake.spans import Span


def judge(hours: list[float], rates: list[float] | None = None, covered: Any = None) -> JudgedFunding:
    """Judge prints at these hours after the start."""
    told = [0.0001] * len(hours) if rates is None else rates
    stamps = [START_MS + round(hour * HOUR_MS) for hour in hours]
    frame = pl.DataFrame({"at_ms": stamps, "rate_frac": told}, schema={"at_ms": pl.Int64, "rate_frac": pl.Float64})
    return judge_funding("AUSDT", frame, covered)


def real_prints(shared: Path, name: str, symbol: str) -> pl.DataFrame:
    path = shared / "data" / name
    if not path.exists():
        pytest.skip(f"needs {name} in the real data beside the repository")
    rows = pl.scan_parquet(path).filter(pl.col("symbol") == symbol).collect()
    return rows.select(at_ms="ts", rate_frac="rate")


def test_prints_every_eight_hours_are_healthy() -> None:
    assert judge([8 * i for i in range(50)]).findings == []


def test_jitter_is_snapped_to_the_minute() -> None:
    judged = judge([0, 8 + 20e-3 / 3600, 16 - 5e-3 / 3600, 24])
    assert rules_of(judged.findings) == ["jitter"]
    assert judged.at_ms.tolist() == [START_MS + hour * HOUR_MS for hour in (0, 8, 16, 24)]


def test_a_print_told_twice_with_another_jitter_is_one() -> None:
    judged = judge([0, 8, 8 + 11e-3 / 3600, 16])
    assert rules_of(judged.findings) == ["jitter", "print_twice"]
    assert len(judged.at_ms) == 4 - 1


def test_prints_that_contradict_each_other_make_their_bar_unknown() -> None:
    judged = judge([0, 8, 8, 16], [0.0001, 0.0002, 0.0003, 0.0001])
    assert rules_of(judged.findings) == ["print_conflict"]
    paid = sum_by_bar(judged, START_MS + HOUR_MS, 16, HOUR_MS)
    assert np.isnan(paid[7])
    assert paid[15] == 0.0001
    assert not np.isnan(np.delete(paid, 7)).any()


@pytest.mark.parametrize("rate", [0.06, -0.3, np.nan, np.inf])
def test_a_rate_that_nobody_settles(rate: float) -> None:
    judged = judge([0, 8, 16, 24], [0.0001, rate, 0.0001, 0.0001])
    assert rules_of(judged.findings) == ["rate_range"]
    assert np.isnan(judged.rate_frac[1])


def test_percent_is_told_by_its_size() -> None:
    judged = judge([8 * i for i in range(60)], [0.01] * 60)
    assert rules_of(judged.findings) == ["rate_unit"]
    assert np.isnan(sum_by_bar(judged, START_MS + HOUR_MS, 24, HOUR_MS)).all()


def test_an_interval_may_change() -> None:
    judged = judge([0, 8, 16, 20, 24, 26, 28, 30, 32, 40, 48, 56])
    assert rules_of(judged.findings) == ["interval_changed"] * 3
    assert not np.isnan(sum_by_bar(judged, START_MS + HOUR_MS, 56, HOUR_MS)).any()


def test_a_settlement_that_is_missing_is_not_taken_for_none() -> None:
    judged = judge([0, 8, 16, 32, 40])
    assert rules_of(judged.findings) == ["print_missing"]
    paid = sum_by_bar(judged, START_MS + HOUR_MS, 40, HOUR_MS)
    unknown = np.flatnonzero(np.isnan(paid))
    assert unknown.tolist() == list(range(16, 24))  # behind the 16th hour up to the 24th: there it was due
    assert np.isnan(sum_by_bar(judged, START_MS + 24 * HOUR_MS, 1, 24 * HOUR_MS)).all()


def test_a_download_that_stopped_and_went_on_leaves_a_hole() -> None:
    judged = judge([0, 8, 16, 16 + 4004, 4028, 4036])
    assert rules_of(judged.findings) == ["print_missing"]
    paid = sum_by_bar(judged, START_MS + HOUR_MS, 4036, HOUR_MS)
    assert np.isnan(paid).sum() == 4004 - 8


def test_what_was_never_asked_for_is_not_known() -> None:
    judged = judge([8, 16], covered=[Span(START_MS + 8 * HOUR_MS, START_MS + 20 * HOUR_MS)])
    paid = sum_by_bar(judged, START_MS + HOUR_MS, 24, HOUR_MS)
    assert np.isnan(paid[:0]).all()
    assert (paid[:7] == 0).all()  # nothing is settled within one interval before a settlement
    assert paid[7] == paid[15] == 0.0001
    assert (paid[16:19] == 0).all()
    assert np.isnan(paid[19:]).all()


def test_a_stamp_at_the_close_belongs_to_the_bar_that_closes() -> None:
    judged = judge([0, 8, 16], [0.1e-3, 0.2e-3, 0.4e-3])
    closes = START_MS + 8 * HOUR_MS
    assert sum_by_bar(judged, closes, 2, 8 * HOUR_MS).tolist() == [0.2e-3, 0.4e-3]


@given(st.lists(st.integers(0, 400), min_size=2, max_size=40, unique=True), st.sampled_from([1, 2, 4, 8, 24]))
def test_sums_over_bars_equal_a_plain_loop(hours: list[int], bar_hours: int) -> None:
    hours.sort()
    rates = [1e-5 * (hour % 7 - 3) for hour in hours]
    whole = [Span(START_MS - 10**9, START_MS + 10**10)]
    judged = judge([float(hour) for hour in hours], rates, whole)
    first = START_MS + bar_hours * HOUR_MS
    bars = 400 // bar_hours
    paid = sum_by_bar(judged, first, bars, bar_hours * HOUR_MS)
    for t in range(bars):
        inside = [r for h, r in zip(hours, rates, strict=True) if t * bar_hours < h <= (t + 1) * bar_hours]
        if not np.isnan(paid[t]):
            assert paid[t] == pytest.approx(sum(inside), abs=1e-15)
    if "print_missing" not in rules_of(judged.findings):
        assert not np.isnan(paid).any()


# --- real cases -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["funding_binance_b_to2024.parquet", "funding_binance_c_dirty_to2024.parquet"])
def test_sol_in_november_2022_is_legitimate(shared: Path, name: str) -> None:
    """Two-hourly settlements at the cap of -2 %: the market was like that, and nothing of it is lost."""
    rows = real_prints(shared, name, "SOLUSDT")
    judged = judge_funding("SOLUSDT", rows, None)
    assert rules_of(judged.findings) == ["jitter"] + ["interval_changed"] * 3
    first = parse_ms("2022-11-08T01:00Z")
    paid = sum_by_bar(judged, first, 24 * 14, HOUR_MS)
    span = (rows["at_ms"] > first - HOUR_MS) & (rows["at_ms"] < first + (24 * 14 - 1) * HOUR_MS + 1_000)
    assert (paid == -0.02).sum() == 7
    assert paid.sum() == pytest.approx(rows.filter(span)["rate_frac"].sum(), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["funding_binance_a_to2024.parquet", "funding_binance_b_to2024.parquet"])
def test_no_real_print_is_lost(shared: Path, name: str) -> None:
    path = shared / "data" / name
    if not path.exists():
        pytest.skip(f"needs {name} in the real data beside the repository")
    for (symbol,), rows in pl.read_parquet(path).partition_by("symbol", as_dict=True).items():
        judged = judge_funding(str(symbol), rows.select(at_ms="ts", rate_frac="rate"), None)
        assert {finding.rule for finding in judged.findings} <= {"jitter", "interval_changed"}
        first = (int(judged.at_ms[0]) // HOUR_MS) * HOUR_MS
        bars = (int(judged.at_ms[-1]) - first) // HOUR_MS + 1
        paid = sum_by_bar(judged, first, bars, HOUR_MS)
        assert not np.isnan(paid).any()
        assert paid.sum() == pytest.approx(rows["rate"].sum(), abs=1e-9)


def test_two_downloads_of_one_market_agree(shared: Path) -> None:
    """Told by one with jitter and by the other without: one print each, and no conflict."""
    both = pl.concat(
        [real_prints(shared, f"funding_binance_{which}_to2024.parquet", "BTCUSDT") for which in ("a", "b", "c_dirty")]
    )
    judged = judge_funding("BTCUSDT", both, None)
    assert rules_of(judged.findings) == ["jitter", "print_twice"]


def test_conflicting_prints_among_real_ones_are_found(shared: Path) -> None:
    """As in sets that were downloaded twice over a correction: 302 prints again, with other rates."""
    rows = real_prints(shared, "funding_binance_c_dirty_to2024.parquet", "BTCUSDT")
    again = rows[-400:-98].with_columns(pl.col("at_ms") + 7, pl.col("rate_frac") + 1e-6)
    judged = judge_funding("BTCUSDT", pl.concat([rows, again]), None)
    conflicts = [finding for finding in judged.findings if finding.rule == "print_conflict"]
    assert sum(finding.rows for finding in conflicts) == 302
    assert np.isnan(judged.rate_frac).sum() == 302
