"""The kill switch by letter: it stands until it is taken, by this watchdog and no other word."""

import json

import pytest

from xsmom.domain.events import Command
from xsmom.errors import OutputError
from xsmom.live.control import read_commands, remove_command, write_command
from xsmom.live.watchdog.latch import KillLatch


@pytest.fixture
def latch(tmp_path) -> KillLatch:
    return KillLatch(tmp_path / "state", tmp_path / "STOP")


def test_it_is_a_letter_that_freezes(latch) -> None:
    assert not latch.stands(0, 10**15)
    latch.set("no heartbeat", 5)
    (letter,) = read_commands(latch.state_dir)
    assert letter.given.command is Command.KILL
    assert letter.given.by == "watchdog"
    assert letter.given.reason == "no heartbeat"
    assert letter.given.args["flatten"] == "no"
    assert latch.stands(0, 10**15)
    assert not latch.stands(letter.given.at_ms + 1, 10**15)  # it is of an earlier silence


def test_another_watchdog_process_sees_it(latch, tmp_path) -> None:
    latch.set("no heartbeat", 5)
    assert KillLatch(latch.state_dir, tmp_path / "STOP").stands(0, 10**15)


def test_taken_it_is_set_again_only_after_a_while(latch) -> None:
    latch.set("no heartbeat", 1_000_000)
    remove_command(read_commands(latch.state_dir)[0])
    assert latch.stands(0, 1_030_000)
    assert not latch.stands(0, 1_060_000)


def test_taken_in_an_earlier_silence_it_is_not_of_this_one(latch) -> None:
    latch.set("no heartbeat", 1_000_000)
    remove_command(read_commands(latch.state_dir)[0])
    assert not latch.stands(1_010_000, 1_030_000)


def test_other_letters_are_none(latch) -> None:
    write_command(latch.state_dir, Command.PAUSE, by="watchdog")
    write_command(latch.state_dir, Command.KILL, by="ann", reason="x", args={"flatten": "yes"})
    (latch.state_dir / "inbox" / "0.json").write_text("{")
    (latch.state_dir / "inbox" / "1.json").write_text(json.dumps([1]))
    assert not latch.stands(0, 10**15)


def test_where_the_folder_is_shut_the_file_is_the_second_door(latch) -> None:
    latch.state_dir.mkdir()
    (latch.state_dir / "inbox").write_text("a file is in the way")
    assert latch.set("no heartbeat", 5) == str(latch.stop_file)
    assert "no heartbeat" in latch.stop_file.read_text()
    assert latch.stands(0, 10**15)


def test_where_both_are_shut_it_says_so(latch) -> None:
    latch.state_dir.mkdir()
    (latch.state_dir / "inbox").write_text("a file is in the way")
    latch.stop_file.mkdir()
    with pytest.raises(OutputError, match="the kill switch could not be set"):
        latch.set("no heartbeat", 5)


def test_a_probe_leaves_nothing_and_says_what_is_wrong(latch) -> None:
    latch.probe()
    assert list((latch.state_dir / "inbox").iterdir()) == []
    (latch.state_dir / "inbox").rmdir()
    (latch.state_dir / "inbox").write_text("a file is in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        latch.probe()
