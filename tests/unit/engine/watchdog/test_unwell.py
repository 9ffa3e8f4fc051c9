"""A heart that beats is not enough: one that takes in nothing, or that says of itself that it cannot see."""

from __future__ import annotations

import dataclasses

from tests.unit.engine.watchdog.scenes import T0, Walk, beat, guarded
from tests.unit.engine.watchdog.test_policy import BARE, BLIND, closes, names
from xsmom.engine.watchdog import Close, Latch, Look, Tell


def hear(walk: Walk, second: int, picture: Look, **more) -> list:
    """A heartbeat of that second, and what is done because of it."""
    walk.beat = dataclasses.replace(beat(T0 + second * 1_000, seq=more.pop("seq", second)), **more)
    return walk.to(second, picture)


def test_a_process_that_beats_and_takes_in_nothing_is_as_silent() -> None:
    walk = Walk()
    for second in range(10, 130, 10):
        assert [one for one in hear(walk, second, guarded(), seq=7) if not isinstance(one, Tell)] == []
    done = hear(walk, 140, guarded(), seq=7)
    latch, *_ = [one for one in done if isinstance(one, Latch)]
    assert latch.reason.startswith("the trader writes a heartbeat, and has taken in nothing for 12")
    walk.latched = True
    assert names(hear(walk, 150, guarded(), seq=8)) == ["trader.back"]


def test_one_that_says_it_cannot_see_to_its_positions_is_found_and_told() -> None:
    walk = Walk()
    hear(walk, 10, guarded())
    for second in range(20, 130, 10):
        hear(walk, second, guarded(), unwell="the account was not read for 400 s")
    assert not any(isinstance(one, Latch) for one in walk.done)
    done = hear(walk, 140, guarded(), unwell="the account was not read for 520 s")
    latch, *_ = [one for one in done if isinstance(one, Latch)]
    assert "the account was not read for 5" in latch.reason
    assert closes(done) == []
    walk.latched = True
    # A stop is gone meanwhile: nobody but the watchdog sees it.
    for second in range(150, 200, 10):
        hear(walk, second, BARE, unwell="the account was not read for 600 s")
    assert closes(walk.done)


def test_where_neither_can_read_it_is_the_exchange_that_is_away() -> None:
    walk = Walk()
    hear(walk, 10, guarded())
    for second in range(20, 1_000, 10):
        hear(walk, second, BLIND, unwell="the account was not read for 400 s")
    assert not any(isinstance(one, Latch | Close) for one in walk.done)
    assert set(names(walk.done)) == {"watchdog.blind"}
