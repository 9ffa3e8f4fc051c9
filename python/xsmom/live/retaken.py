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
from xsmom.domain.ledger import DecisionRow
from xsmom.domain.limits import Limits
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
    book, window = (None, None) if kept is None else (kept[0], unpack(kept[1]))
    begun = 0 if book is None else book.seq
    bounded = rules if book is None else rules.within(book.limits)
    try:
        for entry in reader.entries(begun):
            if isinstance(entry.event, Started):
                roster = Roster.of(entry.event.instruments)
                if window is None or window.symbols != roster.symbols:
                    window = new_window(rules, roster)
                bounded = _bounded(rules, entry.event.limits, entry.event)
            if window is None:
                raise StateError("what led to it is no longer in the journal (storage.keep_days)")
            grow(window, entry.event)
            turn = live_through(book, window, entry.event, entry.at_ms, bounded)
            book = turn.book
            if progress is not None:
                progress(entry.seq - begun, seq - begun)
            if entry.seq == seq:
                return _compare(turn, window, rows, config_hash)
    except XsmomError as error:
        if book is not None and book.config_hash != config_hash:
            raise StateError(_OTHER_SETTINGS) from error
        raise
    raise StateError(f"entry {seq} of the journal, which decided it, is not there")


_OTHER_SETTINGS = (
    "it was decided with other settings: give --config and --set as the trader had them when it decided (xsmom status "
    "tells whether they have changed since its start)"
)


def _bounded(rules: Rules, limits: Limits, event: Started) -> Rules:
    """As this start had settled it."""
    agree = replace(rules.agree, adopt=event.adopt, ignore=event.ignore)
    return replace(rules.within(limits), agree=agree)


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
