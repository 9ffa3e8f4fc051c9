"""The line to the exchange: breaker, lag, rate of failures, maintenance, stream."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.gate_books import HOUR_MS, NOW_MS, book, entry, rules, told, turn
from tests.unit.engine.gate_steps import decide, healthy, take
from xsmom.domain.book import Mode
from xsmom.domain.effects import FetchAccount, HoldCalls, SetTimer
from xsmom.domain.events import AccountSeen, LinkChanged
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine import reconcile
from xsmom.engine.gates import breaker
from xsmom.engine.health import failure_frac, on_link, probe, resume
from xsmom.engine.modes import settle_mode
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn


def link(at_ms: int = NOW_MS, calls: int = 20, failures: int = 0, lag_ms: float = 50.0, **more: Any) -> LinkChanged:
    given: dict[str, Any] = {"skew_ms": 5.0, "skew_bound_ms": 20.0, "streaming": True, "why": "503", **more}
    return LinkChanged(at_ms, calls, failures, lag_ms, **given)


def after(*events: LinkChanged, by: Rules | None = None) -> Turn:
    """A turn at the last of these; notes of all of them."""
    now = turn(by=by)
    for event in events:
        now.now_ms = event.at_ms
        on_link(now, event)
    return now


# --- breaker ----------------------------------------------------------------------------------


def test_five_errors_in_five_minutes_trip_it_for_ten() -> None:
    now = after(*(link(NOW_MS + minute * 60_000, failures=1) for minute in range(5)))
    assert now.book.health.breaker_until_ms == NOW_MS + 4 * 60_000 + 600_000
    assert told(now).count("breaker.tripped") == 1
    assert SetTimer("breaker", now.book.health.breaker_until_ms) in now.effects
    assert now.book.health.errors_ms == ()


def test_errors_that_are_older_than_the_window_do_not_count() -> None:
    spread = [link(NOW_MS + number * 75_001, failures=1) for number in range(20)]
    assert not after(*spread).book.health.breaker_until_ms


def test_every_call_counts_also_many_in_one_report() -> None:
    assert after(link(failures=7)).book.health.breaker_until_ms == NOW_MS + 600_000


OPEN_MS = NOW_MS + 600_000


def half_open(*, read: bool = True, failed: tuple[tuple[str, str], ...] = ()) -> Turn:
    """Tripped, its time is over, the probe went out; `read`: it came back."""
    now = after(link(failures=5), link(OPEN_MS - 1))
    now.now_ms = OPEN_MS
    probe(now)
    if read:
        now.now_ms = OPEN_MS + 40
        reconcile.on_account(now, AccountSeen(OPEN_MS + 40, failed=failed, asked_ms=OPEN_MS))
    return now


def holds(now: Turn) -> list[bool]:
    return [one.held for one in now.effects if isinstance(one, HoldCalls)]


def test_open_then_half_open_then_closed_by_a_probe_that_came_back() -> None:
    now = after(link(failures=5))
    assert holds(now) == [True]
    early = after(link(failures=5), link(OPEN_MS - 1))
    probe(early)
    assert early.book.health.breaker_probe_ms == 0, "its time is not over"
    now = half_open()
    assert FetchAccount("probe of the breaker") in now.effects
    refused = breaker.judge(entry(), now.book, rules(), now.now_ms)
    assert refused == Refuse(Veto.BREAKER, "half open: its probe is not back yet")
    on_link(now, link(OPEN_MS + 50))
    assert told(now).count("breaker.closed") == 1
    assert now.book.health.breaker_until_ms == now.book.health.breaker_probe_ms == 0
    assert holds(now) == [True, False]
    assert breaker.judge(entry(), now.book, rules(), now.now_ms) == Allow()


def test_half_open_a_single_error_opens_it_again() -> None:
    now = half_open()
    on_link(now, link(OPEN_MS + 50, failures=1))
    assert now.book.health.breaker_until_ms == OPEN_MS + 50 + 600_000
    assert now.book.health.breaker_probe_ms == 0
    assert holds(now) == [True], "calls stayed slow all the time"
    assert SetTimer("breaker", OPEN_MS + 600_050) in now.effects


@pytest.mark.parametrize("how", [{"read": False}, {"failed": (("positions", "503"),)}])
def test_good_calls_that_are_not_the_probe_close_nothing(how: dict[str, Any]) -> None:
    now = half_open(**how)
    on_link(now, link(OPEN_MS + 15_000))
    assert "breaker.closed" not in told(now)
    assert breaker.judge(entry(), now.book, rules(), now.now_ms) != Allow()


def test_a_report_after_its_time_sends_the_probe_where_the_timer_was_lost() -> None:
    now = after(link(failures=5), link(OPEN_MS + 1))
    assert now.book.health.breaker_probe_ms == OPEN_MS + 1
    assert "breaker.closed" not in told(now)


def test_a_new_process_takes_over_an_open_breaker() -> None:
    left = after(link(failures=5)).book
    now = turn(left, now_ms=OPEN_MS - 100_000)
    resume(now)
    assert now.effects == [HoldCalls(True), SetTimer("breaker", OPEN_MS)]
    late = turn(left, now_ms=OPEN_MS + 100_000)
    resume(late)
    assert late.effects == [HoldCalls(True), SetTimer("breaker", OPEN_MS + 100_000)]
    off = turn(left, by=rules({"risk.api_circuit_breaker.enabled": False}))
    resume(off)
    assert off.effects == []
    assert off.book.health.breaker_until_ms == 0


def test_what_goes_on_failing_keeps_it_open() -> None:
    now = after(link(failures=5), link(NOW_MS + 590_000, failures=5))
    assert now.book.health.breaker_until_ms == NOW_MS + 590_000 + 600_000


@pytest.mark.parametrize(
    ("settings", "trips"),
    [
        ({"risk.api_circuit_breaker.enabled": False}, False),
        ({"risk.api_circuit_breaker.max_errors": 6}, False),
        ({"risk.api_circuit_breaker.max_errors": 2}, True),
        ({"risk.api_circuit_breaker.window_seconds": 100}, False),
        ({}, True),
    ],
)
def test_each_setting_of_the_breaker_acts(settings: dict[str, Any], trips: bool) -> None:
    errors = [link(NOW_MS + number * 60_000, failures=1) for number in range(5)]
    assert bool(after(*errors, by=rules(settings)).book.health.breaker_until_ms) == trips


def test_the_cooldown_is_the_configured_one() -> None:
    now = after(link(failures=5), by=rules({"risk.api_circuit_breaker.cooldown_seconds": 30}))
    assert now.book.health.breaker_until_ms == NOW_MS + 30_000


def test_memory_of_errors_is_bounded() -> None:
    patient = rules({"risk.api_circuit_breaker.max_errors": 1_000})
    now = after(*(link(NOW_MS + second * 1_000, failures=3) for second in range(300)), by=patient)
    assert len(now.book.health.errors_ms) <= 1_000
    assert all(now.now_ms - at < 300_000 for at in now.book.health.errors_ms)


# --- rate of failures -------------------------------------------------------------------------


@pytest.mark.parametrize(("failures", "alerts"), [(2, False), (3, True)])
def test_a_tenth_of_failed_calls_alerts(failures: int, alerts: bool) -> None:
    now = after(link(calls=20, failures=failures))
    assert ("api.failing" in told(now)) == alerts


def test_the_rate_is_that_of_five_minutes_and_the_limit_is_a_setting() -> None:
    bad, good = link(calls=20, failures=3), link(NOW_MS + 300_000, calls=20)
    assert failure_frac(after(bad, good).book.health) == 0.0
    assert failure_frac(after(bad, replace(good, at_ms=NOW_MS + 299_999)).book.health) == pytest.approx(3 / 40)
    assert "api.failing" not in told(after(bad, by=rules({"risk.api_circuit_breaker.failure_rate_alert_pct": 20})))


def test_a_few_calls_say_nothing() -> None:
    assert math.isnan(failure_frac(after(link(calls=9, failures=9)).book.health))


# --- lag, skew, stream ------------------------------------------------------------------------


def test_lag_is_the_mean_of_the_calls_of_a_minute() -> None:
    now = after(
        link(NOW_MS - 60_000, calls=1_000, lag_ms=9_999.0),
        link(NOW_MS - 30_000, calls=30, lag_ms=100.0),
        link(NOW_MS, calls=10, lag_ms=500.0),
    )
    assert now.book.health.lag_ms == pytest.approx((30 * 100 + 10 * 500) / 40)


def test_a_report_without_calls_keeps_what_was_known() -> None:
    now = after(link(lag_ms=700.0), link(NOW_MS + 120_000, calls=0, lag_ms=math.nan, skew_ms=-3.0))
    assert now.book.health.lag_ms == 700.0
    assert now.book.health.skew_ms == -3.0
    assert now.book.health.link_ms == NOW_MS + 120_000


def test_a_clock_that_is_apart_and_slow_calls_are_told_at_once_and_not_each_time() -> None:
    now = after(*(link(NOW_MS + at * 15_000, skew_ms=990.0, lag_ms=6_000.0) for at in range(4)))
    assert [told(now).count(name) for name in ("clock.skewed", "api.slow")] == [1, 1]
    calm = after(link(skew_ms=900.0, lag_ms=4_000.0), link(NOW_MS + 15_000, skew_ms=math.nan, lag_ms=math.nan))
    assert not {"clock.skewed", "api.slow"} & set(told(calm))


def test_a_stream_that_breaks_and_comes_back_is_told() -> None:
    now = after(link(streaming=False), link(NOW_MS + 1, streaming=False), link(NOW_MS + 2))
    assert told(now) == ["stream.lost", "stream.back"]


def test_totals() -> None:
    now = after(link(calls=20, failures=1), link(NOW_MS + 1, calls=5))
    assert (now.book.health.calls, now.book.health.failures) == (25, 1)


# --- maintenance ------------------------------------------------------------------------------


def test_maintenance_reduces_without_counting_and_waits_ten_minutes_after() -> None:
    down = after(*(link(NOW_MS + second * 1_000, failures=5, maintenance=True) for second in range(5)))
    assert told(down).count("link.maintenance") == 1
    assert not down.book.health.breaker_until_ms
    settle_mode(down)
    assert down.book.mode is Mode.REDUCING
    back = turn(down.book, now_ms=NOW_MS + 60_000)
    on_link(back, link(NOW_MS + 60_000))
    assert SetTimer("mode", NOW_MS + 660_000) in back.effects
    settle_mode(back)
    assert back.book.mode is Mode.REDUCING
    normal = turn(back.book, now_ms=NOW_MS + 660_000)
    settle_mode(normal)
    assert normal.book.mode is Mode.TRADING


def test_a_maintenance_that_returns_starts_the_wait_anew() -> None:
    now = after(link(maintenance=True), link(NOW_MS + 1_000), link(NOW_MS + 2_000, maintenance=True))
    assert now.book.health.maintenance_until_ms == 0
    on_link(now, link(NOW_MS + 3_000))
    assert now.book.health.maintenance_until_ms == NOW_MS + 603_000


def test_maintenance_through_the_step() -> None:
    made = healthy(held=True)
    down = take(made, link(made.cycle.marked_ms, maintenance=True), held=True)
    assert down.book.mode is Mode.REDUCING
    outcome = decide(lambda _: down.book, held=True)
    assert outcome.opened == set()
    assert outcome.reductions > 0


def test_hours_later_everything_is_forgotten() -> None:
    now = after(link(failures=4), link(NOW_MS + HOUR_MS))
    assert now.book.health.errors_ms == ()
    assert len(now.book.health.recent) == 1
    assert book().health.errors_ms == ()
