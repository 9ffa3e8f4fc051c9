"""The sockets: public topics, the account's topics, and order entry.

A socket that does not keep up is closed once its backlog is full, as a real one would be; a message
is never dropped in the middle of a stream unless a fault asks for it.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from xsmom.simex.bybit import codes, trade
from xsmom.simex.bybit.asking import Asked, Refusal
from xsmom.simex.bybit.codes import Code
from xsmom.simex.bybit.gateway import count_rows
from xsmom.simex.bybit.signing import RECV_WINDOW_MS, Key, check_socket, is_count
from xsmom.simex.bybit.wire import INTERVALS_MS, dump
from xsmom.simex.clock import wall_ms
from xsmom.simex.faults import Fault
from xsmom.simex.limits import Standing
from xsmom.simex.world import World

BACKLOG_MAX = 10_000
PRIVATE_TOPICS = frozenset({"order", "execution", "position", "wallet"})
_HELD_BACK_MS = 250
TRADE_OPS = {path.removeprefix("/v5/").replace("/", "."): path for path in trade.POSTS if "cancel-all" not in path}


class Socket:
    """One connection: what it has subscribed to, and what waits to be sent."""

    def __init__(self, hub: Hub, kind: str, ws: web.WebSocketResponse) -> None:
        self.hub = hub
        self.kind = kind
        self.ws = ws
        self.key: Key | None = None
        self.topics: set[str] = set()
        self.silent = False
        self.connection = uuid.uuid4().hex[:20]
        self.request_ids: set[str] = set()
        self._backlog: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def send(self, message: dict[str, Any]) -> None:
        """Put a message behind those that wait."""
        self.send_bytes(dump(message))

    def send_bytes(self, text: bytes) -> None:
        """Put a message that is written already behind those that wait."""
        if self.silent:
            return
        self._backlog.append(text)
        if len(self._backlog) > BACKLOG_MAX:
            self.kill()
        self._wake.set()

    def kill(self) -> None:
        """Cut the connection without a word."""
        self._backlog.clear()
        transport = self.ws._req.transport if self.ws._req is not None else None  # noqa: SLF001  no public way
        if transport is not None:
            transport.abort()

    async def write(self) -> None:
        """Send what waits, until the connection ends."""
        while not self.ws.closed:
            await self._wake.wait()
            self._wake.clear()
            while self._backlog:
                try:
                    await self.ws.send_frame(self._backlog.popleft(), WSMsgType.TEXT)
                except (ConnectionError, RuntimeError):
                    return


@dataclass(frozen=True)
class Entry:
    """One command of the order entry socket."""

    op: str
    path: str
    request_id: Any
    header: dict[str, Any]
    given: dict[str, Any]
    client_id: str

    @classmethod
    def read(cls, asked: dict[str, Any]) -> Entry:
        """Take a message apart; what it lacks is empty."""
        args, header = asked.get("args"), asked.get("header")
        given = args[0] if isinstance(args, list) and args and isinstance(args[0], dict) else {}
        name = given.get("orderLinkId", "")
        return cls(
            op=asked["op"],
            path=TRADE_OPS.get(asked["op"], ""),
            request_id=asked.get("reqId"),
            header=header if isinstance(header, dict) else {},
            given=given,
            client_id=name if isinstance(name, str) else "",
        )

    def answer(self, socket: Socket, code: Code, data: Any, ext: Any, standing: Standing | None) -> dict[str, Any]:
        """Give the acknowledgement, or the refusal, as the socket tells it."""
        told = {} if self.request_id is None else {"reqId": self.request_id}
        told |= {"retCode": code.number, "retMsg": code.text, "op": self.op, "data": data, "retExtInfo": ext}
        header = {"Traceid": uuid.uuid4().hex, "Timenow": str(wall_ms())}
        if standing is not None:
            header |= {
                "X-Bapi-Limit": str(standing.limit),
                "X-Bapi-Limit-Status": str(standing.left),
                "X-Bapi-Limit-Reset-Timestamp": str(standing.reset_ms),
            }
        return told | {"header": header, "connId": socket.connection}


def _after(fault: Fault, act: Callable[[], None]) -> None:
    if fault.delay_ms:
        asyncio.get_running_loop().call_later(fault.delay_ms / 1000, act)
    else:
        act()


def _spoil(socket: Socket, entry: Entry, fault: Fault) -> None:
    """Give something else than the answer: another code, or an end, as a socket knows no broken bodies."""
    if fault.do == "ret":
        socket.send(entry.answer(socket, Code(fault.code, fault.text), {}, {}, None))
    else:
        socket.kill()


class Hub:
    """Every open socket of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sockets: set[Socket] = set()
        world.on_public = self.publish
        world.on_private = self.publish_account
        world.listened = self.listened
        world.account_listened = self.account_listened
        self._held_back: dict[tuple[str, str], dict[str, Any]] = {}

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Run one connection to its end."""
        ws = web.WebSocketResponse(autoping=True, max_msg_size=1 << 20)
        await ws.prepare(request)
        kind = {"/v5/public/linear": "public", "/v5/private": "private", "/v5/trade": "trade"}[request.path]
        socket = Socket(self, kind, ws)
        self.sockets.add(socket)
        writer = asyncio.create_task(socket.write())
        try:
            async for message in ws:
                if message.type == WSMsgType.TEXT:
                    self._receive(socket, message.data)
        finally:
            self.sockets.discard(socket)
            writer.cancel()
        return ws

    def kill_all(self, kind: str = "") -> int:
        """Cut every connection, or those of one kind; say how many."""
        chosen = [socket for socket in self.sockets if not kind or socket.kind == kind]
        for socket in chosen:
            socket.kill()
        return len(chosen)

    def _receive(self, socket: Socket, text: str) -> None:
        try:
            asked = json.loads(text)
        except (RecursionError, ValueError):
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("op"), str):
            socket.send({"success": False, "ret_msg": "Invalid request", "conn_id": socket.connection, "op": ""})
            return
        op = asked["op"]
        if op == "ping":
            self._pong(socket, asked)
        elif op == "auth":
            self._authenticate(socket, asked)
        elif op in ("subscribe", "unsubscribe") and socket.kind != "trade":
            self._subscribe(socket, asked)
        elif socket.kind == "trade":
            self._enter_order(socket, asked)
        else:
            self._tell(socket, asked, f"error:handler not found,{op}", success=False)

    def _pong(self, socket: Socket, asked: dict[str, Any]) -> None:
        request_id = str(asked.get("req_id", ""))
        if socket.kind == "public":
            told = {
                "success": True,
                "ret_msg": "pong",
                "conn_id": socket.connection,
                "req_id": request_id,
                "op": "ping",
            }
            socket.send(told)
        elif socket.kind == "private":
            args = [str(wall_ms())]
            socket.send({"req_id": request_id, "op": "pong", "args": args, "conn_id": socket.connection})
        else:
            args = [str(wall_ms())]
            socket.send({"op": "pong", "retCode": 0, "retMsg": "OK", "data": args, "connId": socket.connection})

    def _authenticate(self, socket: Socket, asked: dict[str, Any]) -> None:
        args = asked.get("args")
        key, code = check_socket(args if isinstance(args, list) else [], self.world.keys, self.world.clock)
        if socket.key is not None:
            code = codes.WS_REPEATED_AUTH
        if code is codes.OK:
            socket.key = key
        if socket.kind == "trade":
            told: dict[str, Any] = {"retCode": code.number, "retMsg": code.text, "op": "auth"}
            told["connId"] = socket.connection
            if "reqId" in asked:
                told["reqId"] = asked["reqId"]
            socket.send(told)
            return
        text = "" if code is codes.OK else code.text
        self._tell(socket, asked, text, success=code is codes.OK)

    def _tell(self, socket: Socket, asked: dict[str, Any], text: str, *, success: bool) -> None:
        told = {"success": success, "ret_msg": text, "op": asked.get("op", ""), "conn_id": socket.connection}
        if "req_id" in asked:
            told["req_id"] = asked["req_id"]
        socket.send(told)

    def _subscribe(self, socket: Socket, asked: dict[str, Any]) -> None:
        args = asked.get("args")
        topics = [topic for topic in args if isinstance(topic, str)] if isinstance(args, list) else []
        bad = next((topic for topic in topics if not self._known(socket, topic)), None)
        if bad is not None or not topics:
            self._tell(socket, asked, f"error:handler not found,topic:{bad}", success=False)
            return
        if socket.kind == "private" and socket.key is None:
            self._tell(socket, asked, "Request not authorized", success=False)
            return
        if asked["op"] == "unsubscribe":
            socket.topics.difference_update(topics)
        else:
            socket.topics.update(topics)
        self._tell(socket, asked, "" if socket.kind == "private" else asked["op"], success=True)
        if socket.kind == "public" and asked["op"] == "subscribe":
            for topic in topics:
                for message in self.world.snapshots(topic):
                    socket.send(message)

    def _known(self, socket: Socket, topic: str) -> bool:
        if socket.kind == "private":
            head, _, category = topic.partition(".")
            return head in PRIVATE_TOPICS and category in ("", "linear")
        pieces = topic.split(".")
        if pieces[-1] not in self.world.instruments:
            return False
        if pieces[0] == "tickers":
            return len(pieces) == 2
        if pieces[0] == "kline":
            return len(pieces) == 3 and INTERVALS_MS.get(pieces[1], 1) % self.world.tape.panel.bar_ms == 0
        return pieces[0] == "orderbook" and len(pieces) == 3 and pieces[1] in ("1", "50", "200", "1000")

    def _enter_order(self, socket: Socket, asked: dict[str, Any]) -> None:
        """Place, change or take back an order over the socket: the same code as over REST."""
        entry = Entry.read(asked)
        fault = self.world.faults.find(entry.path, "before", entry.client_id) if entry.path else None
        if fault is None:
            self._act(socket, entry)
        elif fault.do in ("delay", "forget_closed"):
            if fault.do == "forget_closed":
                self.world.forget_closed()
            _after(fault, lambda: self._act(socket, entry))
        else:
            _after(fault, lambda: _spoil(socket, entry, fault))

    def _act(self, socket: Socket, entry: Entry) -> None:
        code, data, ext, standing = self._enter(socket, entry)
        told = entry.answer(socket, code, data, ext, standing)
        fault = self.world.faults.find(entry.path, "after_accept", entry.client_id) if entry.path else None
        if fault is None:
            socket.send(told)
        elif fault.do in ("delay", "forget_closed"):
            if fault.do == "forget_closed":
                self.world.forget_closed()
            _after(fault, lambda: socket.send(told))
        else:
            _after(fault, lambda: _spoil(socket, entry, fault))

    def _enter(self, socket: Socket, entry: Entry) -> tuple[Code, Any, Any, Standing | None]:
        if not entry.path:
            return codes.WS_UNKNOWN_OP, {}, {}, None
        if socket.key is None:
            return codes.BAD_KEY, {}, {}, None
        if isinstance(entry.request_id, str):
            if entry.request_id in socket.request_ids:
                return codes.WS_DUPLICATE_REQUEST, {}, {}, None
            socket.request_ids.add(entry.request_id)
        return self._run(socket.key, entry)

    def _run(self, key: Key, entry: Entry) -> tuple[Code, Any, Any, Standing | None]:
        stamp = str(entry.header.get("X-BAPI-TIMESTAMP", ""))
        window = str(entry.header.get("X-BAPI-RECV-WINDOW", RECV_WINDOW_MS))
        counted = is_count(stamp) and is_count(window)
        if not counted or not self.world.clock.is_timely(int(stamp), int(window)):
            return codes.BAD_TIME, {}, {}, None
        if not key.can_trade:
            return codes.NO_PERMISSION, {}, {}, None
        handler, a_second, _ = trade.POSTS[entry.path]
        count = count_rows(entry.given)
        standing, granted = self.world.limits.take_some(str(key.uid), entry.path, a_second, wall_ms(), count)
        if not standing.allowed:
            return codes.TOO_MANY_VISITS, {}, {}, standing
        try:
            result = handler(self.world, key, Asked(entry.given, granted))
        except Refusal as refusal:
            return refusal.code, {}, {}, standing
        data, ext = result if isinstance(result, tuple) else (result, {})
        return codes.OK, data, ext, standing

    def account_listened(self, account: str, topic: str) -> bool:
        """Whether anybody wants an account's topic."""
        return bool(self._listeners(account, topic))

    def _listeners(self, account: str, topic: str) -> list[Socket]:
        names = {topic, f"{topic}.linear"}
        return [s for s in self.sockets if s.key is not None and s.key.account == account and names & s.topics]

    def listened(self, topic: str) -> bool:
        """Whether anybody wants a public topic."""
        return any(topic in socket.topics for socket in self.sockets)

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Push to whoever listens to a public topic."""
        listeners = [socket for socket in self.sockets if topic in socket.topics]
        if listeners:
            self._push(listeners, topic, message)

    def publish_account(self, account: str, topic: str, rows: list[dict[str, Any]]) -> None:
        """Push rows of one account's topic."""
        listeners = self._listeners(account, topic)
        if not listeners:
            return
        message = {"id": uuid.uuid4().hex, "topic": topic, "creationTime": self.world.clock.told_ms(), "data": rows}
        self._push(listeners, topic, message)

    def _push(self, listeners: list[Socket], topic: str, message: dict[str, Any]) -> None:
        """Send a message, or what a fault makes of it."""
        fault = self.world.faults.find(topic, "event")
        if fault is None:
            self._send(listeners, message)
            self._release(listeners, topic)
            return
        self._bend(fault, listeners, topic, message)

    def _bend(self, fault: Fault, listeners: list[Socket], topic: str, message: dict[str, Any]) -> None:
        if fault.do == "late":
            loop = asyncio.get_running_loop()
            loop.call_later(fault.delay_ms / 1000, self._send, listeners, message)
        elif fault.do == "duplicate":
            self._send(listeners, message)
            self._send(listeners, message)
        elif fault.do == "reorder":
            self._held_back.update({(socket.connection, topic): message for socket in listeners})
            # Nothing may follow that it could come behind: then it comes late.
            loop = asyncio.get_running_loop()
            loop.call_later(max(fault.delay_ms, _HELD_BACK_MS) / 1000, self._release, listeners, topic)
        elif fault.do == "kill_socket":
            for socket in listeners:
                socket.kill()
        elif fault.do == "silent_socket":
            for socket in listeners:
                socket.silent = True

    def _release(self, listeners: Iterable[Socket], topic: str) -> None:
        """Send what was held back, now behind its successor."""
        for socket in listeners:
            held = self._held_back.pop((socket.connection, topic), None)
            if held is not None:
                socket.send(held)

    @staticmethod
    def _send(listeners: Iterable[Socket], message: dict[str, Any]) -> None:
        text = dump(message)
        for socket in listeners:
            socket.send_bytes(text)
