"""The clock of bars: at each close the bar of every name, fetched once, within a grace time; what is late is absent.

The panel's funding of a bar is what settled after the last close and up to this one, stamps rounded to the minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from xsmom.domain.effects import Note, Severity
from xsmom.domain.events import BarClosed, BarsBackfilled, Event, Stage
from xsmom.domain.market_data import Candles, Instrument, PriceKind
from xsmom.domain.window import BarRow
from xsmom.errors import Unavailable, VenueError
from xsmom.live.link import LinkMeter
from xsmom.ports import MarketData

Put = Callable[[Event], None]
Tell = Callable[[Sequence[Note]], None]
Progress = Callable[[int, int], object]

_MINUTE_MS = 60_000
_RETRY_S = 0.5
_FIELDS = ("open", "high", "low", "close", "volume_usdt")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long bars are waited for, and how many calls run side by side."""

    grace_ms: int = 10_000
    at_once: int = 16
    #: A bar is asked for so long after its end: the last trades are still being added.
    final_after_ms: int = 500


class BarClock:
    """The exchange's time, by which bars close. A clock of this machine that is set must not make or withhold one.

    The venue measures it, and carries it on by a clock that nobody sets. While it cannot be read no bar closes.
    """

    def __init__(self, read: Callable[[], Awaitable[int]], speed: float) -> None:
        self._read, self.speed = read, speed

    async def now_ms(self) -> int:
        """It, once the exchange has told it."""
        while True:
            try:
                return await self._read()
            except Unavailable:
                await asyncio.sleep(_RETRY_S)


