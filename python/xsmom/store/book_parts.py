"""The newest book, part by part: a step writes what it changed, and a start or a reader needs no folding.

Parts of a book are replaced and never changed, so that what `is` the same object needs no writing. Mappings that grow
are stored entry by entry, each with its place, so that they come back in their own order: what works through a mapping
does it alike before and after a restart. Each row has a hash, and the first part says how many there are of each kind:
a book that lost a row, or that belongs to another entry than the newest, is seen.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from xsmom.domain.book import Book
from xsmom.errors import JournalCorrupt
from xsmom.store import codec

Row: TypeAlias = dict[str, Any]
Places: TypeAlias = Mapping[str, Mapping[str, int]]
"""By part and item: rising along the mapping's order, but not dense."""

_HEAD = "head"
_TYPES = {one.name: str(one.type) for one in dataclasses.fields(Book)}
_ITEMWISE = tuple(name for name, kind in _TYPES.items() if kind.startswith("Mapping["))
#: What is no object of its own goes into the head, which every step writes.
_PLAIN = tuple(
    name
    for name, kind in _TYPES.items()
    if kind in {"int", "str", "bool", "float", "Mode"} or kind.startswith("tuple[")
)
_WHOLE = tuple(name for name in _TYPES if name not in {*_ITEMWISE, *_PLAIN})


class Change(NamedTuple):
    """Rows to write, (part, item) of rows to take out, and the places after it."""

    put: list[Row]
    gone: list[tuple[str, str]]
    places: Places


def find_change(before: Book | None, after: Book, places: Places, entry_hash: str) -> Change:
    """What must be written so that the table holds the book after the step of this entry."""
    counts = {name: len(getattr(after, name)) for name in _ITEMWISE}
    plain = {name: getattr(after, name) for name in _PLAIN}
    put = [_row(_HEAD, "", 0, {"entry": entry_hash, "counts": counts, "plain": plain})]
    for name in _WHOLE:
        value = getattr(after, name)
        if before is None or getattr(before, name) is not value:
            put.append(_row(name, "", 0, value))
    gone: list[tuple[str, str]] = []
    moved: dict[str, Mapping[str, int]] = dict(places)
    for name in _ITEMWISE:
        old: Mapping[str, Any] = {} if before is None else getattr(before, name)
        new: Mapping[str, Any] = getattr(after, name)
        if old is not new or before is None:
            known = {} if before is None else places[name]
            moved[name] = _place(known, new)
            put += _items(name, old, new, (known, moved[name]))
            gone += ((name, key) for key in old if key not in new)
    return Change(put, gone, moved)


def _place(known: Mapping[str, int], new: Mapping[str, Any]) -> dict[str, int]:
    """A place for each key, rising in the mapping's order; a key keeps its own where that is so already."""
    placed: dict[str, int] = {}
    last, free = -1, max(known.values(), default=-1) + 1
    for key in new:
        place = known.get(key, -1)
        if place <= last:
            place, free = free, free + 1
        placed[key] = last = place
    return placed


def _items(
    part: str, old: Mapping[str, Any], new: Mapping[str, Any], places: tuple[Mapping[str, int], Mapping[str, int]]
) -> Iterator[Row]:
    before, after = places
    for key, value in new.items():
        if old.get(key) is not value or key not in old or before.get(key) != after[key]:
            yield _row(part, key, after[key], value)


def join(rows: Sequence[tuple[str, str, str, str]], entry_hash: str) -> Book:
    """The book of all (part, item, body, hash), in order of place; refused unless it is whole and of this entry."""
    fields: dict[str, Any] = {name: {} for name in _ITEMWISE}
    head: dict[str, Any] | None = None
    for part, item, body, seal in rows:
        if _seal(part, item, body) != seal:
            raise JournalCorrupt(f"the part {part} {item} of the stored book does not match its hash")
        value = codec.decode(body)
        if part == _HEAD:
            head = value
        elif part in _ITEMWISE:
            fields[part][item] = value
        else:
            fields[part] = value
    if head is None or head["entry"] != entry_hash:
        raise JournalCorrupt("the stored book is not that of the newest entry")
    lacking = [name for name, count in head["counts"].items() if len(fields.get(name, ())) != count]
    fields |= head["plain"]
    free = {one.name for one in dataclasses.fields(Book) if one.default is not one.default_factory}
    lacking += [name for name in _TYPES if name not in fields and name not in free]
    strange = [name for name in fields if name not in _TYPES]
    if lacking or strange:
        raise JournalCorrupt(f"the stored book is not whole: {', '.join(lacking + strange)}")
    return Book(**fields)


def _row(part: str, item: str, place: int, value: object) -> Row:
    body = codec.encode(value)
    return {"part": part, "item": item, "place": place, "body": body, "hash": _seal(part, item, body)}


def _seal(part: str, item: str, body: str) -> str:
    return hashlib.sha256(f"{part} {item} {body}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
