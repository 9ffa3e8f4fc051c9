"""One decision of a journal, taken again: with the bars, the book and the settings that the trader had.

The journal keeps events and not books, so the book is folded: from the newest one that was kept before the decision,
by the engine's own steps. What comes out must be what the journal says was decided, of every name; else nothing is
explained by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xsmom import kernel
from xsmom.domain.book import Book, Roster
from xsmom.domain.events import Started
from xsmom.domain.journal import Entry
from xsmom.domain.ledger import DecisionRow
from xsmom.domain.panel import CELL_FIELDS, Panel
from xsmom.domain.window import Window
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, live_through
from xsmom.engine.turn import DecisionRead, Turn
from xsmom.errors import StateError, XsmomError
from xsmom.live.recovery import new_window
from xsmom.ports import JournalReader
from xsmom.store.window_bytes import unpack

Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Retaken:
    """What was decided, and all that it was decided on. `panel` ends at the bar; `rules` held at that time."""

    panel: Panel
    read: DecisionRead
    book: Book
    rules: Rules
    #: What the plan said of each name; empty where no plan was made in that mode.
    plan_reasons: tuple[str, ...]


def retake(
    reader: JournalReader,
    rules: Rules,
    config_hash: str,
    rows: Sequence[DecisionRow],
    progress: Progress | None = None,
) -> Retaken:
    """Take the decision again whose rows of the journal are given; one that comes out otherwise is a sentence.

    `rules` are those of the configuration on this venue, before any bounds of a start: the journal has those.
    """
    seq = rows[0].seq
    kept = reader.snapshot_before(seq)
    fold = _Fold(rules) if kept is None else _Fold(rules.within(kept[0].limits), kept[0], unpack(kept[1]))
    begun = 0 if fold.book is None else fold.book.seq
    try:
        for entry in reader.entries(begun):
            turn = fold.take(entry, rules)
            if progress is not None:
                progress(entry.seq - begun, seq - begun)
            if entry.seq == seq:
                break
        else:
            raise StateError(f"entry {seq} of the journal, which decided it, is not there")
    except XsmomError as error:
        if fold.book is not None and fold.book.config_hash != config_hash:
            raise StateError(_OTHER_SETTINGS) from error
        raise
    assert fold.window is not None, "the first entry is a start"
    return _compare(turn, fold.window, rows, config_hash)


@dataclass(slots=True)
class _Fold:
    """The book as it comes about, and the rules within the bounds of the newest start."""

    rules: Rules
    book: Book | None = None
    window: Window | None = None

    def take(self, entry: Entry, whole: Rules) -> Turn:
        """One entry more; `whole` are the rules without bounds."""
        event = entry.event
        if isinstance(event, Started):
            roster = Roster.of(event.instruments)
            if self.window is None or self.window.symbols != roster.symbols:
                self.window = new_window(whole, roster)
            agree = replace(whole.agree, adopt=event.adopt, ignore=event.ignore)
            self.rules = replace(whole.within(event.limits), agree=agree)
        if self.window is None:
            raise StateError("the journal does not begin with a start: it was cut")
        grow(self.window, event)
        turn = live_through(self.book, self.window, event, entry.at_ms, self.rules)
        self.book = turn.book
        return turn


_OTHER_SETTINGS = (
    "it was decided with other settings: give --config and --set as the trader had them when it decided (xsmom status "
    "tells whether they have changed since its start)"
)


def _compare(turn: Turn, window: Window, rows: Sequence[DecisionRow], config_hash: str) -> Retaken:
    book, read = turn.book, turn.decision
    then = [(row.symbol, row.weight_frac, row.reason) for row in rows]
    if read is None or _decided(book) != then:
        if book.config_hash != config_hash:
            raise StateError(_OTHER_SETTINGS)
        raise StateError(
            "taken again it comes out otherwise than it was written, so that its numbers would mislead: the trader "
            "was of another version, or ran with other settings of execution"
        )
    planned = turn.plan_reasons
    return Retaken(
        panel=_panel(window),
        read=read,
        book=book,
        rules=turn.rules,
        plan_reasons=() if planned is None else tuple(kernel.REASONS[int(code)] for code in planned),
    )


def _decided(book: Book) -> list[tuple[str, float, str]]:
    cycle = book.cycle
    codes = (kernel.REASONS[int(code)] for code in cycle.reasons)
    return list(zip(book.roster.symbols, np.asarray(cycle.weight_frac).tolist(), codes, strict=True))


def _panel(window: Window) -> Panel:
    cells: dict[str, Any] = {name: getattr(window, name) for name in CELL_FIELDS}
    return Panel(
        close_ms=window.close_ms,
        symbols=window.symbols,
        **cells,
        listed_ms=window.listed_ms,
        delisted_ms=window.delisted_ms,
        bar_ms=window.bar_ms,
    )
