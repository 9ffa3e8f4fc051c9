"""`xsmom backtest --fast`: what is said first, what is written, and what is refused."""

from __future__ import annotations

import csv
import json
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xsmom as xs
from xsmom.cli import run_table
from xsmom.cli.main import main
from xsmom.cli.run_folder import _write_columns, write_whole
from xsmom.errors import OutputError
from xsmom.lake.sample import SampleMarket

DAY_MS = 86_400_000
FILES = ["config.yaml", "equity.csv", "result.json", "trips.csv"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every run works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def panel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("panel") / "small.panel"
    SampleMarket(20, 400, DAY_MS, 7).write(path)
    return path


def run(*arguments: str | Path) -> int:
    return main(["backtest", *map(str, arguments)])


def test_costs_stand_in_the_first_line(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fast", "--no-report", "--panel", panel_file, "--out", "here") == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    result = xs.backtest(xs.Panel.open(panel_file), "weekly")
    metrics = result.metrics
    assert lines[0].startswith(f"turnover {metrics['turnover_year_x']:,.1f}x a year, cost ")
    assert f"{metrics['cost_year_frac']:.1%} of equity a year" in lines[0]
    assert any(line.startswith("SYNTHETIC market") for line in lines)
    assert f"{metrics['trades']:,} (long" in told.out
    for figure in ("CAGR", "bootstrap interval", "HAC", "PSR", "Sortino", "Calmar", "win rate", "funding"):
        assert figure in told.out
    assert lines[-1] == "written to here"
    assert told.err == ""


def test_the_configuration_may_name_the_panel(
    panel_file: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`data.panel` where the command line names no market; `--panel` and `--data` come before it."""
    (folder / "config.yaml").write_text(f"data:\n  panel: {panel_file}\nstrategy:\n  timeframe: 1d\n")
    other = folder / "other.panel"
    SampleMarket(12, 300, DAY_MS, 8).write(other)
    expected = {"by config": xs.Panel.open(panel_file).hash, "by option": xs.Panel.open(other).hash}
    for command in (["backtest", "--fast", "--no-report"], ["sweep", "--no-report", "--grid", "strategy.k_max=2,4"]):
        for name, more in (("by config", []), ("by option", ["--panel", str(other)])):
            capsys.readouterr()
            assert main([*command, *more, "--out", f"{command[0]} {name}", "--json"]) == 0
            assert expected[name] in capsys.readouterr().out
    assert main(["why", "BTCUSDT", "--config", "config.yaml"]) == 0
    assert str(panel_file) in capsys.readouterr().out
    assert main(["data", "universe", "--config", "config.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["panel_hash"] == expected["by config"]
    assert main(["backtest", "check", "--only", "account", "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["panel"] == str(panel_file)
    (folder / "config.yaml").write_text("data:\n  panel: gone.panel\nstrategy:\n  timeframe: 1d\n")
    assert run("--fast") == 4
    assert "gone.panel: no such file" in capsys.readouterr().err


def test_the_folder_tells_everything(panel_file: Path, folder: Path) -> None:
    assert run("--fast", "--no-report", "--panel", panel_file, "--set", "strategy.k_max=11", "--out", "here") == 0
    here = folder / "here"
    assert sorted(path.name for path in here.iterdir()) == FILES
    assert not list(folder.glob(".*"))
    document = json.loads((here / "result.json").read_text("utf-8"))
    config = xs.load_config("weekly", set={"strategy.k_max": 11})
    panel = xs.Panel.open(panel_file)
    assert document["config"]["config_hash"] == config.config_hash
    assert document["panel"]["hash"] == panel.hash
    assert document["synthetic"] is True
    assert document["command"].startswith("xsmom")
    assert set(document["versions"]) == {"xsmom", "python", "numpy"}
    assert document["metrics"]["total_return"] == xs.backtest(panel, config).metrics["total_return"]


def test_the_written_configuration_makes_the_same_run(panel_file: Path, folder: Path) -> None:
    run("--fast", "--no-report", "--panel", panel_file, "--set", "costs.taker_fee_bps=3", "--out", "one")
    assert run("--fast", "--no-report", "--panel", panel_file, "--config", "one/config.yaml", "--out", "two") == 0
    one, two = (json.loads((folder / name / "result.json").read_text("utf-8")) for name in ("one", "two"))
    assert one["config"]["config_hash"] == two["config"]["config_hash"]
    assert one["metrics"] == two["metrics"]
    assert (folder / "one/equity.csv").read_bytes() == (folder / "two/equity.csv").read_bytes()


def test_the_curves_are_those_of_the_result(panel_file: Path, folder: Path) -> None:
    run("--fast", "--no-report", "--panel", panel_file, "--out", "here")
    result = xs.backtest(xs.Panel.open(panel_file), "weekly")
    with (folder / "here/equity.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = pytest.approx(result.equity["equity_usdt"].to_list(), rel=1e-13, abs=0)
    assert [float(row["equity_usdt"]) for row in rows] == told
    fees = pytest.approx(result.costs["fee_usdt"].to_list(), rel=1e-13, abs=0)
    assert [float(row["fee_usdt"]) for row in rows] == fees
    assert rows[0]["close"] == "2023-01-02T00:00:00.000Z"
    with (folder / "here/trips.csv").open(encoding="utf-8") as file:
        trips = list(csv.DictReader(file))
    assert result.round_trips is not None
    assert list(trips[0]) == result.round_trips.columns
    net = pytest.approx(result.round_trips["net_usdt"].to_list(), rel=1e-13, abs=0)
    assert [float(trip["net_usdt"]) for trip in trips] == net


def test_a_report_is_written_unless_refused(panel_file: Path, folder: Path) -> None:
    assert run("--fast", "--panel", panel_file, "--out", "here") == 0
    assert sorted(path.name for path in (folder / "here").iterdir()) == sorted([*FILES, "report.html", "report.json"])
    report = json.loads((folder / "here/report.json").read_text("utf-8"))
    result = json.loads((folder / "here/result.json").read_text("utf-8"))
    assert report["provenance"]["config_hash"] == result["config"]["config_hash"]
    assert report["metrics"]["total_return"] == result["metrics"]["total_return"]


def test_json_is_what_the_folder_holds(panel_file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fast", "--no-report", "--panel", panel_file, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    written = folder / told.pop("folder")
    assert written.parent == folder / "runs"
    assert written.name.endswith("Z-" + told["config"]["config_hash"][:8])
    assert told.pop("parity") is None
    assert told == json.loads((written / "result.json").read_text("utf-8"))


def test_without_fast_it_goes_through_the_live_engine_and_says_how_they_compare(
    panel_file: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--no-report", "--panel", panel_file, "--json") == 0
    parity = json.loads(capsys.readouterr().out)["parity"]
    assert (parity["same"], parity["equity_same"], parity["refused"]) == (True, True, {})
    assert parity["bars_same"] == parity["bars"] > 0
    assert run("--no-report", "--panel", panel_file) == 0
    assert "the live engine held the lots of the simulation at every bar" in capsys.readouterr().out
    del folder


def test_without_a_panel_the_market_is_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fast", "--no-report", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["synthetic"] is True
    assert told["panel"] | {"hash": ""} == {
        "path": None,
        "hash": "",
        "bars": 730,
        "timeframe": "1d",
        "symbols": 40,
        "first_close": "2023-01-02 00:00Z",
        "last_close": "2024-12-31 00:00Z",
    }


def test_the_configuration_of_the_folder_is_the_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.yaml").write_text("strategy:\n  timeframe: 4h\n")
    assert run("--fast", "--no-report", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["config"]["source"], told["panel"]["timeframe"]) == ("config.yaml", "4h")


def test_days_cut_the_panel(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    span = ("--from", "2023-01-10", "--to", "2024-01-20")
    assert run("--fast", "--no-report", "--panel", panel_file, *span, "--json") == 0
    told = json.loads(capsys.readouterr().out)["panel"]
    assert (told["first_close"], told["last_close"]) == ("2023-01-11 00:00Z", "2024-01-21 00:00Z")


def test_a_run_that_trades_nothing_shows_its_reasons(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = ("--set", "universe.min_price_usdt=1e9")
    assert run("--fast", "--no-report", "--panel", panel_file, *blocked) == 0
    told = capsys.readouterr().out
    assert "warning: nothing was traded in 400 decisions: price_too_low" in told
    assert "Price below the least price." in told


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--fast", "--from", "2024-13-01"], 2, "'2024-13-01' is no day: write it as 2024-01-31"),
        (["--fast", "--from", "2031-01-01"], 4, "no bar lies within --from 2031-01-01"),
        (["--fast", "--config", "none.yaml"], 3, "none.yaml does not exist"),
        (["--fast", "--panel", "none.panel"], 4, "none.panel"),
        (["--fast", "--to", "2023-01-20"], 4, "looks back on 284: give a panel of more than 284 bars"),
        (["--fast", "--set", "exchange.margin_mode=isolated"], 3, "not available in this version"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert run(*arguments) == code
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert list(folder.iterdir()) == []


def test_a_panel_of_other_bars_names_both(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fast", "--panel", panel_file, "--config", "classic") == 3
    assert "strategy.timeframe is 1h and the panel has bars of 1d" in capsys.readouterr().err


def test_a_folder_that_is_in_use_is_left_alone(panel_file: Path, folder: Path) -> None:
    (folder / "here").mkdir()
    (folder / "here/mine.txt").write_text("mine")
    assert run("--fast", "--panel", panel_file, "--out", "here") == 6
    assert [path.name for path in folder.rglob("*")] == ["here", "mine.txt"]


def test_a_folder_is_whole_or_not_there(
    panel_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xsmom.cli.run_folder._write_columns", fail)
    assert run("--fast", "--panel", panel_file, "--out", "here") == 6
    assert "No space left on device" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


class Clock:
    """A clock that stands still, so that two runs fall into one second."""

    @staticmethod
    def now(zone: tzinfo) -> datetime:
        return datetime(2025, 3, 1, 12, 0, 0, 999_000, tzinfo=zone)


def test_runs_of_one_second_each_have_a_folder(
    panel_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("xsmom.cli.backtest.datetime", Clock)
    for _ in range(3):
        assert run("--fast", "--no-report", "--panel", panel_file) == 0
    told = [line.split()[-1] for line in capsys.readouterr().out.splitlines() if line.startswith("written to ")]
    assert told == [told[0], f"{told[0]}-2", f"{told[0]}-3"]
    assert sorted(path.name for path in (folder / "runs").iterdir()) == [Path(name).name for name in told]
    assert all(sorted(path.name for path in (folder / name).iterdir()) == FILES for name in told)


def test_a_name_that_is_taken_while_the_run_is_written_is_passed_over(tmp_path: Path) -> None:
    """Two processes that chose one name: whoever comes second finds the folder filled when it renames."""

    def write(partial: Path) -> None:
        (partial / "mine").write_text("mine")
        (tmp_path / "run").mkdir()
        (tmp_path / "run/theirs").write_text("theirs")

    assert write_whole(tmp_path / "run", write, renumber=True) == tmp_path / "run-2"
    assert (tmp_path / "run/theirs").read_text() == "theirs"
    assert (tmp_path / "run-2/mine").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run-2"]


def test_a_named_folder_that_is_taken_while_the_run_is_written_is_refused(tmp_path: Path) -> None:
    def write(_: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run/theirs").write_text("theirs")

    with pytest.raises(OutputError, match=r"run cannot be written: .*; choose another --out"):
        write_whole(tmp_path / "run", write, renumber=False)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_symbol_may_hold_anything(tmp_path: Path) -> None:
    odd = ['A,B"C', "plain", "two\nlines"]
    _write_columns(tmp_path / "odd.csv", {"symbol": odd, "net_usdt": np.array([1.5, -1e-300, np.nan])})
    with (tmp_path / "odd.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["symbol"] for row in rows] == odd
    assert [row["net_usdt"] for row in rows] == ["1.5", "-1e-300", "nan"]


@pytest.mark.parametrize(
    ("share", "gross", "words"),
    [
        (0.2, 100.0, None),
        (0.6, 100.0, "costs take 60.0% of what the strategy earns"),
        (3.0, 100.0, "costs eat the strategy: they are 3.0 times"),
        (float("nan"), -100.0, "loses before costs"),
    ],
)
def test_a_strategy_that_costs_eat_is_called_so(share: float, gross: float, words: str | None) -> None:
    metrics: dict[str, Any] = {"cost_of_gross_frac": share, "gross_usdt": gross, "cost_year_frac": 0.1}
    found = run_table.cost_warnings(metrics)
    assert len(found) == (words is not None)
    assert words is None or words in found[0]
