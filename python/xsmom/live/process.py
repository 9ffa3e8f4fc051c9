"""One trading process from start to end: recover, catch up, follow, and leave in order.

The stops on the exchange stay whatever happens here; leaving cancels none of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xsmom._core import __version__
from xsmom.config.resolved import Resolved
from xsmom.domain.book import Book, Roster
from xsmom.domain.effects import Note, Severity
from xsmom.domain.events import Command, CommandGiven, Started
from xsmom.domain.market_data import Instrument
from xsmom.engine import money, sentinel
from xsmom.engine.rules import Rules
from xsmom.errors import StateError, XsmomError
from xsmom.live.bars import BarFeed, BarSource, Pace, Progress
from xsmom.live.clock import SystemClock
from xsmom.live.control import read_commands, remove_command, stop_file_command
from xsmom.live.courier import Courier
from xsmom.live.feeds import Beats, Feeds
from xsmom.live.heartbeat import Heartbeat, notify_systemd, write_heartbeat
from xsmom.live.link import LinkMeter
from xsmom.live.loop import Loop
from xsmom.live.names import choose_names
from xsmom.live.recovery import recover
from xsmom.live.watchdog.missed import MissedWatchdog
from xsmom.ports import Clock, Journal, Sink, Venue
from xsmom.store.window_bytes import pack

_STREAM_WAIT_S = 30.0


@dataclass(slots=True)
class Setting:
    """What a process is given: where it lives, who listens, how fast it looks."""

    config: Resolved
    rules: Rules
    state_dir: Path
    stop_file: Path
    sinks: Sequence[Sink] = ()
    progress: Progress | None = None
    pace: Pace = field(default_factory=Pace)
    beats: Beats = field(default_factory=Beats)
    heartbeat_s: float = 60.0
    poll_s: float = 0.5
    initial_usdt: float | None = None
    adopt: bool = False
    ignore: tuple[str, ...] = ()
    #: Whether a watchdog should be there, so that its absence is told.
    watched: bool = False


class Process:
    """Joins venue, journal and loop."""

    def __init__(self, venue: Venue, journal: Journal, clock: Clock, setting: Setting) -> None:
        self.venue, self.journal, self.clock, self.setting = venue, journal, clock, setting
        self.link = LinkMeter(getattr(clock, "speed", 1.0))
        self.loop: Loop | None = None
        self._missed = MissedWatchdog(SystemClock().now_ms())

    async def run(self) -> str:
        """Until the engine says that it is done, or something fails that nobody foresaw."""
        setting, rules = self.setting, self._rules()
        names = await self._names(rules)
        roster = Roster.of(names)
        kept = recover(self.journal, rules, roster)
        loop = Loop(rules, self.journal, kept.window, self.clock, setting.sinks, book=kept.book, pack=pack)
        self.loop = loop
        loop.tell(self.journal.told)
        courier = Courier(self.venue, self.clock, self.link, loop.inbox.put)
        feeds = Feeds(self.venue, self.clock, self.link, courier, loop.inbox.put, loop.tell, setting.beats)
        source = BarSource(self.venue, names, rules.pace.bar_ms, self.link, setting.pace)
        bars = BarFeed(source, self.clock, rules.pace.bar_ms, setting.pace, loop.inbox.put, loop.tell)
        loop.inbox.put(await self._started(names, kept.book))
        leading = asyncio.ensure_future(loop.run(courier.carry))
        symbols = frozenset(roster.symbols)
        last_ms = kept.window.last_ms
        sides = (
            feeds.run(symbols),
            self._bars(bars, feeds, loop, last_ms),
            self._listen(loop),
            self._beat(loop),
        )
        work: list[asyncio.Future[None]] = [asyncio.ensure_future(one) for one in sides]
        work.append(courier.broken)
        everything: list[asyncio.Future[Any]] = [leading, *work]
        try:
            await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            return await _outcome(leading, work)
        finally:
            for task in everything:
                task.cancel()
            await asyncio.gather(*work, leading, return_exceptions=True)
            await courier.finish(5.0)
            if loop.book is not None and loop.book.seq:
                self.journal.save_snapshot(loop.book, pack(loop.window))
            notify_systemd("STOPPING=1")

    def _rules(self) -> Rules:
        """The configuration's rules, with what this venue can do."""
        caps, rules = self.venue.capabilities, self.setting.rules
        protect = replace(rules.protect, position_stop=caps.position_stop, attach_stop=caps.attach_stop)
        agree = replace(rules.agree, adopt=self.setting.adopt, ignore=self.setting.ignore)
        return replace(rules, protect=protect, agree=agree)

    async def _names(self, rules: Rules) -> tuple[Instrument, ...]:
        instruments, quotes = await asyncio.gather(self.venue.instruments(), self.venue.quotes())
        book = self.journal.newest_book()
        held = [] if book is None else [name for at, name in enumerate(book.roster.symbols) if book.lots[at]]
        positions = await self.venue.positions()
        held += [row.symbol for row in positions.rows]
        return choose_names(instruments, quotes, rules, held=held, ignored=self.setting.ignore)

    async def _started(self, names: tuple[Instrument, ...], book: Book | None) -> Started:
        setting = self.setting
        initial = setting.initial_usdt
        if book is None and initial is None:
            initial = float((await self.venue.account()).equity_usdt)
        if book is None and not (initial or 0.0) > 0.0:
            raise StateError("the account holds no equity: deposit first, then start")
        return Started(
            run_id=secrets.token_hex(4) if book is None else book.run_id,
            at_ms=self.clock.now_ms(),
            config_hash=setting.config.config_hash,
            params_hash=setting.config.params_hash,
            version=__version__,
            instruments=names,
            initial_usdt=initial or 0.0,
            adopt=setting.adopt,
            ignore=setting.ignore,
        )

    async def _bars(self, bars: BarFeed, feeds: Feeds, loop: Loop, last_ms: int | None) -> None:
        begun_ms = self.clock.now_ms()
        # A bar that is decided before the stream stands would find every entry refused.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(feeds.listening.wait(), _STREAM_WAIT_S)
        newest_ms = await bars.catch_up(last_ms, loop.window.bars_max, self.setting.progress)
        loop.tell([Note("bars.caught_up", Severity.INFO, {"took_ms": self.clock.now_ms() - begun_ms})])
        notify_systemd("READY=1")
        await bars.follow(newest_ms)

    async def _listen(self, loop: Loop) -> None:
        """Commands of the operator, and the stop file, within one poll."""
        while True:
            self._hear(loop)
            await asyncio.sleep(self.setting.poll_s)

    def _hear(self, loop: Loop) -> None:
        flatten = loop.rules.gates.flatten_on_kill
        book = loop.book
        killed = stop_file_command(self.setting.stop_file, self.clock.now_ms(), flatten=flatten)
        if killed is not None and book is not None and not book.kill.active:
            loop.turn(killed)
        try:
            letters = read_commands(self.setting.state_dir)
        except XsmomError as error:
            loop.tell([Note("command.unreadable", Severity.ERROR, {"why": str(error)})])
            return
        for letter in letters:
            if loop.book is None:
                return  # the start has not been taken yet: next poll
            loop.turn(letter.given)
            remove_command(letter)

    async def _beat(self, loop: Loop) -> None:
        while True:
            book = loop.book
            if book is not None:
                self.journal.beat(self.clock.now_ms())
                # Whoever watches has the clock of this machine, not that of an exchange in time-lapse.
                write_heartbeat(self.setting.state_dir, heartbeat_of(book, SystemClock().now_ms()))
                notify_systemd("WATCHDOG=1")
                if self.setting.watched:
                    loop.tell(self._missed.notes(self.setting.state_dir, SystemClock().now_ms()))
            await asyncio.sleep(self.setting.heartbeat_s if book is not None else self.setting.poll_s)


