"""The newest prices of every contract, the book around them, and their day."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from xsmom.domain.market_data import Instrument

LEVELS = 25
_LEVEL_USDT_MIN = 2_000.0
_LEVEL_SHARE = 0.02


@dataclass
class Price:
    """Prices of one contract in whole ticks, and lots that stand at each level of its book."""

    last: int
    mark: int
    index: int
    bid: int
    ask: int
    level_lots: int
    updates: int = 0
    rising: bool = True


@dataclass
class Prices:
    """Every contract's prices; a name without a price does not trade."""

    instruments: dict[str, Instrument]
    half_spread_frac: float = 1e-4
    of: dict[str, Price] = field(default_factory=dict)
    #: How far the books of contracts lean: what is bid less what is asked, as a share of both.
    leans: dict[str, float] = field(default_factory=dict)

    def ticks(self, symbol: str, price: float) -> int:
        """Round a price to the nearest tick, at least one."""
        tick = self.instruments[symbol].price_tick
        return max(1, int((Decimal(price) / tick).to_integral_value(ROUND_HALF_EVEN)))

    def text(self, symbol: str, ticks: int) -> Decimal:
        """Give a price of whole ticks as a number."""
        return self.instruments[symbol].price_tick * ticks

    def move(self, symbol: str, last: float, mark: float, index: float, volume_usdt: float) -> Price:
        """Take over new prices and lay the book around the last one."""
        instrument = self.instruments[symbol]
        tick = instrument.price_tick
        bid = int((Decimal(last * (1 - self.half_spread_frac)) / tick).to_integral_value(ROUND_FLOOR))
        ask = int((Decimal(last * (1 + self.half_spread_frac)) / tick).to_integral_value(ROUND_CEILING))
        level_usdt = max(_LEVEL_USDT_MIN, volume_usdt * _LEVEL_SHARE)
        lots = max(1, math.floor(level_usdt / (last * float(instrument.qty_step))))
        before = self.of.get(symbol)
        ticks = self.ticks(symbol, last)
        price = Price(
            last=ticks,
            mark=self.ticks(symbol, mark),
            index=self.ticks(symbol, index),
            bid=max(1, bid),
            ask=max(ask, bid + 1, 2),
            level_lots=lots,
            updates=before.updates + 1 if before else 1,
            rising=before is None or ticks >= before.last,
        )
        self.of[symbol] = price
        return price

    def levels(self, symbol: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Lay out bids and asks, best first: a level each half spread, growing away from the middle."""
        price = self.of[symbol]
        bid_lots, ask_lots = self.best_lots(symbol)
        gap = max(1, (price.ask - price.bid) // 2)
        bids = [(price.bid - gap * i, bid_lots * (i + 1)) for i in range(LEVELS) if price.bid > gap * i]
        asks = [(price.ask + gap * i, ask_lots * (i + 1)) for i in range(LEVELS)]
        return bids, asks

    def best_lots(self, symbol: str) -> tuple[int, int]:
        """Lots at the best bid and at the best ask."""
        lots, lean = self.of[symbol].level_lots, self.leans.get(symbol, 0.0)
        return max(1, round(lots * (1.0 + lean))), max(1, round(lots * (1.0 - lean)))
