"""`xsmom report show` and `compare`: what lies in run folders, and whether one run beats another."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import xsmom as xs
from xsmom.cli.main import main
from xsmom.lake.sample import SampleMarket
from xsmom.research.stored_run import COVERAGE, compare_days, read_run

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs: a base, one with lower fees, one over a shorter span, one on another market."""
    folder = tmp_path_factory.mktemp("runs")
    SampleMarket(20, 400, DAY_MS, 7).write(folder / "one.panel")
    SampleMarket(20, 400, DAY_MS, 8).write(folder / "two.panel")
    common = ["backtest", "--fast", "--no-report", "--config", "weekly", "--panel"]
    wishes = {
        "base": ["one.panel"],
        "cheap": ["one.panel", "--set", "costs.taker_fee_bps=1", "--set", "strategy.k_max=10"],
        "short": ["one.panel", "--to", "2023-12-01"],
        "other": ["two.panel"],
    }
    for name, (panel, *more) in wishes.items():
        assert main([*common, str(folder / panel), *more, "--out", str(folder / name)]) == 0
    return folder


def report(*arguments: str | Path) -> int:
    return main(["report", *map(str, arguments)])


def test_show_prints_what_the_backtest_printed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report("show", runs / "base") == 0
    lines = capsys.readouterr().out.splitlines()
    metrics = xs.backtest(xs.Panel.open(runs / "one.panel"), "weekly").metrics
    assert lines[0].startswith(f"turnover {metrics['turnover_year_x']:,.1f}x a year, cost ")
    assert any(line.startswith("SYNTHETIC") for line in lines)
    assert any(line.startswith("Sharpe ") and f"{metrics['sharpe']:.2f}" in line for line in lines)
    assert lines[-1] == "report: none (it was run with --no-report)"


def test_show_as_json_is_the_stored_document(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report("show", runs / "base", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    stored = json.loads((runs / "base/result.json").read_text("utf-8"))
    assert {name: told[name] for name in stored} == stored
    assert told["report"] is None


def test_made_up_markets_are_named_when_runs_are_compared(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert report("compare", runs / "base", runs / "base", "--out", page) == 0
    assert capsys.readouterr().out.startswith("SYNTHETIC market")
    assert "synthetic data, no real market" in page.read_text("utf-8")


def test_a_sweep_is_told_apart_from_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sweep.json").write_text("{}")
    assert report("show", tmp_path) == 4
    assert "is a sweep: run one of its configurations by `xsmom backtest --fast`" in capsys.readouterr().err


def test_daily_returns_are_those_of_the_result(runs: Path) -> None:
    result = xs.backtest(xs.Panel.open(runs / "one.panel"), "weekly")
    day, change = read_run(runs / "base").daily
    np.testing.assert_allclose(change, result.daily_returns["return_frac"].to_numpy(), rtol=0, atol=1e-12)
    assert len(day) == 400


def test_compare_tells_settings_and_the_paired_difference(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report("compare", runs / "base", runs / "cheap", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"] == {"strategy.k_max": [12, 10], "costs.taker_fee_bps": [5.5, 1.0]}
    assert told["warnings"] == []
    [found] = told["differences"]
    base, cheap = (read_run(runs / name).daily[1] for name in ("base", "cheap"))
    assert found["mean_year_frac"] == pytest.approx((cheap - base).mean() * 365)
    assert found["low"] < found["mean_year_frac"] < found["high"]
    assert found["correlation"] == pytest.approx(np.corrcoef(base, cheap)[0, 1])


def test_the_interval_covers_the_truth_as_often_as_it_says(tmp_path: Path) -> None:
    """Pairs of known difference: the share of intervals that hold it."""
    rng, held = np.random.default_rng(3), 0
    tries, days, truth = 60, 400, 2e-4
    for _ in range(tries):
        common = rng.normal(0.0, 0.01, days)
        folders = []
        for name, more in (("one", 0.0), ("two", truth)):
            change = common + more + rng.normal(0.0, 0.002, days)
            folders.append(write_curve(tmp_path / name, change))
        found = compare_days(read_run(folders[0]), read_run(folders[1]))
        held += found.low <= truth * 365 <= found.high
    assert abs(held / tries - COVERAGE) < 0.12


def write_curve(folder: Path, change: np.ndarray) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    equity = 1e4 * np.cumprod(1.0 + change)
    stamps = (np.arange(len(equity)) + 19_723) * DAY_MS + DAY_MS
    texts = np.datetime_as_string(stamps.astype("datetime64[ms]"), unit="ms")
    rows = [f"{text}Z,{value!r}" for text, value in zip(texts, equity.tolist(), strict=True)]
    (folder / "equity.csv").write_text("close,equity_usdt\n" + "\n".join(rows) + "\n", "utf-8")
    document = {"metrics": {}, "panel": {}, "config": {}, "timing": {"cash_usdt": 1e4}}
    (folder / "result.json").write_text(json.dumps(document), "utf-8")
    return folder


@pytest.mark.parametrize(("run", "told"), [("short", "not the same period"), ("other", "different data")])
def test_unlike_markets_are_told_loudly(runs: Path, run: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert report("compare", runs / "base", runs / run) == 0
    found = capsys.readouterr()
    assert found.out.startswith("WARNING: ")
    assert told in found.out.splitlines()[0]
    assert told in found.err


def test_a_terminal_is_told_once(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert report("compare", runs / "base", runs / "short") == 0
    found = capsys.readouterr()
    assert found.out.startswith("WARNING: ")
    assert found.err == ""


def test_runs_that_earn_the_same_each_day_have_no_sharpe_ratio(tmp_path: Path) -> None:
    one, two = (
        read_run(write_curve(tmp_path / name, np.full(50, gain))) for name, gain in (("one", 1e-3), ("two", 2e-3))
    )
    found = compare_days(one, two)
    assert (found.sharpe, found.sharpe_low, found.sharpe_high) == (0.0, 0.0, 0.0)
    assert found.mean_year_frac == pytest.approx(0.365)


def test_the_page_is_one_offline_file(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "deep/compared.html"
    assert report("compare", runs / "base", runs / "cheap", runs / "other", "--out", page) == 0
    html = page.read_text("utf-8")
    assert html.count('class="chart"') == 2
    assert html.count('id="theme"') == 1  # the page's script holds on to it
    assert "different data" in html
    assert "strategy.k_max" in html
    assert "default-src 'none'" in html
    assert 'src="http' not in html
    assert list(page.parent.iterdir()) == [page]
    assert capsys.readouterr().out.splitlines()[-1] == f"written to {page}"
    assert report("compare", runs / "base", runs / "cheap", "--out", page) == 6
    assert "is there already" in capsys.readouterr().err


def test_what_is_no_run_is_refused_in_a_sentence(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/result.json").write_text("{", "utf-8")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/result.json").write_text('{"metrics": {}}', "utf-8")
    brief = write_curve(tmp_path / "brief", np.zeros(5))
    cases: list[tuple[list[str | Path], str]] = [
        (["show", tmp_path], "is no run folder"),
        (["show", tmp_path / "broken"], "cannot be read"),
        (["show", tmp_path / "bare"], "it is not what a backtest writes"),
        (["compare", runs / "base"], "compare two to 6 run folders"),
    ]
    for arguments, told in cases:
        assert report(*arguments) == 4
        assert told in capsys.readouterr().err
    with pytest.raises(xs.XsmomError, match="share 5 days"):
        compare_days(read_run(runs / "base"), read_run(brief))
