from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom.domain.panel import CELL_FIELDS, NEVER_MS
from xsmom.errors import DataError, KernelError
from xsmom.lake.panel import Panel

HOUR_MS = 3_600_000
OPEN_MS = 1_704_067_200_000  # 2024-01-01 00:00Z
REAL = Path(__file__).resolve().parents[4] / "shared" / "data"


def long(bars: int = 6, names: str = "AB", bar_ms: int = HOUR_MS, **changed: Any) -> pl.DataFrame:
    """Valid rows: the close of bar t of the i-th name is 100 i + t + 1."""
    rows = [
        {
            "symbol": name, "ts": OPEN_MS + t * bar_ms, "open": close, "high": close + 1, "low": close - 0.5,
            "close": close, "volume_usdt": 1_000.0,
        }
        for i, name in enumerate(names)
        for t in range(bars)
        for close in [100.0 * i + t + 1]
    ]  # fmt: skip
    return pl.DataFrame(rows).with_columns(**changed)


def test_rows_become_a_grid_whatever_their_order() -> None:
    panel = Panel.from_frame(long().sample(fraction=1.0, shuffle=True, seed=3), label="rows")
    assert panel.symbols == ("A", "B")
    assert panel.close.tolist() == [[t + 1.0, t + 101.0] for t in range(6)]
    assert panel.close_ms.tolist() == [OPEN_MS + (t + 1) * HOUR_MS for t in range(6)]
    assert panel.listed_ms.tolist() == [OPEN_MS] * 2
    assert (panel.bar_ms, panel.label) == (HOUR_MS, "rows")
    assert np.isnan(panel.funding_frac).all()


@given(data=st.data())
def test_absent_bars_are_nan_and_nothing_else_is(data: st.DataObject) -> None:
    """Against the slow form: a dictionary of what was told."""
    frame = long(bars=12, names="ABC")
    keep = data.draw(st.lists(st.booleans(), min_size=36, max_size=36).filter(any))
    kept = frame.filter(pl.Series(keep))
    panel = Panel.from_frame(kept, bar_ms=HOUR_MS)
    told = {(row["symbol"], row["ts"] + HOUR_MS): row["close"] for row in kept.to_dicts()}
    assert set(panel.symbols) == {symbol for symbol, _ in told}
    for t, close_ms in enumerate(panel.close_ms.tolist()):
        for i, symbol in enumerate(panel.symbols):
            expected = told.get((symbol, close_ms), float("nan"))
            np.testing.assert_equal(panel.close[t, i], expected)
            assert np.isnan(panel.volume_usdt[t, i]) == np.isnan(expected)
    assert set(np.diff(panel.close_ms)) <= {HOUR_MS}


@pytest.mark.parametrize(
    "rename",
    [
        {"ts": "open_ms"},
        {"ts": "open_time"},
        {"ts": "timestamp"},
        {"volume_usdt": "quote_volume"},
    ],
)
def test_names_of_columns(rename: dict[str, str]) -> None:
    assert Panel.from_frame(long().rename(rename)).hash == Panel.from_frame(long()).hash


def test_closes_are_taken_as_closes() -> None:
    closes = long(close_ms=pl.col("ts") + HOUR_MS)
    assert Panel.from_frame(closes).hash == Panel.from_frame(long()).hash
    assert Panel.from_frame(closes.drop("ts")).hash == Panel.from_frame(long()).hash


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_aware_datetimes_are_instants(unit: Any, zone: str) -> None:
    stamps = pl.col("ts").cast(pl.Datetime("ms")).dt.cast_time_unit(unit).dt.replace_time_zone("UTC")
    frame = long(date=stamps.dt.convert_time_zone(zone)).drop("ts")
    assert Panel.from_frame(frame).hash == Panel.from_frame(long()).hash


def test_python_datetimes_in_a_zone_are_instants() -> None:
    tokyo = [datetime.fromtimestamp(ts / 1_000, ZoneInfo("Asia/Tokyo")) for ts in long()["ts"]]
    frame = long().drop("ts").with_columns(date=pl.Series(tokyo))
    assert Panel.from_frame(frame).hash == Panel.from_frame(long()).hash
    assert tokyo[0].astimezone(UTC).hour == 0


def test_coins_are_valued_at_the_close() -> None:
    panel = Panel.from_frame(long(volume=pl.lit(3.0)).drop("volume_usdt"))
    assert panel.volume_usdt.tolist() == (panel.close * 3).tolist()


