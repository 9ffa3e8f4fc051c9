"""Which key, which account, which state folder: a watchdog as the configuration means it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from xsmom.config.resolved import Resolved
from xsmom.domain.effects import Note, Severity
from xsmom.engine.watchdog import WatchRules
from xsmom.errors import ConfigError, OutputError, StateError, XsmomError
from xsmom.live.clock import SystemClock
from xsmom.live.watchdog.eyes import Eyes
from xsmom.live.watchdog.process import Watchdog, WatchSetting
from xsmom.live.watchdog.sign import read_sign
from xsmom.live.wiring import access_of, refuse_dead_man
from xsmom.ports import Sink, Venue
from xsmom.store.readers import open_reader
from xsmom.store.rules import StoreRules
from xsmom.venues.roster import open_venue
from xsmom.venues.wire import Access, Keys

LOCK = "watchdog.lock"


@dataclass(slots=True)
class TraderJournal:
    """What the watchdog learns from the trader's journal, which it only reads."""

    config: Resolved
    state_dir: Path
    sinks: Sequence[Sink]
    known: frozenset[str] = frozenset()

    def account(self) -> str:
        """Whose it is; empty where there is no journal yet."""
        try:
            reader = open_reader(StoreRules.of(self.config), self.state_dir)
        except XsmomError:
            return ""
        try:
            return reader.account
        finally:
            reader.close()

    def ignored(self) -> frozenset[str]:
        """Symbols that the trader leaves alone: as configured, and as told at its start. The last known, if unread."""
        written = frozenset(self.config.written.live.ignore_symbols)
        try:
            reader = open_reader(StoreRules.of(self.config), self.state_dir)
            try:
                book = reader.newest_book()
            finally:
                reader.close()
        except XsmomError as error:
            if self._has_journal():
                note = Note("watchdog.journal_unread", Severity.ERROR, {"why": str(error)})
                for sink in self.sinks:
                    sink.tell(SystemClock().now_ms(), (note,))
            return self.known | written
        if book is not None:
            self.known = frozenset(book.ignored)
        return self.known | written

    def _has_journal(self) -> bool:
        """Before a trader's first start there is none, and nothing to say about it."""
        from xsmom.store.database import find_place

        file = find_place(StoreRules.of(self.config).plain_url, self.state_dir).file
        return file is None or file.exists()


def watchdog_access(config: Resolved, lapse: float = 1.0) -> Access:
    """How the account is reached, with the watchdog's own key."""
    access = access_of(config, lapse)
    if lapse != 1.0 and access.base_url is None:
        raise ConfigError("--lapse is for an exchange of your own: give its address as exchange.base_url")
    written = config.written.exchange
    if written.watchdog_api_key is None or written.watchdog_api_secret is None:
        raise ConfigError(
            "no key for the watchdog: give XSMOM__EXCHANGE__WATCHDOG_API_KEY and "
            "XSMOM__EXCHANGE__WATCHDOG_API_SECRET in the environment or in .env; it is of the traded account, and "
            "another than the trader's"
        )
    return replace(access, keys=Keys(written.watchdog_api_key, written.watchdog_api_secret))


def make_watchdog(config: Resolved, sinks: Sequence[Sink], lapse: float = 1.0) -> Watchdog:
    """A watchdog of this configuration's live trader."""
    refuse_dead_man(config)
    access, exchange = watchdog_access(config, lapse), str(config.value("exchange.id"))
    state_dir = Path(str(config.value("live.state_dir")))
    sign = read_sign(state_dir)
    journal = TraderJournal(config, state_dir, sinks, frozenset(sign.ignored if sign is not None else ()))

    async def open_line() -> Venue:
        return await open_venue(exchange, access)

    setting = WatchSetting(
        rules=WatchRules.of(config).hasten(lapse),
        state_dir=state_dir,
        stop_file=Path(str(config.value("risk.kill_switch.file"))),
        sinks=sinks,
        ignored=journal.ignored,
        poll_s=max(2.0 / lapse, 0.1),
    )
    return Watchdog(Eyes(open_line, journal.account), setting)


def watch(config: Resolved, sinks: Sequence[Sink], lapse: float = 1.0) -> str:
    """Watch until asked to stop; why it ended."""

    async def work() -> str:
        watchdog = make_watchdog(config, sinks, lapse)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, watchdog.stop)
        return await watchdog.run()

    with _alone(config):
        return asyncio.run(work())


def watch_once(config: Resolved, sinks: Sequence[Sink]) -> Watchdog:
    """One round, with all that it does; the next one goes on from its file."""

    async def work() -> Watchdog:
        watchdog = make_watchdog(config, sinks)
        try:
            await watchdog.round()
        finally:
            await watchdog.eyes.close()
        return watchdog

    with _alone(config):
        return asyncio.run(work())


@contextmanager
def _alone(config: Resolved) -> Iterator[None]:
    """Two watchdogs of one trader would each close its positions; the lock goes with its process."""
    path = Path(str(config.value("live.state_dir"))) / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): give this user the right to") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise StateError(f"another watchdog watches here already ({path} is locked): stop that one first") from None
    try:
        yield
    finally:
        os.close(file)
