"""Prices that walk under a seed: what the exchange matches against, and what quotes and bars tell of it."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import numpy as np

from tests.unit.engine.books import instrument
from xsmom.domain.market_data import Instrument, Quote
from xsmom.domain.window import BarRow

BAR_MS = 300_000
BEGIN_MS = 1_700_000_100_000
"""A close of a bar."""
TICK, STEP = Decimal("0.01"), Decimal("0.01")
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT", "EEEUSDT")
CONTRACTS: dict[str, Instrument] = {one: instrument(one, tick=str(TICK), step=str(STEP)) for one in SYMBOLS}

_MOVES_A_BAR = 20


class Market:
    """Five names around 100, each with a drift of its own that turns now and then."""

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self.ticks = {one: draw.randrange(8_000, 12_000) for one in SYMBOLS}
        self._drift = dict.fromkeys(SYMBOLS, 0.0)
        self._bar: dict[str, list[int]] = {}
        self._begin_bar()

    def move(self) -> None:
        """One move of every name."""
        for symbol in SYMBOLS:
            if self._draw.random() < 0.02:
                self._drift[symbol] = self._draw.gauss(0.0, 2.5e-4)
            self.jump(symbol, self._drift[symbol] + self._draw.gauss(0.0, 6e-4))

    def jump(self, symbol: str, share: float) -> None:
        """Move one name by a share."""
        self.ticks[symbol] = min(max(round(self.ticks[symbol] * (1.0 + share)), 4_000), 25_000)
        bar = self._bar[symbol]
        bar[1], bar[2] = max(bar[1], self.ticks[symbol]), min(bar[2], self.ticks[symbol])

    def close_bar(self, close_ms: int) -> BarRow:
        """The bar that ends now; the next begins."""
        tick = float(TICK)
        cells = {
            name: np.array([self._bar[one][at] * tick for one in SYMBOLS])
            for at, name in enumerate(("open", "high", "low"))
        }
        close = np.array([self.ticks[one] * tick for one in SYMBOLS])
        self._begin_bar()
        names = len(SYMBOLS)
        return BarRow(close_ms, **cells, close=close, volume_usdt=np.full(names, 1e7), funding_frac=np.zeros(names))

    def past_bars(self, count: int) -> tuple[BarRow, ...]:
        """Bars from before the start, the last closing at it."""
        rows = []
        for at in range(count):
            for _ in range(_MOVES_A_BAR):
                self.move()
            rows.append(self.close_bar(BEGIN_MS - (count - 1 - at) * BAR_MS))
        return tuple(rows)

    def picture(self, symbol: str) -> dict[str, Any]:
        """Prices and depth, in the words of the exchange core."""
        ticks, number = self.ticks[symbol], SYMBOLS.index(symbol)
        bids, asks = ([[ticks + side * off, lots] for off, lots in _DEPTH] for side in (-1, 1))
        return {"do": "prices", "symbol": number, "last": ticks, "mark": ticks, "index": ticks} | {
            "bids": bids,
            "asks": asks,
        }

    def quotes(self, now_ms: int) -> tuple[Quote, ...]:
        """The newest prices of all names."""
        return tuple(self._quote(one, now_ms) for one in SYMBOLS)

    def _quote(self, symbol: str, now_ms: int) -> Quote:
        price = self.ticks[symbol] * TICK
        bid, ask = price - TICK, price + TICK
        return Quote(symbol, now_ms, price, price, price, bid, ask, Decimal(1_000_000_000), None, None)

    def _begin_bar(self) -> None:
        self._bar = {one: [self.ticks[one]] * 3 for one in SYMBOLS}


_DEPTH = ((1, 400), (3, 2_000), (12, 1_000_000))
