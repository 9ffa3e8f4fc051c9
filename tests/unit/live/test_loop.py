"""The loop: what is read again of the exchange's lists is neither taken nor journaled again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.databases.fixtures import HandClock
from tests.unit.engine import books
from xsmom.domain.effects import Effect
from xsmom.domain.events import Event, FillSeen, FundingPaid, Started
from xsmom.domain.trading import FillKind, VenueFill
from xsmom.live.loop import Loop
from xsmom.live.recovery import new_window
from xsmom.store import codec
from xsmom.store.memory import MemoryJournal

RULES = books.rules()
NAME = books.SYMBOLS[0]
TRADE = books.fill(NAME, 5, 100.0, books.T0 + 1, exec_id="e1", kind=FillKind.TRADE)
PAID = replace(TRADE, exec_id="e2", kind=FillKind.FUNDING)


def event(fill: VenueFill) -> Event:
    return FundingPaid(fill) if fill.kind is FillKind.FUNDING else FillSeen(fill)


def play(*events: Event) -> tuple[Loop, MemoryJournal]:
    """A loop that has taken a start and then these."""
    book, journal = books.book(RULES), MemoryJournal()
    loop = Loop(RULES, journal, new_window(RULES, book.roster), HandClock(books.T0), (), pack=lambda _: b"")

    async def run() -> None:
        carried: list[Effect] = []
        loop._carry = carried.append
        instruments = tuple(books.instrument(symbol) for symbol in books.SYMBOLS)
        loop.turn(Started("run", books.T0, "c", "p", "1", instruments, books.CASH))
        for one in events:
            loop.turn(one)
        loop.timers.stop()

    asyncio.run(run())
    return loop, journal


def kinds(journal: MemoryJournal) -> list[str]:
    return [type(entry.event).__name__ for entry in journal.entries(0)]


def test_an_execution_that_is_read_again_changes_nothing_and_is_not_journaled() -> None:
    once, short = play(event(TRADE), event(PAID))
    again, journal = play(event(TRADE), event(PAID), event(TRADE), event(PAID), event(TRADE))
    assert kinds(journal) == kinds(short) == ["Started", "FillSeen", "FundingPaid"]
    assert codec.encode(again.book) == codec.encode(once.book)
    assert again.book is not None
    assert again.book.lots.tolist() == [5, 0, 0]


def test_another_execution_and_one_that_was_told_otherwise_are_taken() -> None:
    other = replace(TRADE, exec_id="e3")
    moved = replace(TRADE, at_ms=TRADE.at_ms + 7)
    loop, journal = play(event(TRADE), event(other), event(moved))
    assert kinds(journal) == ["Started", "FillSeen", "FillSeen", "FillSeen"]
    assert loop.book is not None
    assert loop.book.lots.tolist() == [10, 0, 0], "one id is folded once, whatever is told of it"


def test_what_the_book_has_not_seen_is_taken_after_a_restart_too() -> None:
    loop, journal = play(event(TRADE))
    assert loop.book is not None
    kept = Loop(RULES, MemoryJournal(), loop.window, HandClock(books.T0), (), book=loop.book, pack=lambda _: b"")
    kept.turn(event(TRADE))
    assert kept.journal.last_seq == 0, "the book remembers, not the process"
    assert journal.last_seq == 2
