"""How numbers, bodies and names stand on the wire."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any

from xsmom.simex.bybit.codes import OK, Code

INTERVALS_MS = {
    **{str(minutes): minutes * 60_000 for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": 86_400_000,
    "W": 604_800_000,
}
"""Bar lengths by their names; months are no bars of one length."""


def plain(value: Decimal) -> str:
    """Write a number without an exponent and without needless zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def nearest(value: Decimal, unit: Decimal) -> Decimal:
    """Round to the digits of a unit, halves to even: the client library sets another rounding for the whole process."""
    return value.quantize(unit, ROUND_HALF_EVEN)


def fixed(value: Decimal, step: Decimal) -> str:
    """Write a price or size with the digits of its step."""
    return format(nearest(value or Decimal(0), step), "f")


_write = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@lru_cache(maxsize=4096)
def _digits(step: Decimal) -> tuple[int, int]:
    """Split a step into whole units of its last digit, and the number of digits after the point."""
    digits = max(0, -int(step.as_tuple().exponent))
    return int(step.scaleb(digits)), digits


def counted(count: int, step: Decimal) -> str:
    """Write so many ticks or lots, from 0 up, with the digits of the step: as `fixed` does, many times faster."""
    units, digits = _digits(step)
    text = str(count * units)
    if not digits:
        return text
    text = text.rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}"


def money(value: Decimal) -> str:
    """Write an amount of money with eight digits at most."""
    return plain(nearest(value, Decimal("0.00000001")))


def rate(value: Decimal) -> str:
    """Write a share with eight digits at most."""
    return plain(nearest(value, Decimal("0.00000001")))


def ratio(value: Decimal) -> str:
    """Write an account ratio: four digits."""
    return plain(nearest(value, Decimal("0.0001")))


def envelope(result: Any, at_ms: int, code: Code = OK, ext: Any = None) -> dict[str, Any]:
    """Put an answer into the form that every answer has."""
    return {
        "retCode": code.number,
        "retMsg": code.text,
        "result": result if code is OK else {},
        "retExtInfo": {} if ext is None else ext,
        "time": at_ms,
    }


def dump(body: Any) -> bytes:
    """Encode a body as compact JSON."""
    return _write(body).encode()
