"""An account at the exchange core, as the loop of the safety tests asks for it: its views are the core's own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.unit.engine.books import CASH, SYMBOLS, instrument
from tests.unit.engine.scripted_venue import Mutation
from xsmom.domain.effects import AmendOrder, CancelOrder, SendOrder, SetPositionStop
from xsmom.domain.events import AccountSeen
from xsmom.domain.exchange_core import Core, from_e8, specify, to_e8
from xsmom.domain.trading import (
    AccountView,
    Ack,
    Answer,
    FillKind,
    MoneyMove,
    NoChange,
    OrderState,
    OrderView,
    PositionView,
    Refusal,
    Rejected,
    Snapshot,
    Trigger,
    TriggerBy,
    VenueFill,
)
from xsmom.venues.paper import core_rows

TICK, STEP = Decimal("0.1"), Decimal("0.01")
WORDS = {
    "no_position": Refusal.NO_POSITION,
    "stop_side": Refusal.TRIGGER_SIDE,
    "trigger_not_above": Refusal.TRIGGER_SIDE,
    "trigger_not_below": Refusal.TRIGGER_SIDE,
    "reduce_only": Refusal.REDUCE_ONLY,
}
KINDS = {"trade": FillKind.TRADE, "funding": FillKind.FUNDING, "takeover": FillKind.LIQUIDATION}


class CoreAccount:
    """One account; prices are told by `price`, and what wakes then is filled at once."""

    def __init__(self, now_ms: int, marks: Mapping[str, float]) -> None:
        fees = {"maker_frac": Decimal("0.0002"), "taker_frac": Decimal("0.00055")}
        self.core = Core([specify(instrument(one), **fees) for one in SYMBOLS])
        self.told: list[VenueFill] = []
        self.marks: dict[str, float] = {}
        self._apply({"do": "open_account", "name": "a", "wallet_e8": to_e8(Decimal(repr(CASH)))}, now_ms)
        for symbol, mark in marks.items():
            self.price(now_ms, symbol, mark)

    def price(self, now_ms: int, symbol: str, price: float) -> list[VenueFill]:
        """A new picture of the book, deep enough for everything; the executions that it made."""
        ticks = round(price / float(TICK))
        self.marks[symbol] = price
        number = SYMBOLS.index(symbol)
        picture = {"do": "prices", "symbol": number, "last": ticks, "mark": ticks, "index": ticks}
        sides = {"bids": [[ticks - 1, 1_000_000]], "asks": [[ticks + 1, 1_000_000]]}
        return self._apply(picture | sides, now_ms)

    def order(self, now_ms: int, symbol: str, lots: int, name: str, **more: Any) -> list[VenueFill]:
        """Somebody's market order."""
        asked = {"do": "place", "account": 0, "symbol": SYMBOLS.index(symbol), "client_id": name, "lots": lots, **more}
        return self._apply({"reduce_only": False, **asked}, now_ms)

    def funding(self, now_ms: int, symbol: str, rate_e8: int) -> list[VenueFill]:
        """A settlement."""
        return self._apply({"do": "funding", "symbol": SYMBOLS.index(symbol), "rate_e8": rate_e8}, now_ms)

    def cancel_all(self, now_ms: int) -> None:
        """Every order, stops of positions too."""
        for row in self.core.ask({"ask": "open_orders", "account": 0}):
            self._apply({"do": "cancel", "account": 0, "order": row["id"]}, now_ms)

    # --- what the loop asks ------------------------------------------------------------------

    def read(self, now_ms: int) -> AccountSeen:
        """All of it, as the core has it."""
        rows = self.core.ask({"ask": "positions", "account": 0})
        orders = self.core.ask({"ask": "open_orders", "account": 0})
        return AccountSeen(
            now_ms,
            self._account(now_ms),
            Snapshot(tuple(_position(row) for row in rows), now_ms),
            Snapshot(tuple(_order(row) for row in orders), now_ms),
        )

    def look(self, _now_ms: int, name: str) -> OrderView | None:
        """An order by its name."""
        row = self.core.ask({"ask": "order", "account": 0, "client_id": name})
        return _order(row) if row else None

    def fills_since(self, _now_ms: int, since_ms: int) -> list[VenueFill]:
        """Executions."""
        return [one for one in self.told if one.at_ms >= since_ms]

    def transfers_since(self, _now_ms: int, since_ms: int) -> list[MoneyMove]:
        """Movements of money."""
        rows = self.core.ask({"ask": "transactions", "account": 0, "since_ms": since_ms})
        return [move for row in reversed(rows) if (move := core_rows.move(row)) is not None]

    def answer(self, now_ms: int, effect: Mutation) -> tuple[Answer, list[VenueFill]]:
        """Carry out, and say what the core said."""
        before = len(self.told)
        events = self.core.apply(_words(effect), now_ms)
        self._note(events)
        refusals = [one["refusal"] for one in events if one["event"] == "refused"]
        name = getattr(getattr(effect, "request", effect), "client_order_id", "")
        answer: Answer = Ack(f"v-{name}", name, now_ms)
        if refusals == ["no_change"]:
            answer = NoChange()
        elif refusals:
            answer = Rejected(WORDS.get(refusals[0], Refusal.OTHER), refusals[0], "")
        return answer, self.told[before:]

    def _account(self, now_ms: int) -> AccountView:
        row = self.core.ask({"ask": "wallet", "account": 0})
        initial = from_e8(row["position_initial_e8"] + row["order_initial_e8"])
        wallet, unrealised = from_e8(row["wallet_e8"]), from_e8(row["unrealised_e8"])
        maintenance = from_e8(row["maintenance_e8"])
        rate = maintenance / (wallet + unrealised)
        return AccountView(
            wallet + unrealised, wallet, from_e8(row["available_e8"]), initial, maintenance, rate, now_ms
        )

    def _apply(self, command: Mapping[str, Any], now_ms: int) -> list[VenueFill]:
        before = len(self.told)
        events = self.core.apply(command, now_ms)
        assert not [one for one in events if one["event"] == "refused"], events
        self._note(events)
        return self.told[before:]

    def _note(self, events: list[dict[str, Any]]) -> None:
        self.told += [_fill(one) for one in events if one["event"] == "executed"]


