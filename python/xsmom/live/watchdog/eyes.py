"""What the watchdog reads of the exchange, with a key of its own, and the few things that it sends there.

A reading that fails is told as unknown. The line is opened anew where it cannot be opened, so that an exchange that is
away when the watchdog starts does not keep it from listening for the trader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from xsmom.domain.market_data import Instrument
from xsmom.domain.trading import Answer, KeyFacts, OrderRequest, Unknown
from xsmom.engine.watchdog import Look
from xsmom.errors import AuthFailed, ConfigError, VenueError
from xsmom.ports import Venue

T = TypeVar("T")
READ_S = 30.0
"""A reading that takes longer is unknown; with what follows it stays below the service manager's patience."""
SEND_S = 15.0


class Eyes:
    """One account, seen through the watchdog's key."""

    def __init__(self, open_line: Callable[[], Awaitable[Venue]], expected_account: Callable[[], str] = str) -> None:
        self._open, self._expected = open_line, expected_account
        self._venue: Venue | None = None
        self._contracts: Mapping[str, Instrument] = {}
        self.key: KeyFacts | None = None

    async def open(self) -> Venue:
        """The line; a key that must not be used is refused here, by a ConfigError."""
        if self._venue is None:
            venue = await self._open()
            try:
                facts = await venue.key()
                expected = await asyncio.to_thread(self._expected)
                check_key(facts, f"{venue.venue}:{facts.account}", expected)
                self._contracts = await venue.instruments()
            except BaseException:
                await venue.close()
                raise
            self._venue, self.key = venue, facts
        return self._venue

    async def close(self) -> None:
        """Give the line back."""
        if self._venue is not None:
            await self._venue.close()
            self._venue = None

    async def look(self, now_ms: Callable[[], int], ignored: frozenset[str]) -> Look:
        """Positions and orders; what cannot be read is None, and said."""
        try:
            venue = await asyncio.wait_for(self.open(), READ_S)
        except (VenueError, TimeoutError) as error:
            return Look(now_ms(), None, None, ignored=ignored, why=f"the exchange: {_words(error)}")
        failed: list[str] = []
        # Positions first: an order that is read after them may already be gone, but a stop that is seen stands.
        positions = await _tried("positions", venue.positions, failed)
        orders = await _tried("open orders", venue.open_orders, failed)
        if positions is not None:
            await self._learn(venue, {one.symbol for one in positions.rows}, failed)
        return Look(
            now_ms(),
            None if positions is None else positions.rows,
            None if orders is None else orders.rows,
            self._contracts,
            ignored,
            "; ".join(failed),
        )

    async def send(self, request: OrderRequest) -> Answer:
        """Send an order; whatever happens, say what is known of it."""
        return await self._sent(lambda venue: venue.submit(request))

    async def cancel(self, symbol: str, client_order_id: str) -> Answer:
        """Take an order back."""
        return await self._sent(lambda venue: venue.cancel(symbol, client_order_id))

    async def _sent(self, ask: Callable[[Venue], Awaitable[Answer]]) -> Answer:
        if self._venue is None:
            return Unknown("not sent: there is no line to the exchange")
        try:
            return await asyncio.wait_for(ask(self._venue), SEND_S)
        except TimeoutError:
            return Unknown(f"no answer within {SEND_S:g} s")

    async def _learn(self, venue: Venue, symbols: set[str], failed: list[str]) -> None:
        """Contracts that were listed since: without their tick nothing can be closed."""
        if symbols <= set(self._contracts):
            return
        found = await _tried("contracts", venue.instruments, failed)
        if found is not None:
            self._contracts = found


def check_key(facts: KeyFacts, account: str, expected: str) -> None:
    """Refuse a key that may do too much, too little, or that sees another account."""
    if facts.can_withdraw:
        raise ConfigError(
            "the watchdog's key may withdraw: make one that may trade and nothing else, and delete this one"
        )
    if facts.read_only or not facts.can_trade:
        raise ConfigError("the watchdog's key may not trade, so it could close nothing: give it the right to trade")
    if expected and expected != account:
        raise ConfigError(
            f"the watchdog's key is of the account {account}, and the trader's journal of {expected}: "
            "give it a key of the account that is traded"
        )


async def _tried(what: str, read: Callable[[], Awaitable[T]], failed: list[str]) -> T | None:
    try:
        return await asyncio.wait_for(read(), READ_S / 2)
    except (VenueError, TimeoutError) as error:
        failed.append(f"{what}: {_words(error)}")
        return None


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, AuthFailed):
        return f"{error}: look at the watchdog's key"
    return str(error)
