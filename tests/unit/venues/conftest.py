"""A server that speaks Bybit's wire format, and a way to talk to it through the real library."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from pydantic import SecretStr

from tests.exchange.account import API_KEY, API_SECRET
from tests.exchange.market import START_MS, Contract
from tests.exchange.server import Server
from xsmom.domain.trading import OrderRequest
from xsmom.venues.roster import open_market, open_venue
from xsmom.venues.wire import Access, Keys

KEYS = Keys(SecretStr(API_KEY), SecretStr(API_SECRET))
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


def trade(server, question, **settings):
    """Ask one question of an account; addresses are the exchange's own."""

    async def conversation():
        given = {"pauses_s": (0.01,), "keys": KEYS, **server.library_access(), **settings}
        venue = await open_venue("bybit", Access(**given))
        try:
            return await question(venue)
        finally:
            await venue.close()

    return asyncio.run(asyncio.wait_for(conversation(), 60))


def buy(client_id="c-1", lots=15, **more):
    """An order that would be fine."""
    return OrderRequest(client_id, "AAAUSDT", lots, **more)
