"""The worked example of the manual: every number of its tables comes out of the core."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from xsmom import Panel, _core, kernel

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "decision-example.md"
HOUR_MS = 3_600_000
NAMES = ("A", "B", "C", "D", "E")
SETTINGS = {
    "bar_ms": HOUR_MS,
    "lookback_bars": [2, 4],
    "lookback_weights": [0.6, 0.4],
    "vol_bars": 5,
    "signal_power": 1.35,
    "redemean": True,
    "zscore_clip": 0.0,
    "k_frac": 0.4,
    "k_min": 1,
    "k_max": 4,
    "size_power": 0.0,
    "vol_floor_ann_frac": 0.0,
    "gross_x": 1.0,
    "gross_hard_cap_x": 1.0,
    "squeeze_loss_frac": 0.0,
}
CAPS = {"weight_long_max_frac": 0.27, "weight_short_max_frac": 0.27}


def rows() -> dict[str, list[str]]:
    """Rows of all tables by their first cell."""
    found = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip().replace("\N{MINUS SIGN}", "-") for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 1 + len(NAMES) and not set(cells[1]) <= set("-"):
            found[cells[0]] = cells[1:]
    return found


def as_printed(shown: list[str], found: np.ndarray) -> None:
    """Equal to half a unit of the last digit that is printed."""
    for text, value in zip(shown, found, strict=True):
        digits = len(text.partition(".")[2])
        assert math.isclose(float(text), value, abs_tol=0.5 * 10**-digits + 1e-12), f"{text} against {value}"


@pytest.fixture(scope="module")
def panel() -> Panel:
    table = rows()
    close = np.array([[float(x) for x in table[name]] for name in ("t-6", "t-5", "t-4", "t-3", "t-2", "t-1", "t")])
    opened = np.vstack([close[0], close[:-1]])
    bars, names = close.shape
    return Panel.from_arrays(
        close_ms=(np.arange(bars) + 400_000) * HOUR_MS,
        symbols=NAMES,
        open=opened,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        close=close,
        volume_usdt=np.full((bars, names), 1e6),
        funding_frac=np.zeros((bars, names)),
        bar_ms=HOUR_MS,
    )


def decided(panel: Panel, **changes: float) -> tuple[np.ndarray, list[str]]:
    """One decision of a flat book."""
    params = kernel.Params(**(_core.params_defaults() | SETTINGS | changes))
    row, names = kernel.features_last(panel, params), len(NAMES)
    book = {
        "close_ms": row["close_ms"],
        "equity_usdt": 10_000.0,
        "unit_value": 1.0,
        "unit_value_peak": 1.0,
        "guard": "none",
        "weight_now_frac": np.zeros(names),
        "stale_bars": np.zeros(names, dtype=np.uint32),
        "hold": np.zeros(names, dtype=bool),
        "barred_until_ms": np.zeros((names, 2), dtype=np.int64),
        "barred_by": np.zeros((names, 2), dtype=np.uint8),
        "rung_cap_frac": np.full(names, np.inf),
        "meta_scale": np.ones((names, 2)),
        "order_usdt_min": np.zeros(names),
    }
    facts = SimpleNamespace(symbols=NAMES, listed_ms=panel.listed_ms, delisted_ms=panel.delisted_ms)
    weights, codes, _ = kernel.decide(row, book, kernel.new_state(names, params), params, facts)
    return weights, [kernel.REASONS[int(code)] for code in codes]


def test_features_and_scores(panel: Panel) -> None:
    table = rows()
    row = kernel.features_last(panel, kernel.Params(**(_core.params_defaults() | SETTINGS | CAPS)))
    as_printed(table["m"], row["score"])
    as_printed(table["\N{GREEK SMALL LETTER SIGMA}"], row["sigma"])
    as_printed(table["u"], 1.0 / row["sigma"])
    z = (row["score"] - row["score"].mean()) / row["score"].std()
    amplified = np.sign(z) * np.abs(z) ** 1.35
    as_printed(table["z"], z)
    as_printed(table["s"], amplified - amplified.mean())


def test_weights_and_reasons(panel: Panel) -> None:
    table = rows()
    weights, reasons = decided(panel, **CAPS)
    as_printed(table["weight"], weights)
    assert reasons == table["reason"]
    uncapped, _ = decided(panel, weight_long_max_frac=1.0, weight_short_max_frac=1.0)
    as_printed(table["uncapped"], uncapped)
