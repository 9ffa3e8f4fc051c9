"""One small market, written in the layouts that exchanges and programs use."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import polars as pl

from tests.unit.lake.lakes import HOUR_MS, make_bars

KLINE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def bars_of(symbol: str, price: float, count: int = 30) -> pl.DataFrame:
    """The same rows whatever file they come from."""
    return make_bars(count, price=price).select(pl.lit(symbol).alias("symbol"), pl.all())


def kline_csv(rows: pl.DataFrame, *, header: bool, per_ms: int = 1) -> bytes:
    """Binance's bulk rows: twelve columns, the close a tick before the next open."""
    lines = [KLINE] if header else []
    for row in rows.iter_rows(named=True):
        open_time, close_time = row["open_ms"] * per_ms, (row["open_ms"] + HOUR_MS) * per_ms - 1
        prices = ",".join(f"{row[name]:.8f}" for name in ("open", "high", "low", "close", "volume"))
        lines.append(f"{open_time},{prices},{close_time},{row['volume_usdt']:.8f},5,1.0,2.0,0")
    return ("\n".join(lines) + "\n").encode()


def write_zip(path: Path, data: bytes) -> Path:
    """An archive with the one member that Binance puts in."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{path.stem}.csv", data)
    return path


def write_candles(path: Path, rows: pl.DataFrame) -> Path:
    """freqtrade's and ccxt's lists: time, open, high, low, close, volume."""
    columns = ("open_ms", "open", "high", "low", "close", "volume")
    text = json.dumps([list(row) for row in rows.select(columns).iter_rows()]).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def write_freqtrade(path: Path, rows: pl.DataFrame) -> Path:
    """freqtrade's feather: aware datetimes in `date`."""
    date = pl.from_epoch("open_ms", time_unit="ms").dt.replace_time_zone("UTC").alias("date")
    rows.select(date, "open", "high", "low", "close", "volume").write_ipc(path)
    return path


def csv_of(frame: pl.DataFrame) -> bytes:
    """A frame as CSV."""
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    return buffer.getvalue()
