"""Stretches of real candles and funding as panels: cleaned only where the data's own notes say so."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tests.oracle.markets import ALIVE_MS, FIELDS

PRICES = ("open", "high", "low", "close")


def read_candles(path: Path, bar_ms: int) -> pl.DataFrame:
    """One row a symbol and close, bars that no market made left out."""
    frame = pl.read_parquet(path).unique(["symbol", "ts"], keep="first", maintain_order=True)
    sound = (
        (pl.min_horizontal(PRICES) > 0.0)
        & (pl.col("low") <= pl.min_horizontal("open", "close"))
        & (pl.col("high") >= pl.max_horizontal("open", "close"))
        & (pl.col("ts") % bar_ms == 0)
    )
    usdt = "quote_volume" if "quote_volume" in frame.columns else None
    volume = pl.col(usdt) if usdt else pl.col("volume") * pl.col("close")
    return frame.filter(sound).select("symbol", *PRICES, close_ms=pl.col("ts") + bar_ms, volume_usdt=volume)


def read_funding(path: Path, bar_ms: int) -> pl.DataFrame:
    """Rates summed over the bar in which they settle; stamps brought to their minute."""
    stamp = ((pl.col("ts") + 30_000) // 60_000) * 60_000
    close = ((stamp + bar_ms - 1) // bar_ms) * bar_ms
    return (
        pl.read_parquet(path)
        .unique(["symbol", "ts"], keep="first", maintain_order=True)
        .group_by("symbol", close_ms=close)
        .agg(funding_frac=pl.col("rate").sum())
    )


def first_close_ms(candles: pl.DataFrame) -> int:
    """Close of the oldest bar."""
    return int(candles.select(pl.col("close_ms").min()).item())


def build_panel(
    candles: pl.DataFrame, bar_ms: int, start_ms: int, rows: int, funding: pl.DataFrame | None
) -> dict[str, Any]:
    """A dense, regular panel of `rows` bars whose first closes at `start_ms`."""
    close_ms = start_ms + bar_ms * np.arange(rows, dtype=np.int64)
    inside = pl.col("close_ms").is_between(int(close_ms[0]), int(close_ms[-1]))
    candles = candles.filter(inside)
    symbols = tuple(candles["symbol"].unique().sort())
    panel: dict[str, Any] = {
        "close_ms": close_ms,
        "symbols": symbols,
        "listed_ms": np.zeros(len(symbols), dtype=np.int64),
        "delisted_ms": np.full(len(symbols), ALIVE_MS, dtype=np.int64),
    }
    place = {symbol: i for i, symbol in enumerate(symbols)}
    for name in FIELDS:
        panel[name] = np.full((rows, len(symbols)), np.nan)
    frames = [(candles, [*PRICES, "volume_usdt"])]
    if funding is not None:
        known = funding.filter(inside & pl.col("symbol").is_in(symbols))
        frames.append((known, ["funding_frac"]))
    for frame, names in frames:
        t = (frame["close_ms"].to_numpy() - start_ms) // bar_ms
        i = np.array([place[symbol] for symbol in frame["symbol"]], dtype=np.int64)
        for name in names:
            panel[name][t, i] = frame[name].to_numpy()
    return panel
