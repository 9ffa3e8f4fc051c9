"""`/v5/order` and `/v5/execution`: place, change, take back, and the lists of orders and fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xsmom.simex.bybit import codes, rows
from xsmom.simex.bybit.asking import Asked, Refusal, refuse
from xsmom.simex.bybit.codes import Code
from xsmom.simex.bybit.public import PRICE_TICKS_MAX, cut_page, need_linear
from xsmom.simex.bybit.signing import Key

if TYPE_CHECKING:
    from xsmom.domain.market_data import Instrument
    from xsmom.simex.world import World

TIMES_IN_FORCE = {wire: name for name, wire in rows.TIMES_IN_FORCE.items()}
WATCHED = {wire: name for name, wire in rows.WATCHED.items()}
BATCH_MAX = 20
_PAGE_MAX = 50
_FILLS_PAGE_MAX = 100
_WEEK_MS = 7 * 86_400_000
_LOTS_MAX = 10**12

Answer = dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]


def find_symbol(world: World, asked: Asked) -> Instrument:
    """Find the contract of a signed request."""
    need_linear(Asked({"category": asked.text("category")}))
    symbol = asked.text("symbol")
    instrument = world.instruments.get(symbol)
    if instrument is None:
        raise Refusal(Code(codes.BAD_PARAMETER.number, "params error: symbol invalid"))
    return instrument


def to_ticks(instrument: Instrument, asked: Asked, name: str) -> int:
    """Read a price that lies on the tick."""
    price = asked.number(name)
    if price > instrument.price_tick * PRICE_TICKS_MAX:
        raise Refusal(codes.REFUSALS["price"])
    if price % instrument.price_tick:
        raise refuse(f"params error: {name} invalid, tick size {instrument.price_tick}")
    return int(price / instrument.price_tick)


def to_lots(instrument: Instrument, asked: Asked, name: str = "qty") -> int:
    """Read a size that lies on the step."""
    size = asked.number(name)
    if size > instrument.qty_step * _LOTS_MAX:
        raise Refusal(codes.REFUSALS["size"])
    if size % instrument.qty_step:
        raise refuse("Qty invalid")
    return int(size / instrument.qty_step)


def account_of(world: World, key: Key) -> int:
    """Find the account of a key."""
    return world.account_number(key.account)


def demand(world: World, command: dict[str, Any], special: dict[str, Code] | None = None) -> list[dict[str, Any]]:
    """Carry out a command, or refuse with the exchange's code."""
    events = world.command(command)
    for event in events:
        if event["event"] == "refused":
            raise Refusal((special or {}).get(event["refusal"]) or codes.REFUSALS[event["refusal"]])
    return events


def check_index(world: World, account: int, index: int) -> None:
    """A side is named in hedge mode, in which nothing is traded here, and none in one-way mode."""
    if (account in world.modes.hedged) != bool(index):
        raise Refusal(codes.BAD_POSITION_INDEX)
    if index:
        raise Refusal(codes.HEDGE_UNSUPPORTED)


def _watched(asked: Asked, name: str) -> str:
    return WATCHED[asked.choice(name, tuple(WATCHED), "LastPrice")]


def _placing(world: World, key: Key, asked: Asked) -> dict[str, Any]:
    """Translate a new order into the core's words."""
    instrument = find_symbol(world, asked)
    side = {"Buy": 1, "Sell": -1}[asked.choice("side", ("Buy", "Sell"))]
    market = asked.choice("orderType", ("Market", "Limit")) == "Market"
    account = account_of(world, key)
    check_index(world, account, asked.whole("positionIdx", 0, low=0, high=2))
    command: dict[str, Any] = {
        "do": "place",
        "account": account,
        "symbol": world.number[instrument.symbol],
        "client_id": _own_name(asked),
        "lots": side * to_lots(instrument, asked),
        "reduce_only": asked.flag("reduceOnly"),
        "close_on_trigger": asked.flag("closeOnTrigger"),
    }
    if not market:
        command["ticks"] = to_ticks(instrument, asked, "price")
        command["time_in_force"] = TIMES_IN_FORCE[asked.choice("timeInForce", tuple(TIMES_IN_FORCE), "GTC")]
    if asked.has("triggerPrice"):
        direction = asked.whole("triggerDirection", low=1, high=2)
        ticks = to_ticks(instrument, asked, "triggerPrice")
        command["trigger"] = {"ticks": ticks, "by": _watched(asked, "triggerBy"), "rising": direction == 1}
    if asked.choice("tpslMode", ("Full", "Partial"), "Full") == "Partial" and (
        asked.has("stopLoss") or asked.has("takeProfit")
    ):
        raise Refusal(Code(codes.BAD_PARAMETER.number, "partial TP/SL with an order is not simulated"))
    for name, key_name, by in (("stopLoss", "stop_loss", "slTriggerBy"), ("takeProfit", "take_profit", "tpTriggerBy")):
        if asked.has(name) and asked.number(name) > 0:
            command[f"{key_name}_ticks"] = to_ticks(instrument, asked, name)
            command[f"{key_name}_by"] = _watched(asked, by)
    return command


