from __future__ import annotations

import json
import random
import shutil
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.unit.lake.lakes import BARS, FUNDING, HOUR_MS, SOURCE, START_MS, make_bars, span_of
from xsmom.domain.market_data import Instrument, MarginTier, Trading
from xsmom.errors import DataError, OutputError
from xsmom.lake.series import Hole, SeriesKey, Source
from xsmom.lake.spans import Span
from xsmom.lake.store import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


def files(lake: Lake) -> dict[str, bytes]:
    paths = (path for path in lake.root.rglob("*") if path.is_file())
    return {str(path.relative_to(lake.root)): path.read_bytes() for path in paths}


def test_rows_come_back_as_they_were_told(lake: Lake) -> None:
    rows = make_bars()
    lake.merge(BARS, rows, covered=span_of(rows), source=SOURCE, replace=False)
    assert_frame_equal(lake.read(BARS), rows)
    assert list(lake.part_paths(BARS)) == [2021, 2022]
    info = lake.info(BARS)
    assert (info.rows, info.first_ms, info.last_ms) == (6, START_MS, START_MS + 5 * HOUR_MS)
    assert info.covered == (span_of(rows),)
    assert info.sources == (SOURCE,)
    assert lake.keys() == [BARS]
    assert lake.verify(BARS) == []
    assert lake.strangers() == []


def test_a_stretch_is_read_half_open(lake: Lake) -> None:
    rows = make_bars()
    lake.merge(BARS, rows, covered=None, source=SOURCE, replace=False)
    assert_frame_equal(lake.read(BARS, START_MS + HOUR_MS, START_MS + 4 * HOUR_MS), rows[1:4])
    assert_frame_equal(lake.read(BARS, START_MS + 4 * HOUR_MS), rows[4:])
    assert_frame_equal(lake.read(BARS, end_ms=START_MS + HOUR_MS), rows[:1])
    assert lake.read(BARS, 0, 1).is_empty()


def test_the_same_rows_again_change_no_byte(lake: Lake) -> None:
    rows = make_bars()
    lake.merge(BARS, rows, covered=span_of(rows), source=SOURCE, replace=False)
    before = files(lake)
    lake.merge(BARS, rows, covered=span_of(rows), source=SOURCE._replace(at_ms=99), replace=False)
    lake.merge(BARS, rows[2:4], covered=span_of(rows[2:4]), source=SOURCE._replace(at_ms=99), replace=True)
    assert files(lake) == before


def test_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    rows = make_bars(9)
    conflict = rows[3:5].with_columns(pl.col("close") + 0.5)
    pieces = [rows[6:], rows[:3], conflict, rows[3:6].reverse()]
    lakes = [Lake.open(tmp_path / name, create=True) for name in ("a", "b")]
    for lake, order in zip(lakes, (pieces, pieces[::-1]), strict=True):
        for piece in order:
            lake.merge(BARS, piece, covered=None, source=SOURCE, replace=False)
    assert_frame_equal(lakes[0].read(BARS), lakes[1].read(BARS))
    assert lakes[0].info(BARS).content_sha256 == lakes[1].info(BARS).content_sha256


def test_other_values_of_a_stamp_are_kept_beside(lake: Lake) -> None:
    rows = make_bars()
    other = rows[1:2].with_columns(volume=pl.lit(11.0))
    for piece in (rows, other, rows, other):
        lake.merge(BARS, piece, covered=None, source=SOURCE, replace=False)
    stored = lake.read(BARS)
    assert len(stored) == 7
    assert stored.filter(pl.col("open_ms") == START_MS + HOUR_MS)["volume"].to_list() == [10.0, 11.0]


def test_the_newest_answer_replaces_inside_what_was_asked(lake: Lake) -> None:
    rows = make_bars()
    lake.merge(BARS, rows, covered=span_of(rows), source=SOURCE, replace=False)
    newer = rows[2:4].with_columns(close=pl.lit(7.0))
    lake.merge(BARS, newer, covered=span_of(newer), source=Source("download", "binance", 2), replace=True)
    assert_frame_equal(lake.read(BARS), pl.concat([rows[:2], newer, rows[4:]]))
    info = lake.info(BARS)
    assert info.revised_rows == 2
    assert [source.what for source in info.sources] == ["import", "download"]


