"""One step in the making: a note that is told once in a while, of one name and one symbol."""

from __future__ import annotations

from tests.unit.engine import books
from xsmom.domain.effects import Severity
from xsmom.engine.turn import Turn

RULES = books.rules()
EVERY_MS = 60_000


def tell(turn: Turn, **fields: object) -> int:
    """Say it, and how many notes there are."""
    turn.note_once("stop.missing", EVERY_MS, Severity.ERROR, **fields)
    return len(turn.notes)


def later(turn: Turn, now_ms: int) -> Turn:
    """The next step, with the book of this one."""
    return Turn(turn.book, RULES, now_ms)


def first() -> Turn:
    return Turn(books.book(RULES), RULES, books.T0)


def test_it_is_told_once_and_again_when_its_time_has_passed() -> None:
    turn = first()
    assert tell(turn, lots=3) == 1
    assert tell(turn, lots=4) == 1
    assert (turn.notes[0].name, turn.notes[0].severity, turn.notes[0].fields) == (
        "stop.missing", Severity.ERROR, {"lots": 3}
    )  # fmt: skip
    turn = later(turn, books.T0 + EVERY_MS - 1)
    assert tell(turn) == 0
    turn = later(turn, books.T0 + EVERY_MS)
    assert tell(turn) == 1
    assert tell(later(turn, books.T0 + 2 * EVERY_MS - 1)) == 0, "counted from the newest that was told"


def test_each_symbol_and_each_name_is_told_for_itself() -> None:
    turn = first()
    assert tell(turn, symbol="AAAUSDT") == 1
    assert tell(turn, symbol="BBBUSDT") == 2
    assert tell(turn) == 3
    turn.note_once("stop.emergency", EVERY_MS, symbol="AAAUSDT")
    assert len(turn.notes) == 4
    assert tell(turn, symbol="AAAUSDT") == 4


def test_what_was_told_is_part_of_the_book_and_outlives_the_process() -> None:
    turn = first()
    before = turn.book
    tell(turn, symbol="AAAUSDT")
    assert before.loud_ms == {}, "the book before is not touched"
    assert turn.book.loud_ms == {"stop.missing:AAAUSDT": books.T0}
    assert tell(later(turn, books.T0 + 1), symbol="AAAUSDT") == 0


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    turn = first()
    tell(turn)
    assert tell(later(turn, books.T0 - EVERY_MS + 1)) == 0
    assert tell(later(turn, books.T0 - EVERY_MS)) == 1
