from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide
from xsmom.domain.book import Book
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates import foreign, mismatch
from xsmom.engine.reconcile import INVARIANTS, Blocks


def broken(made: Book, line: str) -> Book:
    return replace(made, venue=replace(made.venue, mismatches=(line,)))


def test_before_leverage_and_modes_are_answered_for_nothing_is_opened() -> None:
    outcome = decide(lambda made: replace(made, venue=replace(made.venue, modes_told=False)))
    assert outcome.opened == set()
    assert outcome.refused == {"blind"}
    assert "leverage" in outcome.why


@pytest.mark.parametrize("number", ["R1", "R4", "R7", "R12", "R13"])
def test_a_broken_invariant_fires_through_the_step(number: str) -> None:
    outcome = decide(lambda made: broken(made, f"{number}: it is not so"))
    assert outcome.refused == {"mismatch"}
    assert outcome.opened == set()
    assert "gate.mismatch" in outcome.told


def test_a_foreign_order_fires_through_the_step_for_its_symbol_alone() -> None:
    symbols = sorted(decide().opened)
    outcome = decide(lambda made: broken(made, f"R6 {symbols[0]}: order 77 is somebody else's"))
    assert "foreign" in outcome.refused
    assert "gate.foreign" in outcome.told
    assert outcome.opened == set(symbols[1:])


@pytest.mark.parametrize("number", INVARIANTS)
def test_each_invariant_stops_what_its_row_says(number: str) -> None:
    blocks = INVARIANTS[number].blocks
    made = broken(book(), f"{number} AAAUSDT: it is not so")
    everything = mismatch.judge(entry("BBBUSDT"), made, rules(), NOW_MS)
    one_name = foreign.judge(entry("AAAUSDT"), made, rules(), NOW_MS)
    assert isinstance(everything, Refuse) == (blocks >= Blocks.ENTRIES)
    assert isinstance(one_name, Refuse) == (blocks is Blocks.SYMBOL)
    assert foreign.judge(entry("BBBUSDT"), made, rules(), NOW_MS) == Allow()


def test_they_say_what_is_wrong() -> None:
    line = "R7 AAAUSDT: the venue holds 5 lots, the book 7"
    assert mismatch.judge(entry(), broken(book(), line), rules(), NOW_MS) == Refuse(Veto.MISMATCH, line)
    line = "R6 AAAUSDT: order 77 is somebody else's"
    assert foreign.judge(entry(), broken(book(), line), rules(), NOW_MS) == Refuse(Veto.FOREIGN, line)
    assert mismatch.judge(entry(), book(), rules(), NOW_MS) == Allow()
