"""What `data check` looks at: every market of a lake judged, its files, and how much of its time is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.tickers import Change, ticker_of
from xsmom.lake.bar_rows import Floats
from xsmom.lake.family import Instrument, side_by_side
from xsmom.lake.findings import Stamps
from xsmom.lake.funding_verdicts import judge_funding
from xsmom.lake.inspection import Inspection
from xsmom.lake.mark_verdicts import judge_mark
from xsmom.lake.rules import Finding, Limits, Severity
from xsmom.lake.series import SeriesKey
from xsmom.lake.survey import Progress, Survey

if TYPE_CHECKING:
    from xsmom.lake.store import Lake

STRETCHES = 160
"""Columns of the coverage map."""

PANELS = ".panels"
"""Folder of a lake where panels lie that were compiled on the way to something else."""


@dataclass
class Coverage:
    """How much of each ticker's time has usable bars, stretch by stretch; NaN outside its life."""

    starts_ms: Stamps
    stretch_ms: int
    share: dict[str, Floats] = field(default_factory=dict)
    #: 0 nothing found, 1 note, 2 warning, 3 error.
    gravity: dict[str, NDArray[np.int8]] = field(default_factory=dict)


@dataclass(frozen=True)
class MarketCheck:
    """One market: bars of one timeframe at one venue, with the funding and mark prices of their symbols."""

    venue: str
    timeframe: str
    tickers: tuple[str, ...]
    instruments: int
    bars: int
    findings: tuple[Finding, ...]
    coverage: Coverage


def check_market(
    lake: Lake,
    venue: str,
    timeframe: str,
    *,
    kinds: Sequence[str] = ("bars", "mark", "funding"),
    symbols: Sequence[str] | None = None,
    inspection: Inspection | None = None,
    since_ms: int | None = None,
    limits: Limits | None = None,
    changes: Sequence[Change] = (),
    progress: Progress | None = None,
) -> MarketCheck | None:
    """Judge one market as `compile` would, and its mark prices too, without series that are not what was written."""
    inspection = inspection or Inspection(lake)
    survey = Survey(lake, venue, timeframe, None, limits or Limits(), changes, inspection)
    if symbols is not None:
        survey.narrow(symbols)
    found = []
    lives: list[tuple[str, Stamps, int, int]] = []
    bars = 0
    for instrument in survey.walk(progress):
        closes = _usable_closes(instrument, survey.bar_ms)
        bars += len(closes)
        last_ms = instrument.first_close_ms + (instrument.bars - 1) * survey.bar_ms
        lives.append((instrument.listing.symbol, closes, instrument.first_close_ms, last_ms))
        if "mark" in kinds:
            found += _judge_mark(lake, survey, instrument, closes, inspection)
    half = survey.half_finished()
    for symbol, closes, _, _ in lives:
        for stamp in closes[np.isin(closes, np.fromiter(half, np.int64, len(half)))]:
            survey.note_half_finished(symbol, np.array([stamp]))
    found = [*survey.findings, *found]
    found = [finding for finding in found if _is_wanted(finding, kinds) and _is_since(finding, since_ms)]
    coverage = _measure(lives, survey.bar_ms, since_ms)
    _lay_findings(coverage, found)
    broken = inspection.broken()
    tickers = tuple(symbol for symbol, key in survey.bar_keys.items() if key not in broken)
    return MarketCheck(venue, timeframe, tickers, len(lives), bars, tuple(found), coverage) if tickers else None


def check_files(
    lake: Lake,
    venue: str | None,
    symbols: Sequence[str] | None,
    inspection: Inspection,
    progress: Progress | None = None,
) -> list[Finding]:
    """What was seen wrong in the files so far, what is wrong in those not read yet, and files of others."""
    keys = [key for key in lake.keys(venue) if symbols is None or key.symbol in symbols]
    keys = [key for key in keys if key not in inspection.faults]
    for done, _ in enumerate(side_by_side(inspection.load, keys)):
        if progress is not None:
            progress(done + 1, len(keys))
    found = inspection.findings()
    for path in lake.strangers():
        if PANELS not in path.relative_to(lake.root).parts:
            found.append(Finding("", "foreign", 0, 0, 0, str(path)))
    for path in sorted(lake.root.rglob(".*.tmp")):
        found.append(Finding("", "leftover", 0, 0, 0, str(path)))
    return found


