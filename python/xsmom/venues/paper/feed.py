"""What moves the market of a paper account, and shows its public data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from xsmom.domain.market_data import Candles, DepthSight, FundingPrints, Instrument, PriceKind, Quote
from xsmom.venues.paper.stage import Stage

Clock = Callable[[], int]


class Feed(Protocol):
    """Prices, funding and ends of contracts for a stage. It has no clock of its own."""

    @property
    def polls(self) -> bool:
        """Whether the market moves by asking (`refresh`), and not by time alone."""
        ...

    @property
    def candles_page_max(self) -> int:
        """Most bars that one call may ask for."""
        ...

    def begin(self, stage: Stage, clock: Clock) -> None:
        """Take hold of the stage, once, before anything else."""
        ...

    def play(self, until_ms: int) -> None:
        """Let everything happen that is due by then."""
        ...

    def freshen(self, symbol: int) -> str:
        """Bring the price of a contract up to date before an order meets it; why that cannot be, or nothing."""
        ...

    def stale(self) -> bool:
        """Whether the newest prices must be asked for before an order can meet them."""
        ...

    async def refresh(self) -> None:
        """Ask for the newest prices; raises a `VenueError`."""
        ...

    async def instruments(self) -> Mapping[str, Instrument]:
        """Every contract, with what may be done with it now."""
        ...

    async def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int, price: PriceKind) -> Candles:
        """Closed bars."""
        ...

    async def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        """Settled prints."""
        ...

    async def quotes(self) -> Mapping[str, Quote]:
        """The newest prices."""
        ...

    async def depth(self, symbol: str, levels: int) -> DepthSight:
        """How much stands in the first levels of an order book."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...

    def state(self) -> dict[str, Any]:
        """Where it stands, as plain values."""
        ...

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        ...
