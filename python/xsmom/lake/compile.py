"""From the lake to one panel file: dense, sorted, hashed, and never whole in memory.

Each instrument is judged and put on the grid once, and its columns go to a scratch file that has no
name, so that nothing is left of it however the process ends. Then the rows are read across, a block at
a time, into the panel's own writer, which puts the file in its place only when it is whole.
"""

from __future__ import annotations

import mmap
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from xsmom.domain.panel import CELL_FIELDS, NEVER_MS
from xsmom.domain.stamps import format_ms
from xsmom.errors import DataError, OutputError
from xsmom.lake.bar_rows import Floats
from xsmom.lake.family import Instrument, side_by_side
from xsmom.lake.findings import Mask, count_by_rule
from xsmom.lake.panel import Panel
from xsmom.lake.panel_file import PanelWriter
from xsmom.lake.rules import VERSION, Finding
from xsmom.lake.survey import Progress, Survey
from xsmom.lake.telling import telling

_BLOCK_BYTES = 8 << 20  # of one block of rows, all fields together


@dataclass(frozen=True)
class Column:
    """Where the cells of one instrument lie in the scratch file, and which bars they are."""

    symbol: str
    first_close_ms: int
    bars: int
    offset: int
    listed_ms: int
    delisted_ms: int
    dates: tuple[str, str]


@dataclass(frozen=True)
class Compiled:
    """What was written."""

    path: Path
    symbols: tuple[str, ...]
    bars: int
    findings: tuple[Finding, ...]


def compile_panel(
    survey: Survey,
    out: Path,
    *,
    since_ms: int | None = None,
    until_ms: int | None = None,
    progress: Progress | None = None,
) -> Compiled:
    """Write the panel of a survey to `out`: bars that lie wholly between `since_ms` and `until_ms`."""
    with telling(out, OutputError):
        if not out.parent.is_dir():
            raise OutputError(f"{out.parent} is no folder: make it, or give another --out")
        scratch = tempfile.TemporaryFile(dir=out.parent)  # noqa: SIM115  closed below
    with scratch:
        columns = [_store(scratch, instrument, out) for instrument in survey.walk(progress)]
        columns.sort(key=lambda column: column.symbol)
        if not columns:
            raise DataError(f"no bar of {survey.venue} {survey.timeframe} is usable: see `xsmom data check`")
        first, last = _span(columns, survey.bar_ms, since_ms, until_ms)
        columns = [c for c in columns if c.first_close_ms <= last and _end_ms(c, survey.bar_ms) > first]
        bars = (last - first) // survey.bar_ms + 1
        half = survey.half_finished()
        stored = _map(scratch)
        _note_half_finished(survey, stored, columns, half)
        _write(survey, stored, columns, half, out, first, bars)
    return Compiled(out, tuple(column.symbol for column in columns), bars, tuple(survey.findings))


def _store(scratch: IO[bytes], instrument: Instrument, out: Path) -> Column:
    offset = scratch.tell()
    with telling(out, OutputError):
        for name in CELL_FIELDS:
            scratch.write(instrument.cells[name].data)
    listing = instrument.listing
    return Column(
        symbol=listing.symbol,
        first_close_ms=instrument.first_close_ms,
        bars=instrument.bars,
        offset=offset,
        listed_ms=listing.listed_ms,
        delisted_ms=listing.delisted_ms,
        dates=(listing.listed_by, listing.delisted_by),
    )


