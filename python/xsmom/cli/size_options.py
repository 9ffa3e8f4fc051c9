"""Options that bound the size of a first week: --ramp, --capital, --max-order-usdt; each writes one setting."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

import typer

Ramp = Annotated[
    str | None,
    typer.Option(
        "--ramp",
        metavar="DAYS",
        help="Grow to full size over so many days, such as 5d, or in steps, such as 0:10%,2:25%,5:50%,7:100%. 0: none.",
    ),
]
Capital = Annotated[
    str | None,
    typer.Option("--capital", metavar="USDT", help="Size by no more equity than this. off: by all of it."),
]
MaxOrder = Annotated[
    str | None, typer.Option("--max-order-usdt", metavar="USDT", help="No single order above this. off: no bound.")
]

_OFF = "off"
_AMOUNT_MAX = 1e12
_DAYS_MAX = 3_650.0


def size_overrides(ramp: str | None, capital: str | None, max_order: str | None) -> list[str]:
    """The same as `--set` would write it; the configuration checks what is left to check."""
    found: list[str] = []
    if ramp is not None:
        days, steps = _read_ramp(ramp)
        # Both: what the file says of the other must not stand against it.
        found += [f"live.ramp_days={days:g}", f"live.ramp_steps={steps}"]
    if capital is not None:
        found.append(f"live.capital_usdt={_read_amount(capital, '--capital')}")
    if max_order is not None:
        found.append(f"execution.max_order_usdt={_read_amount(max_order, '--max-order-usdt')}")
    return found


def _read_amount(text: str, option: str) -> str:
    if text.strip().lower() == _OFF:
        return "null"
    amount = _number(text.replace("_", ""))
    if not 0.0 < amount <= _AMOUNT_MAX:
        raise typer.BadParameter(f"{text!r} is no amount: write USDT above 0, such as 2000, or off", param_hint=option)
    return repr(amount)


def _read_ramp(text: str) -> tuple[float, list[list[float]]]:
    """Days of a straight ramp, or the rows of one in steps."""
    if ":" not in text:
        days = _number(text.strip().removesuffix("d"))
        if not 0.0 <= days <= _DAYS_MAX:
            raise _no_ramp(text)
        return days, []
    pairs = [[_number(part) for part in _pair(row, text)] for row in text.split(",")]
    rows = [[day, round(share / 100.0, 10)] for day, share in pairs]
    starts, shares = [row[0] for row in rows], [row[1] for row in rows]
    rises = all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(rows))
    if not rises or starts[0] != 0.0 or not starts[-1] <= _DAYS_MAX or not 0.0 < shares[0] <= shares[-1] <= 1.0:
        raise _no_ramp(text)
    return 0.0, rows


def _pair(row: str, text: str) -> tuple[str, str]:
    day, colon, share = row.strip().partition(":")
    if not colon or not share.endswith("%"):
        raise _no_ramp(text)
    return day.removesuffix("d"), share.removesuffix("%")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _no_ramp(text: str) -> typer.BadParameter:
    return typer.BadParameter(
        f"{text!r} is no ramp: write days, such as 5d, or rising steps from day 0, such as 0:10%,2:25%,5:100%",
        param_hint="--ramp",
    )
