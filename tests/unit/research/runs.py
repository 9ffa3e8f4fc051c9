"""Runs to report on: any weights through the ledger, as a Result."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsmom import _core
from xsmom.domain.costs import Costs
from xsmom.domain.panel import Panel
from xsmom.lake.sample import SampleMarket
from xsmom.research.result import Result

HOUR_MS = 3_600_000
COSTS = Costs(maker_share_frac=0.25, impact_y=0.0)


def run(
    panel: Panel,
    weights: np.ndarray,
    costs: Costs = COSTS,
    *,
    cash_usdt: float = 10_000.0,
    fill_at: str = "open",
    delay_bars: int = 0,
) -> Result:
    weights = np.ascontiguousarray(weights)

    def go(keep_units: bool = False) -> dict[str, Any]:
        return _core.run_weights(
            panel,
            weights,
            costs,
            fill_at=fill_at,
            delay_bars=delay_bars,
            cash_usdt=cash_usdt,
            keep_units=keep_units,
        )

    return Result(panel, costs, cash_usdt, go(), dense_units=lambda: go(keep_units=True)["units"])


def draw_weights(panel: Panel, seed: int = 5, size: float = 0.1, hold_bars: int = 24) -> np.ndarray:
    """Random weights that change every `hold_bars`; the names drift and are re-weighted in between."""
    drawn = np.random.default_rng(seed).normal(0.0, size, (panel.bars // hold_bars + 1, len(panel.symbols)))
    drawn[np.abs(drawn) < size / 3] = 0.0
    return np.repeat(drawn, hold_bars, axis=0)[: panel.bars]


def sample_run(bars: int = 24 * 120, symbols: int = 12, **timing: Any) -> Result:
    panel = SampleMarket(symbols=symbols, bars=bars, seed=3).build()
    return run(panel, draw_weights(panel), **timing)


def flat_panel(
    close: np.ndarray, symbols: tuple[str, ...], label: str = "", bar_ms: int = HOUR_MS, **more: Any
) -> Panel:
    """Bars that open where the last one closed, without funding."""
    close = np.asarray(close, dtype=np.float64)
    before = np.vstack([close[:1], close[:-1]])
    open_ = np.where(np.isnan(before), close, before) + 0.0 * close  # absent where the close is
    first = 1_704_067_200_000 // bar_ms + 1  # 2024-01-01
    return Panel.from_arrays(
        close_ms=(np.arange(len(close)) + first) * bar_ms,
        symbols=symbols,
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume_usdt=1e6 + 0.0 * close,
        funding_frac=np.zeros(close.shape),
        bar_ms=bar_ms,
        label=label,
        **more,
    )