def _map(scratch: IO[bytes]) -> Floats:
    """All that was stored, read page by page where it is looked at."""
    scratch.flush()
    return np.frombuffer(mmap.mmap(scratch.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.float64)


def _end_ms(column: Column, bar_ms: int) -> int:
    """One bar behind its last close."""
    return column.first_close_ms + column.bars * bar_ms


def _span(columns: list[Column], bar_ms: int, since_ms: int | None, until_ms: int | None) -> tuple[int, int]:
    """First and last close of the panel."""
    first = min(column.first_close_ms for column in columns)
    last = max(_end_ms(column, bar_ms) for column in columns) - bar_ms
    told = f"bars close from {format_ms(first)} to {format_ms(last)}"
    if since_ms is not None:
        first = max(first, -(-since_ms // bar_ms) * bar_ms + bar_ms)
    if until_ms is not None:
        last = min(last, until_ms // bar_ms * bar_ms)
    if first > last:
        raise DataError(f"no bar lies between --from and --to: {told}")
    return first, last


def _note_half_finished(survey: Survey, stored: Floats, columns: list[Column], half: frozenset[int]) -> None:
    stamps = np.sort(np.fromiter(half, np.int64, len(half)))
    for column in columns if len(stamps) else ():
        close = _read_cells(stored, column, CELL_FIELDS.index("close"), 0, column.bars)
        place = (stamps - column.first_close_ms) // survey.bar_ms
        inside = (place >= 0) & (place < column.bars)
        there = stamps[inside][~np.isnan(close[place[inside]])]
        for stamp in there:
            survey.note_half_finished(column.symbol, np.array([stamp]))


def _write(
    survey: Survey,
    stored: Floats,
    columns: list[Column],
    half: frozenset[int],
    out: Path,
    first_close_ms: int,
    bars: int,
) -> None:
    symbols = tuple(column.symbol for column in columns)
    listed = np.array([column.listed_ms for column in columns], dtype=np.int64)
    delisted = np.array([column.delisted_ms for column in columns], dtype=np.int64)
    writer = PanelWriter(
        out,
        symbols=symbols,
        bars=bars,
        bar_ms=survey.bar_ms,
        first_close_ms=first_close_ms,
        listed_ms=listed,
        delisted_ms=delisted,
        label=f"{survey.venue} {survey.timeframe}",
        provenance=_provenance(survey, columns, half),
    )
    step = max(1, _BLOCK_BYTES // (8 * len(CELL_FIELDS) * len(columns)))
    cut = np.fromiter(half, np.int64, len(half))

    def make_block(start: int) -> Panel:
        rows = min(step, bars - start)
        begin_ms = first_close_ms + start * survey.bar_ms
        cells = _read_block(stored, columns, begin_ms, rows, survey.bar_ms)
        closes = begin_ms + survey.bar_ms * np.arange(rows, dtype=np.int64)
        _blank(cells, np.isin(closes, cut))
        block = Panel(
            close_ms=closes, symbols=symbols, bar_ms=survey.bar_ms, listed_ms=listed, delisted_ms=delisted, **cells
        )
        block.check()
        return block

    with writer:
        for block in side_by_side(make_block, range(0, bars, step)):
            writer.append(block)


def _blank(cells: dict[str, Floats], cut: Mask) -> None:
    """Take away the bars that were cut off for most names; what was paid in them stays. Then lock the arrays."""
    for name, cell in cells.items():
        if name != "funding_frac":
            cell[cut] = np.nan
        cell.flags.writeable = False


def _read_block(stored: Floats, columns: list[Column], begin_ms: int, rows: int, bar_ms: int) -> dict[str, Any]:
    """The same bars of all instruments, turned from columns to rows."""
    cells: dict[str, Floats] = {name: np.full((rows, len(columns)), np.nan) for name in CELL_FIELDS}
    for place, column in enumerate(columns):
        behind = (begin_ms - column.first_close_ms) // bar_ms
        skip, start = max(0, -behind), max(0, behind)
        count = min(rows - skip, column.bars - start)
        if count <= 0:
            continue
        for number, name in enumerate(CELL_FIELDS):
            cells[name][skip : skip + count, place] = _read_cells(stored, column, number, start, count)
    return cells


def _read_cells(stored: Floats, column: Column, number: int, start: int, count: int) -> Floats:
    first = column.offset // 8 + number * column.bars + start
    return stored[first : first + count]


def _provenance(survey: Survey, columns: list[Column], half: frozenset[int]) -> dict[str, Any]:
    """All that went into the panel, so that it can be made again and told from another."""
    dates = {
        column.symbol: {"listed": column.dates[0], **({"delisted": column.dates[1]} if column.dates[1] else {})}
        for column in columns
    }
    return {
        "source": "xsmom data compile",
        "venue": survey.venue,
        "timeframe": survey.timeframe,
        "rules_version": VERSION,
        "limits": survey.limits.document(),
        "content_sha256": survey.content,
        "findings": {rule: counts[0] for rule, counts in count_by_rule(survey.findings).items()},
        "half_finished_bars": len(half),
        "dates_by": dates,
        "delisted": sum(column.delisted_ms != NEVER_MS for column in columns),
    }