def _own_name(asked: Asked) -> str:
    """Read the client's own name for an order; signs that no name has do not reach the core."""
    name = asked.text("orderLinkId", "")
    if not name.isascii():
        raise Refusal(codes.REFUSALS["bad_id"])
    return name


def create(world: World, key: Key, asked: Asked) -> Answer:
    """`/v5/order/create`: only an acknowledgement; what becomes of the order is told elsewhere."""
    events = demand(world, _placing(world, key, asked))
    order = next(event["order"] for event in events if event["event"] == "order")
    return {"orderId": rows.order_id(order["id"]), "orderLinkId": order["client_id"]}


def _find_order(world: World, account: int, asked: Asked, otherwise: Code) -> dict[str, Any]:
    """Find an open order: its number goes before its name, even where the number is none."""
    instrument = find_symbol(world, asked)
    if asked.has("orderId"):
        meant: dict[str, Any] = {"order": rows.read_order_id(asked.text("orderId"))}
    elif asked.has("orderLinkId"):
        meant = {"client_id": _own_name(asked)}
    else:
        raise refuse("params error: orderId or orderLinkId is required")
    known = any(meant.values()) and world.core.ask({"ask": "order", "account": account, **meant})
    if not known or known["symbol"] != world.number[instrument.symbol] or known["state"] in ("filled", "cancelled"):
        raise Refusal(otherwise)
    found: dict[str, Any] = known
    return found


def _ids(order: dict[str, Any]) -> dict[str, Any]:
    return {"orderId": rows.order_id(order["id"]), "orderLinkId": order["client_id"]}


def amend(world: World, key: Key, asked: Asked) -> Answer:
    """`/v5/order/amend`."""
    instrument, account = find_symbol(world, asked), account_of(world, key)
    known = _find_order(world, account, asked, codes.TOO_LATE_TO_AMEND)
    command: dict[str, Any] = {"do": "amend", "account": account, "order": known["id"]}
    if asked.has("qty"):
        command["lots"] = (-1 if known["lots"] < 0 else 1) * to_lots(instrument, asked)
    if asked.has("price"):
        command["ticks"] = to_ticks(instrument, asked, "price")
    if asked.has("triggerPrice"):
        command["trigger_ticks"] = to_ticks(instrument, asked, "triggerPrice")
    for name in ("takeProfit", "stopLoss"):
        if asked.has(name):
            raise Refusal(Code(codes.BAD_PARAMETER.number, f"{name} of an order cannot be amended here"))
    demand(world, command)
    return _ids(known)


def cancel(world: World, key: Key, asked: Asked) -> Answer:
    """`/v5/order/cancel`."""
    account = account_of(world, key)
    known = _find_order(world, account, asked, codes.TOO_LATE_TO_CANCEL)
    demand(world, {"do": "cancel", "account": account, "order": known["id"]})
    return _ids(known)


def _contracts(world: World, asked: Asked) -> list[int] | None:
    """Find the contracts that a symbol or a coin means; none where all are meant."""
    if asked.has("symbol"):
        return [world.number[find_symbol(world, asked).symbol]]
    chosen = list(world.instruments.values())
    if asked.has("settleCoin"):
        chosen = [each for each in chosen if each.quote == asked.text("settleCoin")]
    if asked.has("baseCoin"):
        chosen = [each for each in chosen if each.base == asked.text("baseCoin")]
    return None if len(chosen) == len(world.symbols) else [world.number[each.symbol] for each in chosen]


