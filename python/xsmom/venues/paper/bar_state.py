"""An account of bars as bytes, and back: every number keeps its bits."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from xsmom.domain.trading import FillKind, OrderRequest, OrderState, TimeInForce, TriggerBy, VenueFill
from xsmom.errors import JournalCorrupt
from xsmom.venues.paper.bar_account import CostsPaid
from xsmom.venues.paper.bar_orders import BarOrder

if TYPE_CHECKING:
    from xsmom.venues.paper.bar_stages import BarStages

_VERSION = 1
_ARRAYS = ("units", "mark", "sigma_day_frac", "adv_usdt")


def write(venue: BarStages) -> bytes:
    """All that changes in an account. Python's own text of a float is exact."""
    book, orders = venue.book, venue.orders
    state = {
        "version": _VERSION,
        "symbols": list(venue.panel.symbols),
        "bar": venue.bar,
        "stage": venue.stage,
        "at_ms": venue.at_ms,
        "over": venue.over,
        "cash_usdt": book.cash_usdt,
        "lots": book.lots,
        "cost_price_lots": book.cost_price_lots,
        "paid": asdict(book.paid),
        "value_usdt": book.value_usdt,
        "gross_usdt": book.gross_usdt,
        "arrays": {name: getattr(book, name).tolist() for name in _ARRAYS},
        "stops": venue.stops,
        "leverage_x": {symbol: str(leverage) for symbol, leverage in venue.leverage_x.items()},
        "order_numbers": orders.order_numbers,
        "orders": [_order_row(order) for order in orders.known.values()],
        "waiting": [order.request.client_order_id for order in orders.waiting],
        "fills": [_fill_row(fill) for fill in orders.fills],
    }
    return json.dumps(state).encode()


def read(venue: BarStages, snapshot: bytes) -> None:
    """Put an account back; one of other names, or that cannot be read, changes nothing."""
    try:
        state = json.loads(snapshot)
        version, symbols = state["version"], state["symbols"]
        orders = {row["request"]["client_order_id"]: _order(row) for row in state["orders"]}
        fills = [_fill(row) for row in state["fills"]]
        arrays = {name: np.array(state["arrays"][name], dtype=np.float64) for name in _ARRAYS}
        waiting = [orders[name] for name in state["waiting"]]
        paid = CostsPaid(**state["paid"])
        leverage_x = {symbol: Decimal(text) for symbol, text in state["leverage_x"].items()}
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise JournalCorrupt(
            f"the paper account's snapshot cannot be read ({type(error).__name__}: {error})"
        ) from error
    if version != _VERSION or symbols != list(venue.panel.symbols):
        raise JournalCorrupt("the paper account's snapshot is of another version or another market: start a new one")
    book = venue.book
    for name, array in arrays.items():
        setattr(book, name, array)
    book.cash_usdt, book.lots, book.cost_price_lots = state["cash_usdt"], state["lots"], state["cost_price_lots"]
    book.paid, book.value_usdt, book.gross_usdt = paid, state["value_usdt"], state["gross_usdt"]
    venue.bar, venue.stage, venue.at_ms, venue.over = state["bar"], state["stage"], state["at_ms"], state["over"]
    venue.stops = {symbol: (legs[0], legs[1]) for symbol, legs in state["stops"].items()}
    venue.leverage_x = leverage_x
    venue.orders.known, venue.orders.fills, venue.orders.waiting = orders, fills, waiting
    venue.orders.order_numbers = state["order_numbers"]


def _order_row(order: BarOrder) -> dict[str, Any]:
    request = order.request
    named = {"time_in_force": request.time_in_force.value, "stop_loss_by": request.stop_loss_by.value}
    plain = {one.name: getattr(order, one.name) for one in fields(order) if one.name != "request"}
    # A conditional order is never taken in here, so there is no trigger to write.
    told = {one.name: getattr(request, one.name) for one in fields(request) if one.name != "trigger"}
    return plain | {"request": told | named, "state": order.state.value}


def _order(row: dict[str, Any]) -> BarOrder:
    asked = row["request"]
    named = {
        "time_in_force": TimeInForce(asked["time_in_force"]),
        "stop_loss_by": TriggerBy(asked["stop_loss_by"]),
    }
    return BarOrder(**(row | {"request": OrderRequest(**(asked | named)), "state": OrderState(row["state"])}))


_DECIMALS = ("price", "fee_usdt", "reference_price")


def _fill_row(fill: VenueFill) -> dict[str, Any]:
    named = {"kind": fill.kind.value, **{name: str(getattr(fill, name)) for name in _DECIMALS}}
    return {one.name: getattr(fill, one.name) for one in fields(fill)} | named


def _fill(row: dict[str, Any]) -> VenueFill:
    named = {
        "kind": FillKind(row["kind"]),
        **{name: Decimal(row[name]) for name in _DECIMALS},
    }
    return VenueFill(**(row | named))
