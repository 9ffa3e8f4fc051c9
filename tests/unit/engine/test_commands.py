"""What an operator says: every command, what it does, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules, told, turn, under_way, worked
from tests.unit.engine.gate_steps import command, decide, healthy, out_there, take
from xsmom.domain.book import Book, Kill, Mode
from xsmom.domain.effects import CancelOrder, Exit
from xsmom.domain.events import Command, CommandGiven, Started
from xsmom.engine.commands import ROWS, on_command
from xsmom.engine.modes import settle_mode
from xsmom.engine.review import review
from xsmom.engine.rules import Rules
from xsmom.engine.standing import judge_standing
from xsmom.engine.turn import Turn


def given(what: Command, reason: str = "because", **args: str) -> CommandGiven:
    return CommandGiven(what, "me", NOW_MS, reason, args)


def after(what: Command, made: Book | None = None, by: Rules | None = None, **args: str) -> Turn:
    now = turn(made, by)
    on_command(now, given(what, **args))
    return now


def refusal(of: Turn) -> str:
    (note,) = [note for note in of.notes if note.name in {"command.refused", "command.given"}]
    return str(note.fields["why"])


def test_every_command_has_a_row() -> None:
    assert set(ROWS) == set(Command)


@pytest.mark.parametrize("what", Command)
def test_every_command_is_told_with_who_and_why(what: Command) -> None:
    now = after(what)
    (note,) = [note for note in now.notes if note.name in {"command.refused", "command.given"}]
    assert (note.fields["command"], note.fields["by"], note.fields["reason"]) == (what.value, "me", "because")
    assert (note.name == "command.refused") == bool(note.fields["why"])


# --- kill switch ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "args", "flatten"),
    [
        ({}, {}, True),
        ({"risk.kill_switch.on_activate": "freeze"}, {}, False),
        ({"risk.kill_switch.on_activate": "freeze"}, {"flatten": "yes"}, True),
        ({}, {"flatten": "no"}, False),
    ],
)
def test_killing_flattens_or_freezes_as_told(settings: dict[str, Any], args: dict[str, str], flatten: bool) -> None:
    now = after(Command.KILL, book((5, 0, 0)), rules(settings), **args)
    assert now.book.kill == Kill(active=True, flatten=flatten, reason="because", by="me", at_ms=NOW_MS)
    assert told(now)[0] == "kill.activated"
    settle_mode(now)
    assert now.book.mode is (Mode.FLATTENING if flatten else Mode.HALTED)


def test_killing_takes_entries_back() -> None:
    opening = worked(entry())
    now = after(Command.KILL, under_way((0, 0, 0), opening))
    settle_mode(now)
    judge_standing(now)
    assert CancelOrder("AAAUSDT", opening[1].client_order_id) in now.effects


def test_a_second_kill_may_only_be_stricter() -> None:
    frozen = after(Command.KILL, flatten="no").book
    assert after(Command.KILL, frozen, flatten="yes").book.kill.flatten
    flattened = after(Command.KILL, flatten="yes").book
    again = after(Command.KILL, replace(flattened, kill=replace(flattened.kill, done=True)), flatten="no")
    assert again.book.kill.flatten
    assert again.book.kill.done
    assert "kill.activated" not in told(again)


def test_only_clearing_ends_it_and_then_the_account_is_looked_at_first() -> None:
    made = replace(after(Command.KILL, flatten="no").book, mode=Mode.HALTED)
    made = replace(made, venue=replace(made.venue, reconciled_ms=NOW_MS - 1))
    still = turn(made, now_ms=NOW_MS + 10**9)
    settle_mode(still)
    assert still.book.mode is Mode.HALTED
    now = after(Command.KILL_CLEAR, made)
    settle_mode(now)
    assert not now.book.kill.active
    assert now.book.mode is Mode.RECONCILING
    assert refusal(after(Command.KILL_CLEAR)) == "the kill switch is not set"


# --- pause, flatten, stop ---------------------------------------------------------------------


def test_pause_and_resume() -> None:
    paused = after(Command.PAUSE)
    settle_mode(paused)
    assert (paused.book.paused, paused.book.mode) == ("me: because", Mode.REDUCING)
    resumed = after(Command.RESUME, paused.book)
    settle_mode(resumed)
    assert (resumed.book.paused, resumed.book.mode) == ("", Mode.TRADING)
    assert refusal(after(Command.RESUME)) == "it is not paused"


def test_flattening_closes_everything_and_stays_paused() -> None:
    now = after(Command.FLATTEN, book((5, -5, 0)))
    settle_mode(now)
    assert now.book.mode is Mode.FLATTENING
    flat = replace(book(), mode=Mode.FLATTENING, mode_ms=NOW_MS, flattening="me", paused="flattened by me")
    done = turn(flat)
    settle_mode(done)
    assert done.book.flattening == ""
    assert done.book.mode is Mode.REDUCING
    resumed = after(Command.RESUME, done.book)
    settle_mode(resumed)
    assert resumed.book.mode is Mode.TRADING


def test_resuming_while_it_flattens_changes_its_mind() -> None:
    now = after(Command.RESUME, after(Command.FLATTEN, book((5, 0, 0))).book)
    settle_mode(now)
    assert now.book.mode is Mode.TRADING


def test_one_name_is_closed_and_then_held_by_hand() -> None:
    now = after(Command.FLATTEN, book((5, -5, 0)), symbol="BBBUSDT")
    assert now.book.names.close_ordered.tolist() == [False, True, False]
    assert now.book.held_by_hand == {"BBBUSDT": "closed by me"}
    assert now.book.flattening == ""
    assert refusal(after(Command.FLATTEN, book((5, 0, 0)), symbol="BBBUSDT")) == "no position in BBBUSDT"
    assert refusal(after(Command.FLATTEN, symbol="ZZZUSDT")) == "no position in ZZZUSDT"


@pytest.mark.parametrize(("what", "word"), [(Command.STOP_KEEP, "keep"), (Command.STOP_FLATTEN, "flatten")])
def test_stopping(what: Command, word: str) -> None:
    now = after(what)
    assert now.book.stopping == word


def test_stopping_through_the_step_leaves_the_loop_and_the_positions() -> None:
    made = healthy(held=True)
    stopped = command(made, replace(given(Command.STOP_KEEP), at_ms=made.cycle.marked_ms), held=True)
    assert Exit("stopped: keep") in stopped.effects
    assert not stopped.book.flat
    assert stopped.reductions == 0


# --- release, re-arm, reconcile, classify -----------------------------------------------------


def test_release() -> None:
    made = book(held_by_hand={"AAAUSDT": "the owner"})
    made = replace(made, positions={**made.positions, "hold": np.array([True, False, False])})
    now = after(Command.RELEASE, made, symbol="AAAUSDT")
    assert not now.book.held_by_hand
    assert not now.book.positions["hold"].any()
    assert refusal(after(Command.RELEASE, symbol="AAAUSDT")) == "AAAUSDT is not held by hand"
    assert refusal(after(Command.RELEASE)) == "no symbol is not held by hand"


def test_rearming_a_guard() -> None:
    made = book()
    made = replace(made, guards={**made.guards, "drawdown_latched": True})
    now = after(Command.REARM, made, guard="drawdown")
    assert not now.book.guards["drawdown_latched"]
    assert "guard.rearmed" in told(now)
    assert refusal(after(Command.REARM, guard="drawdown")) == "drawdown is not latched"
    assert refusal(after(Command.REARM, guard="lunch")).startswith("there is no guard lunch; there are cvar, ")
    assert refusal(after(Command.REARM)).startswith("there is no guard without a name")


def test_reconciling_when_asked() -> None:
    now = after(Command.RECONCILE)
    assert now.book.venue.wanted == "asked by me"
    assert now.book.venue.fills_wanted_ms is not None


@pytest.mark.parametrize("kind", ["transfer", "result"])
def test_classifying_what_came_or_went(kind: str) -> None:
    made = book()
    made = replace(made, venue=replace(made.venue, unexplained_usdt=-250.0))
    assert decide_is_blocked(made)
    now = after(Command.CLASSIFY, made, kind=kind)
    money = now.book.money
    assert now.book.venue.unexplained_usdt == 0.0
    assert money.cash_usdt == 9_750.0
    value = 9_750.0 / money.units
    assert value == pytest.approx(1.0 if kind == "transfer" else 0.975)
    assert (money.transfers_usdt, money.corrections_usdt) == ((-250.0, 0.0) if kind == "transfer" else (0.0, -250.0))
    assert not decide_is_blocked(now.book)


def decide_is_blocked(made: Book) -> bool:
    return not review(turn(made), [entry()])


def test_classifying_refuses_what_makes_no_sense() -> None:
    assert refusal(after(Command.CLASSIFY, kind="transfer")) == "nothing in the wallet is unexplained"
    assert refusal(after(Command.CLASSIFY, kind="gift")).endswith("not gift")
    assert refusal(after(Command.CLASSIFY)).endswith("not nothing")


# --- through the step -------------------------------------------------------------------------


def test_a_kill_through_the_step_closes_both_legs_at_once() -> None:
    made = healthy(held=True)
    killed = command(made, replace(given(Command.KILL), at_ms=made.cycle.marked_ms), held=True)
    closing = [note for note in killed.notes if note.name == "order.approved"]
    assert len(closing) == int((made.lots != 0).sum())
    assert all(note.fields["reduce_only"] and note.fields["purpose"] == "flatten" for note in closing)
    assert killed.book.mode is Mode.FLATTENING
    frozen = out_there({"risk.kill_switch.on_activate": "freeze"})
    calm = command(made, replace(given(Command.KILL), at_ms=made.cycle.marked_ms), frozen, held=True)
    assert calm.reductions == 0
    assert calm.book.mode is Mode.HALTED


def test_a_kill_survives_a_restart_and_the_next_decision() -> None:
    made = healthy(held=True)
    now_ms = made.cycle.marked_ms
    killed = command(made, replace(given(Command.KILL, flatten="no"), at_ms=now_ms), held=True).book
    started = Started("replay", now_ms, killed.config_hash, "", "", killed.roster.instruments, 1.0)
    again = take(killed, started, held=True)
    assert again.book.kill.active
    assert again.book.mode is Mode.HALTED
    assert decide(lambda _: again.book, held=True).opened == set()
