"""`xsmom watchdog` at the command line: what it refuses, what a check finds, and what `xsmom status` says of it."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from xsmom.cli.main import main
from xsmom.cli.status import _watchdog, _watchdog_lines
from xsmom.cli.trader_choice import Trader
from xsmom.config.load import load_config
from xsmom.errors import StateError
from xsmom.live.watchdog.sign import WatchSign, write_sign
from xsmom.live.watchdog.wiring import LOCK, TraderJournal, _alone


@pytest.fixture
def options(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"live: {{state_dir: {tmp_path / 'state'}}}\n", "utf-8")
    return ["--config", str(tmp_path / "config.yaml")]


@pytest.fixture
def keys(monkeypatch) -> None:
    monkeypatch.setenv("XSMOM__EXCHANGE__WATCHDOG_API_KEY", "watchdogs-key")
    monkeypatch.setenv("XSMOM__EXCHANGE__WATCHDOG_API_SECRET", "watchdogs-secret")
    monkeypatch.setattr("xsmom.venues.wire._PAUSES_S", (0.01,))


def sign(at_ms: int, **more) -> WatchSign:
    return replace(WatchSign(at_ms, 11, "watching", False, 3, 1.0, "", [], {}), **more)


@pytest.mark.parametrize("command", [["watchdog"], ["watchdog", "--once"]])
def test_without_a_key_of_its_own_it_does_not_start(options, capsys, command) -> None:
    assert main([*command, *options]) == 3
    assert "no key for the watchdog" in capsys.readouterr().err


def test_a_check_tells_everything_that_is_missing(options, capsys) -> None:
    assert main(["watchdog", "check", "--json", *options]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["status"]) for row in told["checks"]] == [
        ("key", "fail"),
        ("heartbeat", "warn"),
        ("watchdog", "warn"),
    ]
    assert not told["ok"]


@pytest.mark.usefixtures("keys")
def test_an_exchange_that_is_not_there_fails_the_check(options, capsys) -> None:
    nowhere = ["--set", "exchange.base_url=https://127.0.0.1:9"]
    assert main(["watchdog", "check", *options, *nowhere]) == 1
    out = capsys.readouterr().out
    assert "fail" in out
    assert "could be set in" in out
    assert "watchdogs-secret" not in out


@pytest.mark.usefixtures("keys")
def test_once_says_how_it_stands_and_fails_when_it_cannot_see(options, capsys, tmp_path) -> None:
    nowhere = ["--set", "exchange.base_url=https://127.0.0.1:9"]
    assert main(["watchdog", "--once", *options, *nowhere]) == 1
    assert "watching; positions not known, covered not known" in capsys.readouterr().out
    assert (tmp_path / "state" / "watchdog.json").exists()


def test_two_watchdogs_of_one_trader_are_one_too_many(tmp_path) -> None:
    config = load_config(None, {"live.state_dir": str(tmp_path)}, env={})
    with _alone(config), pytest.raises(StateError, match="another watchdog"), _alone(config):
        pass
    with _alone(config):
        assert (tmp_path / LOCK).exists()


def test_status_says_whether_anybody_watches(tmp_path) -> None:
    config = load_config(None, {"live.state_dir": str(tmp_path)}, env={})
    live, now_ms = Trader(config, "live"), time.time_ns() // 1_000_000

    def line() -> tuple[str, str | None]:
        ((_, text, style),) = _watchdog_lines({"watchdog": _watchdog(live)})
        return text, style

    assert line() == ("NONE has ever watched: see xsmom watchdog --help", "yellow")
    write_sign(tmp_path, sign(now_ms - 300_000))
    text, style = line()
    assert text.startswith("ABSENT")
    assert style == "red"
    write_sign(tmp_path, sign(now_ms))
    text, style = line()
    assert text.startswith("watching, ")
    assert style is None
    write_sign(tmp_path, sign(now_ms, blind="no answer"))
    assert "BLIND: no answer" in line()[0]
    write_sign(tmp_path, sign(now_ms, state="flattening"))
    assert line()[1] == "red"
    assert _watchdog_lines({"watchdog": _watchdog(Trader(config, "paper"))}) == []


@pytest.mark.parametrize(("age_ms", "hinted"), [(0, True), (300_000, False)])
def test_who_stops_and_keeps_is_told_that_the_watchdog_does_not_wait_for_ever(
    options, tmp_path, capsys, age_ms, hinted
) -> None:
    write_sign(tmp_path / "state", sign(time.time_ns() // 1_000_000 - age_ms))
    assert main(["stop", "--keep", *options]) == 0
    assert ("closes what is kept after 60 min" in capsys.readouterr().out) == hinted
    assert main(["stop", "--flatten", *options]) == 0
    assert "closes what is kept" not in capsys.readouterr().out


def test_it_reads_the_traders_journal_while_the_trader_writes(played) -> None:
    journal = TraderJournal(played.config, played.folder / "state/paper", ())
    assert journal.account() == "paper"
    assert journal.ignored() == frozenset(played.book.ignored)
    nowhere = TraderJournal(played.config, played.folder / "nowhere", (), frozenset({"XUSDT"}))
    assert nowhere.account() == ""
    assert nowhere.ignored() == {"XUSDT"}


def test_a_journal_that_cannot_be_read_leaves_what_was_known_and_is_told(tmp_path) -> None:
    config = load_config(None, {"live.state_dir": str(tmp_path)}, env={})
    from xsmom.store.database import find_place
    from xsmom.store.rules import StoreRules

    file = find_place(StoreRules.of(config).plain_url, tmp_path).file
    assert file is not None
    file.write_bytes(b"this is no database" * 100)
    told: list[str] = []

    class Ear:
        def tell(self, _at_ms, notes) -> None:
            told.extend(note.name for note in notes)

    journal = TraderJournal(config, tmp_path, (Ear(),), frozenset({"XUSDT"}))
    assert journal.ignored() == {"XUSDT"}
    assert told == ["watchdog.journal_unread"]
    assert journal.account() == ""
