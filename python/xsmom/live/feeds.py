"""What keeps coming in: the account's stream, quotes, contracts, the state of the line, the heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xsmom.domain.effects import FetchAccount, FetchFills, Note, Severity
from xsmom.domain.events import Event, InstrumentsSeen, OrderUpdated, QuotesSeen
from xsmom.domain.trading import Deaf, Gap, OrderView, VenueFill
from xsmom.errors import AuthFailed, VenueError
from xsmom.live.courier import Courier, fill_event
from xsmom.live.link import LinkMeter
from xsmom.ports import Clock, Venue

Put = Callable[[Event], None]
Tell = Callable[[Sequence[Note]], None]

_LEAST_S = 0.05
"""Between two looks at the same thing in time-lapse: an exchange that is hurried is not asked without a pause."""


@dataclass(frozen=True, slots=True)
class Beats:
    """How often each is looked at, seconds of the clock."""

    quotes_s: float = 2.0
    link_s: float = 15.0
    clock_s: float = 30.0
    status_s: float = 60.0
    contracts_s: float = 3_600.0
    #: Fills are read again from so long before the newest that the stream brought.
    overlap_ms: int = 600_000


class Feeds:
    """All of them for one account; each runs for ever and survives whatever the exchange answers."""

    def __init__(
        self,
        venue: Venue,
        clock: Clock,
        link: LinkMeter,
        courier: Courier,
        put: Put,
        tell: Tell,
        beats: Beats | None = None,
    ) -> None:
        self._venue, self._clock, self._link, self._courier = venue, clock, link, courier
        self._put, self._tell = put, tell
        self._beats = beats or Beats()
        #: The stream has spoken for the first time.
        self.listening = asyncio.Event()

    async def run(self, symbols: frozenset[str]) -> None:
        """All feeds at once; ends only when the key is no longer accepted."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.stream())
            group.create_task(self.quotes(symbols))
            group.create_task(self.contracts(symbols))
            group.create_task(self.line())
            group.create_task(self.clock())
            group.create_task(self.status())

    async def stream(self) -> None:
        """The account's own events; wherever one may be missing, everything is read again."""
        while True:
            try:
                async for event in self._venue.events():
                    self._hear(event)
            except AuthFailed as error:
                self._tell([Note("link.refused", Severity.CRITICAL, {"why": str(error)})])
                raise
            except VenueError as error:
                self._tell([Note("link.lost", Severity.WARNING, {"why": str(error)})])
            self._stream_is(up=False)
            await self._sleep(1.0)

    def _stream_is(self, *, up: bool, why: str = "") -> None:
        """Told at once: entries rest on hearing of their fills."""
        self._link.streaming = up
        self._link.deaf = why
        self._put(self._link.look(self._clock.now_ms()))
        if up:
            self.listening.set()

    def _hear(self, event: object) -> None:
        if isinstance(event, Deaf):
            self._stream_is(up=False, why=event.why)
            return
        if not self._link.streaming:
            self._stream_is(up=True)
        if isinstance(event, OrderView):
            self._put(OrderUpdated(event))
        elif isinstance(event, VenueFill):
            self._put(fill_event(event))
        elif isinstance(event, Gap):
            self._tell([Note("link.gap", Severity.WARNING, {"since_ms": event.since_ms, "why": event.why})])
            self._courier.carry(FetchFills(event.since_ms - self._beats.overlap_ms))
            self._courier.carry(FetchAccount(f"gap: {event.why}"))

    async def quotes(self, symbols: frozenset[str]) -> None:
        """The newest prices of every name that may be traded."""
        while True:
            try:
                found = await self._link.call("quotes", self._venue.quotes, can_wait=True)
            except VenueError:
                pass  # counted by the line; the gates judge it
            else:
                self._put(QuotesSeen(tuple(found[name] for name in sorted(symbols & found.keys()))))
            await self._sleep(self._beats.quotes_s)

    async def contracts(self, symbols: frozenset[str]) -> None:
        """Contracts as they are now: steps, status, delisting dates."""
        while True:
            await self._sleep(self._beats.contracts_s)
            try:
                found = await self._link.call("instruments", self._venue.instruments, can_wait=True)
            except VenueError:
                continue
            known = tuple(found[name] for name in sorted(symbols & found.keys()))
            self._put(InstrumentsSeen(known, self._clock.now_ms()))

    async def line(self) -> None:
        """How the line has been; at once when something failed."""
        waited_s = 0.0
        while True:
            self._put(self._link.look(self._clock.now_ms()))
            waited_s = 0.0
            step_s = max(1.0, _LEAST_S * self._clock.speed)
            while waited_s < self._beats.link_s and not self._link.failing:
                await self._sleep(step_s)
                waited_s += step_s

    async def clock(self) -> None:
        """Our clock beside the exchange's: orders, bars and the day's limits hang on it."""
        while True:
            sight = None
            # A failure is counted by the line, and leaves the clock unknown.
            with contextlib.suppress(VenueError):
                sight = await self._link.call("clock", self._venue.measure_clock)
            now_ms = self._clock.now_ms()
            if self._link.note_clock(now_ms, sight):
                self._put(self._link.look(now_ms))
            await self._sleep(self._beats.clock_s)

    async def status(self) -> None:
        """Whether the exchange says that it is interrupted; told at once when it begins and when it is over."""
        while True:
            try:
                why = await self._link.call("status", self._venue.interruption, can_wait=True)
            except VenueError:
                why = self._link.maintenance  # what was said last stands
            if bool(why) != bool(self._link.maintenance):
                self._link.maintenance = why
                self._put(self._link.look(self._clock.now_ms()))
            await self._sleep(self._beats.status_s)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(_LEAST_S, seconds / self._clock.speed))
