"""The three gates on margin: soft, hard, maintenance. Accounts are told in USDT; equity is 10,000."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import NOW_MS, account, book, entry, rules
from tests.unit.engine.gate_steps import decide, out_there
from xsmom.domain.book import Book, Mode
from xsmom.domain.orders import Allow, Refuse, Verdict, Veto
from xsmom.engine.facts import margin_used_frac
from xsmom.engine.gates import maintenance, margin_hard, margin_soft


def with_account(made: Book, **changes: float | str) -> Book:
    told = replace(account(**changes), at_ms=made.cycle.marked_ms)
    return replace(made, venue=replace(made.venue, account=told))


def test_the_soft_limit_fires_through_the_step() -> None:
    def bend(made: Book) -> Book:
        return with_account(made, initial_margin_usdt=8_000)

    outcome = decide(bend)
    assert outcome.refused == {"margin_soft"}
    assert outcome.opened == set()
    assert "gate.margin_soft" in outcome.told
    assert decide(bend, out_there({"risk.margin_soft_limit_pct": 81})).opened


def test_the_hard_limit_fires_through_the_step() -> None:
    def bend(made: Book) -> Book:
        return with_account(made, initial_margin_usdt=9_000)

    outcome = decide(bend)
    assert outcome.book.mode is Mode.REDUCING
    assert outcome.opened == set()
    higher = out_there({"risk.margin_hard_limit_pct": 95, "risk.margin_soft_limit_pct": 92})
    assert decide(bend, higher).opened


def test_the_maintenance_rate_fires_through_the_step() -> None:
    def bend(made: Book) -> Book:
        return with_account(made, maintenance_rate_frac="0.5")

    outcome = decide(bend)
    assert outcome.book.mode is Mode.REDUCING
    assert outcome.opened == set()
    assert decide(bend, out_there({"risk.maintenance_margin_limit_pct": 60})).opened


def soft(made: Book) -> Verdict:
    return margin_soft.judge(entry(), made, rules(), NOW_MS)


def hard(made: Book) -> Verdict:
    return margin_hard.judge(entry(), made, rules(), NOW_MS)


def rate(made: Book) -> Verdict:
    return maintenance.judge(entry(), made, rules(), NOW_MS)


@pytest.mark.parametrize(
    ("gate", "field", "below", "at", "veto"),
    [
        (soft, "initial_margin_usdt", "7999", "8000", Veto.MARGIN_SOFT),
        (hard, "initial_margin_usdt", "8999", "9000", Veto.MARGIN_HARD),
        (rate, "maintenance_rate_frac", "0.499", "0.5", Veto.MAINTENANCE),
    ],
)
def test_each_fires_at_its_limit(gate: Callable[[Book], Verdict], field: str, below: str, at: str, veto: Veto) -> None:
    assert gate(with_account(book(), **{field: below})) == Allow()
    verdict = gate(with_account(book(), **{field: at}))
    assert isinstance(verdict, Refuse)
    assert verdict.veto is veto


@pytest.mark.parametrize("gate", [soft, hard, rate])
def test_without_an_account_they_are_blind(gate: Callable[[Book], Verdict]) -> None:
    verdict = gate(replace(book(), venue=replace(book().venue, account=None)))
    assert isinstance(verdict, Refuse)
    assert verdict.veto is Veto.BLIND


@pytest.mark.parametrize("gate", [soft, hard])
def test_an_account_without_equity_is_over_every_limit(gate: Callable[[Book], Verdict]) -> None:
    broke = with_account(book(), equity_usdt=0)
    assert margin_used_frac(account(equity_usdt=0)) == float("inf")
    assert isinstance(gate(broke), Refuse)


def test_a_number_that_is_none_blinds_them() -> None:
    verdict = soft(with_account(book(), initial_margin_usdt="NaN"))
    assert isinstance(verdict, Refuse)
    assert verdict.veto is Veto.BLIND
    verdict = rate(with_account(book(), maintenance_rate_frac="NaN"))
    assert isinstance(verdict, Refuse)
    assert verdict.veto is Veto.BLIND
