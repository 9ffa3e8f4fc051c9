from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules, turn
from tests.unit.engine.gate_steps import command, decide, healthy
from xsmom.domain.book import Book, Kill, Mode
from xsmom.domain.effects import Severity
from xsmom.domain.events import Command, CommandGiven
from xsmom.domain.orders import Veto
from xsmom.engine.gates.kill_switch import judge
from xsmom.engine.review import review


def killed(made: Book) -> Book:
    return replace(made, kill=Kill(active=True, flatten=False, reason="fear", by="me", at_ms=made.cycle.marked_ms))


def test_it_fires_through_the_step() -> None:
    outcome = decide(killed)
    assert outcome.opened == set()
    assert outcome.book.mode is Mode.HALTED


@pytest.mark.parametrize("by", ["command line", "file EMERGENCY_STOP", "watchdog"])
def test_a_command_sets_it_whoever_gives_it(by: str) -> None:
    made = healthy()
    given = CommandGiven(Command.KILL, by, made.cycle.marked_ms, "fear", {"flatten": "no"})
    after = command(made, given)
    assert after.book.kill.active
    assert after.book.kill.by == by
    assert any(note.name == "kill.activated" and note.severity is Severity.CRITICAL for note in after.notes)
    assert decide(lambda _: after.book).opened == set()


def test_it_is_asked_before_anything_else() -> None:
    now = turn(replace(killed(book()), mode=Mode.HALTED, venue=replace(book().venue, account=None)))
    review(now, [entry()])
    refused = next(note for note in now.notes if note.name == "order.refused")
    assert refused.fields["veto"] == "kill_switch"
    assert "set by me: fear" in str(refused.fields["why"])


def test_it_says_nothing_when_it_is_not_set() -> None:
    assert judge(entry(), book(kill=Kill(reason="old", by="me")), rules(), NOW_MS) == judge(
        entry(), book(), rules(), NOW_MS
    )
    assert Veto.KILL_SWITCH.value not in decide().refused
