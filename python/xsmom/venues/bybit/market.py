"""Bybit's public data: what `ports.MarketData` promises."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.market_data import (
    Candles,
    ClockSight,
    DepthSight,
    FundingPrints,
    Instrument,
    MarginTier,
    PriceKind,
    Quote,
)
from xsmom.domain.timeframe import format_timeframe
from xsmom.errors import DataError, Rejected, Unavailable
from xsmom.venues.bybit import rows
from xsmom.venues.wire import Wire

_PAGE_ROWS = 1_000
_GAPS_MAX = 5  # a page with more gaps than this is asked for again as one
_PAGES_MAX = 1_000  # a cursor that never ends is a fault of the exchange's
#: Statuses that the list of contracts is asked for, and whether an answer is documented.
_STATUSES = {"Trading": True, "PreLaunch": True, "Delivering": False, "Closed": False}
_ENDPOINT_OF = {PriceKind.LAST: "candles", PriceKind.MARK: "mark_candles"}


@dataclass(frozen=True, slots=True)
class Maintenance:
    """An announced interruption."""

    title: str
    state: str
    begin_ms: int
    end_ms: int


class BybitMarket:
    """Public data over one wire; several calls may run at once."""

    def __init__(self, wire: Wire, quote: str = "USDT") -> None:
        self.wire, self.quote = wire, quote
        self._symbols: frozenset[str] = frozenset()

    @property
    def venue(self) -> str:
        """Name of the exchange, as the lake's folders bear it."""
        return self.wire.table.name

    @property
    def candles_page_max(self) -> int:
        """Most bars that one call may ask for."""
        return self.wire.table.candles_page_max

    async def now_ms(self) -> int:
        """The exchange's clock now."""
        await self.wire.clock.ensure()
        return self.wire.clock.now_ms()

    async def measure_clock(self) -> ClockSight:
        """The exchange's clock, measured now."""
        await self.wire.clock.measure()
        return ClockSight(self.wire.clock.now_ms(), self.wire.clock.error_ms)

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every linear perpetual in the quote currency; those no longer traded where the exchange tells."""
        lists, tiers = await asyncio.gather(
            asyncio.gather(*(self._instruments_of(status, sure) for status, sure in _STATUSES.items())),
            self._tiers(),
        )
        found: dict[str, Instrument] = {}
        for instrument in (one for some in lists for one in some):
            found.setdefault(instrument.symbol, replace(instrument, tiers=tiers.get(instrument.symbol, ())))
        if not found:
            raise Unavailable(f"{self.venue} lists no perpetual in {self.quote} at all: ask again later")
        self._symbols = frozenset(found)
        return dict(sorted(found.items()))

    async def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int, price: PriceKind) -> Candles:
        """Closed bars with `since_ms <= open_ms < since_ms + bars * bar_ms`, rising.

        Whatever the exchange left out is asked for once more by itself: what is then missing was
        never traded, or lies before the listing. So a page that was cut short, by a lower limit than
        the documented one or by mistake, is completed and not taken for a gap.
        """
        word = self.wire.table.timeframes.get(bar_ms)
        if word is None:
            known = ", ".join(format_timeframe(known) for known in self.wire.table.timeframes)
            raise DataError(f"{self.venue} has no bars of {format_timeframe(bar_ms)}: choose {known}")
        if not 0 < bars <= self.candles_page_max:
            raise DataError(f"a page of {bars} bars cannot be asked for: 1 to {self.candles_page_max}")
        ask = _Pages(self.wire, symbol, bar_ms, word, _ENDPOINT_OF[price])
        found = await ask.complete(since_ms, since_ms + bars * bar_ms)
        return rows.candles(symbol, bar_ms, found)

    async def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        """Every settled print with `since_ms <= at_ms < until_ms`, whatever the interval was.

        A page holds the newest prints up to its end, so the next one ends before the oldest seen. Only
        an empty page says that there are no more: its length says nothing, since limits change.
        """
        found: dict[int, float] = {}
        end_ms = until_ms - 1
        while end_ms >= since_ms:
            some = await self._funding_page(symbol, since_ms, end_ms)
            if not some:
                break
            found |= some
            end_ms = min(some) - 1
        stamps = sorted(found)
        rates = [found[at_ms] for at_ms in stamps]
        return FundingPrints(symbol, np.array(stamps, dtype=np.int64), np.array(rates, dtype=np.float64))

    async def quotes(self) -> Mapping[str, Quote]:
        """The newest prices of every perpetual in the quote currency."""
        if not self._symbols:
            await self.instruments()

        def parse(answer: dict[str, Any]) -> list[Quote]:
            at_ms = int(answer["time"])
            known = [row for row in rows.listed(answer) if row["symbol"] in self._symbols]
            return [rows.quote(row, at_ms) for row in known]

        found = await self.wire.read("quotes", {"category": "linear"}, "quotes", parse)
        if not found:
            raise Unavailable(f"{self.venue} quotes none of its own contracts: ask again later")
        return {quote.symbol: quote for quote in found}

    async def depth(self, symbol: str, levels: int) -> DepthSight:
        """The first levels of one order book, added up on either side."""
        asked = {"category": "linear", "symbol": symbol, "limit": levels}
        return await self.wire.read("depth", asked, f"order book of {symbol}", partial(rows.depth, symbol, levels))

    async def maintenance(self) -> tuple[Maintenance, ...]:
        """Announced interruptions that are not over."""

        def parse(answer: dict[str, Any]) -> tuple[Maintenance, ...]:
            told = (
                Maintenance(row["title"], row["state"], int(row["begin"]), int(row["end"]))
                for row in rows.listed(answer)
            )
            return tuple(one for one in told if one.state not in {"completed", "canceled"})

        return await self.wire.read("status", {}, "its status", parse)

    async def interruption(self) -> str:
        """What of the announced is under way now, by the exchange's clock.

        Which products an announcement is about is not read: an interruption of others makes us careful for a
        while, one of ours that was taken for another's would be met unprepared.
        """
        told = await self.maintenance()
        now_ms = self.wire.clock.now_ms()
        return "; ".join(one.title or "no title" for one in told if one.begin_ms <= now_ms < one.end_ms)

    async def close(self) -> None:
        """Give connections back."""
        await self.wire.close()

    async def _instruments_of(self, status: str, sure: bool) -> list[Instrument]:
        """One status, all pages. Where the filter may be unknown, a refusal says that the exchange does not tell."""
        params = {"category": "linear", "status": status, "limit": _PAGE_ROWS}
        try:
            found = await self._all_pages("instruments", params, f"contracts with status {status}", rows.instrument)
        except Rejected:
            if sure:
                raise
            return []
        return [one for one in found if one is not None and one.quote == self.quote]

    async def _tiers(self) -> dict[str, tuple[MarginTier, ...]]:
        found: dict[str, list[MarginTier]] = {}
        told = await self._all_pages("tiers", {"category": "linear"}, "margin tiers", rows.tier)
        for symbol, tier in told:
            found.setdefault(symbol, []).append(tier)
        return {symbol: tuple(sorted(some, key=lambda one: one.notional_usdt_max)) for symbol, some in found.items()}

    async def _all_pages(self, endpoint: str, params: dict[str, Any], what: str, read: Any) -> list[Any]:
        found: list[Any] = []
        cursor = ""
        for _ in range(_PAGES_MAX):
            asked = {**params, "cursor": cursor} if cursor else params
            some, next_cursor = await self.wire.read(endpoint, asked, what, rows.page(read))
            found += some
            if not next_cursor or not some:
                return found
            if next_cursor == cursor:
                break
            cursor = next_cursor
        raise Unavailable(f"{self.venue}: {what}: the pages have no end")

    async def _funding_page(self, symbol: str, since_ms: int, end_ms: int) -> dict[int, float]:
        def parse(answer: dict[str, Any]) -> dict[int, float]:
            told = [
                (row["symbol"], int(row["fundingRateTimestamp"]), float(row["fundingRate"]))
                for row in rows.listed(answer)
            ]
            for name, at_ms, _rate in told:
                if name != symbol or not since_ms <= at_ms <= end_ms:
                    raise ValueError(f"a print of {name} at {at_ms} was not asked for")
            return {at_ms: rate for _name, at_ms, rate in told}

        limit = self.wire.table.funding_page_max
        asked = {"category": "linear", "symbol": symbol, "startTime": since_ms, "endTime": end_ms, "limit": limit}
        return await self.wire.read("funding", asked, f"funding of {symbol}", parse)


class _Pages:
    """One symbol's bars: asks, checks, and asks again for what an answer left out."""

    def __init__(self, wire: Wire, symbol: str, bar_ms: int, word: str, endpoint: str) -> None:
        self._wire, self._symbol, self._bar_ms, self._word, self._endpoint = wire, symbol, bar_ms, word, endpoint
        self._closed_ms = 0  # end of the newest bar that the exchange's own clock calls closed

    async def complete(self, since_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Every bar of the range that the exchange has, rising."""
        found = await self._ask(since_ms, end_ms)
        asked = {(since_ms, end_ms)}
        while True:
            gaps = self._gaps(found, since_ms, end_ms)
            if len(gaps) > _GAPS_MAX:
                gaps = [(gaps[0][0], gaps[-1][1])]
            gaps = [gap for gap in gaps if gap not in asked]
            if not gaps:
                return found
            for gap in gaps:
                asked.add(gap)
                more = await self._ask(*gap)
                # What was told before is not told anew: the first answer to a time stands.
                more = more[~np.isin(more[:, 0], found[:, 0])]
                found = rows.rising(np.concatenate([found, more]))

    def _gaps(self, found: NDArray[np.float64], since_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Runs of bars that are closed by now and were not told, first and behind-last opens."""
        opens = np.arange(since_ms, min(end_ms, self._closed_ms - self._bar_ms + 1), self._bar_ms)
        missing = opens[~np.isin(opens, found[:, 0])]
        if not len(missing):
            return []
        runs = np.split(missing, np.flatnonzero(np.diff(missing) > self._bar_ms) + 1)
        return [(int(run[0]), int(run[-1]) + self._bar_ms) for run in runs]

    async def _ask(self, since_ms: int, end_ms: int) -> NDArray[np.float64]:
        """One answer: closed bars only, by the exchange's clock at the time of the answer."""

        def parse(answer: dict[str, Any]) -> tuple[NDArray[np.float64], int]:
            if answer["result"]["symbol"] != self._symbol:
                raise ValueError(f"bars of {answer['result']['symbol']} were not asked for")
            told = rows.rising(rows.bars(rows.listed(answer)))
            if len(told) and not since_ms <= told[0, 0] <= told[-1, 0] < end_ms:
                raise ValueError(f"bars from {told[0, 0]:.0f} to {told[-1, 0]:.0f} were not asked for")
            return told, int(answer["time"])

        asked = {
            "category": "linear", "symbol": self._symbol, "interval": self._word,
            "start": since_ms, "end": end_ms - 1, "limit": (end_ms - since_ms) // self._bar_ms,
        }  # fmt: skip
        told, answered_ms = await self._wire.read(self._endpoint, asked, f"bars of {self._symbol}", parse)
        self._closed_ms = max(self._closed_ms, answered_ms - self._wire.table.bar_final_after_ms)
        return told[told[:, 0] + self._bar_ms <= answered_ms - self._wire.table.bar_final_after_ms]