def test_funding_and_dates_come_along() -> None:
    funding = pl.when(pl.col("ts") == OPEN_MS).then(0.0001).otherwise(None)
    panel = Panel.from_frame(
        long(funding_frac=funding), listed_ms={"A": 5, "B": 6}, delisted_ms={"B": OPEN_MS + 99 * HOUR_MS}
    )
    assert panel.funding_frac[0].tolist() == [0.0001, 0.0001]
    assert np.isnan(panel.funding_frac[1:]).all()
    assert panel.listed_ms.tolist() == [5, 6]
    assert panel.delisted_ms.tolist() == [NEVER_MS, OPEN_MS + 99 * HOUR_MS]
    with pytest.raises(DataError, match="listed_ms has no date for B: give all symbols, or none"):
        Panel.from_frame(long(), listed_ms={"A": 5})


def test_a_row_of_nothing_is_an_absent_bar() -> None:
    blank = pl.col("ts") == OPEN_MS + HOUR_MS
    fields = ("open", "high", "low", "close", "volume_usdt")
    frame = long().with_columns(pl.when(blank).then(None).otherwise(pl.col(name)).alias(name) for name in fields)
    assert np.isnan(Panel.from_frame(frame).close[1]).all()


def test_categories_are_text() -> None:
    assert Panel.from_frame(long(symbol=pl.col("symbol").cast(pl.Categorical))).symbols == ("A", "B")


def four_hours_of(name: str) -> pl.DataFrame:
    return long(bars=4, names=name, bar_ms=4 * HOUR_MS)


def half_there() -> pl.DataFrame:
    odd = (pl.col("symbol") == "B") & (pl.col("ts") == OPEN_MS + 2 * HOUR_MS)
    return long(close=pl.when(odd).then(None).otherwise(pl.col("close")))