def check_lonely_funding(
    lake: Lake, venue: str, inspection: Inspection, symbols: Sequence[str] | None = None
) -> list[Finding]:
    """Judge funding of symbols without bars, which no market check meets."""
    with_bars = {key.symbol for key in lake.keys(venue, "bars")}
    found: list[Finding] = []
    for key in lake.keys(venue, "funding"):
        if key.symbol in with_bars or (symbols is not None and key.symbol not in symbols):
            continue
        loaded = inspection.load(key)
        if loaded is not None:
            info, told = loaded
            found += judge_funding(key.symbol, told, info.covered).findings
    return found


def _usable_closes(instrument: Instrument, bar_ms: int) -> Stamps:
    there = np.flatnonzero(~np.isnan(instrument.cells["close"]))
    return np.asarray(instrument.first_close_ms + bar_ms * there, dtype=np.int64)


def _judge_mark(
    lake: Lake, survey: Survey, instrument: Instrument, closes: Stamps, inspection: Inspection
) -> list[Finding]:
    ticker = instrument.listing.ticker
    key = SeriesKey(survey.venue, "mark", survey.timeframe, ticker)
    loaded = inspection.load(key) if lake.part_paths(key) else None
    if loaded is None:
        return []
    known = instrument.cells["close"]
    place = (closes - instrument.first_close_ms) // survey.bar_ms
    return judge_mark(ticker, loaded[1], closes - survey.bar_ms, known[place], survey.bar_ms)


# What every series has at its end, or all along, or what the share of bars shows already.
_NOT_PAINTED = {"jitter", "no_trade", "gap", "unproven_last", "ended"}
_FUNDING_RULES = {
    "jitter", "print_twice", "print_conflict", "rate_range", "rate_unit", "interval_changed", "print_missing",
    "no_funding",
}  # fmt: skip


def _is_wanted(finding: Finding, kinds: Sequence[str]) -> bool:
    kind = "funding" if finding.rule in _FUNDING_RULES else "mark" if finding.rule.startswith("mark") else "bars"
    return kind in kinds


def _is_since(finding: Finding, since_ms: int | None) -> bool:
    """Findings without a place in time are of the whole series."""
    return since_ms is None or finding.last_ms == 0 or finding.last_ms >= since_ms


def _measure(lives: list[tuple[str, Stamps, int, int]], bar_ms: int, since_ms: int | None) -> Coverage:
    if not lives:
        return Coverage(np.zeros(0, dtype=np.int64), bar_ms)
    first = min(life[2] for life in lives) - bar_ms
    if since_ms is not None:
        first = max(first, since_ms // bar_ms * bar_ms)
    end = max(life[3] for life in lives)
    bars = max(1, (end - first) // bar_ms)
    stretch_bars = -(-bars // STRETCHES)
    stretch_ms = stretch_bars * bar_ms
    count = -(-bars // stretch_bars)
    coverage = Coverage(first + stretch_ms * np.arange(count, dtype=np.int64), stretch_ms)
    there: dict[str, Floats] = {}
    lived: dict[str, Floats] = {}
    for symbol, closes, first_ms, last_ms in lives:
        ticker = ticker_of(symbol)
        all_closes = np.arange(first_ms, last_ms + 1, bar_ms, dtype=np.int64)
        for counts, stamps in ((there, closes), (lived, all_closes)):
            place = (stamps - bar_ms - first) // stretch_ms
            counted = np.bincount(place[(place >= 0) & (place < count)], minlength=count)
            counts[ticker] = counts.get(ticker, np.zeros(count)) + counted
    with np.errstate(invalid="ignore"):
        coverage.share = {ticker: there[ticker] / lived[ticker] for ticker in sorted(there)}
    coverage.gravity = {ticker: np.zeros(count, dtype=np.int8) for ticker in coverage.share}
    return coverage


def _lay_findings(coverage: Coverage, found: list[Finding]) -> None:
    """The gravest finding of each stretch. What touches a whole series by its nature is not painted over it."""
    order = list(Severity)
    for finding in found:
        marks = coverage.gravity.get(ticker_of(finding.symbol))
        if marks is None or finding.last_ms == 0 or finding.rule in _NOT_PAINTED:
            continue
        first = max(0, int((finding.first_ms - coverage.starts_ms[0]) // coverage.stretch_ms))
        last = int((finding.last_ms - coverage.starts_ms[0]) // coverage.stretch_ms)
        marks[first : last + 1] = np.maximum(marks[first : last + 1], order.index(finding.severity) + 1)
