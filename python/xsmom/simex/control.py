"""The hand on the exchange: what tests and a curious user may do to it. Plain HTTP, this machine only."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from xsmom.errors import DataError, XsmomError
from xsmom.simex.bybit.streams import Hub
from xsmom.simex.faults import parse_faults
from xsmom.simex.world import World

Act = Callable[[dict[str, Any]], Awaitable[Any]]


COMMANDS: dict[str, str] = {
    "advance": "to_ms or by_ms: move market time ahead, with all that falls in it",
    "speed": "speed: market time per real time, 0 stands still",
    "price": "symbol, last, mark, index: set prices, which hold until the next moment",
    "faults": "script: a list of faults; clear: forget the old ones; rate, seed: a random profile",
    "kill-sockets": "kind: public, private or trade; all without it",
    "restart": "cut all sockets and forget closed orders",
    "key": "key, and banned, can_trade, can_withdraw, ips, expires_ms as they should be",
    "skew": "ms: what the exchange's clock is wrong by",
    "shock": "symbol, share: move the price to this share of itself for good, candles to come with it",
    "lean": "symbol, share: let its order book lean for good, bids less asks, as a share of both",
    "delist": "symbol, at_ms: announce the last trade of a contract",
    "maintenance": "title, begin_ms, end_ms: announce an interruption, or move the end of one",
    "funding-interval": "symbol, minutes: change the interval of settlements",
    "status": "symbol, trading: open, closing, closed, not_yet",
    "adl": "account, symbol, lots: deleverage a position at the mark",
    "modes": "account, hedge, isolated: put an account into these modes, whatever it holds",
    "transfer": "account, usdt: deposit, or withdraw below 0; as: the exchange's own doing, such as INTEREST",
    "limits": "enforced: whether request budgets are held",
    "lag": "view, ms: how late a view shows what happened",
    "state": "the exchange's own truth: clock, accounts, log hash",
}
"""Every command, what it takes, and what it does."""


class Control:
    """Commands under `/control/`, each a POST of a JSON object; `GET /control` lists them."""

    def __init__(self, world: World, hub: Hub) -> None:
        self.world = world
        self.hub = hub
        self._acts: dict[str, tuple[Act, str]] = {
            name: (getattr(self, "_" + name.replace("-", "_")), text) for name, text in COMMANDS.items()
        }

    def app(self) -> web.Application:
        """Make the application that serves them."""
        app = web.Application()
        app.router.add_get("/control", self._list)
        app.router.add_post("/control/{name}", self._run)
        return app

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({name: text for name, (_, text) in self._acts.items()})

    async def _run(self, request: web.Request) -> web.Response:
        found = self._acts.get(request.match_info["name"])
        if found is None:
            known = ", ".join(self._acts)
            return web.json_response({"error": f"no such command: one of {known}"}, status=404)
        try:
            given = json.loads(await request.read() or b"{}")
            if not isinstance(given, dict):
                raise DataError("the body is no JSON object")
            return web.json_response(await found[0](given))
        except XsmomError as error:
            return web.json_response({"error": str(error)}, status=400)
        except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
            wants = f"{request.match_info['name']} wants {found[1]}"
            return web.json_response({"error": f"{wants}; could not read {error}"}, status=400)

    async def _advance(self, given: dict[str, Any]) -> Any:
        now_ms = self.world.clock.now_ms()
        to_ms = int(given["to_ms"]) if "to_ms" in given else now_ms + int(given["by_ms"])
        await self.world.advance(to_ms)
        return {"now_ms": self.world.clock.now_ms()}

    async def _speed(self, given: dict[str, Any]) -> Any:
        speed = float(given["speed"])
        if not 0 <= speed <= 1e6:
            raise DataError(f"a speed of {speed} is not possible: 0 to 1,000,000")
        self.world.set_speed(speed)
        return {"speed": speed}

    async def _price(self, given: dict[str, Any]) -> Any:
        last = float(given["last"])
        self.world.inject_price(
            str(given["symbol"]), last, float(given.get("mark", last)), float(given.get("index", last))
        )
        return {"symbol": given["symbol"], "last": last}

    async def _shock(self, given: dict[str, Any]) -> Any:
        symbol = str(given["symbol"])
        self.world.shock(symbol, float(given["share"]))
        return {"symbol": symbol, "share": given["share"]}

    async def _lean(self, given: dict[str, Any]) -> Any:
        symbol = str(given["symbol"])
        self.world.lean(symbol, float(given["share"]))
        return {"symbol": symbol, "share": given["share"]}

    async def _delist(self, given: dict[str, Any]) -> Any:
        symbol = str(given["symbol"])
        self.world.delist(symbol, int(given["at_ms"]))
        return {"symbol": symbol, "at_ms": given["at_ms"]}

    async def _maintenance(self, given: dict[str, Any]) -> Any:
        self.world.announce(str(given["title"]), int(given["begin_ms"]), int(given["end_ms"]))
        return {"announced": len(self.world.announced)}

    async def _faults(self, given: dict[str, Any]) -> Any:
        faults = self.world.faults
        script = parse_faults(given.get("script", []))
        if given.get("clear"):
            faults.script.clear()
            faults.done.clear()
        faults.script.extend(script)
        if "rate" in given:
            faults.set_profile(float(given["rate"]), int(given.get("seed", 0)))
        return {"faults": len(faults.script), "done": list(faults.done)[-100:]}

    async def _kill_sockets(self, given: dict[str, Any]) -> Any:
        return {"killed": self.hub.kill_all(str(given.get("kind", "")))}

    async def _restart(self, _given: dict[str, Any]) -> Any:
        self.world.forget_closed()
        return {"killed": self.hub.kill_all()}

    async def _key(self, given: dict[str, Any]) -> Any:
        key = self.world.keys.get(str(given["key"]))
        if key is None:
            raise DataError(f"no key {given['key']!r}")
        for name in ("banned", "can_trade", "can_withdraw"):
            if name in given:
                setattr(key, name, bool(given[name]))
        if "ips" in given:
            key.ips = tuple(str(ip) for ip in given["ips"])
        if "expires_ms" in given:
            key.expires_ms = int(given["expires_ms"])
        return {"key": key.key, "banned": key.banned, "can_trade": key.can_trade, "can_withdraw": key.can_withdraw}

    async def _skew(self, given: dict[str, Any]) -> Any:
        self.world.clock.skew_ms = int(given["ms"])
        return {"skew_ms": self.world.clock.skew_ms}

    async def _funding_interval(self, given: dict[str, Any]) -> Any:
        self.world.set_funding_interval(str(given["symbol"]), int(given["minutes"]) * 60_000)
        return {"symbol": given["symbol"]}

    async def _status(self, given: dict[str, Any]) -> Any:
        self.world.set_trading(str(given["symbol"]), str(given["trading"]))
        return {"symbol": given["symbol"], "trading": given["trading"]}

    async def _adl(self, given: dict[str, Any]) -> Any:
        self.world.deleverage(str(given["account"]), str(given["symbol"]), int(given["lots"]))
        return {"symbol": given["symbol"]}

    async def _modes(self, given: dict[str, Any]) -> Any:
        hedge, isolated = bool(given.get("hedge", False)), bool(given.get("isolated", False))
        self.world.modes.put(self.world.account_number(str(given["account"])), hedge=hedge, isolated=isolated)
        return {"account": given["account"], "hedge": hedge, "isolated": isolated}

    async def _transfer(self, given: dict[str, Any]) -> Any:
        self.world.transfer(str(given["account"]), str(given["usdt"]), str(given.get("as", "")))
        return {"account": given["account"]}

    async def _limits(self, given: dict[str, Any]) -> Any:
        self.world.limits.enforced = bool(given["enforced"])
        return {"enforced": self.world.limits.enforced}

    async def _lag(self, given: dict[str, Any]) -> Any:
        self.world.set_lag(str(given["view"]), int(given["ms"]))
        return {"view": given["view"], "ms": given["ms"]}

    async def _state(self, _given: dict[str, Any]) -> Any:
        return self.world.truth()
