"""A walk over one market of the lake: every series judged, cut into instruments, put on the grid.

`check` reads its findings, `compile` its bars. One walk serves both, so what is shown is what is done.
Only a few families of tickers are in memory at a time (a family: one ticker, or those that the map joins).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from xsmom.domain.panel import NEVER_MS
from xsmom.domain.tickers import Change
from xsmom.domain.timeframe import format_timeframe, parse_timeframe
from xsmom.errors import DataError
from xsmom.lake.family import Instrument, Question, judge_family, side_by_side
from xsmom.lake.findings import Stamps, note_runs
from xsmom.lake.listings import SpecDates
from xsmom.lake.market_verdicts import CutOffCount
from xsmom.lake.rules import Finding, Limits

if TYPE_CHECKING:
    from xsmom.lake.inspection import Inspection
    from xsmom.lake.store import Lake

Progress = Callable[[int, int], None]


@dataclass
class Survey:
    """What to look at: one venue, one timeframe, some symbols or all."""

    lake: Lake
    venue: str
    timeframe: str
    symbols: Sequence[str] | None = None
    limits: Limits = field(default_factory=Limits)
    changes: Sequence[Change] = ()
    #: Where given, each series is held against its manifests, and left out where it is not what was written.
    inspection: Inspection | None = None

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

    def narrow(self, symbols: Sequence[str]) -> None:
        """Keep these symbols alone, if they are there."""
        self.bar_keys = {symbol: key for symbol, key in self.bar_keys.items() if symbol in symbols}

    def walk(self, progress: Progress | None = None) -> Iterator[Instrument]:
        """Judge every family in turn, and give its instruments. Findings gather on the way."""
        done = 0
        asked = Question(
            load=self.inspection.load if self.inspection else self.lake.load,
            base_ms=self.base_ms,
            bar_ms=self.bar_ms,
            limits=self.limits,
            changes=self.changes,
            dates=read_spec_dates(self.lake, self.venue),
            bar_keys=self.bar_keys,
            funding_keys=self.funding_keys,
        )
        for verdict in side_by_side(partial(judge_family, asked), self._families()):
            self.findings += verdict.findings
            self.content |= verdict.content
            for stamps, cut in verdict.cut_off:
                self._cut_off.add(stamps, cut)
            yield from verdict.instruments
            done += len(verdict.tickers)
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


def read_spec_dates(lake: Lake, venue: str) -> dict[str, SpecDates]:
    """Listing and delisting dates as the exchange told them last."""
    frame = lake.instruments(venue)
    dates = {}
    for row in frame.select("symbol", "listed_ms", "delisted_ms").iter_rows(named=True):
        gone = row["delisted_ms"]
        dates[row["symbol"]] = SpecDates(row["listed_ms"], None if gone in {None, NEVER_MS} else gone)
    return dates
