"""What a download has to ask for: the ranges wished for, less what the lake has, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xsmom.domain.market_data import Instrument
from xsmom.domain.timeframe import DAY_MS, format_timeframe
from xsmom.errors import DataError
from xsmom.lake.series import Kind, SeriesKey
from xsmom.lake.spans import Span, difference

#: A print or bar of the last minutes may not be published yet; its absence says nothing before this.
SETTLED_AFTER_MS = {"bars": 120_000, "mark": 120_000, "funding": 900_000}
_MINUTE_MS = 60_000
#: Funding is asked for in stretches of about three pages at the usual interval.
FUNDING_STRETCH_MS = 180 * DAY_MS
#: The longest time between two settlements that any exchange uses, with room to spare.
_FUNDING_SILENCE_MS = DAY_MS


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks to have. `until_ms` left out means up to now."""

    bar_ms: int
    since_ms: int
    until_ms: int | None
    kinds: tuple[Kind, ...]
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One series of the wish, and the pages that are missing from it, the newest first."""

    key: SeriesKey
    life: Span
    pages: tuple[Span, ...]
    #: Pages that lie wholly before the listing, the newest first.
    before: tuple[Span, ...]


def series_keys(venue: str, wish: Wish) -> list[SeriesKey]:
    """The series that a wish comes to."""
    timeframe = format_timeframe(wish.bar_ms)
    return [
        SeriesKey(venue, kind, "" if kind == "funding" else timeframe, symbol)
        for symbol in wish.symbols
        for kind in wish.kinds
    ]


def plan(key: SeriesKey, wish: Wish, covered: Iterable[Span], contract: Instrument, page_bars: int, now_ms: int) -> Job:
    """What is missing of one series. A range whose asking failed before is missing like any other."""
    grid_ms = key.bar_ms or 1
    life = Span(contract.listed_ms, contract.delisted_ms)
    end_ms = min(now_ms if wish.until_ms is None else wish.until_ms, now_ms, contract.delisted_ms)
    wanted = Span(-(-wish.since_ms // grid_ms) * grid_ms, _ceiling(end_ms, grid_ms, now_ms))
    page_ms = page_bars * grid_ms if key.bar_ms else FUNDING_STRETCH_MS
    pages = [page for span in reversed(difference([wanted], covered)) for page in _pages(span, page_ms)]
    before = tuple(page for page in pages if page.end_ms <= contract.listed_ms)
    return Job(key, life, tuple(page for page in pages if page.end_ms > contract.listed_ms), before)


def told_until(key: SeriesKey, page: Span, last_ms: int | None, now_ms: int) -> int:
    """Up to where an answer to `page` is the whole truth, when its newest row is stamped `last_ms`."""
    grid_ms = key.bar_ms or _MINUTE_MS
    settled_ms = (now_ms - SETTLED_AFTER_MS[key.kind]) // grid_ms * grid_ms
    seen_ms = page.start_ms if last_ms is None else last_ms + (key.bar_ms or 1)
    return min(page.end_ms, max(seen_ms, settled_ms, page.start_ms))


def silent(key: SeriesKey, page: Span, life: Span) -> bool:
    """Whether an answer without any row is hard to believe: the contract traded all that time.

    Such a range is a hole, not a gap: an exchange that answers "nothing" by mistake must not make the
    lake believe that it has everything.
    """
    inside = life.start_ms <= page.start_ms and page.end_ms <= life.end_ms
    return inside and (key.kind != "funding" or page.end_ms - page.start_ms > _FUNDING_SILENCE_MS)


def choose(known: Iterable[str], asked: Iterable[str], venue: str) -> tuple[str, ...]:
    """The symbols asked for, each known to the exchange."""
    from difflib import get_close_matches

    names = set(known)
    wanted = sorted({symbol.strip().upper() for symbol in asked} - {""})
    for symbol in wanted:
        if symbol not in names:
            near = get_close_matches(symbol, sorted(names), n=3)
            mend = f"did you mean {' or '.join(near)}?" if near else "see xsmom exchange markets"
            raise DataError(f"{venue} has no perpetual {symbol}: {mend}")
    if not wanted:
        raise DataError("no symbol is asked for: name some, or leave --symbols out for all")
    return tuple(wanted)


def _ceiling(end_ms: int, grid_ms: int, now_ms: int) -> int:
    """The grid stamp at or behind the end, but never a bar that is still forming."""
    return min(-(-end_ms // grid_ms) * grid_ms, now_ms // grid_ms * grid_ms)


def _pages(span: Span, page_ms: int) -> Iterator[Span]:
    """The span in pages, the newest first; cut at absolute places, so that repeated runs ask alike."""
    end_ms = span.end_ms
    while end_ms > span.start_ms:
        start_ms = max(span.start_ms, (end_ms - 1) // page_ms * page_ms)
        yield Span(start_ms, end_ms)
        end_ms = start_ms
