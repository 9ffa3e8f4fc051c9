"""The watchdog's rounds: listen, look, judge, act, and say that it lives. It decides nothing here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from xsmom.domain.effects import Note, Severity
from xsmom.domain.trading import Ack, Answer, NoChange
from xsmom.engine.watchdog import (
    Action,
    Beat,
    CancelEntry,
    Close,
    Latch,
    Look,
    Tell,
    Watch,
    WatchRules,
    judge,
    listen,
    look_is_due,
    uncovered,
)
from xsmom.errors import OutputError, Response, VenueError
from xsmom.live.clock import SystemClock
from xsmom.live.heartbeat import notify_systemd, read_heartbeat
from xsmom.live.watchdog.eyes import READ_S, Eyes
from xsmom.live.watchdog.latch import KillLatch
from xsmom.live.watchdog.sign import WatchSign, pack_watch, read_sign, unpack_watch, write_sign
from xsmom.ports import Clock, Sink

POLL_S = 2.0
_JOURNAL_S = 10.0


@dataclass(slots=True)
class WatchSetting:
    """What a watchdog is given."""

    rules: WatchRules
    state_dir: Path
    stop_file: Path
    sinks: Sequence[Sink] = ()
    #: Symbols that the trader leaves alone, as far as can be known now.
    ignored: Callable[[], frozenset[str]] = frozenset
    poll_s: float = POLL_S
    clock: Clock = field(default_factory=SystemClock)


class Watchdog:
    """Watches one trader."""

    def __init__(self, eyes: Eyes, setting: WatchSetting) -> None:
        self.eyes, self.setting = eyes, setting
        self.latch = KillLatch(setting.state_dir, setting.stop_file)
        self.watch = _begin(setting)
        self.seen: Look | None = None
        self._blind = ""
        self._ignored: frozenset[str] = frozenset()
        self._asking: asyncio.Future[frozenset[str]] | None = None
        self._stopped = asyncio.Event()

    async def run(self) -> str:
        """Watch until asked to stop; a key that must not be used ends it at once, an exchange that is away does not."""
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await self._first_look()
            self._note(Note("watchdog.started", Severity.INFO, {"pid": os.getpid()}))
            notify_systemd("READY=1")
            while not self._stopped.is_set():
                await self.round()
                await asyncio.wait({stopped}, timeout=self.setting.poll_s)
            return "asked to"
        finally:
            stopped.cancel()
            notify_systemd("STOPPING=1")
            await self.eyes.close()

    def stop(self) -> None:
        """Ask it to end: it leaves everything as it is."""
        self._stopped.set()

    async def round(self) -> None:
        """Once: what is heard is acted upon before anything is read of the exchange."""
        await self._listen()
        if look_is_due(self.watch, self._now_ms(), self.setting.rules):
            look = await self.eyes.look(self._now_ms, await self._left_alone())
            self._remember(look)
            # Reading takes time: a trader that came back meanwhile is not to be traded against.
            await self._listen()
            self.watch, actions = judge(self.watch, look, self._now_ms(), self.setting.rules)
            await self._act(actions)
        self._sign()
        notify_systemd("WATCHDOG=1")

    async def _first_look(self) -> None:
        try:
            await asyncio.wait_for(self.eyes.open(), READ_S)
        except (VenueError, TimeoutError) as error:
            if isinstance(error, VenueError) and error.response is Response.HALT:
                raise
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            self._note(Note("watchdog.blind", Severity.ERROR, {"why": f"the exchange: {why}"}))

    async def _left_alone(self) -> frozenset[str]:
        """What the trader leaves alone. Its journal may be on a server that hangs: the watch does not."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(asyncio.to_thread(self.setting.ignored))
        done, _ = await asyncio.wait({self._asking}, timeout=_JOURNAL_S)
        if done:
            self._ignored = self._asking.result()
        else:
            why = f"no answer within {_JOURNAL_S:g} s"
            self._note(Note("watchdog.journal_unread", Severity.ERROR, {"why": why}))
        return self._ignored

    async def _listen(self) -> None:
        told = read_heartbeat(self.setting.state_dir)
        beat = None if told is None else Beat(told.at_ms, told.pid, told.seq, bool(told.kill), told.unwell)
        now_ms = self._now_ms()
        latched = self.latch.stands(self.watch.heard_ms, now_ms)
        self.watch, actions = listen(self.watch, beat, now_ms, self.setting.rules, latched=latched)
        await self._act(actions)

    async def _act(self, actions: Sequence[Action]) -> None:
        """In their order; orders of one round together, because one leg alone would be a bet."""
        sends = [self._send(one) for one in actions if isinstance(one, Close | CancelEntry)]
        for action in actions:
            if isinstance(action, Latch):
                self._set_latch(action.reason)
            elif isinstance(action, Tell):
                self._note(action.note)
        await asyncio.gather(*sends)

    def _set_latch(self, reason: str) -> None:
        try:
            where = self.latch.set(reason, self._now_ms())
        except OutputError as error:
            self._note(Note("watchdog.latch_failed", Severity.CRITICAL, {"why": str(error)}))
            return
        self._note(Note("watchdog.latched", Severity.CRITICAL, {"why": reason, "where": where}))

    async def _send(self, action: Close | CancelEntry) -> None:
        if isinstance(action, CancelEntry):
            answer = await self.eyes.cancel(action.symbol, action.client_order_id)
            fields: dict[str, object] = {"symbol": action.symbol, "order": action.client_order_id}
            self._answered("watchdog.entry_cancelled", fields, answer)
            return
        request = action.request
        answer = await self.eyes.send(request)
        price = "market" if request.price_ticks is None else f"{request.price_ticks} ticks"
        self._answered("watchdog.closing", {"symbol": request.symbol, "lots": request.lots, "price": price}, answer)

    def _answered(self, name: str, fields: dict[str, object], answer: Answer) -> None:
        taken = isinstance(answer, Ack | NoChange)
        text = "taken" if taken else str(answer)
        self._note(Note(name, Severity.WARNING if taken else Severity.ERROR, {**fields, "answer": text}))

    def _remember(self, look: Look) -> None:
        self._blind = look.why
        if look.positions is not None and look.orders is not None:
            self.seen = look

    def _sign(self) -> None:
        """Its own sign of life; a disk that is full does not end the watch."""
        watch, seen = self.watch, self.seen
        held = None if seen is None else len(seen.held)
        covered = None if seen is None else 1.0 - (len(uncovered(seen)) / held if held else 0.0)
        state = "flattening" if watch.flatten_ms is not None else "silent" if watch.silent else "watching"
        latched = self.latch.stands(watch.heard_ms, self._now_ms())
        ignored = sorted(self._ignored)
        sign = WatchSign(
            self._now_ms(), os.getpid(), state, latched, held, covered, self._blind, ignored, pack_watch(watch)
        )
        try:
            write_sign(self.setting.state_dir, sign)
        except OSError as error:
            self._note(Note("watchdog.unwritten", Severity.ERROR, {"why": f"its sign of life: {error.strerror}"}))

    def _note(self, note: Note) -> None:
        for sink in self.setting.sinks:
            sink.tell(self._now_ms(), (note,))

    def _now_ms(self) -> int:
        return self.setting.clock.now_ms()


def _begin(setting: WatchSetting) -> Watch:
    """Where the last one left off; a gap in between is seen by the policy."""
    now_ms = setting.clock.now_ms()
    sign = read_sign(setting.state_dir)
    kept = None if sign is None else unpack_watch(sign.watch)
    if kept is None:
        return Watch(watched_ms=now_ms, round_ms=now_ms)
    return replace(kept, looked_ms=0, looks_failed=0)
