"""The real exchange core behind a stage: orders rest, are met, walk the book and are cut."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from tests.orders.stage import Stage
from xsmom.domain.effects import AmendOrder, CancelOrder, Effect, LookupOrder, SendOrder
from xsmom.domain.events import Ask
from xsmom.domain.exchange_core import Core, specify
from xsmom.domain.market_data import MarginTier
from xsmom.domain.orders import LiveOrder, Phase
from xsmom.domain.trading import Ack, Answer, OrderRequest, OrderState, OrderView, Refusal, Rejected

TIER = MarginTier(Decimal(10_000_000), Decimal("0.01"), Decimal(0), Decimal(20))
FEES = {"maker_frac": Decimal("0.0002"), "taker_frac": Decimal("0.00055")}
_WORDS = {
    "reduce_only": Refusal.REDUCE_ONLY,
    "notional": Refusal.NOTIONAL,
    "size": Refusal.SIZE,
    "margin": Refusal.MARGIN,
    "duplicate_id": Refusal.DUPLICATE_ID,
    "no_order": Refusal.NOT_FOUND,
    "already_done": Refusal.ALREADY_DONE,
}


@dataclass
class CoreVenue:
    """One account at the core, and a market that walks."""

    stage: Stage
    draw: Random
    core: Core = field(init=False)
    middle: dict[str, int] = field(default_factory=dict)
    makers: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        contracts = [replace(one, tiers=(TIER,)) for one in self.stage.contracts]
        self.symbols = [one.symbol for one in contracts]
        self.core = Core([specify(one, **FEES) for one in contracts])
        self._apply({"do": "open_account", "name": "a", "wallet_e8": 10_000 * 10**8})
        for at, symbol in enumerate(self.symbols):
            self._apply({"do": "set_leverage", "account": 0, "symbol": at, "leverage_e8": 10 * 10**8})
            self.middle[symbol] = 1_000
        self.move()

    # --- the market --------------------------------------------------------------------------

    def move(self, ms: int = 0, drift: dict[str, int] | None = None) -> None:
        """Prices take a step of a tick at most, others trade, and the stage sees the new prices."""
        self.stage.now_ms += ms
        effects: list[Effect] = []
        for at, symbol in enumerate(self.symbols):
            step = (drift or {}).get(symbol, self.draw.choice((-1, 0, 0, 1)))
            self.middle[symbol] += step
            mid = self.middle[symbol]
            sizes = [self.draw.randrange(20, 400) for _ in range(6)]
            prices = {
                "do": "prices",
                "symbol": at,
                "last": mid,
                "mark": mid,
                "index": mid,
                "bids": [[mid - 1 - k, sizes[k]] for k in range(3)],
                "asks": [[mid + k, sizes[3 + k]] for k in range(3)],
            }
            effects += self._apply(prices)
            for ticks in (mid - 1, mid):
                effects += self._apply({"do": "trade", "symbol": at, "ticks": ticks, "lots": self.draw.randrange(300)})
            self.stage.price(symbol, (mid - 1) / 10, mid / 10)
        self.take(effects)
        self.take(self.stage.tick())

    # --- orders ------------------------------------------------------------------------------

    def take(self, effects: list[Effect]) -> None:
        """Carry out what a step asked for, and what follows from it."""
        waiting = list(effects)
        while waiting:
            effect = waiting.pop(0)
            if isinstance(effect, SendOrder):
                waiting += self._mutate(Ask.SUBMIT, effect.request.client_order_id, self._place(effect.request))
            elif isinstance(effect, AmendOrder):
                change: dict[str, Any] = {"do": "amend", "account": 0, "client_id": effect.request.client_order_id}
                change["ticks"] = effect.request.price_ticks
                waiting += self._mutate(Ask.AMEND, effect.request.client_order_id, change)
            elif isinstance(effect, CancelOrder):
                back = {"do": "cancel", "account": 0, "client_id": effect.client_order_id}
                waiting += self._mutate(Ask.CANCEL, effect.client_order_id, back)
            elif isinstance(effect, LookupOrder):
                row = self.core.ask({"ask": "order", "account": 0, "client_id": effect.client_order_id})
                waiting += self.stage.lookup(effect.client_order_id, self._view(row) if row else None)

    def position(self, symbol: str) -> int:
        """Lots that the core holds for us."""
        row = self.core.ask({"ask": "position", "account": 0, "symbol": self.symbols.index(symbol)})
        return int(row["lots"]) if row else 0

    def _place(self, request: OrderRequest) -> dict[str, Any]:
        command: dict[str, Any] = {
            "do": "place",
            "account": 0,
            "symbol": self.symbols.index(request.symbol),
            "client_id": request.client_order_id,
            "lots": request.lots,
            "reduce_only": request.reduce_only,
        }
        if request.price_ticks is not None:
            command |= {"ticks": request.price_ticks, "time_in_force": request.time_in_force.value}
        if request.stop_loss_ticks is not None:
            command |= {"stop_loss_ticks": request.stop_loss_ticks, "stop_loss_by": request.stop_loss_by.value}
        return command

    def _mutate(self, ask: Ask, name: str, command: dict[str, Any]) -> list[Effect]:
        events = self.core.apply(command, self.stage.now_ms)
        refusals = [event["refusal"] for event in events if event["event"] == "refused"]
        answer: Answer = Ack(f"v-{name}", name, self.stage.now_ms)
        if refusals:
            self.refused += refusals
            answer = Rejected(_WORDS.get(refusals[0], Refusal.OTHER), refusals[0], "")
        return self.stage.reply(name, answer, ask) + self._tell(events)

    def _apply(self, command: dict[str, Any]) -> list[Effect]:
        return self._tell(self.core.apply(command, self.stage.now_ms))

    def _tell(self, events: list[dict[str, Any]]) -> list[Effect]:
        effects: list[Effect] = []
        for event in events:
            if event["event"] == "order":
                effects += self.stage.update(self._view(event["order"]))
            elif event["event"] == "executed":
                self.makers[event["is_maker"]] += 1
                effects += self._filled(event)
        return effects

    def _filled(self, event: dict[str, Any]) -> list[Effect]:
        symbol = self.symbols[event["symbol"]]
        request = OrderRequest(event["client_id"], symbol, event["order_lots"])
        return self.stage.fill(LiveOrder(request, "", Phase.SENT, 0), event["lots"], event["ticks"] / 10)

    def _view(self, row: dict[str, Any]) -> OrderView:
        return OrderView(
            order_id=str(row["id"]),
            client_order_id=row["client_id"],
            symbol=self.symbols[row["symbol"]],
            lots=row["lots"],
            filled_lots=row["filled_lots"],
            average_price=None,
            price_ticks=None if row["market"] else row["ticks"],
            trigger=None,
            reduce_only=row["reduce_only"],
            of_position=row["stop_kind"] not in {"none", "conditional"},
            state=OrderState(row["state"]),
            reason=row["why"],
            created_ms=row["created_ms"],
            at_ms=row["updated_ms"],
        )
