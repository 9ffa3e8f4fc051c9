"""Verdicts on the funding prints of one series, and their sum in each bar. Pure functions.

A print belongs to the bar with close[t-1] < stamp <= close[t], its stamp rounded to the minute. Where
everything is known and nothing was settled the sum is 0; where it is not known it is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from xsmom.lake.bar_rows import Floats
from xsmom.lake.findings import Mask, Stamps, note_all, note_runs
from xsmom.lake.rules import RATE_FRAC_MAX, RATE_FRAC_USUAL_MAX, RATES_TO_JUDGE_UNIT, Finding
from xsmom.lake.spans import Span, difference, union

_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000
_INTERVAL_HOURS_MAX = 8  # the longest that exchanges use: a longer silence is a settlement that is missing


@dataclass(frozen=True)
class JudgedFunding:
    """Prints at their instants, one each; `known` are the ranges of which all is known."""

    symbol: str
    at_ms: Stamps
    rate_frac: Floats
    known: tuple[Span, ...]
    findings: list[Finding] = field(default_factory=list)


def judge_funding(symbol: str, frame: pl.DataFrame, covered: Sequence[Span] | None) -> JudgedFunding:
    """Judge raw prints (`at_ms`, `rate_frac`). Without `covered`, all is known from the first to the last."""
    stamps = np.asarray(frame.get_column("at_ms").to_numpy(), dtype=np.int64)
    rates = np.asarray(frame.get_column("rate_frac").to_numpy(), dtype=np.float64)
    order = np.lexsort((rates, stamps))
    stamps, rates = stamps[order], rates[order]
    minutes = (stamps + _MINUTE_MS // 2) // _MINUTE_MS * _MINUTE_MS
    off = stamps != minutes
    most = int(np.abs(stamps - minutes).max(initial=0))
    found = note_all(symbol, "jitter", stamps, off, f"up to {most:,} ms off their minute")
    minutes, rates, unsure, twice = _settle_repeats(symbol, minutes, rates)
    found += twice
    wrong = ~unsure & ~(np.abs(rates) <= RATE_FRAC_MAX)
    found += note_runs(symbol, "rate_range", minutes, wrong, "not a rate that anybody settles")
    usual = float(np.median(np.abs(rates[~(unsure | wrong)]))) if (~(unsure | wrong)).any() else 0.0
    if len(rates) >= RATES_TO_JUDGE_UNIT and usual > RATE_FRAC_USUAL_MAX:
        detail = f"the median rate is {usual:.4g}: these look like percent, divide them by 100 and import again"
        found += note_all(symbol, "rate_unit", minutes, np.ones(len(minutes), dtype=bool), detail)
        return JudgedFunding(symbol, minutes[:0], rates[:0], (), found)
    rates = np.where(unsure | wrong, np.nan, rates)
    dark, notes = _judge_intervals(symbol, minutes)
    if covered is None:
        covered = (Span(int(minutes[0]), int(minutes[-1]) + 1),) if len(minutes) else ()
    if len(minutes) > 1:
        # Nothing is settled within one interval before a settlement.
        covered = (*covered, Span(int(2 * minutes[0] - minutes[1]) + 1, int(minutes[0]) + 1))
    known = difference(union(covered), dark)
    return JudgedFunding(symbol, minutes, rates, known, found + notes)


def _settle_repeats(symbol: str, minutes: Stamps, rates: Floats) -> tuple[Stamps, Floats, Mask, list[Finding]]:
    """One print an instant. Those that contradict each other are marked."""
    first = np.concatenate(([True], np.diff(minutes) != 0)) if len(minutes) else np.zeros(0, dtype=bool)
    if first.all():
        return minutes, rates, np.zeros(len(minutes), dtype=bool), []
    group = np.cumsum(first) - 1
    starts = np.flatnonzero(first)
    same = (rates == rates[starts][group]) | (np.isnan(rates) & np.isnan(rates[starts][group]))
    unsure = np.zeros(len(starts), dtype=bool)
    unsure[group[~same]] = True
    instants = minutes[starts]
    again = np.zeros(len(starts), dtype=bool)
    again[group[~first]] = True
    found = note_all(symbol, "print_twice", instants, again & ~unsure, "told again, alike")
    found += note_runs(symbol, "print_conflict", instants, unsure, "told with different rates")
    return instants, rates[starts], unsure, found


def _judge_intervals(symbol: str, minutes: Stamps) -> tuple[list[Span], list[Finding]]:
    """Where the interval changes, and where a settlement is missing.

    An exchange moves between intervals that divide eight hours, and the new one holds. A single step
    that is longer than both its neighbours and than eight hours is a hole.
    """
    if len(minutes) < 3:
        return [], []
    steps = np.diff(minutes)
    before, behind = np.concatenate((steps[:1], steps[:-1])), np.concatenate((steps[1:], steps[-1:]))
    usual = np.maximum(before, behind)
    missing = (steps > usual) & (steps > _INTERVAL_HOURS_MAX * _HOUR_MS)
    # Between two equal intervals, a step of a multiple is one or more that were left out.
    missing |= (steps > usual) & (before == behind) & (steps % np.maximum(before, 1) == 0)
    dark = [
        Span(int(minutes[place]) + 1, int(minutes[place + 1] - usual[place]) + 1) for place in np.flatnonzero(missing)
    ]
    found = [
        Finding(
            symbol, "print_missing", int(minutes[place]), int(minutes[place + 1]), 1,
            f"{steps[place] / _HOUR_MS:g} hours between prints, {usual[place] / _HOUR_MS:g} around it",
        )
        for place in np.flatnonzero(missing)
    ]  # fmt: skip
    kept = np.where(missing, usual, steps)
    for place in np.flatnonzero(np.diff(kept) != 0):
        was, now = kept[place] / _HOUR_MS, kept[place + 1] / _HOUR_MS
        at = int(minutes[place + 1])
        found.append(Finding(symbol, "interval_changed", at, at, 1, f"from {was:g} to {now:g} hours"))
    return dark, found


def sum_by_bar(judged: JudgedFunding, first_close_ms: int, bars: int, bar_ms: int) -> Floats:
    """Funding of each bar: the sum of its prints, 0 where none was settled, NaN where that is not known."""
    first_open_ms = first_close_ms - bar_ms
    opens = first_open_ms + bar_ms * np.arange(bars, dtype=np.int64)
    sums = np.zeros(bars)
    place = (judged.at_ms - first_open_ms - 1) // bar_ms  # open exclusive, close inclusive
    inside = (place >= 0) & (place < bars)
    np.add.at(sums, place[inside], judged.rate_frac[inside])
    known = np.zeros(bars, dtype=bool)
    for span in judged.known:
        known |= (opens + 1 >= span.start_ms) & (opens + bar_ms < span.end_ms)
    return np.where(known, sums, np.nan)
