"""The fixed list of what the journal can hold: every dataclass and every Enum of the nouns, by name.

A name in a journal is a promise: renaming or removing a class, a field or a word of an Enum makes old journals
unreadable, and needs a migration.
"""

from __future__ import annotations

import dataclasses
from enum import Enum
from types import ModuleType
from typing import Any

from xsmom.domain import book, effects, events, journal, limits, market_data, orders, protection, trading, window

MODULES: tuple[ModuleType, ...] = (
    book,
    effects,
    events,
    journal,
    limits,
    market_data,
    orders,
    protection,
    trading,
    window,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """A class with its fields in the order in which they are written."""

    kind: type[Any]
    names: tuple[str, ...]
    required: frozenset[str]


def _own(module: ModuleType) -> list[type[Any]]:
    return [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]


def _shape(kind: type[Any]) -> Shape:
    fields = dataclasses.fields(kind)
    free = (dataclasses.MISSING, dataclasses.MISSING)
    return Shape(
        kind=kind,
        names=tuple(one.name for one in fields),
        required=frozenset(one.name for one in fields if (one.default, one.default_factory) == free),
    )


def _by_name(kinds: list[type[Any]]) -> dict[str, type[Any]]:
    found = {kind.__name__: kind for kind in kinds}
    assert len(found) == len(kinds), "two nouns bear one name, and the journal tells them apart by name"
    return found


_KINDS = [kind for module in MODULES for kind in _own(module)]

SHAPES: dict[str, Shape] = {
    name: _shape(kind) for name, kind in _by_name([one for one in _KINDS if dataclasses.is_dataclass(one)]).items()
}
"""Dataclasses by name."""

ENUMS: dict[str, type[Enum]] = _by_name([one for one in _KINDS if issubclass(one, Enum)])
"""Enums by name."""
