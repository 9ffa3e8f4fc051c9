"""Tables as text: every cell as C and NumPy write it."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom._core import table_rows
from xsmom.errors import KernelError

STAMP_MIN, STAMP_MAX = -62_167_219_200_000, 253_402_300_799_999
"""The years of four digits."""


def cells(*columns) -> list[list[str]]:
    """A table, as a reader of CSV finds it."""
    return list(csv.reader(io.StringIO(table_rows(columns).decode(), newline="")))


def written(numbers) -> list[str]:
    array = np.asarray(numbers, dtype=np.float64)
    return table_rows([array]).decode().split("\n")[:-1]


@pytest.mark.parametrize("kind", ["amounts", "any bits", "short decimals", "ties", "powers of ten"])
def test_numbers_are_those_of_c(kind) -> None:
    rng = np.random.default_rng(11)
    count = 60_000
    if kind == "amounts":
        numbers = rng.normal(size=count) * 10.0 ** rng.integers(-9, 16, count)
    elif kind == "any bits":
        numbers = rng.integers(0, 2**64, count, dtype=np.uint64).view(np.float64)
    elif kind == "short decimals":
        numbers = rng.integers(-(10**9), 10**9, count) / 10.0 ** rng.integers(0, 9, count)
    elif kind == "ties":  # exact in binary, with one digit more than fits
        quarters = rng.integers(10**12, 2**51, count) + 0.25 * rng.integers(0, 4, count)
        numbers = quarters / 2.0 ** rng.integers(0, 4, count)
    else:
        near = 10.0 ** np.arange(-30, 31)
        numbers = np.concatenate([near, np.nextafter(near, 0), np.nextafter(near, np.inf), near * (1 - 5e-15)])
    assert written(numbers) == [f"{number:.14g}" for number in numbers.tolist()]


@given(st.lists(st.floats(), min_size=1))
def test_any_number_is_that_of_c(numbers) -> None:
    assert written(numbers) == [f"{number:.14g}" for number in numbers]


@given(st.lists(st.integers(STAMP_MIN, STAMP_MAX), min_size=1))
def test_instants_are_those_of_numpy(stamps) -> None:
    array = np.array(stamps, dtype=np.int64)
    told = np.datetime_as_string(array.astype("datetime64[ms]"), unit="ms", timezone="UTC")
    assert cells(array) == [[text] for text in told.tolist()]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_a_reader_finds_any_text_again(texts) -> None:
    place = np.arange(len(texts), dtype=np.float64)
    assert cells(texts, place) == [[text, str(number)] for number, text in enumerate(texts)]


def test_no_rows() -> None:
    assert table_rows([np.empty(0), [], np.empty(0, dtype=np.int64)]) == b""


def test_a_strided_column_and_columns_that_do_not_fit_are_refused() -> None:
    wrong: Any = np.arange(3.0, dtype=np.float32)
    with pytest.raises(KernelError, match="contiguous"):
        table_rows([np.arange(10.0)[::2]])
    with pytest.raises(KernelError, match="cells"):
        table_rows([np.arange(3.0), ["one"]])
    with pytest.raises(KernelError, match="no year of four digits"):
        table_rows([np.array([STAMP_MAX + 1])])
    with pytest.raises(TypeError):
        table_rows([wrong])
