"""Where one instrument ends and another begins; new units and new tickers; bars made of smaller ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lake.market_rows import DAY_MS, HOUR_MS, START_MS, healthy, judge, judge_real, real_rows, rules_of
from xsmom.config.lists import list_changes, read_list
from xsmom.domain.panel import NEVER_MS
from xsmom.domain.stamps import parse_ms
from xsmom.domain.tickers import Change, ticker_of
from xsmom.errors import DataError
from xsmom.lake.bar_rows import BarRows
from xsmom.lake.bar_verdicts import Facts, judge_bars
from xsmom.lake.listings import Listing, SpecDates, join_renames, split_listings
from xsmom.lake.market_verdicts import find_half_finished
from xsmom.lake.resample import resample
from xsmom.lake.rules import Limits
from xsmom.lake.spans import Span

PRICES = ("open", "high", "low", "close")


def pieces(columns: dict[str, Any], *changes: Change, dates: SpecDates | None = None, **facts: Any) -> Any:
    return split_listings(judge(columns, **facts), changes, dates)


def jump(factor: float, silent_bars: int = 0) -> dict[str, Any]:
    """From bar 100 on another price, behind absent bars."""
    columns = healthy(300)
    for name in PRICES:
        columns[name][100:] *= factor
    return {name: np.delete(column, range(100, 100 + silent_bars)) for name, column in columns.items()}


def test_a_quiet_life_is_one_listing() -> None:
    listings, found = pieces(healthy())
    assert found == []
    assert [(one.symbol, one.listed_ms, one.delisted_ms) for one in listings] == [("AUSDT", START_MS, NEVER_MS)]


@pytest.mark.parametrize(("factor", "silent", "cut"), [
    (1.0, 0, False), (4.0, 0, False), (0.3, 0, False), (6.0, 0, True), (0.15, 0, True),
    (2.0, 30, False), (4.0, 30, True), (0.2, 30, True), (1.0, 100, False),
])  # fmt: skip
def test_a_price_elsewhere_is_another_instrument(factor: float, silent: int, cut: bool) -> None:
    listings, found = pieces(jump(factor, silent))
    assert [one.symbol for one in listings] == (["AUSDT", "AUSDT.2"] if cut else ["AUSDT"])
    assert rules_of(found) == (["relisted"] if cut else [])
    if cut:
        first, second = listings
        assert first.delisted_ms == START_MS + 100 * HOUR_MS
        assert second.listed_ms == START_MS + (100 + silent) * HOUR_MS
        assert second.delisted_ms == NEVER_MS


def test_silence_of_two_weeks_is_a_delisting() -> None:
    columns = healthy(60, bar_ms=DAY_MS)
    for silent, count in ((13, 1), (14, 2)):
        cut = {name: np.delete(column, range(20, 20 + silent)) for name, column in columns.items()}
        assert len(split_listings(judge(cut, bar_ms=DAY_MS))[0]) == count


def test_a_known_change_of_unit_joins_the_two_parts() -> None:
    plain = judge(healthy(300)).rows
    columns = jump(0.001, 30)
    columns["volume"][100:] *= 1000
    change = Change(START_MS + 128 * HOUR_MS, "AUSDT", "AUSDT", 1000.0)
    listings, found = pieces(columns, change)
    assert rules_of(found) == ["redenominated"]
    rows = listings[0].rows
    assert len(listings) == 1
    np.testing.assert_allclose(rows.close[:100], plain.close[:100] / 1000, rtol=1e-12)
    np.testing.assert_allclose(rows.volume_usdt[:100], plain.volume_usdt[:100])


def test_the_map_is_not_believed_against_the_prices() -> None:
    listings, found = pieces(jump(1.0, 30), Change(START_MS + 128 * HOUR_MS, "AUSDT", "AUSDT", 1000.0))
    assert rules_of(found) == ["not_joined"]
    np.testing.assert_array_equal(listings[0].rows.close[:100], healthy(300)["close"][:100])


def test_a_date_far_from_any_bar_does_nothing() -> None:
    change = Change(START_MS - 100 * DAY_MS, "AUSDT", "AUSDT", 1000.0)
    assert pieces(healthy(), change)[1] == []


def test_the_exchanges_own_dates_count_where_bars_do_not_contradict() -> None:
    dates = SpecDates(START_MS - DAY_MS, START_MS + 400 * HOUR_MS)
    (one,), _ = pieces(healthy(), dates=dates)
    assert (one.listed_ms, one.listed_by) == (START_MS - DAY_MS, "exchange")
    assert (one.delisted_ms, one.delisted_by) == (START_MS + 400 * HOUR_MS, "exchange")
    (one,), _ = pieces(healthy(), dates=SpecDates(START_MS + DAY_MS, START_MS + DAY_MS))
    assert (one.listed_by, one.delisted_ms) == ("first bar", NEVER_MS)


def two_tickers(factor: float = 1.0, pause: int = 24) -> dict[str, list[Listing]]:
    """One market under an old ticker, and after a pause under a new one."""
    columns = healthy(300)
    old = {name: column[:100] for name, column in columns.items()}
    new = {name: column[100 + pause :].copy() for name, column in columns.items()}
    for name in PRICES:
        new[name] *= factor
    made = {}
    for symbol, rows in (("OLDUSDT", old), ("NEWUSDT", new)):
        judged = judge_bars(symbol, pl.DataFrame(rows), HOUR_MS, Limits(), Facts())
        made[symbol] = split_listings(judged)[0]
    return made


def test_a_rename_joins_under_the_new_ticker() -> None:
    change = Change(START_MS + 120 * HOUR_MS, "OLDUSDT", "NEWUSDT", 10.0)
    joined, found = join_renames(two_tickers(0.1), [change])
    assert rules_of(found) == ["renamed"]
    assert list(joined) == ["NEWUSDT"]
    (one,) = joined["NEWUSDT"]
    assert (one.symbol, one.listed_ms, len(one.rows)) == ("NEWUSDT", START_MS, 276)
    np.testing.assert_allclose(one.rows.close[99], healthy(300)["close"][99] / 10)


@pytest.mark.parametrize(("factor", "pause"), [(3.0, 24), (1.0, -10)])
def test_a_rename_that_the_data_do_not_bear_out_joins_nothing(factor: float, pause: int) -> None:
    change = Change(START_MS + 120 * HOUR_MS, "OLDUSDT", "NEWUSDT", 1.0)
    joined, found = join_renames(two_tickers(factor, pause), [change])
    assert rules_of(found) == ["not_joined"]
    assert sorted(joined) == ["NEWUSDT", "OLDUSDT"]


def test_tickers_of_listings() -> None:
    pairs = {"LUNAUSDT.2": "LUNAUSDT", "LUNAUSDT": "LUNAUSDT", ".2": ".2", "A.b": "A.b", "A.2.3": "A.2"}
    assert {symbol: ticker_of(symbol) for symbol in pairs} == pairs


def test_the_shipped_map_is_in_order_and_says_how_it_was_checked() -> None:
    changes = list_changes("USDT")
    assert [change.at_ms for change in changes] == sorted(change.at_ms for change in changes)
    for entry in read_list("changes")["change"]:
        if "checked" in entry:
            last, first = map(float, entry["checked"].split(", "))
            assert 1 / 1.6 < last / first / entry["units"] < 1.6


# --- bars cut off for all at once -------------------------------------------------------------


def test_a_snapshot_of_forming_bars_is_seen_across_names() -> None:
    series = []
    for seed in range(6):
        columns = healthy(200, seed)
        for place in (60, 61, 150):  # what was stored is the bar as it stood on the way
            columns["close"][place] = columns["open"][place] * 0.5 + columns["close"][place] * 0.5
            columns["volume"][place] *= 0.4
            columns["volume_usdt"][place] *= 0.4
        columns["high"] = np.maximum(columns["high"], columns["close"])
        columns["low"] = np.minimum(columns["low"], columns["close"])
        series.append(judge(columns))
    stamps = {START_MS + place * HOUR_MS for place in (60, 61, 150)}
    assert find_half_finished(series) == stamps
    assert find_half_finished(series[:2]) == frozenset()  # two names may do so by chance


@pytest.mark.slow
def test_real_hours_are_whole_and_cut_ones_are_found(shared: Path) -> None:
    """Four-hour bars of the real hours, forty of them cut off after one hour: nearly all are found, no other."""
    rows = real_rows(shared, "binance_perp_1h_29sym_to2024.parquet")
    four = 4 * HOUR_MS
    chosen = np.random.default_rng(5).choice(
        np.arange(parse_ms("2023-02-01") // four, parse_ms("2024-09-01") // four), 40, replace=False
    )
    cut = pl.col("bar").is_in(chosen.tolist()) & (pl.col("open_ms") % four > 0)
    made = (
        rows.with_columns(bar=pl.col("open_ms") // four)
        .filter(~cut)
        .group_by("symbol", "bar", maintain_order=True)
        .agg(
            pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .with_columns(open_ms=pl.col("bar") * four, volume_usdt=pl.lit(None, dtype=pl.Float64))
    )  # fmt: skip
    series = [
        judge_bars(str(symbol), frame, four, Limits(), Facts())
        for (symbol,), frame in made.partition_by("symbol", as_dict=True).items()
    ]
    found = {stamp // four for stamp in find_half_finished(series)}
    assert len(found & set(chosen.tolist())) >= 32
    assert found <= set(chosen.tolist())


# --- real cases -------------------------------------------------------------------------------


def test_luna_was_relisted(shared: Path) -> None:
    """437 absent hours, then another coin at 20,000 times the price: no return crosses."""
    judged = judge_real(shared, "binance_spot_1h_2021_2023.parquet", "LUNAUSDT")
    (old, new), found = split_listings(judged, list_changes("USDT"))
    assert rules_of(found) == ["relisted"]
    assert (old.symbol, old.delisted_ms) == ("LUNAUSDT", parse_ms("2022-05-13T01:00Z"))
    assert (new.symbol, new.listed_ms) == ("LUNAUSDT.2", parse_ms("2022-05-31T06:00Z"))
    for one in (old, new):
        assert np.abs(np.diff(np.log(one.rows.close))).max() < 3


def test_quick_was_redenominated(shared: Path) -> None:
    """74.2 before the halt, 0.0742 after it: the dated map joins them, and no return of -99.9 % is left."""
    judged = judge_real(shared, "binance_spot_1h_2021_2023.parquet", "QUICKUSDT")
    (one,), found = split_listings(judged, list_changes("USDT"))
    assert rules_of(found) == ["redenominated"]
    place = int(np.searchsorted(one.rows.open_ms, parse_ms("2023-07-21T08:00Z")))
    assert one.rows.close[place - 1] == pytest.approx(0.0742)
    assert one.rows.open[place] == pytest.approx(0.0742)
    unexplained, found = split_listings(judged)
    assert [listing.symbol for listing in unexplained] == ["QUICKUSDT", "QUICKUSDT.2"]


def test_long_halts_end_a_listing(shared: Path) -> None:
    for symbol in ("CVCUSDT", "USDCUSDT"):
        listings, _ = split_listings(judge_real(shared, "binance_spot_1h_2021_2023.parquet", symbol))
        assert len(listings) == 2


def test_a_crash_behind_a_halt_is_borne_by_its_holders(shared: Path) -> None:
    """AEUR fell by two thirds over a halt of two days: a loss, and no new instrument."""
    judged = judge_real(shared, "binance_spot_1d_2021_2023.parquet", "AEURUSDT")
    listings, _ = split_listings(judged)
    assert len(listings) == 1
    assert "jump_after_gap" in rules_of(judged.findings)


def test_a_jump_behind_absent_bars_is_told() -> None:
    found = judge(jump(2.0, 30), covered=(Span(START_MS, START_MS + 300 * HOUR_MS),)).findings
    assert rules_of(found) == ["gap", "jump_after_gap"]


def test_renames_of_the_map_that_real_prices_bear_out(shared: Path) -> None:
    rows = real_rows(shared, "binance_spot_1d_2021_2023.parquet")
    by_ticker = {
        str(symbol): split_listings(judge_bars(str(symbol), frame, DAY_MS, Limits(), Facts()))[0]
        for (symbol,), frame in rows.partition_by("symbol", as_dict=True).items()
    }
    _, found = join_renames(by_ticker, list_changes("USDT"))
    joined = {finding.symbol for finding in found if finding.rule == "renamed"}
    assert joined == {"XNOUSDT", "PUNDIXUSDT", "HIFIUSDT", "VICUSDT", "USDPUSDT", "POLYXUSDT", "BTTCUSDT"}
    assert {finding.symbol for finding in found if finding.rule == "not_joined"} == {"OOKIUSDT"}


# --- bars of smaller ones ---------------------------------------------------------------------


def rows_of(columns: dict[str, Any]) -> BarRows:
    return judge(columns, bar_ms=60_000).rows


@given(st.integers(0, 2**31), st.sampled_from([5, 15, 60, 240]), st.floats(0, 0.1))
def test_resampling_equals_an_independent_computation(seed: int, minutes: int, absent: float) -> None:
    columns = healthy(1_000, seed, bar_ms=60_000)
    keep = np.random.default_rng(seed).random(1_000) >= absent
    rows = rows_of({name: column[keep] for name, column in columns.items()})
    joined, kept, found = resample("AUSDT", rows, 60_000, minutes * 60_000)
    frame = pl.DataFrame({name: getattr(rows, name) for name in ("open_ms", *PRICES, "volume_usdt")})
    twin = (
        frame.sort("open_ms")
        .group_by_dynamic(pl.from_epoch("open_ms", "ms").alias("at"), every=f"{minutes}m")
        .agg(
            pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
            pl.col("volume_usdt").sum(), pl.len().alias("parts"), pl.col("open_ms").first().alias("from"),
            pl.col("open_ms").last().alias("to"),
        )
    )  # fmt: skip
    opens = twin["at"].dt.epoch("ms")
    np.testing.assert_array_equal(joined.open_ms, opens)
    for name in PRICES:
        np.testing.assert_array_equal(getattr(joined, name), twin[name])
    np.testing.assert_allclose(joined.volume_usdt, twin["volume_usdt"])
    ends = (twin["from"] == opens) & (twin["to"] == opens + (minutes - 1) * 60_000)
    np.testing.assert_array_equal(kept, ends & (twin["parts"] * 100 >= minutes * 95))
    assert sum(finding.rows for finding in found) == (twin["parts"] < minutes).sum()


def test_bars_that_no_small_bar_divides_are_refused() -> None:
    with pytest.raises(DataError, match="choose a multiple"):
        resample("AUSDT", rows_of(healthy(10, bar_ms=60_000)), 60_000, 90_000)


def test_a_bar_of_its_own_length_is_itself() -> None:
    rows = rows_of(healthy(10, bar_ms=60_000))
    joined, kept, found = resample("AUSDT", rows, 60_000, 60_000)
    assert joined is rows
    assert kept.all()
    assert found == []
