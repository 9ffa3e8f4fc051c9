"""One running exchange and one running engine, on which guards are made to fire one after another."""

import asyncio
import contextlib

from tests.e2e.live.guard_table import ROWS
from tests.e2e.live.trader import PATIENCE_S, Trader, settled
from tests.e2e.simex.rig import HOUR_MS, until
from tests.e2e.simex.test_port import meet
from xsmom.engine import sentinel
from xsmom.live.bars import Pace
from xsmom.live.control import write_command
from xsmom.live.feeds import Beats

_AFTER_CLOSE_MS = 2_000
_BEFORE_CLOSE_MS = 30_000
_PACE = Pace(grace_ms=20_000, final_after_ms=500)
_BEATS = Beats(quotes_s=10.0, link_s=10.0, clock_s=20.0, status_s=20.0, contracts_s=40.0)


class Stage(Trader):
    """A trader whose market can be moved, and whose guards can be asked for by name."""

    def __init__(self, rig, venue, *given, **settings):
        super().__init__(rig, venue, *given, **settings)
        self.client = venue
        self.setting.beats = _BEATS
        self.setting.pace = _PACE

    async def at_rest(self):
        """Wait for positions that are worked out and protected."""
        await self.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        await self.until_told("modes.changed")  # leverage is set name by name, and a leap would cut it short

    async def leap(self, bars=1):
        """Go to just after a close, and wait until it has been decided."""
        due_ms = (self.rig.world.clock.now_ms() // HOUR_MS + bars) * HOUR_MS
        # Word of the line may not be older than minutes when a decision rests on it.
        await self.to(due_ms - _BEFORE_CLOSE_MS)
        heard_ms = self.rig.world.clock.now_ms()
        await self.until(lambda book: book.health.link_ms >= heard_ms)
        await self.to(due_ms + _AFTER_CLOSE_MS)
        await self.until(lambda book: book.cycle.closed_ms >= due_ms)
        return due_ms

    async def to(self, at_ms):
        """Let market time be there; the client learns of it at once, as a clock does that was set."""
        if at_ms > self.rig.world.clock.now_ms():
            await self.rig.world.advance(at_ms)
        await self.client.wire.clock.measure()

    def side(self, symbol):
        return 1 if self.held()[symbol] > 0 else -1

    def hurt(self, symbol, share):
        """Move the price against a position, for good."""
        self.rig.world.shock(symbol, 1.0 - self.side(symbol) * share)

    def meet(self, **fault):
        meet(self.rig, **fault)

    def heal(self):
        self.rig.world.faults.script.clear()

    def say(self, command, **args):
        write_command(self.state_dir, command, by="test", reason="the test", args=args)

    def told(self, name, since=0):
        """Newest note of a name; None where there was none."""
        return next((note for note in reversed(self.notes.told[since:]) if note.name == name), None)

    @contextlib.asynccontextmanager
    async def fires(self, guard):
        """What is done within makes a guard fire: its note comes, and the mode that its row names."""
        row, since = ROWS[guard], len(self.notes.told)
        yield row
        await self.until_told(row.alert, since)
        if row.mode is not None:
            modes = {mode.strip() for mode in row.mode.split("or")}
            await self.until(lambda book: book.mode.value in modes or self._was(modes, since))

    def _was(self, modes, since):
        changes = (note.fields for note in self.notes.told[since:] if note.name == "mode.changed")
        return any(fields["mode"] in modes for fields in changes)

    async def until_told(self, name, since=0):
        """Wait for a note."""
        try:
            await until(lambda: self._ended() or self.told(name, since) is not None, PATIENCE_S)
        except AssertionError:
            raise AssertionError(f"nobody told {name}: {self.tell()}") from None
        assert self.told(name, since) is not None, f"the process ended before {name} was told"

    def _ended(self):
        return self.task is not None and self.task.done()

    def sent(self, symbol=None):
        """Openings of ours that the exchange has taken, by symbol."""
        truth = self.rig.truth()
        names = list(self.rig.world.instruments)
        rows = [*truth["open_orders"], *truth["closed_orders"]]
        found = [row for row in rows if row["client_id"].startswith("xm") and not row["reduce_only"]]
        return [row for row in found if symbol is None or names[row["symbol"]] == symbol]

    async def nothing_opens(self, seconds=0.4):
        """For a while no opening of ours reaches the exchange."""
        before = len(self.sent())
        await asyncio.sleep(seconds)
        assert len(self.sent()) == before
