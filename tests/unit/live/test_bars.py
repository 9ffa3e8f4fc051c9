"""The clock of bars over a market that the test writes: what is fetched, what is absent, what is late."""

import asyncio
from typing import Any

import numpy as np
import pytest

from xsmom.domain.contracts import make_instruments
from xsmom.domain.events import BarClosed, BarsBackfilled, Stage
from xsmom.domain.market_data import Candles, FundingPrints
from xsmom.errors import Unavailable
from xsmom.lake.sample import SampleMarket
from xsmom.live.bars import BarClock, BarFeed, BarSource, Pace
from xsmom.live.link import LinkMeter

HOUR_MS = 3_600_000
PANEL = SampleMarket(symbols=4, bars=60, seed=11).build()
FIELDS = ("open", "high", "low", "close", "volume_usdt")
PACE = Pace(grace_ms=2_000, final_after_ms=0)


class Market:
    """A panel as an exchange tells it, with names that fail as often as they are told to."""

    candles_page_max = 7

    def __init__(self, clock) -> None:
        self.clock = clock
        self.fails: dict[str, int] = {}
        self.asked: list[tuple[str, int, int]] = []

    async def candles(self, symbol, bar_ms, since_ms, bars, _price):
        self.asked.append((symbol, since_ms, bars))
        if self.fails.get(symbol, 0) > 0:
            self.fails[symbol] -= 1
            raise Unavailable("not now")
        column = PANEL.symbols.index(symbol)
        opens = PANEL.close_ms - bar_ms
        inside = (opens >= since_ms) & (opens < since_ms + bars * bar_ms) & (PANEL.close_ms <= self.clock.now_ms())
        inside &= ~np.isnan(PANEL.close[:, column])
        cells = {name: getattr(PANEL, name)[inside, column] for name in FIELDS}
        return Candles(symbol, bar_ms, opens[inside], volume=cells["volume_usdt"], **cells)

    async def funding(self, symbol, since_ms, until_ms):
        column = PANEL.symbols.index(symbol)
        rates = PANEL.funding_frac[:, column]
        inside = (PANEL.close_ms >= since_ms) & (PANEL.close_ms < until_ms) & (np.nan_to_num(rates) != 0)
        # Stamps of exchanges are off by seconds; the minute is what they mean.
        return FundingPrints(symbol, PANEL.close_ms[inside] + 700, rates[inside])


class Clock:
    """Stands where it is put; sleeping moves nothing."""

    speed = 5.0

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms


def bar_clock(clock) -> BarClock:
    async def read() -> int:
        return clock.now_ms()

    return BarClock(read, clock.speed)


def make(bar: int) -> Any:
    clock = Clock(int(PANEL.close_ms[bar]))
    market: Any = Market(clock)
    instruments = list(make_instruments(PANEL).values())
    source = BarSource(market, instruments, HOUR_MS, LinkMeter(), PACE)
    events: list = []
    feed = BarFeed(source, bar_clock(clock), HOUR_MS, PACE, events.append, events.extend)
    return feed, market, clock, events


def same_row(row, t: int) -> None:
    for name in (*FIELDS, "funding_frac"):
        wanted = getattr(PANEL, name)[t]
        found = getattr(row, name)
        if name == "funding_frac":
            wanted, found = np.nan_to_num(wanted), np.nan_to_num(found)
        np.testing.assert_array_equal(found, wanted, err_msg=f"{name} of bar {t}")


def test_a_first_start_fetches_the_window_and_decides_its_newest_bar() -> None:
    feed, market, _, events = make(40)
    told: list = []
    newest = asyncio.run(feed.catch_up(None, 20, lambda done, total: told.append((done, total))))
    assert newest == PANEL.close_ms[40]
    filled, touch, mark, decide = events
    assert isinstance(filled, BarsBackfilled)
    assert [row.close_ms for row in filled.rows] == PANEL.close_ms[21:40].tolist()
    for offset, row in enumerate(filled.rows):
        same_row(row, 21 + offset)
    same_row(touch.row, 40)
    assert [one.stage for one in (touch, mark, decide)] == [Stage.TOUCH, Stage.MARK, Stage.DECIDE]
    assert not decide.late
    assert told[-1] == (4, 4)
    assert max(bars for _, _, bars in market.asked) <= market.candles_page_max


def test_what_a_stop_has_missed_comes_late_and_only_the_newest_is_fresh() -> None:
    feed, _, _, events = make(40)
    asyncio.run(feed.catch_up(int(PANEL.close_ms[36]), 20))
    decided = [one for one in events if isinstance(one, BarClosed) and one.stage is Stage.DECIDE]
    assert [(one.close_ms, one.late) for one in decided] == [(int(PANEL.close_ms[t]), t < 40) for t in range(37, 41)]


def test_nothing_new_is_nothing() -> None:
    feed, _, _, events = make(40)
    assert asyncio.run(feed.catch_up(int(PANEL.close_ms[40]), 20)) == PANEL.close_ms[40]
    assert events == []


def test_a_history_with_a_hole_is_no_history() -> None:
    feed, market, _, _ = make(40)
    market.fails[PANEL.symbols[int(np.flatnonzero(~np.isnan(PANEL.close[40]))[0])]] = 1
    with pytest.raises(Unavailable):
        asyncio.run(feed.catch_up(None, 20))


def test_a_name_that_fails_once_is_asked_again_and_one_that_keeps_failing_is_absent() -> None:
    _, market, clock, _ = make(40)
    once, never = np.flatnonzero(~np.isnan(PANEL.close[40]))[:2].tolist()
    market.fails = {PANEL.symbols[once]: 1, PANEL.symbols[never]: 10_000}
    link = LinkMeter()
    source = BarSource(market, list(make_instruments(PANEL).values()), HOUR_MS, link, PACE)

    async def newest():
        async def tick() -> None:
            while True:
                clock.at_ms += 50
                await asyncio.sleep(0.01)

        ticking = asyncio.ensure_future(tick())
        try:
            close_ms = int(PANEL.close_ms[40])
            return await source.newest(close_ms, close_ms + 2_000, bar_clock(clock))
        finally:
            ticking.cancel()

    row = asyncio.run(newest())
    assert np.isnan(row.close[never])
    assert row.close[once] == PANEL.close[40, once]
    seen = link.look(0)
    assert seen.failures >= 2
    assert "not now" in seen.why