def _words(effect: Mutation) -> dict[str, Any]:
    if isinstance(effect, SetPositionStop):
        return {
            "do": "set_stops",
            "account": 0,
            "symbol": SYMBOLS.index(effect.symbol),
            "stop_loss_ticks": effect.stop_loss_ticks or 0,
            "stop_loss_by": effect.by.value,
            "take_profit_ticks": effect.take_profit_ticks or 0,
            "take_profit_by": effect.by.value,
        }
    if isinstance(effect, CancelOrder):
        return {"do": "cancel", "account": 0, "client_id": effect.client_order_id}
    if isinstance(effect, AmendOrder):
        asked = effect.request
        changes = {"lots": asked.lots, "ticks": asked.price_ticks, "trigger_ticks": asked.trigger_ticks}
        given = {name: value for name, value in changes.items() if value is not None}
        return {"do": "amend", "account": 0, "client_id": asked.client_order_id, **given}
    assert isinstance(effect, SendOrder)
    request = effect.request
    command: dict[str, Any] = {
        "do": "place",
        "account": 0,
        "symbol": SYMBOLS.index(request.symbol),
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
    return command


def _order(row: Mapping[str, Any]) -> OrderView:
    trigger = row["trigger"]
    return OrderView(
        order_id=str(row["id"]),
        client_order_id=row["client_id"],
        symbol=SYMBOLS[row["symbol"]],
        lots=row["lots"],
        filled_lots=row["filled_lots"],
        average_price=None,
        price_ticks=None if row["market"] else row["ticks"],
        trigger=Trigger(trigger["ticks"], TriggerBy(trigger["by"]), trigger["rising"]) if trigger else None,
        reduce_only=row["reduce_only"],
        of_position=row["stop_kind"] not in {"none", "conditional"},
        state=OrderState(row["state"]),
        reason=row["why"],
        created_ms=row["created_ms"],
        at_ms=row["updated_ms"],
    )


def _position(row: Mapping[str, Any]) -> PositionView:
    lots, liquidation = row["lots"], row["liquidation_ticks"]
    return PositionView(
        symbol=SYMBOLS[row["symbol"]],
        lots=lots,
        entry_price=from_e8(row["cost_e8"]) / (lots * STEP) if lots else None,
        mark_price=row["mark_ticks"] * TICK,
        unrealised_usdt=from_e8(row["unrealised_e8"]),
        initial_margin_usdt=from_e8(row["initial_e8"]),
        maintenance_margin_usdt=from_e8(row["maintenance_e8"]),
        liquidation_price=None if liquidation is None else liquidation * TICK,
        leverage_x=from_e8(row["leverage_e8"]),
        stop_loss_ticks=row["stop_loss_ticks"] or None,
        take_profit_ticks=row["take_profit_ticks"] or None,
        seq=row["seq"],
        at_ms=row["updated_ms"],
    )


def _fill(row: Mapping[str, Any]) -> VenueFill:
    kind = KINDS[row["kind"]]
    if row["created_by"] in {"liquidation", "takeover"}:
        kind = FillKind.LIQUIDATION
    return VenueFill(
        exec_id=str(row["id"]),
        order_id=str(row["order"] or ""),
        client_order_id=row["client_id"],
        symbol=SYMBOLS[row["symbol"]],
        kind=kind,
        lots=0 if kind is FillKind.FUNDING else row["lots"],
        price=row["ticks"] * TICK,
        fee_usdt=from_e8(row["fee_e8"]),
        is_maker=row["is_maker"],
        seq=row["seq"],
        at_ms=row["at_ms"],
    )
