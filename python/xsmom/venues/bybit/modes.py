"""Margin mode, position mode and leverage of an account: read first, set only where they differ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from xsmom.domain.trading import Ack, Answer, ModeReport, Modes, NoChange
from xsmom.errors import VenueError
from xsmom.venues.bybit import rows
from xsmom.venues.limiter import Lane
from xsmom.venues.wire import Wire

_CROSS, _ISOLATED = "REGULAR_MARGIN", "ISOLATED_MARGIN"
_ONE_WAY = 0
_HEDGED = "is in hedge mode, and stays so while it has a position or an order"

Mutate = Callable[[str, dict[str, Any], Lane, str | None], Awaitable[Answer]]


async def ensure_modes(wire: Wire, modes: Modes, quote: str, mutate: Mutate) -> ModeReport:
    """Bring the account to what is asked for; tell of each thing whether it changed, stood so, or failed."""
    changed: list[str] = []
    unchanged: list[str] = []
    failed: list[tuple[str, str]] = []

    async def one(what: str, work: Awaitable[bool | str]) -> None:
        try:
            outcome = await work
        except VenueError as error:
            outcome = str(error)
        if isinstance(outcome, str):
            failed.append((what, outcome))
        else:
            (changed if outcome else unchanged).append(what)

    if not modes.one_way:
        failed.append(("position mode", "hedge mode is not supported"))
    await one("margin mode", _margin_mode(wire, _CROSS if modes.cross_margin else _ISOLATED, mutate))
    await one("position mode", _position_mode(quote, mutate))
    for symbol in modes.symbols:
        await one(f"leverage {symbol}", _leverage(wire, symbol, modes.leverage_x, mutate))
    return ModeReport(tuple(changed), tuple(unchanged), tuple(failed))


async def compare_modes(wire: Wire, modes: Modes) -> ModeReport:
    """What `ensure_modes` would change, read and not touched. What is in hedge mode counts as failed."""
    changed: list[str] = []
    unchanged: list[str] = []
    failed: list[tuple[str, str]] = []
    wanted = _CROSS if modes.cross_margin else _ISOLATED
    (unchanged if await _margin_now(wire) == wanted else changed).append("margin mode")
    for symbol in modes.symbols:
        told = await _leverage_now(wire, symbol)
        if [index for index, _ in told] != [_ONE_WAY]:
            failed.append((f"position mode {symbol}", _HEDGED))
        else:
            (unchanged if told[0][1] == modes.leverage_x else changed).append(f"leverage {symbol}")
    return ModeReport(tuple(changed), tuple(unchanged), tuple(failed))


async def _margin_now(wire: Wire) -> str:
    return await wire.read("account", {}, "the account", lambda answer: str(answer["result"]["marginMode"]), Lane.ENTRY)


async def _leverage_now(wire: Wire, symbol: str) -> list[tuple[int, Decimal]]:
    """A symbol's own row, which is told even when it is flat, has both its mode and its leverage."""

    def parse(answer: dict[str, Any]) -> list[tuple[int, Decimal]]:
        return [(row["positionIdx"], Decimal(row["leverage"])) for row in rows.listed(answer)]

    asked = {"category": "linear", "symbol": symbol}
    return await wire.read("positions", asked, f"leverage of {symbol}", parse, Lane.ENTRY)


async def _margin_mode(wire: Wire, wanted: str, mutate: Mutate) -> bool | str:
    if await _margin_now(wire) == wanted:
        return False
    return _outcome(await mutate("margin_mode", {"setMarginMode": wanted}, Lane.ENTRY, None))


async def _position_mode(quote: str, mutate: Mutate) -> bool | str:
    return _outcome(
        await mutate("position_mode", {"category": "linear", "coin": quote, "mode": _ONE_WAY}, Lane.ENTRY, None)
    )


async def _leverage(wire: Wire, symbol: str, wanted_x: Decimal, mutate: Mutate) -> bool | str:
    told = await _leverage_now(wire, symbol)
    if [index for index, _ in told] != [_ONE_WAY]:
        return _HEDGED
    if told[0][1] == wanted_x:
        return False
    asked, text = {"category": "linear", "symbol": symbol}, f"{wanted_x:f}"
    return _outcome(await mutate("leverage", {**asked, "buyLeverage": text, "sellLeverage": text}, Lane.ENTRY, None))


def _outcome(answer: Answer) -> bool | str:
    if isinstance(answer, Ack):
        return True
    if isinstance(answer, NoChange):
        return False
    return getattr(answer, "text", "") or getattr(answer, "why", "")
