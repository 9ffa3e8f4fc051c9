"""Values as text, and back, to the bit: JSON that says of each value what it was.

| value | text |
|---|---|
| null, bool, int, str, finite float, list | itself; a float always has a point or an exponent |
| dataclass | `{"@": "Quote", "symbol": ...}`, fields in the order of the class |
| mapping with plain keys | `{"a": ...}`, in its own order |
| tuple, frozenset | `{"~t": [...]}`, `{"~s": [...]}` |
| Decimal, Enum | `{"~d": "1.50"}`, `{"~e": "Stage:touch"}` |
| NaN, infinity | `{"~f": "7ff8000000000000"}`: the eight bytes |
| array, scalar of NumPy | `{"~a": ["<f8", [2], "..."]}`, `{"~n": ["<i8", "..."]}`: dtype, shape, base64 of the bytes |
| bytes | `{"~b": "..."}` |
| any other mapping | `{"~m": [[key, value], ...]}` |

The same value gives the same text. A field that a class has gained since, with a default, may be missing from a text;
a class or field that this version does not know is refused.
"""

from __future__ import annotations

import json
import math
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np

from xsmom.errors import JournalCorrupt
from xsmom.store.registry import ENUMS, SHAPES

FORMAT = 1
"""Version of the text; stored with everything that is written."""

_MARKS = ("~", "@")
_DTYPE_KINDS = "biufU"

Plain = Callable[[Any], Any]


def encode(value: object) -> str:
    """The text of a value; refuses what it could not bring back."""
    return json.dumps(plain(value), separators=(",", ":"), allow_nan=False)


def encode_note(name: str, severity: Enum, fields: Mapping[str, object]) -> str:
    """Text of a note. It is told and never folded: what has no text of its own is kept as `str` shows it."""
    body = {"@": "Note", "name": name, "severity": plain(severity), "fields": _told(fields)}
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


def decode(text: str) -> Any:
    """The value of a text."""
    try:
        return json.loads(text, object_hook=_object, parse_constant=_refuse_constant)
    except JournalCorrupt:
        raise
    except (ValueError, TypeError, KeyError, ArithmeticError, struct.error, RecursionError) as error:
        raise JournalCorrupt(f"a text of the journal cannot be read ({error}): it was damaged or cut") from error


# --- to text ----------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """The value as JSON's own types."""
    write = _WRITERS.get(type(value))
    return _write_rare(value) if write is None else write(value)


def _itself(value: Any) -> Any:
    return value


def _float(value: float) -> Any:
    return value if math.isfinite(value) else {"~f": struct.pack(">d", value).hex()}


def _list(value: list[Any]) -> Any:
    return [plain(one) for one in value]


def _tuple(value: tuple[Any, ...]) -> Any:
    return {"~t": [plain(one) for one in value]}


def _set(value: frozenset[Any]) -> Any:
    return {"~s": sorted((plain(one) for one in value), key=json.dumps)}


def _mapping(value: Mapping[Any, Any]) -> Any:
    # A key that looks like a mark of ours, or that JSON would turn into a string, goes the long way.
    if all(type(key) is str and not key.startswith(_MARKS) for key in value):
        return {key: plain(one) for key, one in value.items()}
    return {"~m": [[plain(key), plain(one)] for key, one in value.items()]}


def _array(value: np.ndarray[Any, Any]) -> Any:
    if value.dtype.kind not in _DTYPE_KINDS:
        raise JournalCorrupt(f"the journal holds no array of {value.dtype}: use numbers or fixed strings")
    # `tobytes` writes in C order whatever the layout was.
    return {"~a": [value.dtype.str, list(value.shape), b64encode(value.tobytes()).decode()]}


def _scalar(value: np.generic) -> Any:
    if value.dtype.kind not in _DTYPE_KINDS:
        raise JournalCorrupt(f"the journal holds no scalar of {value.dtype}: use a number")
    return {"~n": [value.dtype.str, b64encode(value.tobytes()).decode()]}


def _enum_writer(kind: type[Enum]) -> Plain:
    words = {one: {"~e": f"{kind.__name__}:{one.value}"} for one in kind}
    return words.__getitem__


def _dataclass_writer(name: str, names: tuple[str, ...]) -> Plain:
    def write(value: Any) -> Any:
        body: dict[str, Any] = {"@": name}
        for field in names:
            body[field] = plain(getattr(value, field))
        return body

    return write


