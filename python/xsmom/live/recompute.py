"""A journal taken again from its first entry: does every decision come out as it was written, and what was decided?

Three independent looks at each decision. The engine is given the same events again, fills and verdicts among them, and
must ask for the same orders, of the same targets and the same planned lots. The features that it decided on, computed
live from a window of the newest bars, must be those that a simulation computes in blocks over all bars, bit for bit.
And the loop of the simulation, given the recorded fills, funding and verdicts, must reproduce every target and every
planned lot (`live.follow`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xsmom import kernel
from xsmom.domain.book import Book, Roster
from xsmom.domain.effects import Effect, Note
from xsmom.domain.events import BarClosed, BarsBackfilled, Event, Stage, Started
from xsmom.domain.journal import Entry
from xsmom.domain.panel import CELL_FIELDS, Panel
from xsmom.domain.window import BarRow, Window
from xsmom.engine import money
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, step
from xsmom.errors import StateError
from xsmom.live.follow import Followed, Recording, follow
from xsmom.live.recovery import new_window
from xsmom.ports import Journal
from xsmom.store import codec

_TOLD = {
    "targets.decided": ("close_ms", "gross_frac", "net_frac", "long", "short", "window_hash"),
    "plan.made": ("close_ms", "legs", "rebalance"),
    "order.approved": ("symbol", "purpose", "wanted_lots", "lots"),
}
"""Notes that say what was decided, and what of them must come out again."""

Floats: TypeAlias = NDArray[np.float64]
Lots: TypeAlias = NDArray[np.int64]
Progress = Callable[[int, int], object]
Row: TypeAlias = tuple[dict[str, Any], float]
"""Features of a decision, and the equity that it was made with."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry that would be another one today."""

    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Decided:
    """One rebalance: what was wanted, what was held when the next one came, and what it was decided on."""

    close_ms: int
    weight_frac: Floats
    goal_lots: Lots
    held_lots: Lots
    equity_usdt: float
    features_same: bool


@dataclass(slots=True)
class Recomputed:
    """What came out; `panel` holds the bars that the engine saw, of the names that it had at last."""

    entries: int = 0
    differences: list[Difference] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    panel: Panel | None = None
    book: Book | None = None
    #: What the loop of the simulation made of the same fills; None where nothing was decided, or names have changed.
    followed: Followed | None = None

    @property
    def same(self) -> bool:
        """Every entry and every decision came out as it was written."""
        followed = self.followed is None or self.followed.same
        return followed and not self.differences and all(one.features_same for one in self.decided)


def recompute(journal: Journal, rules: Rules, progress: Progress | None = None) -> Recomputed:
    """Take every entry again. The rules are those that the process had, what its venue can do included."""
    again = _Again(rules)
    for entry in journal.entries(0):
        again.take(entry)
        if progress is not None:
            progress(again.done.entries, journal.last_seq)
    return again.finish()


@dataclass(slots=True)
class _Again:
    """A journal on its way, entry by entry: what the engine makes of it, and what both judges will read."""

    rules: Rules
    done: Recomputed = field(default_factory=Recomputed)
    window: Window | None = None
    bars: dict[int, BarRow] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    books: dict[int, Book] = field(default_factory=dict)
    recording: Recording | None = None

    def take(self, entry: Entry) -> None:
        if isinstance(entry.event, Started):
            self._begin(entry.event)
        if self.window is None:
            raise StateError("the journal does not begin with a start: it was cut, and cannot be taken again")
        self._collect(entry.event)
        grow(self.window, entry.event)
        last, tape = self.done.book, None if self.recording is None else self.recording.tape
        book, effects, notes = step(last, self.window, entry.event, entry.at_ms, self.rules, tape)
        self.done.book = book
        self.done.entries += 1
        self.done.differences += _differences(entry, effects, notes)
        if last is None:
            self.recording = Recording.of(book)
        elif self.recording is not None:
            self.recording.note(last, book)
        decided_ms = book.cycle.decided_ms
        if decided_ms != (0 if last is None else last.cycle.decided_ms):
            self.rows[decided_ms] = (kernel.features_last(self.window, self.rules.params), money.equity_usdt(book))
        if decided_ms:
            self.books[decided_ms] = book

    def finish(self) -> Recomputed:
        """Features and decisions held against those of the simulation."""
        done = self.done
        if self.window is not None and self.bars:
            done.panel = _join(self.window, self.bars)
            done.decided = _judge(done.panel, self.rules, self.rows, self.books)
            if self.recording is not None and done.book is not None:
                done.followed = follow(self.recording, done.panel, self.rules, done.book)
        return done

    def _begin(self, event: Started) -> None:
        roster = Roster.of(event.instruments)
        if self.window is None or self.window.symbols != roster.symbols:
            self.window = new_window(self.rules, roster)
            self.bars, self.rows, self.books, self.recording = {}, {}, {}, None

    def _collect(self, event: Event) -> None:
        """Bars by their close, as they came."""
        if isinstance(event, BarsBackfilled):
            self.bars.update((row.close_ms, row) for row in event.rows)
        elif isinstance(event, BarClosed) and event.stage is Stage.TOUCH and event.row is not None:
            self.bars[event.close_ms] = event.row


