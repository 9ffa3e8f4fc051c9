"""What the pinned library does when it is used as it invites to be, and that we are not caught by it.

When the library is renewed these tests go first. One that fails because the library has become better
is good news; one that fails because our side changed is not.
"""

from __future__ import annotations

import asyncio

import aiohttp
import ccxt.async_support as library
import pytest

from tests.exchange.account import API_KEY, API_SECRET, Account, frame, order, position, wallet
from tests.exchange.market import Contract
from tests.exchange.server import HTML, Fault
from tests.unit.venues.conftest import KEYS, buy, trade
from tests.unit.venues.test_bybit_stream import read
from xsmom.domain.trading import AmendRequest, Unknown
from xsmom.errors import Unavailable
from xsmom.venues.bybit.table import BYBIT
from xsmom.venues.wire import Access, Wire

SYMBOL = "AAA/USDT:USDT"


@pytest.fixture
def server(serve):
    return serve(Contract("AAAUSDT"), now_ms=None, account=Account())


def naive(server, question, **settings):
    """Ask the library as its manual shows; only addresses lead here."""

    async def conversation():
        reach = server.library_access()
        connector = aiohttp.TCPConnector(resolver=reach["resolver"](), ssl=reach["tls"])
        async with aiohttp.ClientSession(connector=connector) as session:
            options = {
                "fetchMarkets": {"types": ["linear"]},
                "enableUnifiedAccount": True,
                "enableUnifiedMargin": False,
            }
            options |= {"unifiedMarginStatus": 6}
            client = library.bybit(
                {"apiKey": API_KEY, "secret": API_SECRET, "session": session, "options": options,
                 "enableRateLimit": False, "has": {"fetchCurrencies": False}, **settings}
            )  # fmt: skip
            client.timeout_on_exit = 0
            try:
                await client.load_markets()
                return await question(client)
            finally:
                await client.close()
                await asyncio.sleep(0.05)

    return asyncio.run(asyncio.wait_for(conversation(), 60))


def test_the_version_is_the_one_that_was_looked_at():
    assert library.__version__ == "4.5.90"


@pytest.mark.parametrize("body", [HTML, "", '{"retCode":0,"result":{"list":[{"symbol"'])
def test_1_a_page_of_html_is_an_empty_list(server, body):
    server.account.rows["/v5/position/list"] = [position()]
    server.faults.append(Fault("answer", "/v5/position/list", body=body, times=-1))
    assert naive(server, lambda client: client.fetch_positions()) == []
    with pytest.raises(Unavailable):
        trade(server, lambda venue: venue.positions())


def test_1_and_an_order_without_an_id(server):
    server.faults.append(Fault("answer", "/v5/order/create", body=HTML, times=-1))
    assert naive(server, lambda client: client.create_order(SYMBOL, "market", "buy", 1))["id"] is None
    assert isinstance(trade(server, lambda venue: venue.submit(buy())), Unknown)


@pytest.mark.parametrize("code", [10_000, 10_016, 110_079])
def test_2_a_time_out_looks_like_a_refusal(server, code):
    server.account.refuse["/v5/order/create"] = (code, "Server Timeout")
    with pytest.raises(library.ExchangeError) as caught:
        naive(server, lambda client: client.create_order(SYMBOL, "market", "buy", 1))
    assert type(caught.value) is library.ExchangeError
    assert isinstance(trade(server, lambda venue: venue.submit(buy())), Unknown)


def test_3_a_lookup_by_client_id_asks_for_the_order_none(server):
    server.account.rows["/v5/order/realtime"] = [order(7)]
    params = {"orderLinkId": "c7", "acknowledged": True}
    with pytest.raises(library.OrderNotFound):
        naive(server, lambda client: client.fetch_order(None, SYMBOL, params))
    assert any(query.get("orderId") == "None" for query, _ in server.calls("realtime"))
    assert trade(server, lambda venue: venue.order_by_client_id("AAAUSDT", "c7")).order_id == "o7"


def test_4_cancel_all_takes_the_stops_too(server):
    server.account.results["/v5/order/cancel-all"] = {"list": [], "success": "1"}
    naive(server, lambda client: client.cancel_all_orders(SYMBOL))
    ((_, body),) = server.account.mutations
    assert "orderFilter" not in body
    assert not any("cancel-all" in endpoint.path for endpoint in BYBIT.endpoints.values())


# 5 and 6, streams that lose states and bring trades again: test_bybit_stream.py looks at ours.


def test_7_stream_and_request_tell_the_same_money(server):
    told = trade(server, lambda venue: venue.account())
    (pushed,) = read(frame("wallet", wallet(), at_ms=told.at_ms))
    assert pushed == told
    balance = naive(server, lambda client: client.fetch_balance())["USDT"]
    assert balance["total"] == 1000.25  # the wallet, though a position has earned 12.25 since


def test_8_a_retry_of_the_library_sends_an_order_twice(server):
    server.faults.append(Fault("lost answer", "/v5/order/create"))
    options = {"maxRetriesOnFailure": 1, "maxRetriesOnFailureDelay": 1}

    async def question(client):
        client.options |= options
        return await client.create_order(SYMBOL, "market", "buy", 1, None, {"orderLinkId": "c-1"})

    naive(server, question)
    assert len(server.account.mutations) == 2
    wire = Wire(BYBIT, Access(keys=KEYS))

    async def ours():
        wire._open()
        options = wire._sender.options
        await wire.close()
        return options

    assert asyncio.run(ours())["maxRetriesOnFailure"] == 0


def test_9_open_orders_are_the_first_twenty(server):
    server.account.rows["/v5/order/realtime"] = [order(number) for number in range(120)]
    assert len(naive(server, lambda client: client.fetch_open_orders(SYMBOL))) == 20
    assert len(trade(server, lambda venue: venue.open_orders()).rows) == 120


def test_10_an_edit_changes_the_price_that_a_stop_watches(server):
    params = {"triggerPrice": "9.5"}
    naive(server, lambda client: client.edit_order("o1", SYMBOL, "market", "sell", 1, None, params))
    ((_, body),) = server.account.mutations
    assert body["triggerBy"] == "LastPrice"
    server.account.mutations.clear()
    trade(server, lambda venue: venue.amend(AmendRequest("c1", "AAAUSDT", trigger_ticks=95_000)))
    ((_, body),) = server.account.mutations
    assert "triggerBy" not in body


def test_11_whether_a_stop_can_be_attached_is_in_the_table():
    assert BYBIT.capabilities.attach_stop is True


def test_12_the_librarys_own_queue_is_off():
    wire = Wire(BYBIT, Access(keys=KEYS))

    async def ours():
        wire._open()
        clients = (wire._client.enableRateLimit, wire._sender.enableRateLimit)
        await wire.close()
        return clients

    assert asyncio.run(ours()) == (False, False)
