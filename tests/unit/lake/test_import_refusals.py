"""What cannot be understood is refused in one sentence, and the lake stays as it was."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.unit.lake.lakes import HOUR_MS, START_MS
from tests.unit.lake.market_files import bars_of, csv_of, kline_csv, write_zip
from xsmom.errors import DataError
from xsmom.lake.imports.intake import Intake
from xsmom.lake.imports.wishes import Wishes, parse_columns, parse_layout
from xsmom.lake.store import Lake

BTC, ETH = bars_of("BTCUSDT", 100.0), bars_of("ETHUSDT", 50.0)
BOTH = pl.concat([BTC, ETH])
VENUE = Wishes(venue="binance")
NAIVE = BOTH.with_columns(pl.from_epoch("open_ms", time_unit="ms").alias("date")).drop("open_ms")
MINUTES = BTC.with_columns(open_ms=START_MS + 60_000 * pl.int_range(30))
MONTHS = BTC.with_columns(open_ms=START_MS + 30 * 24 * HOUR_MS * pl.int_range(30))


def understand(path: Path, wishes: Wishes = VENUE) -> str:
    intake = Intake([path], wishes)
    intake.understand(lambda _done, _total: None)
    assert not intake.digests
    (refusal,) = intake.refused
    text = str(refusal.error)
    assert "\n" not in text
    return text


FRAMES: dict[str, tuple[pl.DataFrame, str]] = {
    "no rows": (BOTH[:0], "holds no rows"),
    "no close": (BOTH.drop("close"), "neither prices of bars nor funding rates"),
    "no high": (BOTH.drop("high"), "has a close but no high, so it holds no bars"),
    "no time": (BOTH.drop("open_ms"), "has no column of time among symbol, open"),
    "no symbol": (BOTH.drop("symbol"), "has no column of symbols and its name tells none: give --symbol"),
    "empty symbol": (BOTH.with_columns(symbol=pl.lit(None, pl.String)), "has no symbol in row 1"),
    "numbers as symbols": (BOTH.with_columns(symbol=pl.lit(7)), "in its column of symbols 'symbol': text is wanted"),
    "empty time": (BOTH.with_columns(open_ms=pl.lit(None, pl.Int64)), "has no time in row 1"),
    "naive": (NAIVE, "has times without a zone .*: give --tz UTC"),
    "dates alone": (NAIVE.with_columns(pl.col("date").dt.date()), "has times without a zone"),
    "text": (BOTH.with_columns(close=pl.lit("n/a")), "has 'n/a' in row 1 of its column 'close'"),
    "no such time": (BOTH.with_columns(open_ms=pl.lit("soon")), "has 'soon' in row 1 .* which is no time"),
    "small numbers": (BOTH.with_columns(open_ms=pl.int_range(60)), "which is no time between 2009 and 2100"),
    "fractions": (BOTH.with_columns(open_ms=pl.col("open_ms") + 0.5), "whole ones are wanted"),
    "two units": (
        BOTH.with_columns(open_ms=pl.col("open_ms") // pl.when(pl.int_range(60) < 30).then(1).otherwise(1000)),
        "has stamps in s and others that are not, such as 1640984400000 in row 1",
    ),
    "mixed lengths": (pl.concat([BTC[:30], MINUTES.with_columns(symbol=pl.lit("X"))]), "mixes bars of 1(m|h) and 1"),
    "mixed lengths of one symbol": (
        pl.concat([BTC, MINUTES.with_columns(pl.col("open_ms") + 99 * HOUR_MS)]),
        "mixes bars of 1(m|h) and 1",
    ),
    "months": (MONTHS, "has a row each 30 days, which is no bar of an exchange"),
    "single bars": (BTC[:1], "has one bar for each symbol, which tells no length: give --timeframe"),
    "beside the grid": (BOTH.with_columns(pl.col("open_ms") + 1_800_000), "begin 30 minutes beside the 1h grid"),
    "spot and perpetual": (
        BOTH.with_columns(symbol=pl.Series(["BTC/USDT"] * 30 + ["BTC/USDT:USDT"] * 30)),
        "has BTC/USDT and BTC/USDT:USDT, which are both BTCUSDT",
    ),
    "trades": (
        pl.DataFrame({"timestamp": [START_MS], "trade_id": [1], "price": [2.0], "quantity": [1.0]}),
        "holds single trades",
    ),
    "half zoned": (
        BOTH.with_columns(open_ms=pl.Series(["2022-01-01T00:00:00Z", "2022-01-01 01:00"] * 30)),
        "has times with and without a zone",
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_that_is_not_understood(tmp_path: Path, name: str) -> None:
    frame, words = FRAMES[name]
    frame.write_parquet(tmp_path / "x.parquet")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(understand(tmp_path / "x.parquet"))


def test_an_exchange_is_never_guessed(tmp_path: Path) -> None:
    BOTH.write_parquet(tmp_path / "x.parquet")
    assert "does not say by its name which exchange it is from: give --venue" in understand(
        tmp_path / "x.parquet", Wishes()
    )


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (Wishes(venue="binance", unit="s"), "read as s, its column 'open_ms' holds"),
        (Wishes(venue="binance", timeframe="4h"), "--timeframe says bars of 4h, its rows are 1h apart"),
        (Wishes(venue="binance", columns={"close": "last"}), "has no column 'last' for close: it has symbol"),
        (Wishes(venue="binance", columns={"open_ms": "when"}), "has no column 'when' for open_ms"),
        (Wishes(venue="binance", kind="funding"), "has no column for rate_frac, which funding want"),
        (
            Wishes(venue="binance", symbol="X"),
            "has several symbols in its column 'symbol': --symbol would make them one",
        ),
        (Wishes(venue="../up"), "venue '../up' cannot name a folder"),
        (Wishes(venue="binance", layout="wide"), "does not say by its name which field it holds"),
    ],
)
def test_a_wish_that_does_not_fit(tmp_path: Path, wishes: Wishes, words: str) -> None:
    BOTH.write_parquet(tmp_path / "x.parquet")
    assert words in understand(tmp_path / "x.parquet", wishes)


@pytest.mark.parametrize(("zone", "words"), [("Mars/Olympus", "is no time zone"), ("Europe/Berlin", "twice or never")])
def test_a_zone_that_does_not_fit(tmp_path: Path, zone: str, words: str) -> None:
    change = 1_635_638_400_000  # the last Sunday of October 2021: Berlin has the hour from 2 to 3 twice
    hours = BTC.with_columns(date=pl.from_epoch(change + HOUR_MS * pl.int_range(30), time_unit="ms")).drop("open_ms")
    hours.write_parquet(tmp_path / "x.parquet")
    assert words in understand(tmp_path / "x.parquet", Wishes(venue="binance", zone=zone))


def cut(data: bytes, share: float = 0.6) -> bytes:
    return data[: int(len(data) * share)]


def parquet_of(frame: pl.DataFrame, path: Path) -> bytes:
    frame.write_parquet(path)
    return path.read_bytes()


FILES: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "empty": ("x.csv", lambda _: b"", "is empty"),
    "a web page": ("x.csv", lambda _: b"\n<!DOCTYPE html><html><body>blocked</body></html>", "is a web page, not data"),
    "a cut Parquet": ("x.parquet", lambda path: cut(parquet_of(BOTH, path)), "cannot be read as parquet"),
    "a cut CSV": ("x.csv", lambda _: csv_of(BOTH)[:-30], "ends within a line: it was cut off"),
    "a cut zip": ("x.zip", lambda path: cut(write_zip(path, kline_csv(BTC, header=True)).read_bytes()), "no whole zip"),
    "a cut gzip": ("x.csv.gz", lambda _: b"\x1f\x8b\x08\x00abc", "no whole gzip file"),
    "no gzip": ("x.csv.gz", lambda _: b"symbol,ts\n", "no whole gzip file"),
    "a cut feather": ("x.feather", lambda _: b"ARROW1\x00\x00abc", "cannot be read as feather"),
    "old feather": ("x.feather", lambda _: b"FEA1", "Feather version 1"),
    "a cut JSON": ("x.json", lambda _: b"[[1, 2", "cannot be read as json"),
    "other JSON": ("x.json", lambda _: b'{"code": 0}', "holds no list of candles or prints"),
    "ragged JSON": ("x.json", lambda _: b"[[1, 2]]", "no candles of [time, open, high, low, close, volume]"),
    "no header": ("x.csv", lambda _: b"1,2,3\n1,2,3\n", "has no header and 3 columns"),
    "something else": ("x.xlsx", lambda _: b"PK", "is of no kind that is read here"),
    "trades of Binance": ("BTCUSDT-aggTrades-2024-01.zip", lambda _: b"PK", "holds aggTrades"),
    "index of freqtrade": ("BTC_USDT_USDT-1h-index.feather", lambda _: b"", "holds the index"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    file, make, words = FILES[name]
    path = tmp_path / file
    path.write_bytes(make(path))
    assert words in understand(path)


def test_an_archive_without_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w"):
        pass
    assert "holds no file" in understand(tmp_path / "x.zip")


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    assert "no such file" in understand(tmp_path / "none.csv")
    with pytest.raises(DataError, match="holds no file that could be imported"):
        Intake([tmp_path], VENUE)
    with pytest.raises(DataError, match="holds no file that could be imported"):
        Intake([tmp_path / "*.csv"], VENUE)


@pytest.mark.parametrize("text", ["close", "close=", "last=close", "=x"])
def test_columns_are_written_field_first(text: str) -> None:
    with pytest.raises(DataError, match="write FIELD=COLUMN"):
        parse_columns(text)


@pytest.mark.parametrize("text", ["tall", "wide:hours", "long:close"])
def test_layouts_are_long_and_wide(text: str) -> None:
    with pytest.raises(DataError, match="is not known: long, wide"):
        parse_layout(text)


def test_another_market_under_the_same_names_is_refused_whole(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", create=True)
    BOTH.write_parquet(tmp_path / "a.parquet")
    extra = bars_of("AAAUSDT", 3.0)
    pl.concat([extra, BOTH.with_columns(pl.col("close") + 0.25)]).write_parquet(tmp_path / "b.parquet")
    for name, refused in (("a.parquet", 0), ("b.parquet", 1)):
        intake = Intake([tmp_path / name], VENUE)
        intake.understand(lambda _done, _total: None)
        list(intake.write(lake, 1, lambda _done, _total: None))
        assert len(intake.refused) == refused
    assert "tells 60 of 60 stamps otherwise than the lake" in str(intake.refused[0].error)
    keys = lake.keys()
    assert [key.symbol for key in keys] == ["BTCUSDT", "ETHUSDT"]
    better = Intake([tmp_path / "b.parquet"], VENUE, replace=True)
    better.understand(lambda _done, _total: None)
    list(better.write(lake, 1, lambda _done, _total: None))
    assert lake.read(lake.keys()[1])["close"].to_list() == [price + 0.25 for price in BTC["close"]]
    assert lake.info(lake.keys()[1]).revised_rows == 30


def test_a_better_source_replaces_what_it_tells_and_no_more(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", create=True)
    BTC.write_parquet(tmp_path / "a.parquet")
    thin = BTC.gather_every(3).with_columns(pl.col("close") + 0.25)
    thin.write_parquet(tmp_path / "b.parquet")
    for name, replace in (("a.parquet", False), ("b.parquet", True)):
        intake = Intake([tmp_path / name], Wishes(venue="binance", timeframe="1h"), replace=replace)
        intake.understand(lambda _done, _total: None)
        assert list(intake.write(lake, 1, lambda _done, _total: None))
    expected = [close + 0.25 * (row % 3 == 0) for row, close in enumerate(BTC["close"])]
    (key,) = lake.keys()
    assert lake.read(key)["close"].to_list() == expected
    assert lake.info(key).revised_rows == 10
