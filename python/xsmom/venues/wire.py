"""One connection to one exchange: requests through the guarded library, under our own budget.

Reads are asked again when that may help, after 1, 2 and 4 seconds with jitter, or after what the
exchange asks for. Nothing else is ever sent twice.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import SecretStr

from xsmom.errors import ConfigError, VenueError
from xsmom.venues.exchange_clock import ExchangeClock
from xsmom.venues.exchange_table import Endpoint, ExchangeTable, Meaning, Network
from xsmom.venues.faults import Fault, WireFault, error_of_read
from xsmom.venues.guard import guarded
from xsmom.venues.limiter import Lane, Limiter, Window

READ_TIMEOUT_MS = 10_000
SEND_TIMEOUT_MS = 5_000
_PAUSES_S = (1.0, 2.0, 4.0)
_PAUSE_S_MAX = 60.0  # a read that would have to wait longer tells so instead
_RATE_PAUSE_S = 1.0
_CONNECTIONS_MAX = 64
# Data calls under way at once. What has its turn leaves at once, so that calls arrive about as they were
# counted; and connections are left for what is urgent.
_DATA_CALLS_MAX = 32

_TIME = "time"
_FAREWELL_S = 0.05  # encrypted connections take leave of each other before they close

T = TypeVar("T")
Answer = dict[str, Any]


@dataclass(frozen=True)
class Keys:
    """What an account's requests are signed with. Never printed: pydantic's text blots itself out."""

    api_key: SecretStr
    api_secret: SecretStr


@dataclass(frozen=True)
class Access:
    """How an exchange is reached."""

    network: Network = Network.MAIN
    #: A server that speaks the exchange's protocol, in place of the exchange's own hosts.
    base_url: str | None = None
    requests_per_second: float | None = None
    keys: Keys | None = None
    timeout_ms: int = READ_TIMEOUT_MS
    #: A mutation that has no answer by then is unknown.
    send_timeout_ms: int = SEND_TIMEOUT_MS
    recv_window_ms: int = 5_000
    #: How much faster than ours the clock of `base_url` runs: an exchange of our own, in time-lapse.
    lapse: float = 1.0
    #: What all connections go through; may hold a name and a password.
    proxy_url: SecretStr | None = None
    #: Waits between tries of a read.
    pauses_s: tuple[float, ...] = field(default_factory=lambda: _PAUSES_S)
    #: Makes the resolver of host names; left out, the system's.
    resolver: Callable[[], Any] | None = None
    #: Checks the server's certificate; left out, against the usual authorities.
    tls: ssl.SSLContext | None = None

    @property
    def proxy(self) -> str | None:
        """The proxy's address, in the clear."""
        return None if self.proxy_url is None else self.proxy_url.get_secret_value()

    def __post_init__(self) -> None:
        """Refuse a proxy of another kind, without showing its password."""
        if self.proxy is not None and not self.proxy.startswith(("http://", "https://")):
            raise ConfigError("exchange.proxy_url is no proxy that can be used: write http://host:port")


