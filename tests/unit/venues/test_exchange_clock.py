"""What is known of the exchange's clock, and how well."""

from __future__ import annotations

import asyncio

import pytest

from xsmom.errors import Unavailable
from xsmom.venues.exchange_clock import REFRESH_AFTER_S, ExchangeClock


class World:
    """Our clocks, the exchange's, and the time that the way takes there and back."""

    def __init__(self, skew_ms, there_s, back_s):
        self.now_s, self.skew_ms, self.there_s, self.back_s = 1_000.0, skew_ms, list(there_s), list(back_s)
        self.asked = 0

    def wall_s(self):
        return self.now_s + 1e9

    async def ask(self):
        self.now_s += self.there_s[self.asked % len(self.there_s)]
        told_ms = self.wall_s() * 1_000 + self.skew_ms
        self.now_s += self.back_s[self.asked % len(self.back_s)]
        self.asked += 1
        return told_ms

    def clock(self):
        return ExchangeClock(self.ask, lambda: self.now_s, self.wall_s)

    def truth_ms(self):
        return self.wall_s() * 1_000 + self.skew_ms


@pytest.mark.parametrize("skew_ms", [-7_000, 0, 1_500])
@pytest.mark.parametrize(("there_s", "back_s"), [([0.1], [0.1]), ([0.3, 0.01, 0.2], [0.0, 0.05, 0.4]), ([0.5], [0.0])])
def test_the_truth_lies_within_the_error(skew_ms, there_s, back_s):
    world = World(skew_ms, there_s, back_s)
    clock = world.clock()
    asyncio.run(clock.ensure())
    for later_s in (0.0, 60.0, 1_800.0):
        world.now_s += later_s
        assert abs(clock.now_ms() - world.truth_ms()) <= clock.error_ms + 1
    assert clock.skew_ms == pytest.approx(skew_ms, abs=clock.round_trip_ms / 2 + 1e-6)


def test_the_quickest_answer_is_kept():
    world = World(0, [0.3, 0.01, 0.2], [0.3, 0.01, 0.2])
    clock = world.clock()
    asyncio.run(clock.ensure())
    assert world.asked == 3
    assert clock.round_trip_ms == pytest.approx(20)


def test_it_is_measured_again_when_it_has_grown_old():
    world = World(0, [0.01], [0.01])
    clock = world.clock()
    asyncio.run(clock.ensure())
    error_ms = clock.error_ms
    world.now_s += REFRESH_AFTER_S / 2
    asyncio.run(clock.ensure())
    assert world.asked == 3
    assert clock.error_ms > error_ms
    world.now_s += REFRESH_AFTER_S / 2
    assert not clock.known
    asyncio.run(clock.ensure())
    assert world.asked == 6


def test_a_wall_clock_that_is_set_does_no_harm():
    world = World(0, [0.01], [0.01])
    clock = world.clock()
    asyncio.run(clock.ensure())
    before_ms = clock.now_ms()
    clock._wall_s = lambda: 0.0
    assert clock.now_ms() == before_ms


def test_unmeasured_it_says_so():
    with pytest.raises(Unavailable, match="not measured"):
        World(0, [0.1], [0.1]).clock().now_ms()
