"""`xsmom sweep`: what is tried, what is shown and written, and what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import xsmom as xs
from xsmom.cli.axes import CONFIGS_MAX
from xsmom.cli.main import main
from xsmom.lake.sample import SampleMarket

DAY_MS = 86_400_000
FILES = ["config.yaml", "sweep.html", "sweep.json", "sweep.parquet"]
GRID = ("--grid", "strategy.k_max=12,16", "--grid", "strategy.signal_power=1,1.35,2")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def panel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("panel") / "small.panel"
    SampleMarket(20, 400, DAY_MS, 7).write(path)
    return path


def run(*arguments: str | Path) -> int:
    return main(["sweep", *map(str, arguments)])


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_a_grid_is_shown_best_first_and_luck_is_said_aloud(
    panel_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--panel", panel_file, *GRID, "--out", "here", "--top", "3") == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0].startswith("best: turnover ")
    assert "SYNTHETIC market" in told.out
    head = next(place for place, line in enumerate(lines) if line.startswith("config "))
    rows = [line.split() for line in lines[head + 1 : head + 4]]
    best = xs.sweep(
        xs.Panel.open(panel_file),
        [{"strategy.k_max": k, "strategy.signal_power": x} for k in (12, 16) for x in (1, 1.35, 2)],
        base="weekly",
    ).sort("sharpe", descending=True)
    assert [int(row[0]) for row in rows] == best["config"].to_list()[:3]
    assert [row[3] for row in rows] == [f"{value:.2f}" for value in best["sharpe"].to_list()[:3]]
    loud = next(line for line in lines if line.startswith("WARNING: 6 configurations were tried"))
    assert f"{best['sharpe_luck'][0]:.2f}" in loud
    assert re.fullmatch(r"6 configurations in [\d.]+ s; written to here", lines[-1])
    assert told.err == ""


def test_the_folder_tells_everything(panel_file: Path, folder: Path) -> None:
    assert run("--panel", panel_file, *GRID, "--set", "strategy.gross_leverage=0.5", "--out", "here") == 0
    here = folder / "here"
    assert sorted(path.name for path in here.iterdir()) == FILES
    assert not list(folder.glob(".*"))
    told = document(here / "sweep.json")
    base = xs.load_config("weekly", set={"strategy.gross_leverage": 0.5})
    assert told["config"] == {"source": "weekly", "config_hash": base.config_hash}
    assert told["panel"]["hash"] == xs.Panel.open(panel_file).hash
    assert told["search"] == {
        "method": "grid",
        "seed": None,
        "axes": [
            {"name": "strategy.k_max", "values": [12, 16]},
            {"name": "strategy.signal_power", "values": [1, 1.35, 2]},
        ],
    }
    assert (told["configs"], told["done"], told["trials"], told["interrupted"]) == (6, 6, 6, False)
    frame = pl.read_parquet(here / "sweep.parquet")
    assert frame.height == 6
    first = told["rows"][0]
    assert first["figures"]["sharpe"] == frame["sharpe"].max()
    again = xs.load_config(here / "config.yaml", set=first["settings"])
    assert again.config_hash == first["config_hash"]
    alone = xs.backtest(xs.Panel.open(panel_file), again).metrics
    assert first["figures"]["total_return"] == alone["total_return"]


def test_the_page_is_one_file_that_asks_for_nothing(panel_file: Path, folder: Path) -> None:
    run("--panel", panel_file, *GRID, "--out", "here")
    page = (folder / "here/sweep.html").read_text("utf-8")
    assert "default-src 'none'" in page
    charts = json.loads(re.search(r'id="charts">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert set(charts) == {"ranked", "settings", "heat", "lines"}
    for name in charts:
        assert f'id="chart-{name}"' in page
    assert "6 configurations were tried" in page
    ours = page.partition("<script>")[0]  # behind it stands the chart library, which the policy binds
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', ours) == []


def test_draws_are_those_of_the_seed(panel_file: Path, folder: Path) -> None:
    span = ("--range", "strategy.signal_power=0.5:2", "--range", "strategy.vol_lookback=10:40:log", "--no-report")
    for name, how in {
        "one": ("--qmc", "12", "--seed", "4"),
        "two": ("--qmc", "12", "--seed", "4", "--threads", "1"),
        "three": ("--random", "12", "--seed", "4"),
        "four": ("--qmc", "12", "--seed", "5"),
    }.items():
        assert run("--panel", panel_file, *span, *how, "--out", name) == 0
    one, two, three, four = (
        pl.read_parquet(folder / name / "sweep.parquet") for name in ("one", "two", "three", "four")
    )
    assert one.equals(two, null_equal=True)
    assert not one.equals(three)
    assert not one.equals(four)
    assert one["strategy.vol_lookback"].dtype == pl.Int64
    assert one["strategy.vol_lookback"].is_between(10, 40).all()
    assert document(folder / "one/sweep.json")["search"] == {
        "method": "scrambled Halton",
        "seed": 4,
        "axes": [
            {"name": "strategy.signal_power", "low": 0.5, "high": 2.0, "scale": "linear", "whole": False},
            {"name": "strategy.vol_lookback", "low": 10.0, "high": 40.0, "scale": "log", "whole": True},
        ],
    }


def test_lists_words_and_ranges_mix(panel_file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mixed = (
        "--grid", "strategy.lookbacks=[5, 10, 20, 40],[10,20,40,60]",
        "--grid", "strategy.signal_kind=raw,log",
        "--grid", "strategy.redemean=true,false",
        "--range", "strategy.k_max=12:13",
    )  # fmt: skip
    assert run("--panel", panel_file, *mixed, "--random", "60", "--out", "here", "--daily-returns") == 0
    told = capsys.readouterr().out
    assert re.match(r"1[0-6] of 60 draws differ from one another", told)
    frame = pl.read_parquet(folder / "here/sweep.parquet")
    assert frame["strategy.lookbacks"].dtype == pl.List(pl.Int64)
    assert set(frame["strategy.signal_kind"]) == {"raw", "log"}
    daily = pl.read_parquet(folder / "here/daily_returns.parquet")
    assert daily.shape == (400, frame.height + 1)


def test_rows_are_ordered_by_what_is_asked(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for sort, falls in (("total_return", True), ("turnover_year_x", False)):
        assert run("--panel", panel_file, *GRID, "--sort", sort, "--json", "--no-report", "--out", sort) == 0
        rows = json.loads(capsys.readouterr().out)["rows"]
        values = [row["figures"][sort] for row in rows]
        assert values == sorted(values, reverse=falls)


def test_json_is_what_the_folder_holds(panel_file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--panel", panel_file, *GRID, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    written = folder / told.pop("folder")
    assert written.parent == folder / "runs"
    assert told == document(written / "sweep.json")


def test_without_a_panel_the_market_is_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*GRID, "--no-report", "--json") == 0
    assert json.loads(capsys.readouterr().out)["synthetic"] is True


def test_ctrl_c_writes_what_is_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    SampleMarket(40, 24 * 300, 3_600_000, 7).write(folder / "long.panel")

    def interrupt(_: object, done: int, _all: int) -> None:
        if done > 40:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("xsmom.cli.progress.ProgressBar._tell", interrupt)
    many = ("--range", "strategy.signal_power=1:2", "--random", "400", "--threads", "1")
    assert run("--config", "classic", "--panel", "long.panel", *many, "--out", "here") == 130
    told = capsys.readouterr()
    found = document(folder / "here/sweep.json")
    assert found["interrupted"] is True
    assert 0 < found["done"] < found["configs"] == 400
    assert pl.read_parquet(folder / "here/sweep.parquet").height == found["trials"] == found["done"]
    sentence = f"xsmom: {found['done']} of 400 configurations are done and written to here\n"
    assert told.err == sentence + "xsmom: interrupted\n"
    assert f"WARNING: interrupted: {found['done']} of 400" in told.out


def test_ctrl_c_before_the_first_is_done_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SampleMarket(40, 24 * 300, 3_600_000, 7).write(folder / "long.panel")

    def interrupt(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("xsmom.cli.progress.ProgressBar._tell", interrupt)
    many = ("--range", "strategy.signal_power=1:2", "--random", "400")
    assert run("--config", "classic", "--panel", "long.panel", *many, "--out", "here") == 130
    assert [path.name for path in folder.iterdir()] == ["long.panel"]


_MANY = ",".join(map(str, range(1, 400)))
BIG = ("--grid", f"strategy.k_max={_MANY}", "--grid", f"strategy.k_min={_MANY}")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "nothing is varied: give --grid key=1,2,3 or --range key=1:3"),
        (["--grid", "strategy.k_max"], 2, "'strategy.k_max' has no values: expected key=values"),
        (["--grid", "strategy.k_max="], 2, "has no values"),
        (["--grid", "strategy.k_max=1,2,1"], 2, "strategy.k_max lists 1 twice"),
        (["--grid", "strategy.k_max=1", "--grid", "strategy.k_max=2"], 2, "strategy.k_max is given twice"),
        (["--grid", "strategy.k_max=1", "--range", "strategy.k_max=2:3"], 2, "strategy.k_max is given twice"),
        (["--grid", "strategy.k_maxx=1,2"], 3, "did you mean strategy.k_max?"),
        (["--range", "strategy.k_maxx=1:2"], 3, "did you mean strategy.k_max?"),
        (["--grid", "strategy=1,2"], 3, "strategy is a section"),
        (["--grid", "desk.api.enabled=true"], 3, "is not available in this version"),
        (["--grid", "strategy.k_max=four"], 3, "config 0 (strategy.k_max=four): set: strategy.k_max got \"four\""),
        (["--grid", "strategy.k_max=[1"], 2, "strategy.k_max got [1, which cannot be read"),
        (["--grid", "strategy.k_min=2,99"], 3, "config 1 (strategy.k_min=99): "),
        ([*BIG], 2, "159,201 combinations, at most 100,000 are run: draw by --random N or --qmc N"),
        (["--range", "strategy.k_max=1:3"], 2, "say how often by --random N or --qmc N"),
        (["--range", "strategy.k_max=3:3", "--qmc", "4"], 2, "strategy.k_max from 3 to 3 is empty"),
        (["--range", "strategy.k_max=3:1", "--qmc", "4"], 2, "strategy.k_max from 3 to 1 is empty"),
        (["--range", "strategy.k_max=1.5:3", "--qmc", "4"], 2, "strategy.k_max got 1.5, wants a whole number"),
        (["--range", "strategy.k_max=a:3", "--qmc", "4"], 2, "strategy.k_max got a, wants a number"),
        (["--range", "strategy.signal_power=.nan:3", "--qmc", "4"], 2, "got .nan, wants a number"),
        (["--range", "strategy.signal_power=1:2:cubic", "--qmc", "4"], 2, ":log or :int behind it"),
        (["--range", "strategy.signal_power=0:2:log", "--qmc", "4"], 2, "a log scale begins above 0"),
        (["--range", "strategy.signal_kind=1:2", "--qmc", "4"], 2, "not a number: list its values by --grid"),
        ([*GRID, "--random", "0"], 2, "0 draws, wants 1 to 100,000"),
        ([*GRID, "--random", "4", "--qmc", "4"], 2, "by --random or by --qmc, not by both"),
        ([*GRID, "--sort", "sharp"], 2, "sharp is not a figure; did you mean sharpe?"),
        ([*GRID, "--sort", "zzz"], 2, "zzz is not a figure: it is one of sharpe, psr"),
        ([*GRID, "--panel", "none.panel"], 4, "none.panel"),
        ([*GRID, "--config", "none.yaml"], 3, "none.yaml does not exist"),
        (
            [*GRID, "--to", "2023-01-20"],
            4,
            "config 0 (strategy.k_max=12, strategy.signal_power=1): the panel has 20 bars",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert run(*arguments) == code
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert list(folder.iterdir()) == []
    assert CONFIGS_MAX == 100_000


def test_a_folder_that_is_in_use_is_refused_before_anything_runs(
    panel_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "here").mkdir()
    (folder / "here/mine.txt").write_text("mine")
    monkeypatch.setattr("xsmom.research.sweep.run_trials", lambda *_, **__: pytest.fail("it ran"))
    assert run("--panel", panel_file, *GRID, "--out", "here") == 6
    assert [path.name for path in folder.rglob("*")] == ["here", "mine.txt"]
