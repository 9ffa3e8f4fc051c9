"""The line to the exchange: how long calls take, how often they fail, how far the clocks are apart.

A breaker trips on errors within its window, whatever call they came from:

    closed --errors--> open --cooldown--> half open --a good probe--> closed
                        ^------ any error ----'

While it is not closed nothing is opened, and calls that protect nothing are slowed; what protects passes always. The
probe is a whole reading of the account. Maintenance is the exchange's own word and no error: nothing is counted,
positions may only shrink, and entries wait for ten minutes of normal business after it.
"""

from __future__ import annotations

import math
from dataclasses import replace

from xsmom.domain.book import Health
from xsmom.domain.effects import FetchAccount, HoldCalls, SetTimer, Severity
from xsmom.domain.events import LinkChanged
from xsmom.engine.turn import Turn

BREAKER = "breaker"
RATE_WINDOW_MS = 300_000
LAG_WINDOW_MS = 60_000
NORMAL_MS = 600_000
"""Time of normal business after a maintenance, before anything is entered."""
_AGAIN_MS = 900_000
"""What goes on is told again so often."""
_CALLS_MIN = 10
"""With fewer calls a rate of failures says nothing."""


def on_link(turn: Turn, event: LinkChanged) -> None:
    """Fold a report on the line."""
    before = turn.book.health
    recent = tuple(one for one in before.recent if event.at_ms - one[0] < RATE_WINDOW_MS)
    if event.calls:
        recent += ((event.at_ms, event.calls, event.failures, event.lag_ms),)
    turn.put(
        health=replace(
            before,
            lag_ms=_lag_ms(recent, event.at_ms, before.lag_ms),
            skew_ms=event.skew_ms,
            skew_bound_ms=event.skew_bound_ms,
            link_ms=event.at_ms,
            streaming=event.streaming,
            calls=before.calls + event.calls,
            failures=before.failures + event.failures,
            recent=recent,
        )
    )
    _take_maintenance(turn, event)
    _take_errors(turn, event)
    _tell(turn, event, before)


def failure_frac(health: Health) -> float:
    """Failed calls of the newest five minutes, as a share; NaN with too few to say."""
    calls = sum(one[1] for one in health.recent)
    return sum(one[2] for one in health.recent) / calls if calls >= _CALLS_MIN else math.nan


def _lag_ms(recent: tuple[tuple[int, int, int, float], ...], now_ms: int, before_ms: float) -> float:
    """Mean time of a call over the newest minute; what was known before, where none was timed."""
    timed = [one for one in recent if now_ms - one[0] < LAG_WINDOW_MS and not math.isnan(one[3])]
    calls = sum(one[1] for one in timed)
    return sum(one[1] * one[3] for one in timed) / calls if calls else before_ms


def _take_maintenance(turn: Turn, event: LinkChanged) -> None:
    health = turn.book.health
    if event.maintenance and not health.maintenance:
        turn.put(health=replace(health, maintenance=True, maintenance_until_ms=0))
        turn.note("link.maintenance", Severity.WARNING, why=event.why)
    elif health.maintenance and not event.maintenance:
        until_ms = event.at_ms + NORMAL_MS
        turn.put(health=replace(health, maintenance=False, maintenance_until_ms=until_ms))
        turn.note("link.normal", entries_from_ms=until_ms)
    if turn.book.health.maintenance_until_ms > event.at_ms:
        turn.send(SetTimer("mode", turn.book.health.maintenance_until_ms))


def _take_errors(turn: Turn, event: LinkChanged) -> None:
    health, gates = turn.book.health, turn.rules.gates
    if not gates.breaker or event.maintenance:
        return
    if _is_half_open(health, event.at_ms) and event.failures:
        _trip(turn, event.at_ms, event.failures, f"half open, and a call failed: {event.why}")
        return
    errors = (*health.errors_ms, *(event.at_ms for _ in range(event.failures)))
    errors = tuple(at for at in errors if event.at_ms - at < gates.breaker_window_ms)[-gates.breaker_errors :]
    if len(errors) < gates.breaker_errors:
        turn.put(health=replace(health, errors_ms=errors))
        _close(turn, event.at_ms)
        return
    _trip(turn, event.at_ms, len(errors), event.why)


def _is_half_open(health: Health, now_ms: int) -> bool:
    return 0 < health.breaker_until_ms <= now_ms


def _trip(turn: Turn, at_ms: int, errors: int, why: str) -> None:
    health, until_ms = turn.book.health, at_ms + turn.rules.gates.breaker_cooldown_ms
    turn.put(health=replace(health, errors_ms=(), breaker_until_ms=until_ms, breaker_probe_ms=0))
    turn.send(SetTimer(BREAKER, until_ms))
    if not health.breaker_until_ms:
        turn.send(HoldCalls(True))
    turn.note("breaker.tripped", Severity.ERROR, until_ms=until_ms, errors=errors, why=why)


def _close(turn: Turn, at_ms: int) -> None:
    """Half open, and the account was read as a whole since the probe went out."""
    health, venue = turn.book.health, turn.book.venue
    if not _is_half_open(health, at_ms):
        return
    if not health.breaker_probe_ms:
        probe(turn)
    elif venue.answered_ms >= health.breaker_probe_ms and not venue.unread:
        turn.put(health=replace(health, breaker_until_ms=0, breaker_probe_ms=0, errors_ms=()))
        turn.send(HoldCalls(False))
        turn.note("breaker.closed")


def probe(turn: Turn) -> None:
    """The time of the open breaker is over: one reading says whether the line is well again."""
    health = turn.book.health
    if _is_half_open(health, turn.now_ms):
        turn.put(health=replace(health, breaker_probe_ms=turn.now_ms))
        turn.send(FetchAccount("probe of the breaker"))
        turn.note("breaker.probed")


def resume(turn: Turn) -> None:
    """A new process takes over a breaker that was left open; one that was switched off since is closed."""
    health = turn.book.health
    if not health.breaker_until_ms:
        return
    if not turn.rules.gates.breaker:
        turn.put(health=replace(health, breaker_until_ms=0, breaker_probe_ms=0))
        return
    turn.send(HoldCalls(True))
    turn.send(SetTimer(BREAKER, max(health.breaker_until_ms, turn.now_ms)))


def _tell(turn: Turn, event: LinkChanged, before: Health) -> None:
    if before.link_ms and before.streaming != event.streaming:
        severity = Severity.INFO if event.streaming else Severity.WARNING
        turn.note("stream.back" if event.streaming else "stream.lost", severity, why=event.why)
    health, gates = turn.book.health, turn.rules.gates
    apart_ms = abs(health.skew_ms) + health.skew_bound_ms
    if apart_ms > gates.skew_max_ms:
        turn.note_once("clock.skewed", _AGAIN_MS, Severity.ERROR, skew_ms=health.skew_ms, bound_ms=health.skew_bound_ms)
    if health.lag_ms > gates.lag_max_ms:
        turn.note_once("api.slow", _AGAIN_MS, Severity.WARNING, lag_ms=health.lag_ms)
    share = failure_frac(health)
    if share > gates.failure_alert_frac:
        turn.note_once("api.failing", RATE_WINDOW_MS, Severity.WARNING, failures_frac=share)
