"""A seeded synthetic market of any size, for demos and tests. Not a market: see its explanation page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from xsmom.domain.panel import CELL_FIELDS
from xsmom.errors import DataError
from xsmom.lake.panel import Panel
from xsmom.lake.panel_file import PanelWriter
from xsmom.lake.sample_paths import CHUNK_BARS, Bars, Chunk, draw_chunk, start_walk
from xsmom.lake.sample_roster import NAMES_MAX, Roster, draw_roster

MODEL = 1
"""Version of the model: it changes when the same seed makes another market."""

_NAMES_FOR_DRAMA = 8
_BAR_MS_MIN, _BAR_MS_MAX = 1_000, 7 * 86_400_000

Progress = Callable[[int, int], None]
"""Called with the bars done and the bars in all."""


@dataclass(frozen=True)
class SampleMarket:
    """What to make. The same values make the same bytes; more bars keep the earlier ones.

    `momentum` scales a slow drift of each name: 0 is a market in which no price can be foretold, 1 is
    faint, 5 is absurdly strong. `churn` lists and delists names as time goes. `drama` adds one scripted
    squeeze and one collapse, and with them the market is no longer a fair game.
    """

    symbols: int = 40
    bars: int = 8_760
    bar_ms: int = 3_600_000
    seed: int = 7
    momentum: float = 1.0
    churn: bool = True
    drama: bool = False
    start_ms: int = 1_672_531_200_000  # 2023-01-01

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if not 1 <= self.symbols <= NAMES_MAX:
            raise DataError(f"a sample market has 1 to {NAMES_MAX:,} symbols, not {self.symbols:,}")
        if self.bars < 1:
            raise DataError(f"a sample market of {self.bars} bars holds nothing: ask for at least 1")
        if not _BAR_MS_MIN <= self.bar_ms <= _BAR_MS_MAX:
            raise DataError(f"bars of {self.bar_ms} ms are not made: ask for 1 second to 1 week")
        if not 0 <= self.seed < 2**63:
            raise DataError(f"seed {self.seed} is not a whole number from 0 up")
        if not 0 <= self.momentum <= 20:
            raise DataError(f"momentum {self.momentum} is not within 0 (none) to 20")
        if self.drama and self.symbols < _NAMES_FOR_DRAMA:
            raise DataError(f"drama needs a cast of {_NAMES_FOR_DRAMA} symbols, not {self.symbols}")

    @property
    def label(self) -> str:
        """What every panel, report and chart of it says."""
        return f"synthetic sample, seed {self.seed}, momentum {self.momentum:g}"

    @property
    def provenance(self) -> dict[str, Any]:
        """Everything needed to make it again."""
        return {"source": "xsmom sample market (synthetic)", "model": MODEL, **asdict(self)}

    def build(self, progress: Progress | None = None) -> Panel:
        """Make the whole panel in memory."""
        grid = {name: np.empty((self.bars, self.symbols)) for name in CELL_FIELDS}
        for done, chunk in self._walk():
            rows = len(chunk.close)
            for name, cells in grid.items():
                cells[done : done + rows] = getattr(chunk, name)
            _tell(progress, done + rows, self.bars)
        for cells in grid.values():
            cells.flags.writeable = False
        return self._make_panel(self._close_ms(), grid)

    def write(self, path: str | Path, progress: Progress | None = None) -> None:
        """Make the panel file a chunk at a time: memory stays flat however large the market."""
        close_ms, roster = self._close_ms(), self._roster
        writer = PanelWriter(
            Path(path),
            symbols=roster.symbols,
            bars=self.bars,
            bar_ms=self.bar_ms,
            first_close_ms=int(close_ms[0]),
            listed_ms=roster.listed_ms,
            delisted_ms=roster.delisted_ms,
            label=self.label,
            provenance=self.provenance,
        )
        with writer:
            for done, chunk in self._walk():
                rows = len(chunk.close)
                writer.append(self._make_panel(close_ms[done : done + rows], chunk._asdict()))
                _tell(progress, done + rows, self.bars)

    def _walk(self) -> Iterator[tuple[int, Chunk]]:
        """Give each chunk with the number of bars before it. Chunks are drawn whole, then cut to size."""
        roster = self._roster
        walk = start_walk(self._stream(0, 1), roster)
        first_ms = self._first_open_ms() + self.bar_ms
        for number, done in enumerate(range(0, self.bars, CHUNK_BARS)):
            closes = first_ms + self.bar_ms * np.arange(done, done + CHUNK_BARS, dtype=np.int64)
            bars = Bars(closes, self.bar_ms)
            chunk = draw_chunk(self._stream(1, number), roster, walk, bars, self.momentum)
            rows = min(CHUNK_BARS, self.bars - done)
            yield done, Chunk(*(cells[:rows] for cells in chunk))

    @cached_property
    def _roster(self) -> Roster:
        rng, start_ms = self._stream(0, 0), self._first_open_ms()
        return draw_roster(rng, self.symbols, start_ms, self.bar_ms, churn=self.churn, drama=self.drama)

    def _stream(self, kind: int, number: int) -> Generator:
        return Generator(PCG64(SeedSequence(self.seed, spawn_key=(kind, number))))

    def _first_open_ms(self) -> int:
        return -(-self.start_ms // self.bar_ms) * self.bar_ms

    def _close_ms(self) -> NDArray[np.int64]:
        return self._first_open_ms() + self.bar_ms * np.arange(1, self.bars + 1, dtype=np.int64)

    def _make_panel(self, close_ms: NDArray[np.int64], cells: dict[str, NDArray[np.float64]]) -> Panel:
        roster = self._roster
        return Panel.from_arrays(
            close_ms=close_ms,
            symbols=roster.symbols,
            listed_ms=roster.listed_ms,
            delisted_ms=roster.delisted_ms,
            bar_ms=self.bar_ms,
            label=self.label,
            **cells,
        )


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
