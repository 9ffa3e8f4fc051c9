"""The window: the tail of a panel, its bits and its hash, whatever the buffer did underneath."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom import kernel
from xsmom._core import params_defaults
from xsmom.domain.panel import CELL_FIELDS
from xsmom.domain.window import EMPTY_HASH, BarRow, Window
from xsmom.errors import DataError, KernelError
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


OVERLAYS = {
    "lookback_bars": [3, 9, 40],
    "lookback_weights": [0.5, 0.3, 0.2],
    "signal_kind": "vol_scaled",
    "vol_bars": 20,
    "dollar_volume_days": 3,
    "universe_top_n": 4,
    "beta_neutral": True,
    "beta_bars": 70,
    "vol_target_enabled": True,
    "vol_target_bars": 33,
    "regime_enabled": True,
    "regime_ema_bars": 20,
    "regime_slope_bars": 7,
    "adx_enabled": True,
    "adx_bars": 5,
    "breakout_enabled": True,
    "breakout_fast_bars": 14,
    "breakout_base_bars": 48,
    "vol_regime_enabled": True,
    "vol_regime_fast_bars": 12,
    "vol_regime_base_bars": 60,
    "k_dispersion_bars": 50,
    "funding_tilt_x": 1.0,
    "funding_bars": 30,
    "router_enabled": True,
    "router_bars": 66,
    "majors": ["BTCUSDT"],
    "trailing_enabled": True,
    "trail_kind": "ma_atr",
    "trail_ma_bars": 20,
}


def same_features(held: Window, params: kernel.Params) -> None:
    gone_on, anew = kernel.features_last(held, params, held.scratch(params)), kernel.features_last(held, params)
    assert gone_on.keys() == anew.keys()
    for name, values in anew.items():
        np.testing.assert_array_equal(gone_on[name], values, err_msg=f"{name} at bar {held.last_ms}")


def test_features_that_go_on_from_bar_to_bar_are_those_computed_anew() -> None:
    panel = SampleMarket(symbols=6, bars=900, seed=5).build()
    params = kernel.Params(**{**params_defaults(), **OVERLAYS, "bar_ms": panel.bar_ms})
    length = kernel.warmup_bars(params)
    held = Window(panel.symbols, panel.listed_ms, panel.delisted_ms, bar_ms=panel.bar_ms, bars_max=length)
    chance = np.random.default_rng(9)
    for t in range(panel.bars):
        if chance.random() < 0.02 and t + 1 < panel.bars:
            continue  # a bar of nobody: the window fills the hole
        cells = np.stack([getattr(panel, name)[t] for name in CELL_FIELDS])
        if chance.random() < 0.05:
            cells[:, chance.integers(6)] = np.nan
        held.append(BarRow(int(panel.close_ms[t]), *cells))
        if chance.random() < 0.9:
            same_features(held, params)
    assert held.bars == length < panel.bars - 100


def test_a_restored_window_and_other_parameters_begin_anew() -> None:
    panel = SampleMarket(symbols=6, bars=300, seed=5).build()
    params = kernel.Params(**{**params_defaults(), "bar_ms": panel.bar_ms, "vol_bars": 20})
    held = Window(panel.symbols, panel.listed_ms, panel.delisted_ms, bar_ms=panel.bar_ms, bars_max=250)
    for t in range(280):
        held.append(BarRow(int(panel.close_ms[t]), *(getattr(panel, name)[t] for name in CELL_FIELDS)))
    same_features(held, params)
    kept = held.scratch(params)
    other = kernel.Params(**{**params_defaults(), "bar_ms": panel.bar_ms, "vol_bars": 30})
    with pytest.raises(KernelError, match="other parameters"):
        kernel.features_last(held, other, kept)
    same_features(held, other)
    # All but the newest close is different, so that nothing gives the change away.
    cells = held.cells.copy()
    cells[:, :-1] *= 1.25
    last_ms = held.last_ms
    assert last_ms is not None
    same_features(held.restored(cells, last_ms, "0" * 64), other)
    held.append(BarRow(last_ms + panel.bar_ms, *(getattr(panel, name)[281] for name in CELL_FIELDS)))
    same_features(held, other)
