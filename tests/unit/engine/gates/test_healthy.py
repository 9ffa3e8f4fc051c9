"""Where all is well no gate speaks, and the moment that the other files bend does open positions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules, turn
from tests.unit.engine.gate_steps import decide
from xsmom.domain.book import Health, VenueFacts
from xsmom.domain.orders import Allow, Veto
from xsmom.engine.gates import GATES, NET_CAP, Gate
from xsmom.engine.review import review


@pytest.mark.parametrize("held", [False, True])
def test_a_healthy_moment_opens_positions_without_a_word(held: bool) -> None:
    outcome = decide(held=held)
    assert outcome.opened_lots > 0
    assert held or outcome.openings
    assert outcome.refused == set()
    assert not any(name.startswith("gate.") for name in outcome.told)
    assert (outcome.reductions > 0) == held


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.veto.value)
def test_no_gate_speaks_on_a_healthy_book(gate: Gate) -> None:
    assert gate.judge(entry(), book((30, -20, 0)), rules(), NOW_MS) == Allow()


def test_every_veto_has_one_row_and_the_kill_switch_comes_first() -> None:
    rows = [*GATES, NET_CAP]
    assert GATES[0].veto is Veto.KILL_SWITCH
    assert sorted(row.veto.value for row in rows) == sorted(veto.value for veto in Veto if veto is not Veto.BLIND)
    assert len({row.alert for row in rows}) == len(rows)
    assert all(row.fires and row.mend for row in rows)


def test_where_bars_are_filled_only_the_owners_own_gates_are_asked() -> None:
    dead = replace(book(), venue=VenueFacts(), health=Health())
    assert review(turn(dead), [entry()]) == []
    assert len(review(turn(dead, rules(facts_needed=False)), [entry()])) == 1
