"""Boot is recovery; there is no other start. The newest book, and a window brought up to it.

The book is read as it stood after the newest entry, not decided again: a newer version of the code must not believe
that other orders were sent than were. Only where that book is lost is it folded, from the newest snapshot; that both
are the same under one version is what `live.recompute` proves.
"""

from __future__ import annotations

from dataclasses import dataclass

from xsmom import kernel
from xsmom.domain.book import Book, Roster
from xsmom.domain.events import Started
from xsmom.domain.window import Window
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, step
from xsmom.ports import Journal
from xsmom.store.window_bytes import unpack


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a process begins with."""

    book: Book | None
    window: Window


def recover(journal: Journal, rules: Rules, roster: Roster) -> Recovered:
    """Book and window as they were, the window over the names of `roster`."""
    book = journal.newest_book()
    if book is None and journal.last_seq:
        # The newest entry was torn, or the stored book is spoiled: never to be taken for a first start.
        book = fold_tail(journal, rules)
    window = new_window(rules, roster)
    snapshot = journal.newest_snapshot()
    if book is None or book.roster.symbols != roster.symbols:
        # Other names: their history is fetched anew, so that every column has one length.
        return Recovered(book, window)
    if snapshot is not None and (kept := unpack(snapshot[1])).symbols == roster.symbols and _fits(kept, rules):
        window = kept
    # Before the first snapshot every bar is taken, so that the window's hash goes on as it was; where a window no
    # longer fits, its hash begins anew, and only as many bars are taken as it holds.
    reach_ms = 0 if snapshot is None else max(0, book.cycle.touched_ms - window.bars_max * window.bar_ms)
    for row in journal.window_rows(window.last_ms or reach_ms):
        if window.last_ms is None or row.close_ms > window.last_ms:
            window.append(row)
    return Recovered(book, window)


def new_window(rules: Rules, roster: Roster) -> Window:
    """A window without bars, as long as a decision needs it."""
    return Window(
        roster.symbols,
        roster.listed_ms,
        roster.delisted_ms,
        bar_ms=rules.pace.bar_ms,
        bars_max=kernel.warmup_bars(rules.params),
    )


def fold_tail(journal: Journal, rules: Rules) -> Book | None:
    """The book of the newest snapshot, and the entries after it folded into it; from the first, without one."""
    snapshot = journal.newest_snapshot()
    book, window = (None, None) if snapshot is None else (snapshot[0], unpack(snapshot[1]))
    for entry in journal.entries(0 if book is None else book.seq):
        if isinstance(entry.event, Started):
            roster = Roster.of(entry.event.instruments)
            if window is None or window.symbols != roster.symbols:
                window = new_window(rules, roster)
        assert window is not None, "a journal begins with a start"
        grow(window, entry.event)
        book, _, _ = step(book, window, entry.event, entry.at_ms, rules)
    return book


def _fits(window: Window, rules: Rules) -> bool:
    return window.bar_ms == rules.pace.bar_ms and window.bars_max >= kernel.warmup_bars(rules.params)
