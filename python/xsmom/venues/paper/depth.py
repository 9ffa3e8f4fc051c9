"""What is bid and asked where only a price, or the best of each side, is known.

Levels stand half a spread apart, each larger than the one before. How much stands at the first is a share
of the day's turnover: an assumption, and the largest one of paper trading with orders of size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from xsmom.domain.market_data import Instrument

_LEVELS = 10
_LEVEL_USDT_MIN = 2_000.0
_LOTS_MAX = 10**12

Levels = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Depth:
    """Half the spread, as a share of the price, and the share of a day's turnover at the best level."""

    half_spread_frac: float = 1e-4
    day_share_frac: float = 2e-4
    #: Everything that is asked for is there at the best price: no order is filled in part.
    endless: bool = False

    def around(self, ticks: int, contract: Instrument, turnover_usdt_day: float) -> tuple[Levels, Levels]:
        """Bids and asks around a price in ticks, best first."""
        half = Decimal(str(self.half_spread_frac))
        bid = max(1, int((ticks * (1 - half)).to_integral_value(ROUND_FLOOR)))
        ask = max(bid + 1, int((ticks * (1 + half)).to_integral_value(ROUND_CEILING)))
        return self.between(bid, ask, contract, turnover_usdt_day)

    def between(
        self, bid: int | None, ask: int | None, contract: Instrument, turnover_usdt_day: float
    ) -> tuple[Levels, Levels]:
        """Bids and asks from the best of each side on, in ticks; a side without a best is empty."""
        best = ask or bid
        if best is None:
            return [], []
        price = best * float(contract.price_tick)
        gap = max(1, round(best * self.half_spread_frac))
        if bid is not None and ask is not None:
            gap = max(1, (ask - bid) // 2)
        level_usdt = max(_LEVEL_USDT_MIN, turnover_usdt_day * self.day_share_frac)
        lots = _LOTS_MAX if self.endless else max(1, math.floor(level_usdt / (price * float(contract.qty_step))))
        rows = range(_LEVELS)
        bids = [] if bid is None else [(bid - gap * i, lots * (i + 1)) for i in rows if bid > gap * i]
        asks = [] if ask is None else [(ask + gap * i, lots * (i + 1)) for i in rows]
        return bids, asks
