"""Settings of the sentinel and of reconciling act, from the text of a configuration to what is sent."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.unit.engine.books import T0, book, with_stop
from tests.unit.engine.reconcile.scenes import begin, held, order
from tests.unit.engine.scene import Scene
from tests.unit.engine.scripted_venue import ScriptedVenue, refused
from xsmom.config.load import load_config
from xsmom.domain.effects import CancelOrder, FetchFills, SetPositionStop
from xsmom.domain.events import Started
from xsmom.domain.trading import Refusal, TriggerBy
from xsmom.engine import reconcile
from xsmom.engine.rules import Rules

A, B, C = "AAAUSDT", "BBBUSDT", "CCCUSDT"


def scene(settings: dict[str, Any]) -> Scene:
    """A start with these settings, on a venue."""
    obeyed = Rules.of(load_config(None, set=settings, env={}))
    acted = Scene(book(obeyed), obeyed, ScriptedVenue(marks={A: 100.0, B: 50.0, C: 10.0}), T0)
    acted.venue.note(T0)
    turn = acted.turn()
    event = Started("run", T0, "", "", "1", acted.book.roster.instruments, 0.0)
    reconcile.on_started(turn, event)
    acted.book = turn.book
    return acted


def asked(acted: Scene) -> list[int]:
    """When a stop was asked for."""
    return [at_ms for at_ms, one in acted.sent if isinstance(one, SetPositionStop)]


@pytest.mark.parametrize("by", ["mark", "last", "index"])
def test_trigger(by: str) -> None:
    acted = begin(scene({"execution.sentinel.trigger": by}))
    acted.fill(A, 50, 100.0)
    acted.run(3_000)
    assert acted.venue.positions[A].stop_by is TriggerBy(by)
    assert acted.book.protection[A].verified_ms is not None


@pytest.mark.parametrize("seconds", [20, 60])
def test_repair(seconds: int) -> None:
    acted = begin(scene({"execution.sentinel.repair_seconds": seconds}))
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    acted.venue.on_stop = lambda _now, _ask: refused(Refusal.PRICE)
    acted.book = with_stop(acted.book, A, 97.0)
    before = acted.now_ms
    acted.run(200_000)
    moves = [at_ms for at_ms in asked(acted) if at_ms > before]
    pauses = [late - early for early, late in itertools.pairwise(moves)]
    assert seconds * 1_000 <= min(pauses) <= max(pauses) <= seconds * 1_000 + 16_000


@pytest.mark.parametrize(("pct", "ticks"), [(5, 950), (8, 920)])
def test_emergency_distance(pct: float, ticks: int) -> None:
    settings = {"risk.atr_mult_sl": 0, "risk.catastrophic_atr_mult": 0, "execution.sentinel.emergency_stop_pct": pct}
    acted = begin(scene(settings))
    acted.fill(A, 50, 100.0)
    acted.run(5_000)
    assert acted.venue.positions[A].stop_ticks == ticks
    assert acted.told("stop.emergency")[0].fields["why"] == "no level is planned"


@pytest.mark.parametrize("seconds", [60, 300])
def test_reconciling_is_due(seconds: int) -> None:
    acted = begin(scene({"execution.reconcile.every_seconds": seconds}))
    acted.run(1_000_000)
    read = [at_ms for at_ms, one in acted.sent if isinstance(one, FetchFills)]
    pauses = [late - early for early, late in itertools.pairwise(read[1:])]
    assert {seconds * 1_000} == set(pauses)


@pytest.mark.parametrize(("action", "lots"), [("correct", 40), ("report", 0)])
def test_action(action: str, lots: int) -> None:
    acted = begin(scene({"execution.reconcile.action": action}))
    held(acted, A, 40, 99.0)
    acted.run(400_000)
    assert acted.book.lots[0] == lots
    assert bool(acted.book.venue.mismatches) == (action == "report")


@pytest.mark.parametrize("cancel", [True, False])
def test_orphans(cancel: bool) -> None:
    acted = scene({"execution.reconcile.cancel_orphans_on_start": cancel})
    acted.venue.orders["xmold"] = order(A, "xmold", 10, T0 - 3_600_000)
    begin(acted)
    assert bool([one for _, one in acted.sent if isinstance(one, CancelOrder)]) == cancel


@pytest.mark.parametrize("adopt", [True, False])
def test_adopting(adopt: bool) -> None:
    acted = scene({"live.adopt_positions": adopt})
    held(acted, A, 40, 99.0)
    begin(acted)
    acted.run(20_000)
    assert acted.book.lots[0] == (40 if adopt else 0)
    assert (reconcile.blocks(acted.book) is reconcile.Blocks.HALT) != adopt


def test_ignoring() -> None:
    acted = scene({"live.ignore_symbols": [A]})
    held(acted, A, 40, 99.0)
    begin(acted)
    assert acted.book.venue.mismatches == ()
    assert acted.book.venue.reconciled_ms > 0
    other = scene({"live.ignore_symbols": [B]})
    held(other, A, 40, 99.0)
    begin(other)
    assert reconcile.blocks(other.book) is reconcile.Blocks.HALT
