"""One trading process from start to end: recover, catch up, follow, and leave in order.

The stops on the exchange stay whatever happens here; leaving cancels none of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xsmom.domain.book import Book, Roster
from xsmom.domain.effects import Note, Severity
from xsmom.domain.events import Command, CommandGiven
from xsmom.domain.limits import Limits
from xsmom.engine import money, sentinel
from xsmom.engine.modes import unreconciled
from xsmom.engine.rules import Rules
from xsmom.errors import XsmomError
from xsmom.live.bars import BarClock, BarFeed, BarSource
from xsmom.live.clock import SystemClock
from xsmom.live.control import read_commands, remove_command, stop_file_command
from xsmom.live.courier import Courier
from xsmom.live.feeds import Feeds
from xsmom.live.heartbeat import Heartbeat, notify_systemd, write_heartbeat
from xsmom.live.limits import settle_limits
from xsmom.live.link import LinkMeter
from xsmom.live.loop import Loop
from xsmom.live.recovery import fold_tail, recover
from xsmom.live.start import Setting, names_at, rules_at, start_event
from xsmom.live.watchdog.missed import MissedWatchdog
from xsmom.ports import Clock, Journal, Venue
from xsmom.store.window_bytes import pack

_READY_WAIT_S = 60.0
_READY_POLL_S = 0.05


class Process:
    """Joins venue, journal and loop."""

    def __init__(self, venue: Venue, journal: Journal, clock: Clock, setting: Setting) -> None:
        self.venue, self.journal, self.clock, self.setting = venue, journal, clock, setting
        self.link = LinkMeter(clock.speed)
        self.loop: Loop | None = None
        #: What is obeyed, once it runs: the configuration's rules, what this venue can do, the bounds of this start.
        self.rules: Rules = setting.rules
        self._missed = MissedWatchdog(SystemClock().now_ms())

    async def run(self) -> str:
        """Until the engine says that it is done, or something fails that nobody foresaw."""
        setting = self.setting
        limits = self._limits()
        self.rules = rules = rules_at(self.venue, setting, limits)
        names = await names_at(self.venue, rules, self.journal.newest_book(), setting.ignore)
        roster = Roster.of(names)
        kept = recover(self.journal, rules, roster)
        loop = Loop(rules, self.journal, kept.window, self.clock, setting.sinks, book=kept.book, pack=pack)
        self.loop = loop
        loop.tell(self.journal.told)
        courier = Courier(self.venue, self.clock, self.link, loop.inbox.put)
        feeds = Feeds(self.venue, self.clock, self.link, courier, loop.inbox.put, loop.tell, setting.beats)
        source = BarSource(self.venue, names, rules.pace.bar_ms, self.link, setting.pace)
        times = BarClock(self.venue.now_ms, self.clock.speed)
        bars = BarFeed(source, times, rules.pace.bar_ms, setting.pace, loop.inbox.put, loop.tell)
        loop.inbox.put(await start_event(self.venue, setting, names, kept.book, limits, self.clock.now_ms()))
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
            self._leave(loop)
            notify_systemd("STOPPING=1")

    def _leave(self, loop: Loop) -> None:
        """Make the next start quick; where that fails the journal alone carries it, and why we end is not hidden."""
        try:
            if loop.book is not None and loop.book.seq:
                self.journal.save_snapshot(loop.book, pack(loop.window))
        except XsmomError as error:
            loop.tell([Note("snapshot.failed", Severity.WARNING, {"why": str(error)})])

    def _limits(self) -> Limits:
        setting, journal = self.setting, self.journal
        book = journal.newest_book()
        if book is None and journal.last_seq:
            book = fold_tail(journal, setting.rules)  # the newest entry was torn: what bounded the size still does
        before = None if book is None else book.limits
        return settle_limits(setting.config, setting.rules, before, self.clock.now_ms())

    async def _bars(self, bars: BarFeed, feeds: Feeds, loop: Loop, last_ms: int | None) -> None:
        begun_ms = self.clock.now_ms()
        # Before the stream stands, the account agrees, stops are seen and the clock is measured every entry would be
        # refused, and the next bar may be a day away.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready(feeds, loop), _READY_WAIT_S)
        newest_ms = await bars.catch_up(last_ms, loop.window.bars_max, self.setting.progress)
        loop.tell([Note("bars.caught_up", Severity.INFO, {"took_ms": self.clock.now_ms() - begun_ms})])
        notify_systemd("READY=1")
        await bars.follow(newest_ms)

    async def _ready(self, feeds: Feeds, loop: Loop) -> None:
        await feeds.listening.wait()
        while True:
            book = loop.book
            if book is not None and _is_ready(book, loop.rules):
                return
            await asyncio.sleep(_READY_POLL_S)

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
        seq = -1
        while True:
            book = loop.book
            if book is not None:
                self.journal.beat(self.clock.now_ms())
                # Whoever watches has the clock of this machine, not that of an exchange in time-lapse.
                beat = heartbeat_of(
                    book,
                    SystemClock().now_ms(),
                    load_of(loop),
                    unwell_of(book, loop.rules, self.clock.now_ms()),
                )
                write_heartbeat(self.setting.state_dir, beat)
                if book.seq != seq:
                    # One that takes in nothing is no better than one that hangs.
                    notify_systemd("WATCHDOG=1")
                seq = book.seq
                if self.setting.config_watch is not None:
                    loop.tell(self.setting.config_watch.notes())
                if self.setting.watched:
                    loop.tell(self._missed.notes(self.setting.state_dir, SystemClock().now_ms()))
            await asyncio.sleep(self.setting.heartbeat_s if book is not None else self.setting.poll_s)


def unwell_of(book: Book, rules: Rules, now_ms: int) -> str:
    """Why a trader that runs cannot see to what it holds; empty where it can, or holds and works nothing."""
    at_stake = not book.flat or bool(book.tasks)
    if not at_stake or not rules.gates.facts_needed or book.health.maintenance:
        return ""
    age_ms = now_ms - max(book.venue.reconciled_ms, book.started_ms)
    if age_ms <= rules.gates.account_age_max_ms:
        return ""
    missing = "; ".join(f"{what}: {why}" for what, why in book.venue.unread) or "it does not agree with the book"
    return f"the account was not read and found right for {age_ms // 1_000} s ({missing})"


def load_of(loop: Loop) -> dict[str, int]:
    """What the process carries: it grows with the market for a moment, and never for good."""
    return {"working": len(asyncio.all_tasks()), "waiting": len(loop.inbox), "timers": len(loop.timers)}


def heartbeat_of(book: Book, at_ms: int, load: Mapping[str, int], unwell: str = "") -> Heartbeat:
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
        unwell=unwell,
        orders=len(book.orders),
        **load,
    )


def _is_ready(book: Book, rules: Rules) -> bool:
    """Account, its modes, stops and clock are known: nothing that only takes a moment stands against an entry."""
    agreed = not unreconciled(book, rules) and sentinel.covers(book, rules)
    return agreed and book.venue.modes_told and not math.isnan(book.health.skew_ms + book.health.skew_bound_ms)


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
