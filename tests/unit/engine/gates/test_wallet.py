from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide, out_there
from xsmom.domain.book import Book
from xsmom.domain.orders import Refuse, Veto
from xsmom.engine.gates.wallet import judge


def unexplained(made: Book, usdt: float) -> Book:
    return replace(made, venue=replace(made.venue, unexplained_usdt=usdt))


@pytest.mark.parametrize("usdt", [-60.0, 60.0])
def test_it_fires_through_the_step(usdt: float) -> None:
    outcome = decide(lambda made: unexplained(made, usdt))
    assert outcome.refused == {"wallet"}
    assert outcome.opened == set()
    assert "gate.wallet" in outcome.told
    wider = out_there({"risk.venue_limits.max_unexplained_wallet_change_pct": 1})
    assert decide(lambda made: unexplained(made, usdt), wider).opened


@pytest.mark.parametrize(("usdt", "fires"), [(50.0, False), (-50.0, False), (50.01, True), (-50.01, True)])
def test_half_a_per_cent_of_equity(usdt: float, fires: bool) -> None:
    verdict = judge(entry(), unexplained(book(), usdt), rules(), NOW_MS)
    assert isinstance(verdict, Refuse) == fires


def test_what_cannot_be_compared_is_refused() -> None:
    verdict = judge(entry(), unexplained(book(), math.nan), rules(), NOW_MS)
    assert verdict == Refuse(Veto.BLIND, "the wallet cannot be compared with the book")


def test_a_missing_mark_is_mended_by_the_accounts_own_equity() -> None:
    made = book((5, 0, 0))
    gone = replace(made, names=replace(made.names, mark=made.names.mark * math.nan))
    assert not isinstance(judge(entry(), unexplained(gone, 50.0), rules(), NOW_MS), Refuse)
    deaf = replace(gone, venue=replace(gone.venue, account=None))
    verdict = judge(entry(), unexplained(deaf, 50.0), rules(), NOW_MS)
    assert isinstance(verdict, Refuse)
    assert verdict.veto is Veto.BLIND
