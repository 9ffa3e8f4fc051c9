"""What an exchange publishes: contracts, closed bars, funding prints, quotes.

Stamps are UTC milliseconds of the exchange's clock. Bars carry the open of the bar, as every exchange
does; the panel, which is compiled from them, carries the close.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import NEVER_MS
from xsmom.domain.words import Word


class PriceKind(Word):
    """Which price a series of bars is of."""

    LAST = "last"
    MARK = "mark"


class Trading(Word):
    """What may be done with a contract now."""

    OPEN = "open"
    NOT_YET = "not_yet"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class MarginTier:
    """Up to `notional_usdt_max` of one position: maintenance = notional * rate - deduction."""

    notional_usdt_max: Decimal
    maintenance_frac: Decimal
    deduction_usdt: Decimal
    leverage_x_max: Decimal


@dataclass(frozen=True, slots=True)
class Instrument:
    """A linear perpetual contract as its exchange specifies it at one time."""

    symbol: str
    base: str
    quote: str
    price_tick: Decimal
    qty_step: Decimal
    lots_min: int
    lots_max: int
    lots_max_market: int
    notional_usdt_min: Decimal
    contract_size: Decimal
    leverage_x_max: Decimal
    funding_interval_ms: int
    trading: Trading
    listed_ms: int
    delisted_ms: int = NEVER_MS
    tiers: tuple[MarginTier, ...] = ()


@dataclass(frozen=True, eq=False)
class Candles:
    """Closed bars of one symbol, rising by open; columns of one length. Absent bars are not there."""

    symbol: str
    bar_ms: int
    open_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    volume_usdt: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.open_ms)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns by name, as a frame is made of them."""
        names = ("open_ms", "open", "high", "low", "close", "volume", "volume_usdt")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class FundingPrints:
    """Settled funding of one symbol, rising by stamp; a positive rate is paid by longs."""

    symbol: str
    at_ms: NDArray[np.int64]
    rate_frac: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True)
class ClockSight:
    """The exchange's time, just asked for, and how far off it may be."""

    exchange_ms: int
    error_ms: float


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest prices of one symbol; None where nobody offers, or where no funding is set yet."""

    symbol: str
    at_ms: int
    last: Decimal
    mark: Decimal
    index: Decimal
    bid: Decimal | None
    ask: Decimal | None
    turnover_usdt_day: Decimal
    funding_frac: Decimal | None
    next_funding_ms: int | None


@dataclass(frozen=True, slots=True)
class DepthSight:
    """How much stands in the first levels of an order book, in units of the contract, and when that was."""

    symbol: str
    at_ms: int
    bid_qty: Decimal
    ask_qty: Decimal

    @property
    def lean_frac(self) -> float | None:
        """(bids - asks) / (bids + asks): 1 where nobody sells, -1 where nobody buys; None of an empty book."""
        total = self.bid_qty + self.ask_qty
        return float((self.bid_qty - self.ask_qty) / total) if total > 0 else None
