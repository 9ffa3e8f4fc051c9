"""From judged bars to instruments: where one ends and another begins under the same ticker, and dates.

No return may cross from one instrument to another. A new unit or a new ticker that the dated map knows,
and that the prices bear out, is one instrument still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from xsmom.domain.panel import NEVER_MS
from xsmom.domain.stamps import format_ms
from xsmom.domain.tickers import Change
from xsmom.domain.timeframe import DAY_MS
from xsmom.lake.bar_rows import BarRows
from xsmom.lake.bar_verdicts import JudgedBars
from xsmom.lake.rules import JOIN_X, JUMP_AFTER_GAP_X, JUMP_X, RELIST_DAYS, Finding

_NEAR_DAYS = 15  # how far from its date in the map a redenomination may show in the prices


@dataclass(frozen=True, slots=True)
class SpecDates:
    """What the exchange itself tells of a contract's dates."""

    listed_ms: int | None = None
    delisted_ms: int | None = None


@dataclass(frozen=True)
class Listing:
    """One instrument: its rows (usable ones only), its dates, and where each date comes from."""

    symbol: str
    ticker: str
    rows: BarRows
    bar_ms: int
    listed_ms: int
    delisted_ms: int
    listed_by: str
    delisted_by: str
    #: Older tickers, each with the open of the first bar that is not its own, the youngest first.
    earlier: tuple[tuple[str, int], ...] = ()

    @property
    def first_close_ms(self) -> int:
        """Close of its first bar."""
        return int(self.rows.open_ms[0]) + self.bar_ms

    @property
    def last_close_ms(self) -> int:
        """Close of its last bar."""
        return int(self.rows.open_ms[-1]) + self.bar_ms


def split_listings(
    judged: JudgedBars, changes: Sequence[Change] = (), dates: SpecDates | None = None
) -> tuple[list[Listing], list[Finding]]:
    """Cut a series where another instrument begins, and put older prices into the newest unit."""
    rows = judged.rows.take(judged.usable)
    if not len(rows):
        return [], []
    rows, found = _rescale(judged, rows, changes)
    cuts = _find_cuts(rows, judged.bar_ms)
    edges = [0, *cuts, len(rows)]
    listings = []
    for number, (first, end) in enumerate(pairwise(edges), start=1):
        piece = rows.cut(first, end)
        symbol = judged.symbol if number == 1 else f"{judged.symbol}.{number}"
        listed_ms, listed_by = int(piece.open_ms[0]), "first bar"
        delisted_ms, delisted_by = int(piece.open_ms[-1]) + judged.bar_ms, "last bar"
        if end == len(rows) and not judged.ended:
            delisted_ms, delisted_by = NEVER_MS, ""
        listings.append(
            Listing(symbol, judged.symbol, piece, judged.bar_ms, listed_ms, delisted_ms, listed_by, delisted_by)
        )
    for cut in cuts:
        found.append(_tell_cut(judged, rows, cut))
    return _apply_dates(listings, dates or SpecDates()), found


def _find_cuts(rows: BarRows, bar_ms: int) -> list[int]:
    """Places at which a new instrument begins."""
    if len(rows) < 2:
        return []
    silent_ms = rows.steps_ms - bar_ms
    times = rows.open[1:] / rows.close[:-1]
    # A logarithm of every bar would cost more than all else here: only what is near the limits is looked at.
    least = min(JUMP_AFTER_GAP_X, JUMP_X) * 0.99
    cut = silent_ms >= RELIST_DAYS * DAY_MS
    at = np.flatnonzero((times >= least) | (times <= 1 / least))
    cut[at] |= np.abs(np.log(times[at])) >= np.where(silent_ms[at] > 0, np.log(JUMP_AFTER_GAP_X), np.log(JUMP_X))
    return [int(place) + 1 for place in np.flatnonzero(cut)]


def _tell_cut(judged: JudgedBars, rows: BarRows, cut: int) -> Finding:
    silent_ms = int(rows.open_ms[cut] - rows.open_ms[cut - 1]) - judged.bar_ms
    times = float(rows.open[cut] / rows.close[cut - 1])
    how = f"silent for {silent_ms / DAY_MS:.1f} days" if silent_ms else "without a silent bar"
    at = int(rows.open_ms[cut])
    detail = f"{how}, then opened at {times:.4g} times the last close"
    return Finding(judged.symbol, "relisted", at, at, 1, detail)


