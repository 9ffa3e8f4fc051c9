"""The simulation's own loop, given the fills, funding and verdicts of a run of the engine, decides and plans the same.

Replays with every rule that needs a past are led through it; the seeds of `tests.simulation` lead runs in trouble.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.oracle.simulation import Setup
from tests.oracle.simulation_cases import COSTS, random_run, rough_market, scenario
from tests.parity.test_replay import replay_of
from xsmom import kernel
from xsmom.domain import tape as on
from xsmom.domain.book import Book, Roster
from xsmom.domain.events import Started
from xsmom.domain.window import Window
from xsmom.engine.rules import Rules
from xsmom.engine.step import grow, step
from xsmom.live.follow import Recording, follow
from xsmom.live.recompute import Recomputed, recompute
from xsmom.live.recovery import new_window
from xsmom.store.memory import MemoryJournal

RULES = [
    *("stops_held_long", "price_ladder", "max_hold", "no_progress", "daily_loss_open", "trade_loss", "book_streak"),
    *("slow_tranches", "every_four", "budget", "meta_with_stops"),
]


def journal_of(raw: Any, params: dict[str, Any], setup: Setup) -> tuple[MemoryJournal, Rules]:
    """A replay, and the rules that it ran under."""
    journal = MemoryJournal()
    replay = replay_of(raw, params, setup, journal)
    replay.run()
    return journal, replay.rules


def assert_followed(done: Recomputed) -> None:
    assert done.followed is not None
    assert done.followed.differences == []
    assert done.book is not None
    assert done.followed.decisions == done.book.cycle.decisions > 20
    assert done.followed.plans > 20
    assert done.same


@pytest.mark.parametrize("name", RULES)
def test_every_rule_that_needs_a_past(name: str) -> None:
    raw = rough_market(np.random.default_rng([9, len(name)]), 160, 9)
    assert_followed(recompute(*journal_of(raw, scenario(name), Setup(costs=COSTS["mixed"]))))


@pytest.mark.parametrize("seed", [4, 9, 14, 18])
def test_random_rules_markets_costs_and_timings(seed: int) -> None:
    assert_followed(recompute(*journal_of(*random_run(seed))))


@pytest.fixture(scope="module")
def run() -> tuple[Recording, Recomputed, Rules]:
    """A run with stops and a ladder, and its tape."""
    journal, rules = journal_of(
        rough_market(np.random.default_rng(3), 160, 9), scenario("price_ladder"), Setup(costs=COSTS["mixed"])
    )
    book: Book | None = None
    recording: Recording | None = None
    window: Window | None = None
    for entry in journal.entries(0):
        if window is None:
            assert isinstance(entry.event, Started)
            window = new_window(rules, Roster.of(entry.event.instruments))
        before = book
        grow(window, entry.event)
        book, _, _ = step(before, window, entry.event, entry.at_ms, rules, recording.tape if recording else None)
        if before is None or recording is None:
            recording = Recording.of(book)
        else:
            recording.note(before, book)
    assert recording is not None
    return recording, recompute(journal, rules), rules


def first(kind: type, **changes: Any) -> Callable[[list[Any]], list[Any]]:
    """The tape with a lie in its first entry of a kind; without changes that entry is lost."""

    def lie(tape: list[Any]) -> list[Any]:
        at = next(place for place, one in enumerate(tape) if isinstance(one, kind))
        told = [dataclasses.replace(tape[at], **changes)] if changes else []
        return [*tape[:at], *told, *tape[at + 1 :]]

    return lie


def every(kind: type, **changes: Any) -> Callable[[list[Any]], list[Any]]:
    """The tape with the same lie in every entry of a kind."""

    def lie(tape: list[Any]) -> list[Any]:
        def told(one: Any) -> Any:
            return dataclasses.replace(one, **changes)

        return [told(one) if isinstance(one, kind) else one for one in tape]

    return lie


LIES = {
    "a lost fill": (first(on.Filled), "targets at"),
    "a fill at another price": (first(on.Filled, price=1.0), "targets at"),
    "another fee": (first(on.Filled, fee_usdt=1e-9), "targets at"),
    "funding lost": (first(on.Settled), "targets at"),
    "a touch lost": (first(on.Touched), "targets at"),
    "money taken out": (lambda tape: [*tape[:40], on.Corrected(-5_000.0), *tape[40:]], "targets at"),
    "a guard that let nothing in": (every(on.Closed, guard="flatten"), "planned lots"),
    "a mode without plans": (every(on.Closed, plans=False), "planned lots"),
    "a bar too late": (every(on.Closed, late=True), "targets"),
    "a name held by hand": (lambda tape: [on.Held(0, on=True), *tape], "targets at"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_tape_that_lies_is_found_out(name: str, run: tuple[Recording, Recomputed, Rules]) -> None:
    recording, done, rules = run
    assert done.panel is not None
    assert done.book is not None
    assert follow(recording, done.panel, rules, done.book).differences == []
    lie, told = LIES[name]
    false = dataclasses.replace(recording, tape=lie(recording.tape))
    found = follow(false, done.panel, rules, done.book)
    assert not found.same
    assert any(told in one for one in found.differences), found.differences


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (("dance", 1), 'a tape holds no "dance"'),
        (("funding", 99, 1.0), "symbol is 99"),
        (("mark", 100_000), "speaks of bar 100000"),
        (("fill", 0, "many", 1.0, 0.0, 1.0, 1.0, 0, 0, False), "field 2"),
        (("rearm", "gravity"), 'there is no guard "gravity"'),
        (("close", 0, False, True, "none", np.zeros(2, dtype=np.int64), False), "waiting_lots has 2 entries"),
    ],
)
def test_a_tape_that_cannot_be_read_is_refused(
    entry: tuple[Any, ...], told: str, run: tuple[Recording, Recomputed, Rules]
) -> None:
    recording, done, rules = run
    assert done.panel is not None
    with pytest.raises(Exception, match=told):
        kernel.follow(done.panel, rules.params, [entry], contracts=recording.contracts, cash_usdt=1.0)


def test_bars_rise(run: tuple[Recording, Recomputed, Rules]) -> None:
    recording, done, rules = run
    assert done.panel is not None
    flat = np.zeros(len(done.panel.symbols), dtype=np.int64)
    closes = [("close", at, False, True, "none", flat, False) for at in (100, 3)]
    with pytest.raises(Exception, match="goes back to bar 3"):
        kernel.follow(done.panel, rules.params, closes, contracts=recording.contracts, cash_usdt=1.0)
