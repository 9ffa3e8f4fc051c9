"""Commands as files: whole or not at all, in order, and set aside where they are none."""

import json

import pytest

from xsmom.domain.events import Command
from xsmom.errors import OutputError, StateError
from xsmom.live.control import read_commands, remove_command, stop_file_command, write_command


def test_what_is_written_is_read_in_order(tmp_path) -> None:
    write_command(tmp_path, Command.PAUSE, by="ann", reason="lunch")
    write_command(tmp_path, Command.RELEASE, by="ann", args={"symbol": "BTCUSDT"})
    first, second = read_commands(tmp_path)
    assert (first.given.command, first.given.reason, first.given.by) == (Command.PAUSE, "lunch", "ann")
    assert second.given.args["symbol"] == "BTCUSDT"
    assert second.given.args["id"] == second.path.stem
    remove_command(first)
    assert [one.given.command for one in read_commands(tmp_path)] == [Command.RELEASE]
    remove_command(first)  # twice is no harm


def test_without_a_folder_there_is_nothing(tmp_path) -> None:
    assert read_commands(tmp_path / "nowhere") == []


@pytest.mark.parametrize("text", ["", "{", json.dumps({"command": "explode", "by": "x", "at_ms": 1}), "[]"])
def test_what_is_no_command_is_set_aside_and_said(tmp_path, text: str) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "00000000000000000001-1.json").write_text(text)
    with pytest.raises(StateError, match="set aside"):
        read_commands(tmp_path)
    assert read_commands(tmp_path) == []
    assert [path.suffix for path in folder.iterdir()] == [".unreadable"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path) -> None:
    (tmp_path / "inbox").write_text("a file is in the way")
    with pytest.raises(OutputError, match="was not given"):
        write_command(tmp_path, Command.KILL, by="ann", reason="x")


def test_the_stop_file_is_a_kill_whatever_it_holds(tmp_path) -> None:
    path = tmp_path / "EMERGENCY_STOP"
    assert stop_file_command(path, 5, flatten=True) is None
    path.write_text("")
    given = stop_file_command(path, 5, flatten=False)
    assert given is not None
    assert (given.command, given.args["flatten"]) == (Command.KILL, "no")
    path.write_bytes(b"\xff\xfe because")
    again = stop_file_command(path, 5, flatten=True)
    assert again is not None
    assert "because" in again.reason
    assert again.args["flatten"] == "yes"
