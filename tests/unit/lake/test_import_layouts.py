"""Every layout gives the same rows as the frame that all of them were written from."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.unit.lake.lakes import HOUR_MS, START_MS
from tests.unit.lake.market_files import bars_of, csv_of, kline_csv, write_candles, write_freqtrade, write_zip
from xsmom.lake.imports.intake import Intake
from xsmom.lake.imports.wishes import Wishes
from xsmom.lake.series import SeriesKey
from xsmom.lake.store import Lake

BTC, ETH = bars_of("BTCUSDT", 100.0), bars_of("ETHUSDT", 50.0)
BOTH = pl.concat([BTC, ETH])
FULL, COINS, PRICES = ("volume", "volume_usdt"), ("volume",), ()
AWARE = pl.from_epoch("open_ms", time_unit="ms").dt.replace_time_zone("UTC")


def stored(lake: Lake, *keys: SeriesKey) -> pl.DataFrame:
    return pl.concat([lake.read(key).select(pl.lit(key.symbol).alias("symbol"), pl.all()) for key in keys])


def take(lake: Lake, *paths: Path, wishes: Wishes | None = None) -> Intake:
    intake = Intake(paths, wishes or Wishes(venue="binance"))
    intake.understand(lambda _done, _total: None)
    assert [one.error for one in intake.refused] == []
    assert list(intake.write(lake, 5, lambda _done, _total: None))
    assert [one.error for one in intake.refused] == []
    return intake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


def csv_file(name: str, frame: pl.DataFrame) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        data = csv_of(frame)
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return folder / name

    return write


def to_unit(per_second: int) -> pl.DataFrame:
    scaled = pl.col("open_ms") // 1000 * per_second
    return BOTH.with_columns(scaled.alias("timestamp")).drop("open_ms")


def as_parquet(frame: pl.DataFrame, name: str = "x.parquet") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        frame.write_parquet(folder / name)
        return folder / name

    return write


LONG = {
    "csv": csv_file("x.csv", BOTH),
    "csv.gz": csv_file("x.csv.gz", BOTH),
    "parquet": as_parquet(BOTH),
    "other words": csv_file("x.csv", BOTH.select(
        pl.col("symbol").alias("Ticker"), pl.col("open_ms").alias("Open time"), pl.col("open").alias("Open"),
        pl.col("high").alias("High"), pl.col("low").alias("Low"), pl.col("close").alias("Close"),
        pl.col("volume").alias("Volume"), pl.col("volume_usdt").alias("Quote asset volume"))),
    "unsorted": as_parquet(BOTH.sample(fraction=1, shuffle=True, seed=3)),
    "seconds": as_parquet(to_unit(1)),
    "microseconds": as_parquet(to_unit(1_000_000)),
    "nanoseconds": as_parquet(to_unit(1_000_000_000)),
    "aware": as_parquet(BOTH.with_columns(AWARE.alias("date")).drop("open_ms")),
    "aware in another zone": as_parquet(
        BOTH.with_columns(AWARE.dt.convert_time_zone("Asia/Tokyo").alias("date")).drop("open_ms")),
    "text with Z": csv_file("x.csv", BOTH.with_columns(
        AWARE.dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("date")).drop("open_ms")),
    "text with an offset": csv_file("x.csv", BOTH.with_columns(
        AWARE.dt.convert_time_zone("Asia/Tokyo").dt.strftime("%Y-%m-%d %H:%M:%S%:z").alias("date")).drop("open_ms")),
    "closes": as_parquet(BOTH.with_columns(close_time=pl.col("open_ms") + HOUR_MS).drop("open_ms")),
    "closes of an exchange": as_parquet(BOTH.with_columns(close_time=pl.col("open_ms") + HOUR_MS - 1).drop("open_ms")),
    "ccxt names": as_parquet(BOTH.with_columns(pl.col("symbol").str.replace("USDT", "/USDT:USDT"))),
    "categorical": as_parquet(BOTH.with_columns(pl.col("symbol").cast(pl.Categorical))),
    "semicolons": lambda folder: _write(folder / "x.csv", csv_of(BOTH).replace(b",", b";")),
    "a byte order mark": lambda folder: _write(folder / "x.csv", b"\xef\xbb\xbf" + csv_of(BOTH)),
    "feather": lambda folder: (BOTH.write_ipc(folder / "x.feather"), folder / "x.feather")[1],
}  # fmt: skip


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", LONG)
def test_a_long_file_of_any_kind(lake: Lake, tmp_path: Path, name: str) -> None:
    take(lake, LONG[name](tmp_path))
    keys = [SeriesKey("binance", "bars", "1h", symbol) for symbol in ("BTCUSDT", "ETHUSDT")]
    assert lake.keys() == keys
    assert_frame_equal(stored(lake, *keys), BOTH)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Tokyo"])
@pytest.mark.parametrize("text", [True, False])
def test_local_times_in_the_zone_that_is_named(lake: Lake, tmp_path: Path, zone: str, text: bool) -> None:
    local = AWARE.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    frame = BOTH.with_columns((local.dt.strftime("%Y-%m-%d %H:%M") if text else local).alias("date")).drop("open_ms")
    path = csv_file("x.csv", frame)(tmp_path) if text else as_parquet(frame)(tmp_path)
    take(lake, path, wishes=Wishes(venue="binance", zone=zone))
    assert_frame_equal(stored(lake, *lake.keys()), BOTH)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("per_ms", [1, 1000])
def test_bulk_archives_of_binance(lake: Lake, tmp_path: Path, header: bool, per_ms: int) -> None:
    months = [(BTC[:3], "2021-12"), (BTC[3:], "2022-01")]
    for rows, month in months:
        write_zip(tmp_path / f"BTCUSDT-1h-{month}.zip", kline_csv(rows, header=header, per_ms=per_ms))
    intake = take(lake, tmp_path / "BTCUSDT-1h-*.zip", wishes=Wishes())
    key = SeriesKey("binance", "bars", "1h", "BTCUSDT")
    assert_frame_equal(stored(lake, key), BTC)
    assert intake.files == 2
    assert {source.set_end_ms for source in lake.info(key).sources} == {BTC["open_ms"][-1]}


def test_bulk_mark_prices_and_funding(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "markPriceKlines/BTCUSDT/1h"
    folder.mkdir(parents=True)
    write_zip(folder / "BTCUSDT-1h-2022-01.zip", kline_csv(BTC, header=True))
    prints = f"calc_time,funding_interval_hours,last_funding_rate\n{START_MS + 4},8,0.00010000\n"
    write_zip(tmp_path / "BTCUSDT-fundingRate-2022-01.zip", prints.encode())
    take(lake, folder, tmp_path / "BTCUSDT-fundingRate-2022-01.zip", wishes=Wishes())
    keys = lake.keys()
    assert {(key.kind, key.timeframe) for key in keys} == {("mark", "1h"), ("funding", "")}
    funding = lake.read(SeriesKey("binance", "funding", "", "BTCUSDT"))
    assert funding.rows() == [(START_MS + 4, 1e-4)]


def test_a_folder_of_freqtrade(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "binance/futures"
    folder.mkdir(parents=True)
    write_freqtrade(folder / "BTC_USDT_USDT-1h-futures.feather", BTC)
    write_freqtrade(folder / "BTC_USDT_USDT-1h-mark.feather", BTC)
    rates = BTC[:3].with_columns(open=pl.Series([1e-4, -2e-4, 3e-4]), high=0.0, low=0.0, close=0.0, volume=0.0)
    write_freqtrade(folder / "BTC_USDT_USDT-8h-funding_rate.feather", rates)
    write_candles(folder / "ETH_USDT_USDT-1h-futures.json.gz", ETH)
    write_candles(folder / "SOL_USDT_USDT-1h-futures.json", bars_of("SOLUSDT", 7.0))
    take(lake, folder, wishes=Wishes())
    futures = lake.keys(kind="bars")
    assert [key.symbol for key in futures] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    expected = pl.concat([BTC, ETH, bars_of("SOLUSDT", 7.0)])
    assert_frame_equal(stored(lake, *futures).drop("volume_usdt"), expected.drop("volume_usdt"))
    mark = lake.read(SeriesKey("binance", "mark", "1h", "BTCUSDT"))
    assert_frame_equal(mark.select("close"), BTC.select("close"))
    funding = lake.read(SeriesKey("binance", "funding", "", "BTCUSDT"))
    assert funding["rate_frac"].to_list() == [1e-4, -2e-4, 3e-4]


def test_spot_is_another_market_than_perpetuals(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "binance").mkdir()
    write_freqtrade(tmp_path / "binance/BTC_USDT-1h.feather", BTC)
    take(lake, tmp_path / "binance", wishes=Wishes())
    (key,) = lake.keys()
    assert key.venue == "binance-spot"


def test_records_of_ccxt(lake: Lake, tmp_path: Path) -> None:
    rows = [{"symbol": "BTC/USDT:USDT", "timestamp": START_MS, "fundingRate": 1e-4, "info": {"x": 1}, "datetime": "z"}]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    by_symbol = {name: [list(row) for row in one.drop("symbol", "volume_usdt").iter_rows()] for name, one in
                 (("BTC/USDT:USDT", BTC), ("ETH/USDT:USDT", ETH))}  # fmt: skip
    (tmp_path / "y.json").write_text(json.dumps(by_symbol))
    take(lake, tmp_path / "x.json", tmp_path / "y.json")
    funding = SeriesKey("binance", "funding", "", "BTCUSDT")
    assert lake.read(funding).rows() == [(START_MS, 1e-4)]
    bars = lake.keys(kind="bars")
    assert_frame_equal(stored(lake, *bars).drop("volume_usdt"), BOTH.drop("volume_usdt"))


def test_wide_files_one_for_each_field(lake: Lake, tmp_path: Path) -> None:
    late = pl.concat([BTC, ETH[5:]])
    for field in ("open", "high", "low", "close", "volume", "volume_usdt"):
        wide = late.pivot(on="symbol", index="open_ms", values=field).sort("open_ms").rename({"open_ms": "date"})
        wide.with_columns(pl.from_epoch("date", time_unit="ms")).write_csv(tmp_path / f"{field}.csv")
    intake = take(lake, tmp_path, wishes=Wishes(venue="binance", zone="UTC"))
    assert_frame_equal(stored(lake, *lake.keys()), late)
    assert [digest.shape.layout for digest in intake.digests.values()] == ["wide"]


def test_a_wide_file_whose_name_says_nothing(lake: Lake, tmp_path: Path) -> None:
    BOTH.pivot(on="symbol", index="open_ms", values="close").write_parquet(tmp_path / "x.parquet")
    wishes = Wishes(venue="binance", kind="mark", layout="wide", wide_field="close")
    take(lake, tmp_path / "x.parquet", wishes=wishes)
    marks = stored(lake, *lake.keys())
    assert_frame_equal(marks.select("symbol", "open_ms", "close"), BOTH.select("symbol", "open_ms", "close"))


def test_every_part_of_the_guess_can_be_overruled(lake: Lake, tmp_path: Path) -> None:
    odd = BTC[::4].select(
        when=pl.col("open_ms") // 1000 + 3600, a="open", b="high", c="low", d="close", e="volume", close=pl.lit(-1.0)
    )
    odd.write_csv(tmp_path / "odd.csv")
    names = {"open_ms": "when", "open": "a", "high": "b", "low": "c", "close": "d", "volume": "e"}
    wishes = Wishes("kraken", "bars", "1h", "XBTUSD", names, "s", "close", layout="long")
    take(lake, tmp_path / "odd.csv", wishes=wishes)
    assert lake.keys() == [SeriesKey("kraken", "bars", "1h", "XBTUSD")]
    told = lake.read(lake.keys()[0])
    assert_frame_equal(told.drop("volume_usdt"), BTC[::4].drop("symbol", "volume_usdt"))


def test_a_file_covers_each_symbol_from_its_first_to_its_last_row(lake: Lake, tmp_path: Path) -> None:
    take(lake, as_parquet(pl.concat([BTC, ETH[:10]]))(tmp_path))
    info = lake.info(SeriesKey("binance", "bars", "1h", "ETHUSDT"))
    assert [tuple(span) for span in info.covered] == [(START_MS, START_MS + 10 * HOUR_MS)]
    (source,) = info.sources
    assert (source.what, source.origin, source.at_ms) == ("import", "x.parquet", 5)
    assert source.set_end_ms == BTC["open_ms"][-1]
