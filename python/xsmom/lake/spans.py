"""Ranges of time, half-open, and their union and difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from xsmom.errors import DataError

YEAR_MIN, YEAR_MAX = 1900, 2999


class Span(NamedTuple):
    """From `start_ms` up to, but without, `end_ms`."""

    start_ms: int
    end_ms: int


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorted, without overlap; neighbours that touch are one. Empty ones vanish."""
    joined: list[Span] = []
    for start_ms, end_ms in sorted(spans):
        if end_ms <= start_ms:
            continue
        if joined and start_ms <= joined[-1].end_ms:
            joined[-1] = Span(joined[-1].start_ms, max(end_ms, joined[-1].end_ms))
        else:
            joined.append(Span(start_ms, end_ms))
    return tuple(joined)


def difference(spans: Iterable[Span], without: Iterable[Span]) -> tuple[Span, ...]:
    """What lies in `spans` and in none of `without`."""
    left = list(union(spans))
    for start_ms, end_ms in union(without):
        cut: list[Span] = []
        for span in left:
            cut += [Span(span.start_ms, min(span.end_ms, start_ms)), Span(max(span.start_ms, end_ms), span.end_ms)]
        left = [span for span in cut if span.start_ms < span.end_ms]
    return tuple(left)


def intersect(spans: Iterable[Span], window: Span) -> tuple[Span, ...]:
    """What of `spans` lies inside the window."""
    clipped = (Span(max(start, window.start_ms), min(end, window.end_ms)) for start, end in spans)
    return union(clipped)


def year_of(at_ms: int) -> int:
    """UTC calendar year of an instant."""
    try:
        year = datetime.fromtimestamp(at_ms / 1000, UTC).year
    except (OverflowError, ValueError, OSError):
        year = YEAR_MAX + 1
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise DataError(f"{at_ms} is no UTC time in milliseconds between the years {YEAR_MIN} and {YEAR_MAX}")
    return year


def year_span(year: int) -> Span:
    """The UTC calendar year as a span."""
    return Span(_year_start_ms(year), _year_start_ms(year + 1))


def split_by_year(span: Span) -> Iterator[tuple[int, Span]]:
    """The pieces of a span by UTC calendar year."""
    if span.end_ms <= span.start_ms:
        return
    for year in range(year_of(span.start_ms), year_of(span.end_ms - 1) + 1):
        start_ms, end_ms = year_span(year)
        yield year, Span(max(span.start_ms, start_ms), min(span.end_ms, end_ms))


def _year_start_ms(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000
