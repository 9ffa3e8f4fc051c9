"""A frozen record with some fields replaced, without running its constructor.

The book is replaced many times in a step. `dataclasses.replace` passes every field through `__init__`, which for forty
fields is most of a step's time; here the fields are copied as one mapping. The record must keep its fields in a
`__dict__` (no slots) and check nothing when it is made.
"""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def evolve(record: T, **changes: Any) -> T:
    """The same record with other values of some fields; a name that is no field is refused."""
    fields = record.__dict__
    if not changes.keys() <= fields.keys():
        unknown = ", ".join(sorted(changes.keys() - fields.keys()))
        raise TypeError(f"{type(record).__name__} has no field {unknown}")
    made = object.__new__(type(record))
    made.__dict__.update(fields)
    made.__dict__.update(changes)
    return made
