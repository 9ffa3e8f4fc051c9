from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide, out_there
from xsmom.domain.book import Book
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates.stop_coverage import judge


def naked(made: Book) -> Book:
    symbol = next(iter(made.protection))
    kept = {**made.protection, symbol: replace(made.protection[symbol], verified_ms=None)}
    return replace(made, protection=kept)


def test_it_fires_through_the_step() -> None:
    with_stops = replace(out_there(), protect=replace(out_there().protect, enabled=True))
    outcome = decide(naked, with_stops, held=True)
    assert "stop_coverage" in outcome.refused
    assert outcome.opened == set()
    assert outcome.reductions > 0
    assert "gate.stop_coverage" in outcome.told
    assert "stop_coverage" not in decide(rules=with_stops, held=True).refused


def test_the_moments_after_a_fill_hold_like_any_other_and_alarm_nobody() -> None:
    def filled(before_ms: int) -> Callable[[Book], Book]:
        def bare(made: Book) -> Book:
            fill_ms = made.cycle.marked_ms - before_ms
            kept = {name: replace(one, fill_ms=fill_ms) for name, one in naked(made).protection.items()}
            return replace(made, protection=kept)

        return bare

    with_stops = replace(out_there(), protect=replace(out_there().protect, enabled=True))
    outcome = decide(filled(1_000), with_stops, held=True)
    assert "stop_coverage" in outcome.refused
    assert outcome.opened == set()
    assert "gate.stop_coverage" not in outcome.told
    assert "gate.stop_coverage" in decide(filled(3_000), with_stops, held=True).told


def test_full_coverage_is_silent_and_so_is_an_empty_book() -> None:
    assert judge(entry(), book((5, -5, 0)), rules(), NOW_MS) == Allow()
    assert judge(entry(), book(), rules(), NOW_MS) == Allow()


def test_half_is_not_enough() -> None:
    verdict = judge(entry(), naked(book((5, -5, 0))), rules(), NOW_MS)
    assert verdict == Refuse(Veto.STOP_COVERAGE, "50% of the positions have theirs")


def test_where_the_venue_keeps_no_stops_it_is_not_asked() -> None:
    bars = rules()
    bars = replace(bars, protect=replace(bars.protect, enabled=False))
    assert judge(entry(), naked(book((5, -5, 0))), bars, NOW_MS) == Allow()
