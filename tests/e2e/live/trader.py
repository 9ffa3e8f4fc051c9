"""A live process on the simulated exchange, in this process: the unmodified client, real bars, a journal in memory."""

import asyncio
import contextlib
import dataclasses
from pathlib import Path

import xsmom as xs
from tests.e2e.simex.rig import until
from xsmom.domain.orders import Style
from xsmom.engine.rules import Rules
from xsmom.lake.sample import SampleMarket
from xsmom.live.bars import Pace
from xsmom.live.feeds import Beats
from xsmom.live.lapse import stretch
from xsmom.live.process import Process
from xsmom.live.start import Setting
from xsmom.store.memory import MemoryJournal

SPEED = 20.0
FIRST_BAR = 450
PATIENCE_S = 30.0


# Twelve names, with enough history for the profile's look-backs.
MARKET = SampleMarket(symbols=12, bars=1_400, seed=7, churn=False)


class WorldClock:
    """The exchange's own clock: nobody is early or late."""

    def __init__(self, world) -> None:
        self._clock = world.clock

    @property
    def speed(self) -> float:
        return self._clock.speed

    def now_ms(self) -> int:
        return self._clock.now_ms()


class Notes:
    """Everything that was told, by name."""

    def __init__(self) -> None:
        self.told: list = []

    def tell(self, _at_ms: int, notes) -> None:
        self.told.extend(notes)

    def named(self, name: str) -> list:
        return [note for note in self.told if note.name == name]


class Trader:
    """One process that can be started, asked and killed."""

    def __init__(self, rig, venue, state_dir: Path, *, journal=None, style=Style.MARKET, **settings) -> None:
        config = xs.load_config("classic", {"universe.exclude": [], **settings})
        rules = stretch(Rules.of(config), SPEED)
        rules = dataclasses.replace(rules, work=dataclasses.replace(rules.work, style=style))
        self.rig, self.notes, self.state_dir = rig, Notes(), state_dir
        self.journal = journal or MemoryJournal()
        self.setting = Setting(
            config,
            rules,
            state_dir,
            state_dir / "EMERGENCY_STOP",
            (self.notes,),
            pace=Pace(grace_ms=60_000, final_after_ms=500),
            beats=Beats(quotes_s=20.0, link_s=60.0),
            heartbeat_s=0.5,
            poll_s=0.05,
        )
        self.process = Process(venue, self.journal, WorldClock(rig.world), self.setting)
        self.task: asyncio.Task | None = None

    async def __aenter__(self):
        self.task = asyncio.ensure_future(self.process.run())
        return self

    async def __aexit__(self, *_):
        await self.kill()

    async def kill(self) -> None:
        """End it without a word."""
        assert self.task is not None
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    @property
    def book(self):
        loop = self.process.loop
        return None if loop is None else loop.book

    async def until(self, reached) -> None:
        """Wait until something is so of the book; a process that ended says why."""

        def so() -> bool:
            assert self.task is not None
            if self.task.done():
                raise AssertionError(f"the process ended: {self.task.result()}")
            return self.book is not None and bool(reached(self.book))

        try:
            await until(so, PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.tell()}") from None

    def tell(self) -> str:
        """Where it stands, for whoever reads why a test failed."""
        book, newest = self.book, [(note.name, dict(note.fields)) for note in self.notes.told[-25:]]
        if book is None:
            return f"no book; {newest}"
        stand = (book.mode.value, book.mode_why, self.held(), self.truth(), book.cycle.closed_ms)
        return f"{stand}, tasks {[*book.tasks]}, orders {[*book.orders.values()]}, newest {newest}"

    def held(self) -> dict[str, int]:
        """Lots by name, as the book has them."""
        book = self.book
        return {name: int(lots) for name, lots in zip(book.roster.symbols, book.lots, strict=True) if lots}

    def truth(self) -> dict[str, int]:
        """Lots by name, as the exchange has them."""
        names = list(self.rig.world.instruments)
        return {names[row["symbol"]]: row["lots"] for row in self.rig.truth()["positions"] if row["lots"]}

    def protected(self) -> bool:
        """Whether the exchange has a stop for every position."""
        return all(row["stop_loss_ticks"] for row in self.rig.truth()["positions"] if row["lots"])


def settled(book) -> bool:
    """Something is held and nothing is being worked."""
    return book.cycle.decided_ms > 0 and book.lots.any() and not book.tasks
