"""One REST request from the socket to the answer: faults, budgets, signature, handler, faults again.

A fault before acceptance keeps the request from the books; one after acceptance lets it act and
spoils only the answer. Either way the client sees the same thing, which is the point of it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

from aiohttp import web

from xsmom.simex.bybit import account, codes, position, public, trade
from xsmom.simex.bybit.asking import Asked, Refusal
from xsmom.simex.bybit.codes import Code
from xsmom.simex.bybit.signing import Key, check_request
from xsmom.simex.bybit.wire import dump, envelope
from xsmom.simex.clock import wall_ms
from xsmom.simex.faults import Fault
from xsmom.simex.limits import Standing
from xsmom.simex.world import World

IP_LIMIT, IP_WINDOW_MS = 600, 5000
_HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
_BODIES = {"http": (_HTML, "text/html"), "html200": (_HTML, "text/html"), "empty": (b"", "application/json")}
#: Whatever is listed of a category without contracts is an empty list; clients ask for all categories.
_LISTS = frozenset(
    (
        *("/v5/market/instruments-info", "/v5/market/tickers", "/v5/market/risk-limit"),
        *("/v5/order/realtime", "/v5/order/history", "/v5/execution/list"),
        *("/v5/position/list", "/v5/position/closed-pnl", "/v5/account/fee-rate", "/v5/account/transaction-log"),
    )
)
_CUT = b'{"retCode":0,"retMsg":"OK","result":{"ord'


class Route(NamedTuple):
    """A signed endpoint: its handler, its budget a second, whether it may change something."""

    handler: Any
    a_second: int
    mutates: bool = False


PRIVATE: dict[tuple[str, str], Route] = {
    **{("POST", path): Route(*row) for path, row in trade.POSTS.items()},
    **{("GET", path): Route(*row) for path, row in trade.GETS.items()},
    **{("POST", path): Route(*row) for path, row in position.POSTS.items()},
    **{("GET", path): Route(*row) for path, row in position.GETS.items()},
    **{("POST", path): Route(*row) for path, row in account.POSTS.items()},
    **{("GET", path): Route(*row) for path, row in account.GETS.items()},
}


class Gateway:
    """The REST face of one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        raw = (await request.read()).decode("utf-8", "replace")
        if self.world.faults.idle:
            answer = self._serve(request, raw)
            await self.world.think()
            return answer
        client_id = _client_id(raw) if request.method == "POST" else request.query.get("orderLinkId", "")
        fault = self.world.faults.find(request.path, "before", client_id, request.query_string)
        if fault is not None and fault.do != "delay":
            return await self._spoil(request, fault)
        if fault is not None:
            await asyncio.sleep(fault.delay_ms / 1000)
        answer = self._serve(request, raw)
        fault = self.world.faults.find(request.path, "after_accept", client_id, request.query_string)
        if fault is None:
            await self.world.think()
            return answer
        return await self._spoil(request, fault, answer)

    def _serve(self, request: web.Request, raw: str) -> web.Response:
        peer = request.remote or ""
        standing = self.world.limits.take(peer, "ip", IP_LIMIT, wall_ms(), window_ms=IP_WINDOW_MS)
        if not standing.allowed:
            return web.json_response({"retCode": 10018, "retMsg": "403, access too frequent"}, status=403)
        elsewhere = request.method == "GET" and request.query.get("category") in public.OTHER_CATEGORIES
        if elsewhere and request.path in _LISTS:
            nothing = {"category": request.query["category"], "list": [], "nextPageCursor": ""}
            return self._run(lambda: nothing, None)
        if request.method == "GET" and request.path in public.ROUTES:
            return self._run(lambda: public.ROUTES[request.path](self.world, Asked(dict(request.query))), None)
        route = PRIVATE.get((request.method, request.path))
        if route is None:
            return _respond(envelope({}, self.world.clock.told_ms(), codes.NO_ROUTE), status=404)
        payload = request.rel_url.raw_query_string if request.method == "GET" else raw
        key, code = check_request(request.headers, payload, self.world.keys, self.world.clock)
        if key is not None and key.ips and peer not in key.ips:
            code = codes.BAD_IP
        if key is None or code is not codes.OK:
            return self._refuse(code)
        return self._serve_signed(request, raw, route, key)

    def _serve_signed(self, request: web.Request, raw: str, route: Route, key: Key) -> web.Response:
        if route.mutates and not key.can_trade:
            return self._refuse(codes.NO_PERMISSION)
        try:
            given = json.loads(raw) if request.method == "POST" and raw else dict(request.query)
        except (RecursionError, ValueError):
            return self._refuse(codes.BAD_PARAMETER)
        if not isinstance(given, dict):
            return self._refuse(codes.BAD_PARAMETER)
        standing, granted = self.world.limits.take_some(
            str(key.uid), request.path, route.a_second, wall_ms(), count_rows(given)
        )
        if not standing.allowed:
            return self._refuse(codes.TOO_MANY_VISITS, standing)
        return self._run(lambda: route.handler(self.world, key, Asked(given, granted)), standing)

    def _run(self, handler: Any, standing: Standing | None) -> web.Response:
        try:
            result = handler()
        except Refusal as refusal:
            return self._refuse(refusal.code, standing, refusal.ext)
        result, ext = result if isinstance(result, tuple) else (result, None)
        return _respond(envelope(result, self.world.clock.told_ms(), ext=ext), standing)

    def _refuse(self, code: Code, standing: Standing | None = None, ext: Any = None) -> web.Response:
        return _respond(envelope({}, self.world.clock.told_ms(), code, ext), standing)

    async def _spoil(
        self, request: web.Request, fault: Fault, answer: web.Response | None = None
    ) -> web.StreamResponse:
        """Give the client something else than the answer."""
        if fault.delay_ms:
            await asyncio.sleep(fault.delay_ms / 1000)
        if fault.do == "drop":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        if fault.do == "ret":
            return self._refuse(Code(fault.code, fault.text))
        if fault.do == "cut" and answer is None and request.method == "POST":
            return web.Response(body=_CUT, content_type="application/json")
        if fault.do in _BODIES:
            body, content_type = _BODIES[fault.do]
            return web.Response(
                status=fault.status if fault.do == "http" else 200, body=body, content_type=content_type
            )
        if answer is None:
            answer = self._serve(request, (await request.read()).decode("utf-8", "replace"))
        if fault.do == "cut":
            body = answer.body if isinstance(answer.body, bytes) else b""
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        if fault.do == "forget_closed":
            self.world.forget_closed()
        return answer


def count_rows(given: dict[str, Any]) -> int:
    """Say how many calls a request stands for: its rows, where it has some."""
    rows = given.get("request")
    return max(1, min(len(rows), trade.BATCH_MAX)) if isinstance(rows, list) else 1


def _client_id(raw: str) -> str:
    try:
        given = json.loads(raw)
    except (RecursionError, ValueError):
        return ""
    found = given.get("orderLinkId", "") if isinstance(given, dict) else ""
    return found if isinstance(found, str) else ""


def _respond(body: dict[str, Any], standing: Standing | None = None, status: int = 200) -> web.Response:
    headers = {}
    if standing is not None:
        headers = {
            "X-Bapi-Limit": str(standing.limit),
            "X-Bapi-Limit-Status": str(standing.left),
            "X-Bapi-Limit-Reset-Timestamp": str(standing.reset_ms),
        }
    headers["Timenow"] = str(body["time"])
    return web.Response(body=dump(body), status=status, headers=headers, content_type="application/json")
