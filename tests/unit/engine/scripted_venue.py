"""A venue after a script.

Time is simulated. What the rooms send is answered as the script says: late, not at all, refused, forgotten. Reads are
pictures of the past where positions lag.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeAlias

from tests.unit.engine.books import fill
from xsmom.domain.effects import AmendOrder, CancelOrder, SendOrder, SetPositionStop
from xsmom.domain.events import AccountSeen
from xsmom.domain.trading import (
    AccountView,
    Ack,
    Answer,
    MoneyMove,
    MoveKind,
    OrderState,
    OrderView,
    PositionView,
    Refusal,
    Rejected,
    Snapshot,
    Trigger,
    TriggerBy,
    Unknown,
    VenueFill,
)

Mutation: TypeAlias = SetPositionStop | SendOrder | CancelOrder | AmendOrder


@dataclass
class Truth:
    """One position as the venue has it."""

    lots: int
    entry: float
    seq: int
    stop_ticks: int | None = None
    target_ticks: int | None = None
    #: The order behind the stop; a cancel-all takes it away and leaves the row.
    stop_order: bool = False
    stop_by: TriggerBy = TriggerBy.MARK


@dataclass
class ScriptedVenue:
    """What is so, and how the venue behaves. Behaviours are functions of the time."""

    marks: dict[str, float]
    wallet_usdt: float = 10_000.0
    positions: dict[str, Truth] = field(default_factory=dict)
    orders: dict[str, OrderView] = field(default_factory=dict)
    fills: list[VenueFill] = field(default_factory=list)
    moves: list[MoneyMove] = field(default_factory=list)
    #: How late the list of money shows a movement; whether it cannot be read.
    listed_late_ms: int = 0
    no_transfers: Callable[[int], bool] = lambda _now: False
    #: How old the picture of the positions is.
    lag_ms: Callable[[int], int] = lambda _now: 0
    #: Whether a read fails.
    deaf: Callable[[int], bool] = lambda _now: False
    #: Whether executions cannot be read.
    no_fills: Callable[[int], bool] = lambda _now: False
    #: What a request for a stop gets; None: it is done.
    on_stop: Callable[[int, SetPositionStop], Answer | None] = lambda _now, _ask: None
    #: The same for an order: a conditional one, or one that exits.
    on_order: Callable[[int, SendOrder], Answer | None] = lambda _now, _ask: None
    history: list[tuple[int, dict[str, Truth]]] = field(default_factory=list)
    number: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    ticks: float = 0.1
    #: The row of a position shows its stop; the order behind it is not there.
    forgets_orders: bool = False
    liquidation: dict[str, float] = field(default_factory=dict)

    def note(self, now_ms: int) -> None:
        """Remember how it is now, for those who look late."""
        self.history.append((now_ms, {name: replace(one) for name, one in self.positions.items()}))

    def _seen(self, now_ms: int) -> dict[str, Truth]:
        at_ms = now_ms - self.lag_ms(now_ms)
        old = [picture for when, picture in self.history if when <= at_ms]
        return old[-1] if old else {}

    def trade(self, now_ms: int, symbol: str, lots: int, price: float, name: str = "", order_id: str = "") -> VenueFill:
        """An execution, and the position after it; the stop goes with a position that ends or turns."""
        old = self.positions.get(symbol)
        held, entry = (old.lots, old.entry) if old else (0, price)
        after = held + lots
        seq = next(self.number)
        if held * lots < 0:
            closed = min(abs(lots), abs(held)) * (1 if held > 0 else -1)
            self.wallet_usdt += closed * 0.01 * (price - entry)
        if held * after <= 0:
            entry = price
        elif abs(after) > abs(held):
            entry = (held * entry + lots * price) / after
        if after == 0:
            self.positions.pop(symbol)
        elif old is not None and held * after > 0:
            self.positions[symbol] = replace(old, lots=after, entry=entry, seq=seq)
        else:
            self.positions[symbol] = Truth(after, entry, seq)
        self.note(now_ms)
        made = fill(symbol, lots, price, now_ms, exec_id=f"e{seq}", order_id=order_id or f"o{seq}", name=name, seq=seq)
        self.fills.append(made)
        return made

    def set_stop(self, now_ms: int, symbol: str, ticks: int | None, target: int | None, by: TriggerBy) -> None:
        """Both legs."""
        if symbol in self.positions:
            old = self.positions[symbol]
            self.positions[symbol] = replace(
                old,
                stop_ticks=ticks,
                target_ticks=target,
                stop_order=ticks is not None and not self.forgets_orders,
                stop_by=by,
            )
            self.note(now_ms)

    def read(self, now_ms: int) -> AccountSeen:
        """A picture; with nothing in it that could not be read."""
        if self.deaf(now_ms):
            failed = tuple((what, "503") for what in ("account", "positions", "orders"))
            return AccountSeen(now_ms, failed=failed)
        seen = self._seen(now_ms)
        rows = tuple(self._row(name, one, now_ms) for name, one in sorted(seen.items()))
        stops = [self._stop(name, one, now_ms) for name, one in sorted(seen.items()) if one.stop_order]
        live = [one for one in self.orders.values() if not one.state.final]
        unrealised = sum(one.lots * 0.01 * (self.marks[name] - one.entry) for name, one in self.positions.items())
        wallet = Decimal(repr(self.wallet_usdt))
        account = AccountView(
            wallet + Decimal(repr(unrealised)), wallet, wallet, Decimal(0), Decimal(0), Decimal(0), now_ms
        )
        return AccountSeen(now_ms, account, Snapshot(rows, now_ms), Snapshot((*stops, *live), now_ms))

    def _row(self, name: str, one: Truth, now_ms: int) -> PositionView:
        liquidation = self.liquidation.get(name)
        return PositionView(
            symbol=name,
            lots=one.lots,
            entry_price=Decimal(repr(one.entry)),
            mark_price=Decimal(repr(self.marks[name])),
            unrealised_usdt=Decimal(0),
            initial_margin_usdt=Decimal(0),
            maintenance_margin_usdt=Decimal(0),
            liquidation_price=None if liquidation is None else Decimal(repr(liquidation)),
            leverage_x=Decimal(5),
            stop_loss_ticks=one.stop_ticks,
            take_profit_ticks=one.target_ticks,
            seq=one.seq,
            at_ms=now_ms,
        )

    def _stop(self, name: str, one: Truth, now_ms: int) -> OrderView:
        assert one.stop_ticks is not None
        return OrderView(
            order_id=f"stop-{name}-{one.stop_ticks}",
            client_order_id="",
            symbol=name,
            lots=-one.lots,
            filled_lots=0,
            average_price=None,
            price_ticks=None,
            trigger=Trigger(one.stop_ticks, one.stop_by, rising=one.lots < 0),
            reduce_only=True,
            of_position=True,
            state=OrderState.UNTRIGGERED,
            reason="",
            created_ms=now_ms,
            at_ms=now_ms,
        )

    def look(self, now_ms: int, name: str) -> OrderView | None:
        """An order by its name, if it is seen."""
        return None if self.deaf(now_ms) else self.orders.get(name)

    def fills_since(self, now_ms: int, since_ms: int) -> list[VenueFill] | None:
        """Executions; None when they cannot be read."""
        if self.deaf(now_ms) or self.no_fills(now_ms):
            return None
        return [one for one in self.fills if one.at_ms >= since_ms]

    def move(self, now_ms: int, usdt: float, kind: MoveKind = MoveKind.TRANSFER, word: str = "TRANSFER") -> MoneyMove:
        """Money comes in, or goes out below 0."""
        self.wallet_usdt += usdt
        made = MoneyMove(f"m{next(self.number)}", kind, word, Decimal(repr(usdt)), now_ms)
        self.moves.append(made)
        return made

    def transfers_since(self, now_ms: int, since_ms: int) -> list[MoneyMove] | None:
        """Movements that are listed by now; None when they cannot be read."""
        if self.deaf(now_ms) or self.no_transfers(now_ms):
            return None
        return [one for one in self.moves if since_ms <= one.at_ms <= now_ms - self.listed_late_ms]

    def answer(self, now_ms: int, effect: Mutation) -> tuple[Answer, list[VenueFill]]:
        """Do what is asked for, or say why not; with the executions that it made."""
        if isinstance(effect, SetPositionStop):
            return self.on_stop(now_ms, effect) or self._set_stop(now_ms, effect), []
        if isinstance(effect, SendOrder):
            said = self.on_order(now_ms, effect)
            return (said, []) if said is not None else self._take(now_ms, effect)
        if isinstance(effect, CancelOrder):
            name = effect.client_order_id
            if name in self.orders and not self.orders[name].state.final:
                self.orders[name] = replace(self.orders[name], state=OrderState.CANCELLED, at_ms=now_ms)
            return Ack("", effect.client_order_id, now_ms), []
        return self._amend(now_ms, effect), []

    def _set_stop(self, now_ms: int, effect: SetPositionStop) -> Answer:
        held, ticks = self.positions.get(effect.symbol), effect.stop_loss_ticks
        if held is None:
            return Rejected(Refusal.NO_POSITION, "10001", "zero position")
        side = 1 if held.lots > 0 else -1
        if ticks is not None and side * self.marks[effect.symbol] <= side * ticks * self.ticks:
            return Rejected(Refusal.TRIGGER_SIDE, "110092", "the stop is beyond the mark")
        self.set_stop(now_ms, effect.symbol, ticks, effect.take_profit_ticks, effect.by)
        return Ack("", "", now_ms)

    def _amend(self, now_ms: int, effect: AmendOrder) -> Answer:
        request = effect.request
        old = self.orders[request.client_order_id]
        assert old.trigger is not None
        assert request.trigger_ticks is not None
        trigger, lots = replace(old.trigger, price_ticks=request.trigger_ticks), request.lots or old.lots
        self.orders[request.client_order_id] = replace(old, trigger=trigger, lots=lots, at_ms=now_ms)
        return Ack(old.order_id, request.client_order_id, now_ms)

    def _take(self, now_ms: int, effect: SendOrder) -> tuple[Answer, list[VenueFill]]:
        """An order: conditional ones wait, the others fill at the mark, as far as there is something to reduce."""
        request = effect.request
        ack = Ack(f"v-{request.client_order_id}", request.client_order_id, now_ms)
        held = self.positions.get(request.symbol)
        if request.trigger is not None:
            self.orders[request.client_order_id] = OrderView(
                order_id=ack.order_id,
                client_order_id=request.client_order_id,
                symbol=request.symbol,
                lots=request.lots,
                filled_lots=0,
                average_price=None,
                price_ticks=None,
                trigger=request.trigger,
                reduce_only=True,
                of_position=False,
                state=OrderState.UNTRIGGERED,
                reason="",
                created_ms=now_ms,
                at_ms=now_ms,
            )
            return ack, []
        if held is None or held.lots * request.lots >= 0:
            return Rejected(Refusal.REDUCE_ONLY, "110017", "nothing to reduce"), []
        lots = max(-abs(held.lots), min(abs(held.lots), request.lots))
        price = self.marks[request.symbol]
        return ack, [self.trade(now_ms, request.symbol, lots, price, request.client_order_id, ack.order_id)]


def refused(refusal: Refusal, text: str = "no") -> Rejected:
    """A refusal."""
    return Rejected(refusal, "1", text)


def storm() -> Unknown:
    """Nobody knows."""
    return Unknown("503")
