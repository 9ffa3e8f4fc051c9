"""The trader's clock is not moved by whoever sets the machine's."""

import time

import pytest

from xsmom.live import clock
from xsmom.live.clock import SteadyClock, SystemClock

HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize("hours", [5, -5])
def test_a_machine_clock_that_is_set_moves_nothing(hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    steady, machine = SteadyClock(), SystemClock()
    before_ms, real_ns = steady.now_ms(), time.time_ns
    assert abs(before_ms - machine.now_ms()) < 1_000
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + hours * HOUR_NS)
    assert 0 <= steady.now_ms() - before_ms < 1_000
    assert abs(machine.now_ms() - before_ms) > 4 * 3_600_000


def test_it_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    at_ns = 7_000_000_000
    monkeypatch.setattr(clock, "_unset_ns", lambda: at_ns)
    steady = SteadyClock()
    before_ms = steady.now_ms()
    at_ns += 8 * HOUR_NS
    assert steady.now_ms() - before_ms == 8 * 3_600_000


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has a clock that counts sleep")
def test_where_there_is_one_the_clock_that_counts_sleep_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def tell(source: int) -> int:
        asked.append(source)
        return 5

    monkeypatch.setattr(time, "clock_gettime_ns", tell)
    SteadyClock().now_ms()
    assert set(asked) == {time.CLOCK_BOOTTIME}
