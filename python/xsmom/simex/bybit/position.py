"""`/v5/position`: what is held, its stops, leverage and modes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from xsmom.domain.exchange_core import to_e8
from xsmom.simex.bybit import codes, rows
from xsmom.simex.bybit.asking import Asked, Refusal, refuse
from xsmom.simex.bybit.codes import Code
from xsmom.simex.bybit.public import cut_page, need_linear
from xsmom.simex.bybit.signing import Key
from xsmom.simex.bybit.trade import WATCHED, account_of, check_index, demand, find_symbol, to_lots, to_ticks
from xsmom.simex.bybit.wire import money, nearest, plain

if TYPE_CHECKING:
    from xsmom.simex.world import World


_ONE_WAY, _HEDGE = 0, 3
_FLAT = {"lots": 0, "cost_e8": 0, "seq": 0, "stop_loss_ticks": 0, "take_profit_ticks": 0, "realised_e8": 0}


def list_positions(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/position/list`: one contract, held or not, or everything that is held in a coin."""
    need_linear(Asked({"category": asked.text("category")}))
    account = account_of(world, key)
    limit = asked.whole("limit", 20, low=1, high=200)
    if asked.has("symbol"):
        found = _sides(world, account, _seen(world, account, world.number[find_symbol(world, asked).symbol]))
    elif asked.has("settleCoin"):
        coin = asked.text("settleCoin")
        names = (n for n, symbol in enumerate(world.symbols) if world.instruments[symbol].quote == coin)
        shown = world.views[account].positions
        held = (row for row in (_seen(world, account, n) for n in names if n in shown) if row["lots"])
        found = [(world.modes.index(account, row["lots"]), row) for row in held]
    else:
        raise refuse("params error: symbol or settleCoin is required")
    page, cursor = cut_page(found, asked, limit)
    told = [rows.position_row(world, row) | {"positionIdx": index} for index, row in page]
    return {"list": told, "nextPageCursor": cursor, "category": "linear"}


