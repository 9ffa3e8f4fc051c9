"""The public data of a panel, as an exchange would show them at a time of its bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

import numpy as np

from xsmom.domain.market_data import Candles, FundingPrints, Instrument, Trading
from xsmom.domain.panel import Panel
from xsmom.domain.timeframe import format_timeframe
from xsmom.errors import DataError, Rejected

NAME = "paper"
CANDLES_PAGE_MAX = 1_000


class PanelMarket:
    """Contracts, closed bars and settled funding of a panel; nothing later than the clock is shown.

    A panel has one price: candles of the mark are those of the last price.
    """

    candles_page_max = CANDLES_PAGE_MAX

    def __init__(self, panel: Panel, instruments: Mapping[str, Instrument], now_ms: Callable[[], int]) -> None:
        missing = [symbol for symbol in panel.symbols if symbol not in instruments]
        if missing:
            raise DataError(f"there is no contract for {missing[0]}: give one for each of the panel's symbols")
        self.panel = panel
        self.now_ms = now_ms
        self.column = {symbol: number for number, symbol in enumerate(panel.symbols)}
        self._contracts = {symbol: instruments[symbol] for symbol in panel.symbols}
        self._day_bar, self._day_usdt = -1, [0.0] * len(panel.symbols)

    def contracts(self) -> dict[str, Instrument]:
        """Every contract that is listed by now, with what may be done with it now."""
        now_ms, panel = self.now_ms(), self.panel
        told = {}
        for symbol, contract in self._contracts.items():
            column = self.column[symbol]
            if int(panel.listed_ms[column]) > now_ms:
                continue
            gone = int(panel.delisted_ms[column]) <= now_ms
            told[symbol] = replace(contract, trading=Trading.CLOSED) if gone else contract
        return told

    def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int) -> Candles:
        """Closed bars with `since_ms <= open_ms < since_ms + bars * bar_ms`, rising."""
        panel, column = self.panel, self._column(symbol)
        if bar_ms != panel.bar_ms:
            ours = format_timeframe(panel.bar_ms)
            raise Rejected(f"this market has bars of {ours}, not of {format_timeframe(bar_ms)}")
        if not 1 <= bars <= CANDLES_PAGE_MAX:
            raise Rejected(f"{bars} bars were asked for: one call gives 1 to {CANDLES_PAGE_MAX}")
        lower = int(np.searchsorted(panel.close_ms, since_ms + bar_ms))
        until_ms = min(since_ms + bars * bar_ms + bar_ms - 1, self.now_ms())
        upper = int(np.searchsorted(panel.close_ms, until_ms, side="right"))
        rows = np.arange(lower, max(lower, upper))
        rows = rows[~np.isnan(panel.close[rows, column])]
        prices = {name: getattr(panel, name)[rows, column] for name in ("open", "high", "low", "close")}
        usdt = np.nan_to_num(panel.volume_usdt[rows, column])
        opens = panel.close_ms[rows] - bar_ms
        return Candles(
            symbol, bar_ms, open_ms=opens, **prices, volume=usdt / np.maximum(prices["close"], 1e-300), volume_usdt=usdt
        )

    def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        """Settled prints with `since_ms <= at_ms < until_ms`; each at the close of its bar."""
        panel, column = self.panel, self._column(symbol)
        lower = int(np.searchsorted(panel.close_ms, since_ms))
        upper = int(np.searchsorted(panel.close_ms, min(until_ms, self.now_ms() + 1)))
        rates = np.nan_to_num(panel.funding_frac[lower : max(lower, upper), column])
        rows = np.flatnonzero(rates)
        return FundingPrints(symbol, panel.close_ms[lower + rows], rates[rows])

    def turnover_usdt_day(self, symbol: str, bar: int) -> float:
        """Traded in the 24 hours up to a bar's close."""
        if self._day_bar != bar:
            bars = max(1, 86_400_000 // self.panel.bar_ms)
            self._day_usdt = np.nansum(self.panel.volume_usdt[max(0, bar + 1 - bars) : bar + 1], axis=0).tolist()
            self._day_bar = bar
        return self._day_usdt[self.column[symbol]]

    def next_funding_ms(self, symbol: str, now_ms: int) -> int:
        """The next multiple of the contract's interval."""
        interval_ms = self._contracts[symbol].funding_interval_ms
        return now_ms // interval_ms * interval_ms + interval_ms

    def last_funding(self, symbol: str) -> Decimal | None:
        """The rate that was settled last, which stands for the next one; None before the first."""
        week_ms = 7 * 86_400_000
        prints = self.funding(symbol, self.now_ms() - week_ms, self.now_ms() + 1)
        return Decimal(float(prints.rate_frac[-1])) if len(prints) else None

    def _column(self, symbol: str) -> int:
        try:
            return self.column[symbol]
        except KeyError:
            raise Rejected(f"{symbol} is none of the contracts of this market") from None
