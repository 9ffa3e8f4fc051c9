from __future__ import annotations

from dataclasses import replace

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide, healthy, out_there, take
from xsmom.domain.book import Book
from xsmom.domain.events import LinkChanged
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


def test_it_closes_by_itself() -> None:
    made = book()
    open_ = replace(made, health=replace(made.health, breaker_until_ms=NOW_MS + 1))
    assert judge(entry(), open_, rules(), NOW_MS) == Refuse(Veto.BREAKER, "open for another 0 s")
    assert judge(entry(), open_, rules(), NOW_MS + 1) == Allow()


def test_without_a_word_of_the_line_it_is_blind() -> None:
    made = book()
    deaf = replace(made, health=replace(made.health, link_ms=0))
    verdict = judge(entry(), deaf, rules(), NOW_MS)
    assert isinstance(verdict, Refuse)
    assert verdict.veto is Veto.BLIND
