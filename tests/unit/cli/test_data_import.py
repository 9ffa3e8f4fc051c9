from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.unit.lake.lakes import HOUR_MS, START_MS
from tests.unit.lake.market_files import bars_of, kline_csv, write_zip
from xsmom.cli.main import main
from xsmom.lake.sample import SampleMarket
from xsmom.lake.store import Lake

BTC, ETH = bars_of("BTCUSDT", 100.0), bars_of("ETHUSDT", 50.0)
BOTH = pl.concat([BTC, ETH])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bars(folder: Path) -> Path:
    BOTH.write_csv(folder / "bybit_bars.csv")
    return Path("bybit_bars.csv")


def run(*arguments: object) -> int:
    return main(["data", *(str(argument) for argument in arguments)])


def test_the_guess_is_told_and_the_rows_are_stored(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", bars) == 0
    told = capsys.readouterr().out
    for words in (
        "taken for    bybit_bars.csv", "kind         bars 1h", "venue        bybit",
        "time         open_ms (ms, UTC): open of the bar", "symbols      2: BTCUSDT, ETHUSDT", "rows         60",
        "span         2021-12-31 21:00Z to 2022-01-02 02:00Z", "lake: 1 of 1 files taken, 60 rows are new",
    ):  # fmt: skip
        assert words in told
    assert [key.symbol for key in Lake.open("lake").keys("bybit", "bars", "1h")] == ["BTCUSDT", "ETHUSDT"]


def test_the_same_file_again_changes_no_byte(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", bars) == 0
    before = {path: path.read_bytes() for path in Path("lake").rglob("*") if path.is_file()}
    assert run("import", bars) == 0
    assert "0 rows are new" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in Path("lake").rglob("*") if path.is_file()} == before


def test_a_dry_run_tells_and_writes_nothing(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", bars, "--dry-run") == 0
    told = capsys.readouterr().out
    assert "taken for" in told
    assert "nothing was written" in told
    assert not Path("lake").exists()


def test_json_tells_all_of_it(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--venue", "okx", "--kind", "bars", "--timeframe", "1h", "--unit", "ms", "--time-is", "open")
    more = ("--tz", "UTC", "--layout", "long", "--columns", "open_ms=open_ms", "--lake", "other")
    assert run("import", bars, *options, *more, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    (found,) = told["found"]
    assert (found["venue"], found["timeframe"], found["rows"], found["symbols"]) == (
        "okx", "1h", 60, ["BTCUSDT", "ETHUSDT"],
    )  # fmt: skip
    assert found["columns"]["volume_usdt"] == "volume_usdt"
    assert (told["taken"], told["refused"], told["added_rows"]) == (["bybit_bars.csv"], [], 60)
    assert len(Lake.open("other").keys()) == 2


def test_one_bad_file_among_many_is_named_and_the_others_are_taken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = folder / "set"
    inner.mkdir()
    write_zip(inner / "BTCUSDT-1h-2022-01.zip", kline_csv(BTC, header=True))
    (inner / "ETHUSDT-1h-2022-01.zip").write_bytes(b"PK\x03\x04 cut")
    assert run("import", "set") == 4
    told = capsys.readouterr()
    assert "lake: 1 of 2 files taken, 30 rows are new" in told.out
    assert told.err.startswith("xsmom: set/ETHUSDT-1h-2022-01.zip is no whole zip archive")
    assert told.err.count("\n") == 1
    assert [key.symbol for key in Lake.open("lake").keys("binance")] == ["BTCUSDT"]


def test_a_single_bad_file_makes_no_lake(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "binance.csv").write_text("a,b\n1,2\n")
    assert run("import", "binance.csv") == 4
    assert "has neither prices of bars nor funding rates in its columns a, b" in capsys.readouterr().err
    assert not Path("lake").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--kind", "trades"), "'trades' is none of bars, mark, funding"),
        (("--unit", "h"), "'h' is none of s, ms, us, ns"),
        (("--time-is", "noon"), "'noon' is none of open, close"),
    ],
)
def test_options_have_known_values(
    bars: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", bars, *arguments) == 2
    assert words in capsys.readouterr().err


def test_the_projects_configuration_names_lake_and_exchange(bars: Path) -> None:
    Path("config.yaml").write_text("data:\n  dir: store\n  venue: binance\n")
    assert run("import", bars) == 0
    assert {key.venue for key in Lake.open("store").keys("binance")} == {"binance"}
    assert run("import", bars, "--venue", "okx", "--lake", "mine") == 0
    assert len(Lake.open("mine").keys("okx")) == 2


def test_ls_lists_series_and_what_is_broken(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", bars) == 0
    gap = BTC.filter(pl.col("open_ms") != START_MS + 5 * HOUR_MS)
    gap.with_columns(symbol=pl.lit("GAPUSDT")).write_csv("bybit_gap.csv")
    assert run("import", "bybit_gap.csv") == 0
    Path("lake/bybit/bars/1h/ETHUSDT/2021.parquet").write_bytes(b"cut")
    capsys.readouterr()
    assert run("ls", "--kind", "bars", "--timeframe", "1h", "--venue", "bybit") == 0
    told = capsys.readouterr().out
    rows = [line.split() for line in told.splitlines()]
    span = ["2021-12-31", "21:00Z", "2022-01-02", "02:00Z"]
    assert rows[1][3:11] == ["BTCUSDT", "30", *span, "100.00%", "0"]
    assert rows[2][3:5] == ["ETHUSDT", "broken"]
    assert rows[3][3:11] == ["GAPUSDT", "29", *span, "96.67%", "0"]
    assert run("ls", "--json") == 0
    series = json.loads(capsys.readouterr().out)["series"]
    assert [one["symbol"] for one in series] == ["BTCUSDT", "ETHUSDT", "GAPUSDT"]
    assert "no whole Parquet file" in series[1]["fault"]
    assert series[0]["covered"] == [[START_MS, START_MS + 30 * HOUR_MS]]
    assert run("ls", "--kind", "mark") == 0
    assert capsys.readouterr().out == "lake holds no such series\n"
    assert run("ls", "--kind", "trades") == 2
    assert run("ls", "--lake", "nowhere") == 4


def test_info_of_a_lake_sums_it_up(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", bars) == 0
    capsys.readouterr()
    assert run("info", "lake") == 0
    told = capsys.readouterr().out
    assert "bybit bars 1h  2        60    2021-12-31 21:00Z to 2022-01-02 02:00Z" in told
    assert run("info", "lake", "--json") == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert (group["symbols"], group["rows"], group["faults"]) == (2, 60, [])
    assert run("info", "lake", "--verify") == 4
    assert "data check" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["parquet", "csv", "feather"])
def test_what_is_exported_imports_again(bars: Path, ending: str) -> None:
    assert run("import", bars) == 0
    assert run("export", "--out", f"binance.{ending}") == 0
    assert run("import", f"binance.{ending}", "--lake", "copy") == 0
    first, second = Lake.open("lake"), Lake.open("copy")
    for key, twin in zip(first.keys(), second.keys(), strict=True):
        assert_frame_equal(first.read(key), second.read(twin))


def test_an_export_is_cut_to_what_was_asked(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", bars) == 0
    span = ("--from", "2022-01-01", "--to", "2022-01-01T02:00Z")
    assert run("export", "--out", "x.out", "--format", "parquet", "--symbols", "ETHUSDT", *span) == 0
    assert_frame_equal(pl.read_parquet("x.out"), ETH[3:5])
    capsys.readouterr()
    assert run("export", "--out", "x.out", "--format", "parquet") == 6
    assert "is there already" in capsys.readouterr().err
    assert run("export", "--out", "x.out", "--format", "csv", "--force") == 0
    for arguments, words in (
        (("--out", "y.csv", "--symbols", "NO"), "has no NO there"),
        (("--out", "y.csv", "--kind", "mark"), "has no such series"),
        (("--out", "y.csv", "--from", "2030-01-01"), "no row lies between"),
        (("--out", "none/y.csv"), "none/y.csv: no such file or directory"),
    ):
        assert run("export", *arguments) in (4, 6)
        assert words in capsys.readouterr().err
        assert not Path("y.csv").exists()
    assert run("export", "--out", "y.bin") == 2


NO_ROOM = """
import resource, sys
from xsmom.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
sys.exit(main(["data", "export", "--out", sys.argv[1]]))
"""


@pytest.mark.parametrize("ending", ["parquet", "csv", "feather"])
def test_an_export_without_room_leaves_nothing(bars: Path, ending: str) -> None:
    assert run("import", bars) == 0
    command = [sys.executable, "-W", "ignore", "-c", NO_ROOM, f"x.{ending}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr.strip()) == (6, f"xsmom: x.{ending}: file too large")
    assert sorted(path.name for path in Path().iterdir()) == ["bybit_bars.csv", "lake"]


def test_two_markets_are_not_exported_as_one(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", bars) == 0
    assert run("import", bars, "--venue", "binance") == 0
    assert run("export", "--out", "x.csv") == 4
    assert "the lake has binance 1h, bybit 1h: choose one by --venue and --timeframe" in capsys.readouterr().err
    assert run("export", "--out", "x.csv", "--venue", "bybit") == 0


def test_a_panel_is_exported_as_research_sees_it() -> None:
    market = SampleMarket(symbols=4, bars=48)
    market.write(Path("m.panel"))
    panel = market.build()
    names = [panel.symbols[2], panel.symbols[0]]
    assert run("export", "--panel", "m.panel", "--out", "m.parquet", "--symbols", ",".join(names)) == 0
    told = pl.read_parquet("m.parquet")
    assert told.columns[:3] == ["symbol", "close_ms", "open"]
    assert told["symbol"].unique(maintain_order=True).to_list() == names
    for symbol in names:
        column = panel.symbols.index(symbol)
        cells = told.filter(pl.col("symbol") == symbol)
        assert cells["close_ms"].to_list() == panel.close_ms.tolist()
        assert_frame_equal(cells.select("close"), pl.DataFrame({"close": panel.close[:, column]}))
    assert run("export", "--panel", "m.panel", "--out", "n.csv", "--symbols", "NO") == 4
