"""The exchange as a running server: TLS for the wire protocol, a plain port for control, and its market."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from aiohttp import web

from xsmom.simex.bybit.gateway import Gateway
from xsmom.simex.bybit.streams import Hub
from xsmom.simex.certificate import make_certificate, server_context
from xsmom.simex.control import Control
from xsmom.simex.world import World

HOSTS = (
    "localhost",
    "api.bybit.com",
    "api.bytick.com",
    "api-testnet.bybit.com",
    "api-demo.bybit.com",
    "stream.bybit.com",
    "stream-testnet.bybit.com",
    "stream-demo.bybit.com",
)
LOOPBACK = "127.0.0.1"


@dataclass
class Addresses:
    """Where the exchange listens, once it does."""

    port: int
    control_port: int
    certificate: bytes


class Server:
    """Serves one world until it is stopped; only on this machine's own address."""

    def __init__(self, world: World, *, port: int = 0, control_port: int = 0) -> None:
        self.world = world
        self.hub = Hub(world)
        self._gateway = Gateway(world)
        self._ports = (port, control_port)
        self._runners: list[web.AppRunner] = []
        self._walk: asyncio.Task[None] | None = None

    async def start(self) -> Addresses:
        """Open both ports and let the market run."""
        certificate, key = make_certificate(HOSTS)
        port = await self._open(self._wire_app(), self._ports[0], server_context(certificate, key))
        control_port = await self._open(Control(self.world, self.hub).app(), self._ports[1], None)
        self._walk = asyncio.create_task(self.world.run())
        return Addresses(port, control_port, certificate)

    async def stop(self) -> None:
        """Close every socket and both ports."""
        if self._walk is not None:
            self._walk.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._walk
        self.hub.kill_all()
        for runner in self._runners:
            await runner.cleanup()

    def failure(self) -> BaseException | None:
        """Say why the market stopped, if it did by a fault of ours."""
        if self._walk is None or not self._walk.done() or self._walk.cancelled():
            return None
        return self._walk.exception()

    def _wire_app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 20)
        for path in ("/v5/public/linear", "/v5/private", "/v5/trade"):
            app.router.add_get(path, self.hub.serve)
        app.router.add_route("*", "/{path:.*}", self._gateway.answer)
        return app

    async def _open(self, app: web.Application, port: int, context: object) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, LOOPBACK, port, ssl_context=context)  # type: ignore[arg-type]
        await site.start()
        server = site._server  # noqa: SLF001  aiohttp tells the chosen port nowhere else
        assert isinstance(server, asyncio.Server)
        return int(server.sockets[0].getsockname()[1])
