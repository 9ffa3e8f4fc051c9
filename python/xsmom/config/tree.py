"""The tree of settings as a table: dotted name → what it expects, whether it may be written.

Built once, from the models; the loader, the error texts, the JSON schema and the reference page
all read this table, so that none of them can disagree with the models.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from xsmom.config.schema import Config
from xsmom.config.setting import Extras, Section, extras

_NUMBERS = {int: "a whole number", float: "a number"}
_EXPONENT_FROM = 1e7
_PLAIN = {bool: "true or false", str: "text", SecretStr: "text"}


@dataclass(frozen=True, slots=True)
class Key:
    """One setting."""

    name: str
    field: FieldInfo
    extras: Extras
    expects: str
    is_text: bool

    @property
    def available(self) -> bool:
        """True once some code acts on it."""
        return self.extras.available

    @property
    def default(self) -> object:
        """Value where nothing is written."""
        return self.field.get_default(call_default_factory=True)

    @property
    def leaf(self) -> str:
        """Last part of the name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Tree:
    """All settings and all sections, by dotted name, in the order of the models."""

    keys: dict[str, Key]
    sections: dict[str, str]


@cache
def tree() -> Tree:
    """Read the models once."""
    keys: dict[str, Key] = {}
    sections: dict[str, str] = {}
    for name, field, section in _walk(Config, ""):
        if section is not None:
            sections[name] = field.description or ""
            continue
        inner, items = _unwrap(field.annotation, field.metadata)
        expects = _expects(inner, items)
        keys[name] = Key(name, field, extras(field), expects, inner in (str, SecretStr))
    return Tree(keys, sections)


def _walk(model: type[Section], prefix: str) -> Iterator[tuple[str, FieldInfo, type[Section] | None]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield prefix + name, field, kind
            yield from _walk(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field, None


def _unwrap(kind: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """Take off `Annotated` and `| None`; what they constrained stays in the metadata."""
    while True:
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            metadata = [*metadata, *_flat(more)]
        elif get_origin(kind) in (Union, types.UnionType):
            kind = next(part for part in get_args(kind) if part is not type(None))
        else:
            return kind, metadata


def _flat(metadata: list[Any]) -> list[Any]:
    """Constraints inside a nested `Field(...)` stand in its own metadata."""
    found: list[Any] = []
    for item in metadata:
        found.extend(item.metadata if isinstance(item, FieldInfo) else [item])
    return found


def _expects(kind: Any, metadata: list[Any]) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(kind))
    if origin is list:
        return "a list, each item " + _expects(*_unwrap(get_args(kind)[0], []))
    if origin is dict:
        return "a mapping of names"
    if kind in _NUMBERS:
        return _NUMBERS[kind] + _range(metadata)
    return _PLAIN[kind]


def _range(metadata: list[Any]) -> str:
    low = next((item for item in metadata if isinstance(item, annotated_types.Ge)), None)
    above = next((item for item in metadata if isinstance(item, annotated_types.Gt)), None)
    high = next((item for item in metadata if isinstance(item, annotated_types.Le)), None)
    below = next((item for item in metadata if isinstance(item, annotated_types.Lt)), None)
    words = []
    if low is not None:
        words.append(f"from {number(low.ge)}")
    if above is not None:
        words.append(f"above {number(above.gt)}")
    if high is not None:
        words.append(f"to {number(high.le)}" if low is not None else f"up to {number(high.le)}")
    if below is not None:
        words.append(f"below {number(below.lt)}")
    return " " + " ".join(words) if words else ""


def number(value: object) -> str:
    """A bound or default as a person writes it: 10000 rather than 10000.0."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if abs(value) >= _EXPONENT_FROM or value != int(value) else str(int(value))
    return str(value)
