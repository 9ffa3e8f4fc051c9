from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide
from xsmom.domain.book import Book, Mode
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates.mode import judge


def test_it_fires_through_the_step() -> None:
    """The kernel's plan is told of a pause; an opening that comes all the same is refused."""
    outcome = decide(lambda made: replace(made, paused="me"), held=True)
    assert outcome.book.mode is Mode.REDUCING
    assert outcome.opened == set()
    assert outcome.reductions > 0, "what has to leave still leaves"


def test_a_mode_that_turns_between_plan_and_review_refuses() -> None:
    """The plan of this bar was made before the account was found to be unknown."""

    def unread(made: Book) -> Book:
        return replace(made, venue=replace(made.venue, positions=None))

    outcome = decide(unread)
    assert outcome.book.mode is Mode.RECONCILING
    assert outcome.opened == set()


@pytest.mark.parametrize("mode", Mode)
def test_positions_grow_in_trading_alone(mode: Mode) -> None:
    verdict = judge(entry(), book(mode=mode, mode_why="because"), rules(), NOW_MS)
    assert verdict == (Allow() if mode is Mode.TRADING else Refuse(Veto.MODE, f"{mode.value}: because"))