def test_rows_outside_what_was_asked_are_refused(lake: Lake) -> None:
    rows = make_bars()
    with pytest.raises(DataError, match="lie outside the range that was asked for"):
        lake.merge(BARS, rows, covered=span_of(rows[1:]), source=SOURCE, replace=True)
    assert lake.keys() == []


def test_a_hole_is_remembered_until_it_is_covered(lake: Lake) -> None:
    rows = make_bars()
    lake.merge(BARS, rows[:2], covered=span_of(rows[:2]), source=SOURCE, replace=False)
    lake.note_hole(BARS, span_of(rows), "time-out")
    assert lake.info(BARS).holes == (Hole(span_of(rows[2:]), "time-out"),)
    lake.merge(BARS, rows[4:], covered=span_of(rows[4:]), source=SOURCE, replace=True)
    assert lake.info(BARS).holes == (Hole(span_of(rows[2:4]), "time-out"),)
    lake.merge(BARS, rows[2:4], covered=span_of(rows[2:4]), source=SOURCE, replace=True)
    assert lake.info(BARS).holes == ()
    assert lake.info(BARS).covered == (span_of(rows),)


def test_what_has_no_rows_is_known_too(lake: Lake) -> None:
    nothing = make_bars(0)
    lake.merge(BARS, nothing, covered=Span(START_MS, START_MS + HOUR_MS), source=SOURCE, replace=True)
    info = lake.info(BARS)
    assert (info.rows, info.first_ms, info.covered) == (0, None, (Span(START_MS, START_MS + HOUR_MS),))
    assert lake.read(BARS).is_empty()


def test_an_unknown_series_is_empty_in_info_and_refused_in_read(lake: Lake) -> None:
    assert lake.info(BARS).rows == 0
    with pytest.raises(DataError, match=r"has no binance BTCUSDT bars 1h: `xsmom data ls`"):
        lake.read(BARS)


def test_missing_numbers_stay_missing(lake: Lake) -> None:
    mark = SeriesKey("binance", "mark", "1h", "BTCUSDT")
    rows = make_bars().select("open_ms", "close").with_columns(close=pl.Series([1.0, None, float("nan"), 2, 3, 4]))
    lake.merge(mark, rows, covered=None, source=SOURCE, replace=False)
    stored = lake.read(mark)
    assert stored["open"].null_count() == 6
    assert stored["close"].is_null().to_list() == [False, True, False, False, False, False]
    assert lake.verify(mark) == []


def test_funding_keeps_its_jitter(lake: Lake) -> None:
    rows = pl.DataFrame({"at_ms": [START_MS + 7, START_MS + 8 * HOUR_MS + 3], "rate_frac": [1e-4, -2e-4]})
    lake.merge(FUNDING, rows, covered=None, source=SOURCE, replace=False)
    assert_frame_equal(lake.read(FUNDING), rows)


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "..", ".hidden", "币安人生USDT", "a b", "A~B", "CON%2F"])
def test_any_symbol_is_a_safe_folder(lake: Lake, symbol: str) -> None:
    key = SeriesKey("binance", "bars", "1h", symbol)
    lake.merge(key, make_bars(), covered=None, source=SOURCE, replace=False)
    assert lake.keys() == [key]
    (folder,) = (lake.root / "binance/bars/1h").iterdir()
    assert folder.name.isascii()
    assert not folder.name.startswith(".")
    assert lake.strangers() == []


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("venue '../x' cannot name a folder", ("../x", "bars", "1h", "A")),
        ("kind 'trades' is not known", ("binance", "trades", "1h", "A")),
        ("timeframe '60m' is written 1h", ("binance", "bars", "60m", "A")),
        ("funding has no timeframe", ("binance", "funding", "8h", "A")),
        ("symbol '' cannot name a folder", ("binance", "bars", "1h", "")),
        ("too long", ("binance", "bars", "1h", "A" * 300)),
    ],
)
def test_a_key_that_could_not_lie_anywhere_is_refused(words: str, key: tuple) -> None:
    with pytest.raises(DataError, match=words):
        SeriesKey(*key)


