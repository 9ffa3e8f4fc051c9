"""Our orders in the words of the exchange core, and its refusals in ours."""

from __future__ import annotations

from typing import Any

from xsmom.domain.trading import Answer, NoChange, OrderRequest, Refusal, Rejected, TriggerBy

ACCOUNT = 0

_REFUSALS = {
    "no_symbol": Refusal.NOT_TRADING,
    "not_trading": Refusal.NOT_TRADING,
    "only_reduce": Refusal.NOT_TRADING,
    "only_post": Refusal.NOT_TRADING,
    "no_price": Refusal.NOT_TRADING,
    "size": Refusal.SIZE,
    "below_filled": Refusal.SIZE,
    "position_max": Refusal.SIZE,
    "notional": Refusal.NOTIONAL,
    "price": Refusal.PRICE,
    "trigger_not_above": Refusal.TRIGGER_SIDE,
    "trigger_not_below": Refusal.TRIGGER_SIDE,
    "stop_side": Refusal.TRIGGER_SIDE,
    "reduce_only": Refusal.REDUCE_ONLY,
    "margin": Refusal.MARGIN,
    "funds": Refusal.MARGIN,
    "too_many_orders": Refusal.TOO_MANY,
    "too_many_conditional": Refusal.TOO_MANY,
    "too_many_stops": Refusal.TOO_MANY,
    "duplicate_id": Refusal.DUPLICATE_ID,
    "no_order": Refusal.NOT_FOUND,
    "already_done": Refusal.ALREADY_DONE,
    "no_position": Refusal.NO_POSITION,
    "leverage": Refusal.MODE,
}


def refused(word: str) -> Answer:
    """What a refusal of the core means; that nothing would change is no refusal."""
    if word == "no_change":
        return NoChange()
    return Rejected(_REFUSALS.get(word, Refusal.OTHER), word, f"refused: {word.replace('_', ' ')}")


def place(request: OrderRequest, symbol: int) -> dict[str, Any]:
    """A new order."""
    command: dict[str, Any] = {
        "do": "place",
        "account": ACCOUNT,
        "symbol": symbol,
        "client_id": request.client_order_id,
        "lots": request.lots,
        "reduce_only": request.reduce_only,
        "close_on_trigger": request.close_on_trigger,
    }
    if request.price_ticks is not None:
        command |= {"ticks": request.price_ticks, "time_in_force": request.time_in_force.value}
    if request.trigger is not None:
        trigger = request.trigger
        command["trigger"] = {"ticks": trigger.price_ticks, "by": trigger.by.value, "rising": trigger.rising}
    if request.stop_loss_ticks is not None:
        command |= {"stop_loss_ticks": request.stop_loss_ticks, "stop_loss_by": request.stop_loss_by.value}
    return command


def set_stops(symbol: int, stop_loss_ticks: int | None, take_profit_ticks: int | None, by: TriggerBy) -> dict[str, Any]:
    """Both legs of a position; what is none is taken away."""
    return {
        "do": "set_stops",
        "account": ACCOUNT,
        "symbol": symbol,
        "stop_loss_ticks": stop_loss_ticks or 0,
        "stop_loss_by": by.value,
        "take_profit_ticks": take_profit_ticks or 0,
        "take_profit_by": by.value,
    }