class Wire:
    """Made by `Wire.connect`; closed by `close`."""

    def __init__(self, table: ExchangeTable, access: Access) -> None:
        self.table, self.access = table, access
        self.limiter = Limiter(_shared(table, access), table.budgets)
        self.clock = ExchangeClock(self._ask_clock, monotonic_s=lambda: time.monotonic() * access.lapse)
        self._budget_of = {endpoint.path: endpoint.budget for endpoint in table.endpoints.values()}
        self._data_calls = asyncio.Semaphore(_DATA_CALLS_MAX)
        self._client: Any = None
        self._sender: Any = None
        self._session: Any = None

    @classmethod
    async def connect(cls, table: ExchangeTable, access: Access) -> Wire:
        """Make the client and measure the exchange's clock."""
        if access.network not in table.networks:
            known = ", ".join(sorted(network.value for network in table.networks))
            raise ConfigError(f"{table.name} has no {access.network.value} network: choose {known}")
        wire = cls(table, access)
        try:
            wire._open()
            await wire.clock.ensure()
        except BaseException:
            await wire.close()
            raise
        return wire

    @property
    def session(self) -> Any:
        """The session that all requests go through; streams are opened on it too."""
        return self._session

    @property
    def stream_url(self) -> str:
        """Where the account's events come from."""
        if self.access.base_url is None:
            return self.table.stream_urls[self.access.network]
        return self.access.base_url.rstrip("/").replace("http", "ws", 1) + self.table.stream_path

    async def read(
        self, endpoint: str, params: Mapping[str, Any], what: str, parse: Callable[[Answer], T], lane: Lane = Lane.DATA
    ) -> T:
        """What `parse` makes of the answer, asked again while that may help; a `VenueError` in the end.

        `parse` raises a `WireFault` or a `LookupError`, `TypeError` or `ValueError` at an answer that
        lacks what it must have: that too is asked again.
        """
        if endpoint != _TIME and not self.clock.known:
            await self._remeasure()
        for pause_s in (*self.access.pauses_s, None):
            try:
                return _parsed(await self.once(endpoint, params, lane), parse)
            except WireFault as fault:
                wait_s = await self._after(fault, pause_s)
                if wait_s is None:
                    raise error_of_read(fault, what, self.table.name) from None
                await asyncio.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    async def once(self, endpoint: str, params: Mapping[str, Any], lane: Lane) -> Answer:
        """One request; a `WireFault` if it does not end well."""
        row = self.table.endpoints[endpoint]
        if lane is not Lane.DATA:
            return await self._call(self._client, row, params, lane)
        async with self._data_calls:
            return await self._call(self._client, row, params, lane)

    async def send(self, endpoint: str, params: Mapping[str, Any], lane: Lane) -> Answer:
        """One mutation, sent once and never again; a `WireFault` if it does not end well."""
        try:
            return await self._call(self._sender, self.table.endpoints[endpoint], params, lane)
        except WireFault as fault:
            if fault.meaning is Meaning.CLOCK:
                await self._remeasure()
            if fault.meaning is Meaning.RATE:
                self.limiter.close_budget(self.table.endpoints[endpoint].budget, max(fault.pause_s, _RATE_PAUSE_S))
            raise

    async def close(self) -> None:
        """Give connections back."""
        clients, session = (self._client, self._sender), self._session
        self._client = self._sender = self._session = None
        if session is not None:
            await session.close()
            await asyncio.sleep(_FAREWELL_S)
        for client in clients:
            if client is not None:
                client.timeout_on_exit = 0  # the session is ours and closed already: nothing to wait for
                await client.close()

    async def _call(self, client: Any, row: Endpoint, params: Mapping[str, Any], lane: Lane) -> Answer:
        await self.limiter.take(lane, row.budget)
        try:
            answer = await getattr(client, row.method)(dict(params))
        except WireFault as fault:
            if fault.fault is Fault.BARRED:
                self.limiter.close_for(fault.pause_s)
            raise
        except Exception as error:
            raise _of_library(error) from error
        if not isinstance(answer, dict):
            raise WireFault(Fault.GARBLED, f"answered {type(answer).__name__}, not an object")
        return answer

    async def _after(self, fault: WireFault, pause_s: float | None) -> float | None:
        """How long to wait before the next try; None where there is none."""
        if pause_s is None or not fault.passing or fault.pause_s > _PAUSE_S_MAX:
            return None
        if fault.meaning is Meaning.CLOCK:
            await self._remeasure()
        if fault.meaning is Meaning.RATE or fault.status in {418, 429}:
            self.limiter.close_for(max(fault.pause_s, _RATE_PAUSE_S * pause_s / max(_PAUSES_S[0], pause_s)))
        # Jitter, so that those who failed together do not come back together.
        return max(fault.pause_s, pause_s * random.uniform(0.75, 1.25))  # noqa: S311  no secret

    async def _remeasure(self) -> None:
        try:
            await self.clock.measure()
        except VenueError:
            return  # the old bearing stays; the request that follows tells what is wrong

    async def _ask_clock(self) -> int:
        return await self.read(_TIME, {}, "its clock", self.table.clock_of, Lane.CANCEL)

    def _open(self) -> None:
        """A client of the library with a session of ours: its own would wait a quarter second to close."""
        import aiohttp

        client, sender = (
            _make_client(self.table, self.access, self._observe, self._stamp_ms, timeout_ms)
            for timeout_ms in (self.access.timeout_ms, self.access.send_timeout_ms)
        )
        tls = self.access.tls or _usual_trust(client.cafile)
        resolver = self.access.resolver() if self.access.resolver is not None else None
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, ssl=tls, resolver=resolver)
        self._session = aiohttp.ClientSession(connector=connector)
        for one in (client, sender):
            one.session, one.own_session = self._session, False
        self._client, self._sender = client, sender

    def _observe(self, url: str, headers: Mapping[str, str]) -> None:
        """Feed the exchange's own count of our calls to the limiter."""
        names = self.table.rate_headers
        if names is None or not self.clock.known:
            return
        told = {name.lower(): value for name, value in headers.items()}
        try:
            left, reset_ms = (int(told[name.lower()]) for name in names)
        except (KeyError, ValueError):
            return  # public endpoints carry none
        path = url.partition("://")[2].partition("/")[2].partition("?")[0]
        self.limiter.told(self._budget_of.get(path, ""), left, reset_ms - self.clock.now_ms())

    def _stamp_ms(self) -> int:
        return self.clock.now_ms()


