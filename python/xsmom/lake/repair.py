"""What can be mended in a lake without inventing anything.

A range that was never answered, and a bar that contradicts itself, are asked for again, and the newest
answer takes the place of the old rows. A part whose rows are not those of its manifest keeps its rows
and loses its claims: what it covers is not known any more. All else is left, and said.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from xsmom.domain.market_data import PriceKind
from xsmom.domain.stamps import format_ms
from xsmom.errors import DataError, OutputError, VenueError
from xsmom.lake.rules import Finding
from xsmom.lake.series import SeriesInfo, SeriesKey, Source
from xsmom.lake.spans import Span, difference, intersect, union
from xsmom.lake.survey import Progress
from xsmom.lake.telling import telling
from xsmom.ports import MarketData

if TYPE_CHECKING:
    from xsmom.lake.store import Lake

BAR_RULES = frozenset(
    {
        "conflict", "bad_price", "broken_range", "volume_hole", "copied", "spike", "wild_wick", "half_finished", "hole",
        "off_grid",
    }
)  # fmt: skip
FUNDING_RULES = frozenset({"print_conflict", "rate_range", "print_missing"})
"""Findings for which the exchange may have a better answer now."""

_MINUTE_MS = 60_000


@dataclass(frozen=True)
class Mend:
    """A range to be fetched again, and why; `left` says why that cannot be done."""

    key: SeriesKey
    span: Span
    why: str
    left: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "series": str(self.key),
            "from": format_ms(self.span.start_ms),
            "to": format_ms(self.span.end_ms),
            "why": self.why,
            "left": self.left or None,
        }


@dataclass
class Repair:
    """What is to be done, was done and was left."""

    fetch: list[Mend] = field(default_factory=list)
    rebuild: list[SeriesKey] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def plan_repair(
    lake: Lake, found: Iterable[tuple[str, str, Finding]], broken: Collection[SeriesKey], fetched_from: str | None
) -> Repair:
    """Turn findings (venue, timeframe, finding) into mends; `fetched_from` is the exchange that can be asked."""
    repair = Repair(rebuild=sorted(broken))
    repair.leftovers = [str(path) for path in sorted(lake.root.rglob(".*.tmp"))]
    wanted: dict[SeriesKey, list[tuple[Span, str]]] = {}
    for venue, timeframe, finding in found:
        for key, span in _spans_of(lake, venue, timeframe, finding):
            wanted.setdefault(key, []).append((span, finding.rule))
    every = lake.keys(None)
    for key in every:
        if key not in broken:
            wanted.setdefault(key, []).extend(_unanswered(lake.info(key)))
    for key, spans in sorted(wanted.items()):
        if key in broken or not spans:
            continue
        left = _why_left(lake.info(key), fetched_from)
        for span in union(span for span, _ in spans):
            why = sorted({rule for other, rule in spans if intersect([other], span)})
            repair.fetch.append(Mend(key, span, ", ".join(why), left))
    return repair


def _spans_of(lake: Lake, venue: str, timeframe: str, finding: Finding) -> list[tuple[SeriesKey, Span]]:
    if finding.rule in FUNDING_RULES:
        key = SeriesKey(venue, "funding", "", finding.symbol)
        return [(key, Span(finding.first_ms - _MINUTE_MS, finding.last_ms + _MINUTE_MS))]
    if finding.rule not in BAR_RULES:
        return []
    key = SeriesKey(venue, "bars", timeframe, finding.symbol)
    if key not in lake.keys(venue, "bars", timeframe):
        return []
    first = finding.first_ms // key.bar_ms * key.bar_ms
    return [(key, Span(first, finding.last_ms // key.bar_ms * key.bar_ms + key.bar_ms))]


def _unanswered(info: SeriesInfo) -> list[tuple[Span, str]]:
    """Holes that were noted, and what lies between covered ranges without ever having been asked for."""
    spans = [(hole.span, "hole") for hole in info.holes]
    if info.covered:
        whole = Span(info.covered[0].start_ms, info.covered[-1].end_ms)
        spans += [(span, "hole") for span in difference((whole,), info.covered)]
    return spans


def _why_left(info: SeriesInfo, fetched_from: str | None) -> str:
    """Rows of files are not overwritten by an exchange that may not have been their origin."""
    if not any(source.what == "download" for source in info.sources):
        return "it came from files: mend those and import them again"
    if fetched_from != info.key.venue:
        return f"{info.key.venue} cannot be asked by this version"
    return ""


def rebuild_manifests(lake: Lake, repair: Repair) -> None:
    """Give parts whose rows do not fit their manifest a new one, that claims nothing but the rows."""
    for key in repair.rebuild:
        for path in sorted((lake.root / key.folder).glob("*.parquet")):
            _rebuild(lake, key, int(path.stem), repair)


def _rebuild(lake: Lake, key: SeriesKey, year: int, repair: Repair) -> None:
    from xsmom.lake.part import hash_rows, read_part, schema_of

    path = lake.root / key.folder / f"{year}.parquet"
    try:
        manifest, rows = read_part(path, key, year)
        if hash_rows(rows) == manifest.content_sha256:
            return
    except DataError:
        pass
    try:
        with telling(path, DataError):
            rows = pl.read_parquet(path).select(
                pl.col(name).cast(kind) for name, kind in schema_of(key).items()
            ).sort(key.stamp)  # fmt: skip
    except (DataError, pl.exceptions.PolarsError) as error:
        repair.left.append(f"{path} cannot be read ({str(error).splitlines()[0]}): remove it, then fetch that year")
        return
    aside = path.with_suffix(".parquet.broken")
    with telling(path, OutputError), lake.writing():
        path.replace(aside)
        try:
            source = Source("import", f"rows of {path.name}, whose manifest did not fit", int(time.time() * 1000))
            lake.merge(key, rows, covered=None, source=source, replace=False)
        except BaseException:
            aside.replace(path)
            raise
        aside.unlink()
    repair.done.append(f"{key} of {year}: {len(rows):,} rows kept, its claims of what it covers dropped")


async def fetch_again(lake: Lake, market: MarketData, repair: Repair, progress: Progress | None = None) -> None:
    """Ask for every range that can be asked for; the newest answer replaces the old rows in it."""
    mends = [mend for mend in repair.fetch if not mend.left]
    for number, mend in enumerate(mends):
        try:
            rows = await _fetch(lake, market, mend)
            repair.done.append(f"{mend.key} {format_ms(mend.span.start_ms)} ({mend.why}): {rows:,} rows fetched")
        except VenueError as error:
            repair.left.append(f"{mend.key} {format_ms(mend.span.start_ms)} ({mend.why}): {error}")
        if progress is not None:
            progress(number + 1, len(mends))


async def _fetch(lake: Lake, market: MarketData, mend: Mend) -> int:
    now_ms = await market.now_ms()
    source = Source("download", market.venue, now_ms)
    if mend.key.kind == "funding":
        span = Span(mend.span.start_ms, min(mend.span.end_ms, now_ms))
        told = await market.funding(mend.key.symbol, span.start_ms, span.end_ms)
        rows = pl.DataFrame({"at_ms": told.at_ms, "rate_frac": told.rate_frac})
        lake.merge(mend.key, rows, covered=span, source=source, replace=True)
        return len(rows)
    bar_ms = mend.key.bar_ms
    price = PriceKind.MARK if mend.key.kind == "mark" else PriceKind.LAST
    end_ms = min(mend.span.end_ms, now_ms // bar_ms * bar_ms)
    total = 0
    for start_ms, bars in _pages(mend.span.start_ms, end_ms, bar_ms, market.candles_page_max):
        candles = await market.candles(mend.key.symbol, bar_ms, start_ms, bars, price)
        rows = pl.DataFrame(candles.columns())
        lake.merge(
            mend.key, rows, covered=Span(start_ms, start_ms + bars * bar_ms), source=source, replace=True
        )  # fmt: skip
        total += len(rows)
    return total


def _pages(start_ms: int, end_ms: int, bar_ms: int, bars_max: int) -> Sequence[tuple[int, int]]:
    pages = []
    while start_ms < end_ms:
        bars = min(bars_max, (end_ms - start_ms) // bar_ms)
        pages.append((start_ms, bars))
        start_ms += bars * bar_ms
    return pages
