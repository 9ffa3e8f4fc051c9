"""Closed bars as arrays: what every decision, simulation and chart of the package looks at.

A panel is strictly regular: row `t` closes at `close_ms[0] + t*bar_ms`, the bar number is
`close_ms // bar_ms`, and an absent bar is a row of NaN. NaN means *unknown now*, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xsmom._core import check_panel
from xsmom.domain.panel_hash import hash_panel
from xsmom.domain.stamps import format_ms, refuse_seconds
from xsmom.domain.timeframe import format_timeframe
from xsmom.errors import DataError

Floats: TypeAlias = NDArray[np.float64]
Stamps: TypeAlias = NDArray[np.int64]

NEVER_MS = int(np.iinfo(np.int64).max)
"""`delisted_ms` of a name that still trades."""

CELL_FIELDS = ("open", "high", "low", "close", "volume_usdt", "funding_frac")
"""The arrays with one value per bar and symbol, in the order in which files and hashes hold them."""


@dataclass(frozen=True, eq=False, repr=False)
class Panel:
    """`bars` closed bars of `symbols`, read-only.

    The constructor checks shapes and takes read-only C-ordered arrays as they are, copying any
    other. It trusts the cells; `from_arrays` is the way in for cells that nobody has checked.
    """

    close_ms: Stamps
    symbols: tuple[str, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume_usdt: Floats
    funding_frac: Floats
    listed_ms: Stamps
    delisted_ms: Stamps
    bar_ms: int
    label: str = ""
    #: Content hash as the file tells it, so that opening need not read every cell. Empty: compute it.
    known_hash: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Settle every array into its one shape and layout, or refuse it."""
        object.__setattr__(self, "symbols", tuple(self.symbols))
        bars, names = len(self.close_ms), len(self.symbols)
        if not bars or not names:
            raise DataError(f"a panel of {bars} bars and {names} symbols is empty: it wants one of each")
        for name in CELL_FIELDS:
            self._settle(name, np.float64, (bars, names))
        self._settle("close_ms", np.int64, (bars,))
        self._settle("listed_ms", np.int64, (names,))
        self._settle("delisted_ms", np.int64, (names,))

    def _settle(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
        array = np.asarray(getattr(self, name))
        if array.shape != shape:
            axes = "(bars, symbols)" if len(shape) == 2 else "one value each"
            raise DataError(f"{name} has shape {array.shape}, wants {shape}: {axes}")
        if dtype is np.int64 and array.dtype.kind not in "iu":
            raise DataError(f"{name} holds {array.dtype}, wants whole UTC milliseconds as int64")
        if dtype is np.float64 and array.dtype.kind not in "fiu":
            raise DataError(f"{name} holds {array.dtype}, wants numbers")
        flags = array.flags
        shared = flags.writeable or not (flags.c_contiguous and flags.aligned)
        if shared or array.dtype != dtype:
            # A writeable array could change under the core while it computes without the GIL.
            array = np.array(array, dtype=dtype, order="C")
            array.flags.writeable = False
        object.__setattr__(self, name, array)

    @classmethod
    def from_arrays(
        cls,
        *,
        close_ms: ArrayLike,
        symbols: Sequence[str],
        open: ArrayLike,  # noqa: A002  the price's own name
        high: ArrayLike,
        low: ArrayLike,
        close: ArrayLike,
        volume_usdt: ArrayLike,
        funding_frac: ArrayLike | None = None,
        listed_ms: ArrayLike | None = None,
        delisted_ms: ArrayLike | None = None,
        bar_ms: int | None = None,
        label: str = "",
    ) -> Self:
        """Make a panel of arrays (bars, symbols), sort its symbols, and have every cell checked.

        Unknown funding is NaN. A name is taken to be listed at the open of its first bar and alive
        at the end, unless you know better.
        """
        stamps = np.asarray(close_ms)
        if stamps.ndim != 1 or stamps.dtype.kind not in "iu":
            found = f"{stamps.dtype} of shape {stamps.shape}"
            raise DataError(f"close_ms is {found}, wants whole UTC milliseconds, one for each bar")
        bar_ms = _infer_bar_ms(stamps) if bar_ms is None else int(bar_ms)
        refuse_seconds("close_ms", stamps, bar_ms)
        cells = dict(zip(CELL_FIELDS, (open, high, low, close, volume_usdt), strict=False))
        arrays = {name: np.asarray(cell) for name, cell in cells.items()}
        shape = (len(stamps), len(symbols))
        arrays["funding_frac"] = np.full(shape, np.nan) if funding_frac is None else np.asarray(funding_frac)
        if listed_ms is None:
            listed_ms = _first_open_ms(arrays["close"], stamps, bar_ms, shape)
        if delisted_ms is None:
            delisted_ms = np.full(len(symbols), NEVER_MS)
        arrays |= {"listed_ms": np.asarray(listed_ms), "delisted_ms": np.asarray(delisted_ms)}
        panel = cls(close_ms=stamps, bar_ms=bar_ms, label=label, **_sort_names(tuple(symbols), arrays))
        panel.check()
        return panel

    def check(self) -> None:
        """Have the core look at every cell; it names the symbol and the bar that it refuses."""
        check_panel(self)

    @property
    def bars(self) -> int:
        """Number of bars, absent ones included."""
        return len(self.close_ms)

    @cached_property
    def settles(self) -> NDArray[np.bool_]:
        """Whether any funding rate of a bar is other than 0, or unknown: of other bars a simulation reads no rate."""
        settles: NDArray[np.bool_] = (self.funding_frac != 0).any(axis=1)
        settles.flags.writeable = False
        return settles

    @cached_property
    def hash(self) -> str:
        """sha256 of the content in its canonical form: the same in memory, in a file, on any machine."""
        return self.known_hash or hash_panel(self)

    def slice(self, t0: int, t1: int) -> Self:
        """Rows `t0` up to, not with, `t1`: views, nothing is copied. Listing dates stay as they are."""
        if not 0 <= t0 < t1 <= self.bars:
            raise DataError(f"bars {t0} to {t1} are not within the panel's 0 to {self.bars}")
        if (t0, t1) == (0, self.bars):
            return self
        rows = {name: getattr(self, name)[t0:t1] for name in (*CELL_FIELDS, "close_ms")}
        dates = {"listed_ms": self.listed_ms, "delisted_ms": self.delisted_ms}
        return self._remake(symbols=self.symbols, **dates, **rows)

    def window(self, t: int, bars: int) -> Self:
        """Give the newest `bars` rows that a decision at row `t` may see; fewer at the panel's start."""
        if not 0 <= t < self.bars:
            raise DataError(f"bar {t} is not within the panel's 0 to {self.bars - 1}")
        if bars < 1:
            raise DataError(f"a window of {bars} bars holds nothing: it wants at least 1")
        return self.slice(max(0, t + 1 - bars), t + 1)

    def select(self, symbols: Sequence[str]) -> Self:
        """Keep these names only, as a copy, in the panel's own order whatever order they are asked in."""
        place = {symbol: column for column, symbol in enumerate(self.symbols)}
        missing = [symbol for symbol in symbols if symbol not in place]
        if missing:
            raise DataError(f"{missing[0]} is not among the panel's {len(self.symbols)} symbols")
        columns = sorted({place[symbol] for symbol in symbols})
        cells = {name: _take(getattr(self, name), columns) for name in CELL_FIELDS}
        return self._remake(
            symbols=tuple(self.symbols[column] for column in columns),
            close_ms=self.close_ms,
            listed_ms=self.listed_ms[columns],
            delisted_ms=self.delisted_ms[columns],
            **cells,
        )

    def _remake(self, **parts: Any) -> Self:
        return type(self)(bar_ms=self.bar_ms, label=self.label, **parts)

    def __repr__(self) -> str:
        size = f"{self.bars} bars of {format_timeframe(self.bar_ms)} x {len(self.symbols)} symbols"
        span = f"{format_ms(int(self.close_ms[0]))} to {format_ms(int(self.close_ms[-1]))}"
        return f"<Panel {size}, {span}{', ' if self.label else ''}{self.label}>"


def _infer_bar_ms(stamps: NDArray[Any]) -> int:
    if not stamps.size:
        raise DataError("a panel of 0 bars is empty: it wants one bar and one symbol at least")
    steps = np.diff(stamps.astype(np.int64))
    forward = steps[steps > 0]
    if not forward.size:
        raise DataError("bar_ms cannot be told from close_ms: give bar_ms=3_600_000 for hourly bars")
    # The smallest step, so that a hole in the grid is named as a hole and not as the bar length.
    return int(forward.min())


def _first_open_ms(close: NDArray[Any], stamps: NDArray[Any], bar_ms: int, shape: tuple[int, int]) -> Stamps:
    """Open of each name's first bar; a name without any bar is not listed before the panel ends."""
    if close.shape != shape or close.dtype.kind not in "fiu":
        return np.zeros(shape[1], dtype=np.int64)  # never used: the constructor refuses such an array
    present = ~np.isnan(close)
    first_ms = stamps[present.argmax(axis=0)] - bar_ms
    listed_ms: Stamps = np.where(present.any(axis=0), first_ms, stamps[-1]).astype(np.int64)
    return listed_ms


def _take(array: NDArray[Any], columns: list[int]) -> NDArray[Any]:
    taken = np.take(array, columns, axis=-1)  # C order, where `array[:, columns]` may come out transposed
    taken.flags.writeable = False
    return taken


def _sort_names(symbols: tuple[str, ...], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Put columns in the order of their symbols; arrays of a wrong shape pass, to be refused by name."""
    order = sorted(range(len(symbols)), key=symbols.__getitem__)
    if order == list(range(len(symbols))):
        return {"symbols": symbols, **arrays}
    columns = len(symbols)
    ordered = {
        name: _take(array, order) if array.ndim and array.shape[-1] == columns else array
        for name, array in arrays.items()
    }
    return {"symbols": tuple(symbols[column] for column in order), **ordered}
