"""Commands that are left for a trader: where they go, and what is said when nobody is there to take them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from xsmom.cli.main import main
from xsmom.domain.events import Command
from xsmom.live.control import read_commands
from xsmom.live.heartbeat import Heartbeat, write_heartbeat


@pytest.fixture
def options(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"live: {{state_dir: {tmp_path / 'state'}}}\n", "utf-8")
    return ["--config", str(tmp_path / "config.yaml")]


def beat(folder: Path, at_ms: int, *, kill: bool = False) -> None:
    told = Heartbeat(at_ms, 1, 9, "trading", "", 100.0, 0, 1.0, 0, 0, kill)
    write_heartbeat(folder, told)


@pytest.mark.parametrize(("mode", "folder"), [("live", "state"), ("paper", "state/paper")])
def test_a_command_waits_in_the_folder_of_its_mode(options, tmp_path, capsys, mode, folder) -> None:
    assert main(["pause", "--reason", "news", "--mode", mode, *options]) == 0
    assert "the next start takes it first" in capsys.readouterr().out
    (letter,) = read_commands(tmp_path / folder)
    assert (letter.given.command, letter.given.reason) == (Command.PAUSE, "news")


def test_killing_freezes_or_flattens_as_told(options, tmp_path) -> None:
    assert main(["kill", "activate", "--reason", "odd", "--flatten", *options]) == 0
    assert main(["kill", "activate", "--reason", "odd", "--freeze", *options]) == 0
    told = [dict(letter.given.args)["flatten"] for letter in read_commands(tmp_path / "state")]
    assert told == ["yes", "no"]


def test_the_kill_switch_goes_by_its_whole_name_too(options, tmp_path) -> None:
    assert main(["kill-switch", "activate", "--reason", "odd", "--freeze", *options]) == 0
    (letter,) = read_commands(tmp_path / "state")
    assert letter.given.command is Command.KILL


def test_the_switch_as_the_trader_told_it(options, tmp_path, capsys) -> None:
    assert main(["kill", "status", *options]) == 0
    assert "no trader of this configuration has told anything yet" in capsys.readouterr().out
    beat(tmp_path / "state", time.time_ns() // 1_000_000 - 20_000, kill=True)
    assert main(["kill", "status", *options]) == 0
    assert "kill switch ACTIVE, as told 20 s ago (mode trading)" in capsys.readouterr().out.replace("21 s", "20 s")


def test_the_stop_file_forbids_to_deactivate(options, tmp_path, capsys) -> None:
    from xsmom.cli.trader_choice import Trader

    file = Trader.of(options[1], "live", None).stop_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert main(["kill", "deactivate", "--reason", "fine", *options]) == 20
    assert "remove it first" in capsys.readouterr().err
    assert read_commands(tmp_path / "state") == []


def test_a_running_trader_that_does_not_take_it_is_told(options, tmp_path, capsys, monkeypatch) -> None:
    from xsmom.cli import operate

    monkeypatch.setattr(operate, "_WAIT_S", 0.2)
    beat(tmp_path / "state", time.time_ns() // 1_000_000)
    assert main(["reconcile", *options]) == 1
    assert "not taken within 0.2 s" in capsys.readouterr().out
    assert json.loads(next((tmp_path / "state/inbox").glob("*.json")).read_text("utf-8"))["command"] == "reconcile"
