"""Verdicts on the bars of one series: which are usable, and what was found. Pure functions over rows.

Each rule looks only at bars that no rule before it has marked, so that one bad bar is one finding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xsmom.domain.timeframe import DAY_MS
from xsmom.lake.bar_rows import BarRows, Floats, has_prices, has_range, has_volume, order_rows
from xsmom.lake.findings import Mask, Stamps, find_runs, note_all, note_runs
from xsmom.lake.rules import HALF_FINISHED_FRAC, RELIST_DAYS, WILD_WICK_X, Finding, Limits
from xsmom.lake.spans import Span, difference

_USUAL_BARS = 25  # around a bar, whose mean says what is usual
_APART_FRAC_MIN = 0.0005  # a few ticks apart is nothing


@dataclass(frozen=True)
class Facts:
    """What is known of a series beside its rows."""

    covered: tuple[Span, ...] | None = None
    #: When the newest rows were fetched from an exchange; None for rows that came from files.
    fetched_ms: int | None = None
    #: Newest stamp of the set that the file was part of; None for downloads.
    set_end_ms: int | None = None


@dataclass(frozen=True)
class JudgedBars:
    """Rows in order, one a bar, `usable` where no rule marked them; and what was found."""

    symbol: str
    bar_ms: int
    rows: BarRows
    usable: Mask
    ended: bool
    findings: list[Finding] = field(default_factory=list)

    @property
    def close_ms(self) -> Stamps:
        """Close of each bar."""
        return np.asarray(self.rows.open_ms + self.bar_ms)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # such rows are judged, not computed with
def judge_bars(symbol: str, frame: pl.DataFrame, bar_ms: int, limits: Limits, facts: Facts) -> JudgedBars:
    """Judge raw rows of last-price bars (columns of the lake, in any order)."""
    rows, unsure, found = order_rows(symbol, BarRows.from_frame(frame), bar_ms)
    ended = _has_ended(rows, bar_ms, facts)
    rows, unsure, cut = _drop_unproven(symbol, rows, unsure, bar_ms, facts, ended=ended)
    rows = rows.settled()
    found += cut
    usable = ~unsure
    if len(rows) and np.isnan(rows.volume_usdt).all():
        found += note_all(symbol, "no_volume", rows.open_ms, usable, "volume is not told in any row")
        usable[:] = False
    for name, passes, detail in (
        ("bad_price", has_prices(rows), "a price is zero, negative or missing"),
        ("broken_range", has_range(rows), "high or low contradicts open or close"),
        ("volume_hole", has_volume(rows), "volume is missing, or zero while the price moved"),
    ):
        found += note_runs(symbol, name, rows.open_ms, usable & ~passes, detail)
        usable &= passes
    for judge in (_mark_copies, _mark_frozen, _mark_spikes, _mark_wicks):
        bad, notes = judge(symbol, rows, usable, bar_ms, limits)
        usable, found = usable & ~bad, found + notes
    found += _note_absent(symbol, rows, usable, bar_ms, limits, facts)
    if ended:
        last = int(rows.open_ms[-1])
        found.append(Finding(symbol, "ended", last, last, 1, "the set goes on without it"))
    if not usable.any():
        found.append(Finding(symbol, "empty", 0, 0, len(rows), "no bar is left"))
    return JudgedBars(symbol, bar_ms, rows, usable, ended, found)


def _has_ended(rows: BarRows, bar_ms: int, facts: Facts) -> bool:
    """Has the source gone on telling of this time for so long that the name must be gone?"""
    if not len(rows):
        return False
    last_close_ms = int(rows.open_ms[-1]) + bar_ms
    told_until_ms = [] if facts.set_end_ms is None else [facts.set_end_ms]
    told_until_ms += [span.end_ms for span in facts.covered or () if span.start_ms <= last_close_ms]
    return max(told_until_ms, default=0) - last_close_ms >= RELIST_DAYS * DAY_MS


def _drop_unproven(
    symbol: str, rows: BarRows, unsure: Mask, bar_ms: int, facts: Facts, *, ended: bool
) -> tuple[BarRows, Mask, list[Finding]]:
    """Take away newest rows that may still have been forming when they were written down."""
    if not len(rows) or ended:
        return rows, unsure, []
    if facts.fetched_ms is not None:
        open_still = rows.open_ms + bar_ms > facts.fetched_ms
        detail = "fetched before its close"
    else:
        open_still = np.zeros(len(rows), dtype=bool)
        open_still[-1] = facts.set_end_ms is not None
        detail = "the newest row of a file may be half a bar"
    found = note_runs(symbol, "unproven_last", rows.open_ms, open_still, detail)
    return rows.take(~open_still), unsure[~open_still], found


def _mark_copies(symbol: str, rows: BarRows, usable: Mask, bar_ms: int, limits: Limits) -> tuple[Mask, list[Finding]]:
    """A market that moved and traded does not repeat itself to the last digit."""
    del limits
    same = np.zeros(len(rows), dtype=bool)
    if len(rows) > 1:
        same[1:] = (rows.steps_ms == bar_ms) & (rows.high[1:] > rows.low[1:])
        for column in (rows.open, rows.high, rows.low, rows.close, rows.volume_usdt):
            same[1:] &= column[1:] == column[:-1]
    bad = usable & same
    return bad, note_runs(symbol, "copied", rows.open_ms, bad, "repeats the bar before")


def _mark_frozen(symbol: str, rows: BarRows, usable: Mask, bar_ms: int, limits: Limits) -> tuple[Mask, list[Finding]]:
    still = usable & (rows.volume_usdt == 0)
    if not still.any():
        return still, []
    found = note_all(symbol, "no_trade", rows.open_ms, still, "bars without a trade")
    joined = still.copy()
    if len(rows) > 1:
        # A run goes on only over neighbouring bars at one price.
        breaks = (rows.steps_ms != bar_ms) | (rows.close[1:] != rows.close[:-1])
        joined[1:] &= ~breaks | ~still[:-1]
        starts = still & np.concatenate(([True], breaks | ~still[:-1]))
    else:
        starts = still
    begun = np.maximum.accumulate(np.where(starts, np.arange(len(rows)), -1)) if len(rows) else np.zeros(0)
    age = np.arange(len(rows)) - begun + 1
    bad = still & (age >= limits.stale_bars)
    for first, last in find_runs(bad):
        detail = f"no trade for {int(age[last])} bars, at {rows.close[last]:g}"
        found.append(
            Finding(symbol, "frozen", int(rows.open_ms[first]), int(rows.open_ms[last]), last - first + 1, detail)
        )
    return bad, found


def _mark_spikes(symbol: str, rows: BarRows, usable: Mask, bar_ms: int, limits: Limits) -> tuple[Mask, list[Finding]]:
    """A close that is far from the next open, while that one is back where the close before was.

    Real squeezes and crashes that turn within a bar or two pass: their next bar opens where they closed.
    """
    bad = np.zeros(len(rows), dtype=bool)
    if len(rows) < 3:
        return bad, []
    near = (rows.steps_ms[:-1] == bar_ms) & (rows.steps_ms[1:] == bar_ms)
    near &= usable[:-2] & usable[1:-1] & usable[2:]
    # A logarithm costs more than all else here, so only bars that have jumped are looked at closely.
    times = rows.close[1:-1] / rows.close[:-2]
    jumped = (times > 1 + limits.spike_frac / 2) | (times < 1 / (1 + limits.spike_frac / 2))
    at = np.flatnonzero(near & jumped)
    if not at.size:
        return bad, []
    reach = np.log1p(limits.spike_frac)
    before, now, after = np.log(rows.close[at]), np.log(rows.close[at + 1]), np.log(rows.open[at + 2])
    away = (
        (np.abs(now - before) > reach) & (np.abs(now - after) > reach) & (np.sign(now - before) == np.sign(now - after))
    )
    bad[at + 1] = away & (np.abs(after - before) < np.abs(now - before) / 2)
    return bad, note_runs(symbol, "spike", rows.open_ms, bad, "closes away from both neighbours, which agree")


def _mark_wicks(symbol: str, rows: BarRows, usable: Mask, bar_ms: int, limits: Limits) -> tuple[Mask, list[Finding]]:
    del bar_ms
    up = rows.high / np.fmax(rows.open, rows.close)
    down = np.fmin(rows.open, rows.close) / rows.low
    wick = np.where(usable, np.fmax(up, down), 1.0)
    wild = wick >= WILD_WICK_X
    long = (wick > 1 + limits.spike_frac) & ~wild
    found = note_runs(symbol, "wild_wick", rows.open_ms, wild, "a wick that no order could have met")
    return wild, found + note_runs(symbol, "long_wick", rows.open_ms, long, "a wick far beyond the body")


def _note_absent(symbol: str, rows: BarRows, usable: Mask, bar_ms: int, limits: Limits, facts: Facts) -> list[Finding]:
    """Bars that are not there, by whose fault; and prices that came back elsewhere."""
    found: list[Finding] = []
    stamps = rows.open_ms
    for place in np.flatnonzero(np.diff(stamps) > bar_ms) if len(rows) else ():
        absent = Span(int(stamps[place]) + bar_ms, int(stamps[place + 1]))
        missing = () if facts.covered is None else difference((absent,), facts.covered)
        told = difference((absent,), missing)
        for rule, spans, detail in (("gap", told, "no bar was published"), ("hole", missing, "never told; fetch it")):
            found += [
                Finding(
                    symbol, rule, span.start_ms, span.end_ms - bar_ms, (span.end_ms - span.start_ms) // bar_ms, detail
                )
                for span in spans
            ]
        if usable[place] and usable[place + 1]:
            jump = float(rows.open[place + 1] / rows.close[place])
            if abs(np.log(jump)) > np.log1p(limits.spike_frac):
                at = int(stamps[place + 1])
                found.append(Finding(symbol, "jump_after_gap", at, at, 1, f"opened at {jump:.4g} times the last close"))
    return found


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def suspect_cut(judged: JudgedBars) -> tuple[Stamps, Mask]:
    """Opens of bars with a usable neighbour behind, and which of them look cut off.

    Such a bar closes away from the next open, by a part of the range that its market usually has, and
    less than usual was traded in it.
    """
    rows = judged.rows
    if len(rows) < _USUAL_BARS:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    near = judged.usable[:-1] & judged.usable[1:] & (rows.steps_ms == judged.bar_ms)
    span = np.where(judged.usable, rows.high / rows.low - 1, np.nan)
    apart = np.abs(rows.open[1:] / rows.close[:-1] - 1)
    usual_span, usual_volume = _usual(span), _usual(np.where(judged.usable, rows.volume_usdt, np.nan))
    cut = apart > np.fmax(HALF_FINISHED_FRAC * usual_span[:-1], _APART_FRAC_MIN)
    cut &= rows.volume_usdt[:-1] < usual_volume[:-1]
    return rows.open_ms[:-1][near], cut[near]


def _usual(values: Floats) -> Floats:
    """Mean of the known values around each place."""
    known = ~np.isnan(values)
    if known.all():
        total, count = np.cumsum(np.concatenate(([0.0], values))), np.arange(len(values) + 1.0)
    else:
        total, count = (np.cumsum(np.concatenate(([0.0], each))) for each in (np.where(known, values, 0.0), known))
    return np.asarray(_around(total) / _around(count))


def _around(running: NDArray[Any]) -> NDArray[Any]:
    """From running sums, one longer than their values, the sum of the values around each place."""
    half = _USUAL_BARS // 2
    end = np.concatenate((running[half + 1 :], np.full(half, running[-1])))
    first = np.concatenate((np.full(half, running[0]), running[: -half - 1]))
    return np.asarray(end - first)
