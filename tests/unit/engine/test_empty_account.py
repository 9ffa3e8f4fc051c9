"""Money that goes away wholly, comes back, or comes at the worst moment; and equity of nothing or less."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.unit.engine.gate_books import book, rules, turn
from tests.unit.engine.gate_steps import decide, healthy, out_there, take
from xsmom.domain.book import Book, Mode
from xsmom.domain.events import TransferSeen
from xsmom.domain.market_data import Quote
from xsmom.engine import money

DRAWDOWN = {"risk.max_portfolio_drawdown_pct": 15, "risk.max_daily_loss_pct": 5}


def moved(made: Book, usdt: str, name: str = "t") -> Book:
    of = turn(made, rules())
    money.fold_transfer(of, TransferSeen(name, Decimal(usdt), made.as_of_ms))
    return of.book


def emptied(made: Book) -> Book:
    return moved(made, str(-Decimal(repr(money.equity_usdt(made)))))


def test_an_account_that_was_emptied_decides_nothing_and_has_lost_nothing() -> None:
    outcome = decide(emptied, out_there(DRAWDOWN))
    assert money.equity_usdt(outcome.book) == 0.0
    (told,) = [note for note in outcome.notes if note.name == "decision.skipped"]
    assert told.fields["why"] == "no equity"
    assert outcome.opened == set()
    assert outcome.book.cycle.guard == "none"
    assert outcome.book.mode is Mode.TRADING


def test_what_comes_back_goes_on_at_the_value_of_before() -> None:
    made = replace(book(), money=replace(book().money, cash_usdt=12_000.0))
    value = money.unit_value(made)
    assert value == pytest.approx(1.2)
    gone = moved(made, "-12000")
    assert money.unit_value(gone) == value
    back = moved(gone, "500", "u")
    assert money.unit_value(back) == pytest.approx(value)
    assert money.equity_usdt(back) == 500.0


@pytest.mark.parametrize("left", ["0.004", "-0.004"])
def test_what_rounding_leaves_of_it_is_no_share(left: str) -> None:
    gone = moved(book(), str(Decimal(left) - 10_000))
    assert gone.money.units == 0.0
    assert money.unit_value(moved(gone, "700", "u")) == pytest.approx(1.0, abs=1e-4)


def test_a_book_that_is_in_debt_closes_and_does_not_stop_the_process() -> None:
    def ruined(made: Book) -> Book:
        return replace(made, money=replace(made.money, cash_usdt=made.money.cash_usdt - 30_000.0))

    before = replace(healthy(held=True), guards=dict(healthy(held=True).guards))
    day = (before.cycle.marked_ms - 1) // 86_400_000
    kept: dict[str, Any] = {"day": day, "last_value": 1.0, "day_open_value": 1.0, "day_high_value": 1.0}
    kept |= {"today_high_value": 1.0, "peak_value": 1.0, "last_equity_usdt": 10_000.0}
    outcome = decide(
        lambda made: ruined(replace(made, guards={**dict(made.guards), **kept})), out_there(DRAWDOWN), held=True
    )
    assert outcome.book.cycle.guard == "flatten"
    assert outcome.book.mode is Mode.FLATTENING
    assert outcome.opened == set()
    later = outcome.book.cycle.marked_ms + 20_000
    closing = take(outcome.book, TransferSeen("none", Decimal(0), later), out_there(DRAWDOWN), now_ms=later, held=True)
    assert closing.reductions == int((outcome.book.lots != 0).sum())


def test_a_deposit_in_debt_begins_a_new_count() -> None:
    made = replace(book(), money=replace(book().money, cash_usdt=-100.0))
    back = moved(made, "600")
    assert money.unit_value(back) == pytest.approx(1.0)
    assert money.equity_usdt(back) == 500.0


@pytest.mark.parametrize("usdt", ["10000", "-5000"])
def test_money_that_moves_in_the_second_of_a_loss_hides_none_of_it(usdt: str) -> None:
    """Shares are bought at what they are worth now, not at what they were worth at the last close."""
    made = book((900, 0, 0))  # 9,000 USDT of AAA at 100
    price = Decimal(95)
    quote = Quote("AAAUSDT", made.as_of_ms, price, price, price, price, price, Decimal(1), None, None)
    after = moved(replace(made, quotes={"AAAUSDT": quote}), usdt)
    closed = replace(after, names=replace(after.names, mark=np.array([95.0, 10.0, 1.0])))
    assert money.unit_value(closed) == pytest.approx(1.0 - 0.05 * 0.9)
