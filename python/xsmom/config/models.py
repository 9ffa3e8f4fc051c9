"""The models as the table that `tree` reads: what each setting expects, and the rule behind it.

Only `docs/generate.py`, the reference page and the JSON schema come here: it costs all of pydantic.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from xsmom.config.schema import Config
from xsmom.config.setting import Section, extras, whole
from xsmom.config.tree import number

_NUMBERS = {int: "a whole number", float: "a number"}
_PLAIN = {bool: "true or false", str: "text", SecretStr: "text"}
_KINDS = {bool: "bool", int: "int", float: "float", str: "text"}
_BOUNDS = (annotated_types.Ge, annotated_types.Gt, annotated_types.Le, annotated_types.Lt)
_LENGTHS = (annotated_types.MinLen, annotated_types.MaxLen)


@cache
def fields() -> dict[str, FieldInfo]:
    """Every setting of the models, by dotted name."""
    return {name: field for name, field, section in _walk(Config, "") if section is None}


def table_text() -> str:
    """What `settings.json` holds: one setting to a line."""
    sections = {name: field.description or "" for name, field, section in _walk(Config, "") if section is not None}
    keys = ",\n".join(json.dumps(_row(name, field), ensure_ascii=False) for name, field in fields().items())
    return f'{{"sections": {json.dumps(sections, ensure_ascii=False, indent=1)},\n"keys": [\n{keys}\n]}}\n'


def _row(name: str, field: FieldInfo) -> list[object]:
    inner, items = _unwrap(field.annotation, field.metadata)
    default = field.get_default(call_default_factory=True)
    is_text = inner in (str, SecretStr)
    return [
        name,
        _expects(inner, items),
        is_text,
        list(extras(field)),
        _rule(field.annotation, field.metadata),
        default,
    ]


def _rule(kind: Any, metadata: list[Any]) -> Mapping[str, object] | None:
    """What `plain.fit` needs to know, or None where a value is more than type, range and length."""
    inner, found = _unwrap(kind, metadata)
    rule: dict[str, object] = {"null": True} if type(None) in get_args(kind) else {}
    for item in found:
        if isinstance(item, _BOUNDS + _LENGTHS):
            rule |= dict(vars(item)) if hasattr(item, "__dict__") else {s: getattr(item, s) for s in item.__slots__}
        elif isinstance(item, BeforeValidator) and item.func is whole:
            rule["whole"] = True
        else:
            return None
    if get_origin(inner) is Literal:
        return rule | {"kind": "choice", "choices": list(get_args(inner))}
    if get_origin(inner) is list:
        part = _rule(get_args(inner)[0], [])
        return None if part is None else rule | {"kind": "list", "item": part}
    return rule | {"kind": _KINDS[inner]} if inner in _KINDS else None


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
