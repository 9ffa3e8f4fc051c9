"""Our orders in Bybit's words: pure, so that what goes out can be read in a test."""

from __future__ import annotations

import re
from typing import Any

from xsmom.domain.trading import AmendRequest, OrderRequest, Refusal, Rejected, TimeInForce, TriggerBy
from xsmom.venues.bybit.account_rows import TRIGGER_WORDS, Scales

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_IN_FORCE = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "PostOnly",
}
_RISING, _FALLING = 1, 2
_REMOVED = "0"


def refuse_here(request: OrderRequest, scales: Scales) -> Rejected | None:
    """What Bybit would refuse, or misread, is not sent."""
    contract = scales.contracts.get(request.symbol)
    if contract is None:
        return _refused(Refusal.NOT_TRADING, f"{request.symbol} is none of the contracts that we know")
    if not _CLIENT_ID.fullmatch(request.client_order_id):
        return _refused(Refusal.OTHER, f"client id {request.client_order_id!r}: 1 to 36 letters, digits, - and _")
    if request.lots == 0:
        return _refused(Refusal.SIZE, "an order of 0 lots")
    most = contract.lots_max_market if request.price_ticks is None else contract.lots_max
    if abs(request.lots) > most:
        # The exchange would split a reduce-only one into several orders under one client id.
        return _refused(Refusal.SIZE, f"{abs(request.lots)} lots; one order may have {most}")
    if request.reduce_only and request.stop_loss_ticks is not None:
        return _refused(Refusal.OTHER, "a reduce-only order cannot carry a stop")
    if any(ticks is not None and ticks <= 0 for ticks in _ticks_of(request)):
        return _refused(Refusal.PRICE, "a price below one tick")
    return None


def create(request: OrderRequest, scales: Scales) -> dict[str, Any]:
    """Parameters of a new order; one-way mode."""
    symbol = request.symbol
    words: dict[str, Any] = {
        "category": "linear",
        "symbol": symbol,
        "side": "Buy" if request.lots > 0 else "Sell",
        "orderType": "Market" if request.price_ticks is None else "Limit",
        "qty": scales.quantity_text(symbol, request.lots),
        "timeInForce": "IOC" if request.price_ticks is None else _IN_FORCE[request.time_in_force],
        "positionIdx": 0,
        "reduceOnly": request.reduce_only,
        "closeOnTrigger": request.close_on_trigger,
        "orderLinkId": request.client_order_id,
    }
    if request.price_ticks is not None:
        words["price"] = scales.price_text(symbol, request.price_ticks)
    if request.trigger is not None:
        words["triggerPrice"] = scales.price_text(symbol, request.trigger.price_ticks)
        words["triggerBy"] = TRIGGER_WORDS[request.trigger.by]
        words["triggerDirection"] = _RISING if request.trigger.rising else _FALLING
    if request.stop_loss_ticks is not None:
        words["stopLoss"] = scales.price_text(symbol, request.stop_loss_ticks)
        words["slTriggerBy"] = TRIGGER_WORDS[request.stop_loss_by]
        words["tpslMode"] = "Full"
    return words


def amend(request: AmendRequest, scales: Scales) -> dict[str, Any]:
    """Parameters of a change. What is left out stays as it is, the kind of trigger price among it."""
    symbol = request.symbol
    words: dict[str, Any] = {"category": "linear", "symbol": symbol, "orderLinkId": request.client_order_id}
    if request.lots is not None:
        words["qty"] = scales.quantity_text(symbol, request.lots)
    if request.price_ticks is not None:
        words["price"] = scales.price_text(symbol, request.price_ticks)
    if request.trigger_ticks is not None:
        words["triggerPrice"] = scales.price_text(symbol, request.trigger_ticks)
    return words


def cancel(symbol: str, client_order_id: str) -> dict[str, Any]:
    """Parameters of taking one order back."""
    return {"category": "linear", "symbol": symbol, "orderLinkId": client_order_id}


def position_stop(
    symbol: str, stop_loss_ticks: int | None, take_profit_ticks: int | None, by: TriggerBy, scales: Scales
) -> dict[str, Any]:
    """Parameters of both legs at once: changing one alone would unbind the pair."""

    def leg(ticks: int | None) -> str:
        return _REMOVED if ticks is None else scales.price_text(symbol, ticks)

    return {
        "category": "linear",
        "symbol": symbol,
        "positionIdx": 0,
        "tpslMode": "Full",
        "stopLoss": leg(stop_loss_ticks),
        "takeProfit": leg(take_profit_ticks),
        "slTriggerBy": TRIGGER_WORDS[by],
        "tpTriggerBy": TRIGGER_WORDS[by],
    }


def _ticks_of(request: OrderRequest) -> tuple[int | None, ...]:
    trigger = None if request.trigger is None else request.trigger.price_ticks
    return request.price_ticks, trigger, request.stop_loss_ticks


def _refused(refusal: Refusal, text: str) -> Rejected:
    return Rejected(refusal, "local", text)