def _sides(world: World, account: int, row: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """A contract's rows with their `positionIdx`: one, or in hedge mode one a side, of which the other is flat."""
    if account not in world.modes.hedged:
        return [(0, row)]
    return [(1, row if row["lots"] > 0 else row | _FLAT), (2, row if row["lots"] < 0 else row | _FLAT)]


def _seen(world: World, account: int, symbol: int) -> dict[str, Any]:
    """Give a position as it is shown now: as it is, once its newest change is due, else as it was."""
    now: dict[str, Any] = world.core.ask({"ask": "position", "account": account, "symbol": symbol})
    shown = world.views[account].positions.get(symbol)
    if shown is None:
        return now if not now["seq"] else now | _FLAT
    same = ("seq", "lots", "stop_loss_ticks", "take_profit_ticks", "leverage_e8")
    return now if all(now[name] == shown[name] for name in same) else shown


def set_leverage(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/position/set-leverage`: both sides alike, as the account is in one-way mode."""
    instrument = find_symbol(world, asked)
    wanted = asked.number("buyLeverage")
    if wanted != asked.number("sellLeverage"):
        raise Refusal(Code(codes.BAD_PARAMETER.number, "params error: buy leverage must be equal to sell leverage"))
    command = {"do": "set_leverage", "account": account_of(world, key), "symbol": world.number[instrument.symbol]}
    special = {"no_change": codes.LEVERAGE_SAME, "margin": codes.REFUSALS["funds"]}
    demand(world, {**command, "leverage_e8": to_e8(wanted)}, special)
    return {}


def set_stops(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/position/trading-stop`: both legs for the whole position, or a pair for a part."""
    instrument = find_symbol(world, asked)
    check_index(world, account_of(world, key), asked.whole("positionIdx", low=0, high=2))
    mode = asked.choice("tpslMode", ("Full", "Partial"), "Full")
    if asked.has("trailingStop") and asked.number("trailingStop") > 0:
        raise Refusal(Code(codes.BAD_PARAMETER.number, "trailing stops are not simulated"))
    command: dict[str, Any] = {
        "do": "set_stops",
        "account": account_of(world, key),
        "symbol": world.number[instrument.symbol],
    }
    legs = (
        ("stopLoss", "stop_loss", "slTriggerBy", "slLimitPrice", "slOrderType"),
        ("takeProfit", "take_profit", "tpTriggerBy", "tpLimitPrice", "tpOrderType"),
    )
    for name, leg, by, limit, kind in legs:
        if not asked.has(name):
            continue
        command[f"{leg}_ticks"] = to_ticks(instrument, asked, name)
        command[f"{leg}_by"] = WATCHED[asked.choice(by, tuple(WATCHED), "LastPrice")]
        if asked.choice(kind, ("Market", "Limit"), "Market") == "Limit":
            if mode == "Full":
                raise Refusal(Code(codes.BAD_PARAMETER.number, "full TP/SL takes market orders only"))
            command[f"{leg}_limit_ticks"] = to_ticks(instrument, asked, limit)
    if mode == "Partial":
        size = "slSize" if asked.has("slSize") else "tpSize"
        command["part_lots"] = to_lots(instrument, asked, size)
    demand(world, command, {"no_change": codes.STOPS_SAME})
    return {}


def switch_mode(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/position/switch-mode`: 0 is one-way, 3 is hedge mode; only while nothing is held and nothing waits."""
    need_linear(Asked({"category": asked.text("category")}))
    account, mode = account_of(world, key), asked.whole("mode", low=0, high=3)
    if mode not in (_ONE_WAY, _HEDGE):
        raise refuse("params error: mode is 0 or 3")
    if (mode == _HEDGE) == (account in world.modes.hedged):
        raise Refusal(codes.POSITION_MODE_SAME)
    if world.core.ask({"ask": "positions", "account": account}):
        raise Refusal(codes.HEDGE_WITH_POSITION)
    if world.core.ask({"ask": "open_orders", "account": account}):
        raise Refusal(codes.HEDGE_WITH_ORDERS)
    world.modes.put(account, hedge=mode == _HEDGE, isolated=account in world.modes.isolated)
    return {}


def list_closed(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """`/v5/position/closed-pnl`: results of what was closed, the newest first."""
    need_linear(Asked({"category": asked.text("category")}))
    symbol = world.number[find_symbol(world, asked).symbol] if asked.has("symbol") else None
    limit = asked.whole("limit", 50, low=1, high=100)
    told = []
    for execution in reversed(world.views[account_of(world, key)].executions):
        if not execution["closed_lots"] or (symbol is not None and execution["symbol"] != symbol):
            continue
        told.append(_closed_row(world, execution))
    page, cursor = cut_page(told, asked, limit)
    return {"list": page, "nextPageCursor": cursor, "category": "linear"}


def _closed_row(world: World, execution: dict[str, Any]) -> dict[str, Any]:
    row = rows.execution_row(world, execution)
    name = world.symbols[execution["symbol"]]
    size = world.size_of(name, execution["closed_lots"])
    exit_value = Decimal(row["execPrice"]) * size
    side = 1 if execution["lots"] < 0 else -1  # of the position that was closed
    entry_value = exit_value - side * Decimal(row["execPnl"])
    tick = world.instruments[name].price_tick
    return {
        "symbol": name,
        "orderId": row["orderId"],
        "side": row["side"],
        "qty": row["orderQty"],
        "orderPrice": row["orderPrice"],
        "orderType": row["orderType"],
        "execType": row["execType"],
        "closedSize": row["closedSize"],
        "cumEntryValue": money(entry_value),
        "avgEntryPrice": plain(nearest(entry_value / size, tick * Decimal("0.0001"))),
        "cumExitValue": money(exit_value),
        "avgExitPrice": row["execPrice"],
        "closedPnl": money(Decimal(row["execPnl"]) - Decimal(row["execFee"])),
        "fillCount": "1",
        "leverage": "",
        "createdTime": row["execTime"],
        "updatedTime": row["execTime"],
    }


POSTS = {
    "/v5/position/set-leverage": (set_leverage, 10, True),
    "/v5/position/trading-stop": (set_stops, 10, True),
    "/v5/position/switch-mode": (switch_mode, 10, True),
}
"""Handler, budget a second, whether it needs the right to trade."""

GETS = {
    "/v5/position/list": (list_positions, 50),
    "/v5/position/closed-pnl": (list_closed, 50),
}
"""Handler and budget a second."""
