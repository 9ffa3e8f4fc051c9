"""Exactly once: whatever a venue loses, delays, repeats or reorders, what was approved is traded at most once."""

from dataclasses import replace
from random import Random
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.orders.stage import START_MS, SYMBOLS, Stage, rules
from tests.orders.venue import UnrulyVenue
from xsmom.domain.orders import Approved, Purpose, Style
from xsmom.engine import execution
from xsmom.engine.execution import doubt
from xsmom.engine.rules import Rules

SEEDS = st.integers(0, 2**32 - 1)
STYLES = (Style.POST_ONLY, Style.LIMIT, Style.MARKET, Style.TWAP, Style.VWAP)
HELD = {SYMBOLS[0]: 400, SYMBOLS[1]: -300}
QUIET_MS = 900_000


class Life:
    """One seed: orders of all kinds, an unruly venue, crashes; checked after every step."""

    def __init__(self, seed: int, **work: Any) -> None:
        self.draw = Random(seed)
        changed = {"deadline_ms": 40_000, "twap_ms": 40_000, "vwap_ms": 40_000, "twap_slices": 4, **work}
        self.stage = Stage(rules=rules(fields={"net_cap_frac": 0.5}, **changed), lots=dict(HELD))
        self.venue = UnrulyVenue(self.stage, self.draw)
        self.approved: dict[str, Approved] = {}
        self.filled: dict[str, int] = {}
        self.checked = True

    def play(self) -> Self:
        self._start(self._closes())
        for _ in range(self.draw.randrange(1, 4)):
            self._start([self._entry() for _ in range(self.draw.randrange(1, 4))])
            self._run(self.draw.randrange(1_000, 60_000))
            if self.draw.random() < 0.3:
                self.venue.crash()
        self._run(QUIET_MS)
        return self

    def _closes(self) -> list[Approved]:
        """Some reductions of one position, together more than it; and an exit that has to get out."""
        one = [
            self.stage.approve(-self.draw.randrange(50, 400), SYMBOLS[0], self.draw.choice(STYLES), reduce_only=True)
            for _ in range(2)
        ]
        purpose = self.draw.choice((Purpose.EXIT, Purpose.FLATTEN, Purpose.TRIM))
        return [*one, self.stage.approve(300, SYMBOLS[1], self.draw.choice(STYLES), reduce_only=True, purpose=purpose)]

    def _entry(self) -> Approved:
        lots = self.draw.randrange(5, 500) * self.draw.choice((1, -1))
        return self.stage.approve(lots, self.draw.choice(SYMBOLS[2:]), self.draw.choice(STYLES))

    def _start(self, approved: list[Approved]) -> None:
        self.approved |= {one.client_order_id: one for one in approved}
        self.venue.take(self.stage.start(*approved))
        self._check()

    def _run(self, ms: int) -> None:
        until_ms = self.stage.now_ms + ms
        while True:
            coming = [at_ms for at_ms in (self.venue.next_ms, self.stage.book.work_due_ms or None) if at_ms is not None]
            if not coming or min(coming) > until_ms:
                break
            if self.venue.next_ms is not None and self.venue.next_ms == min(coming):
                self.venue.deliver()
            else:
                self.venue.take(self.stage.tick(max(min(coming) - self.stage.now_ms, 0)))
            self._check()
        self.venue.take(self.stage.tick(max(until_ms - self.stage.now_ms, 0)))

    def _check(self) -> None:
        if not self.checked:
            return
        book = self.stage.book
        for name, order in book.orders.items():
            assert abs(order.filled_lots) >= abs(self.filled.get(name, 0)), "what is filled never falls"
            self.filled[name] = order.filled_lots
            assert order.filled_lots * order.request.lots >= 0
        assert not self.venue.ghosts, "no order is sent again while an earlier send of it may exist"
        for name, one in self.approved.items():
            mine = [order for order in book.orders.values() if order.parent_id == name]
            assert sum(abs(order.left_lots) + abs(order.filled_lots) for order in mine) <= abs(one.lots)
            truth = [o for key, o in self.venue.orders.items() if key == name or key.startswith(f"{name}-")]
            assert sum(abs(order.left) + abs(order.filled) for order in truth) <= abs(one.lots)
        assert self.venue.position[SYMBOLS[0]] >= 0, "what only reduces never crosses 0"
        assert self.venue.position[SYMBOLS[1]] <= 0


@given(seed=SEEDS)
def test_exactly_once(seed: int) -> None:
    life = Life(seed).play()
    book, venue = life.stage.book, life.venue
    assert not book.tasks
    assert all(order.phase.final for order in book.orders.values())
    assert not any(order.left for order in venue.orders.values()), "nothing of ours is left standing"
    assert book.lots.tolist() == [venue.position[symbol] for symbol in book.roster.symbols]
    assert not execution.working_lots(book).any()
    assert life.stage.now_ms > START_MS + QUIET_MS


@settings(max_examples=5)
@given(seed=SEEDS)
def test_the_same_events_give_the_same_effects(seed: int) -> None:
    one, other = Life(seed).play().stage, Life(seed).play().stage
    assert one.effects == other.effects
    assert one.notes == other.notes
    assert one.book.orders == other.book.orders
    assert np.array_equal(one.book.lots, other.book.lots)


def test_a_proof_that_waits_too_little_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness sees what it is for: without the wait, orders are sent that stand already."""
    monkeypatch.setattr(doubt, "VISIBLE_MS", 0)
    ghosts = 0
    for seed in range(12):
        life = Life(seed, recv_window_ms=0)
        life.stage.rules = _hasty(life.stage)
        life.checked = False
        life.play()
        ghosts += len(life.venue.ghosts)
    assert ghosts > 0


def _hasty(stage: Stage) -> Rules:
    return replace(stage.rules, agree=replace(stage.rules.agree, visible_ms=0))