def _write_rare(value: Any) -> Any:
    if isinstance(value, np.generic):
        return _scalar(value)
    if isinstance(value, Mapping):
        return _mapping(value)
    kind = type(value)
    raise JournalCorrupt(f"the journal does not know {kind.__module__}.{kind.__qualname__}: add it to the nouns")


def _told(fields: Mapping[str, object]) -> Any:
    known: dict[str, object] = {}
    for key, value in fields.items():
        try:
            plain(value)
        except JournalCorrupt:
            known[key] = str(value)
        else:
            known[key] = value
    return plain(known)


_WRITERS: dict[type[Any], Plain] = {
    **dict.fromkeys((type(None), bool, int, str), _itself),
    float: _float,
    list: _list,
    tuple: _tuple,
    frozenset: _set,
    dict: _mapping,
    np.ndarray: _array,
    Decimal: lambda value: {"~d": str(value)},
    bytes: lambda value: {"~b": b64encode(value).decode()},
    **{kind: _enum_writer(kind) for kind in ENUMS.values()},
    **{shape.kind: _dataclass_writer(name, shape.names) for name, shape in SHAPES.items()},
}


# --- from text --------------------------------------------------------------------------------


def _object(body: dict[str, Any]) -> Any:
    """What one JSON object stands for; its parts were read before it."""
    if "@" in body:
        return _read_dataclass(body)
    if len(body) == 1:
        mark = next(iter(body))
        read = _READERS.get(mark)
        if read is not None:
            return read(body[mark])
    for key in body:
        if key.startswith(_MARKS):
            raise JournalCorrupt(f"the journal has a value marked {key!r}, which this version does not know: upgrade")
    return body


def _read_dataclass(body: dict[str, Any]) -> Any:
    name = body.pop("@")
    shape = SHAPES.get(name)
    if shape is None:
        raise JournalCorrupt(f"the journal has a {name!r}, which this version does not know: upgrade the package")
    given = body.keys()
    if not given <= set(shape.names):
        strange = ", ".join(sorted(given - set(shape.names)))
        raise JournalCorrupt(f"the journal's {name} has a field {strange}, which this version does not know: upgrade")
    if not shape.required <= given:
        absent = ", ".join(sorted(shape.required - given))
        raise JournalCorrupt(f"the journal's {name} lacks {absent}: it was written by another version")
    return shape.kind(**body)


def _read_float(text: str) -> float:
    value: float = struct.unpack(">d", bytes.fromhex(text))[0]
    return value


def _read_enum(text: str) -> Enum:
    name, _, word = text.partition(":")
    kind = ENUMS.get(name)
    if kind is None:
        raise JournalCorrupt(f"the journal has a word of {name!r}, which this version does not know: upgrade")
    try:
        return kind(word)
    except ValueError:
        raise JournalCorrupt(f"the journal's {name} is {word!r}, which this version does not know: upgrade") from None


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _dtype(name: str) -> np.dtype[Any]:
    dtype = np.dtype(name)
    # Bytes that became pointers to objects would be a way into the process.
    if dtype.kind not in _DTYPE_KINDS:
        raise ValueError(f"{name} is no dtype of the journal")
    return dtype


def _read_array(body: list[Any]) -> np.ndarray[Any, Any]:
    dtype, shape, text = body
    # A view of the bytes, hence read-only, as arrays of a book are by agreement.
    cells = b64decode(text, validate=True)
    array: np.ndarray[Any, Any] = np.ndarray(shape, _dtype(dtype), cells)
    if any(size < 0 for size in shape) or array.nbytes != len(cells):
        raise ValueError(f"{len(cells)} bytes for {shape} of {dtype}")
    return array


def _read_scalar(body: list[Any]) -> Any:
    dtype, text = body
    return np.frombuffer(b64decode(text, validate=True), dtype=_dtype(dtype))[0]


_READERS: dict[str, Plain] = {
    "~t": tuple,
    "~s": frozenset,
    "~d": Decimal,
    "~f": _read_float,
    "~e": _read_enum,
    "~a": _read_array,
    "~n": _read_scalar,
    "~b": lambda text: b64decode(text, validate=True),
    "~m": lambda pairs: {key: value for key, value in pairs},  # noqa: C416  dict() would hide a bad pair
}
