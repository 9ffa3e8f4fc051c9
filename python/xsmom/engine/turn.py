"""One step in the making: the book so far, and what is to go out. It lives for the length of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xsmom.domain.book import Book, Columns
from xsmom.domain.effects import Effect, Note, Severity
from xsmom.domain.evolve import evolve
from xsmom.domain.tape import Tape
from xsmom.engine.rules import Rules


@dataclass(frozen=True, slots=True)
class DecisionRead:
    """What a decision read: features, the book's row, and the state that the decision before had left."""

    close_ms: int
    row: Mapping[str, Any]
    book_row: dict[str, Any]
    state: Columns


@dataclass(slots=True)
class Turn:
    """What the parts of a step share. Books are replaced here, never changed."""

    book: Book
    rules: Rules
    now_ms: int
    effects: list[Effect] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    #: What moves the book, where somebody wants to know it.
    tape: list[Tape] | None = None
    #: Of a step that decided, and of one that planned: the plan's reason for each name. For whoever explains it.
    decision: DecisionRead | None = None
    plan_reasons: Any = None

    def put(self, **changes: Any) -> None:
        """Replace parts of the book."""
        self.book = evolve(self.book, **changes)

    def set_item(self, part: str, key: str, value: object | None) -> None:
        """Replace one entry of a mapping of the book; None takes it out."""
        after: dict[str, Any] = dict(getattr(self.book, part))
        after.pop(key, None)
        if value is not None:
            after[key] = value
        self.put(**{part: after})

    def record(self, what: Tape) -> None:
        """Something has moved the book."""
        if self.tape is not None:
            self.tape.append(what)

    def send(self, effect: Effect) -> None:
        """Something goes out."""
        self.effects.append(effect)

    def note(self, name: str, severity: Severity = Severity.INFO, **fields: object) -> None:
        """Something is told."""
        self.notes.append(Note(name, severity, fields))

    def note_once(self, name: str, every_ms: int, severity: Severity = Severity.INFO, **fields: object) -> None:
        """The same, but at most once in `every_ms` for one name and one symbol."""
        key = f"{name}:{fields.get('symbol', '')}"
        last_ms = self.book.loud_ms.get(key)
        # A clock that was wrong and has been set right must not silence anything for as long as it was wrong.
        if last_ms is None or abs(self.now_ms - last_ms) >= every_ms:
            self.set_item("loud_ms", key, self.now_ms)
            self.note(name, severity, **fields)
