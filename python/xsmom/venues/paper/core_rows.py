"""Rows of the exchange core as our nouns."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from xsmom.domain.exchange_core import from_e8
from xsmom.domain.market_data import Instrument
from xsmom.domain.trading import (
    AccountView,
    FillKind,
    MoneyMove,
    MoveKind,
    OrderState,
    OrderView,
    PositionView,
    Trigger,
    TriggerBy,
    VenueFill,
)

Row = dict[str, Any]
_OF_NO_POSITION = frozenset({"none", "conditional"})
_KINDS = {
    "trade": FillKind.TRADE,
    "funding": FillKind.FUNDING,
    "takeover": FillKind.LIQUIDATION,
    "deleveraging": FillKind.ADL,
    "delivery": FillKind.DELIVERY,
}


def order(row: Row, contracts: Sequence[Instrument]) -> OrderView:
    """An order."""
    contract, filled = contracts[row["symbol"]], row["filled_lots"]
    size = abs(filled) * contract.qty_step
    trigger = row["trigger"]
    return OrderView(
        order_id=str(row["id"]),
        client_order_id=row["client_id"],
        symbol=contract.symbol,
        lots=row["lots"],
        filled_lots=filled,
        average_price=from_e8(row["value_e8"]) / size if filled else None,
        # The price of a market order is the worst that it may reach, not a limit that we gave.
        price_ticks=None if row["market"] else row["ticks"],
        trigger=None if trigger is None else Trigger(trigger["ticks"], TriggerBy(trigger["by"]), trigger["rising"]),
        reduce_only=row["reduce_only"],
        of_position=row["stop_kind"] not in _OF_NO_POSITION,
        state=OrderState(row["state"]),
        reason="" if row["why"] == "none" else row["why"],
        created_ms=row["created_ms"],
        at_ms=row["updated_ms"],
    )


def fill(row: Row, contracts: Sequence[Instrument]) -> VenueFill:
    """An execution. Funding moves no position: its size is told as 0 lots, its price is the mark."""
    contract, kind = contracts[row["symbol"]], _KINDS[row["kind"]]
    if kind is FillKind.TRADE and row["created_by"] in ("liquidation", "takeover"):
        kind = FillKind.LIQUIDATION
    return VenueFill(
        exec_id=str(row["id"]),
        order_id=str(row["order"] or ""),
        client_order_id=row["client_id"],
        symbol=contract.symbol,
        kind=kind,
        lots=0 if kind is FillKind.FUNDING else row["lots"],
        price=row["ticks"] * contract.price_tick,
        fee_usdt=from_e8(row["fee_e8"]),
        is_maker=row["is_maker"],
        seq=row["seq"],
        at_ms=row["at_ms"],
    )


_MOVES = {"transfer": MoveKind.TRANSFER, "cover": MoveKind.OTHER}


def move(row: Row) -> MoneyMove | None:
    """An entry of the list of money; None where an execution tells of it."""
    kind = _MOVES.get(row["kind"])
    if kind is None:
        return None
    return MoneyMove(str(row["id"]), kind, row["kind"], from_e8(row["change_e8"]), row["at_ms"])


def position(row: Row, contracts: Sequence[Instrument]) -> PositionView:
    """A position."""
    contract, lots = contracts[row["symbol"]], row["lots"]
    liquidation = row["liquidation_ticks"]
    return PositionView(
        symbol=contract.symbol,
        lots=lots,
        entry_price=from_e8(row["cost_e8"]) / (lots * contract.qty_step) if lots else None,
        mark_price=row["mark_ticks"] * contract.price_tick,
        unrealised_usdt=from_e8(row["unrealised_e8"]),
        initial_margin_usdt=from_e8(row["initial_e8"]),
        maintenance_margin_usdt=from_e8(row["maintenance_e8"]),
        liquidation_price=None if liquidation is None else liquidation * contract.price_tick,
        leverage_x=from_e8(row["leverage_e8"]),
        stop_loss_ticks=row["stop_loss_ticks"] or None,
        take_profit_ticks=row["take_profit_ticks"] or None,
        seq=row["seq"],
        at_ms=row["updated_ms"],
    )


def account(row: Row, at_ms: int) -> AccountView:
    """Money and margin."""
    equity, maintenance = from_e8(row["wallet_e8"] + row["unrealised_e8"]), from_e8(row["maintenance_e8"])
    return AccountView(
        equity_usdt=equity,
        wallet_usdt=from_e8(row["wallet_e8"]),
        available_usdt=from_e8(row["available_e8"]),
        initial_margin_usdt=from_e8(row["position_initial_e8"] + row["order_initial_e8"]),
        maintenance_margin_usdt=maintenance,
        maintenance_rate_frac=maintenance / equity if equity > 0 else Decimal(0),
        at_ms=at_ms,
    )
