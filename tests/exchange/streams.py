"""The private stream of the test server: signs in, confirms topics, answers pings, pushes what a test gives it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

from aiohttp import web

from tests.exchange.account import API_SECRET


class Streams:
    """All connections to the stream. `silent` leaves every message without an answer."""

    def __init__(self, loop):
        self._loop = loop
        self.sockets: list[web.WebSocketResponse] = []
        self.topics: list[str] = []
        self.dialled, self.pings, self.silent = 0, 0, False

    async def serve(self, request, clock_ms):
        """One connection, from its handshake to its end."""
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        self.dialled += 1
        async for message in connection:
            if not self.silent:
                await self._answer(connection, json.loads(message.data), clock_ms())
        return connection

    async def _answer(self, connection, asked, now_ms):
        answer = {"success": True, "ret_msg": "", "op": asked["op"], "conn_id": "1"}
        if asked["op"] == "auth":
            _key, expires, proof = asked["args"]
            want = hmac.new(API_SECRET.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
            if proof != want or int(expires) <= now_ms:
                answer |= {"success": False, "ret_msg": "error sign", "retCode": 10_004}
        if asked["op"] == "ping":
            self.pings += 1
            answer["op"] = "pong"
        await connection.send_str(json.dumps(answer))
        if asked["op"] == "subscribe":
            self.topics = asked["args"]
            self.sockets.append(connection)

    def push(self, *frames):
        """Send frames to everybody who has subscribed."""

        async def send():
            for connection in self.sockets:
                for text in frames:
                    await connection.send_str(text)

        asyncio.run_coroutine_threadsafe(send(), self._loop).result(10)

    def hang_up(self):
        """Close every connection."""

        async def cut():
            for connection in self.sockets:
                await connection.close()
            self.sockets.clear()

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result(10)