def test_a_batch_comes_whole_or_not_at_all(lake: Lake) -> None:
    rows = make_bars()
    other = SeriesKey("binance", "bars", "1h", "ETHUSDT")

    def merge_both() -> None:
        with lake.batch():
            lake.merge(BARS, rows, covered=None, source=SOURCE, replace=False)
            lake.merge(other, rows.drop("close"), covered=None, source=SOURCE, replace=False)

    with pytest.raises(DataError, match="lack column"):
        merge_both()
    assert lake.keys() == []
    assert not list(lake.root.rglob(".*.tmp"))
    with lake.batch():
        lake.merge(BARS, rows[:3], covered=None, source=SOURCE, replace=False)
        lake.merge(BARS, rows[2:], covered=None, source=SOURCE, replace=False)
    assert_frame_equal(lake.read(BARS), rows)


def make_instrument(symbol: str, tick: str = "0.10") -> Instrument:
    tier = MarginTier(Decimal(50_000), Decimal("0.004"), Decimal(0), Decimal(125))
    base = symbol.removesuffix("USDT")
    return Instrument(
        symbol=symbol,
        base=base,
        quote="USDT",
        price_tick=Decimal(tick),
        qty_step=Decimal("0.001"),
        lots_min=1,
        lots_max=1_000_000,
        lots_max_market=100_000,
        notional_usdt_min=Decimal(5),
        contract_size=Decimal(1),
        leverage_x_max=Decimal(125),
        funding_interval_ms=8 * HOUR_MS,
        trading=Trading.OPEN,
        listed_ms=1,
        tiers=(tier,),
    )


def test_specifications_are_kept_by_date(lake: Lake) -> None:
    both = [make_instrument("BTCUSDT"), make_instrument("ETHUSDT")]
    assert lake.instruments("binance").is_empty()
    assert lake.write_instruments("binance", both, 100) == 2
    before = files(lake)
    assert lake.write_instruments("binance", both, 200) == 0
    assert files(lake) == before
    assert lake.write_instruments("binance", [make_instrument("BTCUSDT", "0.01"), both[1]], 300) == 1
    assert len(lake.instrument_history("binance")) == 3
    newest, earlier = lake.instruments("binance"), lake.instruments("binance", at_ms=299)
    assert newest["price_tick"].to_list() == ["0.01", "0.10"]
    assert earlier["price_tick"].to_list() == ["0.10", "0.10"]
    assert lake.instruments("binance", at_ms=99).is_empty()
    assert newest["listed_ms"].to_list() == [1, 1]
    assert json.loads(newest["tiers"][0])[0]["maintenance_frac"] == "0.004"
    assert lake.keys() == []
    assert lake.strangers() == []


def test_a_folder_of_something_else_is_no_lake(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there"):
        Lake.open(tmp_path / "none")
    with pytest.raises(DataError, match="is no lake"):
        Lake.open(tmp_path)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match=r"holds other files \(letter.txt\)"):
        Lake.open(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("text", "words"), [('{"version": 2}', "upgrade xsmom"), ("{", "cannot be understood"), ("[]", "cannot be")]
)
def test_a_marker_that_is_not_ours_is_told(lake: Lake, text: str, words: str) -> None:
    (lake.root / "lake.json").write_text(text)
    with pytest.raises(DataError, match=words):
        Lake.open(lake.root)


@pytest.fixture
def part(lake: Lake) -> Path:
    lake.merge(BARS, make_bars(3), covered=None, source=SOURCE, replace=False)
    return lake.part_paths(BARS)[2021]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_cut_off_part_is_told_by_every_door(lake: Lake, part: Path, share: float) -> None:
    whole = part.read_bytes()
    part.write_bytes(whole[: int(share * len(whole))])
    for door in (lake.info, lake.read):
        with pytest.raises(DataError, match=r"2021.parquet is no whole Parquet file .*: remove it"):
            door(BARS)
    (fault,) = lake.verify(BARS)
    assert "no whole Parquet file" in fault
    with pytest.raises(DataError, match="no whole Parquet file"):
        lake.merge(BARS, make_bars(3), covered=None, source=SOURCE, replace=False)


def test_no_flipped_bit_is_taken_for_data(lake: Lake, proof: bool) -> None:
    lake.merge(BARS, make_bars(2000), covered=None, source=SOURCE, replace=False)
    part, rows, rng = lake.part_paths(BARS)[2022], lake.read(BARS), random.Random(1)
    whole = part.read_bytes()
    for _ in range(2_000 if proof else 150):
        broken = bytearray(whole)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        part.write_bytes(bytes(broken[: rng.randrange(len(broken))] if rng.random() < 0.2 else broken))
        if lake.verify(BARS) == []:
            assert lake.read(BARS).equals(rows)  # the bit lay where nothing is kept


