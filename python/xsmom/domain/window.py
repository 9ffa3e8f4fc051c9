"""The append-only tail of closed bars that a decision may look at, known by a hash.

Rows live in one buffer of twice the wanted length; a window is a view of its tail, so that appending a bar
copies one row and, once per length, the tail. Views are read-only and C-ordered: the core takes them as they are.
An older window stays valid until the tail is moved; the loop holds the newest one only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xsmom import kernel
from xsmom.domain.panel import CELL_FIELDS
from xsmom.errors import DataError

Floats: TypeAlias = NDArray[np.float64]
Stamps: TypeAlias = NDArray[np.int64]

EMPTY_HASH = "0" * 64
"""Hash of a window without bars."""


@dataclass(frozen=True, eq=False, slots=True)
class BarRow:
    """One closed bar of every name, in the roster's order; NaN where a name has none."""

    close_ms: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume_usdt: Floats
    funding_frac: Floats

    def cells(self) -> Floats:
        """All fields, (field, name), as one block."""
        return np.stack([getattr(self, name) for name in CELL_FIELDS]).astype(np.float64, copy=False)


class Window:
    """The newest bars of a roster, at most `bars_max` of them; it reads like a panel."""

    def __init__(
        self, symbols: tuple[str, ...], listed_ms: Stamps, delisted_ms: Stamps, *, bar_ms: int, bars_max: int
    ) -> None:
        self.symbols = symbols
        self.listed_ms, self.delisted_ms = listed_ms, delisted_ms
        self.bar_ms, self.bars_max = bar_ms, bars_max
        self.hash = EMPTY_HASH
        self._cells = np.empty((len(CELL_FIELDS), 2 * bars_max, len(symbols)))
        self._stop = self._bars = 0
        self._last_ms: int | None = None
        self._scratch: kernel.Scratch | None = None

    def scratch(self, params: kernel.Params) -> kernel.Scratch:
        """What features go on with from bar to bar: a cache of what these bars say, with no say of its own.

        Features have the same bits wherever their history begins, so a window that starts anew, or has jumped, gives
        with an empty one what it would have given.
        """
        if self._scratch is None or not self._scratch.fits(params):
            self._scratch = kernel.Scratch(params, len(self.symbols))
        return self._scratch

    @property
    def bars(self) -> int:
        """Number of bars, absent ones included."""
        return self._bars

    @property
    def last_ms(self) -> int | None:
        """Close of the newest bar; None before the first."""
        return self._last_ms

    @property
    def close_ms(self) -> Stamps:
        """Closes of all bars."""
        last = self._last_ms or 0
        return np.arange(last - (self._bars - 1) * self.bar_ms, last + 1, self.bar_ms, dtype=np.int64)

    @property
    def cells(self) -> Floats:
        """All fields of all bars, (field, bar, name): what `restored` takes."""
        view = self._cells[:, self._stop - self._bars : self._stop]
        view.flags.writeable = False
        return view

    def restored(self, cells: Floats, last_ms: int | None, known_hash: str) -> Self:
        """Take in the bars of an earlier window of this roster, under the hash that it had."""
        fields, bars, names = cells.shape
        if fields != len(CELL_FIELDS) or names != len(self.symbols) or bars > self.bars_max:
            raise DataError(f"bars of shape {cells.shape} do not fit {len(self.symbols)} names, {self.bars_max} bars")
        self._cells[:, :bars] = cells
        self._stop = self._bars = bars
        self._last_ms, self.hash, self._scratch = last_ms, known_hash, None
        return self

    def append(self, row: BarRow) -> Self:
        """Take in the next bar; bars that are missing in between become rows of NaN."""
        last = self._last_ms
        if row.close_ms % self.bar_ms:
            raise DataError(f"a bar that closes at {row.close_ms} ms is not on the grid of {self.bar_ms} ms")
        if last is not None and row.close_ms <= last:
            raise DataError(f"the bar at {row.close_ms} ms does not come after the newest one, {last} ms")
        if last is not None:
            gap = (row.close_ms - last) // self.bar_ms - 1
            for missing in range(min(gap, self.bars_max)):
                self._push(row.close_ms - (min(gap, self.bars_max) - missing) * self.bar_ms, None)
        self._push(row.close_ms, row.cells())
        return self

    def _push(self, close_ms: int, cells: Floats | None) -> None:
        if self._stop == 2 * self.bars_max:
            keep = self.bars_max - 1
            self._cells[:, :keep] = self._cells[:, self._stop - keep : self._stop].copy()
            self._stop, self._bars = keep, min(self._bars, keep)
        self._cells[:, self._stop] = np.nan if cells is None else cells
        digest = hashlib.sha256(f"{self.hash} {close_ms} ".encode())
        digest.update(np.ascontiguousarray(self._cells[:, self._stop]).tobytes())
        self.hash = digest.hexdigest()
        self._stop += 1
        self._bars = min(self._bars + 1, self.bars_max)
        self._last_ms = close_ms

    def _field(self, name: str) -> Floats:
        view = self._cells[CELL_FIELDS.index(name), self._stop - self._bars : self._stop]
        view.flags.writeable = False
        return view

    @property
    def open(self) -> Floats:
        """First price of each bar."""
        return self._field("open")

    @property
    def high(self) -> Floats:
        """Highest price."""
        return self._field("high")

    @property
    def low(self) -> Floats:
        """Lowest price."""
        return self._field("low")

    @property
    def close(self) -> Floats:
        """Last price."""
        return self._field("close")

    @property
    def volume_usdt(self) -> Floats:
        """Traded value."""
        return self._field("volume_usdt")

    @property
    def funding_frac(self) -> Floats:
        """Funding settled in the bar."""
        return self._field("funding_frac")