def _usual_trust(authorities: str) -> ssl.SSLContext:
    """The library's list of authorities, and what this machine trusts: `SSL_CERT_FILE` names more."""
    context = ssl.create_default_context(cafile=authorities)
    context.load_default_certs()
    return context


def _shared(table: ExchangeTable, access: Access) -> tuple[Window, ...]:
    """The exchange's windows, and the user's own where it is tighter."""
    wanted = access.requests_per_second
    if wanted is None:
        return table.shared
    return (*table.shared, Window(max(1, int(wanted * 5)), 5_000))


def _make_client(
    table: ExchangeTable, access: Access, observe: Any, stamp_ms: Callable[[], int], timeout_ms: int
) -> Any:
    import ccxt.async_support as library

    options: dict[str, Any] = {"enableRateLimit": False, "timeout": timeout_ms}
    options["options"] = {**table.library_options, "recvWindow": access.recv_window_ms, "maxRetriesOnFailure": 0}
    if access.keys is not None:
        options["apiKey"] = access.keys.api_key.get_secret_value()
        options["secret"] = access.keys.api_secret.get_secret_value()
    if access.proxy is not None:
        options["aiohttp_proxy"] = access.proxy
    if access.base_url is not None:
        address = access.base_url.rstrip("/")
        options["urls"] = {"api": dict.fromkeys(("public", "private"), address)}
    client = guarded(getattr(library, table.library_id), table, observe, stamp_ms)(options)
    if access.base_url is None and access.network is Network.TEST:
        client.set_sandbox_mode(True)
    if access.base_url is None and access.network is Network.DEMO:
        client.enable_demo_trading(True)
    return client


def _parsed(answer: Answer, parse: Callable[[Answer], T]) -> T:
    try:
        return parse(answer)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        text = f"answered something that cannot be read ({type(error).__name__}: {str(error)[:80]})"
        raise WireFault(Fault.GARBLED, text) from error


def _of_library(error: Exception) -> WireFault:
    """What the library raises by itself: the request did not get through, or got no answer."""
    import aiohttp
    from ccxt.base import errors as library

    cause = error.__cause__ or error
    if isinstance(error, library.AuthenticationError):
        return WireFault(Fault.CODE, str(error), meaning=Meaning.AUTH)
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        told = cause.certificate_error
        why = getattr(told, "verify_message", "") or _short(told)
        return WireFault(
            Fault.UNTRUSTED,
            f"the certificate of {cause.host} is not trusted ({why}): something may stand between you and the "
            "exchange; a server of your own is trusted when SSL_CERT_FILE names its certificate",
        )
    if isinstance(cause, aiohttp.ClientConnectorError):
        return WireFault(Fault.UNREACHABLE, f"no connection ({_short(cause)})")
    if isinstance(error, library.RequestTimeout):
        return WireFault(Fault.NO_ANSWER, "no answer in time")
    if isinstance(error, library.BaseError | aiohttp.ClientError | OSError):
        return WireFault(Fault.NO_ANSWER, f"the connection broke ({_short(cause)})")
    raise error


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:100]}" if text else type(error).__name__