def heartbeat_of(book: Book, at_ms: int) -> Heartbeat:
    """What a watcher may know of the book."""
    return Heartbeat(
        at_ms=at_ms,
        pid=os.getpid(),
        seq=book.seq,
        mode=book.mode.value,
        mode_why=book.mode_why,
        equity_usdt=money.equity_usdt(book),
        positions=int((book.lots != 0).sum()),
        coverage_frac=sentinel.coverage_frac(book),
        closed_ms=book.cycle.closed_ms,
        decided_ms=book.cycle.decided_ms,
        kill=book.kill.active,
    )


async def _outcome(leading: asyncio.Future[str], work: Sequence[asyncio.Future[None]]) -> str:
    """Why it ended; a feed that ended has failed, since none ends by itself."""
    if leading.done():
        return leading.result()
    for task in work:
        if task.done():
            with contextlib.suppress(asyncio.CancelledError):
                task.result()
    return "a feed has ended"


def stop_on_signals(
    process: Process, install: Callable[[int, Callable[[], None]], None], signals: Sequence[int]
) -> None:
    """SIGTERM and SIGINT ask the engine to stop and keep: orders are taken back, positions and stops stay."""

    def ask() -> None:
        if process.loop is not None and process.loop.book is not None:
            at_ms = process.clock.now_ms()
            process.loop.inbox.put(CommandGiven(Command.STOP_KEEP, "signal", at_ms, "the process was asked to end"))

    for number in signals:
        install(number, ask)
