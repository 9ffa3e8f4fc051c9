"""Options of the commands that reach an exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from xsmom.venues.wire import Access

ExchangeName = Annotated[str, typer.Option("--exchange", metavar="NAME", help="The exchange: bybit.")]
NetworkName = Annotated[
    str, typer.Option("--network", metavar="NAME", help="main, test (its test network) or demo (paper money).")
]
Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="A server that speaks the exchange's protocol, in its place."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def access(network: str, server: str | None, **more: Any) -> Access:
    """How the options say that the exchange is reached."""
    from xsmom.errors import ConfigError
    from xsmom.venues.exchange_table import Network
    from xsmom.venues.wire import Access

    try:
        chosen = Network(network)
    except ValueError:
        raise ConfigError(f"network {network!r} is not known: choose main, test or demo") from None
    if server is not None and not server.startswith(("http://", "https://")):
        raise ConfigError(f"server {server!r} is no address: write http://host:port or https://host")
    return Access(network=chosen, base_url=server, **more)
