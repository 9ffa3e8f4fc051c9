"""A simulated exchange in this process, the unmodified ccxt client before it, and plain signed requests."""

import asyncio
import functools
import inspect
import json
import time
from decimal import Decimal
from socket import AF_INET

import aiohttp
import ccxt.pro
from aiohttp.abc import AbstractResolver

from xsmom.lake.sample import SampleMarket
from xsmom.simex.bybit.signing import Key, sign
from xsmom.simex.server import LOOPBACK, Server
from xsmom.simex.views import LAGS_MS
from xsmom.simex.world import World

HOUR_MS = 3_600_000
SYMBOL, BTC = "BTCUSDT", "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
CASH = Decimal(10_000)
NO_LAGS = dict.fromkeys(LAGS_MS, 0)
PATIENCE_S = 5.0


@functools.cache
def panel():
    return SampleMarket(symbols=4, bars=240, seed=7, churn=False).build()


class LocalResolver(AbstractResolver):
    """Every host is this machine."""

    def __init__(self, port):
        self.port = port

    async def resolve(self, host, port=0, family=AF_INET):  # noqa: ARG002  the interface's own
        here = {"host": LOOPBACK, "port": self.port, "family": AF_INET, "proto": 0, "flags": 0}
        return [{"hostname": host, **here}]

    async def close(self):
        """Nothing is held."""


class Rig:
    """One exchange with one account, and what a test needs to talk to it and to look behind it."""

    def __init__(self, world):
        self.world = world
        self.server = Server(world)
        self.key = world.keys["key"]
        self.clients = []

    async def __aenter__(self):
        self.addresses = await self.server.start()
        connector = aiohttp.TCPConnector(resolver=LocalResolver(self.addresses.port), ssl=False, limit=0)
        self.session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(self, *_):
        for client in self.clients:
            client.session = None  # ours, not the client's
            if client.clients:
                await client.close()
        await self.session.close()
        await self.server.stop()

    async def client(self, key="key", secret="secret", **options):
        """Make a ccxt client with markets loaded; its addresses are the exchange's own."""
        client = self.bare_client(key, secret, **options)
        await client.load_markets()
        return client

    def bare_client(self, key="key", secret="secret", **options):
        settings = {"defaultType": "swap", "fetchMarkets": {"types": ["linear"]}}
        known = {"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedMarginStatus": 6}
        client = ccxt.pro.bybit(
            {
                "apiKey": key,
                "secret": secret,
                "session": self.session,
                "enableRateLimit": False,
                "timeout": 4000,
                "options": settings | known | options,
            }
        )
        client.has["fetchCurrencies"] = False
        self.clients.append(client)
        return client

    async def get(self, path, **query):
        """Ask in public: HTTP status, body, headers."""
        async with self.session.get(f"https://api.bybit.com{path}", params=query) as answer:
            return answer.status, json.loads(await answer.read()), answer.headers

    async def signed(
        self, method, path, given=None, *, headers=None, stamp=None, window="5000", key=None, sign_as=None
    ):
        """Ask with a signature: HTTP status, body, headers. `given` is a mapping or the body as it is sent."""
        raw = given if isinstance(given, str) else json.dumps(given or {})
        if method == "GET":
            raw = "&".join(f"{name}={value}" for name, value in (given or {}).items())
        key = key or self.key
        stamp = str(time.time_ns() // 1_000_000) if stamp is None else stamp
        told = {"X-BAPI-API-KEY": key.key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-RECV-WINDOW": window}
        told["X-BAPI-SIGN"] = sign(sign_as or key.secret, f"{stamp}{key.key}{window}{raw}")
        told |= {"Content-Type": "application/json"} | (headers or {})
        url = f"https://api.bybit.com{path}" + (f"?{raw}" if method == "GET" and raw else "")
        body = raw if method == "POST" else None
        async with self.session.request(method, url, data=body, headers=told) as answer:
            return answer.status, json.loads(await answer.read()), answer.headers

    async def post(self, path, **given):
        return (await self.signed("POST", path, {"category": "linear", **given}))[1]

    async def read(self, path, **query):
        return (await self.signed("GET", path, {"category": "linear", **query}))[1]

    async def buy(self, qty="0.1", side="Buy", symbol=SYMBOL, **more):
        """Enter a market order, which must be taken."""
        order = {"symbol": symbol, "side": side, "orderType": "Market", "qty": qty} | more
        body = await self.post("/v5/order/create", **order)
        assert body["retCode"] == 0, body
        return body["result"]["orderId"]

    def truth(self, account="main"):
        return self.world.truth()["accounts"][account]

    def price(self, symbol=SYMBOL):
        """Last price as a number."""
        return float(self.world.price_of(symbol, self.world.prices.of[symbol].last))

    def on_tick(self, share, symbol=SYMBOL):
        """Write a price that is this share of the last one."""
        tick = self.world.instruments[symbol].price_tick
        return str(int(Decimal(self.price(symbol) * share) / tick) * tick)

    def inject(self, share, symbol=SYMBOL, **more):
        """Move last, mark and index to this share of the last price."""
        price = self.price(symbol) * share
        self.world.inject_price(symbol, price, more.get("mark", price), more.get("index", price))

    async def socket(self, path, *, auth=False, topics=()):
        """Open a plain socket; authenticated and subscribed as told."""
        ws = await self.session.ws_connect(f"https://stream.bybit.com{path}")
        if auth:
            expires = time.time_ns() // 1_000_000 + 10_000
            args = [self.key.key, expires, sign(self.key.secret, f"GET/realtime{expires}")]
            await ws.send_json({"op": "auth", "req_id": "a", "args": args})
            answer = await ws.receive_json(timeout=PATIENCE_S)
            assert answer.get("success") or answer.get("retCode") == 0, answer
        if topics:
            await ws.send_json({"op": "subscribe", "req_id": "s", "args": list(topics)})
            answer = await ws.receive_json(timeout=PATIENCE_S)
            assert answer["success"], answer
        return ws


def make_world(*, cash=CASH, bar=100, lags_ms=None, **options):
    market = panel()
    options = {"speed": 0.0, "start_ms": int(market.close_ms[bar]), **options}
    world = World(market, lags_ms=NO_LAGS | (lags_ms or {}), **options)
    world.open_account("main", cash, Key("key", "secret", "main", 1001))
    world.limits.enforced = False
    return world


def on_exchange(**options):
    """Let a coroutine be a test: it gets a rig with the exchange running; the market must have survived it."""

    def wrap(test):
        async def walk(*args, **kwargs):
            async with Rig(make_world(**options)) as rig:
                await test(rig, *args, **kwargs)
                assert rig.server.failure() is None

        def run(*args, **kwargs):
            asyncio.run(walk(*args, **kwargs))

        signature = inspect.signature(test)
        run.__name__, run.__doc__ = test.__name__, test.__doc__
        run.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
        return run

    return wrap


async def until(reached, seconds=PATIENCE_S):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.005)
