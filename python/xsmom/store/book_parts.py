"""The newest book for readers, part by part: a step writes what it changed, and a reader needs no folding.

Parts of a book are replaced and never changed, so that what `is` the same object needs no writing. Mappings that grow
are stored entry by entry; they come back with their entries sorted, which no equality sees.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from xsmom.domain.book import Book
from xsmom.errors import JournalCorrupt
from xsmom.store import codec

_ITEMWISE = (
    "orders", "tasks", "protection", "quotes", "fills_seen", "transfers_seen", "held_by_hand", "loud_ms",
)  # fmt: skip

#: What is no object of its own, or changes with every step.
_NUMBERS = (
    "seq", "as_of_ms", "run_id", "mode", "mode_ms", "mode_why", "started_ms", "first_ms", "config_hash", "ignored",
    "paused", "stopping", "last_fill_ms", "last_plan_ms",
)  # fmt: skip

_NUMBERS_PART = "numbers"
_WHOLE = tuple(one.name for one in dataclasses.fields(Book) if one.name not in {*_ITEMWISE, *_NUMBERS})

Row = dict[str, Any]


class Change(NamedTuple):
    """Rows to write, and (part, item) of rows to take out."""

    put: list[Row]
    gone: list[tuple[str, str]]


def find_change(before: Book | None, after: Book) -> Change:
    """What must be written so that the table holds the book after a step."""
    put = [_row(_NUMBERS_PART, "", {name: getattr(after, name) for name in _NUMBERS})]
    gone: list[tuple[str, str]] = []
    for name in _WHOLE:
        value = getattr(after, name)
        if before is None or getattr(before, name) is not value:
            put.append(_row(name, "", value))
    for name in _ITEMWISE:
        old: Mapping[str, Any] = {} if before is None else getattr(before, name)
        new: Mapping[str, Any] = getattr(after, name)
        if old is not new:
            put += (_row(name, key, value) for key, value in new.items() if old.get(key) is not value)
            gone += ((name, key) for key in old if key not in new)
    return Change(put, gone)


def join(rows: Sequence[tuple[str, str, str]]) -> Book | None:
    """The book of all (part, item, body), sorted; None where nothing was written yet."""
    if not rows:
        return None
    fields: dict[str, Any] = {name: {} for name in _ITEMWISE}
    for part, item, body in rows:
        value = codec.decode(body)
        if part == _NUMBERS_PART:
            fields |= value
        elif part in _ITEMWISE:
            fields[part][item] = value
        else:
            fields[part] = value
    known = {one.name: one for one in dataclasses.fields(Book)}
    needed = {name for name, one in known.items() if one.default is one.default_factory is dataclasses.MISSING}
    if not needed <= fields.keys() <= known.keys():
        raise JournalCorrupt("the stored book is of another version: it is renewed by the next step of the engine")
    return Book(**fields)


def _row(part: str, item: str, value: object) -> Row:
    return {"part": part, "item": item, "body": codec.encode(value)}
