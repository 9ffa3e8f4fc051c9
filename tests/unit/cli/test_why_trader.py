"""`xsmom why` of a trader that has run: from arguments to text and JSON, beside the panel's."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from tests.unit.cli.played import Played
from xsmom.cli import why_trader
from xsmom.cli.main import main
from xsmom.domain.book import Cycle, Mode
from xsmom.domain.stamps import format_ms
from xsmom.errors import StateError
from xsmom.live.replay import replay_rules
from xsmom.store.readers import open_reader
from xsmom.store.rules import StoreRules

BAR_MS = 7_200_000


@pytest.fixture
def asked(trader: Played, monkeypatch: pytest.MonkeyPatch) -> Played:
    """The trader of these tests was led through history: its venue fills at bars, which no option says."""
    written = why_trader.rules_of
    monkeypatch.setattr(why_trader, "rules_of", lambda one, speed: replay_rules(written(one, speed)))
    return trader


def ask(capsys, trader: Played, symbol: str, *arguments: str, code: int = 0) -> str:
    assert main(["why", symbol, *arguments, *trader.options]) == code
    told = capsys.readouterr()
    return told.err if code else told.out


def held(trader: Played) -> tuple[str, int]:
    """A name that is held, and its lots."""
    at = int(abs(trader.book.lots).argmax())
    return trader.book.roster.symbols[at], int(trader.book.lots[at])


def test_json_is_what_the_journal_says_with_the_rungs_of_a_panel(asked, capsys) -> None:
    name, lots = held(asked)
    told = json.loads(ask(capsys, asked, name.lower(), "--json"))
    at, cycle = asked.book.roster.index(name), asked.book.cycle
    assert (told["symbol"], told["decided_ms"], told["lots"]) == (name, cycle.decided_ms, lots)
    assert told["weight_frac"] == float(cycle.weight_frac[at])
    assert told["goal_lots"] == int(asked.book.names.goal_lots[at])
    assert told["trader"] == {"account": "paper", "mode": "paper", "state": "running"}
    assert (told["unexplained"], told["is_newest"]) == ("", True)
    assert {rung["stage"] for rung in told["rungs"]} == {"universe", "signal", "selection", "size"}
    rungs = {rung["rule"]: rung["value"] for rung in told["rungs"] if rung["stage"] == "size"}
    assert rungs["target"] == told["weight_frac"]
    mark, step = asked.book.names.mark[at], asked.book.roster.qty_step[at]
    reader = open_reader(StoreRules.of(asked.config), asked.folder / "state/paper")
    (equity,) = reader.equity(told["decided_ms"], told["decided_ms"] + 1)
    reader.close()
    assert equity.equity_usdt is not None
    assert rungs["before"] == pytest.approx(lots * step * mark / equity.equity_usdt, rel=1e-12)
    assert [one["topic"] for one in told["now"]][:3] == ["mode", "position", "stop"]
    assert told["said"][0]["topic"] == "plan"


def test_text_says_the_same_sentences_in_order(asked, capsys) -> None:
    name, _ = held(asked)
    told = json.loads(ask(capsys, asked, name, "--json"))
    text = ask(capsys, asked, name)
    first, second = text.splitlines()[:2]
    assert first.startswith(f"{name}: target ")
    assert told["sentence"] in first
    when = format_ms(told["decided_ms"])
    assert (
        second == f"Decided {when} by the paper trader of paper, which is running; taken again, with the same result."
    )
    titles = ["May it be traded?", "How much of it?", "What the plan and the gates made of it", "How it stands now"]
    assert [text.index(title) for title in titles] == sorted(text.index(title) for title in titles)
    assert all(one["text"] in text for one in (*told["said"], *told["since"], *told["now"]))


def test_every_name_is_explained_and_a_barred_one_says_until_when(asked, capsys) -> None:
    texts = {name: ask(capsys, asked, name) for name in asked.book.roster.symbols}
    assert all("taken again, with the same result" in text for text in texts.values())
    barred = [text for text in texts.values() if "cooldown after a stop" in text]
    assert barred
    assert all("No new " in text for text in barred)


def test_an_earlier_decision_is_followed_to_the_next_one(asked, capsys) -> None:
    name, _ = held(asked)
    at_ms = asked.book.cycle.decided_ms - 5 * BAR_MS + 60_000
    told = json.loads(ask(capsys, asked, name, "--at", format_ms(at_ms).replace(" ", "T"), "--json"))
    assert told["decided_ms"] == at_ms - 60_000
    assert told["next_decided_ms"] == told["decided_ms"] + BAR_MS
    assert (told["is_newest"], told["now"]) == (False, [])
    assert all(told["decided_ms"] <= one["at_ms"] <= told["next_decided_ms"] for one in told["since"] if one["at_ms"])
    text = ask(capsys, asked, name, "--at", format_ms(at_ms).replace(" ", "T"))
    assert f"It held until the decision of {format_ms(told['next_decided_ms'])}." in text
    assert "How it stands now" not in text


def test_other_settings_leave_the_decision_and_say_why_its_rungs_are_missing(asked, capsys) -> None:
    name, _ = held(asked)
    text = ask(capsys, asked, name, "--set", "strategy.max_weight_per_asset=0.2")
    assert "as the journal has it" in text
    assert "Its rungs cannot be shown: it was decided with other settings" in text
    assert "May it be traded?" not in text
    assert "How it stands now" in text
    told = json.loads(ask(capsys, asked, name, "--set", "strategy.max_weight_per_asset=0.2", "--json"))
    assert "rungs" not in told
    assert told["sentence"]


def test_a_name_or_a_time_that_is_not_there_is_one_sentence(asked, capsys) -> None:
    near = ask(capsys, asked, "BTCUSD", code=4)
    assert "BTCUSD was not among the 12 names of this decision; the nearest name is BTCUSDT" in near
    early = ask(capsys, asked, "BTCUSDT", "--at", "2020-01-01", code=4)
    assert "the journal holds no decision at or before 2020-01-01 00:00Z: its decisions go from" in early
    assert near.count("\n") == early.count("\n") == 1


@pytest.mark.parametrize("other", [["--panel", "any.panel"], ["--held", "long"]])
def test_a_trader_and_a_panel_at_once_are_refused(asked, capsys, other) -> None:
    told = ask(capsys, asked, "BTCUSDT", *other, code=2)
    assert f"asks a trader, and {other[0]} a panel: give one of them" in " ".join(told.split())


def test_the_trader_of_a_configuration_is_found_and_several_are_asked_apart(asked, capsys, tmp_path) -> None:
    config = asked.options[:2]
    assert main(["why", "BTCUSDT", *config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trader"]["mode"] == "paper"
    assert main(["why", "BTCUSDT", "--json"]) == 0  # config.yaml of this folder
    assert json.loads(capsys.readouterr().out)["trader"]["mode"] == "paper"
    two = tmp_path / "two"
    shutil.copytree(asked.folder / "state", two)
    shutil.copy(asked.folder / "state/paper/heartbeat.json", two / "heartbeat.json")
    assert main(["why", "BTCUSDT", *config, "--set", f"live.state_dir={two}"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "has traders of live and paper: say which, or --panel to ask a panel" in told


def test_a_configuration_without_a_trader_means_its_panel(asked, capsys, tmp_path) -> None:
    name = [*asked.options[:2], "--set", f"live.state_dir={tmp_path / 'none'}", "--json"]
    assert main(["why", "BTCUSDT", *name]) == 0
    assert "model book" in json.loads(capsys.readouterr().out)["book"]


def test_a_trader_without_a_decision_says_whether_it_never_had_one(trader) -> None:
    book = trader.book
    young = replace(book, mode=Mode.RECONCILING, mode_why="the account is not known", cycle=Cycle())
    with pytest.raises(StateError, match=r"has not decided anything yet \(mode reconciling: the account is not known"):
        why_trader._choose([], None, young)
    with pytest.raises(StateError, match="no longer holds any decision"):
        why_trader._choose([], None, book)
