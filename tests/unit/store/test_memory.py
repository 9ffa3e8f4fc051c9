"""The journal of a replay keeps the same promise, without text."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.oracle import nouns
from xsmom.errors import JournalCorrupt
from xsmom.ports import Journal
from xsmom.store.memory import MemoryJournal


def filled(count: int, **wishes) -> MemoryJournal:
    journal = MemoryJournal(**wishes)
    book = nouns.book()
    for seq in range(1, count + 1):
        journal.append(nouns.day(seq), replace(book, seq=seq))
    return journal


def test_it_is_a_journal() -> None:
    journal: Journal = filled(5)
    assert journal.last_seq == 5
    assert journal.told == ()
    assert [entry.seq for entry in journal.entries(2)] == [3, 4, 5]
    assert list(journal.entries(9)) == []
    journal.beat(1)
    journal.close()


def test_a_gap_is_refused() -> None:
    journal, book = filled(2), nouns.book()
    with pytest.raises(JournalCorrupt, match="entry 4 does not follow on entry 2"):
        journal.append(nouns.day(4), replace(book, seq=4))
    with pytest.raises(JournalCorrupt, match="the book counts 4 events and the entry is number 3"):
        journal.append(nouns.day(3), replace(book, seq=4))


def test_it_may_keep_the_newest_only() -> None:
    journal = filled(10, keep=4)
    assert [entry.seq for entry in journal.entries(6)] == [7, 8, 9, 10]
    with pytest.raises(JournalCorrupt, match="entries up to 6 are no longer kept"):
        list(journal.entries(5))


def test_snapshots() -> None:
    journal, book = filled(4, snapshot_every_events=3), replace(nouns.book(), seq=4)
    assert journal.newest_snapshot() is None
    assert journal.snapshot_due
    journal.save_snapshot(book, b"w")
    assert journal.newest_snapshot() == (book, b"w")
    assert not filled(4).snapshot_due


def test_a_snapshot_is_due_again_only_later() -> None:
    journal = filled(4, snapshot_every_events=3)
    journal.save_snapshot(replace(nouns.book(), seq=4), b"")
    assert not journal.snapshot_due


def test_an_append_takes_no_time() -> None:
    journal, book = MemoryJournal(), nouns.book(100)
    steps = [(nouns.day(seq, 100), replace(book, seq=seq)) for seq in range(1, 2_001)]
    begin_s = time.perf_counter()
    for entry, after in steps:
        journal.append(entry, after)
    assert (time.perf_counter() - begin_s) / len(steps) < 50e-6
