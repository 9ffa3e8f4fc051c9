"""`xsmom status`, and how all of these commands find the trader that is meant."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.databases.fixtures import HandClock
from tests.unit.cli.played import Played
from xsmom.cli.main import main
from xsmom.domain.effects import Note, Severity
from xsmom.domain.events import TimerFired
from xsmom.domain.journal import Entry
from xsmom.engine import money, sentinel
from xsmom.live.heartbeat import write_heartbeat
from xsmom.store.opening import open_journal
from xsmom.store.rules import StoreRules

LOOKS = (["status"], ["positions"], ["orders"], ["ledger"], ["pnl", "today"], ["pnl", "week"])


def told(capsys, trader: Played, *arguments: str):
    assert main(["status", "--json", *arguments, *trader.options]) == 0
    return json.loads(capsys.readouterr().out)


def shown(capsys, trader: Played, *arguments: str) -> str:
    assert main(["status", *arguments, *trader.options]) == 0
    return " ".join(capsys.readouterr().out.split())


def copy_of(trader: Played, folder) -> Played:
    """A trader of its own, whose journal may be changed."""
    shutil.copytree(trader.folder, folder)
    text = (folder / "config.yaml").read_text("utf-8").replace(str(trader.folder), str(folder))
    (folder / "config.yaml").write_text(text, "utf-8")
    return replace(trader, folder=folder)


def test_its_numbers_are_those_of_the_book(trader, capsys) -> None:
    document, book = told(capsys, trader), trader.book
    assert document["account"] == "paper"
    assert document["money"]["equity_usdt"] == money.equity_usdt(book)
    assert document["money"]["fee_usdt"] == book.money.fee_usdt > 0.0
    assert document["money"]["funding_usdt"] == book.money.funding_usdt != 0.0
    assert document["positions"] == (book.lots != 0).sum() > 0
    assert document["coverage_frac"] == sentinel.coverage_frac(book) == 0.0
    assert (document["mode"], document["mode_why"]) == (book.mode.value, book.mode_why)
    assert document["decided_ms"] == book.cycle.decided_ms
    assert document["next_decision_ms"] == book.cycle.closed_ms + 7_200_000
    assert document["kill"]["active"] is False
    assert not document["mismatches"]


def test_the_first_lines_say_what_matters(trader, capsys) -> None:
    text, book = shown(capsys, trader), trader.book
    assert f"mode {book.mode.value}" in text
    assert "running, heartbeat 0 s ago" in text
    assert f"equity {money.equity_usdt(book):,.2f} USDT" in text
    assert "stops verified for 0% of positions" in text
    assert "kill switch off" in text
    assert "no stop seen" in text
    assert text.index("mode ") < text.index("process ") < text.index("equity ") < text.index("kill switch ")


def test_a_colour_terminal_gets_the_same_words(trader, capsys, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = shown(capsys, trader)
    assert "\x1b[" in text
    assert "kill switch" in text


def test_the_heartbeat_tells_who_is_silent_and_who_has_stopped(trader, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("XSMOM__EXCHANGE__BASE_URL")
    now_ms = time.time_ns() // 1_000_000
    trader.beat(now_ms - 30_000)
    assert told(capsys, trader)["trader"]["state"] == "running"
    unwell = replace(trader.beat(now_ms - 30_000), unwell="the account was not read for 400 s")
    write_heartbeat(trader.folder / "state/paper", unwell)
    assert "UNWELL, heartbeat 30 s ago" in shown(capsys, trader)
    assert told(capsys, trader)["trader"]["unwell"] == unwell.unwell
    trader.beat(now_ms - 600_000)
    life = told(capsys, trader)["trader"]
    assert life["state"] == "silent"
    assert 600 <= life["heartbeat_age_s"] < 700
    assert life["pid"] == os.getpid()
    assert "SILENT, heartbeat 10 min ago" in shown(capsys, trader)
    ended = copy_of(trader, tmp_path / "ended")
    open_journal(StoreRules(), ended.folder / "state/paper", "paper", HandClock(now_ms + 10**9)).close()
    assert told(capsys, ended)["trader"]["state"] == "stopped"
    (ended.folder / "state/paper/heartbeat.json").unlink()
    assert "stopped, no heartbeat yet" in shown(capsys, ended)


def test_in_the_time_of_an_own_exchange_the_file_says_how_long_it_is_silent(trader, capsys) -> None:
    file = trader.folder / "state/paper/heartbeat.json"
    os.utime(file, (time.time() - 500, time.time() - 500))
    life = told(capsys, trader)["trader"]
    assert life["state"] == "silent"
    assert 500 <= life["heartbeat_age_s"] < 600


def test_in_the_time_of_an_own_exchange_now_is_its_newest_event(trader, capsys) -> None:
    # The sign of life bears the time of this machine, which is years away.
    trader.beat(time.time_ns() // 1_000_000)
    document = told(capsys, trader)
    assert document["now_ms"] == trader.book.as_of_ms
    assert document["decision_overdue"] is False
    assert "OVERDUE" not in shown(capsys, trader)


def test_what_is_wrong_is_shown(trader, capsys, tmp_path) -> None:
    ill = copy_of(trader, tmp_path / "ill")
    clock = HandClock(trader.book.as_of_ms)
    journal = open_journal(StoreRules(), ill.folder / "state/paper", "paper", clock)
    book = trader.book
    sick = replace(
        book,
        seq=book.seq + 1,
        kill=replace(book.kill, active=True, reason="odd prices", by="owner", at_ms=clock.at_ms),
        venue=replace(
            book.venue,
            mismatches=tuple(f"R7 N{n}USDT: off" for n in range(7)),
            foreign=("order 17 BTCUSDT",),
            unexplained_usdt=-12.5,
        ),
        held_by_hand={"ETHUSDT": "closed by hand"},
        paused="central bank",
    )
    note = Note("stop.missing", Severity.CRITICAL, {"symbol": "ETHUSDT"})
    journal.append(Entry(sick.seq, clock.at_ms, TimerFired("watch", clock.at_ms), (), (note,)), sick)
    journal.close()
    text = shown(capsys, ill)
    assert "by owner: odd prices" in text
    assert text.count("mismatch R7") == 5
    assert "mismatch and 2 more" in text
    assert "foreign order 17 BTCUSDT" in text
    assert "held by hand ETHUSDT: closed by hand" in text
    assert "paused central bank" in text
    assert "unexplained -12.50 USDT" in text
    assert "stop.missing ETHUSDT" in text
    assert len(told(capsys, ill)["mismatches"]) == 7


def test_the_stop_file_and_another_configuration_are_told(trader, capsys, monkeypatch) -> None:
    file = Path(str(trader.config.value("risk.kill_switch.file")))
    assert not file.is_absolute()  # so that it lies in the folder of this test
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert "active as soon as a trader runs" in shown(capsys, trader)
    file.unlink()
    monkeypatch.delenv("XSMOM__EXCHANGE__BASE_URL")
    assert told(capsys, trader)["config_changed"] is False
    assert told(capsys, trader, "--set", "strategy.k_max=2")["config_changed"] is True
    assert "not the one that it was started with" in shown(capsys, trader, "--set", "strategy.k_max=2")


def test_watching_looks_again_until_it_is_interrupted(trader, capsys, monkeypatch) -> None:
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", nap)
    assert shown(capsys, trader, "--watch", "--every", "7").count("kill switch") == 3
    assert naps == [7.0, 7.0, 7.0]


@pytest.mark.parametrize("arguments", [["--watch", "--json"], ["--watch", "--every", "0"], ["--every", "nan"]])
def test_a_watch_that_cannot_be_is_refused(trader, capsys, arguments) -> None:
    assert main(["status", *arguments, *trader.options]) == 2
    assert "--" in capsys.readouterr().err


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_nothing_is_written(trader, capsys, command) -> None:
    state = trader.folder / "state/paper"
    before = {path: path.read_bytes() for path in state.iterdir() if not path.name.endswith("-shm")}
    assert main([*command, *trader.options]) == 0
    assert capsys.readouterr().err == ""
    after = {path: path.read_bytes() for path in state.iterdir() if not path.name.endswith("-shm")}
    assert after == before


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_another_mode_is_named(trader, capsys, command) -> None:
    assert main([*command, *trader.options[:2], "--mode", "live"]) == 20
    caught = capsys.readouterr()
    assert caught.out == ""
    assert "no journal of --mode live" in caught.err
    assert "there is one of --mode paper" in caught.err
    assert caught.err.count("\n") == 1


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_no_journal_at_all(trader, capsys, command, tmp_path) -> None:
    assert main([*command, *trader.options, "--set", f"live.state_dir={tmp_path / 'none'}"]) == 20
    assert "there is no journal" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_journal_of_another_account(trader, capsys, tmp_path) -> None:
    moved = copy_of(trader, tmp_path / "moved")
    with sqlite3.connect(moved.folder / "state/paper/journal.sqlite3") as connection:
        connection.execute("update meta set value = 'kraken:7' where name = 'account'")
    connection.close()
    assert main(["status", *moved.options]) == 20
    assert "is that of the account kraken:7" in capsys.readouterr().err


def test_an_empty_journal(trader, capsys, tmp_path) -> None:
    open_journal(StoreRules(), tmp_path / "state/paper", "paper", HandClock()).close()
    assert main(["status", *trader.options, "--set", f"live.state_dir={tmp_path / 'state'}"]) == 20
    assert "the journal is empty" in capsys.readouterr().err


def test_bounds_of_size_are_told_in_words() -> None:
    from xsmom.cli.status import _bounds_text

    none = {"capital_usdt": None, "order_usdt_max": None, "ramp_frac": 1.0, "ramp_since_ms": None, "ramp_ends_ms": None}
    assert _bounds_text(none) == "none beside the configuration's"
    ramping = {**none, "ramp_frac": 0.46, "ramp_ends_ms": 1_700_000_000_000, "capital_usdt": 4_000.0}
    assert _bounds_text(ramping) == (
        "ramp at 46% of full size until 2023-11-14 22:13:20Z, sized by at most 4,000.00 USDT"
    )
    stays = {**none, "ramp_frac": 0.5, "order_usdt_max": 75.0}
    assert _bounds_text(stays) == "ramp stays at 50% of full size, no order above 75.00 USDT"