def test_a_panic_of_the_reader_is_a_broken_file(lake: Lake, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(_source: object) -> None:
        raise pl.exceptions.PanicException("assertion failed")

    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.raises(DataError, match=rf"{part} is no whole Parquet file \(assertion failed\)"):
        lake.read(BARS)


def test_info_and_rows_come_from_one_look(lake: Lake) -> None:
    lake.merge(BARS, make_bars(), covered=None, source=SOURCE, replace=False)
    info, rows = lake.load(BARS)
    assert info == lake.info(BARS)
    assert_frame_equal(rows, lake.read(BARS))
    with pytest.raises(DataError, match="has no binance BTCUSDT funding"):
        lake.load(FUNDING)


def test_a_changed_value_is_told_by_its_hash(lake: Lake, part: Path) -> None:
    rows = lake.read(BARS).with_columns(close=pl.lit(1.0))
    footer = pl.read_parquet_metadata(part)
    rows.write_parquet(part, metadata={"xsmom": footer["xsmom"]})
    (fault,) = lake.verify(BARS)
    assert "sha256 differs" in fault


def test_a_part_with_other_rows_than_its_manifest_is_told(lake: Lake, part: Path) -> None:
    footer = pl.read_parquet_metadata(part)
    lake.read(BARS)[1:].write_parquet(part, metadata={"xsmom": footer["xsmom"]})
    with pytest.raises(DataError, match="holds 2 rows and its manifest says 3"):
        lake.read(BARS)


def test_foreign_files_are_told_apart(lake: Lake, part: Path) -> None:
    (part.parent / "notes.txt").write_text("mine")
    (lake.root / ".panels").mkdir()
    (lake.root / ".panels/x.panel").write_text("cached")
    assert lake.strangers() == [part.parent / "notes.txt"]
    make_bars().write_parquet(part.parent / "2030.parquet")
    with pytest.raises(DataError, match=r"2030.parquet was not written by xsmom: move it out"):
        lake.info(BARS)


def test_a_part_in_the_wrong_place_is_told(lake: Lake, part: Path) -> None:
    there = lake.root / "binance/bars/1h/ETHUSDT"
    there.mkdir()
    shutil.copy(part, there / "2021.parquet")
    with pytest.raises(DataError, match=r"says it is binance BTCUSDT bars 1h of 2021"):
        lake.read(SeriesKey("binance", "bars", "1h", "ETHUSDT"))


def test_a_part_of_a_newer_format_is_told(lake: Lake, part: Path) -> None:
    told = json.loads(pl.read_parquet_metadata(part)["xsmom"])
    lake.read(BARS).write_parquet(part, metadata={"xsmom": json.dumps({**told, "version": 2})})
    with pytest.raises(DataError, match="has format 2, this xsmom reads up to 1: upgrade"):
        lake.info(BARS)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (make_bars().drop("close"), "lack column 'close'"),
        (make_bars().with_columns(extra=1), "have a column 'extra'"),
        (make_bars().with_columns(close=pl.lit("x")), "are not all numbers"),
        (make_bars().with_columns(open_ms=pl.lit(None, pl.Int64)), "lack a stamp"),
        (make_bars().with_columns(pl.col("open_ms") * 1000), "is no UTC time in milliseconds"),
    ],
)
def test_rows_that_cannot_be_stored_leave_no_trace(lake: Lake, rows: pl.DataFrame, words: str) -> None:
    before = files(lake)
    with pytest.raises(DataError, match=words):
        lake.merge(BARS, rows, covered=None, source=SOURCE, replace=False)
    assert {name: data for name, data in files(lake).items() if name != ".lock"} == before


def test_a_list_of_renames_cannot_reach_outside(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (lake.root / ".commit").write_text(json.dumps([["../victim", "lake.json"]]))
    with pytest.raises(DataError, match="cannot be read"):
        Lake.open(lake.root)
    assert (tmp_path / "victim").read_text() == "mine"
    assert (lake.root / "lake.json").exists()
