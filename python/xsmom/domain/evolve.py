"""A frozen record with some fields replaced, without running its constructor.

The book is replaced many times in a step. `dataclasses.replace` passes every field through `__init__`, which for forty
fields is most of a step's time; here the fields are copied as one mapping. The record must keep its fields in a
`__dict__` (no slots) and check nothing when it is made.
"""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")
# A frozen record refuses its own `__setattr__`; `object`'s writes the mapping in one piece.
_new, _set = object.__new__, object.__setattr__


def evolve(record: T, **changes: Any) -> T:
    """The same record with other values of some fields; a name that is no field is refused."""
    before = record.__dict__
    fields = before | changes
    if len(fields) != len(before):
        unknown = ", ".join(sorted(changes.keys() - before.keys()))
        raise TypeError(f"{type(record).__name__} has no field {unknown}")
    made = _new(record.__class__)
    _set(made, "__dict__", fields)
    return made
