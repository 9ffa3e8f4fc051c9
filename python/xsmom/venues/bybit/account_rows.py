"""Bybit's rows of an account as our nouns: orders, positions, executions, money.

The same rows come by REST and by stream, with few differences. Sizes become whole lots and prices whole
ticks; a size that is no whole number of lots raises, because nothing may be guessed about a size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from xsmom.domain.market_data import Instrument
from xsmom.domain.trading import (
    AccountView,
    FillKind,
    KeyFacts,
    MoneyMove,
    MoveKind,
    OrderState,
    OrderView,
    PositionView,
    Trigger,
    TriggerBy,
    VenueFill,
)
from xsmom.venues.bybit.rows import optional

SETTLED_IN = "USDT"

STATES = {
    "New": OrderState.WORKING,
    "PartiallyFilled": OrderState.PARTIAL,
    "Untriggered": OrderState.UNTRIGGERED,
    "Triggered": OrderState.WORKING,  # for an instant, on its way to the book
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "PartiallyFilledCanceled": OrderState.CANCELLED,
    "Rejected": OrderState.REJECTED,
    "Deactivated": OrderState.CANCELLED,
}
TRIGGER_WORDS = {TriggerBy.LAST: "LastPrice", TriggerBy.MARK: "MarkPrice", TriggerBy.INDEX: "IndexPrice"}
_TRIGGERS = {word: trigger for trigger, word in TRIGGER_WORDS.items()}
_OF_POSITION = frozenset({"TakeProfit", "StopLoss", "PartialTakeProfit", "PartialStopLoss", "TrailingStop"})
_KINDS = {
    "Trade": FillKind.TRADE,
    "BlockTrade": FillKind.TRADE,
    "MovePosition": FillKind.TRADE,
    "FutureSpread": FillKind.TRADE,
    "Funding": FillKind.FUNDING,
    "AdlTrade": FillKind.ADL,
    "BustTrade": FillKind.LIQUIDATION,
    "Delivery": FillKind.DELIVERY,
    "Settle": FillKind.DELIVERY,
}
# Parts of a liquidation that are reported as ordinary trades.
_LIQUIDATION = ("CreateByLiq", "CreateByTakeOver")
# Movements of money that executions tell of, where they are of one of our contracts.
_TOLD_BY_EXECUTIONS = frozenset({"TRADE", "SETTLEMENT", "DELIVERY", "LIQUIDATION", "ADL"})
_TRANSFER_SIGNS = {"TRANSFER_IN": 1, "TRANSFER_OUT": -1}
_NO_REASON = frozenset({"", "UNKNOWN", "EC_NoError"})


@dataclass(frozen=True)
class Scales:
    """Lot and tick of every contract, to read texts as whole numbers and write them back."""

    contracts: Mapping[str, Instrument]

    def lots(self, symbol: str, quantity: str) -> int:
        """Whole lots of a quantity."""
        lots = Decimal(quantity) / self._of(symbol).qty_step
        if lots != lots.to_integral_value():
            raise ValueError(f"{quantity} {symbol} is no whole number of lots")
        return int(lots)

    def ticks(self, symbol: str, price: str | None) -> int | None:
        """Whole ticks of a price, the nearest; None where there is none, which Bybit writes as 0 or nothing."""
        if not price or not Decimal(price):
            return None
        return int((Decimal(price) / self._of(symbol).price_tick).to_integral_value(ROUND_HALF_EVEN))

    def quantity_text(self, symbol: str, lots: int) -> str:
        """An unsigned size as Bybit reads it."""
        return f"{abs(lots) * self._of(symbol).qty_step:f}"

    def price_text(self, symbol: str, ticks: int) -> str:
        """A price as Bybit reads it."""
        return f"{ticks * self._of(symbol).price_tick:f}"

    def _of(self, symbol: str) -> Instrument:
        try:
            return self.contracts[symbol]
        except KeyError:
            raise ValueError(f"{symbol} is none of the contracts that we know") from None


def order(row: dict[str, Any], scales: Scales) -> OrderView:
    """An order, from a list or from the stream."""
    symbol, sign = row["symbol"], _sign(row["side"])
    stop_kind = row.get("stopOrderType") or ""
    is_market = row["orderType"] == "Market"
    return OrderView(
        order_id=_filled_in(row["orderId"]),
        client_order_id=row["orderLinkId"],
        symbol=symbol,
        lots=sign * scales.lots(symbol, row["qty"]),
        filled_lots=sign * scales.lots(symbol, row["cumExecQty"] or "0"),
        average_price=_positive(row["avgPrice"]),
        # The price of a market order is the worst that it may reach, not a limit that we gave.
        price_ticks=None if is_market else scales.ticks(symbol, row["price"]),
        trigger=_trigger(row, scales),
        reduce_only=_flag(row["reduceOnly"]),
        of_position=stop_kind in _OF_POSITION,
        state=STATES[row["orderStatus"]],
        reason=next((text for name in ("rejectReason", "cancelType") if (text := row[name]) not in _NO_REASON), ""),
        created_ms=int(row["createdTime"]),
        at_ms=int(row["updatedTime"]),
    )


def position(row: dict[str, Any], scales: Scales) -> PositionView:
    """A position, from a list or from the stream; one-way mode only."""
    symbol = row["symbol"]
    if row["positionIdx"] != 0:
        raise ValueError(f"{symbol} is in hedge mode (positionIdx {row['positionIdx']}); one-way mode is needed")
    lots = scales.lots(symbol, row["size"])
    return PositionView(
        symbol=symbol,
        lots=lots * _sign(row["side"]) if lots else 0,
        entry_price=_positive(row["avgPrice"] if "avgPrice" in row else row["entryPrice"]),
        mark_price=Decimal(row["markPrice"]),
        unrealised_usdt=Decimal(row["unrealisedPnl"] or 0),
        initial_margin_usdt=Decimal(row["positionIM"] or 0),
        maintenance_margin_usdt=Decimal(row["positionMM"] or 0),
        liquidation_price=_positive(row["liqPrice"]),
        leverage_x=Decimal(row["leverage"]),
        stop_loss_ticks=scales.ticks(symbol, row["stopLoss"]),
        take_profit_ticks=scales.ticks(symbol, row["takeProfit"]),
        seq=int(row["seq"]),
        at_ms=int(row["updatedTime"] or 0),
    )


def fill(row: dict[str, Any], scales: Scales) -> VenueFill:
    """An execution. Funding moves no position: its size is told as 0 lots, its price is the mark."""
    symbol, kind = row["symbol"], _KINDS[row["execType"]]
    if kind is FillKind.TRADE and str(row.get("createType")).startswith(_LIQUIDATION):
        kind = FillKind.LIQUIDATION
    lots = 0 if kind is FillKind.FUNDING else _sign(row["side"]) * scales.lots(symbol, row["execQty"])
    return VenueFill(
        exec_id=_filled_in(row["execId"]),
        order_id=row["orderId"],
        client_order_id=row["orderLinkId"],
        symbol=symbol,
        kind=kind,
        lots=lots,
        price=Decimal(row["execPrice"]),
        fee_usdt=Decimal(row["execFee"] or 0),
        is_maker=_flag(row["isMaker"]),
        seq=int(row["seq"]),
        at_ms=int(row["execTime"]),
    )


def is_told_elsewhere(row: dict[str, Any], scales: Scales) -> bool:
    """Whether an entry of the list of money is told by an execution of ours, or moves nothing in our coin."""
    if row["currency"] != SETTLED_IN or not Decimal(row["change"]):
        return True
    ours = row["category"] == "linear" and row["symbol"] in scales.contracts
    return ours and row["type"] in _TOLD_BY_EXECUTIONS


def money_move(row: dict[str, Any], _scales: Scales) -> MoneyMove:
    """An entry of the list of money. A transfer whose sign denies its word is not guessed at."""
    word, change = _filled_in(row["type"]), Decimal(row["change"])
    sign = _TRANSFER_SIGNS.get(word)
    if sign is not None and sign * change < 0:
        raise ValueError(f"a {word} of {change} {SETTLED_IN}")
    where = "" if row["category"] == "linear" else row["category"]
    return MoneyMove(
        move_id=_filled_in(row["id"]),
        kind=MoveKind.OTHER if sign is None else MoveKind.TRANSFER,
        word=" ".join(part for part in (word, where, row["symbol"]) if part),
        amount_usdt=change,
        at_ms=int(row["transactionTime"]),
    )


def account(row: dict[str, Any], at_ms: int) -> AccountView:
    """Money and margin of the unified account.

    Equity, wallet and margins are those of the settlement coin; what is available, and the
    maintenance rate, exist for the whole account only (in USD there).
    """
    if row["accountType"] != "UNIFIED":
        raise ValueError(f"account of type {row['accountType']}: a unified account is needed")
    coin = next((coin for coin in row["coin"] if coin["coin"] == SETTLED_IN), None)
    held = _NOTHING if coin is None else coin
    return AccountView(
        equity_usdt=Decimal(held["equity"]),
        wallet_usdt=Decimal(held["walletBalance"]),
        available_usdt=Decimal(row["totalAvailableBalance"]),
        initial_margin_usdt=Decimal(held["totalPositionIM"]) + Decimal(held["totalOrderIM"]),
        maintenance_margin_usdt=Decimal(held["totalPositionMM"]),
        maintenance_rate_frac=Decimal(row["accountMMRate"]),
        at_ms=at_ms,
    )


# Bybit lists the coins that an account has: one that is not there, it has none of.
_NOTHING = dict.fromkeys(("equity", "walletBalance", "totalPositionIM", "totalOrderIM", "totalPositionMM"), "0")


def key_facts(result: dict[str, Any]) -> KeyFacts:
    """What the key in use may do."""
    allowed = result["permissions"]
    read_only = result["readOnly"] != 0
    bound = [address for address in result["ips"] if address != "*"]
    contracts = set(allowed["ContractTrade"])
    return KeyFacts(
        can_trade=not read_only and {"Order", "Position"} <= contracts,
        can_withdraw="Withdraw" in allowed["Wallet"],
        read_only=read_only,
        ip_bound=bool(bound),
        expires_ms=_instant_ms(result.get("expiredAt")),
        account=str(result["userID"]),
    )


def _trigger(row: dict[str, Any], scales: Scales) -> Trigger | None:
    ticks = scales.ticks(row["symbol"], row["triggerPrice"])
    if ticks is None or row["triggerBy"] not in _TRIGGERS:
        return None
    return Trigger(ticks, _TRIGGERS[row["triggerBy"]], rising=row["triggerDirection"] == 1)


def _sign(side: str) -> int:
    return {"Buy": 1, "Sell": -1}[side]


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _filled_in(text: str) -> str:
    if not text:
        raise ValueError("a row without its id")
    return text


def _positive(text: str | None) -> Decimal | None:
    number = optional(text)
    return number or None


def _instant_ms(text: str | None) -> int | None:
    """The day on which a key ends; a year before ours means that it does not."""
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    return int(instant.timestamp() * 1_000) if instant.year > 2000 else None
