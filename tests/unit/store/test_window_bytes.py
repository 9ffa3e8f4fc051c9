"""A window that was stored goes on as if it had never been away."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracle import nouns
from xsmom.domain.panel import CELL_FIELDS
from xsmom.domain.window import BarRow, Window
from xsmom.errors import DataError, JournalCorrupt
from xsmom.store.window_bytes import pack, unpack

NAMES = 4


def row(at: int) -> BarRow:
    found = nouns.bar(NAMES, nouns.BEGIN_MS + at * nouns.HOUR_MS, at).row
    assert found is not None
    return found


def window(bars: int, bars_max: int = 6) -> Window:
    listed_ms = np.arange(NAMES, dtype=np.int64)
    empty = Window(("A", "B", "C", "D"), listed_ms, listed_ms + 9, bar_ms=nouns.HOUR_MS, bars_max=bars_max)
    for at in range(bars):
        empty.append(row(at))
    return empty


def same(one: Window, other: Window) -> bool:
    fields = [*CELL_FIELDS, "close_ms", "listed_ms", "delisted_ms"]
    arrays = all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in fields)
    plain = ["symbols", "bar_ms", "bars_max", "bars", "last_ms", "hash"]
    return arrays and all(getattr(one, name) == getattr(other, name) for name in plain)


@pytest.mark.parametrize("bars", [0, 1, 5, 6, 7, 12, 13, 30])
def test_it_goes_on_the_same(bars: int) -> None:
    first = window(bars)
    second = unpack(pack(first))
    assert same(first, second) or bars == 0
    assert (first.bars, first.hash, first.last_ms) == (second.bars, second.hash, second.last_ms)
    for at in range(bars, bars + 20):
        first.append(row(at))
        second.append(row(at))
        assert same(first, second)


def test_a_gap_after_it_is_filled_the_same() -> None:
    first = window(5)
    second = unpack(pack(first))
    assert same(first.append(row(8)), second.append(row(8)))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "damaged or cut"),
        (b"{}\n", "damaged or cut"),
        (pack(window(3))[:-1], "damaged or cut"),
        (pack(window(3))[:-8], "damaged or cut"),
        (pack(window(3)).replace(b"window 1", b"window 9"), "of the kind 'xsmom window 9'"),
    ],
)
def test_what_is_no_window_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(JournalCorrupt, match=sentence):
        unpack(data)


def test_bars_of_another_roster_are_refused() -> None:
    with pytest.raises(DataError, match=r"bars of shape \(6, 3, 9\) do not fit 4 names"):
        window(0).restored(np.zeros((6, 3, 9)), 0, "x")
    with pytest.raises(DataError, match="6 bars"):
        window(0).restored(np.zeros((6, 7, NAMES)), 0, "x")
