"""The journal on each database: what was taken comes back, in order, whole, for one account."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.databases.fixtures import Database
from tests.oracle import nouns
from xsmom.domain.book import Book
from xsmom.domain.journal import Entry
from xsmom.errors import JournalCorrupt, StateError
from xsmom.store import codec, tail
from xsmom.store.chain import seal
from xsmom.store.journal import SqlJournal
from xsmom.store.tables import ENTRIES, SNAPSHOTS, TORN


def write(journal: SqlJournal, count: int, book: Book | None = None) -> Book:
    """So many steps more, each with another event."""
    book = book or nouns.book()
    for seq in range(journal.last_seq + 1, journal.last_seq + count + 1):
        book = replace(book, seq=seq)
        journal.append(nouns.day(seq), book)
    return book


def same(one: Entry, other: Entry) -> bool:
    return codec.encode(one) == codec.encode(other)


def test_entries_come_back(database: Database) -> None:
    journal = database.open()
    assert journal.last_seq == 0
    assert list(journal.entries(0)) == []
    write(journal, 12)
    assert journal.last_seq == 12
    assert all(same(found, nouns.day(seq)) for seq, found in enumerate(journal.entries(0), 1))
    assert [entry.seq for entry in journal.entries(9)] == [10, 11, 12]
    assert list(journal.entries(12)) == []


def test_entries_outlive_their_writer(database: Database) -> None:
    first = database.open()
    write(first, 7)
    first.close()
    second = database.open()
    assert second.last_seq == 7
    assert second.told == ()
    write(second, 1)
    assert [entry.seq for entry in second.entries(0)] == list(range(1, 9))


def test_more_entries_than_one_page(database: Database, monkeypatch) -> None:
    monkeypatch.setattr(tail, "_BATCH", 5)
    journal = database.open()
    write(journal, 21)
    assert [entry.seq for entry in journal.entries(0)] == list(range(1, 22))
    assert [entry.seq for entry in journal.entries(6)] == list(range(7, 22))


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_gap_or_a_repeat_is_refused(database: Database, seq: int) -> None:
    journal = database.open()
    book = write(journal, 3)
    with pytest.raises(JournalCorrupt, match=f"entry {seq} does not follow on entry 3"):
        journal.append(nouns.day(seq), replace(book, seq=seq))
    write(journal, 1)
    assert journal.last_seq == 4


def test_the_book_must_be_that_of_the_entry(database: Database) -> None:
    journal = database.open()
    with pytest.raises(JournalCorrupt, match="the book counts 0 events and the entry is number 1"):
        journal.append(nouns.day(1), nouns.book())


def test_another_account_is_refused(database: Database) -> None:
    database.open().close()
    with pytest.raises(StateError, match="is that of bybit:1, and this is bybit:2: give each account its own"):
        database.open("bybit:2")
    database.open()


def test_a_closed_journal_takes_nothing(database: Database) -> None:
    journal = database.open()
    journal.close()
    with pytest.raises(StateError, match="is closed, or lost its database"):
        write(journal, 1)


# --- snapshots --------------------------------------------------------------------------------


def test_a_snapshot_comes_back(database: Database) -> None:
    journal = database.open()
    assert journal.newest_snapshot() is None
    book = write(journal, 3)
    journal.save_snapshot(book, b"\x00window")
    write(journal, 2)
    found = database.opened[0].newest_snapshot()
    assert found is not None
    assert codec.encode(found[0]) == codec.encode(book)
    assert found[1] == b"\x00window"


def test_the_newest_snapshots_are_kept(database: Database) -> None:
    journal = database.open()
    for _ in range(6):
        journal.save_snapshot(write(journal, 2), b"")
    assert rows(journal, sa.select(SNAPSHOTS.c.seq).order_by(SNAPSHOTS.c.seq)) == [(8,), (10,), (12,)]


def test_a_snapshot_of_the_future_is_refused(database: Database) -> None:
    journal = database.open()
    book = write(journal, 3)
    with pytest.raises(JournalCorrupt, match="a book of 4 events cannot be kept: the newest entry is 3"):
        journal.save_snapshot(replace(book, seq=4), b"")


@pytest.mark.parametrize("column", ["book", "window", "hash"])
def test_a_damaged_snapshot_is_skipped_and_told(database: Database, column: str) -> None:
    journal = database.open()
    for _ in range(3):
        journal.save_snapshot(write(journal, 2), b"window")
    value = b"WINDOW" if column == "window" else "{"
    change(journal, SNAPSHOTS.update().where(SNAPSHOTS.c.seq == 6).values({column: value}))
    found = journal.newest_snapshot()
    assert found is not None
    assert found[0].seq == 4
    assert [(note.name, note.fields["seq"]) for note in journal.told] == [("journal.snapshot_skipped", 6)]
    assert "does not match its hash" in str(journal.told[0].fields["why"])


def test_a_snapshot_is_due_after_so_many_entries(database: Database) -> None:
    database.rules = replace(database.rules, snapshot_every_events=4)
    journal = database.open()
    due = []
    for _ in range(5):
        book = write(journal, 1)
        due.append(journal.snapshot_due)
    assert due == [False, False, False, True, True]
    journal.save_snapshot(book, b"")
    write(journal, 3)
    journal.close()
    again = database.open()
    due = [again.snapshot_due]
    write(again, 1)
    assert [*due, again.snapshot_due] == [False, True]


# --- damage -----------------------------------------------------------------------------------


def rows(journal: SqlJournal, statement: sa.Select) -> list[tuple]:
    with journal._connection.begin():
        return [tuple(row) for row in journal._connection.execute(statement)]


def change(journal: SqlJournal, statement: sa.Executable) -> None:
    """What a bad disk or a careless hand does."""
    with journal._connection.begin():
        journal._connection.execute(statement)


@pytest.mark.parametrize("column", ["event", "effects", "notes", "hash", "at_ms"])
def test_a_torn_last_entry_is_dropped_and_told(database: Database, column: str) -> None:
    journal = database.open()
    write(journal, 6)
    value = 5 if column == "at_ms" else '{"@":"TimerFi'
    change(journal, ENTRIES.update().where(ENTRIES.c.seq == 6).values({column: value}))
    journal.close()
    again = database.open()
    assert again.last_seq == 5
    assert [(note.name, note.fields["seq"]) for note in again.told] == [("journal.torn", 6)]
    assert rows(again, sa.select(TORN.c.seq, TORN.c.dropped_ms)) == [(6, database.clock.at_ms)]
    write(again, 2)
    assert [entry.seq for entry in again.entries(0)] == list(range(1, 8))


def test_damage_before_the_end_is_refused_and_nothing_is_dropped(database: Database) -> None:
    journal = database.open()
    write(journal, 6)
    change(journal, ENTRIES.update().where(ENTRIES.c.seq == 3).values(event="{}"))
    journal.close()
    again = database.open()
    assert again.last_seq == 6
    with pytest.raises(JournalCorrupt, match=r"entry 3 of the journal .* does not match its hash; restore .* --adopt"):
        list(again.entries(0))
    # A snapshot above the damage makes it harmless.
    assert [entry.seq for entry in again.entries(3)] == [4, 5, 6]


def test_damage_in_both_newest_entries_is_refused(database: Database) -> None:
    journal = database.open()
    write(journal, 6)
    change(journal, ENTRIES.update().where(ENTRIES.c.seq == 5).values(hash="0" * 64))
    journal.close()
    with pytest.raises(JournalCorrupt, match="damaged in entry 5, which is not the newest"):
        database.open()


def test_a_missing_entry_is_refused(database: Database) -> None:
    journal = database.open()
    write(journal, 6)
    change(journal, ENTRIES.delete().where(ENTRIES.c.seq == 4))
    journal.close()
    again = database.open()
    with pytest.raises(JournalCorrupt, match=r"entry 4 of the journal .* is missing"):
        list(again.entries(0))
    with pytest.raises(JournalCorrupt, match="entry 4"):
        list(again.entries(4))


def test_an_entry_that_was_swapped_for_another_is_seen(database: Database) -> None:
    """Each row is whole by itself; the chain knows that it is another one."""
    journal = database.open()
    write(journal, 6)
    columns = [column for column in ENTRIES.columns if column.name != "seq"]
    (first,) = rows(journal, sa.select(*columns).where(ENTRIES.c.seq == 2))
    values = dict(zip((column.name for column in columns), first, strict=True))
    change(journal, ENTRIES.update().where(ENTRIES.c.seq == 4).values(values))
    with pytest.raises(JournalCorrupt, match="entry 4"):
        list(journal.entries(0))


def test_an_entry_of_a_newer_format_is_refused_and_kept(database: Database) -> None:
    journal = database.open()
    write(journal, 3)
    newest = ENTRIES.c.seq == 3
    row = rows(journal, sa.select(ENTRIES).where(newest))[0]
    values = dict(zip(ENTRIES.columns.keys(), row, strict=True)) | {"format": 99}
    (before,) = rows(journal, sa.select(ENTRIES.c.hash).where(ENTRIES.c.seq == 2))
    change(journal, ENTRIES.update().where(newest).values(format=99, hash=seal(before[0], values)))
    journal.close()
    again = database.open()
    assert again.last_seq == 3
    with pytest.raises(JournalCorrupt, match="it has format 99, and this version knows 1: upgrade"):
        list(again.entries(0))
