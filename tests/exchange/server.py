"""Bybit's public wire format on loopback, with faults on demand.

The client under test is the real library with its real addresses: its resolver sends every host here.
`Server` runs in a thread of its own, so that commands in other processes can be tested against it too.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import ipaddress
import json
import socket
import ssl
import tempfile
import threading
import time
import warnings
from collections import deque
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.abc import AbstractResolver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.exchange import market
from tests.exchange.account import PRIVATE, Account, RefusalError
from tests.exchange.streams import Streams

JSON = "application/json; charset=utf-8"
HTML = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>checking your browser</body></html>"
INTERVALS = {"D": 1_440, **{str(minutes): minutes for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)}}


@dataclass
class Fault:
    """What goes wrong, on which path, and how often (-1: always). `skip` lets that many calls pass first."""

    do: str
    path: str = ""
    symbol: str = ""
    times: int = 1
    skip: int = 0
    start: int = 0  # only the page that begins here
    status: int = 200
    body: str = ""
    headers: dict = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Server:
    contracts: list
    now_ms: int | None = None  # None: the machine's clock plus `skew_ms`
    skew_ms: int = 0
    page_cap: int = 1_000  # the most rows that a page holds, whatever was asked
    funding_cap: int = 200
    tier_page: int = 15
    calls_max: int = 600
    window_s: float = 5.0
    latency_s: float = 0.0
    knows_closed: bool = True
    faults: list = field(default_factory=list)
    announced: list = field(default_factory=list)  # interruptions
    account: Account = field(default_factory=Account)

    def __post_init__(self):
        self.log = []  # (path, query, monotonic seconds)
        self.barred = 0
        self._recent: deque[float] = deque()
        self._loop = asyncio.new_event_loop()
        self.streams = Streams(self._loop)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.certificate, self.tls = make_tls()
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        with warnings.catch_warnings():  # encrypted sockets that were cut on purpose lie about unclosed
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}"

    def clock_ms(self):
        return self.now_ms if self.now_ms is not None else int(time.time() * 1_000) + self.skew_ms

    def calls(self, path=""):
        return [(query, at_s) for called, query, at_s in list(self.log) if path in called]

    def library_access(self):
        """Arguments of `Access` that keep every address and send it here."""
        trust = ssl.create_default_context(cadata=self.certificate)
        trust.check_hostname = False
        return {"resolver": lambda: Loopback(self.tls_port), "tls": trust}

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self):
        self._stop = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        plain, encrypted = free_socket(), free_socket()
        await web.SockSite(runner, plain).start()
        await web.SockSite(runner, encrypted, ssl_context=self.tls).start()
        self.port, self.tls_port = plain.getsockname()[1], encrypted.getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
        await asyncio.sleep(0.02)  # encrypted connections take a moment to close

    async def _answer(self, request):
        path, query, now_s = request.path, dict(request.query), time.monotonic()
        self.log.append((path, query, now_s))
        self._recent.append(now_s)
        while self._recent and self._recent[0] < now_s - self.window_s:
            self._recent.popleft()
        if len(self._recent) > self.calls_max:
            self.barred += 1
            return web.Response(status=403, text="403 access too frequent")
        if path == "/v5/private":
            return await self.streams.serve(request, self.clock_ms)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        fault = self._due(path, query)
        if fault is not None:
            answer = await self._go_wrong(fault, request)
            if answer is not None:
                return answer
        if path.startswith(PRIVATE):
            return await self._private(request, fault)
        return web.Response(text=json.dumps(self._body(path, query, fault)), content_type="application/json")

    async def _private(self, request, fault):
        """A signed call. A fault `lost answer` comes after the request took effect."""
        text = await request.text() if request.method == "POST" else request.rel_url.raw_query_string
        asked = json.loads(text) if request.method == "POST" else dict(request.query)
        now_ms = self.clock_ms()
        try:
            self.account.check(request.headers, text, now_ms)
            result = self.account.answer(request.path, asked, fault)
            body = {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms}
        except RefusalError as no:
            body = refusal(no.code, no.text, now_ms)
        if fault is not None and fault.do == "lost answer":
            request.transport.abort()
        if fault is not None and fault.do in {"no list", "empty"}:
            spoil(fault, body["result"])
        headers = {"X-Bapi-Limit": "10", "X-Bapi-Limit-Status": "9", "X-Bapi-Limit-Reset-Timestamp": str(now_ms)}
        return web.Response(text=json.dumps(body), content_type="application/json", headers=headers)

    def _due(self, path, query):
        for fault in self.faults:
            wanted = fault.path in path and fault.symbol in query.get("symbol", "")
            if wanted and fault.times and (not fault.start or query.get("start") == str(fault.start)):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    async def _go_wrong(self, fault, request):
        if fault.do == "answer":
            return web.Response(status=fault.status, text=fault.body, headers=fault.headers, content_type="text/html")
        if fault.do == "drop":
            request.transport.abort()
            return web.Response()
        if fault.do == "slow":
            await asyncio.sleep(fault.seconds)
        if fault.do == "cut":
            whole = json.dumps(self._body(request.path, dict(request.query), None))
            return web.Response(text=whole[: len(whole) // 2], content_type="application/json")
        return None

    def _body(self, path, query, fault):
        known = {
            "/v5/market/time": self._time,
            "/v5/system/status": lambda _query: {"list": self.announced},
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/risk-limit": self._tiers,
            "/v5/market/tickers": self._tickers,
            "/v5/market/kline": lambda query: self._candles(query, "last"),
            "/v5/market/mark-price-kline": lambda query: self._candles(query, "mark"),
            "/v5/market/funding/history": self._funding,
        }
        if path not in known:
            return refusal(10_017, "Route not found.", self.clock_ms())
        if fault is not None and fault.do == "code":
            return refusal(fault.status, fault.body, self.clock_ms())
        try:
            result = known[path](query)
        except LookupError:
            return refusal(10_001, "params error: symbol invalid", self.clock_ms())
        except ValueError as error:
            return refusal(10_001, str(error), self.clock_ms())
        if fault is not None:
            spoil(fault, result)
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.clock_ms()}

    def _time(self, _query):
        now_ms = self.clock_ms()
        return {"timeSecond": str(now_ms // 1_000), "timeNano": str(now_ms * 1_000_000)}

    def _instruments(self, query):
        status = query.get("status", "Trading")
        if status in {"Delivering", "Closed"} and not self.knows_closed:
            raise ValueError("params error: status invalid")
        found = [one for one in self.contracts if one.status == status]
        start, limit = int(query.get("cursor") or 0), min(int(query.get("limit", 500)), self.page_cap)
        cursor = str(start + limit) if start + limit < len(found) else ""
        rows = [instrument(one) for one in found[start : start + limit]]
        return {"category": "linear", "list": rows, "nextPageCursor": cursor}

    def _tiers(self, query):
        found = [one for one in self.contracts if one.status in {"Trading", "PreLaunch"}]
        start = int(query.get("cursor") or 0)
        cursor = str(start + self.tier_page) if start + self.tier_page < len(found) else ""
        rows = [row for one in found[start : start + self.tier_page] for row in tiers(one)]
        return {"category": "linear", "list": rows, "nextPageCursor": cursor}

    def _tickers(self, _query):
        now_ms = self.clock_ms()
        return {
            "category": "linear",
            "list": [ticker(one, now_ms) for one in self.contracts if one.status == "Trading"],
        }

    def _contract(self, query):
        return {one.symbol: one for one in self.contracts}[query["symbol"]]

    def _candles(self, query, kind):
        bar_ms = INTERVALS[query["interval"]] * 60_000
        limit = min(int(query.get("limit", 200)), 1_000, self.page_cap)
        now_ms = self.clock_ms()
        until_ms = int(query["end"]) + 1 if "end" in query else now_ms
        since_ms = int(query["start"]) if "start" in query else until_ms - limit * bar_ms
        rows = market.bars(self._contract(query), bar_ms, since_ms, until_ms, now_ms, kind)
        return {"symbol": query["symbol"], "category": "linear", "list": rows[::-1][:limit]}

    def _funding(self, query):
        if "startTime" in query and "endTime" not in query:
            raise ValueError("params error: endTime is required with startTime")
        limit = min(int(query.get("limit", 200)), 200, self.funding_cap)
        now_ms = self.clock_ms()
        since_ms, until_ms = int(query.get("startTime", 0)), int(query.get("endTime", now_ms)) + 1
        prints = market.funding(self._contract(query), since_ms, until_ms, now_ms)[::-1][:limit]
        rows = [
            {"symbol": query["symbol"], "fundingRate": rate, "fundingRateTimestamp": str(at_ms)}
            for at_ms, rate in prints
        ]
        return {"category": "linear", "list": rows}


def refusal(code, text, now_ms):
    return {"retCode": code, "retMsg": text, "result": {}, "retExtInfo": {}, "time": now_ms}


def spoil(fault, result):
    """Answers that are well-formed and wrong."""
    rows = result.get("list")
    if fault.do == "empty":
        rows.clear()
    elif fault.do == "no list":
        del result["list"]
    elif fault.do == "thin":  # every tenth row is lost on the way
        del rows[4::10]
    elif fault.do == "twice":  # pages that overlap bring rows twice
        rows[:] = sorted(rows * 2, reverse=True)
    elif fault.do == "conflict":
        rows.insert(0, [rows[0][0], *rows[0][1:4], "1.2345", *rows[0][5:]])
    elif fault.do == "elsewhere":  # the answer to another question: everything an hour off
        for row in rows:
            row[0] = str(int(row[0]) - 1_000 * market.HOUR_MS)
    elif fault.do == "words":
        rows[0][1] = "n/a"


def instrument(one):
    row = {
        "symbol": one.symbol, "symbolId": 5, "contractType": one.kind, "status": one.status,
        "baseCoin": one.symbol.removesuffix(one.quote), "quoteCoin": one.quote,
        "launchTime": str(one.listed_ms), "deliveryTime": str(one.delisted_ms), "deliveryFeeRate": "",
        "priceScale": "4",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "50.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.0001", "maxPrice": "1999.9998", "tickSize": "0.0001"},
        "lotSizeFilter": {
            "maxOrderQty": "10000.0", "minOrderQty": "0.2", "qtyStep": "0.1", "postOnlyMaxOrderQty": "10000.0",
            "maxMktOrderQty": "2500.0", "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True, "fundingInterval": one.funding_ms // 60_000, "settleCoin": one.quote,
        "copyTrading": "both", "upperFundingRate": "0.00375", "lowerFundingRate": "-0.00375",
        "isPreListing": one.status == "PreLaunch", "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"}, "displayName": "",
        "forbidUplWithdrawal": False, "symbolType": "",
    }  # fmt: skip
    return {**row, **one.overrides}


def tiers(one):
    steps = (("2000000", "0.005", "0.01", "100.00", ""), ("2600000", "0.0056", "0.0111", "90.00", "1200"))
    return [
        {
            "id": at, "symbol": one.symbol, "riskLimitValue": most, "maintenanceMargin": maintenance,
            "initialMargin": initial, "isLowestRisk": int(at == 1), "maxLeverage": leverage, "mmDeduction": deduction,
        }
        for at, (most, maintenance, initial, leverage, deduction) in enumerate(steps, start=1)
    ]  # fmt: skip


def ticker(one, now_ms):
    price = 10 + 90 * market.noise(one.symbol)
    return {
        "symbol": one.symbol, "lastPrice": f"{price:.4f}", "indexPrice": f"{price * 0.999:.4f}",
        "markPrice": f"{price * 1.001:.4f}", "prevPrice24h": f"{price:.4f}", "price24hPcnt": "0",
        "highPrice24h": f"{price:.4f}", "lowPrice24h": f"{price:.4f}", "prevPrice1h": f"{price:.4f}",
        "openInterest": "1000", "openInterestValue": "100000",
        "turnover24h": f"{1e7 * market.noise(one.symbol, 1):.4f}",
        "volume24h": "1000.0", "fundingRate": "0.0001",
        "nextFundingTime": str(now_ms // one.funding_ms * one.funding_ms + one.funding_ms),
        "predictedDeliveryPrice": "", "basisRate": "", "deliveryFeeRate": "", "deliveryTime": "0",
        "ask1Size": "3.1", "bid1Price": f"{price * 0.9999:.4f}",
        "ask1Price": f"{price * 1.0001:.4f}", "bid1Size": "2.0",
        "basis": "", "preOpenPrice": "", "preQty": "", "curPreListingPhase": "", "fundingIntervalHour": "8",
        "basisRateYear": "", "fundingCap": "0.005", **one.overrides.get("ticker", {}),
    }  # fmt: skip


class Loopback(AbstractResolver):
    """Every host is this machine: no request of a test can leave it."""

    def __init__(self, port):
        self.port = port
        self.asked = set()

    async def resolve(self, host, port=0, family=socket.AF_INET):  # noqa: ARG002  aiohttp names them
        self.asked.add(host)
        return [
            {"hostname": host, "host": "127.0.0.1", "port": self.port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        ]

    async def close(self):
        pass


def free_socket():
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


def make_tls():
    """A certificate for this machine, signed by nobody but itself; text of it, and the server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    text = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(secret + text)
        file.flush()
        context.load_cert_chain(file.name)
    return text.decode(), context
