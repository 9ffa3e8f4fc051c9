"""The live half of the demo: the sample market on the built-in exchange, traded by the live engine in time-lapse.

The exchange is a process of its own, reached through the unmodified client library over TLS. Nothing of it is real but
the code. Between the closes of bars, where nothing would happen but stops, its clock is moved ahead.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from xsmom.errors import StateError

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.domain.book import Book
    from xsmom.domain.effects import Note
    from xsmom.live.clock import LapseClock
    from xsmom.live.process import Process
    from xsmom.live.recompute import Recomputed
    from xsmom.ports import Journal, Venue

LAPSE = 60.0
"""A second of the wall is a minute of the exchange: fast enough to watch, slow enough for answers to be in time."""

LEAD_S = 2.5
"""So long before a close the clock goes on at its pace, for quotes and account to be fresh."""

_PATIENCE_S = 60.0
_LOOK_S = 0.02
_CALM_S = 0.2
_DAY_MS = 86_400_000


@dataclass(slots=True)
class Traded:
    """What came of it: the journal taken again, and what the exchange says in the end."""

    state_dir: Path
    journal: Path
    done: Recomputed
    truth_lots: dict[str, int]
    held_lots: dict[str, int]
    took_s: float
    #: What was told above the level of information, by name.
    warned: dict[str, int] = field(default_factory=dict)


class Listener:
    """Counts what is told."""

    def __init__(self) -> None:
        self.warned: dict[str, int] = {}

    def tell(self, _at_ms: int, notes: Sequence[Note]) -> None:
        """What is worth more than a line in a log."""
        for note in notes:
            if note.severity.value not in {"debug", "info"}:
                self.warned[note.name] = self.warned.get(note.name, 0) + 1


@dataclass(frozen=True, slots=True)
class Server:
    """The exchange while it runs."""

    port: int
    control: str
    certificate: Path
    key: str
    secret: str

    def command(self, name: str, **given: Any) -> Any:
        """Give a command of the control port."""
        text, kind = json.dumps(given).encode(), {"Content-Type": "application/json"}
        asked = Request(f"{self.control}/{name}", text, kind)  # noqa: S310  the address of our own child
        with urlopen(asked, timeout=_PATIENCE_S) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def serve(panel: Path, begin_day: str, cash_usdt: float, folder: Path) -> Iterator[Server]:
    """Run the exchange over a panel until the block is left."""
    key, secret, certificate = secrets.token_hex(9), secrets.token_hex(18), folder / "exchange.pem"
    command = [sys.executable, "-u", "-m", "xsmom", "simex", "--json", "--panel", str(panel), "--from", begin_day]
    command += ["--speed", f"{LAPSE:g}", "--cert", str(certificate), "--wallet-usdt", f"{cash_usdt:g}"]
    command += ["--key", key, "--secret", secret]
    with (folder / "exchange.log").open("w") as log:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603  ourselves
        try:
            told = json.loads(_read_document(child))
            yield Server(told["port"], told["control"], certificate, key, secret)
        finally:
            child.terminate()
            child.wait(_PATIENCE_S)
            if child.stdout is not None:
                child.stdout.close()


def _read_document(child: subprocess.Popen[str]) -> str:
    """Everything up to the closing brace of the document that it prints when it listens."""
    lines = []
    assert child.stdout is not None
    for line in child.stdout:
        lines.append(line)
        if line.rstrip() == "}":
            return "".join(lines)
    raise StateError(f"the exchange of the demo did not start (exit code {child.wait()}): see exchange.log")


def trade(server: Server, config: Resolved, bars: int, folder: Path, progress: Callable[[int, int], object]) -> Traded:
    """Trade so many bars, and take the journal again."""
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_trade(server, config, bars, folder, progress))


async def _trade(
    server: Server, config: Resolved, bars: int, folder: Path, progress: Callable[[int, int], object]
) -> Traded:
    from pydantic import SecretStr

    from xsmom.live.clock import LapseClock
    from xsmom.live.wiring import trust
    from xsmom.store.opening import open_journal
    from xsmom.store.rules import StoreRules
    from xsmom.venues.roster import open_venue
    from xsmom.venues.wire import Access, Keys

    began_s = monotonic()
    access = Access(
        base_url=f"https://127.0.0.1:{server.port}",
        keys=Keys(SecretStr(server.key), SecretStr(server.secret)),
        tls=trust(str(server.certificate)),
        lapse=LAPSE,
    )
    venue: Venue = await open_venue("bybit", access)
    try:
        clock = LapseClock(await venue.now_ms(), LAPSE)
        journal = open_journal(StoreRules.of(config), folder, f"{venue.venue}:demo", clock)
        try:
            session = _Session(server, venue, clock, journal, config, folder)
            await session.run(bars, progress)
            return session.result(monotonic() - began_s)
        finally:
            journal.close()
    finally:
        await venue.close()


class _Session:
    """One process beside one exchange, and the hand on the exchange's clock."""

    def __init__(
        self, server: Server, venue: Venue, clock: LapseClock, journal: Journal, config: Resolved, folder: Path
    ) -> None:
        from xsmom.engine.rules import Rules
        from xsmom.live.bars import Pace
        from xsmom.live.feeds import Beats
        from xsmom.live.lapse import stretch
        from xsmom.live.process import Process
        from xsmom.live.start import Setting

        self._server, self._venue, self._clock, self._journal = server, venue, clock, journal
        self._listener, self._folder = Listener(), folder
        setting = Setting(
            config,
            stretch(Rules.of(config), LAPSE),
            folder,
            folder / "EMERGENCY_STOP",
            (self._listener,),
            pace=Pace(grace_ms=round(10_000 * LAPSE)),
            beats=Beats(quotes_s=20.0, link_s=60.0),
            heartbeat_s=0.5,
            poll_s=0.05,
        )
        self._process: Process = Process(venue, journal, clock, setting)
        self._task: asyncio.Task[str] | None = None

    async def run(self, bars: int, progress: Callable[[int, int], object]) -> None:
        """From the first close after it is ready; then leave in order, with positions and stops as they are."""
        from xsmom.domain.book import Mode
        from xsmom.domain.events import Command
        from xsmom.live.control import write_command

        self._task = asyncio.ensure_future(self._process.run())
        try:
            await self._until(lambda book: book.mode is Mode.TRADING and book.cycle.touched_ms > 0)
            bar_ms = self._process.setting.rules.pace.bar_ms
            await self._until(_is_settled)
            first_ms = (self._clock.now_ms() // bar_ms + 1) * bar_ms
            for place in range(bars):
                await self._through(first_ms + place * bar_ms)
                progress(place + 1, bars)
            write_command(self._folder, Command.STOP_KEEP, by="demo", reason="the demo is over")
            await asyncio.wait_for(asyncio.shield(self._task), _PATIENCE_S)
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _through(self, close_ms: int) -> None:
        """Move to just before a close, let it come, and wait until all that follows from it is done."""
        to_ms = close_ms - round(LEAD_S * 1_000 * LAPSE)
        if self._clock.now_ms() < to_ms:
            told = await asyncio.to_thread(self._server.command, "advance", to_ms=to_ms)
            self._clock.move_to(int(told["now_ms"]))
            await self._venue.measure_clock()
        await self._until(lambda book: book.cycle.closed_ms >= close_ms)
        await self._until(_is_settled)
        await asyncio.sleep(_CALM_S)
        await self._until(_is_settled)

    async def _until(self, reached: Callable[[Book], bool]) -> None:
        began_s = monotonic()
        task = self._task
        assert task is not None
        while True:
            book = None if self._process.loop is None else self._process.loop.book
            if book is not None and reached(book):
                return
            if task.done():
                raise StateError(f"the trader of the demo ended: {task.result()}")
            if monotonic() - began_s > _PATIENCE_S:
                where = "nowhere yet" if book is None else f"in mode {book.mode.value}, {book.mode_why}"
                raise StateError(f"the trader of the demo did not get on in {_PATIENCE_S:g} s: it stands {where}")
            await asyncio.sleep(_LOOK_S)

    def result(self, took_s: float) -> Traded:
        """Take the journal again, and ask the exchange what it knows."""
        from xsmom.live.recompute import recompute
        from xsmom.store.database import SQLITE_FILE

        book = self._journal.newest_book()
        assert book is not None
        held = {name: int(lots) for name, lots in zip(book.roster.symbols, book.lots, strict=True) if lots}
        return Traded(
            self._folder,
            self._folder / SQLITE_FILE,
            recompute(self._journal, self._process.rules),
            _lots_at_exchange(self._server.command("state")),
            held,
            took_s,
            dict(sorted(self._listener.warned.items())),
        )


def _is_settled(book: Book) -> bool:
    """Nothing is being worked, and every position has its verified stop."""
    from xsmom.engine import sentinel

    return not book.tasks and (book.flat or sentinel.coverage_frac(book) == 1.0)


def _lots_at_exchange(state: dict[str, Any]) -> dict[str, int]:
    """Lots by name, as the exchange has them."""
    (account,) = state["accounts"].values()
    symbols = state["symbols"]
    return {symbols[row["symbol"]]: int(row["lots"]) for row in account["positions"] if row["lots"]}
