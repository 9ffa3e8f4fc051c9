"""The exchange core behind a line that loses, cuts, delays, repeats and reorders; what really happened stays true."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, Protocol, TypeVar

from tests.simulation.market import CONTRACTS, SYMBOLS, Market
from xsmom.domain.effects import (
    AmendOrder,
    CancelOrder,
    Effect,
    EnsureModes,
    FetchAccount,
    FetchFills,
    FetchTransfers,
    LookupOrder,
    SendOrder,
    SetPositionStop,
)
from xsmom.domain.events import (
    AccountSeen,
    Ask,
    Event,
    FillsRead,
    LinkChanged,
    OrderLookedUp,
    OrderUpdated,
    TransfersRead,
    VenueReplied,
)
from xsmom.domain.trading import (
    Ack,
    Answer,
    ModeReport,
    NoChange,
    OrderView,
    Refusal,
    Rejected,
    Snapshot,
    Unknown,
    VenueFill,
)
from xsmom.live.courier import fill_event, move_event
from xsmom.venues.paper.paper_account import PaperAccount
from xsmom.venues.paper.stage import Stage

T = TypeVar("T")
CASH = Decimal(10_000)
RECV_WINDOW_MS, VISIBLE_MS = 5_000, 3_000
Mutation = SendOrder | AmendOrder | CancelOrder | SetPositionStop


class Clock(Protocol):
    """Virtual time, and what is to happen in it."""

    now_ms: int

    def after(self, wait_ms: int, act: Callable[[], None], *, ours: bool) -> None:
        """Do it then; what is ours dies with the process."""

    def put(self, event: Event) -> None:
        """Something comes in."""


@dataclass(frozen=True)
class Faults:
    """Chances: of a request, of an answer, of a read, of a word on the stream."""

    #: Lost before the exchange had it; done, and the answer lost; arrived late, and nobody waited so long; refused.
    lost: float = 0.0
    cut: float = 0.0
    slow: float = 0.0
    refused: float = 0.0
    #: A read fails.
    unread: float = 0.0
    #: An event comes late, or twice.
    late: float = 0.0
    twice: float = 0.0

    @classmethod
    def drawn(cls, draw: Random) -> Faults:
        """Some of them, each as bad as it may be."""
        worst = {"lost": 0.15, "cut": 0.15, "slow": 0.1, "refused": 0.1, "unread": 0.2, "late": 0.3, "twice": 0.3}
        return cls(**{name: draw.random() * most if draw.random() < 0.6 else 0.0 for name, most in worst.items()})


class Exchange:
    """One account, and the line to it."""

    def __init__(self, clock: Clock, market: Market, draw: Random, faults: Faults) -> None:
        self._clock, self._market, self._draw, self.faults = clock, market, draw, faults
        self.stage = Stage(CONTRACTS, (Decimal("0.0002"), Decimal("0.00055")))
        self.stage.open_account("sim", CASH, clock.now_ms)
        self.account = PaperAccount(self.stage)
        #: How often each client id was taken; until when each request may still arrive.
        #: Nothing goes out or comes in.
        self.dark = False
        self.accepted: dict[str, int] = {}
        #: What the owner has moved in, less what was moved out.
        self.moved_usdt = 0
        self.under_way: dict[str, int] = {}
        self.hang_up()
        self.price()

    def hang_up(self) -> None:
        """The process at our end is gone: nobody waits for an answer."""
        self._lines: dict[str, deque[Callable[[], int]]] = {}
        self._reading = self._again = False
        self._calls = self._failures = 0

    # --- what happens there ------------------------------------------------------------------

    def price(self) -> None:
        """The market as it is now; what wakes is filled."""
        for symbol in SYMBOLS:
            self._do(self._market.picture(symbol))

    def pay_funding(self, symbol: str, rate_e8: int) -> None:
        """A settlement."""
        self._do({"do": "funding", "symbol": SYMBOLS.index(symbol), "rate_e8": rate_e8})

    def transfer(self, usdt: int) -> bool:
        """The owner moves money in, or out below 0; whether the exchange let it go."""
        events = self.stage.apply({"do": "transfer", "account": 0, "change_e8": usdt * 10**8}, self._clock.now_ms)
        self._tell()
        moved = not any(one["event"] == "refused" for one in events)
        self.moved_usdt += usdt * moved
        return moved

    def strip_stop(self, symbol: str) -> bool:
        """Somebody takes the stop of a position away; whether there was one."""
        if not any(one.symbol == symbol and one.stop_loss_ticks for one in self.account.positions()):
            return False
        off = {"stop_loss_ticks": 0, "stop_loss_by": "mark", "take_profit_ticks": 0, "take_profit_by": "mark"}
        self._do({"do": "set_stops", "account": 0, "symbol": SYMBOLS.index(symbol), **off})
        return True

    def _do(self, command: dict[str, Any]) -> None:
        self.stage.apply(command, self._clock.now_ms)
        self._tell()

    def _tell(self) -> None:
        for told in self.stage.take_told():
            if isinstance(told, OrderView):
                self._stream(OrderUpdated(told))
            elif isinstance(told, VenueFill):
                self._stream(fill_event(told))

    def _stream(self, event: Event) -> None:
        if self.dark:
            return
        late = self._draw.random() < self.faults.late
        wait_ms = self._draw.randrange(200, 4_000) if late else 20
        self._clock.after(wait_ms, lambda: self._clock.put(event), ours=True)
        if self._draw.random() < self.faults.twice:
            again_ms = wait_ms + self._draw.randrange(1, 5_000)
            self._clock.after(again_ms, lambda: self._clock.put(event), ours=True)

    # --- what is asked of it -----------------------------------------------------------------

    def carry(self, effect: Effect) -> None:
        """Begin an errand; those of one symbol wait for one another."""
        if isinstance(effect, FetchAccount):
            self.read_account()
        elif isinstance(effect, FetchFills):
            self.read_fills(effect.since_ms)
        elif isinstance(effect, FetchTransfers):
            self.read_transfers(effect.since_ms)
        elif isinstance(effect, EnsureModes):
            self._ensure_modes(effect)
        elif isinstance(effect, LookupOrder):
            self._queue(effect.symbol, lambda: self._look_up(effect))
        elif isinstance(effect, SendOrder | AmendOrder | CancelOrder | SetPositionStop):
            symbol = effect.request.symbol if isinstance(effect, SendOrder | AmendOrder) else effect.symbol
            self._queue(symbol, lambda: self._mutate(symbol, effect))

    def link(self) -> LinkChanged:
        """How the line has been since this was last asked."""
        calls, failures = self._calls, self._failures
        self._calls = self._failures = 0
        lag_ms = 100.0 if calls else float("nan")
        return LinkChanged(self._clock.now_ms, calls, failures, lag_ms, 0.0, 20.0, streaming=not self.dark)

    @property
    def failing(self) -> bool:
        """Whether something failed since the line was last asked for."""
        return self._failures > 0

    def _queue(self, symbol: str, begin: Callable[[], int]) -> None:
        """`begin` gives the time that its answer takes."""
        line = self._lines.setdefault(symbol, deque())
        line.append(begin)
        if len(line) == 1:
            self._next(symbol)

    def _next(self, symbol: str) -> None:
        line = self._lines[symbol]

        def done() -> None:
            line.popleft()
            if line:
                self._next(symbol)

        self._calls += 1
        self._clock.after(line[0](), done, ours=True)

    def _mutate(self, symbol: str, effect: Mutation) -> int:
        clock, draw, faults = self._clock, self._draw, self.faults
        sent_ms, name = clock.now_ms, getattr(getattr(effect, "request", effect), "client_order_id", "")
        ask = _ASKS[type(effect)]
        fate, there_ms = draw.random(), draw.randrange(5, 120)
        back_ms, box = there_ms + draw.randrange(5, 120), list[Answer]()
        refused = draw.random() < faults.refused
        arrives, heard = True, True
        if self.dark or fate < faults.lost:
            arrives, heard, back_ms = False, False, draw.randrange(500, 5_000)
        elif fate < faults.lost + faults.cut:
            heard = False
        elif fate < faults.lost + faults.cut + faults.slow:
            heard, there_ms, back_ms = False, draw.randrange(100, RECV_WINDOW_MS), draw.randrange(500, 4_000)
        if not heard:
            self._failures += 1

        def arrive() -> None:
            answer = Rejected(Refusal.RATE, "rate", "too many requests") if refused else self._apply(symbol, effect)
            box.append(answer)
            self._tell()

        def reply() -> None:
            answer = box[0] if heard else Unknown("time-out")
            clock.put(VenueReplied(ask, symbol, name, sent_ms, answer))

        if arrives:
            if ask is Ask.SUBMIT:
                self.under_way[name] = sent_ms + there_ms
            clock.after(there_ms, arrive, ours=False)
        clock.after(back_ms, reply, ours=True)
        return back_ms

    def _apply(self, symbol: str, effect: Mutation) -> Answer:
        account, now_ms = self.account, self._clock.now_ms
        if isinstance(effect, SendOrder):
            answer = account.submit(effect.request, SYMBOLS.index(symbol), now_ms)
            if isinstance(answer, Ack):
                name = effect.request.client_order_id
                self.accepted[name] = self.accepted.get(name, 0) + 1
            return answer
        if isinstance(effect, AmendOrder):
            return account.amend(effect.request, now_ms)
        if isinstance(effect, CancelOrder):
            return account.cancel(symbol, effect.client_order_id, now_ms)
        return account.set_stops(symbol, effect.stop_loss_ticks, effect.take_profit_ticks, effect.by, now_ms)

    def _look_up(self, effect: LookupOrder) -> int:
        asked_ms, name = self._clock.now_ms, effect.client_order_id
        wait_ms, hidden_ms = self._draw.randrange(10, 200), self._draw.randrange(VISIBLE_MS)

        def answer() -> None:
            if self._fails():
                return
            found = self.account.order(effect.symbol, name)
            if found is not None and found.created_ms + hidden_ms > asked_ms and self.faults.unread:
                found = None
            self._clock.put(OrderLookedUp(effect.symbol, name, asked_ms, found))

        self._clock.after(wait_ms, answer, ours=True)
        return wait_ms

    def _ensure_modes(self, effect: EnsureModes) -> None:
        sent_ms, failed = self._clock.now_ms, self._fails()
        changed = []
        for symbol in effect.modes.symbols:
            answer = self.account.set_leverage(symbol, effect.modes.leverage_x, sent_ms)
            if not isinstance(answer, NoChange):
                changed.append(f"leverage {symbol}")
        self._tell()
        event = VenueReplied(Ask.MODES, "", "", sent_ms, Unknown("time-out"))
        if not failed:
            event = VenueReplied(Ask.MODES, "", "", sent_ms, modes=ModeReport(tuple(changed)))
        self._clock.after(self._draw.randrange(20, 300), lambda: self._clock.put(event), ours=True)

    # --- reads -------------------------------------------------------------------------------

    def read_account(self) -> None:
        """One reading at a time; what is asked for meanwhile makes one more."""
        if self._reading:
            self._again = True
            return
        self._reading, self._again, asked_ms = True, False, self._clock.now_ms
        self._clock.after(self._draw.randrange(10, 150), lambda: self._picture(asked_ms), ours=True)

    def _picture(self, asked_ms: int) -> None:
        at_ms, failed = self._clock.now_ms, list[tuple[str, str]]()

        def read(what: str, work: Callable[[], T]) -> T | None:
            self._calls += 1
            if self._fails():
                failed.append((what, "503"))
                return None
            return work()

        account = read("account", lambda: self.account.money(at_ms))
        positions = read("positions", lambda: Snapshot(self.account.positions(), at_ms))
        orders = read("orders", lambda: Snapshot(self.account.open_orders(), at_ms))

        def deliver() -> None:
            self._reading = False
            self._clock.put(AccountSeen(self._clock.now_ms, account, positions, orders, tuple(failed), asked_ms))
            if self._again:
                self.read_account()

        self._clock.after(self._draw.randrange(5, 100), deliver, ours=True)

    def read_fills(self, since_ms: int) -> None:
        """Every execution since then, and word that these were all."""
        asked_ms = self._clock.now_ms
        self._calls += 1

        def answer() -> None:
            if self._fails():
                self._clock.put(FillsRead(since_ms, asked_ms, "503"))
                return
            for fill in self.account.fills(since_ms):
                self._clock.put(fill_event(fill))
            self._clock.put(FillsRead(since_ms, asked_ms))

        self._clock.after(self._draw.randrange(10, 200), answer, ours=True)

    def read_transfers(self, since_ms: int) -> None:
        """Every movement of money since then, and word that these were all."""
        asked_ms = self._clock.now_ms
        self._calls += 1

        def answer() -> None:
            if self._fails():
                self._clock.put(TransfersRead(since_ms, asked_ms, "503"))
                return
            for move in self.account.transfers(since_ms):
                self._clock.put(move_event(move))
            self._clock.put(TransfersRead(since_ms, asked_ms))

        self._clock.after(self._draw.randrange(10, 200), answer, ours=True)

    def _fails(self) -> bool:
        failed = self._draw.random() < self.faults.unread or self.dark
        self._failures += failed
        return failed


_ASKS = {SendOrder: Ask.SUBMIT, AmendOrder: Ask.AMEND, CancelOrder: Ask.CANCEL, SetPositionStop: Ask.STOP}
