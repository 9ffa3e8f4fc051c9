"""A venue after a script, and the small loop that leads both rooms through it.

Time is simulated. What the rooms send is answered as the script says: late, not at all, refused, forgotten. Reads are
pictures of the past where positions lag.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.unit.engine.books import fill, quote
from xsmom.domain.book import Book
from xsmom.domain.effects import (
    AmendOrder,
    CancelOrder,
    Effect,
    FetchAccount,
    FetchFills,
    LookupOrder,
    Note,
    SendOrder,
    SetPositionStop,
    SetTimer,
)
from xsmom.domain.events import (
    AccountSeen,
    Ask,
    Event,
    FillSeen,
    FillsRead,
    QuotesSeen,
    TimerFired,
    TransferSeen,
    VenueReplied,
)
from xsmom.domain.orders import Approved, Intent, LiveOrder, Phase, Purpose, client_order_id
from xsmom.domain.trading import (
    AccountView,
    Ack,
    Answer,
    OrderRequest,
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
from xsmom.engine import money, reconcile, sentinel
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn

READ_MS, ANSWER_MS = 20, 10


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

    def take(self, now_ms: int, effect: SendOrder) -> tuple[Answer, list[VenueFill]]:
        """An order: conditional ones wait, the others fill at the mark, as far as there is something to reduce."""
        said = self.on_order(now_ms, effect)
        if said is not None:
            return said, []
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


@dataclass
class Scene:
    """The loop: events in order of time, a step each, effects carried out."""

    book: Book
    rules: Rules
    venue: ScriptedVenue
    now_ms: int
    queue: list[tuple[int, int, Event]] = field(default_factory=list)
    count: Iterator[int] = field(default_factory=itertools.count)
    notes: list[tuple[int, Note]] = field(default_factory=list)
    sent: list[tuple[int, Effect]] = field(default_factory=list)
    exits: list[tuple[int, Intent]] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    #: Called after each step.
    check: Callable[[Scene], None] = lambda _scene: None

    def at(self, at_ms: int, event: Event) -> None:
        """Something will come."""
        heapq.heappush(self.queue, (at_ms, next(self.count), event))

    def fill(self, symbol: str, lots: int, price: float, *, by_hand: bool = False, tell: bool = True) -> VenueFill:
        """Trade now; ours unless by hand."""
        name = "" if by_hand else f"xm{next(self.count)}"
        if name:
            self._know(name, symbol, lots)
        made = self.venue.trade(self.now_ms, symbol, lots, price, name)
        if tell:
            self.at(self.now_ms + 1, FillSeen(made))
        return made

    def _know(self, name: str, symbol: str, lots: int) -> None:

        live = LiveOrder(OrderRequest(name, symbol, lots), name, Phase.FILLED, self.now_ms, lots)
        self.book = replace(self.book, orders={**self.book.orders, name: live})

    def price(self, symbol: str, price: float) -> None:
        """The market moves, and we hear of it."""
        self.venue.marks[symbol] = price
        self.at(self.now_ms, QuotesSeen((quote(symbol, price, self.now_ms),)))

    def run(self, for_ms: int) -> None:
        """Let time pass."""
        until_ms = self.now_ms + for_ms
        while self.queue and self.queue[0][0] <= until_ms:
            at_ms, _, event = heapq.heappop(self.queue)
            self.now_ms = max(self.now_ms, at_ms)
            if isinstance(event, TimerFired):
                if self.timers.get(event.name) != event.due_ms:
                    continue
                del self.timers[event.name]
            self.step(event)
        self.now_ms = until_ms

    def turn(self) -> Turn:
        """A step in the making, that nothing comes of."""
        return Turn(self.book, self.rules, self.now_ms)

    def poke(self) -> None:
        """A step that no event moves."""
        self.step(TimerFired("poke", self.now_ms))

    def step(self, event: Event) -> None:
        """What the engine does of a step that these rooms are part of."""
        turn = self.turn()
        self._fold(turn, event)
        for intent in sentinel.guard_positions(turn):
            self._approve(turn, intent)
        self.book = turn.book
        self.notes += [(self.now_ms, one) for one in turn.notes]
        for effect in turn.effects:
            self.sent.append((self.now_ms, effect))
            self._carry_out(effect)
        self.check(self)

    def _fold(self, turn: Turn, event: Event) -> None:
        if isinstance(event, FillSeen):
            self._fold_fill(turn, event.fill)
        elif isinstance(event, AccountSeen):
            reconcile.on_account(turn, event)
        elif isinstance(event, FillsRead):
            reconcile.on_fills_read(turn, event)
        elif isinstance(event, TransferSeen):
            reconcile.on_transfer(turn, event)
        elif isinstance(event, QuotesSeen):
            turn.put(quotes={**turn.book.quotes, **{one.symbol: one for one in event.quotes}})
        elif isinstance(event, VenueReplied) and event.ask is Ask.STOP:
            sentinel.on_stop_reply(turn, event)
        elif isinstance(event, VenueReplied):
            self._fold_reply(turn, event)

    def _fold_fill(self, turn: Turn, made: VenueFill) -> None:
        whose = reconcile.origin(turn.book, made)
        if reconcile.is_contained(turn.book, made):
            turn.set_item("fills_seen", made.exec_id, made.at_ms)
        elif money.fold_fill(turn, made, stopped=whose is reconcile.Origin.STOP):
            reconcile.on_fill(turn, made, whose)
            sentinel.on_fill(turn, made)

    def _fold_reply(self, turn: Turn, event: VenueReplied) -> None:
        live = turn.book.orders.get(event.client_order_id)
        if live is None:
            return
        phases = {Ack: Phase.UNTRIGGERED if live.request.trigger else Phase.FILLED, Rejected: Phase.REJECTED}
        if event.ask is Ask.CANCEL:
            phases = {Ack: Phase.CANCELLED}
        phase = phases.get(type(event.answer), Phase.UNKNOWN)
        turn.set_item("orders", event.client_order_id, replace(live, phase=phase))

    def _approve(self, turn: Turn, intent: Intent) -> None:
        approved = Approved(intent, intent.lots, client_order_id("run", intent))
        if intent.purpose is Purpose.PROTECT:
            sentinel.send_stop(turn, approved)
            return

        self.exits.append((self.now_ms, intent))
        request = OrderRequest(approved.client_order_id, intent.symbol, intent.lots, reduce_only=True)
        live = LiveOrder(request, approved.client_order_id, Phase.SENT, self.now_ms)
        turn.set_item("orders", approved.client_order_id, live)
        turn.send(SendOrder(request, approved))

    def _carry_out(self, effect: Effect) -> None:
        now_ms = self.now_ms
        if isinstance(effect, SetTimer):
            self.timers[effect.name] = effect.due_ms
            self.at(effect.due_ms, TimerFired(effect.name, effect.due_ms))
        elif isinstance(effect, FetchAccount):
            self.at(now_ms + READ_MS, self.venue.read(now_ms))
        elif isinstance(effect, FetchFills):
            self._tell_fills(effect)
        elif isinstance(effect, SetPositionStop):
            self._stop(effect)
        elif isinstance(effect, SendOrder):
            answer, fills = self.venue.take(now_ms, effect)
            request = effect.request
            self.at(
                now_ms + ANSWER_MS, VenueReplied(Ask.SUBMIT, request.symbol, request.client_order_id, now_ms, answer)
            )
            for made in fills:
                self.at(now_ms + ANSWER_MS + 1, FillSeen(made))
        elif isinstance(effect, CancelOrder):
            self.venue.orders.pop(effect.client_order_id, None)
            ack = Ack("", effect.client_order_id, now_ms)
            self.at(now_ms + ANSWER_MS, VenueReplied(Ask.CANCEL, effect.symbol, effect.client_order_id, now_ms, ack))
        elif isinstance(effect, AmendOrder):
            self._amend(effect)
        else:
            assert isinstance(effect, LookupOrder)

    def _tell_fills(self, effect: FetchFills) -> None:
        now_ms = self.now_ms
        if self.venue.deaf(now_ms) or self.venue.no_fills(now_ms):
            self.at(now_ms + READ_MS, FillsRead(effect.since_ms, now_ms, "503"))
            return
        for made in self.venue.fills:
            if made.at_ms >= effect.since_ms:
                self.at(now_ms + READ_MS, FillSeen(made))
        self.at(now_ms + READ_MS, FillsRead(effect.since_ms, now_ms))

    def _stop(self, effect: SetPositionStop) -> None:
        now_ms = self.now_ms
        answer = self.venue.on_stop(now_ms, effect)
        if answer is None:
            held = self.venue.positions.get(effect.symbol)
            if held is None:
                answer = Rejected(Refusal.NO_POSITION, "10001", "zero position")
            elif _would_trigger(held, effect.stop_loss_ticks, self.venue.marks[effect.symbol], self.venue.ticks):
                answer = Rejected(Refusal.TRIGGER_SIDE, "110092", "the stop is beyond the mark")
            else:
                self.venue.set_stop(now_ms, effect.symbol, effect.stop_loss_ticks, effect.take_profit_ticks, effect.by)
                answer = Ack("", "", now_ms)
        self.at(now_ms + ANSWER_MS, VenueReplied(Ask.STOP, effect.symbol, "", now_ms, answer))

    def _amend(self, effect: AmendOrder) -> None:
        request = effect.request
        old = self.venue.orders[request.client_order_id]
        assert old.trigger is not None
        assert request.trigger_ticks is not None
        trigger = replace(old.trigger, price_ticks=request.trigger_ticks)
        self.venue.orders[request.client_order_id] = replace(old, trigger=trigger)
        ack = Ack(old.order_id, request.client_order_id, self.now_ms)
        self.at(
            self.now_ms + ANSWER_MS, VenueReplied(Ask.AMEND, request.symbol, request.client_order_id, self.now_ms, ack)
        )

    def told(self, name: str) -> list[Note]:
        """Notes of that name so far."""
        return [one for _, one in self.notes if one.name == name]

    def asked(self) -> list[SetPositionStop]:
        """Stops asked for so far."""
        return [one for _, one in self.sent if isinstance(one, SetPositionStop)]


def _would_trigger(held: Truth, ticks: int | None, mark: float, tick: float) -> bool:
    side = 1 if held.lots > 0 else -1
    return ticks is not None and side * mark <= side * ticks * tick


def refused(refusal: Refusal, text: str = "no") -> Rejected:
    """A refusal."""
    return Rejected(refusal, "1", text)


def storm() -> Unknown:
    """Nobody knows."""
    return Unknown("503")
