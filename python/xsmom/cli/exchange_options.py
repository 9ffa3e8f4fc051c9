"""Options of the commands that reach an exchange."""

from __future__ import annotations

from typing import Annotated

import typer

ExchangeName = Annotated[str, typer.Option("--exchange", metavar="NAME", help="The exchange: bybit.")]
NetworkName = Annotated[
    str, typer.Option("--network", metavar="NAME", help="main, test (its test network) or demo (paper money).")
]
Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="A server that speaks the exchange's protocol, in its place."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
