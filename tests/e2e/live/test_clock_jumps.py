"""A trader's clock that is hours off the exchange's, while it holds: nothing opened, nothing sold, no bar invented.

That the machine's clock can be set under it without moving its own is tests/unit/live/test_clock.py.
"""

import asyncio

import pytest

from tests.e2e.live.stage import Stage
from tests.e2e.live.test_live_process import on_market

HOUR_MS = 3_600_000


class JumpyClock:
    """A clock of this machine that somebody sets."""

    def __init__(self, inner) -> None:
        self._inner, self.wrong_ms = inner, 0

    @property
    def speed(self) -> float:
        return self._inner.speed

    def now_ms(self) -> int:
        return self._inner.now_ms() + self.wrong_ms


@pytest.mark.parametrize("hours", [5, -5])
@on_market
async def test_a_clock_that_is_wrong_sells_nothing_and_opens_nothing(rig, venue, tmp_path, hours):
    stage = Stage(rig, venue, tmp_path)
    clock = stage.process.clock = JumpyClock(stage.process.clock)
    async with stage:
        await stage.at_rest()
        held, sent = stage.truth(), len(stage.sent())
        seen_ms = stage.book.cycle.closed_ms
        clock.wrong_ms = hours * HOUR_MS
        await stage.until_told("clock.skewed")
        await asyncio.sleep(1.5)
        assert stage.truth() == stage.held() == held
        assert len(stage.sent()) == sent
        assert stage.protected()
        # No bar of a time that has not come was taken for one.
        assert stage.book.cycle.closed_ms == seen_ms
        assert stage.told("bar.missing") is None
