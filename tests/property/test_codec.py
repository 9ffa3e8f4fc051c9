"""Whatever the journal takes in, it gives back to the bit; and the same value has one text."""

from __future__ import annotations

import dataclasses
import os
import struct
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from xsmom.domain.effects import Note, Severity
from xsmom.errors import JournalCorrupt
from xsmom.store import codec
from xsmom.store.chain import note_text
from xsmom.store.registry import ENUMS, SHAPES

PROOF = os.environ.get("XSMOM_PROOF") == "1"

bits = st.integers(0, 2**64 - 1).map(lambda word: struct.unpack("<d", word.to_bytes(8, "little"))[0])
floats = st.floats() | bits
dtypes = st.sampled_from(["<f8", "<f4", ">f8", "<i8", "<i4", "|i1", "|u1", "<u4", "<u8", "|b1", "<U5"])
arrays = dtypes.flatmap(
    lambda dtype: npst.arrays(np.dtype(dtype), npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
words = [word for kind in ENUMS.values() for word in kind]
keys = st.text(max_size=4) | st.sampled_from(["~t", "~", "@", "@x", "~new"])
leaves = (
    st.none() | st.booleans() | st.integers() | floats | st.text() | st.binary(max_size=9) | st.decimals()
    | st.sampled_from(words) | arrays
    | st.sampled_from([np.float64(0.1), np.int64(-3), np.bool_(True), np.float64("nan")])
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.dictionaries(st.integers() | keys, inner, max_size=3)
        | st.frozensets(st.integers() | st.text(max_size=3) | st.sampled_from(words), max_size=3)
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Equal in type, in value, in every bit, and in the order of mappings."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and not isinstance(one, np.generic):
        return struct.pack("<d", one) == struct.pack("<d", other)
    if isinstance(one, np.ndarray | np.generic):
        return one.dtype.str == other.dtype.str and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, Decimal):
        return str(one) == str(other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one))
    return bool(one == other)


@given(values)
@settings(max_examples=2_000 if PROOF else 150)
def test_a_value_comes_back(value: Any) -> None:
    text = codec.encode(value)
    back = codec.decode(text)
    assert same(back, value)
    assert codec.encode(back) == text
    assert text.isascii()


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=100 if PROOF else 4)
@given(data=st.data())
def test_every_noun_comes_back(name: str, data: st.DataObject) -> None:
    shape = SHAPES[name]
    value = shape.kind(**{field: data.draw(values) for field in shape.names})
    text = codec.encode(value)
    back = codec.decode(text)
    assert same(back, value)
    assert codec.encode(back) == text


@pytest.mark.parametrize("kind", ENUMS.values())
def test_every_word_comes_back(kind: type[Enum]) -> None:
    assert all(codec.decode(codec.encode(word)) is word for word in kind)


@given(arrays, st.sampled_from(["C", "F"]))
def test_the_layout_of_an_array_does_not_change_its_text(array: np.ndarray, order: Any) -> None:
    assert codec.encode(np.array(array, order=order)) == codec.encode(array)
    assert codec.encode(array[..., ::-1] if array.ndim else array) == codec.encode(
        np.ascontiguousarray(array[..., ::-1]) if array.ndim else array
    )


@given(values, st.data())
def test_a_damaged_text_is_told_or_another_value(value: Any, data: st.DataObject) -> None:
    text = codec.encode(value)
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.sampled_from('0"{}[],~@x')) + text[at + 1 :]
    with suppress(JournalCorrupt):  # and no other error
        codec.decode(damaged)


@given(values)
def test_a_cut_text_of_a_collection_is_told(value: Any) -> None:
    text = codec.encode([value])
    with pytest.raises(JournalCorrupt, match="damaged or cut"):
        codec.decode(text[:-1])


# --- what is refused, in sentences ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"@":"Nonsense"}', "has a 'Nonsense', which this version does not know: upgrade"),
        ('{"@":"SetTimer","name":"a","due_ms":1,"colour":2}', "SetTimer has a field colour"),
        ('{"@":"SetTimer","name":"a"}', "SetTimer lacks due_ms"),
        ('{"~e":"Stage:supper"}', "Stage is 'supper'"),
        ('{"~e":"Meal:supper"}', "a word of 'Meal'"),
        ('{"~z":1}', "a value marked '~z'"),
        ('{"~a":["<f8",[3],"AAAAAAAAAAA="]}', "damaged or cut"),
        ('{"~a":["<f8",[1],"AAAAAAAAAAAAAAAAAAAAAA=="]}', "damaged or cut"),
        ('{"~a":["O",[1],"AAAAAAAAAAA="]}', "damaged or cut"),
        ('{"~a":["<f8",[-1],"AAAAAAAAAAA="]}', "damaged or cut"),
        ('{"~d":"one"}', "damaged or cut"),
        ('{"~f":"7ff8"}', "damaged or cut"),
        ("NaN", "damaged or cut"),
        ("", "damaged or cut"),
    ],
)
def test_what_is_not_known_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(JournalCorrupt, match=sentence):
        codec.decode(text)


def test_a_field_with_a_default_may_be_missing() -> None:
    assert codec.decode('{"@":"Note","name":"x"}') == Note("x", Severity.INFO, {})


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), np.datetime64("2020"), 1j, range(3)])
def test_what_could_not_come_back_is_not_taken(value: object) -> None:
    with pytest.raises(JournalCorrupt):
        codec.encode(value)


def test_a_note_keeps_the_text_of_what_it_cannot_hold() -> None:
    note = Note("x.y", Severity.ERROR, {"error": ValueError("no"), "lots": np.int64(3), "pair": (1, 2.5)})
    back = codec.decode(note_text(note))
    assert back == Note("x.y", Severity.ERROR, {"error": "no", "lots": np.int64(3), "pair": (1, 2.5)})


def test_any_mapping_becomes_a_dictionary() -> None:
    assert same(codec.decode(codec.encode(MappingProxyType({"a": 1}))), {"a": 1})


def test_what_comes_back_cannot_be_changed_in_place() -> None:
    array = codec.decode(codec.encode(np.zeros(3)))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1.0
