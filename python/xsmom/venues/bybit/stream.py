"""The account's events as Bybit pushes them: raw frames in, our nouns out, and a `Gap` where one may be missing.

The socket is ours and not the library's: that one keeps caches whose rows it merges and changes in the
caller's hands, loses what arrives while nobody waits, and signs by the machine's clock. One task reads
frames into a bounded queue and does nothing else; whoever iterates takes them out. When he is too slow
the queue is emptied and one `Gap` stands for all that was in it: late is as bad as lost, and reading
anew is the cure for both.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from xsmom.domain.trading import Deaf, Gap, VenueEvent
from xsmom.errors import AuthFailed
from xsmom.venues.bybit.account_rows import Scales
from xsmom.venues.bybit.frames import Frames
from xsmom.venues.wire import Keys, Wire

_TOPICS = ("order", "execution", "position", "wallet")
_EXPIRES_MS = 10_000
_AUTH_CODES = frozenset({10003, 10004, 10005, 10010, 33004})
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a stream waits, and how much it holds."""

    ping_every_s: float = 18.0
    #: Without a frame for so long the connection is dead, though nobody closed it. Pongs are frames.
    silent_s: float = 40.0
    answer_s: float = 10.0
    frames_max: int = 10_000
    #: Before the first dialling again; then longer each time.
    waits_s: tuple[float, ...] = _WAITS_S


class _Lost(Exception):  # noqa: N818  nothing failed that is not mended by dialling again
    """The connection is gone, or was never there."""


class AccountStream:
    """Dials, signs in, subscribes, and dials again when the connection is lost."""

    def __init__(self, wire: Wire, scales: Scales, patience: Patience | None = None) -> None:
        if wire.access.keys is None:
            raise AssertionError("a venue is made with keys")
        self._wire, self._keys = wire, wire.access.keys
        self._patience = patience or Patience()
        self._frames = Frames(scales)
        self._queue: deque[str | Gap | Deaf] = deque()
        self._something = asyncio.Event()
        self._heard_ms = 0
        self.overflows = 0

    async def events(self) -> AsyncGenerator[VenueEvent, None]:
        """All events until the caller stops; raises only when the exchange does not accept the key."""
        self._heard_ms = self._wire.clock.now_ms()
        reader: asyncio.Future[Any] = asyncio.ensure_future(self._keep_reading())
        try:
            while True:
                async for event in self._taken(reader):
                    yield event
        finally:
            reader.cancel()
            await asyncio.wait([reader])

    async def _taken(self, reader: asyncio.Future[Any]) -> AsyncIterator[VenueEvent]:
        """What waits in the queue, as events."""
        waiting: asyncio.Future[Any] = asyncio.ensure_future(self._something.wait())
        try:
            await asyncio.wait({waiting, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        self._something.clear()
        while self._queue:
            taken = self._queue.popleft()
            for event in (taken,) if isinstance(taken, Gap | Deaf) else self._frames.read(taken, self._heard_ms):
                yield event
        if reader.done():
            reader.result()  # the only way out of reading is an error

    async def _keep_reading(self) -> None:
        tries = 0
        stands = False
        why = "the stream begins"
        while True:
            try:
                async with await self._dial() as socket:
                    await self._sign_in(socket)
                    self._gap(why)
                    tries, stands = 0, True
                    await self._read(socket)
            except _Lost as lost:
                why = str(lost)
                if stands:
                    self._queue.append(Deaf(why))
                    self._something.set()
                stands = False
            waits_s = self._patience.waits_s
            await asyncio.sleep(waits_s[min(tries, len(waits_s) - 1)] * random.uniform(0.75, 1.25))  # noqa: S311
            tries += 1

    async def _dial(self) -> Any:
        import aiohttp

        try:
            async with asyncio.timeout(self._patience.answer_s):
                return await self._wire.session.ws_connect(
                    self._wire.stream_url, autoping=True, max_msg_size=0, proxy=self._wire.access.proxy
                )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _Lost(f"no connection for events ({type(error).__name__})") from error

    async def _sign_in(self, socket: Any) -> None:
        """Show the key and ask for the topics; both must be confirmed."""
        await self._wire.clock.ensure()
        await self._say(socket, {"op": "auth", "args": _signature(self._keys, self._wire.clock.now_ms() + _EXPIRES_MS)})
        answer = await self._confirmed(socket, "auth")
        if answer.get("success") is not True:
            text = f"{answer.get('ret_msg') or 'refused'} (code {answer.get('retCode', answer.get('ret_code', '?'))})"
            if answer.get("retCode", answer.get("ret_code")) in _AUTH_CODES or "retCode" not in answer:
                raise AuthFailed(f"bybit: events: {text}")
            raise _Lost(f"signing in was refused: {text}")
        await self._say(socket, {"op": "subscribe", "args": list(_TOPICS)})
        answer = await self._confirmed(socket, "subscribe")
        if answer.get("success") is not True:
            raise _Lost(f"subscribing was refused: {answer.get('ret_msg')}")

    async def _confirmed(self, socket: Any, op: str) -> dict[str, Any]:
        """The answer to one of our own messages. Events that come first are kept."""
        while True:
            frame = await self._frame(socket, self._patience.answer_s, f"no answer to {op}")
            message = _decoded(frame)
            if message.get("op") == op:
                return message
            self._put(frame)

    async def _read(self, socket: Any) -> None:
        """Frames until the connection is lost; asks for a sign of life while it is quiet."""
        pinging = asyncio.ensure_future(self._ping(socket))
        try:
            while True:
                self._put(await self._frame(socket, self._patience.silent_s, "the connection fell silent"))
        finally:
            pinging.cancel()
            await asyncio.wait([pinging])

    async def _ping(self, socket: Any) -> None:
        while True:
            await asyncio.sleep(self._patience.ping_every_s)
            await self._say(socket, {"op": "ping", "req_id": "xsmom"})

    async def _frame(self, socket: Any, seconds: float, why: str) -> str:
        import aiohttp

        try:
            # Not wait_for: before Python 3.12 it may swallow a cancellation that meets an answer.
            async with asyncio.timeout(seconds):
                message = await socket.receive()
        except TimeoutError:
            raise _Lost(why) from None
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise _Lost(f"the connection for events was closed ({message.type.name.lower()})")
        self._heard_ms = self._wire.clock.now_ms()
        return str(message.data)

    async def _say(self, socket: Any, message: dict[str, Any]) -> None:
        try:
            await socket.send_str(json.dumps(message))
        except (OSError, RuntimeError) as error:  # aiohttp's own errors of a closing socket are both
            raise _Lost(f"the connection for events broke ({type(error).__name__})") from error

    def _put(self, frame: str) -> None:
        if len(self._queue) >= self._patience.frames_max:
            self._queue.clear()
            self.overflows += 1
            self._gap(f"more than {self._patience.frames_max} events waited")
        self._queue.append(frame)
        self._something.set()

    def _gap(self, why: str) -> None:
        self._queue.append(Gap(self._frames.told_ms or self._heard_ms, why))
        self._something.set()


def _signature(keys: Keys, expires_ms: int) -> list[Any]:
    """Key, end of validity, and the proof that we know the secret."""
    text = f"GET/realtime{expires_ms}".encode()
    secret = keys.api_secret.get_secret_value().encode()
    return [keys.api_key.get_secret_value(), expires_ms, hmac.new(secret, text, hashlib.sha256).hexdigest()]


def _decoded(frame: str) -> dict[str, Any]:
    try:
        message = json.loads(frame)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