REFUSED: list[tuple[str, pl.DataFrame, str]] = [
    ("empty", long().clear(), "the frame has no rows"),
    ("no columns", pl.DataFrame(), "the frame lacks column 'symbol': it has no columns"),
    ("no price", long().drop("high"), "the frame lacks column 'high': it has symbol, ts, open"),
    ("no time", long().drop("ts"), "the frame lacks a time column"),
    ("no volume", long().drop("volume_usdt"), "the frame lacks a volume"),
    ("text for a price", long(high=pl.lit("x")), "column 'high' holds String, wants numbers"),
    ("number for a symbol", long(symbol=pl.lit(7)), "column 'symbol' holds Int32, wants text"),
    ("no symbol", long(symbol=pl.lit(None, pl.String)), "column 'symbol' is empty in row 0"),
    (
        "no stamp",
        long(ts=pl.when(pl.int_range(pl.len()) == 4).then(None).otherwise(pl.col("ts"))),
        "column 'ts' is empty in row 4",
    ),
    (
        "naive datetime",
        long(date=pl.col("ts").cast(pl.Datetime("ms"))).drop("ts"),
        "column 'date' has no time zone: say which it is, such as .*replace_time_zone",
    ),
    ("naive date", long(date=pl.date(2024, 1, 1)).drop("ts"), "column 'date' has no time zone"),
    ("stamp as text", long(ts=pl.lit("2024-01-01")), "column 'ts' holds String, wants UTC milliseconds"),
    ("stamp as float", long(ts=pl.col("ts").cast(pl.Float64)), "column 'ts' holds Float64"),
    ("seconds", long(ts=pl.col("ts") // 1_000), "looks like seconds .* multiply it by 1000"),
    (
        "mixed lengths, by symbol",
        pl.concat([long(), four_hours_of("C")]),
        "C has bars of 4h at 2024-01-01 00:00Z, others are of 1h: resample",
    ),
    (
        "mixed lengths, in one symbol",
        pl.concat([
            long(bars=30, names="A", bar_ms=4 * HOUR_MS),
            long(bars=400, names="A").with_columns(pl.col("ts") + 120 * HOUR_MS),
        ]),
        "A has bars of 4h at 2024-01-01 00:00Z, others are of 1h",
    ),
    (
        "off the grid",
        long(ts=pl.col("ts") + pl.when(pl.col("symbol") == "B").then(60_000).otherwise(0)),
        "B has a bar that closes at 2024-01-01 01:01Z, which is no multiple of 1h since 1970: 6 such",
    ),
    (
        "alike twice",
        pl.concat([long(), long().tail(1)]),
        "B has the bar that closes at 2024-01-01 06:00Z twice, alike: duplicates='first' keeps one",
    ),
    (
        "twice with different values",
        pl.concat([long(), long().with_columns(volume_usdt=pl.lit(7.0)).head(3).tail(1)]),
        "A has the bar that closes at 2024-01-01 03:00Z twice, with different values",
    ),
    (
        "a stray stamp",
        pl.concat([long(bars=200, names="ABC"), long(bars=1, names="A", ts=pl.lit(HOUR_MS, pl.Int64))]),
        "A has a bar at 1970-01-01 02:00Z, far from all others: the grid would hold",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "sentence"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_each_trap_is_one_sentence(frame: pl.DataFrame, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as refused:
        Panel.from_frame(frame)
    assert "\n" not in str(refused.value)


def test_half_a_bar_is_refused() -> None:
    with pytest.raises(KernelError, match=r"bar of B at bar 1704078000000 .*half there"):
        Panel.from_frame(half_there())


def test_duplicates_that_differ_are_refused_whatever_was_asked() -> None:
    alike = pl.concat([long(), long().tail(2)])
    assert Panel.from_frame(alike, duplicates="first").hash == Panel.from_frame(long()).hash
    differing = pl.concat([alike, long().with_columns(volume_usdt=pl.lit(7.0)).head(1)])
    with pytest.raises(DataError, match="A has the bar that closes at 2024-01-01 01:00Z twice, with different"):
        Panel.from_frame(differing, duplicates="first")
    with pytest.raises(DataError, match="duplicates='last' is not known"):
        Panel.from_frame(long(), duplicates="last")  # type: ignore[arg-type]


def test_a_given_length_makes_gaps_of_long_steps() -> None:
    sparse = long(bars=30, names="A", bar_ms=4 * HOUR_MS)
    panel = Panel.from_frame(sparse, bar_ms=HOUR_MS)
    assert panel.bars == 29 * 4 + 1
    assert np.isfinite(panel.close[:, 0]).sum() == 30
    assert Panel.from_frame(sparse).bars == 30


def test_single_bars_need_a_length() -> None:
    with pytest.raises(DataError, match="the bar length cannot be told from single bars: give bar_ms="):
        Panel.from_frame(long(bars=1))
    assert Panel.from_frame(long(bars=1), bar_ms=HOUR_MS).bars == 1


def test_gaps_of_chance_are_no_other_length() -> None:
    """An illiquid name, absent in most minutes, has many steps of two and three in a row."""
    rng = np.random.default_rng(5)
    full = long(bars=3_000, names="A", bar_ms=60_000)
    thin = long(bars=3_000, names="B", bar_ms=60_000).filter(pl.Series(rng.random(3_000) < 0.4))
    panel = Panel.from_frame(pl.concat([full, thin]))
    assert panel.bar_ms == 60_000
    assert np.isfinite(panel.close[:, 1]).sum() == len(thin)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs real market data, which the repository does not hold")
class TestRealData:
    def test_hours_of_perpetuals(self) -> None:
        frame = pl.read_parquet(REAL / "binance_perp_1h_29sym_to2024.parquet")
        panel = Panel.from_frame(frame)
        assert (panel.bar_ms, len(panel.symbols)) == (HOUR_MS, 29)
        assert np.isfinite(panel.close).sum() == len(frame)
        row = frame.row(12_345, named=True)
        t = int(np.searchsorted(panel.close_ms, row["ts"] + HOUR_MS))
        i = panel.symbols.index(row["symbol"])
        for name in CELL_FIELDS[:4]:
            assert getattr(panel, name)[t, i] == row[name]

    def test_spot_with_gaps_of_437_hours(self) -> None:
        panel = Panel.from_frame(pl.read_parquet(REAL / "binance_spot_1h_2021_2023.parquet"))
        absent = np.isnan(panel.close[:, panel.symbols.index("LUNAUSDT")])
        inside = np.flatnonzero(~absent)
        assert absent[inside[0] : inside[-1]].sum() >= 437

    def test_days_told_twice_and_a_price_of_zero(self) -> None:
        frame = pl.read_parquet(REAL / "bybit_perp_1d_to2024.parquet")
        with pytest.raises(DataError, match="closes at 2023-02-19 00:00Z twice"):
            Panel.from_frame(frame)
        with pytest.raises(KernelError, match="price of BCHUSDT at bar 1607990400000"):
            Panel.from_frame(frame, duplicates="first")
