from __future__ import annotations

from dataclasses import replace

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide, healthy, out_there, take
from xsmom.domain.book import Book
from xsmom.domain.effects import FetchAccount, HoldCalls, SetTimer
from xsmom.domain.events import LinkChanged, TimerFired
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates.breaker import judge


def failing(made: Book, failures: int) -> LinkChanged:
    return LinkChanged(made.cycle.marked_ms, 20, failures, 50.0, 5.0, 20.0, streaming=True, why="503")


def test_it_fires_through_the_step_after_five_errors() -> None:
    made = healthy()
    tripped = take(made, failing(made, 5))
    assert "breaker.tripped" in tripped.told
    outcome = decide(lambda _: tripped.book)
    assert outcome.refused == {"breaker"}
    assert outcome.opened == set()
    assert "gate.breaker" in outcome.told


def test_four_errors_do_not_trip_it() -> None:
    made = healthy()
    after = take(made, failing(made, 4))
    assert "breaker.tripped" not in after.told
    assert decide(lambda _: after.book).opened


def test_switched_off_it_counts_nothing() -> None:
    made, off = healthy(), out_there({"risk.api_circuit_breaker.enabled": False})
    after = take(made, failing(made, 50), off)
    assert "breaker.tripped" not in after.told
    assert decide(lambda _: after.book, off).opened


def test_its_time_alone_does_not_close_it() -> None:
    made = book()
    open_ = replace(made, health=replace(made.health, breaker_until_ms=NOW_MS + 1))
    assert judge(entry(), open_, rules(), NOW_MS) == Refuse(Veto.BREAKER, "open for another 0 s")
    assert judge(entry(), open_, rules(), NOW_MS + 1) == Refuse(Veto.BREAKER, "half open: its probe is not back yet")
    assert judge(entry(), made, rules(), NOW_MS + 1) == Allow()


def test_through_the_step_it_holds_calls_probes_at_its_time_and_lets_them_go() -> None:
    made = healthy()
    tripped = take(made, failing(made, 5))
    (timer,) = [one for one in tripped.effects if isinstance(one, SetTimer) and one.name == "breaker"]
    assert HoldCalls(True) in tripped.effects
    probed = take(tripped.book, TimerFired("breaker", timer.due_ms), now_ms=timer.due_ms)
    assert FetchAccount("probe of the breaker") in probed.effects
    venue = replace(probed.book.venue, answered_ms=timer.due_ms + 1)
    good = replace(failing(made, 0), at_ms=timer.due_ms + 2)
    closed = take(replace(probed.book, venue=venue), good, now_ms=timer.due_ms + 2)
    assert HoldCalls(False) in closed.effects
    assert "breaker.closed" in closed.told


def test_without_a_word_of_the_line_it_is_blind() -> None:
    made = book()
    deaf = replace(made, health=replace(made.health, link_ms=0))
    verdict = judge(entry(), deaf, rules(), NOW_MS)
    assert isinstance(verdict, Refuse)
    assert verdict.veto is Veto.BLIND
