"""The loop: one queue, one clock, one writer. It takes an event, lets the engine step, commits, and only then acts.

Everything that waits is elsewhere (feeds, courier); nothing that decides is here. Below stands the last catch of the
process: what nobody foresaw halts the process, and the stops on the exchange stand.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xsmom.domain.book import Book
from xsmom.domain.effects import Effect, Exit, Note, SetTimer, Severity
from xsmom.domain.events import BarClosed, CommandGiven, Event, QuotesSeen, TimerFired
from xsmom.domain.journal import Entry
from xsmom.domain.market_data import Quote
from xsmom.domain.window import Window
from xsmom.engine import money
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, step
from xsmom.ports import Clock, Journal, Sink

Carry = Callable[[Effect], None]
Pack = Callable[[Window], bytes]


class Inbox:
    """The one queue. Quotes wait as the newest one of each symbol, so that a slow turn never meets old prices."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._quotes: dict[str, Quote] = {}
        self._something = asyncio.Event()
        self.high_water = 0

    def put(self, event: Event) -> None:
        """Something has come in."""
        if isinstance(event, QuotesSeen):
            self._quotes.update({one.symbol: one for one in event.quotes})
        else:
            self._events.append(event)
            self.high_water = max(self.high_water, len(self._events))
        self._something.set()

    async def take(self) -> Event:
        """The next event; quotes come when nothing else waits."""
        while not self._events and not self._quotes:
            self._something.clear()
            await self._something.wait()
        if self._events:
            return self._events.popleft()
        quotes, self._quotes = self._quotes, {}
        return QuotesSeen(tuple(quotes[symbol] for symbol in sorted(quotes)))

    def __len__(self) -> int:
        return len(self._events) + bool(self._quotes)


@dataclass(slots=True)
class Timers:
    """Timers by name: a later one of the same name takes the place of the earlier."""

    clock: Clock
    put: Callable[[Event], None]
    _handles: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    def set(self, effect: SetTimer) -> None:
        """Fire at its time."""
        before = self._handles.pop(effect.name, None)
        if before is not None:
            before.cancel()
        wait_s = max(0.0, (effect.due_ms - self.clock.now_ms()) / 1_000 / self.clock.speed)
        loop = asyncio.get_running_loop()
        self._handles[effect.name] = loop.call_later(wait_s, self._fire, effect)

    def stop(self) -> None:
        """None fires any more."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def __len__(self) -> int:
        return len(self._handles)

    def _fire(self, effect: SetTimer) -> None:
        if self.clock.now_ms() < effect.due_ms:
            self.set(effect)  # the machine's clock and the loop's are two
            return
        self._handles.pop(effect.name, None)
        self.put(TimerFired(effect.name, effect.due_ms))


class Loop:
    """One account, led by one engine."""

    def __init__(
        self,
        rules: Rules,
        journal: Journal,
        window: Window,
        clock: Clock,
        sinks: Sequence[Sink],
        *,
        book: Book | None = None,
        pack: Pack,
    ) -> None:
        self.rules, self.journal, self.window, self.clock = rules, journal, window, clock
        self.inbox = Inbox()
        self.timers = Timers(clock, self.inbox.put)
        self.book = book
        self.why = ""
        self._sinks, self._pack = tuple(sinks), pack
        self._carry: Carry | None = None
        #: Newest quotes that no entry of the journal holds: the book does not know them either.
        self._fresh: dict[str, Quote] = {}

    async def run(self, carry: Carry) -> str:
        """Events until the engine says that it is done; what it says."""
        self._carry = carry
        try:
            while not self.why:
                self.turn(await self.inbox.take())
        except Exception as error:
            # Nobody foresaw this: no order leaves any more, and the stops on the exchange stand.
            self.why = f"halted: {type(error).__name__}: {error}"
            self.tell([Note("process.halted", Severity.CRITICAL, {"error": self.why})])
            raise
        finally:
            self.timers.stop()
        return self.why

    def turn(self, event: Event) -> None:
        """One event: step, commit, act. Quotes that change nothing are kept until an event may rest on them."""
        if isinstance(event, QuotesSeen):
            self._fresh.update({one.symbol: one for one in event.quotes})
            self._take(self._resting(self._concerned()), only_news=True)
            return
        if self.book is not None and money.knows(self.book, event):
            # Lists of executions overlap, so that none is missed: what is read again need not be journaled again.
            return
        wide = isinstance(event, BarClosed | CommandGiven)
        self._take(self._resting(None if wide else self._concerned()))
        self._take(event)

    def _take(self, event: Event | None, *, only_news: bool = False) -> None:
        if event is None:
            return
        now_ms = self.clock.now_ms()
        grow(self.window, event)
        before = self.book
        book, effects, notes = step(before, self.window, event, now_ms, self.rules)
        if only_news and before is not None and not _is_news(before, book, effects):
            return
        if isinstance(event, QuotesSeen):
            for one in event.quotes:
                self._fresh.pop(one.symbol, None)
        self.journal.append(Entry(book.seq, now_ms, event, effects, notes), book)
        self.book = book
        if self.journal.snapshot_due:
            self.journal.save_snapshot(book, self._pack(self.window))
        self.tell(notes)
        self._act(effects)

    def _concerned(self) -> set[str]:
        """Names whose quotes matter between bars: held, ordered or being worked."""
        book = self.book
        if book is None:
            return set()
        held = {symbol for at, symbol in enumerate(book.roster.symbols) if book.lots[at]}
        worked = {task.approved.intent.symbol for task in book.tasks.values()}
        return held | worked | {order.symbol for order in book.orders.values() if not order.phase.final}

    def _resting(self, symbols: set[str] | None) -> QuotesSeen | None:
        """Quotes that no entry holds yet; of some symbols, or of all."""
        if self.book is None:
            return None
        chosen = [one for name, one in sorted(self._fresh.items()) if symbols is None or name in symbols]
        return QuotesSeen(tuple(chosen)) if chosen else None

    def tell(self, notes: Sequence[Note]) -> None:
        """Notes to whoever listens; none of them can hold us up."""
        if notes:
            for sink in self._sinks:
                sink.tell(self.clock.now_ms(), notes)

    def _act(self, effects: tuple[Effect, ...]) -> None:
        assert self._carry is not None, "the loop runs"
        for effect in effects:
            if isinstance(effect, SetTimer):
                self.timers.set(effect)
            elif isinstance(effect, Exit):
                self.why = effect.why
            else:
                self._carry(effect)


def _is_news(before: Book, after: Book, effects: tuple[Effect, ...]) -> bool:
    """Whether quotes changed what is held or known beside them, or had an effect."""
    parts = ("positions", "orders", "tasks", "protection", "mode", "money", "kill", "records", "guards")
    return bool(effects) or any(getattr(before, part) is not getattr(after, part) for part in parts)
