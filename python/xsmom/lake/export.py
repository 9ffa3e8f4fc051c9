"""Rows of the lake, or cells of a panel, as one long file for other programs."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import polars as pl

from xsmom.domain.panel import CELL_FIELDS
from xsmom.domain.panel import Panel as PanelNoun
from xsmom.errors import DataError, OutputError
from xsmom.lake.series import SeriesKey
from xsmom.lake.store import Lake
from xsmom.lake.telling import telling

Format = Literal["parquet", "csv", "feather"]
FORMATS: tuple[Format, ...] = ("parquet", "csv", "feather")


def gather_series(lake: Lake, keys: Sequence[SeriesKey], start_ms: int | None, end_ms: int | None) -> pl.DataFrame:
    """The stored rows of several series of one kind, as one long frame sorted by symbol and stamp."""
    frames = [
        lake.read(key, start_ms, end_ms).select(pl.lit(key.symbol).alias("symbol"), pl.all()) for key in sorted(keys)
    ]
    return pl.concat(frames)


def gather_panel(
    panel: PanelNoun, symbols: Sequence[str] | None, start_ms: int | None, end_ms: int | None
) -> pl.DataFrame:
    """The cells of a panel as a long frame; stamps are closes, absent bars are rows of NaN."""
    columns = _columns_of(panel, symbols)
    close_ms = panel.close_ms
    open_ms = close_ms - panel.bar_ms
    inside = (open_ms >= (start_ms if start_ms is not None else open_ms[0])) & (
        open_ms < (end_ms if end_ms is not None else close_ms[-1])
    )
    names = np.array(panel.symbols)[columns]
    bars = int(inside.sum())
    cells = {name: getattr(panel, name)[inside][:, columns].T.reshape(-1) for name in CELL_FIELDS}
    return pl.DataFrame(
        {"symbol": np.repeat(names, bars).tolist(), "close_ms": np.tile(close_ms[inside], len(columns)), **cells}
    )


def write_frame(frame: pl.DataFrame, out: Path, how: Format) -> None:
    """Write the file whole or not at all."""
    write: dict[Format, Callable[[BinaryIO], object]] = {
        "parquet": lambda file: frame.write_parquet(file, compression="zstd"),
        "csv": frame.write_csv,
        "feather": lambda file: frame.write_ipc(file, compression="zstd"),
    }
    temporary = out.with_name(f".{out.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with telling(out, OutputError), temporary.open("xb") as file:
            write[how](file)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(out)
    except pl.exceptions.PolarsError as error:
        raise _unwritten(out, str(error)) from None
    finally:
        temporary.unlink(missing_ok=True)


def _unwritten(out: Path, told: str) -> OutputError:
    """What the operating system said, where it is the system that refused; else the library's own words."""
    number = re.search(r"\(os error (\d+)\)", told)
    if number is not None:
        return OutputError(f"{out}: {os.strerror(int(number[1])).lower()}")
    return OutputError(f"{out} cannot be written: {told.splitlines()[0]}")


def _columns_of(panel: PanelNoun, symbols: Sequence[str] | None) -> list[int]:
    place = {symbol: column for column, symbol in enumerate(panel.symbols)}
    for symbol in symbols or ():
        if symbol not in place:
            raise DataError(f"the panel has no symbol {symbol}: it has {', '.join(panel.symbols[:6])}, ...")
    return [place[symbol] for symbol in symbols or panel.symbols]