def _rescale(judged: JudgedBars, rows: BarRows, changes: Sequence[Change]) -> tuple[BarRows, list[Finding]]:
    """Put prices before a known redenomination into the new unit, if the series shows just that jump."""
    found: list[Finding] = []
    for change in (change for change in changes if change.old == change.new == judged.symbol):
        near = np.abs(rows.open_ms[1:] - change.at_ms) <= _NEAR_DAYS * DAY_MS
        if not near.any():
            continue
        misfit = np.abs(np.log(rows.open[1:] / rows.close[:-1] * change.units))
        place = int(np.where(near, misfit, np.inf).argmin()) + 1
        at = int(rows.open_ms[place])
        if misfit[place - 1] > np.log(JOIN_X):
            detail = f"the map says {change.units:g} for 1 at {format_ms(change.at_ms)}; no such jump is there"
            found.append(Finding(judged.symbol, "not_joined", at, at, 1, detail))
            continue
        rows = _in_new_units(rows, place, change.units)
        detail = f"{change.units:g} new for 1 old; older prices are divided by it"
        found.append(Finding(judged.symbol, "redenominated", at, at, place, detail))
    return rows, found


def _in_new_units(rows: BarRows, end: int, units: float) -> BarRows:
    """Prices before `end` divided by the number of new units that one old one became."""
    scaled = {}
    for name in ("open", "high", "low", "close"):
        column = getattr(rows, name).copy()
        column[:end] /= units
        scaled[name] = column
    volume = rows.volume.copy()
    volume[:end] *= units
    return replace(rows, volume=volume, **scaled)


def _apply_dates(listings: list[Listing], dates: SpecDates) -> list[Listing]:
    """The exchange's own dates, where they do not contradict the bars."""
    first, last = listings[0], listings[-1]
    if dates.listed_ms is not None and dates.listed_ms <= first.listed_ms:
        listings[0] = replace(first, listed_ms=dates.listed_ms, listed_by="exchange")
        last = listings[-1]
    if dates.delisted_ms not in {None, NEVER_MS}:
        assert dates.delisted_ms is not None
        if dates.delisted_ms >= last.last_close_ms:
            listings[-1] = replace(last, delisted_ms=dates.delisted_ms, delisted_by="exchange")
    return listings


def join_renames(
    by_ticker: Mapping[str, list[Listing]], changes: Sequence[Change]
) -> tuple[dict[str, list[Listing]], list[Finding]]:
    """Put the bars of an old ticker before those of its new one, where dates and prices agree.

    The joined instrument bears the new ticker: a name that lives on is known by it today.
    """
    joined = {ticker: list(listings) for ticker, listings in by_ticker.items()}
    found: list[Finding] = []
    for change in sorted(changes, key=lambda change: change.at_ms):
        if change.old == change.new or not joined.get(change.old) or not joined.get(change.new):
            continue
        old, new = joined[change.old][-1], joined[change.new][0]
        why = _why_apart(old, new, change)
        at = int(new.rows.open_ms[0])
        if why:
            found.append(Finding(change.new, "not_joined", at, at, 1, f"{change.old} to {change.new}: {why}"))
            continue
        older = _in_new_units(old.rows, len(old.rows), change.units)
        before = older.open_ms < new.rows.open_ms[0]
        rows = _concatenate(older.take(before), new.rows)
        earlier = (*new.earlier, (old.ticker, at), *old.earlier)
        one = replace(new, rows=rows, listed_ms=old.listed_ms, listed_by=old.listed_by, earlier=earlier)
        joined[change.new] = [one, *joined[change.new][1:]]
        joined[change.old] = joined[change.old][:-1]
        detail = f"{int(before.sum())} bars of {change.old}, {change.units:g} new for 1 old"
        found.append(Finding(change.new, "renamed", at, at, int(before.sum()), detail))
    return {ticker: listings for ticker, listings in joined.items() if listings}, found


def _why_apart(old: Listing, new: Listing, change: Change) -> str:
    """Why the two cannot be one instrument; empty if they can."""
    pause_ms = int(new.rows.open_ms[0]) - old.last_close_ms
    if pause_ms < 0:
        return "both traded at the same time"
    if pause_ms > RELIST_DAYS * DAY_MS:
        return f"{pause_ms / DAY_MS:.0f} days lie between them"
    times = float(new.rows.open[0] / old.rows.close[-1] * change.units)
    if abs(np.log(times)) > np.log(JOIN_X):
        return f"after the change of unit the first price is {times:.3g} times the last"
    return ""


def _concatenate(one: BarRows, other: BarRows) -> BarRows:
    names = ("open_ms", "open", "high", "low", "close", "volume", "volume_usdt")
    return BarRows(**{name: np.concatenate((getattr(one, name), getattr(other, name))) for name in names})
