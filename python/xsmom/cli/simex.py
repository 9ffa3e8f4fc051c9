"""`xsmom simex`: an exchange on this machine, for the unmodified client library of any bot."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xsmom.errors import DataError, OutputError

if TYPE_CHECKING:
    from xsmom.simex.server import Addresses
    from xsmom.simex.world import World

app = typer.Typer(invoke_without_command=True)

_HISTORY_SHARE = 0.5
_UID = 100_001


@app.callback()
def simex(
    exchange: Annotated[Literal["bybit"], typer.Option(help="The protocol to speak.")] = "bybit",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the exchange; 0: any free one.")] = 0,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the control commands; 0: any.")] = 0,
    panel: Annotated[
        Path | None, typer.Option("--panel", metavar="PATH", help="The market; without it a sample.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Market time to begin at.  [default: half way]")
    ] = None,
    speed: Annotated[str, typer.Option(help="Market time per real time, such as 1 or 3600x.")] = "1",
    step: Annotated[bool, typer.Option("--step", help="Stand still; go on by control commands only.")] = False,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON list of faults to meet.")] = None,
    fault_rate: Annotated[float, typer.Option(help="Share of requests and events met by a random fault.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the random faults.")] = 0,
    wallet_usdt: Annotated[float, typer.Option(help="Money in the account.")] = 10_000.0,
    key: Annotated[str | None, typer.Option(help="API key.  [default: made anew]")] = None,
    secret: Annotated[str | None, typer.Option(help="Its secret.  [default: made anew]")] = None,
    cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the certificate here, as PEM.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print addresses and key as one JSON document.")] = False,
) -> None:
    """Run a made-up exchange on this machine until it is interrupted.

    It listens on 127.0.0.1 alone, with TLS, and answers as Bybit V5 does for linear contracts: public
    and signed REST, public and private streams, order entry. Nothing of it reaches a real exchange.

    \b
    Examples:
      xsmom simex
      xsmom simex --panel market.panel --from 2024-03-01 --speed 3600x
      xsmom simex --step --port 8443 --key k --secret s --cert simex.pem
      curl -X POST http://127.0.0.1:CONTROL_PORT/control/advance -d '{"by_ms": 3600000}'
    """
    import asyncio

    pair = (key or secrets.token_hex(9), secret or secrets.token_hex(18))
    world = _make_world(panel, since, 0.0 if step else _read_speed(speed), wallet_usdt, pair)
    if faults is not None:
        from xsmom.simex.faults import read_faults

        world.faults.script.extend(read_faults(faults))
    world.faults.set_profile(fault_rate, seed)
    tell = partial(_tell, world, exchange, cert, pair, as_json=as_json)
    asyncio.run(_serve(world, (port, control_port), tell))


def _read_speed(text: str) -> float:
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = -1.0
    if not 0 < speed <= 1e6:
        raise typer.BadParameter(f"{text!r} is no speed: write 1, 60x or 3600x", param_hint="--speed")
    return speed


def _make_world(path: Path | None, since: str | None, speed: float, wallet_usdt: float, pair: tuple[str, str]) -> World:
    from decimal import Decimal

    from xsmom.cli.market import day_ms
    from xsmom.domain.stamps import format_ms
    from xsmom.lake.panel import Panel
    from xsmom.simex.bybit.signing import Key
    from xsmom.simex.world import World

    if not 0 <= wallet_usdt <= 1e10:
        raise DataError(f"a wallet of {wallet_usdt} USDT is not possible: 0 to 10,000,000,000")
    panel = Panel.open(path) if path is not None else _make_sample()
    first_ms, last_ms = int(panel.close_ms[0]), int(panel.close_ms[-1])
    start_ms = first_ms + int((last_ms - first_ms) * _HISTORY_SHARE) if since is None else day_ms("--from", since)
    if not first_ms - panel.bar_ms <= start_ms < last_ms:
        span = f"{format_ms(first_ms)} to {format_ms(last_ms)}"
        raise DataError(f"the market does not run on from {since or 'its middle'}: its bars close from {span}")
    world = World(panel, start_ms=start_ms // panel.bar_ms * panel.bar_ms, speed=speed)
    key = Key(pair[0], pair[1], "main", _UID)
    world.open_account("main", Decimal(str(wallet_usdt)), key)
    return world


def _make_sample() -> Any:
    import tempfile

    from xsmom.cli.progress import ProgressBar
    from xsmom.lake.panel import Panel
    from xsmom.lake.sample import SampleMarket

    with tempfile.TemporaryDirectory(prefix="xsmom-simex-") as folder:
        path = Path(folder) / "sample.panel"
        with ProgressBar("making a sample market") as tell:
            SampleMarket(30, 24 * 120, 3_600_000, 7, 1.0, drama=False).write(path, tell)
        return Panel.open(path)  # it stays mapped when its name is gone


async def _serve(world: World, ports: tuple[int, int], tell: Callable[[Addresses], None]) -> None:
    import asyncio
    import signal

    from xsmom.simex.server import Server

    server = Server(world, port=ports[0], control_port=ports[1])
    try:
        addresses = await server.start()
    except OSError as error:
        raise OutputError(f"port {ports[0] or ports[1]} cannot be opened: {error.strerror}; choose another") from error
    tell(addresses)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set() and server.failure() is None:
        await asyncio.wait({asyncio.ensure_future(stop.wait())}, timeout=1.0)
    failure = server.failure()
    await server.stop()
    if failure is not None:
        raise failure


def _tell(
    world: World, exchange: str, cert: Path | None, pair: tuple[str, str], addresses: Addresses, *, as_json: bool
) -> None:
    from xsmom.cli.output import print_json
    from xsmom.domain.stamps import format_ms

    if cert is not None:
        try:
            cert.write_bytes(addresses.certificate)
        except OSError as error:
            raise OutputError(f"{cert} cannot be written: {error.strerror}") from error
    document = {
        "exchange": exchange,
        "port": addresses.port,
        "control": f"http://127.0.0.1:{addresses.control_port}/control",
        "key": pair[0],
        "secret": pair[1],
        "certificate": None if cert is None else str(cert),
        "symbols": list(world.symbols),
        "now_ms": world.clock.now_ms(),
        "speed": world.clock.speed,
    }
    if as_json:
        print_json(document)
        return
    speed = f"{world.clock.speed:g} times real time" if world.clock.speed else "standing still"
    print(f"simulated {exchange}, linear contracts: {len(world.symbols)}, {', '.join(world.symbols[:6])} ...")
    print(f"market time  {format_ms(world.clock.now_ms())}, {speed}")
    print(f"exchange     https://127.0.0.1:{addresses.port} and wss://127.0.0.1:{addresses.port} (self-signed)")
    print(f"control      {document['control']}")
    print(f"key, secret  {pair[0]} {pair[1]}")
    print("The manual's page on it shows how to point an unmodified client here. Ctrl-C ends it.", flush=True)
