"""Scenes that tests of the sentinel begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.engine.books import T0, book, rules, with_stop
from tests.unit.engine.scene import Scene
from tests.unit.engine.scripted_venue import ScriptedVenue
from xsmom.engine.rules import Rules

RULES = rules()
A, B, C = "AAAUSDT", "BBBUSDT", "CCCUSDT"


def scene(obeyed: Rules = RULES, **script: Any) -> Scene:
    """A flat book, agreed with the venue."""
    made = Scene(book(obeyed), obeyed, ScriptedVenue(marks={A: 100.0, B: 50.0, C: 10.0}, **script), T0)
    made.venue.note(T0)
    made.run(1)
    return made


def protected(lots: int = 50, level: float | None = None, obeyed: Rules = RULES, **script: Any) -> Scene:
    """A position of A at 100 with a verified stop, and with a level of the kernel where one is given."""
    acted = scene(obeyed, **script)
    acted.fill(A, lots, 100.0)
    acted.run(2)
    if level is not None:
        acted.book = with_stop(acted.book, A, level)
    acted.run(3_000)
    assert acted.book.protection[A].verified_ms is not None
    assert acted.exits == []
    return acted


def with_rules(**changes: Any) -> Rules:
    """Rules whose sentinel differs."""
    return replace(RULES, protect=replace(RULES.protect, **changes))
