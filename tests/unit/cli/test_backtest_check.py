"""`xsmom backtest check`: a table for people, a document for scripts, and an exit code that can be trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import xsmom as xs
from xsmom import _core
from xsmom.cli.main import main
from xsmom.lake.sample import SampleMarket

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def panel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("panel") / "small.panel"
    SampleMarket(20, 400, DAY_MS, 7).write(path)
    return path


def check(*arguments: str | Path) -> int:
    return main(["backtest", "check", *map(str, arguments)])


def test_every_check_is_a_line(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--config", "weekly", "--panel", panel_file) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["check", "result", "measured", "tolerated", "meaning"]
    assert all(" pass " in line for line in lines[1:-1])
    assert len(lines) == 13
    assert lines[-1].endswith("every check passed")


def test_the_document_says_the_same(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--config", "weekly", "--panel", panel_file, "--only", "future", "--seed", "3", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is True
    assert told["seed"] == 3
    assert told["panel_hash"] == xs.Panel.open(panel_file).hash
    checks = ["decisions", "truncation", "blanked future", "poisoned future"]
    assert [row["check"] for row in told["checks"]] == checks
    assert all(row["measured"] <= row["tolerance"] for row in told["checks"][1:])


def test_a_failure_is_an_exit_code(
    panel_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = _core.simulate

    def leaky(*given: Any, **more: Any) -> Any:
        run = dict(plain(*given, **more))
        run["equity_usdt"] = run["equity_usdt"] * 1.001
        return run

    monkeypatch.setattr(_core, "simulate", leaky)
    assert check("--config", "weekly", "--panel", panel_file, "--only", "account") == 1
    told = capsys.readouterr().out
    assert "FAIL" in told
    assert told.splitlines()[-1].endswith("FAILED: account adds up")


def test_settings_reach_what_is_examined(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--config", "weekly", "--panel", panel_file, "--set", "strategy.timeframe=1h", "--only", "future") != 0
    assert "strategy.timeframe is 1h and the panel has bars of 1d" in capsys.readouterr().err


def test_a_panel_shorter_than_the_warm_up_is_refused(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--config", "weekly", "--panel", panel_file, "--to", "2023-03-01") == 4
    assert "looks back on" in capsys.readouterr().err


def test_an_unknown_group_is_refused_by_name(panel_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("--config", "weekly", "--panel", panel_file, "--only", "luck") == 3
    assert "'luck' is no group of checks" in capsys.readouterr().err


def test_an_option_in_front_of_check_is_not_swallowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "--config", "weekly", "check"]) == 2
    assert "options of check come after it" in capsys.readouterr().err
