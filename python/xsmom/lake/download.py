"""Market data from an exchange into the lake: many series at once, resumable at any moment.

Nothing is remembered beside the lake itself. What a series' manifest calls covered is never asked for
again; all else of the wish is missing, whether it was never asked for, or its asking failed (a hole).
So a run that was killed is simply run again. Rows and the range that they cover are stored by one
rename.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import polars as pl

from xsmom.domain.market_data import Instrument, PriceKind
from xsmom.errors import RateLimited, Response, VenueError
from xsmom.lake.series import SeriesKey, Source
from xsmom.lake.spans import Span, union
from xsmom.lake.store import Lake
from xsmom.lake.wanted import Job, Wish, plan, series_keys, silent, told_until
from xsmom.ports import MarketData

T = TypeVar("T")

_SERIES_AT_ONCE = 16
_PAGES_AT_ONCE = 16  # of one series; stored together
_FAILURES_MAX = 20  # in a row, of any series: then the exchange is given up for this run

SILENT = "the exchange sent nothing for a time in which it lists the contract"


@dataclass
class SeriesOutcome:
    """What a run did for one series."""

    key: SeriesKey
    rows: int = 0
    pages: int = 0
    failed: list[tuple[Span, str]] = field(default_factory=list)
    silent: list[Span] = field(default_factory=list)
    #: The exchange's words, where it will not tell of this contract at all.
    refused: str | None = None


@dataclass
class Outcome:
    """What a run did."""

    series: list[SeriesOutcome] = field(default_factory=list)
    #: Why the run stopped before all was asked for, if it did.
    gave_up: str | None = None

    @property
    def rows(self) -> int:
        """Rows that were stored."""
        return sum(one.rows for one in self.series)

    @property
    def failed(self) -> int:
        """Ranges whose asking failed; the next run asks again."""
        return sum(len(one.failed) for one in self.series)


class _GiveUp(Exception):  # noqa: N818  no error: the run ends early, and says so
    """The exchange does not answer any more, or asks to be left alone."""


class Download:
    """One run. `tell` hears (pages done, pages in all)."""

    def __init__(self, market: MarketData, lake: Lake, wish: Wish, tell: Callable[[int, int], None]) -> None:
        self._market, self._lake, self._wish, self._tell = market, lake, wish, tell
        self._store_turn = asyncio.Lock()
        self._done = self._total = self._failures = 0
        self._outcome = Outcome()
        self._now_ms = 0

    async def run(self, contracts: Mapping[str, Instrument]) -> Outcome:
        """Fetch what is missing of the wish; `contracts` as the exchange lists them now."""
        self._now_ms = await self._market.now_ms()
        await self._store(self._lake.write_instruments, self._market.venue, list(contracts.values()), self._now_ms)
        kept = set(self._lake.keys(self._market.venue))
        jobs = [
            self._job(key, contracts[key.symbol], known=key in kept)
            for key in series_keys(self._market.venue, self._wish)
        ]
        jobs = [job for job in jobs if job.pages or job.before]
        self._total = sum(len(job.pages) + min(1, len(job.before)) for job in jobs)
        waiting = iter(jobs)
        try:
            await _all_or_none([self._work(waiting) for _ in range(min(_SERIES_AT_ONCE, len(jobs)))])
        except _GiveUp as why:
            self._outcome.gave_up = str(why)
        self._outcome.series.sort(key=lambda one: one.key)
        return self._outcome

    def _job(self, key: SeriesKey, contract: Instrument, *, known: bool) -> Job:
        covered = self._lake.info(key).covered if known else ()
        return plan(key, self._wish, covered, contract, self._market.candles_page_max, self._now_ms)

    async def _work(self, waiting: Any) -> None:
        for job in waiting:
            await self._series(job)

    async def _series(self, job: Job) -> None:
        outcome = SeriesOutcome(job.key)
        self._outcome.series.append(outcome)
        pages = list(job.pages)
        if job.before:
            pages += await self._before_listing(job, outcome)
        # The first page by itself: a contract that the exchange refuses is asked for once only.
        await self._batch(job, outcome, pages[:1])
        for first in range(1, len(pages), _PAGES_AT_ONCE):
            await self._batch(job, outcome, pages[first : first + _PAGES_AT_ONCE])

    async def _before_listing(self, job: Job, outcome: SeriesOutcome) -> list[Span]:
        """Look at the page before the listing; only if there is something, all older pages are asked for.

        A contract that was listed again under its name has a history before the listing that the
        exchange tells of. One empty page there says that this one has not.
        """
        newest, *older = job.before
        rows = await self._fetch(job, outcome, newest)
        if rows is None:
            return []
        if len(rows):
            self._total += len(older)
            await self._keep(job, outcome, [(newest, rows)])
            return older
        await self._keep(job, outcome, [(page, rows) for page in (newest, *older)])
        return []

    async def _batch(self, job: Job, outcome: SeriesOutcome, pages: Sequence[Span]) -> None:
        fetched = await _all_or_none([self._fetch(job, outcome, page) for page in pages])
        await self._keep(
            job, outcome, [(page, rows) for page, rows in zip(pages, fetched, strict=True) if rows is not None]
        )

    async def _fetch(self, job: Job, outcome: SeriesOutcome, page: Span) -> pl.DataFrame | None:
        """Rows of one page; None where it failed, and then the hole is noted."""
        if outcome.refused is not None:
            await self._hole(job.key, outcome, page, outcome.refused)
            return None
        try:
            rows = await self._ask(job.key, page)
        except VenueError as error:
            await self._failed(job.key, outcome, page, error)
            return None
        self._failures = 0
        outcome.pages += 1
        self._done += 1
        self._tell(self._done, self._total)
        return rows

    async def _ask(self, key: SeriesKey, page: Span) -> pl.DataFrame:
        if key.kind == "funding":
            prints = await self._market.funding(key.symbol, page.start_ms, page.end_ms)
            return pl.DataFrame({"at_ms": prints.at_ms, "rate_frac": prints.rate_frac})
        price = PriceKind.MARK if key.kind == "mark" else PriceKind.LAST
        bars = (page.end_ms - page.start_ms) // key.bar_ms
        told = await self._market.candles(key.symbol, key.bar_ms, page.start_ms, bars, price)
        return pl.DataFrame(told.columns())

    async def _failed(self, key: SeriesKey, outcome: SeriesOutcome, page: Span, error: VenueError) -> None:
        if error.response is Response.HALT:
            raise error
        await self._hole(key, outcome, page, str(error))
        if error.response is Response.SKIP:
            outcome.refused = str(error)
            return
        self._failures += 1
        if self._failures >= _FAILURES_MAX or isinstance(error, RateLimited):
            raise _GiveUp(str(error)) from error

    async def _hole(self, key: SeriesKey, outcome: SeriesOutcome, page: Span, why: str) -> None:
        """The next run asks again, because nothing is covered here; the note says why there is nothing."""
        outcome.failed.append((page, why))
        await self._store(self._lake.note_hole, key, page, why)

    async def _keep(self, job: Job, outcome: SeriesOutcome, pages: Sequence[tuple[Span, pl.DataFrame]]) -> None:
        """Store what was told, and up to where it is the whole truth."""
        key = job.key
        told: list[tuple[Span, pl.DataFrame]] = []
        for page, rows in pages:
            if not len(rows) and silent(key, page, job.life):
                outcome.silent.append(page)
                await self._store(self._lake.note_hole, key, page, SILENT)
                continue
            last_ms = int(rows[key.stamp].max()) if len(rows) else None  # type: ignore[arg-type]
            told.append((Span(page.start_ms, told_until(key, page, last_ms, self._now_ms)), rows))
        for whole in union(span for span, _ in told):
            parts = [rows for span, rows in told if whole.start_ms <= span.start_ms < whole.end_ms]
            await self._merge(key, whole, pl.concat(parts).sort(key.stamp))
            outcome.rows += sum(len(rows) for rows in parts)

    async def _merge(self, key: SeriesKey, covered: Span, rows: pl.DataFrame) -> None:
        if key.kind == "mark":  # which has no volume: unknown, not a number
            rows = rows.with_columns(pl.col("volume", "volume_usdt").fill_nan(None))
        source = Source("download", self._market.venue, self._now_ms)
        await self._store(lambda: self._lake.merge(key, rows, covered=covered, source=source, replace=True))

    async def _store(self, write: Callable[..., Any], *arguments: Any) -> None:
        """Write in a thread, one after the other: fetching goes on meanwhile, and the lake has one writer."""
        async with self._store_turn:
            await _to_the_end(asyncio.to_thread(write, *arguments))


async def _to_the_end(work: Awaitable[T]) -> T:
    """A thread cannot be stopped: whoever is cancelled waits for it, and is cancelled then."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _all_or_none(works: Sequence[Awaitable[T]]) -> list[T]:
    """All results; at the first error the others are stopped and waited for."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
