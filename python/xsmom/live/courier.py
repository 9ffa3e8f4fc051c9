"""Carries effects out, one symbol's in their order, and brings the answers back as events.

A courier never decides: what an answer means is the engine's. A mutation answers and never raises; a read that fails
is told as failed, so that unknown stays unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from xsmom.domain.effects import (
    AmendOrder,
    CancelOrder,
    Effect,
    EnsureModes,
    FetchAccount,
    FetchDepth,
    FetchFills,
    FetchTransfers,
    HoldCalls,
    LookupOrder,
    SendOrder,
    SetPositionStop,
)
from xsmom.domain.events import (
    AccountSeen,
    Ask,
    DepthSeen,
    Event,
    FillSeen,
    FillsRead,
    FundingPaid,
    MoveSeen,
    OrderLookedUp,
    TransferSeen,
    TransfersRead,
    VenueReplied,
)
from xsmom.domain.trading import (
    Answer,
    FillKind,
    MoneyMove,
    MoveKind,
    OrderRequest,
    Refusal,
    Rejected,
    Unknown,
    VenueFill,
)
from xsmom.errors import VenueError
from xsmom.live.link import LinkMeter
from xsmom.ports import Clock, Venue

_HELD = Rejected(Refusal.RATE, "local", "not sent: the breaker is not closed")
T = TypeVar("T")
Put = Callable[[Event], None]


class Courier:
    """One account's errands."""

    def __init__(self, venue: Venue, clock: Clock, link: LinkMeter, put: Put) -> None:
        self._venue, self._clock, self._link, self._put = venue, clock, link, put
        self._last: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._read_again = False
        self._running: set[asyncio.Task[None]] = set()
        #: An errand that failed in a way that nobody foresaw: whoever waits for it must end the process.
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def carry(self, effect: Effect) -> None:
        """Begin an errand; its answer comes as an event."""
        if isinstance(effect, FetchAccount):
            self._read_account()
        elif isinstance(effect, FetchFills):
            self._run(self._read_fills(effect.since_ms))
        elif isinstance(effect, FetchTransfers):
            self._run(self._read_transfers(effect.since_ms))
        elif isinstance(effect, FetchDepth):
            self._run(self._read_depth(effect))
        elif isinstance(effect, EnsureModes):
            self._run(self._ensure_modes(effect))
        elif isinstance(effect, HoldCalls):
            self._link.hold(held=effect.held)
        elif isinstance(effect, SendOrder | AmendOrder | CancelOrder | SetPositionStop | LookupOrder):
            self._in_turn(effect)

    async def finish(self, seconds: float) -> None:
        """Let what is under way come back, for a while."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.broken.done():
            self.broken.set_exception(error)

    def _in_turn(self, effect: SendOrder | AmendOrder | CancelOrder | SetPositionStop | LookupOrder) -> None:
        """After what was asked for the same symbol before: a cancel does not overtake its order.

        Stops and lookups wait for their own kind alone: a stop never waits for an order's answer, and neither waits
        for a reading that is tried again and again.
        """
        name = effect.request.symbol if isinstance(effect, SendOrder | AmendOrder) else effect.symbol
        kind = type(effect) if isinstance(effect, SetPositionStop | LookupOrder) else SendOrder
        line = (kind.__name__, name)
        before = self._last.get(line)

        async def work() -> None:
            if before is not None:
                await asyncio.wait([before])
            await self._do(effect)

        task = self._run(work())
        self._last[line] = task
        task.add_done_callback(lambda done: self._forget(line, done))

    def _forget(self, line: tuple[str, str], done: asyncio.Task[None]) -> None:
        if self._last.get(line) is done:
            del self._last[line]

    async def _do(self, effect: Effect) -> None:
        venue = self._venue
        if isinstance(effect, SendOrder):
            request = effect.request
            if self._link.held and not _protects(request):
                sent_ms = self._clock.now_ms()
                self._put(VenueReplied(Ask.SUBMIT, request.symbol, request.client_order_id, sent_ms, _HELD))
                return
            await self._ask(Ask.SUBMIT, request.symbol, request.client_order_id, lambda: venue.submit(request))
        elif isinstance(effect, AmendOrder):
            change = effect.request
            await self._ask(Ask.AMEND, change.symbol, change.client_order_id, lambda: venue.amend(change))
        elif isinstance(effect, CancelOrder):
            symbol, order_id = effect.symbol, effect.client_order_id
            await self._ask(Ask.CANCEL, symbol, order_id, lambda: venue.cancel(symbol, order_id))
        elif isinstance(effect, SetPositionStop):
            stop = effect
            await self._ask(
                Ask.STOP,
                stop.symbol,
                "",
                lambda: venue.set_position_stop(stop.symbol, stop.stop_loss_ticks, stop.take_profit_ticks, stop.by),
            )
        elif isinstance(effect, LookupOrder):
            await self._look_up(effect.symbol, effect.client_order_id)

    async def _ask(self, ask: Ask, symbol: str, order_id: str, work: Callable[[], Awaitable[Answer]]) -> None:
        sent_ms = self._clock.now_ms()
        answer = await self._link.call(ask.value, work)
        self._put(VenueReplied(ask, symbol, order_id, sent_ms, answer))

    async def _look_up(self, symbol: str, order_id: str) -> None:
        asked_ms = self._clock.now_ms()
        try:
            order = await self._link.call("lookup", lambda: self._venue.order_by_client_id(symbol, order_id))
        except VenueError:
            return  # nothing was learned: the engine asks again when its time comes
        self._put(OrderLookedUp(symbol, order_id, asked_ms, order))

    async def _ensure_modes(self, effect: EnsureModes) -> None:
        sent_ms = self._clock.now_ms()
        try:
            report = await self._link.call("modes", lambda: self._venue.ensure_modes(effect.modes), can_wait=True)
        except VenueError as error:
            self._put(VenueReplied(Ask.MODES, "", "", sent_ms, Unknown(str(error))))
            return
        self._put(VenueReplied(Ask.MODES, "", "", sent_ms, modes=report))

    def _read_account(self) -> None:
        """One reading at a time; what is asked for meanwhile makes one more."""
        if self._reading is not None and not self._reading.done():
            self._read_again = True
            return
        self._reading = self._run(self._account())

    async def _account(self) -> None:
        while True:
            self._read_again = False
            failed: list[tuple[str, str]] = []
            asked_ms = self._clock.now_ms()
            account, positions, orders = await asyncio.gather(
                self._try("account", self._venue.account, failed),
                self._try("positions", self._venue.positions, failed),
                self._try("orders", self._venue.open_orders, failed),
            )
            self._put(AccountSeen(self._clock.now_ms(), account, positions, orders, tuple(failed), asked_ms))
            if not self._read_again:
                return

    async def _try(self, what: str, work: Callable[[], Awaitable[T]], failed: list[tuple[str, str]]) -> T | None:
        try:
            return await self._link.call(what, work)
        except VenueError as error:
            failed.append((what, str(error)))
            return None

    async def _read_fills(self, since_ms: int) -> None:
        asked_ms = self._clock.now_ms()
        try:
            fills = await self._link.call("fills", lambda: self._venue.fills(since_ms))
        except VenueError as error:
            self._put(FillsRead(since_ms, asked_ms, str(error)))
            return
        for fill in fills:
            self._put(fill_event(fill))
        self._put(FillsRead(since_ms, asked_ms))

    async def _read_depth(self, effect: FetchDepth) -> None:
        symbol, levels = effect.symbol, effect.levels
        try:
            depth = await self._link.call("depth", lambda: self._venue.depth(symbol, levels), can_wait=True)
        except VenueError:
            return  # nothing was learned: who waits for it goes on waiting, and asks again
        self._put(DepthSeen(depth))

    async def _read_transfers(self, since_ms: int) -> None:
        asked_ms = self._clock.now_ms()
        try:
            moves = await self._link.call("transfers", lambda: self._venue.transfers(since_ms), can_wait=True)
        except VenueError as error:
            self._put(TransfersRead(since_ms, asked_ms, str(error)))
            return
        for move in moves:
            self._put(move_event(move))
        self._put(TransfersRead(since_ms, asked_ms))


def _protects(request: OrderRequest) -> bool:
    """It reduces, or it is a stop."""
    return request.reduce_only or request.trigger is not None


def move_event(move: MoneyMove) -> Event:
    """A movement of money as the event that it is."""
    if move.kind is MoveKind.TRANSFER:
        return TransferSeen(move.move_id, move.amount_usdt, move.at_ms)
    return MoveSeen(move)


def fill_event(fill: VenueFill) -> Event:
    """An execution as the event that it is."""
    return FundingPaid(fill) if fill.kind is FillKind.FUNDING else FillSeen(fill)
