"""Orders through the engine's own step: the fold of money comes first, and one execution counts once."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.orders.stage import quote, view
from tests.unit.engine.books import CASH, SYMBOLS, T0, book, fill, rules
from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import CancelOrder, Effect, LookupOrder, Note, SendOrder, SetTimer
from xsmom.domain.events import Ask, Event, FillSeen, OrderLookedUp, OrderUpdated, TimerFired, VenueReplied
from xsmom.domain.orders import Approved, Intent, LiveOrder, Phase, Purpose, Style, client_order_id
from xsmom.domain.trading import Ack, OrderState, Unknown
from xsmom.domain.window import Window
from xsmom.engine import execution
from xsmom.engine.step import step
from xsmom.engine.turn import Turn

GIVEN = rules()
RULES = replace(
    GIVEN,
    protect=replace(GIVEN.protect, enabled=False),
    # Facts of an account are other rooms' matter.
    gates=replace(GIVEN.gates, facts_needed=False),
)


class Engine:
    """The step, again and again."""

    def __init__(self) -> None:
        made = book(RULES)
        self.book: Book = replace(made, quotes={one: quote(one, 100.0, 100.1, T0) for one in SYMBOLS})
        roster = made.roster
        self.window = Window(roster.symbols, roster.listed_ms, roster.delisted_ms, bar_ms=3_600_000, bars_max=4)
        self.now_ms = T0
        self.notes: list[Note] = []

    def take(self, event: Event, after_ms: int = 10) -> tuple[Effect, ...]:
        self.now_ms += after_ms
        self.book, effects, notes = step(self.book, self.window, event, self.now_ms, RULES)
        self.notes += notes
        return effects

    def begin(self, lots: int, **changes: Any) -> LiveOrder:
        """An entry that was approved, and sent."""
        (sent,) = [one for one in self.ask_for(lots, **changes) if isinstance(one, SendOrder)]
        return self.book.orders[sent.request.client_order_id]

    def ask_for(self, lots: int, **changes: Any) -> list[Effect]:
        """An entry that was approved; what goes out."""
        intent = Intent(
            symbol=SYMBOLS[0],
            lots=lots,
            reduce_only=False,
            purpose=Purpose.REBALANCE,
            style=Style.MARKET,
            reference_price=100.0,
            atr=1.0,
            decided_ms=T0,
        )
        intent = replace(intent, **changes)
        turn = Turn(self.book, RULES, self.now_ms)
        execution.start(turn, [Approved(intent, lots, client_order_id("run", intent))])
        execution.work(turn)
        self.book = turn.book
        self.notes += turn.notes
        return turn.effects

    def told(self, name: str) -> list[Note]:
        return [note for note in self.notes if note.name == name]


def test_an_order_from_its_answer_to_its_end() -> None:
    engine = Engine()
    order = engine.begin(50)
    name = order.client_order_id
    engine.take(VenueReplied(Ask.SUBMIT, SYMBOLS[0], name, engine.now_ms, Ack("v1", name, engine.now_ms)))
    engine.take(OrderUpdated(view(order, OrderState.FILLED, 50)))
    assert engine.book.lots[0] == 0
    assert execution.working_lots(engine.book)[0] == 50
    done = fill(SYMBOLS[0], 50, 100.1, engine.now_ms, name=name, order_id="v1", fee_usdt=0.05)
    engine.take(FillSeen(done))
    assert engine.book.lots[0] == 50
    assert engine.book.money.cash_usdt == pytest.approx(CASH - 50 * 0.01 * 100.1 - 0.05)
    assert not engine.book.tasks
    (note,) = engine.told("order.done")
    assert note.fields["slippage_bps"] == pytest.approx(10.0)
    # The same execution again: neither the position nor the order moves.
    engine.take(FillSeen(done))
    assert engine.book.lots[0] == 50
    assert not execution.working_lots(engine.book).any()


def test_the_timer_leads_to_lookups_and_an_absent_order_goes_again() -> None:
    engine = Engine()
    order = engine.begin(50)
    name = order.client_order_id
    effects = engine.take(VenueReplied(Ask.SUBMIT, SYMBOLS[0], name, engine.now_ms, Unknown("time-out")))
    assert any(isinstance(one, LookupOrder) for one in effects)
    (timer,) = [one for one in effects if isinstance(one, SetTimer) and one.name == execution.TIMER]
    effects = engine.take(TimerFired(timer.name, timer.due_ms), timer.due_ms - engine.now_ms)
    assert any(isinstance(one, LookupOrder) for one in effects)
    engine.now_ms = T0 + 16_000
    quotes = {name: replace(one, at_ms=engine.now_ms) for name, one in engine.book.quotes.items()}
    engine.book = replace(engine.book, quotes=quotes)
    effects = engine.take(OrderLookedUp(SYMBOLS[0], name, engine.now_ms, None))
    assert [one.request for one in effects if isinstance(one, SendOrder)] == [order.request]
    assert engine.book.orders[name].phase is Phase.SENT


def test_a_mode_without_entries_takes_them_back() -> None:
    engine = Engine()
    order = engine.begin(50, style=Style.POST_ONLY)
    engine.take(OrderUpdated(view(order, OrderState.WORKING)))
    engine.book = replace(engine.book, mode=Mode.HALTED, kill=replace(engine.book.kill, active=True))
    effects = engine.take(TimerFired(execution.TIMER, engine.now_ms))
    assert [one.client_order_id for one in effects if isinstance(one, CancelOrder)] == [order.client_order_id]


def test_money_of_a_fill_is_exact_in_lots() -> None:
    engine = Engine()
    order = engine.begin(7)
    for lots, at in ((3, 1), (4, 2)):
        one = fill(SYMBOLS[0], lots, 100.0, engine.now_ms + at, name=order.client_order_id)
        engine.take(FillSeen(replace(one, price=Decimal("100.0"))))
    assert np.array_equal(engine.book.lots, [7, 0, 0])
    assert engine.book.money.traded_usdt == pytest.approx(7.0)
