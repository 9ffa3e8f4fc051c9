"""The window: the tail of a panel, its bits and its hash, whatever the buffer did underneath."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom import kernel
from xsmom._core import params_defaults
from xsmom.domain.panel import CELL_FIELDS
from xsmom.domain.window import EMPTY_HASH, BarRow, Window
from xsmom.errors import DataError
from xsmom.lake.sample import SampleMarket

HOUR_MS = 3_600_000
NAMES = ("AUSDT", "BUSDT", "CUSDT")


def window(bars_max: int = 5) -> Window:
    return Window(NAMES, np.zeros(3, dtype=np.int64), np.full(3, 2**62), bar_ms=HOUR_MS, bars_max=bars_max)


def row(bar: int, value: float = 1.0) -> BarRow:
    return BarRow(bar * HOUR_MS, *(np.full(3, value + bar + field) for field in range(6)))


@given(st.integers(1, 9), st.integers(1, 40))
def test_it_is_the_tail_of_what_was_appended(bars_max: int, count: int) -> None:
    held = window(bars_max)
    rows = [row(100 + bar) for bar in range(count)]
    for one in rows:
        held.append(one)
    tail = rows[-bars_max:]
    assert held.bars == len(tail)
    assert held.close_ms.tolist() == [one.close_ms for one in tail]
    for name in CELL_FIELDS:
        np.testing.assert_array_equal(getattr(held, name), np.stack([getattr(one, name) for one in tail]))


def test_a_hole_becomes_rows_of_nothing() -> None:
    held = window(6).append(row(10)).append(row(13))
    assert held.close_ms.tolist() == [bar * HOUR_MS for bar in (10, 11, 12, 13)]
    assert np.isnan(held.close[1:3]).all()
    assert not np.isnan(held.close[3]).any()


def test_a_long_hole_leaves_the_newest_bar_alone() -> None:
    held = window(4).append(row(10)).append(row(1_000))
    assert held.bars == 4
    assert np.isnan(held.close[:3]).all()
    assert held.last_ms == 1_000 * HOUR_MS


def test_the_hash_is_of_every_bar_and_not_of_the_buffer() -> None:
    short, long = window(2), window(50)
    assert short.hash == EMPTY_HASH
    for bar in range(20, 40):
        short.append(row(bar))
        long.append(row(bar))
    assert short.hash == long.hash
    other = window(2)
    for bar in range(20, 40):
        other.append(row(bar, 1.5 if bar == 25 else 1.0))
    assert other.hash != short.hash


def test_it_cannot_be_written_and_goes_forward_only() -> None:
    held = window().append(row(10))
    with pytest.raises(ValueError, match="read-only"):
        held.close[0, 0] = 1.0
    with pytest.raises(DataError, match="does not come after"):
        held.append(row(10))
    with pytest.raises(DataError, match="grid"):
        held.append(BarRow(10 * HOUR_MS + 1, *(np.ones(3) for _ in range(6))))


def test_features_of_the_window_are_those_of_the_panel() -> None:
    panel = SampleMarket(symbols=6, bars=400, seed=5).build()
    params = kernel.Params(
        **{**params_defaults(), "lookback_bars": [3, 9], "lookback_weights": [0.5, 0.5], "vol_bars": 20}
    )
    held = Window(
        panel.symbols, panel.listed_ms, panel.delisted_ms,
        bar_ms=panel.bar_ms, bars_max=kernel.warmup_bars(params),
    )  # fmt: skip
    whole = kernel.features(panel, params)
    for t in range(panel.bars):
        held.append(BarRow(int(panel.close_ms[t]), *(getattr(panel, name)[t] for name in CELL_FIELDS)))
        if t % 37 == 0:
            last = kernel.features_last(held, params)
            np.testing.assert_array_equal(last["score"], whole["score"][t])
            np.testing.assert_array_equal(last["sigma"], whole["sigma"][t])
