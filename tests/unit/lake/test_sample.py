from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from xsmom.domain.panel import CELL_FIELDS, NEVER_MS
from xsmom.errors import DataError, OutputError
from xsmom.lake.panel import Panel
from xsmom.lake.panel_file import read_header
from xsmom.lake.sample import SampleMarket

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def test_a_seed_is_a_market() -> None:
    """The hash is pinned: a change of the model must be meant, and raises MODEL."""
    market = SampleMarket(symbols=12, bars=1_500, seed=7)
    assert (
        market.build().hash == market.build().hash == "c5e1fc16484bf7603e671dbea596801de7ac01f7ad66913e67bca4be6fc2c16a"
    )
    assert SampleMarket(symbols=12, bars=1_500, seed=8).build().hash != market.build().hash


def test_another_process_makes_the_same_bytes() -> None:
    code = "from xsmom.lake.sample import SampleMarket as S; print(S(symbols=5, bars=300, seed=3).build().hash)"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == SampleMarket(symbols=5, bars=300, seed=3).build().hash


@pytest.mark.parametrize("changed", [{}, {"drama": True}, {"churn": False}, {"bar_ms": DAY_MS}, {"bar_ms": 900_000}])
@pytest.mark.parametrize("bars", [1, 1_023, 1_024, 1_025, 2_500])
def test_a_longer_market_begins_with_the_shorter(changed: dict[str, Any], bars: int) -> None:
    whole = SampleMarket(symbols=9, bars=3_000, **changed).build()
    short = SampleMarket(symbols=9, bars=bars, **changed).build()
    assert short.hash == whole.slice(0, bars).hash


def test_the_file_written_in_pieces_is_the_panel(tmp_path: Path) -> None:
    market, told = SampleMarket(symbols=10, bars=2_500), list[tuple[int, int]]()
    market.write(tmp_path / "a.panel", lambda done, total: told.append((done, total)))
    built = list[tuple[int, int]]()
    panel = market.build(lambda done, total: built.append((done, total)))
    opened = Panel.open(tmp_path / "a.panel", verify=True)
    assert opened.hash == panel.hash
    assert opened.label == panel.label == "synthetic sample, seed 7, momentum 1"
    assert told == built == [(1_024, 2_500), (2_048, 2_500), (2_500, 2_500)]
    provenance = read_header(tmp_path / "a.panel").provenance
    assert provenance["source"] == "xsmom sample market (synthetic)"
    assert SampleMarket(**{k: v for k, v in provenance.items() if k not in ("source", "model")}) == market


def test_writing_where_one_cannot_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such file"):
        SampleMarket(bars=10).write(tmp_path / "nowhere" / "a.panel")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"symbols": 0}, "1 to 17,578 symbols, not 0"),
        ({"symbols": 20_000}, "1 to 17,578 symbols"),
        ({"bars": 0}, "ask for at least 1"),
        ({"bar_ms": 10}, "ask for 1 second to 1 week"),
        ({"bar_ms": 30 * DAY_MS}, "ask for 1 second to 1 week"),
        ({"seed": -1}, "seed -1 is not a whole number from 0 up"),
        ({"momentum": -0.1}, "momentum -0.1 is not within 0"),
        ({"momentum": float("nan")}, "momentum nan is not within 0"),
        ({"symbols": 5, "drama": True}, "drama needs a cast of 8 symbols"),
    ],
)
def test_what_cannot_be_made_is_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        SampleMarket(**changed)


@pytest.mark.parametrize("symbols", [1, 2, 3, 8, 300])
@pytest.mark.parametrize("bar_ms", [60_000, HOUR_MS, 7 * HOUR_MS, DAY_MS, 7 * DAY_MS])
def test_any_size_is_a_valid_panel(symbols: int, bar_ms: int) -> None:
    panel = SampleMarket(symbols=symbols, bars=70, bar_ms=bar_ms, momentum=20.0, drama=symbols >= 8).build()
    assert (panel.bars, len(panel.symbols), panel.bar_ms) == (70, symbols, bar_ms)
    assert len(set(panel.symbols)) == symbols
    assert "BTCUSDT" in panel.symbols
    assert panel.close_ms[0] - bar_ms >= 1_672_531_200_000


def test_made_up_names_cannot_be_taken_for_coins() -> None:
    for symbol in set(SampleMarket(symbols=200, bars=1).build().symbols) - {"BTCUSDT", "ETHUSDT"}:
        assert symbol[:3].isalpha(), symbol
        assert symbol[3:5].isdigit(), symbol
        assert symbol[5:] == "USDT", symbol


@pytest.fixture(scope="module")
def year() -> Panel:
    return SampleMarket(symbols=60, bars=8_760, seed=11).build()


