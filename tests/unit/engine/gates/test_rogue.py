"""What a plan never asks for: an opening while the mode forbids it. Whatever room asks all the same meets the door."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.gate_books import account, entry
from tests.unit.engine.gate_steps import healthy, out_there, take
from xsmom.domain.book import Book, Kill
from xsmom.domain.effects import SendOrder
from xsmom.domain.events import TimerFired
from xsmom.domain.orders import Intent
from xsmom.engine import step
from xsmom.engine.turn import Turn


def killed(made: Book) -> Book:
    return replace(made, kill=Kill(active=True, by="me", reason="fear"))


def stretched(made: Book, **changes: Any) -> Book:
    return replace(made, venue=replace(made.venue, account=account(**changes)))


BENT = {
    "kill_switch": killed,
    "mode": lambda made: replace(made, paused="me"),
    "margin_hard": lambda made: stretched(made, initial_margin_usdt=9_500),
    "maintenance": lambda made: stretched(made, maintenance_rate_frac="0.6"),
}


@pytest.mark.parametrize("veto", BENT)
def test_an_opening_that_some_room_asks_for_is_refused(monkeypatch: pytest.MonkeyPatch, veto: str) -> None:
    made = BENT[veto](healthy())
    now_ms = made.cycle.marked_ms
    made = replace(made, cycle=replace(made.cycle, closed_ms=now_ms))
    symbol = made.roster.symbols[0]

    def rogue(turn: Turn) -> list[Intent]:
        del turn
        return [entry(symbol, 1_000_000_000, reference_price=100.0, decided_ms=now_ms)]

    monkeypatch.setattr(step, "trim_intents", rogue)
    outcome = take(made, TimerFired("any", now_ms), out_there())
    assert veto in outcome.refused
    assert f"gate.{veto}" in outcome.told
    assert outcome.opened == set()
    assert not any(isinstance(effect, SendOrder) for effect in outcome.effects)
    passes = take(replace(healthy(), cycle=made.cycle), TimerFired("any", now_ms), out_there())
    assert passes.opened == {symbol}