def _join(window: Window, bars: dict[int, BarRow]) -> Panel:
    first_ms, last_ms = min(bars), max(bars)
    closes = np.arange(first_ms, last_ms + 1, window.bar_ms, dtype=np.int64)
    cells = np.full((len(CELL_FIELDS), len(closes), len(window.symbols)), np.nan)
    for close_ms, row in bars.items():
        cells[:, (close_ms - first_ms) // window.bar_ms] = row.cells()
    fields: dict[str, Any] = dict(zip(CELL_FIELDS, cells, strict=True))
    return Panel(
        close_ms=closes,
        symbols=window.symbols,
        **fields,
        listed_ms=window.listed_ms,
        delisted_ms=window.delisted_ms,
        bar_ms=window.bar_ms,
    )


def _judge(panel: Panel, rules: Rules, rows: dict[int, Row], books: dict[int, Book]) -> list[Decided]:
    """Hold the features of each decision against those of the block form over all bars."""
    block = kernel.features(panel, rules.params)
    found = []
    for close_ms, (row, equity_usdt) in sorted(rows.items()):
        at = (close_ms - int(panel.close_ms[0])) // panel.bar_ms
        book = books[close_ms]
        found.append(
            Decided(
                close_ms=close_ms,
                weight_frac=book.cycle.weight_frac,
                goal_lots=book.names.goal_lots,
                held_lots=book.lots,
                equity_usdt=equity_usdt,
                features_same=_same_row(block, at, row),
            )
        )
    return found


def _same_row(block: dict[str, Any], at: int, row: dict[str, Any]) -> bool:
    """Every feature of one bar, to the last bit; what is not known is so both times."""
    return all(np.array_equal(values[at], row[name], equal_nan=True) for name, values in block.items() if name in row)


def _first_difference(entry: Entry, effects: Sequence[Effect]) -> str:
    if len(effects) != len(entry.effects):
        return f"{len(entry.effects)} effects then, {len(effects)} now"
    pairs = zip(entry.effects, effects, strict=True)
    return next(f"{then} then, {now} now" for then, now in pairs if _text(then) != _text(now))


def _differences(entry: Entry, effects: Sequence[Effect], notes: Sequence[Note]) -> list[Difference]:
    """What an entry asked for and decided, beside what it would now: the first of it that is another."""
    if _text(effects) != _text(entry.effects):
        return [Difference(entry.seq, _first_difference(entry, effects))]
    then, now = _decided(entry.notes), _decided(notes)
    return [] if then == now else [Difference(entry.seq, f"decided {then} then, {now} now")]


def _decided(notes: Sequence[Note]) -> list[tuple[object, ...]]:
    """What an entry tells of targets, of its plan, and of each order of it, planned lots and those that gates left."""
    return [(note.name, *(note.fields.get(name) for name in _TOLD[note.name])) for note in notes if note.name in _TOLD]


def _text(value: object) -> str:
    """As the journal writes it: an ATR that is not known, NaN, is the same both times."""
    return codec.encode(value)
