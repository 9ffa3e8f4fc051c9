"""Scenes that tests of reconciling begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.engine.books import T0, book, rules
from tests.unit.engine.scene import Scene
from tests.unit.engine.scripted_venue import ScriptedVenue, Truth
from xsmom.domain.trading import OrderState, OrderView, Trigger, TriggerBy
from xsmom.engine import reconcile
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn

RULES = rules()
A, B, C = "AAAUSDT", "BBBUSDT", "CCCUSDT"


def with_rules(**changes: Any) -> Rules:
    """Rules whose reconciling differs."""
    return replace(RULES, agree=replace(RULES.agree, **changes))


def scene(obeyed: Rules = RULES, **script: Any) -> Scene:
    """A book that has just begun, on a venue."""
    made = Scene(book(obeyed), obeyed, ScriptedVenue(marks={A: 100.0, B: 50.0, C: 10.0}, **script), T0)
    made.venue.note(T0)
    return made


def begin(acted: Scene) -> Scene:
    """The first reading, asked for by the start."""
    turn = Turn(acted.book, acted.rules, acted.now_ms)
    reconcile.want(turn, "start")
    acted.book = turn.book
    acted.poke()
    acted.run(3_500)
    return acted


def agreed(obeyed: Rules = RULES, **script: Any) -> Scene:
    """A book that has agreed with the venue once."""
    acted = begin(scene(obeyed, **script))
    assert acted.book.venue.reconciled_ms >= acted.book.started_ms
    assert acted.book.venue.mismatches == ()
    return acted


def held(acted: Scene, symbol: str, lots: int, entry: float, seq: int = 1_000) -> None:
    """The venue holds something, and no execution tells of it."""
    acted.venue.positions[symbol] = Truth(lots, entry, seq)
    acted.venue.note(acted.now_ms)


def order(symbol: str, name: str, lots: int, created_ms: int, trigger_ticks: int | None = None) -> OrderView:
    """An order that stands at the venue."""
    trigger = None if trigger_ticks is None else Trigger(trigger_ticks, TriggerBy.MARK, rising=lots > 0)
    return OrderView(
        order_id=f"v-{name}",
        client_order_id=name,
        symbol=symbol,
        lots=lots,
        filled_lots=0,
        average_price=None,
        price_ticks=None if trigger else 900,
        trigger=trigger,
        reduce_only=trigger is not None,
        of_position=False,
        state=OrderState.UNTRIGGERED if trigger else OrderState.WORKING,
        reason="",
        created_ms=created_ms,
        at_ms=created_ms,
    )
