"""The panel that users hold: the noun of `domain`, with its doors to files and frames.

The doors stand here because the noun itself may do no I/O and knows no frame library.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, overload

import numpy as np

from xsmom.domain import panel as noun
from xsmom.errors import DataError
from xsmom.lake import panel_file

if TYPE_CHECKING:
    import polars as pl

P_co = TypeVar("P_co", bound="Panel", covariant=True)
P = TypeVar("P", bound="Panel")

_SAVE_ROWS_BYTES = 8 << 20


class _Opener(Protocol[P_co]):
    def __call__(self, path: str | Path, *, verify: bool = False) -> P_co: ...


class _OpenDoor:
    """`Panel.open(path)` on the class; on a panel, its open prices.

    Class and instance share the word. A panel finds the array in itself before it asks its class, so
    only the class comes here; the overloads say the same to a type checker.
    """

    @overload
    def __get__(self, panel: None, owner: type[P]) -> _Opener[P]: ...
    @overload
    def __get__(self, panel: Panel, owner: type[Panel]) -> noun.Floats: ...
    def __get__(self, panel: Panel | None, owner: type[Panel]) -> Any:
        return owner._open_file if panel is None else vars(panel)["open"]  # noqa: SLF001  its own class


class Panel(noun.Panel):
    """Closed bars as arrays, with `from_arrays`, `from_frame`, `open` and `save`."""

    open = _OpenDoor()

    @classmethod
    def _open_file(cls, path: str | Path, *, verify: bool = False) -> Self:
        """Map a panel file. `verify` reads it all: every block is hashed, every cell checked."""
        path = Path(path)
        header = panel_file.read_header(path)
        arrays = panel_file.map_blocks(path, header)
        if verify:
            panel_file.verify_blocks(path, header, arrays)
        close_ms = header.first_close_ms + header.bar_ms * np.arange(header.bars, dtype=np.int64)
        close_ms.flags.writeable = False
        panel = cls(
            close_ms=close_ms,
            symbols=header.symbols,
            bar_ms=header.bar_ms,
            label=header.label,
            known_hash=header.hash,
            **arrays,
        )
        if verify:
            panel.check()
        return panel

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        *,
        bar_ms: int | None = None,
        duplicates: Literal["refuse", "first"] = "refuse",
        listed_ms: Mapping[str, int] | None = None,
        delisted_ms: Mapping[str, int] | None = None,
        label: str = "",
    ) -> Self:
        """Make a panel of a long polars frame: one row per symbol and bar, in any order.

        Columns: `symbol`; the close (`close_ms`) or the open of the bar (`open_ms`, `open_time`, `ts`,
        `timestamp`, `datetime`, `date`) as UTC milliseconds or as an aware datetime; `open`, `high`,
        `low`, `close`; `volume_usdt` or `quote_volume`, or `volume` in coins, valued at the close;
        and, if known, `funding_frac`. Bars that have no row become NaN.
        """
        from xsmom.lake.frame import read_frame

        arrays = read_frame(frame, bar_ms=bar_ms, duplicates=duplicates)
        symbols = arrays["symbols"]
        for field, dates in (("listed_ms", listed_ms), ("delisted_ms", delisted_ms)):
            if dates is not None:
                arrays[field] = _dates_of(field, symbols, dates)
        return cls.from_arrays(label=label, **arrays)

    def save(self, path: str | Path, *, provenance: Mapping[str, Any] | None = None) -> None:
        """Write the panel file, whole or not at all. `provenance` is kept in its header as JSON."""
        self.check()
        writer = panel_file.PanelWriter(
            Path(path),
            symbols=self.symbols,
            bars=self.bars,
            bar_ms=self.bar_ms,
            first_close_ms=int(self.close_ms[0]),
            listed_ms=self.listed_ms,
            delisted_ms=self.delisted_ms,
            label=self.label,
            provenance=provenance,
        )
        # In pieces: what is written a piece at a time need not be in memory as a whole.
        step = max(1, _SAVE_ROWS_BYTES // (8 * len(self.symbols)))
        with writer:
            for start in range(0, self.bars, step):
                writer.append(self.slice(start, min(start + step, self.bars)))


def _dates_of(field: str, symbols: tuple[str, ...], dates: Mapping[str, int]) -> noun.Stamps:
    """One date per symbol. A missing listing date would silently be an age, so it is refused."""
    if field == "listed_ms":
        missing = [symbol for symbol in symbols if symbol not in dates]
        if missing:
            raise DataError(f"listed_ms has no date for {missing[0]}: give all symbols, or none")
    return np.array([dates.get(symbol, noun.NEVER_MS) for symbol in symbols], dtype=np.int64)
