"""The budget is never overdrawn, and who is urgent does not wait for who is not."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsmom.venues.limiter import Lane, Limiter, Window


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def most_inside(stamps, span_s):
    return max(sum(1 for other in stamps if at <= other < at + span_s) for at in stamps)


async def take_all(limiter, lanes, budget=""):
    left = []

    async def one(lane):
        await limiter.take(lane, budget)
        left.append((lane, time.monotonic()))

    await asyncio.gather(*(one(lane) for lane in lanes))
    return left


@settings(max_examples=8, deadline=None)
@given(st.integers(2, 12), st.integers(20, 150), st.integers(1, 30))
def test_no_window_ever_holds_more_than_it_may(calls, span_ms, wanted):
    limiter = Limiter([Window(calls, span_ms)], {})
    left = run(take_all(limiter, [Lane.ENTRY] * wanted))
    assert len(left) == wanted
    assert most_inside([at for _, at in left], span_ms / 1_000) <= calls


def test_data_leave_room_for_what_is_urgent():
    async def scene():
        limiter = Limiter([Window(20, 5_000)], {})
        candles = [asyncio.create_task(limiter.take(Lane.DATA, "")) for _ in range(100)]
        await asyncio.sleep(0.05)
        assert sum(task.done() for task in candles) == 18
        began_s = time.monotonic()
        await limiter.take(Lane.STOP, "")
        waited_s = time.monotonic() - began_s
        for task in candles:
            task.cancel()
        await asyncio.gather(*candles, return_exceptions=True)
        return waited_s

    assert run(scene()) < 0.05


def test_those_who_wait_go_by_urgency_and_then_by_age():
    async def scene():
        limiter = Limiter([Window(1, 10)], {})
        await limiter.take(Lane.ENTRY, "")
        lanes = [Lane.DATA, Lane.ENTRY, Lane.CANCEL, Lane.STOP, Lane.REDUCE, Lane.STOP]
        return [lane for lane, _ in await take_all(limiter, lanes)]

    assert run(scene()) == sorted([Lane.DATA, Lane.ENTRY, Lane.CANCEL, Lane.STOP, Lane.REDUCE, Lane.STOP])


def test_a_full_budget_holds_up_only_its_own_calls():
    async def scene():
        limiter = Limiter([Window(100, 1_000)], {"orders": Window(2, 60_000)})
        orders = [asyncio.create_task(limiter.take(Lane.ENTRY, "orders")) for _ in range(3)]
        await asyncio.wait_for(limiter.take(Lane.DATA, "candles"), 0.5)
        done = [task.done() for task in orders]
        orders[-1].cancel()
        return done

    assert run(scene()) == [True, True, False]


def test_what_the_exchange_counts_closes_a_budget_until_its_reset():
    async def scene():
        limiter = Limiter([Window(100, 1_000)], {"orders": Window(10, 1_000)})
        limiter.told("orders", 0, 300)
        limiter.told("unheard of", 0, 9_000)
        limiter.told("orders", 5, 9_000)
        began_s = time.monotonic()
        await limiter.take(Lane.STOP, "orders")
        return time.monotonic() - began_s

    assert 0.25 < run(scene()) < 1.0


def test_a_reset_by_another_clock_shuts_a_budget_for_its_window_and_no_longer():
    async def scene():
        limiter = Limiter([Window(100, 1_000)], {"orders": Window(10, 200)})
        limiter.told("orders", 0, 120_000_000_000)
        began_s = time.monotonic()
        await asyncio.wait_for(limiter.take(Lane.REDUCE, "orders"), 5.0)
        return time.monotonic() - began_s

    assert 0.15 < run(scene()) < 2.0


def test_a_pause_holds_everybody():
    async def scene():
        limiter = Limiter([Window(100, 1_000)], {})
        limiter.close_for(0.2)
        began_s = time.monotonic()
        await limiter.take(Lane.STOP, "")
        return time.monotonic() - began_s

    assert run(scene()) >= 0.2


def test_who_gives_up_takes_no_place():
    async def scene():
        limiter = Limiter([Window(1, 100)], {})
        await limiter.take(Lane.ENTRY, "")
        gone = [asyncio.create_task(limiter.take(Lane.STOP, "")) for _ in range(5)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        began_s = time.monotonic()
        await limiter.take(Lane.ENTRY, "")
        assert limiter.calls_made == 2
        return time.monotonic() - began_s

    assert run(scene()) < 0.5


def test_the_rate_of_data_is_that_of_the_tightest_window():
    limiter = Limiter([Window(600, 5_000), Window(150, 1_000)], {})
    assert limiter.data_per_second_max == pytest.approx(108)