def _need_scope(asked: Asked) -> None:
    if not any(asked.has(name) for name in ("symbol", "baseCoin", "settleCoin")):
        raise refuse("params error: symbol or settleCoin or baseCoin is required")


def cancel_all(world: World, key: Key, asked: Asked) -> Answer:
    """`/v5/order/cancel-all`: without a filter stops and conditional orders go too."""
    need_linear(Asked({"category": asked.text("category")}))
    _need_scope(asked)
    account = account_of(world, key)
    wanted = asked.choice("orderFilter", ("Order", "OpenOrder", "StopOrder", ""), "")
    filters = {
        "Order": ["active"],
        "OpenOrder": ["active"],
        "StopOrder": ["conditional", "position_stops"],
        "": ["all"],
    }
    chosen = filters[wanted]
    if wanted == "StopOrder" and asked.choice("stopOrderType", ("Stop", ""), "") == "Stop":
        chosen = ["conditional"]
    told = []
    contracts = _contracts(world, asked)
    for kind in chosen:
        for symbol in [None] if contracts is None else contracts:
            command = {"do": "cancel_all", "account": account, "filter": kind, "symbol": symbol}
            told += [_ids(e["order"]) for e in demand(world, command) if e.get("news") == "cancelled"]
    return {"list": told, "success": "1"}


def _batch(one: Any) -> Any:
    """Make the batch form of an endpoint: each row is carried out and answered by itself."""

    def run(world: World, key: Key, asked: Asked) -> Answer:
        need_linear(Asked({"category": asked.text("category")}))
        given = asked.given.get("request")
        if not isinstance(given, list) or not 1 <= len(given) <= BATCH_MAX:
            raise refuse(f"params error: request wants 1 to {BATCH_MAX} rows")
        done, told = [], []
        granted = len(given) if asked.granted is None else asked.granted
        for number, row in enumerate(given):
            row = row if isinstance(row, dict) else {}  # noqa: PLW2901  a row of another kind is an empty one
            about = {"category": "linear", "symbol": str(row.get("symbol", ""))}
            try:
                ids = one(world, key, Asked({**row, "category": "linear"})) if number < granted else None
                code = codes.OK if ids else codes.TOO_MANY_VISITS
            except Refusal as refusal:
                ids, code = None, refusal.code
            ids = ids or {"orderId": "", "orderLinkId": str(row.get("orderLinkId", ""))}
            created = {"createAt": str(world.clock.told_ms()) if ids["orderId"] else ""} if one is create else {}
            done.append({**about, **ids, **created})
            told.append({"code": code.number, "msg": code.text})
        return {"list": done}, {"list": told}

    run.__doc__ = (
        f"Up to {BATCH_MAX} rows, each as `{one.__name__}` does it; the answer says of each what became of it."
    )
    return run


def _wanted(world: World, asked: Asked) -> Any:
    """Make the test that a list of orders applies to each."""
    need_linear(Asked({"category": asked.text("category")}))
    contracts = _contracts(world, asked)
    filters = asked.choice("orderFilter", ("Order", "StopOrder", ""), "")

    def test(order: dict[str, Any]) -> bool:
        if contracts is not None and order["symbol"] not in contracts:
            return False
        waits = order["trigger"] is not None and not order["woken_ms"]
        return not filters or (filters == "StopOrder") == waits

    return test


def list_open(world: World, key: Key, asked: Asked) -> Answer:
    """`/v5/order/realtime`: open orders, or one by its identity, closed ones of late included."""
    wanted, views = _wanted(world, asked), world.views[account_of(world, key)]
    identified = asked.has("orderId") or asked.has("orderLinkId")
    if not identified:
        _need_scope(asked)
    limit = asked.whole("limit", 20, low=1, high=_PAGE_MAX)
    if identified:
        found = views.find(_matcher(asked))
        chosen = [found] if found is not None and wanted(found) else []
    elif asked.whole("openOnly", 0, low=0, high=2) == 1:
        chosen = [order for order in views.newest_closed() if wanted(order)]
    else:
        chosen = [order for order in views.orders() if wanted(order)]
    page, cursor = cut_page(chosen, asked, limit)
    return {"list": [_rest(world, order) for order in page], "nextPageCursor": cursor, "category": "linear"}