class BarSource:
    """Rows of a roster from an exchange's candles."""

    def __init__(
        self, market: MarketData, instruments: Sequence[Instrument], bar_ms: int, link: LinkMeter, pace: Pace
    ) -> None:
        self._market, self._link, self._pace = market, link, pace
        self._instruments = tuple(sorted(instruments, key=lambda one: one.symbol))
        self._bar_ms = bar_ms
        self._gate = asyncio.Semaphore(pace.at_once)

    async def rows(self, first_close_ms: int, last_close_ms: int, progress: Progress | None = None) -> list[BarRow]:
        """Every bar that closes in the range, rising. A name that cannot be read raises: history has no holes."""
        bars = (last_close_ms - first_close_ms) // self._bar_ms + 1
        names = len(self._instruments)
        cells = np.full((bars, 6, names), np.nan)
        done = 0

        async def fill(at: int, one: Instrument) -> None:
            nonlocal done
            cells[:, :5, at] = await self._candles(one, first_close_ms, bars)
            cells[:, 5, at] = await self._funding(one, first_close_ms, bars)
            done += 1
            if progress is not None:
                progress(done, names)

        await asyncio.gather(*(fill(at, one) for at, one in enumerate(self._instruments)))
        return [_row(first_close_ms + t * self._bar_ms, cells[t]) for t in range(bars)]

    async def newest(self, close_ms: int, until_ms: int, clock: BarClock) -> BarRow:
        """One bar of every name; what has not come by `until_ms` is absent."""
        left_s = max(0.0, (until_ms - await clock.now_ms()) / 1_000 / clock.speed)
        end_s = time.monotonic() + left_s
        cells = np.full((6, len(self._instruments)), np.nan)

        async def fill(at: int, one: Instrument) -> None:
            while True:
                try:
                    found = await self._candles(one, close_ms, 1)
                    if not np.isnan(found).all():
                        cells[:5, at] = found[0]
                        cells[5, at] = (await self._funding(one, close_ms, 1))[0]
                        return
                except VenueError:
                    pass  # counted by the link; until the grace time is over it is asked for again
                if time.monotonic() >= end_s:
                    return
                await asyncio.sleep(_RETRY_S)

        work = [asyncio.ensure_future(fill(at, one)) for at, one in enumerate(self._instruments)]
        _, late = await asyncio.wait(work, timeout=left_s + _RETRY_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        # A bar without its funding is half a bar: it counts as one without funding, which the account corrects.
        return _row(close_ms, cells)

    async def _candles(self, one: Instrument, first_close_ms: int, bars: int) -> np.ndarray:
        out = np.full((bars, 5), np.nan)
        page = self._market.candles_page_max
        for begin in range(0, bars, page):
            count = min(page, bars - begin)
            since_ms = first_close_ms - self._bar_ms + begin * self._bar_ms
            if since_ms + count * self._bar_ms <= one.listed_ms:
                continue
            found = await self._page(one.symbol, since_ms, count)
            at = begin + (found.open_ms - since_ms) // self._bar_ms
            for column, name in enumerate(_FIELDS):
                out[at, column] = getattr(found, name)
        return out

    async def _page(self, symbol: str, since_ms: int, count: int) -> Candles:
        async with self._gate:
            return await self._link.call(
                "candles",
                lambda: self._market.candles(symbol, self._bar_ms, since_ms, count, PriceKind.LAST),
                can_wait=True,
            )

    async def _funding(self, one: Instrument, first_close_ms: int, bars: int) -> np.ndarray:
        out = np.full(bars, np.nan)
        since_ms, until_ms = first_close_ms - self._bar_ms, first_close_ms + (bars - 1) * self._bar_ms
        if bars == 1 and not _settles_within(one, since_ms, until_ms):
            return out
        async with self._gate:
            prints = await self._link.call(
                "funding",
                lambda: self._market.funding(one.symbol, since_ms + 1, until_ms + _MINUTE_MS),
                can_wait=True,
            )
        stamps = (prints.at_ms + _MINUTE_MS // 2) // _MINUTE_MS * _MINUTE_MS
        for at_ms, rate in zip(stamps.tolist(), prints.rate_frac.tolist(), strict=True):
            # close of the bar with close[t-1] < stamp <= close[t]
            t = -(-(at_ms - first_close_ms) // self._bar_ms)
            if 0 <= t < bars:
                out[t] = rate if np.isnan(out[t]) else out[t] + rate
        return out


def _settles_within(one: Instrument, since_ms: int, until_ms: int) -> bool:
    interval = max(one.funding_interval_ms, _MINUTE_MS)
    return until_ms // interval > since_ms // interval


def _row(close_ms: int, cells: np.ndarray) -> BarRow:
    fields = [np.ascontiguousarray(cells[at]) for at in range(6)]
    return BarRow(close_ms, *fields)


class BarFeed:
    """Brings the bars that were missed, then each new one at its close."""

    def __init__(self, source: BarSource, clock: BarClock, bar_ms: int, pace: Pace, put: Put, tell: Tell) -> None:
        self._source, self._clock, self._bar_ms, self._pace = source, clock, bar_ms, pace
        self._put, self._tell = put, tell

    async def catch_up(self, last_ms: int | None, warmup_bars: int, progress: Progress | None = None) -> int:
        """History up to the newest closed bar: a first window, or what a stop has missed. The newest close."""
        newest_ms = await self._newest_close()
        if last_ms is None or newest_ms - last_ms >= warmup_bars * self._bar_ms:
            rows = await self._source.rows(newest_ms - (warmup_bars - 1) * self._bar_ms, newest_ms, progress)
            self._put(BarsBackfilled(tuple(rows[:-1])))
            self._take(rows[-1], late=False)
        elif newest_ms > last_ms:
            rows = await self._source.rows(last_ms + self._bar_ms, newest_ms, progress)
            for row in rows[:-1]:
                self._take(row, late=True)
            self._take(rows[-1], late=False)
        return newest_ms

    async def follow(self, last_ms: int) -> None:
        """Each bar at its close, for ever. A bar that a stall has skipped is fetched as history first."""
        while True:
            due_ms = last_ms + self._bar_ms
            await self._sleep_until(due_ms + self._pace.final_after_ms)
            newest_ms = await self._newest_close()
            if newest_ms > due_ms:
                last_ms = await self._missed(last_ms, newest_ms)
                continue
            row = await self._source.newest(due_ms, due_ms + self._pace.grace_ms, self._clock)
            self._take(row, late=False)
            last_ms = due_ms

    async def _missed(self, last_ms: int, newest_ms: int) -> int:
        try:
            await self.catch_up(last_ms, (newest_ms - last_ms) // self._bar_ms + 1)
        except VenueError as error:
            self._tell([Note("bar.missed", Severity.ERROR, {"why": str(error), "since_ms": last_ms})])
            await asyncio.sleep(_RETRY_S)
            return last_ms
        return newest_ms

    def _take(self, row: BarRow, *, late: bool) -> None:
        self._put(BarClosed(row.close_ms, Stage.TOUCH, row, late=late))
        self._put(BarClosed(row.close_ms, Stage.MARK, late=late))
        self._put(BarClosed(row.close_ms, Stage.DECIDE, late=late))

    async def _newest_close(self) -> int:
        now_ms = await self._clock.now_ms() - self._pace.final_after_ms
        return now_ms // self._bar_ms * self._bar_ms

    async def _sleep_until(self, at_ms: int) -> None:
        while (left_ms := at_ms - await self._clock.now_ms()) > 0:  # noqa: ASYNC110  a clock sets no event
            await asyncio.sleep(min(left_ms / 1_000 / self._clock.speed, 1.0))
