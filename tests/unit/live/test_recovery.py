"""A start finds the book as it was; where the newest entry was torn, the book before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

import xsmom as xs
from tests.databases.fixtures import Database, sqlite
from tests.oracle import nouns
from xsmom.domain.book import Book, Roster
from xsmom.domain.effects import Note, SendOrder, SetTimer
from xsmom.domain.events import BarClosed, BarsBackfilled, Command, CommandGiven, Event, Stage, Started, TimerFired
from xsmom.domain.journal import Entry
from xsmom.domain.orders import Approved, Intent, Purpose, Style
from xsmom.domain.trading import OrderRequest
from xsmom.domain.window import BarRow
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, step
from xsmom.live import recompute as recomputing
from xsmom.live.recompute import recompute
from xsmom.live.recovery import new_window, recover
from xsmom.store import codec
from xsmom.store.journal import SqlJournal
from xsmom.store.memory import MemoryJournal
from xsmom.store.tables import BOOK, ENTRIES
from xsmom.store.window_bytes import pack

__all__ = ["sqlite"]

NAMES = 3
INSTRUMENTS = tuple(nouns.instrument(at) for at in range(NAMES))
ROSTER = Roster.of(INSTRUMENTS)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.of(xs.load_config(None, env={}))


def row(at: int) -> BarRow:
    found = nouns.bar(NAMES, nouns.BEGIN_MS + at * nouns.HOUR_MS, at).row
    assert found is not None
    return found


def history(bars: int) -> list[Event]:
    """A start, bars from before it, and bars with a command and a timer in between."""
    started = Started("run", nouns.BEGIN_MS, "c", "p", "1", INSTRUMENTS, 10_000.0)
    events: list[Event] = [started, BarsBackfilled((row(1), row(2)))]
    for at in range(3, 3 + bars):
        close_ms = row(at).close_ms
        events += [BarClosed(close_ms, stage, row(at) if stage is Stage.TOUCH else None) for stage in Stage]
        events.append(TimerFired("watch", close_ms))
        events.append(CommandGiven(Command.PAUSE if at % 2 else Command.RESUME, "me", close_ms, "test"))
    return events


def live(journal: SqlJournal, rules: Rules, events: list[Event], snapshot_at: int = 0) -> list[Book]:
    """What the loop does with each event; the books after each."""
    window, book, books = new_window(rules, ROSTER), None, []
    for seq, event in enumerate(events, 1):
        grow(window, event)
        now_ms = nouns.BEGIN_MS + seq * 60_000
        book, effects, notes = step(book, window, event, now_ms, rules)
        journal.append(Entry(seq, now_ms, event, effects, notes), book)
        books.append(book)
        if seq == snapshot_at:
            journal.save_snapshot(book, pack(window))
    return books


def same(one: Book | None, other: Book) -> bool:
    return one is not None and codec.encode(one) == codec.encode(other)


@pytest.mark.parametrize("snapshot_at", [0, 9])
def test_book_and_window_are_as_they_were(sqlite: Database, rules: Rules, snapshot_at: int) -> None:
    journal = sqlite.open()
    books = live(journal, rules, history(4), snapshot_at)
    journal.close()
    found = recover(sqlite.open(), rules, ROSTER)
    assert same(found.book, books[-1])
    window = new_window(rules, ROSTER)
    for event in history(4):
        grow(window, event)
    assert (found.window.hash, found.window.bars) == (window.hash, window.bars)


@pytest.mark.parametrize("snapshot_at", [0, 9])
def test_a_torn_newest_entry_gives_the_book_before_it(sqlite: Database, rules: Rules, snapshot_at: int) -> None:
    journal = sqlite.open()
    books = live(journal, rules, history(4), snapshot_at)
    spoil(journal, ENTRIES.update().where(ENTRIES.c.seq == len(books)).values(effects="{"))
    journal.close()
    again = sqlite.open()
    found = recover(again, rules, ROSTER)
    assert same(found.book, books[-2])
    assert {note.name for note in again.told} == {"journal.torn", "journal.book_skipped"}


def test_a_lost_book_is_folded_again_and_is_no_first_start(sqlite: Database, rules: Rules) -> None:
    journal = sqlite.open()
    books = live(journal, rules, history(2))
    spoil(journal, sa.delete(BOOK))
    found = recover(journal, rules, ROSTER)
    assert same(found.book, books[-1])
    assert found.book is not None
    journal.append(Entry(len(books) + 1, 0, TimerFired("x", 0), ()), replace(found.book, seq=len(books) + 1))
    assert same(journal.newest_book(), replace(found.book, seq=len(books) + 1))


def test_every_entry_would_be_the_same_again(sqlite: Database, rules: Rules) -> None:
    journal = sqlite.open()
    live(journal, rules, history(5))
    done = recompute(journal, rules)
    assert done.differences == []
    assert done.entries == journal.last_seq


def test_an_entry_that_would_be_another_one_is_told(sqlite: Database, rules: Rules) -> None:
    journal = sqlite.open()
    books = live(journal, rules, history(2))
    lie = Entry(len(books) + 1, nouns.BEGIN_MS, TimerFired("x", 0), (SetTimer("never", 1),))
    journal.append(lie, replace(books[-1], seq=lie.seq))
    (found,) = recompute(journal, rules).differences
    assert (found.seq, found.what) == (lie.seq, "1 effects then, 0 now")


def test_a_plan_that_would_be_another_one_is_told(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    started = history(0)[0]
    book, effects, notes = step(None, new_window(rules, ROSTER), started, nouns.BEGIN_MS, rules)
    planned = Note("order.approved", fields={"symbol": "A", "purpose": "rebalance", "wanted_lots": 7, "lots": 5})
    journal = MemoryJournal()
    journal.append(Entry(1, nouns.BEGIN_MS, started, effects, (*notes, planned)), book)
    (found,) = recompute(journal, rules).differences
    assert "decided [('order.approved', 'A', 'rebalance', 7, 5)] then, [] now" in found.what
    again = Note("order.approved", fields={**planned.fields, "vetoes": ("ramp",)})
    monkeypatch.setattr(recomputing, "step", lambda *_: (book, effects, (*notes, again)))
    assert recompute(journal, rules).differences == []


def test_a_figure_that_was_not_known_then_is_not_another_one_now(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    started = history(0)[0]
    book, _, _ = step(None, new_window(rules, ROSTER), started, nouns.BEGIN_MS, rules)

    def exit_unknown_atr(*_: object) -> tuple[Book, tuple[SendOrder, ...], tuple[()]]:
        intent = Intent("A", -1, True, Purpose.EXIT, Style.MARKET, 1.0, float("nan"), 0)
        return book, (SendOrder(OrderRequest("xm", "A", -1), Approved(intent, -1, "xm")),), ()

    journal = MemoryJournal()
    journal.append(Entry(1, nouns.BEGIN_MS, started, exit_unknown_atr()[1]), book)
    monkeypatch.setattr(recomputing, "step", exit_unknown_atr)
    assert recompute(journal, rules).differences == []


def spoil(journal: SqlJournal, statement: sa.Executable) -> None:
    with journal._connection.begin():
        journal._connection.execute(statement)
