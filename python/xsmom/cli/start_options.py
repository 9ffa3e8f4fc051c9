"""Options of the commands that start a trader, or ask what would happen if one was started."""

from __future__ import annotations

from typing import Annotated

import typer

Lapse = Annotated[
    str, typer.Option(help="How much faster than the wall the exchange's time runs; with exchange.base_url only.")
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over what is open in the account at a first start.")]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="SYMBOL", help="Leave this symbol alone; may be repeated.")
]
AcceptCost = Annotated[
    float | None,
    typer.Option(
        "--accept-annual-cost",
        metavar="FRAC",
        help="Cost a year that you accept, as a share of equity, such as 0.4.",
    ),
]


def read_speed(text: str) -> float:
    """The speed that --lapse means."""
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 1.0 <= speed <= 100_000.0:
        raise typer.BadParameter(f"{text!r} is no speed: write 1 to 100000, such as 60x", param_hint="--lapse")
    return speed
