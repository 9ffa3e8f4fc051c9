"""The loop that leads the engine's own step through a scripted venue: events in order of time, effects carried out."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.unit.engine.books import quote
from tests.unit.engine.scripted_venue import Mutation, ScriptedVenue
from xsmom.domain.book import Book
from xsmom.domain.effects import (
    AmendOrder,
    CancelOrder,
    Effect,
    EnsureModes,
    FetchAccount,
    FetchFills,
    FetchTransfers,
    LookupOrder,
    Note,
    SendOrder,
    SetPositionStop,
    SetTimer,
)
from xsmom.domain.events import (
    Ask,
    Event,
    FillSeen,
    FillsRead,
    OrderLookedUp,
    QuotesSeen,
    TimerFired,
    TransfersRead,
    VenueReplied,
)
from xsmom.domain.orders import Intent, LiveOrder, Phase, Purpose
from xsmom.domain.trading import OrderRequest, VenueFill
from xsmom.domain.window import Window
from xsmom.engine.rules import Rules
from xsmom.engine.step import step
from xsmom.engine.turn import Turn
from xsmom.live.courier import move_event

READ_MS, ANSWER_MS = 20, 10
ASKS = {SetPositionStop: Ask.STOP, SendOrder: Ask.SUBMIT, CancelOrder: Ask.CANCEL, AmendOrder: Ask.AMEND}


@dataclass
class Scene:
    """The loop, and what was seen of it."""

    book: Book
    rules: Rules
    venue: ScriptedVenue
    now_ms: int
    queue: list[tuple[int, int, Event]] = field(default_factory=list)
    count: Iterator[int] = field(default_factory=itertools.count)
    notes: list[tuple[int, Note]] = field(default_factory=list)
    sent: list[tuple[int, Effect]] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    window: Window = field(init=False)
    #: Answers about transfers are lost on their way.
    deaf_to_transfers: bool = False
    #: Called after each step.
    check: Callable[[Scene], None] = lambda _scene: None

    def __post_init__(self) -> None:
        roster = self.book.roster
        bar_ms = self.rules.pace.bar_ms
        self.window = Window(roster.symbols, roster.listed_ms, roster.delisted_ms, bar_ms=bar_ms, bars_max=8)

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
        """One step of the engine, and what it asks for."""
        self.book, effects, notes = step(self.book, self.window, event, self.now_ms, self.rules)
        self.notes += [(self.now_ms, one) for one in notes]
        for effect in effects:
            self.sent.append((self.now_ms, effect))
            self._carry_out(effect)
        self.check(self)

    @property
    def exits(self) -> list[tuple[int, Intent]]:
        """Exits of the sentinel that were sent."""
        return [
            (at_ms, one.approved.intent)
            for at_ms, one in self.sent
            if isinstance(one, SendOrder) and one.approved.intent.purpose is Purpose.EXIT
        ]

    def _carry_out(self, effect: Effect) -> None:
        now_ms = self.now_ms
        if isinstance(effect, SetTimer):
            self.timers[effect.name] = effect.due_ms
            self.at(effect.due_ms, TimerFired(effect.name, effect.due_ms))
        elif isinstance(effect, FetchAccount):
            self.at(now_ms + READ_MS, replace(self.venue.read(now_ms), asked_ms=now_ms))
        elif isinstance(effect, FetchFills):
            self._tell_fills(effect)
        elif isinstance(effect, FetchTransfers):
            self._tell_transfers(effect)
        elif isinstance(effect, LookupOrder):
            name = effect.client_order_id
            found = self.venue.look(now_ms, name)
            self.at(now_ms + READ_MS, OrderLookedUp(effect.symbol, name, now_ms, found))
        elif isinstance(effect, SetPositionStop | SendOrder | CancelOrder | AmendOrder):
            self._answer(effect)
        else:
            assert isinstance(effect, EnsureModes)

    def _answer(self, effect: Mutation) -> None:
        answer, fills = self.venue.answer(self.now_ms, effect)
        request: Any = getattr(effect, "request", effect)
        name = getattr(request, "client_order_id", "")
        ask = ASKS[type(effect)]
        self.at(self.now_ms + ANSWER_MS, VenueReplied(ask, request.symbol, name, self.now_ms, answer))
        for made in fills:
            self.at(self.now_ms + ANSWER_MS + 1, FillSeen(made))

    def _tell_fills(self, effect: FetchFills) -> None:
        now_ms = self.now_ms
        fills = self.venue.fills_since(now_ms, effect.since_ms)
        for made in fills or ():
            self.at(now_ms + READ_MS, FillSeen(made))
        failed = "503" if fills is None else ""
        self.at(now_ms + READ_MS, FillsRead(effect.since_ms, now_ms, failed))

    def _tell_transfers(self, effect: FetchTransfers) -> None:
        now_ms = self.now_ms
        if self.deaf_to_transfers:
            return
        moves = self.venue.transfers_since(now_ms, effect.since_ms)
        for move in moves or ():
            self.at(now_ms + READ_MS, move_event(move))
        self.at(now_ms + READ_MS, TransfersRead(effect.since_ms, now_ms, "503" if moves is None else ""))

    def told(self, name: str) -> list[Note]:
        """Notes of that name so far."""
        return [one for _, one in self.notes if one.name == name]

    def asked(self) -> list[SetPositionStop]:
        """Stops asked for so far."""
        return [one for _, one in self.sent if isinstance(one, SetPositionStop)]
