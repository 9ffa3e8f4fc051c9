"""A venue that loses, delays, repeats and reorders; it keeps the truth, so that a twice-sent order shows.

It cuts nothing: an order that only reduces is filled as it was sent, so that a book crossing 0 shows as well.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.orders.stage import Stage, view
from xsmom.domain.effects import AmendOrder, CancelOrder, Effect, LookupOrder, SendOrder
from xsmom.domain.events import Ask
from xsmom.domain.orders import LiveOrder, Phase
from xsmom.domain.trading import (
    Ack,
    Answer,
    OrderRequest,
    OrderState,
    Refusal,
    Rejected,
    TimeInForce,
    Unknown,
)

RECV_WINDOW_MS, VISIBLE_MS = 5_000, 9_000
_REFUSALS = (Refusal.RATE, Refusal.MARGIN, Refusal.OTHER, Refusal.CLOCK, Refusal.POST_ONLY)


@dataclass
class Truth:
    """An order as it really is."""

    request: OrderRequest
    at_ms: int
    filled: int = 0
    state: OrderState = OrderState.WORKING
    words: int = 0

    @property
    def left(self) -> int:
        """Signed lots that may still fill."""
        return 0 if self.state.final else self.request.lots - self.filled


@dataclass
class UnrulyVenue:
    """Answers a stage, in its own time."""

    stage: Stage
    draw: Random
    orders: dict[str, Truth] = field(default_factory=dict)
    #: Requests that may still arrive.
    under_way: dict[str, int] = field(default_factory=dict)
    position: dict[str, int] = field(default_factory=dict)
    ghosts: list[str] = field(default_factory=list)
    sends: dict[str, int] = field(default_factory=dict)
    _queue: list[tuple[int, int, str, Callable[[], list[Effect]]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        for at, symbol in enumerate(self.stage.book.roster.symbols):
            self.position[symbol] = int(self.stage.book.lots[at])

    # --- the clock ---------------------------------------------------------------------------

    @property
    def next_ms(self) -> int | None:
        """When something of the venue comes next."""
        return self._queue[0][0] if self._queue else None

    def deliver(self) -> None:
        """The next thing comes."""
        at_ms, _, _, act = heapq.heappop(self._queue)
        self.stage.now_ms = max(self.stage.now_ms, at_ms)
        self.take(act())

    def crash(self) -> None:
        """The process dies and comes again: answers and lookups on their way are lost, streams are read again."""
        self._queue = [one for one in self._queue if one[2] == "stream"]
        heapq.heapify(self._queue)
        stage = self.stage
        stage.book = replace(stage.book, started_ms=stage.now_ms, work_due_ms=0)
        self.take(stage.tick(1))

    def _later(self, delay_ms: int, kind: str, act: Callable[[], Any]) -> None:
        self._count += 1

        def run() -> list[Effect]:
            return act() or []

        heapq.heappush(self._queue, (self.stage.now_ms + delay_ms, self._count, kind, run))

    # --- what is asked of it -----------------------------------------------------------------

    def take(self, effects: list[Effect]) -> None:
        """Effects of a step go out."""
        for effect in list(effects):
            if isinstance(effect, SendOrder):
                self._send(effect.request)
            elif isinstance(effect, CancelOrder):
                self._cancel(effect)
            elif isinstance(effect, AmendOrder):
                self._amend(effect)
            elif isinstance(effect, LookupOrder):
                self._look(effect)

    def _reply(self, name: str, answer: Answer, ask: Ask = Ask.SUBMIT, delay_ms: int | None = None) -> None:
        sent_ms = self.stage.now_ms
        wait_ms = self.draw.randrange(1, 2_000) if delay_ms is None else delay_ms
        self._later(wait_ms, "reply", lambda: self.stage.reply(name, answer, ask, sent_ms))

    def _send(self, request: OrderRequest) -> None:
        name = request.client_order_id
        self.sends[name] = self.sends.get(name, 0) + 1
        if self.sends[name] > 1 and (name in self.orders or self.under_way.get(name, -1) >= self.stage.now_ms):
            self.ghosts.append(name)
        fate = self.draw.random()
        if fate < 0.1:
            self._reply(name, Unknown("lost before it arrived"), delay_ms=5_000)
        elif fate < 0.2:
            self._reply(name, Rejected(self.draw.choice(_REFUSALS), "", ""))
        elif fate < 0.35:
            delay_ms = self.draw.randrange(RECV_WINDOW_MS)
            self.under_way[name] = self.stage.now_ms + delay_ms
            self._later(delay_ms, "stream", lambda: self._arrive(request))
            self._reply(name, Unknown("time-out"), delay_ms=self.draw.randrange(5_000))
        elif name in self.orders:
            self._reply(name, Rejected(Refusal.DUPLICATE_ID, "", ""))
        else:
            self._arrive(request)
            known = Unknown("cut") if fate < 0.45 else Ack(f"v-{name}", name, self.stage.now_ms)
            self._reply(name, known)

    def _arrive(self, request: OrderRequest) -> None:
        name = request.client_order_id
        if name in self.orders:
            return
        self.orders[name] = Truth(request, self.stage.now_ms)
        self._tell(name)
        at_once = request.time_in_force is TimeInForce.IOC
        for _ in range(self.draw.randrange(4)):
            self._later(self.draw.randrange(200 if at_once else 20_000), "stream", lambda: self._fill(name))
        if request.time_in_force is TimeInForce.IOC or self.draw.random() < 0.1:
            self._later(self.draw.randrange(300), "stream", lambda: self._end(name))

    def _cancel(self, effect: CancelOrder) -> None:
        name, fate = effect.client_order_id, self.draw.random()
        truth = self.orders.get(name)
        if fate < 0.15:
            self._reply(name, Unknown("time-out"), Ask.CANCEL)
            return
        if truth is None or truth.state.final:
            refusal = Refusal.NOT_FOUND if truth is None else Refusal.ALREADY_DONE
            self._reply(name, Rejected(refusal, "", ""), Ask.CANCEL)
            return
        self._later(self.draw.randrange(500), "stream", lambda: self._end(name))
        self._reply(name, Unknown("cut") if fate < 0.3 else Ack("", name, 0), Ask.CANCEL)

    def _amend(self, effect: AmendOrder) -> None:
        name, truth = effect.request.client_order_id, self.orders.get(effect.request.client_order_id)
        if truth is None or truth.state.final:
            self._reply(name, Rejected(Refusal.NOT_FOUND, "", ""), Ask.AMEND)
        elif self.draw.random() < 0.2:
            self._reply(name, Rejected(self.draw.choice((Refusal.OTHER, Refusal.RATE)), "", ""), Ask.AMEND)
        else:
            truth.request = replace(truth.request, price_ticks=effect.request.price_ticks)
            self._tell(name)
            answer: Answer = Unknown("cut") if self.draw.random() < 0.2 else Ack("", name, 0)
            self._reply(name, answer, Ask.AMEND)

    def _look(self, effect: LookupOrder) -> None:
        name, asked_ms = effect.client_order_id, self.stage.now_ms
        if self.draw.random() < 0.2:
            return  # the read failed
        truth = self.orders.get(name)
        shown = None
        if truth is not None and (truth.at_ms + self.draw.randrange(VISIBLE_MS) <= asked_ms):
            shown = self._view(truth)
        self._later(self.draw.randrange(300), "lookup", lambda: self.stage.lookup(name, shown, asked_ms))

    # --- what happens ------------------------------------------------------------------------

    def _fill(self, name: str) -> list[Effect]:
        truth = self.orders[name]
        if not truth.left:
            return []
        size = self.draw.randrange(1, abs(truth.left) + 1)
        lots = size if truth.left > 0 else -size
        truth.filled += lots
        truth.state = OrderState.PARTIAL if truth.left else OrderState.FILLED
        self.position[truth.request.symbol] += lots
        order = LiveOrder(truth.request, name, Phase.SENT, truth.at_ms)
        self._later(self.draw.randrange(3_000), "stream", lambda: self.stage.fill(order, lots))
        self._tell(name)
        return []

    def _end(self, name: str) -> list[Effect]:
        truth = self.orders[name]
        if not truth.state.final:
            truth.state = self.draw.choice((OrderState.CANCELLED, OrderState.CANCELLED, OrderState.EXPIRED))
            self._tell(name)
        return []

    def _tell(self, name: str) -> None:
        """Word of it comes late, more than once, or not at all unless it is the last word."""
        truth = self.orders[name]
        shown = self._view(truth)
        times = self.draw.choice((0, 1, 1, 2)) if not truth.state.final else self.draw.choice((1, 1, 2))
        for _ in range(times):
            self._later(self.draw.randrange(4_000), "stream", lambda: self.stage.update(shown))

    def _view(self, truth: Truth) -> Any:
        truth.words += 1
        order = LiveOrder(truth.request, "", Phase.SENT, truth.at_ms)
        return view(order, truth.state, truth.filled, at_ms=truth.at_ms + truth.words)
