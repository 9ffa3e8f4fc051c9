"""`xsmom why` from arguments to text and JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from xsmom.cli.main import main
from xsmom.lake.sample import SampleMarket

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("why") / "small.panel"
    SampleMarket(symbols=20, bars=960, seed=3).write(path)
    return path


def ask(*arguments: str | Path) -> int:
    return main([str(argument) for argument in ("why", *arguments)])


def test_the_target_comes_first_then_the_ladder(panel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("btcusdt", "--panel", panel, "--config", "classic") == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith("BTCUSDT: target ")
    assert "synthetic sample, seed 3" in told.out.splitlines()[1]
    for words in ("May it be traded?", "move of 96 bars", "K, names a side", "EMA of 200 bars", "names around it"):
        assert words in told.out


def test_json_is_the_same_as_one_object(panel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("ETHUSDT", "--panel", panel, "--config", "classic", "--at", "2023-01-30T12:30Z")
    assert ask(*arguments, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["symbol"] == "ETHUSDT"
    assert told["decided_ms"] == told["asked_ms"] - HOUR_MS // 2
    assert {rung["stage"] for rung in told["rungs"]} == {"universe", "signal", "selection", "size"}
    target = next(rung for rung in told["rungs"] if rung["rule"] == "target")
    assert target["value"] == told["weight_frac"]
    assert ask(*arguments) == 0
    text = capsys.readouterr().out
    assert told["sentence"] in text.splitlines()[0]
    assert "last decision at or before 2023-01-30 12:30Z" in text


def test_settings_and_the_held_side_reach_the_decision(panel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("BTCUSDT", "--panel", panel, "--config", "classic", "--json")
    assert ask(*arguments, "--set", "strategy.k_max=2", "--held", "short") == 0
    told = json.loads(capsys.readouterr().out)
    assert "held short" in told["book"]
    assert next(rung["value"] for rung in told["rungs"] if rung["rule"] == "before") < 0
    assert next(rung["value"] for rung in told["rungs"] if rung["rule"] == "universe_too_small") == 2


def test_without_a_panel_the_market_is_labelled_as_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("BTCUSDT") == 0
    assert "sample market (synthetic sample, seed 7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["BTCUSD"], 4, "the nearest name is BTCUSDT"),
        (["BTCUSDT", "--at", "2025-01-01"], 4, "outside the panel, whose bars close from 2023-01-01 01:00Z"),
        (["BTCUSDT", "--at", "2023-01-30T12:30"], 4, "'2023-01-30T12:30' has no zone: write 2023-01-30T12:30Z"),
        (["BTCUSDT", "--at", "yesterday"], 4, "'yesterday' is no time: write 2024-03-01 or"),
        (["BTCUSDT", "--at", "2023-01-01T05:00Z"], 4, "bars are needed, 5 are there"),
        (["BTCUSDT", "--config", "weekly"], 4, "the panel has bars of 1h, the configuration counts bars of 1d"),
        (["BTCUSDT", "--set", "strategy.k_mx=3"], 3, "strategy.k_max"),
        (["BTCUSDT", "--held", "flat"], 2, "flat"),
    ],
)
def test_mistakes_are_one_sentence(
    panel: Path, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = arguments if "--config" in arguments else [*arguments, "--config", "classic"]
    assert ask(*chosen, "--panel", panel) == code
    told = capsys.readouterr()
    assert words in told.err
    assert told.out == ""
    assert told.err.count("\n") == 1


def test_a_panel_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("BTCUSDT", "--panel", tmp_path / "none.panel") == 4
    assert "none.panel" in capsys.readouterr().err


def test_the_page_shows_what_the_program_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/why.md").read_text("utf-8")
    command, shown = re.findall(r"```(?:sh|text)\n(.*?)```", page, re.DOTALL)[:2]
    assert main(command.split()[1:]) == 0
    assert capsys.readouterr().out == shown, f"the page is not current: paste the output of {command}"
