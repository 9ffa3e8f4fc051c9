"""A server that speaks Bybit's wire format, and a way to talk to it through the real library."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.exchange.market import START_MS, Contract
from tests.exchange.server import Server
from xsmom.venues.roster import open_market
from xsmom.venues.wire import Access

NOW_MS = START_MS + 400 * 86_400_000 + 1_800_000  # half an hour into a bar


@pytest.fixture
def serve():
    """Start a server; closed with the test."""
    with contextlib.ExitStack() as stack:

        def start(*contracts, **settings):
            settings = {"now_ms": NOW_MS, **settings}
            return stack.enter_context(Server(list(contracts) or [Contract("AAAUSDT")], **settings))

        yield start


def talk(server, question, **settings):
    """Ask the adapter one question over the real library; addresses are the exchange's own."""

    async def conversation():
        access = Access(**{"pauses_s": (0.01, 0.01, 0.01), **server.library_access(), **settings})
        market = await open_market("bybit", access)
        try:
            return await question(market)
        finally:
            await market.close()

    return asyncio.run(asyncio.wait_for(conversation(), 60))
