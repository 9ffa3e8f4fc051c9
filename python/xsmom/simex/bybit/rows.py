"""Orders, executions, positions and wallets as they stand on the wire."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from xsmom.domain.exchange_core import from_e8
from xsmom.simex.bybit.wire import counted, fixed, money, nearest, plain, ratio

if TYPE_CHECKING:
    from xsmom.simex.world import World

Row = dict[str, Any]

STATES = {
    "untriggered": "Untriggered",
    "working": "New",
    "partial": "PartiallyFilled",
    "filled": "Filled",
    "cancelled": "Cancelled",
}
TIMES_IN_FORCE = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "PostOnly"}
WATCHED = {"last": "LastPrice", "mark": "MarkPrice", "index": "IndexPrice"}
STOP_KINDS = {
    "none": "",
    "conditional": "Stop",
    "stop_loss": "StopLoss",
    "take_profit": "TakeProfit",
    "partial_stop_loss": "PartialStopLoss",
    "partial_take_profit": "PartialTakeProfit",
}
_CREATED = {
    "none": "CreateByUser",
    "conditional": "CreateByStopOrder",
    "stop_loss": "CreateByStopLoss",
    "take_profit": "CreateByTakeProfit",
    "partial_stop_loss": "CreateByPartialStopLoss",
    "partial_take_profit": "CreateByPartialTakeProfit",
}
_CREATED_BY = {
    "liquidation": "CreateByLiq",
    "takeover": "CreateByTakeOver_PassThrough",
    "deleveraging": "CreateByAdl_PassThrough",
    "delivery": "CreateBySettle",
}
_CANCEL_TYPES = {
    "user": "CancelByUser",
    "reduce_only": "CancelByReduceOnly",
    "position_stops": "CancelByTpSlTsClear",
    "liquidation": "CancelAllBeforeLiq",
    "delisted": "CancelBySettle",
}
_REJECT_REASONS = {
    "post_only": "EC_PostOnlyWillTakeLiquidity",
    "immediate": "EC_NoImmediateQtyToFill",
    "not_whole": "EC_CancelForNoFullFill",
    "user": "EC_PerCancelRequest",
    "margin": "EC_Others",
}
EXECUTED = {
    "trade": "Trade",
    "funding": "Funding",
    "takeover": "BustTrade",
    "deleveraging": "AdlTrade",
    "delivery": "Delivery",
}


def order_id(number: int) -> str:
    """Write the number of an order as the identity that clients see."""
    return f"{number & 0xFFFFFFFF:08x}-5e0d-4000-8000-{number:012x}" if number else ""


def read_order_id(text: str) -> int:
    """Read it back; 0 for anything that never was one."""
    try:
        number = int(text.rsplit("-", 1)[-1], 16)
    except ValueError:
        return 0
    return number if 0 < number < 2**48 and order_id(number) == text else 0


def execution_id(number: int) -> str:
    """Write the number of an execution as the identity that clients see."""
    return f"{number & 0xFFFFFFFF:08x}-e8ec-5000-8000-{number:012x}"


def side(lots: int) -> str:
    """Say which side signed lots are on; neither for none."""
    return "Buy" if lots > 0 else "Sell" if lots < 0 else ""


def stamp(at_ms: int) -> str:
    """Write a time as ISO 8601 with a Z."""
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _price(tick: Decimal, ticks: int) -> str:
    return counted(ticks, tick) if ticks else ""


def _size(step: Decimal, lots: int) -> str:
    return counted(abs(lots), step)


def _created_by(row: Row) -> str:
    return _CREATED_BY.get(row["created_by"]) or _CREATED[row["stop_kind"]]


def _status(order: Row) -> str:
    if order["state"] == "cancelled" and order["trigger"] is not None and not order["woken_ms"]:
        return "Deactivated"
    return STATES[order["state"]]


def order_row(world: World, order: Row) -> Row:
    """Show an order."""
    symbol = world.symbols[order["symbol"]]
    instrument = world.instruments[symbol]
    tick, step = instrument.price_tick, instrument.qty_step
    price, size = partial(_price, tick), partial(_size, step)
    rest = order["lots"] - order["filled_lots"] if order["state"] != "cancelled" else 0
    filled, value = abs(order["filled_lots"]), from_e8(order["value_e8"])
    average = plain(nearest(value / (filled * step), tick * Decimal("0.0001"))) if filled else ""
    return {
        "category": "linear",
        "symbol": symbol,
        "orderId": order_id(order["id"]),
        "orderLinkId": order["client_id"],
        "parentOrderLinkId": "",
        "blockTradeId": "",
        "side": side(order["lots"]),
        "positionIdx": 0,
        "orderStatus": _status(order),
        "cancelType": _CANCEL_TYPES.get(order["why"], "UNKNOWN"),
        "rejectReason": _REJECT_REASONS.get(order["why"], "EC_NoError"),
        "timeInForce": TIMES_IN_FORCE[order["time_in_force"]],
        "isLeverage": "",
        "price": price(order["ticks"]) or "0",
        "qty": size(order["lots"]),
        "avgPrice": average,
        "leavesQty": size(rest),
        "leavesValue": money(abs(rest) * step * order["ticks"] * tick),
        "cumExecQty": size(filled),
        "cumExecValue": money(value),
        "cumExecFee": money(from_e8(order["fee_e8"])),
        "cumFeeDetail": {"USDT": money(from_e8(order["fee_e8"]))} if filled else {},
        "orderType": "Market" if order["market"] else "Limit",
        "stopOrderType": STOP_KINDS[order["stop_kind"]],
        "orderIv": "",
        "marketUnit": "",
        "ocoTriggerBy": "",
        "basePrice": "",
        "slippageToleranceType": "UNKNOWN",
        "slippageTolerance": "",
        **_waiting(order, price),
        "lastPriceOnCreated": price(order["last_ticks"]),
        "reduceOnly": order["reduce_only"],
        "closeOnTrigger": order["close_on_trigger"],
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "createType": _created_by(order),
        "createdTime": str(order["created_ms"]),
        "updatedTime": str(order["updated_ms"]),
    }


def _waiting(order: Row, price: Callable[[int], str]) -> Row:
    """Show what an order waits for, and the stops that it brings along."""
    trigger = order["trigger"] or {"ticks": 0, "by": "", "rising": None}
    attached = order["stop_loss_ticks"], order["take_profit_ticks"]
    return {
        "triggerPrice": price(trigger["ticks"]),
        "takeProfit": price(attached[1]),
        "stopLoss": price(attached[0]),
        "tpslMode": _mode(order),
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "tpTriggerBy": WATCHED[order["take_profit_by"]] if attached[1] else "",
        "slTriggerBy": WATCHED[order["stop_loss_by"]] if attached[0] else "",
        "triggerDirection": {True: 1, False: 2, None: 0}[trigger["rising"]],
        "triggerBy": WATCHED.get(trigger["by"], ""),
    }


def order_event(world: World, order: Row) -> Row:
    """Show an order as the stream does: with the result of what it closed."""
    closed = money(from_e8(world.closed_results_e8.get(order["id"], 0)))
    more = {"closedPnl": closed, "feeCurrency": "", "brokerOrderPrice": ""}
    return order_row(world, order) | more | {"rpiTakerAccess": False, "rpiMatchedQty": "0"}


def wallet_event(world: World, event: Row) -> Row:
    """Show the wallet as it is once its event is told."""
    return wallet_row(world, event["account"])


def _mode(order: Row) -> str:
    if order["stop_kind"].startswith("partial_"):
        return "Partial"
    whole = order["stop_kind"] in ("stop_loss", "take_profit")
    return "Full" if whole or order["stop_loss_ticks"] or order["take_profit_ticks"] else ""


def execution_row(world: World, execution: Row) -> Row:
    """Show an execution; of funding a fee above 0 was paid."""
    symbol = world.symbols[execution["symbol"]]
    instrument = world.instruments[symbol]
    tick, step = instrument.price_tick, instrument.qty_step
    funding = execution["kind"] == "funding"
    size = partial(_size, step)
    return {
        "category": "linear",
        "symbol": symbol,
        "orderId": order_id(execution["order"]),
        "orderLinkId": execution["client_id"],
        # Whoever pays funding is shown as having sold, whoever receives it as having bought.
        "side": side(-execution["lots"] if funding else execution["lots"]),
        "orderPrice": fixed(execution["order_ticks"] * tick, tick) if not funding else "0",
        "orderQty": size(execution["order_lots"]) if not funding else "0",
        "leavesQty": size(execution["rest_lots"]),
        "createType": "" if funding else _created_by(execution),
        "orderType": "UNKNOWN" if funding else "Market" if execution["order_market"] else "Limit",
        "stopOrderType": STOP_KINDS[execution["stop_kind"]] or "UNKNOWN",
        "execFee": money(from_e8(execution["fee_e8"])),
        "execFeeV2": "",
        "execId": execution_id(execution["id"]),
        "execPrice": fixed(execution["ticks"] * tick, tick),
        "execQty": size(execution["lots"]),
        "execType": EXECUTED[execution["kind"]],
        "execValue": money(from_e8(execution["value_e8"])),
        "execTime": str(execution["at_ms"]),
        "execPnl": money(from_e8(execution["realised_e8"])),
        "isLeverage": "0",
        "isMaker": execution["is_maker"],
        "feeRate": money(from_e8(execution["fee_rate_e8"])),
        "feeCurrency": "USDT",
        "tradeIv": "",
        "markIv": "",
        "markPrice": fixed(execution["mark_ticks"] * tick, tick),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": size(execution["closed_lots"]),
        "seq": execution["seq"],
        "marketUnit": "",
        "extraFees": "",
    }


def execution_event(world: World, execution: Row) -> Row:
    """Show an execution as the stream does: further fees are a list there."""
    return execution_row(world, execution) | {"extraFees": []}


def position_row(world: World, position: Row) -> Row:
    """Show a position; a flat one has empty names and prices where the exchange leaves them empty."""
    symbol = world.symbols[position["symbol"]]
    instrument = world.instruments[symbol]
    tick, step = instrument.price_tick, instrument.qty_step
    held = abs(position["lots"])
    cost = abs(from_e8(position["cost_e8"]))
    stop = partial(_price, tick)
    liquidation = position["liquidation_ticks"]
    return {
        "positionIdx": 0,
        "riskId": position["tier"],
        "riskLimitValue": plain(from_e8(position["tier_value_e8"])),
        "symbol": symbol,
        "side": side(position["lots"]),
        "size": fixed(held * step, step) if held else "0",
        "avgPrice": plain(nearest(cost / (held * step), tick * Decimal("0.0001"))) if held else "0",
        "positionValue": money(cost) if held else "",
        "tradeMode": 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 2 if held else 0,
        "leverage": plain(from_e8(position["leverage_e8"])),
        "positionBalance": money(from_e8(position["initial_e8"])) if held else "0",
        "markPrice": fixed(position["mark_ticks"] * tick, tick) if position["mark_ticks"] else "",
        "liqPrice": stop(liquidation) if held and liquidation else "",
        "bustPrice": "",
        "positionMM": money(from_e8(position["maintenance_e8"])) if held else "0",
        "positionMMByMp": money(from_e8(position["maintenance_e8"])) if held else "0",
        "positionIM": money(from_e8(position["initial_e8"])) if held else "0",
        "positionIMByMp": money(from_e8(position["initial_e8"])) if held else "0",
        "tpslMode": "Full",
        "takeProfit": stop(position["take_profit_ticks"]),
        "stopLoss": stop(position["stop_loss_ticks"]),
        "trailingStop": "0",
        "sessionAvgPrice": "",
        "breakEvenPrice": "",
        "delta": "",
        "gamma": "",
        "vega": "",
        "theta": "",
        "unrealisedPnl": money(from_e8(position["unrealised_e8"])) if held else "",
        "curRealisedPnl": money(from_e8(position["realised_e8"])),
        "cumRealisedPnl": money(from_e8(position["realised_ever_e8"])),
        "seq": position["seq"] or -1,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "createdTime": str(position["created_ms"]),
        "updatedTime": str(position["updated_ms"]),
        "openTime": position["opened_ms"],
    }


def position_event(world: World, position: Row) -> Row:
    """Show a position as the stream does: its entry price has another name there."""
    row = position_row(world, position)
    row["entryPrice"] = row.pop("avgPrice")
    return row | {"category": "linear", "positionIdx": world.modes.index(position["account"], position["lots"])}


def wallet_row(world: World, account: int) -> Row:
    """Show money and margin of an account: all of it is in one coin, worth one dollar each."""
    row = world.wallet(account)
    balance = row["wallet"] + row["unrealised"]
    initial = row["position_initial"] + row["order_initial"]
    initial_rate = ratio(initial / balance) if balance > 0 else "0"
    maintenance_rate = ratio(row["maintenance"] / balance) if balance > 0 else "0"
    available = money(max(row["available"], Decimal(0)))
    return {
        "accountType": "UNIFIED",
        "accountIMRate": initial_rate,
        "accountIMRateByMp": initial_rate,
        "accountMMRate": maintenance_rate,
        "accountMMRateByMp": maintenance_rate,
        "accountLTV": "0",
        "totalEquity": money(balance),
        "totalWalletBalance": money(row["wallet"]),
        "totalMarginBalance": money(balance),
        "totalAvailableBalance": available,
        "totalPerpUPL": money(row["unrealised"]),
        "totalInitialMargin": money(initial),
        "totalInitialMarginByMp": money(initial),
        "totalMaintenanceMargin": money(row["maintenance"]),
        "totalMaintenanceMarginByMp": money(row["maintenance"]),
        "coin": [
            {
                "coin": "USDT",
                "equity": money(balance),
                "usdValue": money(balance),
                "walletBalance": money(row["wallet"]),
                "locked": "0",
                "spotHedgingQty": "0",
                "borrowAmount": "0",
                "accruedInterest": "0",
                "totalOrderIM": money(row["order_initial"]),
                "totalPositionIM": money(row["position_initial"]),
                "totalPositionMM": money(row["maintenance"]),
                "unrealisedPnl": money(row["unrealised"]),
                "cumRealisedPnl": money(row["realised"]),
                "bonus": "0",
                "marginCollateral": True,
                "collateralSwitch": True,
                "colRes": "0",
                "spotBorrow": "0",
                "free": "",
                "availableToWithdraw": "",
                "availableToBorrow": "",
            }
        ],
    }
