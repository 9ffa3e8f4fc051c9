"""What is found about one family of tickers, by itself: one ticker, or those that the dated map joins.

A verdict follows from the rows of its family alone, so families may be judged side by side; what a market
learns from all of them together is joined in their order by `survey`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from xsmom.domain.tickers import Change
from xsmom.lake.bar_rows import Floats
from xsmom.lake.bar_verdicts import Facts, judge_bars, suspect_cut
from xsmom.lake.findings import Mask, Stamps
from xsmom.lake.funding_verdicts import JudgedFunding, judge_funding, sum_by_bar
from xsmom.lake.listings import Listing, SpecDates, join_renames, split_listings
from xsmom.lake.resample import resample
from xsmom.lake.rules import Finding, Limits
from xsmom.lake.series import SeriesInfo, SeriesKey

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")
R = TypeVar("R")

_AT_ONCE = 2
"""Families judged side by side. More would hold more of the market in memory, and wait for one another:
half of the work is Python's."""


@dataclass(frozen=True)
class Instrument:
    """One instrument on the grid: bars from its first to its last, absent ones NaN."""

    listing: Listing
    first_close_ms: int
    cells: dict[str, Floats]

    @property
    def bars(self) -> int:
        """Number of its bars, absent ones included."""
        return len(self.cells["close"])


@dataclass(frozen=True)
class Question:
    """What is asked of every family of a market alike; `load` gives nothing of a series that is to be left out."""

    load: Callable[[SeriesKey], tuple[SeriesInfo, pl.DataFrame] | None]
    base_ms: int
    bar_ms: int
    limits: Limits
    changes: Sequence[Change]
    dates: Mapping[str, SpecDates]
    bar_keys: Mapping[str, SeriesKey]
    funding_keys: Mapping[str, SeriesKey]


@dataclass
class FamilyVerdict:
    """Instruments, findings, hashes of the rows, and which bars look cut off."""

    tickers: tuple[str, ...]
    instruments: list[Instrument] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    content: dict[str, str] = field(default_factory=dict)
    cut_off: list[tuple[Stamps, Mask]] = field(default_factory=list)


def judge_family(asked: Question, tickers: tuple[str, ...]) -> FamilyVerdict:
    """Read and judge the series of some tickers, cut them into instruments, and put these on the grid."""
    verdict = FamilyVerdict(tickers)
    listings: dict[str, list[Listing]] = {}
    funding: dict[str, JudgedFunding | None] = {}
    for symbol in tickers:
        listings[symbol] = _judge_ticker(asked, symbol, verdict)
        funding[symbol] = _judge_funding(asked, symbol, verdict)
    joined, found = join_renames(listings, asked.changes)
    verdict.findings += found
    verdict.instruments = [
        _put_on_grid(listing, asked.bar_ms, funding) for pieces in joined.values() for listing in pieces
    ]
    return verdict


def side_by_side(work: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
    """Results in the order of the things, a few worked on at a time. Whoever stops looking waits for those."""
    waiting = iter(things)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running: list[Future[R]] = [pool.submit(work, thing) for thing in islice(waiting, _AT_ONCE)]
        try:
            while running:
                result = running.pop(0).result()
                running += [pool.submit(work, thing) for thing in islice(waiting, 1)]
                yield result
        finally:
            for future in running:
                future.cancel()


def _judge_ticker(asked: Question, symbol: str, verdict: FamilyVerdict) -> list[Listing]:
    key = asked.bar_keys[symbol]
    loaded = asked.load(key)
    if loaded is None:
        return []
    info, told = loaded
    verdict.content[str(key)] = info.content_sha256
    judged = judge_bars(symbol, told, asked.base_ms, asked.limits, read_facts(info, asked.base_ms))
    verdict.findings += judged.findings
    verdict.cut_off.append(suspect_cut(judged))
    listings, found = split_listings(judged, asked.changes, asked.dates.get(symbol))
    verdict.findings += found
    whole: list[Listing] = []
    for listing in listings:
        rows, kept, lacking = resample(listing.symbol, listing.rows, asked.base_ms, asked.bar_ms)
        verdict.findings += lacking
        if kept.any():
            whole.append(replace(listing, rows=rows.take(kept), bar_ms=asked.bar_ms))
    return whole


def _judge_funding(asked: Question, symbol: str, verdict: FamilyVerdict) -> JudgedFunding | None:
    key = asked.funding_keys.get(symbol)
    loaded = None if key is None else asked.load(key)
    if loaded is None:
        verdict.findings.append(Finding(symbol, "no_funding", 0, 0, 0, "no prints in the lake"))
        return None
    info, told = loaded
    verdict.content[str(key)] = info.content_sha256
    judged = judge_funding(symbol, told, info.covered)
    verdict.findings += judged.findings
    return judged


def _put_on_grid(listing: Listing, bar_ms: int, funding: Mapping[str, JudgedFunding | None]) -> Instrument:
    rows = listing.rows
    first = int(rows.open_ms[0]) // bar_ms
    bars = int(rows.open_ms[-1]) // bar_ms - first + 1
    cells = {name: getattr(rows, name) for name in ("open", "high", "low", "close", "volume_usdt")}
    if bars > len(rows):  # else the rows are the grid
        place = rows.open_ms // bar_ms - first
        cells = {name: _scatter(cell, place, bars) for name, cell in cells.items()}
    first_close_ms = (first + 1) * bar_ms
    paid = _sum_funding(funding[listing.ticker], first_close_ms, bars, bar_ms)
    closes = first_close_ms + bar_ms * np.arange(bars, dtype=np.int64)
    for ticker, until_ms in listing.earlier:
        before = closes <= until_ms
        paid[before] = _sum_funding(funding[ticker], first_close_ms, bars, bar_ms)[before]
    cells["funding_frac"] = paid
    return Instrument(listing, first_close_ms, cells)


def _scatter(values: Floats, place: Stamps, bars: int) -> Floats:
    cell = np.full(bars, np.nan)
    cell[place] = values
    return cell


def _sum_funding(judged: JudgedFunding | None, first_close_ms: int, bars: int, bar_ms: int) -> Floats:
    return np.full(bars, np.nan) if judged is None else sum_by_bar(judged, first_close_ms, bars, bar_ms)


def read_facts(info: SeriesInfo, bar_ms: int) -> Facts:
    """What the manifests tell about when the newest rows were written down."""
    downloads = [source.at_ms for source in info.sources if source.what == "download"]
    ends = [source.set_end_ms + bar_ms for source in info.sources if source.set_end_ms is not None]
    # The newest row of a series that was downloaded too is the download's: it went on behind the files.
    if downloads:
        return Facts(covered=info.covered, fetched_ms=max(downloads), set_end_ms=max(ends, default=None))
    return Facts(covered=info.covered, set_end_ms=max(ends, default=None))
