from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import command, decide, healthy
from xsmom.domain.book import Book
from xsmom.domain.events import Command, CommandGiven
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates.held_by_hand import judge


def test_it_fires_through_the_step_until_it_is_released() -> None:
    symbol = min(decide().opened)

    def bend(made: Book) -> Book:
        return replace(made, held_by_hand={symbol: "the owner bought 5"})

    outcome = decide(bend)
    assert "held_by_hand" in outcome.refused
    assert symbol not in outcome.opened
    assert "gate.held_by_hand" in outcome.told
    given = CommandGiven(Command.RELEASE, "me", healthy().cycle.marked_ms, args={"symbol": symbol})
    released = command(bend(healthy()), given)
    assert symbol in decide(lambda _: released.book).opened


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (book(held_by_hand={"AAAUSDT": "the owner closed it"}), "the owner closed it"),
        (book(ignored=("AAAUSDT",)), "it is left alone, by --ignore"),
        (replace(book(), positions={**book().positions, "hold": np.array([True, False, False])}), "on hold"),
    ],
)
def test_whatever_says_hands_off(made: Book, why: str) -> None:
    assert judge(entry("AAAUSDT"), made, rules(), NOW_MS) == Refuse(Veto.HELD_BY_HAND, why)
    assert judge(entry("BBBUSDT"), made, rules(), NOW_MS) == Allow()
