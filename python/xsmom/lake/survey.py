"""A walk over one market of the lake: every series judged, cut into instruments, put on the grid.

`check` reads its findings, `compile` its bars. One walk serves both, so what is shown is what is done.
Only one family of tickers is in memory at a time (a family: one ticker, or those that the map joins).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from xsmom.domain.panel import NEVER_MS
from xsmom.domain.tickers import Change
from xsmom.domain.timeframe import format_timeframe, parse_timeframe
from xsmom.errors import DataError
from xsmom.lake.bar_rows import Floats
from xsmom.lake.bar_verdicts import Facts, judge_bars
from xsmom.lake.findings import Stamps, note_runs
from xsmom.lake.funding_verdicts import JudgedFunding, judge_funding, sum_by_bar
from xsmom.lake.listings import Listing, SpecDates, join_renames, split_listings
from xsmom.lake.market_verdicts import CutOffCount
from xsmom.lake.resample import resample
from xsmom.lake.rules import Finding, Limits
from xsmom.lake.series import SeriesInfo, SeriesKey

if TYPE_CHECKING:
    from xsmom.lake.store import Lake

Progress = Callable[[int, int], None]


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


@dataclass
class Survey:
    """What to look at: one venue, one timeframe, some symbols or all."""

    lake: Lake
    venue: str
    timeframe: str
    symbols: Sequence[str] | None = None
    limits: Limits = field(default_factory=Limits)
    changes: Sequence[Change] = ()

    def __post_init__(self) -> None:
        """Find the series; make bars of smaller ones where none of this length are there."""
        self.bar_ms = parse_timeframe(self.timeframe)
        self.base_ms = self._find_base()
        base = format_timeframe(self.base_ms)
        there = {key.symbol: key for key in self.lake.keys(self.venue, "bars", base)}
        wanted = sorted(there) if self.symbols is None else list(self.symbols)
        for symbol in wanted:
            if symbol not in there:
                raise DataError(
                    f"{self.lake.root} holds no {base} bars of {symbol} from {self.venue}: "
                    "see `xsmom data ls`, or download them"
                )
        self.bar_keys = {symbol: there[symbol] for symbol in wanted}
        self.funding_keys = {key.symbol: key for key in self.lake.keys(self.venue, "funding")}
        self.findings: list[Finding] = []
        self.content: dict[str, str] = {}
        self._cut_off = CutOffCount(self.base_ms)
        self._dates: dict[str, SpecDates] | None = None

    def narrow(self, symbols: Sequence[str] | None, without: Collection[SeriesKey]) -> None:
        """Keep these symbols alone, if they are there, and none of the series in `without`."""
        self.bar_keys = {
            symbol: key
            for symbol, key in self.bar_keys.items()
            if key not in without and (symbols is None or symbol in symbols)
        }
        self.funding_keys = {symbol: key for symbol, key in self.funding_keys.items() if key not in without}

    def walk(self, progress: Progress | None = None) -> Iterator[Instrument]:
        """Judge every family in turn, and give its instruments. Findings gather on the way."""
        done = 0
        for family in self._families():
            yield from self._judge_family(family)
            done += len(family)
            if progress is not None:
                progress(done, len(self.bar_keys))

    def half_finished(self) -> frozenset[int]:
        """Closes of the bars that were cut off for most names; known when the walk is over."""
        return frozenset(open_ms // self.bar_ms * self.bar_ms + self.bar_ms for open_ms in self._cut_off.found())

    def note_half_finished(self, symbol: str, closes: Stamps) -> None:
        """Note which bars of one instrument were cut off with all others."""
        bad = np.ones(len(closes), dtype=bool)
        self.findings += note_runs(symbol, "half_finished", closes - self.bar_ms, bad, "cut off, like most names")

    def _find_base(self) -> int:
        """The bar length to read: this one, or the largest that divides it."""
        lengths = {parse_timeframe(key.timeframe) for key in self.lake.keys(self.venue, "bars")}
        if not lengths:
            raise DataError(f"{self.lake.root} holds no bars from {self.venue}: see `xsmom data ls`")
        fitting = [bar_ms for bar_ms in lengths if self.bar_ms % bar_ms == 0]
        if not fitting:
            have = ", ".join(format_timeframe(bar_ms) for bar_ms in sorted(lengths))
            raise DataError(f"no bars of {self.timeframe} can be made from what {self.venue} has: {have}")
        return max(fitting)

    def _families(self) -> list[tuple[str, ...]]:
        """Tickers that the map joins stand together; every other one alone."""
        parent = {symbol: symbol for symbol in self.bar_keys}

        def head(symbol: str) -> str:
            while parent[symbol] != symbol:
                symbol = parent[symbol]
            return symbol

        for change in self.changes:
            if change.old in parent and change.new in parent:
                parent[head(change.old)] = head(change.new)
        families: dict[str, list[str]] = {}
        for symbol in self.bar_keys:
            families.setdefault(head(symbol), []).append(symbol)
        return [tuple(sorted(family)) for family in families.values()]

    def _judge_family(self, family: Iterable[str]) -> Iterator[Instrument]:
        listings: dict[str, list[Listing]] = {}
        funding: dict[str, JudgedFunding | None] = {}
        for symbol in family:
            listings[symbol] = self._judge_ticker(symbol)
            funding[symbol] = self._judge_funding(symbol)
        joined, found = join_renames(listings, self.changes)
        self.findings += found
        for pieces in joined.values():
            for listing in pieces:
                yield self._put_on_grid(listing, funding)

    def _judge_ticker(self, symbol: str) -> list[Listing]:
        key = self.bar_keys[symbol]
        info, told = self.lake.load(key)
        self.content[str(key)] = info.content_sha256
        judged = judge_bars(symbol, told, self.base_ms, self.limits, read_facts(info, self.base_ms))
        self.findings += judged.findings
        self._cut_off.add(judged)
        listings, found = split_listings(judged, self.changes, self._spec_dates().get(symbol))
        self.findings += found
        whole: list[Listing] = []
        for listing in listings:
            rows, kept, lacking = resample(listing.symbol, listing.rows, self.base_ms, self.bar_ms)
            self.findings += lacking
            if kept.any():
                whole.append(replace(listing, rows=rows.take(kept), bar_ms=self.bar_ms))
        return whole

    def _judge_funding(self, symbol: str) -> JudgedFunding | None:
        key = self.funding_keys.get(symbol)
        if key is None:
            self.findings.append(Finding(symbol, "no_funding", 0, 0, 0, "no prints in the lake"))
            return None
        info, told = self.lake.load(key)
        self.content[str(key)] = info.content_sha256
        judged = judge_funding(symbol, told, info.covered)
        self.findings += judged.findings
        return judged

    def _put_on_grid(self, listing: Listing, funding: Mapping[str, JudgedFunding | None]) -> Instrument:
        rows, bar_ms = listing.rows, self.bar_ms
        first = int(rows.open_ms[0]) // bar_ms
        place = rows.open_ms // bar_ms - first
        bars = int(place[-1]) + 1
        cells = {}
        for name in ("open", "high", "low", "close", "volume_usdt"):
            cell = np.full(bars, np.nan)
            cell[place] = getattr(rows, name)
            cells[name] = cell
        first_close_ms = (first + 1) * bar_ms
        paid = _sum_funding(funding[listing.ticker], first_close_ms, bars, bar_ms)
        closes = first_close_ms + bar_ms * np.arange(bars, dtype=np.int64)
        for ticker, until_ms in listing.earlier:
            before = closes <= until_ms
            paid[before] = _sum_funding(funding[ticker], first_close_ms, bars, bar_ms)[before]
        cells["funding_frac"] = paid
        return Instrument(listing, first_close_ms, cells)

    def _spec_dates(self) -> dict[str, SpecDates]:
        if self._dates is None:
            self._dates = read_spec_dates(self.lake, self.venue)
        return self._dates


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


def read_spec_dates(lake: Lake, venue: str) -> dict[str, SpecDates]:
    """Listing and delisting dates as the exchange told them last."""
    frame = lake.instruments(venue)
    dates = {}
    for row in frame.select("symbol", "listed_ms", "delisted_ms").iter_rows(named=True):
        gone = row["delisted_ms"]
        dates[row["symbol"]] = SpecDates(row["listed_ms"], None if gone in {None, NEVER_MS} else gone)
    return dates
