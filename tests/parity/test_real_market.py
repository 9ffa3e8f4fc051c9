"""Real bars: a market shuffled by names earns nothing but its costs, and what came back as another is told."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xsmom as xs
from tests.oracle.realdata import build_panel, first_close_ms, read_candles
from tests.unit.research.runs import flat_panel
from xsmom.research.rebirths import find_rebirths

HOUR_MS = 3_600_000


def real_panel(shared: Path, name: str, rows: int, symbols: list[str] | None = None) -> xs.Panel:
    path = shared / "data" / name
    if not path.exists():
        pytest.skip(f"needs {name} beside the repository")
    candles = read_candles(path, HOUR_MS)
    if symbols is not None:
        candles = candles.filter(candles["symbol"].is_in(symbols))
    built: dict[str, Any] = build_panel(candles, HOUR_MS, first_close_ms(candles), rows, None)
    return xs.Panel.from_arrays(**built, bar_ms=HOUR_MS)


def test_shuffled_real_names_earn_minus_their_costs(shared: Path) -> None:
    panel = real_panel(shared, "binance_perp_1h_29sym_to2024.parquet", 4_000)
    found = xs.check(panel, xs.load_config("classic"), only=["shuffled"])
    assert found.passed, str(found)


def test_names_that_came_back_as_something_else_are_told(shared: Path) -> None:
    panel = real_panel(shared, "binance_spot_1h_2021_2023.parquet", 24_000, ["LUNAUSDT", "QUICKUSDT", "BTCUSDT"])
    found = {one.symbol: one for one in find_rebirths(panel)}
    assert set(found) == {"LUNAUSDT", "QUICKUSDT"}
    assert found["LUNAUSDT"].price_x > 1e4
    assert found["QUICKUSDT"].price_x < 0.01
    weights = np.full(panel.close.shape, 0.1)
    with pytest.warns(RuntimeWarning, match="LUNAUSDT at 2022-05-.*return that nobody could have had"):
        xs.backtest(panel, weights=weights, costs=xs.Costs(impact_y=0))


def test_a_jump_after_absent_bars_is_found_and_a_quiet_name_is_not() -> None:
    close = np.vstack([np.full((30, 1), 1.0), np.full((30, 1), np.nan), np.full((30, 1), 1e5)])
    panel = flat_panel(close, ("A",))
    [one] = find_rebirths(panel)
    assert (one.symbol, one.absent_bars) == ("A", 30)
    assert one.price_x == pytest.approx(1e5)
    assert find_rebirths(flat_panel(np.exp(np.linspace(0.0, 2.0, 90))[:, None], ("A",))) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        still = flat_panel(np.full((90, 1), 3.0), ("A",))
        xs.backtest(still, weights=np.full((90, 1), 0.5), costs=xs.Costs(impact_y=0))
