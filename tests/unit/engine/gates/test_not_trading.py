"""Contracts that may not be entered: not open, and announced to be delisted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.gate_books import HOUR_MS, NOW_MS, SYMBOLS, book, entry, instrument, rules
from tests.unit.engine.gate_steps import decide
from xsmom.domain.book import Book, Roster
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import Allow, Refuse, Veto
from xsmom.engine.gates import delisting, not_trading


def specs(**changes: Any) -> Book:
    roster = Roster.of(tuple(instrument(one, **(changes if one == "AAAUSDT" else {})) for one in SYMBOLS))
    return replace(book(), roster=roster)


def first_opened() -> str:
    return min(decide().opened)


def changed(made: Book, symbol: str, **changes: Any) -> Book:
    contracts = (replace(one, **changes) if one.symbol == symbol else one for one in made.roster.instruments)
    return replace(made, roster=Roster.of(tuple(contracts)))


def test_a_contract_that_is_not_open_fires_through_the_step() -> None:
    symbol = first_opened()
    outcome = decide(lambda made: changed(made, symbol, trading=Trading.NOT_YET))
    assert "not_trading" in outcome.refused
    assert symbol not in outcome.opened
    assert "gate.not_trading" in outcome.told


def test_an_announced_delisting_fires_through_the_step_at_once() -> None:
    symbol = first_opened()
    outcome = decide(lambda made: changed(made, symbol, delisted_ms=made.cycle.marked_ms + 1_000 * HOUR_MS))
    assert "delisting" in outcome.refused
    assert symbol not in outcome.opened
    assert "gate.delisting" in outcome.told


@pytest.mark.parametrize("trading", Trading)
def test_each_status(trading: Trading) -> None:
    wanted = Allow() if trading is Trading.OPEN else Refuse(Veto.NOT_TRADING, trading.value)
    assert not_trading.judge(entry(), specs(trading=trading), rules(), NOW_MS) == wanted


def test_a_date_is_enough_however_far() -> None:
    made = specs(delisted_ms=NOW_MS + 48 * HOUR_MS)
    assert delisting.judge(entry(), made, rules(), NOW_MS) == Refuse(Veto.DELISTING, "last trade in 48.0 h")
    assert delisting.judge(entry("BBBUSDT"), made, rules(), NOW_MS) == Allow()


@pytest.mark.parametrize("judge", [not_trading.judge, delisting.judge])
def test_a_name_that_is_not_ours_is_refused(judge: Any) -> None:
    verdict = judge(entry("ZZZUSDT"), book(), rules(), NOW_MS)
    assert isinstance(verdict, Refuse)
    assert verdict.veto is Veto.BLIND
