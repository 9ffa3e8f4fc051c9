"""`exchange.proxy_url`: every connection goes through it, requests and stream alike, with its name and password.

`exchange.id` names the table; one that there is none for is refused.
"""

import asyncio
import base64
import contextlib
from typing import Any

import pytest
from pydantic import SecretStr

from tests.exchange.account import Account
from tests.exchange.market import Contract
from tests.unit.venues.conftest import KEYS
from xsmom import load_config
from xsmom.domain.trading import Gap
from xsmom.errors import ConfigError
from xsmom.live.wiring import Start, access_of, open_account
from xsmom.venues.roster import open_venue
from xsmom.venues.wire import Access


class Proxy:
    """A proxy on loopback that opens tunnels to one port, and writes down what it was asked."""

    def __init__(self, port):
        self.target, self.asked = port, []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        inward, outward = await asyncio.open_connection("127.0.0.1", self.target)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pour(reader, outward), pour(inward, writer), return_exceptions=True)


async def pour(source, sink):
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()
    sink.close()


def test_requests_and_the_stream_go_through_the_proxy_with_its_password(serve):
    server = serve(Contract("AAAUSDT"), now_ms=None, account=Account())

    async def walk():
        async with Proxy(server.tls_port) as proxy:
            # No resolver: without the proxy these hosts would not be found.
            address = SecretStr(f"http://ann:s3cret@127.0.0.1:{proxy.port}")
            tls = server.library_access()["tls"]
            access = Access(keys=KEYS, proxy_url=address, tls=tls, pauses_s=(0.01,))
            venue = await open_venue("bybit", access)
            try:
                assert set(await venue.instruments()) == {"AAAUSDT"}
                stream: Any = venue.events()
                assert isinstance(await asyncio.wait_for(anext(stream), 10), Gap)
                await stream.aclose()
            finally:
                await venue.close()
            assert "s3cret" not in repr(access)
            return proxy.asked

    asked = asyncio.run(asyncio.wait_for(walk(), 60))
    hosts = {head.split()[1] for head in asked}
    assert hosts == {"api.bybit.com:443", "stream.bybit.com:443"}
    proof = base64.b64encode(b"ann:s3cret").decode()
    assert all(f"Basic {proof}" in head for head in asked)


def test_a_proxy_of_another_kind_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="proxy_url is no proxy") as caught:
        Access(proxy_url=SecretStr("socks5://ann:s3cret@127.0.0.1:1"))
    assert "s3cret" not in str(caught.value)


def test_the_settings_reach_the_connection():
    settings = {"exchange.proxy_url": "http://ann:s3cret@127.0.0.1:1"}
    config = load_config(None, set=settings, env={})
    assert access_of(config).proxy == settings["exchange.proxy_url"]
    assert "s3cret" not in repr(config)
    assert access_of(load_config(None, env={})).proxy is None


def test_an_exchange_without_a_table_is_refused():
    config = load_config(None, set={"exchange.id": "krakenfutures"}, env={})
    with pytest.raises(ConfigError, match="choose bybit"):
        asyncio.run(open_account(Start(config, "paper", ())))
