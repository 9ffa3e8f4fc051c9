"""The book after the newest entry, read back from its parts: the same to the bit, or not at all."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.databases.fixtures import Database
from tests.oracle import nouns
from xsmom.domain.book import Book, Mode
from xsmom.domain.events import BarsBackfilled, Event, Stage, Started, TimerFired
from xsmom.domain.window import BarRow
from xsmom.store import codec
from xsmom.store.book_parts import Places, find_change, join
from xsmom.store.journal import SqlJournal
from xsmom.store.memory import MemoryJournal
from xsmom.store.tables import BOOK, ENTRIES


def text(book: Book | None) -> str:
    """Every bit of it, the order of its mappings too."""
    assert book is not None
    return codec.encode(book)


def test_there_is_none_before_the_first_entry(database: Database) -> None:
    assert database.open().newest_book() is None
    assert MemoryJournal().newest_book() is None


def test_it_is_the_same_after_every_step_and_every_start(database: Database) -> None:
    journal, book = database.open(), nouns.book()
    for seq in range(1, 16):
        book = step(book, seq)
        journal.append(nouns.day(seq), book)
        assert text(journal.newest_book()) == text(book)
        if seq % 5 == 0:
            journal.close()
            journal = database.open()
            assert text(journal.newest_book()) == text(book)
    assert journal.told == ()


def step(book: Book, seq: int) -> Book:
    """Some of the book, in the ways of the engine: an entry replaced, added, taken out, an array copied."""
    orders = {key: one for key, one in book.orders.items() if key != f"xmorder{seq % 3:08d}"}
    orders[f"xmorder{seq % 4:08d}"] = nouns.order(0, seq)
    positions = {**book.positions, "lots": book.lots + seq}
    held = {**book.held_by_hand, f"C{seq % 3}": str(seq)}
    parts: dict[int, dict[str, Any]] = {
        1: {"orders": orders},
        2: {"positions": positions},
        3: {"held_by_hand": held},
        4: {"mode": Mode.HALTED},
    }
    return replace(book, seq=seq, **parts.get(seq % 5, {}))


keys = st.sampled_from("abcdef")
deeds = st.lists(st.tuples(st.sampled_from(["move", "set", "drop", "shuffle"]), keys, st.integers(0, 99)), max_size=12)


@given(st.lists(deeds, min_size=1, max_size=6))
@settings(max_examples=300 if os.environ.get("XSMOM_PROOF") == "1" else 40, deadline=None)
def test_mappings_keep_their_order_whatever_happens_to_them(rounds) -> None:
    """Rows are kept as a database would keep them; what they join to is the book."""
    rows: dict[tuple[str, str], dict] = {}
    places: Places = {}
    before, book = None, nouns.book(1)
    for number, deeds_now in enumerate(rounds):
        held = dict(book.held_by_hand)
        for deed, key, value in deeds_now:
            held = change(held, deed, key, value)
        book = replace(book, held_by_hand=held, seq=number)
        found = find_change(before, book, places, "hash")
        for row in found.put:
            rows[row["part"], row["item"]] = row
        for key in found.gone:
            del rows[key]
        before, places = book, found.places
        stored = sorted(rows.values(), key=lambda row: (row["part"], row["place"]))
        back = join([(row["part"], row["item"], row["body"], row["hash"]) for row in stored], "hash")
        assert text(back) == text(book)


def change(held: dict, deed: str, key: str, value: int) -> dict:
    match deed:
        case "move":
            return {**{name: one for name, one in held.items() if name != key}, key: str(value)}
        case "set":
            return {**held, key: str(value)}
        case "drop":
            return {name: one for name, one in held.items() if name != key}
        case _:
            return dict(reversed(held.items()))


def test_a_step_writes_what_it_changed_only() -> None:
    book = nouns.book(5, orders=50)
    places = find_change(None, book, {}, "x").places
    one = next(iter(book.orders))
    orders = {**book.orders, one: replace(book.orders[one], filled_lots=3)}
    found = find_change(book, replace(book, orders=orders, seq=1), places, "y")
    assert [(row["part"], row["item"]) for row in found.put] == [("head", ""), ("orders", one)]
    assert found.gone == []


# --- damage -----------------------------------------------------------------------------------


def written(database: Database, count: int = 4) -> SqlJournal:
    journal, book = database.open(), nouns.book()
    for seq in range(1, count + 1):
        book = replace(book, seq=seq)
        journal.append(nouns.day(seq), book)
    return journal


def spoil(journal: SqlJournal, statement: sa.Executable) -> None:
    with journal._connection.begin():
        journal._connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (BOOK.update().where(BOOK.c.part == "money").values(body="{}"), "does not match its hash"),
        (BOOK.update().where(BOOK.c.part == "orders").values(item=BOOK.c.item + "x"), "does not match its hash"),
        (BOOK.delete().where(BOOK.c.part == "orders", BOOK.c.item.like("%2")), "not whole: orders"),
        (BOOK.delete().where(BOOK.c.part == "money"), "not whole: money"),
        (BOOK.delete().where(BOOK.c.part == "head"), "not that of the newest entry"),
    ],
)
def test_a_book_that_is_not_whole_is_none_and_told(database: Database, statement, why: str) -> None:
    journal = written(database)
    spoil(journal, statement)
    assert journal.newest_book() is None
    (note,) = journal.told
    assert note.name == "journal.book_skipped"
    assert why in str(note.fields["why"])


def test_the_book_of_a_torn_entry_is_none_and_the_snapshot_stands(database: Database) -> None:
    journal = written(database, 3)
    kept = replace(nouns.book(), seq=3)
    journal.save_snapshot(kept, b"w")
    journal.append(nouns.day(4), replace(nouns.book(), seq=4))
    spoil(journal, ENTRIES.update().where(ENTRIES.c.seq == 4).values(event="{"))
    journal.close()
    again = database.open()
    assert again.last_seq == 3
    assert again.newest_book() is None
    found = again.newest_snapshot()
    assert found is not None
    assert text(found[0]) == text(kept)
    assert [note.name for note in again.told] == ["journal.torn", "journal.book_skipped"]


# --- the bars of the window -------------------------------------------------------------------


def started(names: int) -> Started:
    instruments = tuple(nouns.instrument(at) for at in range(names))
    return Started("run", 0, "c", "p", "1", instruments, 1_000.0)


def bar(at: int, names: int = 3) -> BarRow:
    row = nouns.bar(names, at * nouns.HOUR_MS, at).row
    assert row is not None
    return row


def closed(at: int, names: int = 3) -> Event:
    return nouns.bar(names, at * nouns.HOUR_MS, at)


HISTORY: tuple[Event, ...] = (
    started(2),
    BarsBackfilled((bar(1, 2), bar(2, 2))),
    closed(3, 2),
    started(3),
    BarsBackfilled((bar(1), bar(2), bar(3))),
    closed(4),
    nouns.bar(3, 4 * nouns.HOUR_MS, stage=Stage.DECIDE),
    started(3),
    closed(5),
    TimerFired("work", 1),
    BarsBackfilled((bar(6), bar(7))),
)


@pytest.mark.parametrize(
    ("after", "expected"),
    [(-1, [1, 2, 3, 4, 5, 6, 7]), (2, [3, 4, 5, 6, 7]), (4, [5, 6, 7]), (5, [6, 7]), (6, [7]), (7, []), (99, [])],
)
def test_bars_above_a_close_come_back(database: Database, after: int, expected: list[int]) -> None:
    journal = database.open()
    for seq, event in enumerate(HISTORY, 1):
        journal.append(nouns.entry(seq, event), replace(nouns.book(), seq=seq))
    rows = list(journal.window_rows(after * nouns.HOUR_MS))
    assert [row.close_ms // nouns.HOUR_MS for row in rows] == expected
    assert all(np.array_equal(row.close, bar(at).close, equal_nan=True) for row, at in zip(rows, expected, strict=True))


def test_the_memory_journal_has_them_too() -> None:
    journal = MemoryJournal()
    for seq, event in enumerate(HISTORY[3:], 1):
        journal.append(nouns.entry(seq, event), replace(nouns.book(), seq=seq))
    assert [row.close_ms // nouns.HOUR_MS for row in journal.window_rows(2 * nouns.HOUR_MS)] == [3, 4, 5, 6, 7]
    book = journal.newest_book()
    assert book is not None
    assert book.seq == len(HISTORY) - 3