def _matcher(asked: Asked) -> Any:
    if asked.has("orderId"):
        number = rows.read_order_id(asked.text("orderId"))
        return lambda order: order["id"] == number
    name = asked.text("orderLinkId")
    return lambda order: order["client_id"] == name


def _rest(world: World, order: dict[str, Any]) -> dict[str, Any]:
    row = rows.order_row(world, order)
    del row["category"]
    return row


def list_history(world: World, key: Key, asked: Asked) -> Answer:
    """`/v5/order/history`: closed orders; those that never filled are forgotten after a day."""
    wanted, views = _wanted(world, asked), world.views[account_of(world, key)]
    limit = asked.whole("limit", 20, low=1, high=_PAGE_MAX)
    start_ms, end_ms = _window(world, asked)
    status = asked.text("orderStatus", "")
    chosen = []
    for order in sorted(views.history.values(), key=lambda order: (-order["updated_ms"], -order["id"])):
        unfilled = not order["filled_lots"]
        old = world.clock.now_ms() - order["updated_ms"] > _WEEK_MS // 7
        if (unfilled and old) or not start_ms <= order["created_ms"] <= end_ms or not wanted(order):
            continue
        if (asked.has("orderId") or asked.has("orderLinkId")) and not _matcher(asked)(order):
            continue
        if not status or rows.STATES[order["state"]] == status:
            chosen.append(order)
    page, cursor = cut_page(chosen, asked, limit)
    return {"list": [_rest(world, order) for order in page], "nextPageCursor": cursor, "category": "linear"}


def _window(world: World, asked: Asked) -> tuple[int, int]:
    """Read a span of at most a week; the last week without one."""
    now_ms = world.clock.now_ms() + 1
    start_ms, end_ms = asked.whole("startTime", -1, low=-1), asked.whole("endTime", -1, low=-1)
    if start_ms < 0 and end_ms < 0:
        return now_ms - _WEEK_MS, now_ms
    if start_ms < 0:
        return end_ms - _WEEK_MS, end_ms
    if end_ms < 0:
        return start_ms, start_ms + _WEEK_MS
    if not 0 <= end_ms - start_ms <= _WEEK_MS:
        raise refuse("The time range between startTime and endTime is greater than 7 days")
    return start_ms, end_ms


def list_fills(world: World, key: Key, asked: Asked) -> Answer:
    """`/v5/execution/list`: trades, funding and liquidations, the newest first."""
    need_linear(Asked({"category": asked.text("category")}))
    symbol = world.number[find_symbol(world, asked).symbol] if asked.has("symbol") else None
    limit = asked.whole("limit", 50, low=1, high=_FILLS_PAGE_MAX)
    start_ms, end_ms = _window(world, asked)
    kind = asked.text("execType", "")
    number = rows.read_order_id(asked.text("orderId")) if asked.has("orderId") else None
    name = asked.text("orderLinkId", "")

    def meant(execution: dict[str, Any]) -> bool:
        return (
            start_ms <= execution["at_ms"] <= end_ms
            and symbol in (None, execution["symbol"])
            and number in (None, execution["order"])
            and name in ("", execution["client_id"])
            and kind in ("", rows.EXECUTED[execution["kind"]])
        )

    chosen = list(filter(meant, reversed(world.views[account_of(world, key)].executions)))
    page, cursor = cut_page(chosen, asked, limit)
    told = [rows.execution_row(world, execution) for execution in page]
    for row in told:
        del row["category"]
    return {"list": told, "nextPageCursor": cursor, "category": "linear"}


POSTS = {
    "/v5/order/create": (create, 10, True),
    "/v5/order/amend": (amend, 10, True),
    "/v5/order/cancel": (cancel, 10, True),
    "/v5/order/cancel-all": (cancel_all, 10, True),
    "/v5/order/create-batch": (_batch(create), 10, True),
    "/v5/order/amend-batch": (_batch(amend), 10, True),
    "/v5/order/cancel-batch": (_batch(cancel), 10, True),
}
"""Handler, budget a second, whether it needs the right to trade."""

GETS = {
    "/v5/order/realtime": (list_open, 50),
    "/v5/order/history": (list_history, 50),
    "/v5/execution/list": (list_fills, 50),
}
"""Handler and budget a second."""
