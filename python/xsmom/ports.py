"""What rooms that never import one another ask of each other.

A port is a promise in the words of `domain`: `lake` downloads through `MarketData` without knowing
that an exchange library exists, and `venues` implements it without knowing of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from xsmom.domain.market_data import Candles, FundingPrints, Instrument, PriceKind, Quote


class MarketData(Protocol):
    """Public data of one exchange. An answer is complete, or the call raises a `VenueError`.

    Complete means: every closed bar or print that the exchange has in the asked range up to the
    page's end. An empty answer is an answer only when the exchange said so in its own format; a page
    of HTML, a cut body or a list that is missing raises.
    """

    @property
    def venue(self) -> str:
        """Name of the exchange, as the lake's folders bear it."""
        ...

    @property
    def candles_page_max(self) -> int:
        """Most bars that one call may ask for."""
        ...

    async def now_ms(self) -> int:
        """The exchange's clock now: ours plus the measured offset."""
        ...

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every linear perpetual that settles in the quote currency, also those no longer traded."""
        ...

    async def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int, price: PriceKind) -> Candles:
        """Closed bars with `since_ms <= open_ms < since_ms + bars * bar_ms`, rising.

        `bars` is at most `candles_page_max`. The bar that is still forming is left out.
        """
        ...

    async def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        """Every settled print with `since_ms <= at_ms < until_ms`, past any page limit."""
        ...

    async def quotes(self) -> Mapping[str, Quote]:
        """The newest prices of every symbol."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
