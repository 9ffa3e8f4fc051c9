from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, live, rules
from tests.unit.engine.gate_steps import decide
from xsmom.domain.book import Book
from xsmom.domain.orders import Allow, Phase, Refuse, Veto
from xsmom.engine.gates.unknown_order import judge


def test_it_fires_through_the_step_for_its_symbol_alone() -> None:
    symbol = min(decide().opened)

    def bend(made: Book) -> Book:
        order = replace(live(symbol, 1, Phase.UNKNOWN), sent_ms=made.cycle.marked_ms)
        return replace(made, orders={order.client_order_id: order})

    outcome = decide(bend)
    assert "unknown_order" in outcome.refused
    assert symbol not in outcome.opened
    assert "gate.unknown_order" in outcome.told


@pytest.mark.parametrize("phase", Phase)
def test_only_an_unknown_outcome_holds_a_symbol(phase: Phase) -> None:
    order = live("AAAUSDT", 5, phase)
    made = book(orders={order.client_order_id: order})
    wanted = Refuse(Veto.UNKNOWN_ORDER, order.client_order_id) if phase is Phase.UNKNOWN else Allow()
    assert judge(entry("AAAUSDT"), made, rules(), NOW_MS) == wanted
    assert judge(entry("BBBUSDT"), made, rules(), NOW_MS) == Allow()
