"""Rows of a small healthy market, to spoil in one place at a time; and real rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from xsmom.lake.bar_verdicts import Facts, JudgedBars, judge_bars
from xsmom.lake.rules import Finding, Limits

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_640_995_200_000  # 2022-01-01

FILES: dict[str, int] = {
    "binance_spot_1h_2021_2023.parquet": HOUR_MS,
    "binance_spot_1d_2021_2023.parquet": DAY_MS,
    "bybit_perp_1d_to2024.parquet": DAY_MS,
    "binance_perp_1d_all_to2024.parquet": DAY_MS,
    "binance_perp_1h_29sym_to2024.parquet": HOUR_MS,
    "binance_perp_1h_long_to2024.parquet": HOUR_MS,
    "binance_spot_1h_basis_to2024.parquet": HOUR_MS,
}


def healthy(bars: int = 200, seed: int = 1, bar_ms: int = HOUR_MS) -> dict[str, Any]:
    """Columns of a market that trades: each bar opens where the one before closed."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    opens = np.concatenate(([100.0], close[:-1]))
    wick = np.abs(rng.normal(0, 0.004, (2, bars)))
    volume = np.round(rng.lognormal(5, 0.3, bars), 3)
    return {
        "open_ms": START_MS + bar_ms * np.arange(bars, dtype=np.int64),
        "open": opens,
        "high": np.maximum(opens, close) * (1 + wick[0]),
        "low": np.minimum(opens, close) * (1 - wick[1]),
        "close": close,
        "volume": volume,
        "volume_usdt": volume * close,
    }


def frame_of(columns: dict[str, Any]) -> pl.DataFrame:
    """As the lake hands them over."""
    return pl.DataFrame(columns)


def judge(columns: dict[str, Any], *, bar_ms: int = HOUR_MS, limits: Limits | None = None, **facts: Any) -> JudgedBars:
    """Judge columns of one symbol."""
    return judge_bars("AUSDT", frame_of(columns), bar_ms, limits or Limits(), Facts(**facts))


def rules_of(findings: list[Finding]) -> list[str]:
    """Names of the rules that found something."""
    return [finding.rule for finding in findings]


def real_rows(shared: Path, name: str, symbol: str | None = None) -> pl.DataFrame:
    """Rows of a real file with the lake's columns, and `symbol`."""
    import pytest

    path = shared / "data" / name
    if not path.exists():
        pytest.skip(f"needs {name} in the real data beside the repository")
    lazy = pl.scan_parquet(path)
    if symbol is not None:
        lazy = lazy.filter(pl.col("symbol") == symbol)
    rows = lazy.collect().rename({"ts": "open_ms"})
    value = pl.col("quote_volume") if "quote_volume" in rows.columns else pl.lit(None, dtype=pl.Float64)
    return rows.with_columns(value.alias("volume_usdt"))


def judge_real(shared: Path, name: str, symbol: str, **facts: Any) -> JudgedBars:
    """Judge one symbol of a real file."""
    return judge_bars(symbol, real_rows(shared, name, symbol), FILES[name], Limits(), Facts(**facts))