def test_names_come_and_go(year: Panel) -> None:
    start_ms, end_ms = int(year.close_ms[0]) - HOUR_MS, int(year.close_ms[-1])
    late = (year.listed_ms > start_ms) & (year.listed_ms < end_ms)
    gone = year.delisted_ms <= end_ms
    assert late.sum() == 17  # 30 % of 58 names
    assert 4 <= gone.sum() <= 6  # of 10 %, some go later than after a year
    assert (year.delisted_ms - year.listed_ms >= 20 * DAY_MS).all()
    majors = [year.symbols.index(name) for name in ("BTCUSDT", "ETHUSDT")]
    assert (year.listed_ms[majors] < start_ms - 60 * DAY_MS).all()
    assert (year.delisted_ms[majors] == NEVER_MS).all()


def test_bars_are_there_between_the_dates_only(year: Panel) -> None:
    opens_ms = year.close_ms[:, None] - HOUR_MS
    alive = (opens_ms >= year.listed_ms) & (year.close_ms[:, None] <= year.delisted_ms)
    present = np.isfinite(year.close)
    assert not (present & ~alive).any()
    assert 0.0002 < 1 - present[alive].mean() < 0.01
    assert np.isnan(year.funding_frac[~alive]).all()
    assert np.isfinite(year.funding_frac[alive]).all()


def test_halts_take_all_names_at_once(year: Panel) -> None:
    nobody = np.isnan(year.close).all(axis=1)
    assert 1 <= nobody.sum() <= 60


def test_no_churn_means_none() -> None:
    panel = SampleMarket(symbols=60, bars=2_000, churn=False).build()
    assert (panel.listed_ms < panel.close_ms[0] - HOUR_MS).all()
    assert (panel.delisted_ms == NEVER_MS).all()
    assert np.isfinite(panel.close).mean() > 0.99


def test_wicks_hold_the_body(year: Panel) -> None:
    body_high, body_low = np.maximum(year.open, year.close), np.minimum(year.open, year.close)
    present = np.isfinite(year.close)
    assert (year.high >= body_high)[present].all()
    assert (year.low <= body_low)[present].all()
    assert (year.high > body_high)[present].mean() > 0.95


def test_prices_have_six_digits(year: Panel) -> None:
    some = year.close[np.isfinite(year.close)][::1_000]
    assert [float(f"{price:.6g}") for price in some] == some.tolist()
    assert some.min() > 0


def test_funding_settles_on_its_hours(year: Panel) -> None:
    hours = {}
    for i, symbol in enumerate(year.symbols):
        settled = year.close_ms[np.nan_to_num(year.funding_frac[:, i]) != 0]
        hours[symbol] = int(np.gcd.reduce(settled // HOUR_MS))
    assert {hours["BTCUSDT"], hours["ETHUSDT"]} == {8}
    assert set(hours.values()) == {1, 4, 8}
    caps = {1: 0.005, 4: 0.01, 8: 0.02}
    for i, symbol in enumerate(year.symbols):
        assert np.nanmax(np.abs(year.funding_frac[:, i])) <= caps[hours[symbol]]


def test_funding_of_a_day_bar_is_the_sum_of_its_prints() -> None:
    panel = SampleMarket(symbols=2, bars=300, bar_ms=DAY_MS).build()
    resting = np.isclose(panel.funding_frac, 3 * 0.0001)
    assert resting.mean() > 0.4


def test_drama_is_played_once() -> None:
    panel = SampleMarket(symbols=30, bars=1_500, seed=5, drama=True).build()
    days = panel.close[24:] / panel.close[:-24]
    squeezed, collapsed = np.nanargmax(np.nanmax(days, axis=0)), np.nanargmin(np.nanmin(days, axis=0))
    assert 2.2 < np.nanmax(days) < 4.0
    assert 0.03 < np.nanmin(days) < 0.08
    assert squeezed != collapsed
    gone_ms = panel.delisted_ms[collapsed]
    fell_ms = panel.close_ms[24 + np.nanargmin(days[:, collapsed])]
    assert fell_ms + 8 * DAY_MS < gone_ms < fell_ms + 12 * DAY_MS
    quiet = SampleMarket(symbols=30, bars=1_500, seed=5).build()
    others = [i for i in range(30) if i not in (squeezed, collapsed)]
    for name in CELL_FIELDS:
        np.testing.assert_array_equal(getattr(panel, name)[:, others], getattr(quiet, name)[:, others])


def test_a_hundred_names_for_four_years_take_seconds() -> None:
    start = perf_counter()
    SampleMarket(symbols=100, bars=35_040).build()
    assert perf_counter() - start < 5  # 1.0 s on a quiet machine
