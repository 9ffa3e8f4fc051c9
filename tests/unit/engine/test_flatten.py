"""Closing what has to go: everything, or a name; both legs together; at the market when the time is up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.engine.gate_books import (
    HOUR_MS,
    NOW_MS,
    SYMBOLS,
    book,
    entry,
    instrument,
    live,
    rules,
    told,
    turn,
    under_way,
    worked,
)
from tests.unit.engine.gate_steps import healthy, out_there, take
from xsmom.domain.book import Book, Kill, Mode, Roster, Watch
from xsmom.domain.effects import SendOrder, SetTimer
from xsmom.domain.events import TimerFired
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import Intent, Phase, Purpose, Style
from xsmom.domain.trading import TimeInForce
from xsmom.engine.flatten import DELISTING_LEAD_MS, TIMER, flatten_intents
from xsmom.engine.review import review
from xsmom.engine.rules import Rules


def flattening(lots: tuple[int, ...] = (5, -7, 0), **changes: Any) -> Book:
    return book(lots, **{"mode": Mode.FLATTENING, "mode_why": "kill switch", "kill": KILL, **changes})


KILL = Kill(active=True, flatten=True, reason="fear", by="me", at_ms=NOW_MS)


def ask(made: Book, by: Rules | None = None, now_ms: int = NOW_MS) -> list[Intent]:
    return flatten_intents(turn(made, by, now_ms))


def test_both_legs_go_together_and_whole_at_a_bounded_price() -> None:
    intents = ask(flattening())
    assert [(one.symbol, one.lots) for one in intents] == [("AAAUSDT", -5), ("BBBUSDT", 7)]
    assert all(one.reduce_only and one.purpose is Purpose.FLATTEN and one.style is Style.LIMIT for one in intents)
    assert [one.reference_price for one in intents] == [100.0, 10.0]
    assert len(review(turn(flattening()), intents)) == 2


def test_a_trim_under_way_does_not_hold_it_up() -> None:
    """A trim may rest for two minutes; what is to be closed has one."""
    trim = replace(entry("AAAUSDT", -3), purpose=Purpose.TRIM, reduce_only=True)
    made = under_way((5, -7, 0), worked(trim), mode=Mode.FLATTENING, mode_why="kill switch", kill=KILL)
    assert [(one.symbol, one.lots) for one in ask(made)] == [("AAAUSDT", -5), ("BBBUSDT", 7)]
    assert {one.lots for one in review(turn(made), ask(made))} == {-5, 7}


def test_an_empty_book_asks_for_nothing() -> None:
    assert ask(flattening((0, 0, 0))) == []
    assert ask(book((5, -7, 0))) == []


def test_what_is_being_closed_is_not_asked_for_again() -> None:
    closing = worked(entry(lots=-5, reduce_only=True, purpose=Purpose.FLATTEN))
    made = under_way((5, -7, 0), closing, mode=Mode.FLATTENING, kill=KILL)
    assert [one.symbol for one in ask(made)] == ["BBBUSDT"]


def test_a_resting_reduction_of_a_plan_does_not_count() -> None:
    """It would rest for minutes; execution makes way for what has to leave."""
    resting = worked(entry(lots=-5, reduce_only=True))
    made = under_way((5, 0, 0), resting, mode=Mode.FLATTENING, kill=KILL)
    assert [one.lots for one in ask(made)] == [-5]


def test_an_order_that_may_have_filled_counts() -> None:
    orders = {
        "a": replace(live("AAAUSDT", -2, Phase.UNKNOWN, name="a"), parent_id="gone"),
        "b": replace(live("AAAUSDT", -1, Phase.FILLED, name="b"), filled_lots=-1, traded_lots=0),
    }
    assert [one.lots for one in ask(flattening((5, 0, 0), orders=orders))] == [-2]


def test_what_was_refused_is_asked_for_again_but_not_at_every_event() -> None:
    now = turn(flattening((5, 0, 0)))
    assert len(flatten_intents(now)) == 1
    assert ask(now.book, now_ms=NOW_MS + 1_999) == []
    again = ask(now.book, now_ms=NOW_MS + 2_000)
    assert [one.decided_ms for one in again] == [NOW_MS + 2_000]


@pytest.mark.parametrize(
    ("settings", "stood_ms", "style"),
    [
        ({}, 59_999, Style.LIMIT),
        ({}, 60_000, Style.MARKET),
        ({"risk.kill_switch.market_after_seconds": 5}, 5_000, Style.MARKET),
        ({"risk.kill_switch.market_after_seconds": 600}, 60_000, Style.LIMIT),
        ({"risk.kill_switch.market_after_seconds": 0}, 0, Style.MARKET),
    ],
)
def test_what_still_stands_when_the_time_is_up_goes_at_the_market(
    settings: dict[str, Any], stood_ms: int, style: Style
) -> None:
    made = flattening((5, 0, 0), watch=Watch(exits_ms={"AAAUSDT": NOW_MS - stood_ms}))
    assert [one.style for one in ask(made, rules(settings))] == [style]


def test_without_any_price_it_goes_at_the_market() -> None:
    made = flattening((5, 0, 0))
    made = replace(made, names=replace(made.names, mark=np.full(3, np.nan)))
    assert [one.style for one in ask(made)] == [Style.MARKET]


def test_the_time_begins_with_the_wish_and_ends_with_the_position() -> None:
    now = turn(flattening((5, 0, 0)))
    flatten_intents(now)
    assert now.book.watch.exits_ms == {"AAAUSDT": NOW_MS}
    gone = turn(replace(book(), watch=now.book.watch))
    flatten_intents(gone)
    assert gone.book.watch.exits_ms == {}


# --- guards of the kernel ---------------------------------------------------------------------


def guarded(lots: tuple[int, ...] = (5, 0, 0)) -> Book:
    made = book(lots, mode=Mode.FLATTENING, mode_why="guard")
    return replace(made, cycle=replace(made.cycle, guard="flatten", guard_by="daily_loss"))


def test_a_guards_closing_is_the_bars_for_a_moment_and_then_followed_up() -> None:
    now = turn(guarded())
    assert flatten_intents(now) == []
    assert SetTimer(TIMER, NOW_MS + 2_000) in now.effects
    assert [one.lots for one in ask(now.book, now_ms=NOW_MS + 2_000)] == [-5]


def test_where_bars_are_filled_the_plan_alone_closes_for_a_guard() -> None:
    bars = rules({}, facts_needed=False)
    bars = replace(bars, work=replace(bars.work, style=Style.WHOLE))
    late = replace(guarded(), watch=Watch(exits_ms={"AAAUSDT": 0}))
    assert ask(late, bars) == []
    assert [one.style for one in ask(flattening((5, 0, 0)), bars)] == [Style.WHOLE]


# --- single names -----------------------------------------------------------------------------


def specs(**changes: Any) -> Book:
    roster = Roster.of(tuple(instrument(one, **(changes if one == "AAAUSDT" else {})) for one in SYMBOLS))
    return replace(book((5, -7, 0)), roster=roster)


@pytest.mark.parametrize(("hours", "closes"), [(25, True), (25.01, False), (1, True)])
def test_a_name_is_closed_a_day_before_its_last_trade(hours: float, closes: bool) -> None:
    intents = ask(specs(delisted_ms=NOW_MS + round(hours * HOUR_MS)))
    assert [(one.symbol, one.lots, one.purpose) for one in intents] == (
        [("AAAUSDT", -5, Purpose.EXIT)] if closes else []
    )
    assert DELISTING_LEAD_MS >= 24 * HOUR_MS


def test_a_contract_that_the_exchange_ends_is_closed_at_once() -> None:
    assert [one.symbol for one in ask(specs(trading=Trading.CLOSING))] == ["AAAUSDT"]


def test_a_name_that_was_asked_for_is_closed() -> None:
    made = book((5, -7, 0))
    made = replace(made, names=replace(made.names, close_asked=np.array([False, True, False])))
    now = turn(made)
    assert flatten_intents(now) == [], "the bar may be about to do it"
    assert [one.symbol for one in ask(now.book, now_ms=NOW_MS + 2_000)] == ["BBBUSDT"]


def test_an_exit_whose_order_was_lost_is_followed_up_after_its_time() -> None:
    made = book((5, 0, 0))
    made = replace(made, positions={**made.positions, "closing": np.array([1, 0, 0], dtype=np.uint8)})
    now = turn(made)
    assert flatten_intents(now) == []
    assert SetTimer(TIMER, NOW_MS + 60_000) in now.effects
    assert [one.style for one in ask(now.book, now_ms=NOW_MS + 60_000)] == [Style.MARKET]


def test_where_bars_are_filled_single_names_are_the_bars() -> None:
    made = specs(trading=Trading.CLOSING)
    assert ask(made, rules({}, facts_needed=False)) == []


# --- through the step -------------------------------------------------------------------------


def test_through_the_step_it_goes_from_a_bounded_price_to_the_market() -> None:
    made = replace(healthy(held=True), flattening="me")
    now_ms, by = made.cycle.marked_ms, out_there()
    first = take(made, TimerFired("watch", now_ms), by, held=True)
    assert first.book.mode is Mode.FLATTENING
    sent = [one.request for one in first.effects if isinstance(one, SendOrder)]
    assert {one.symbol for one in sent} == {made.roster.symbols[at] for at in np.flatnonzero(made.lots)}
    assert all(one.reduce_only and one.price_ticks and one.time_in_force is TimeInForce.IOC for one in sent)
    assert "position.closing" in first.told
    given_up = replace(first.book, orders={}, tasks={})
    later = take(given_up, TimerFired(TIMER, now_ms + 60_000), by, now_ms=now_ms + 60_000, held=True)
    sent = [one.request for one in later.effects if isinstance(one, SendOrder)]
    assert sent
    assert all(one.reduce_only and one.price_ticks is None for one in sent)


def test_a_delisting_through_the_step() -> None:
    made = healthy(held=True)
    symbol = made.roster.symbols[int(np.flatnonzero(made.lots)[0])]
    gone_ms = made.cycle.marked_ms + DELISTING_LEAD_MS
    contracts = tuple(
        replace(one, delisted_ms=gone_ms) if one.symbol == symbol else one for one in made.roster.instruments
    )
    outcome = take(replace(made, roster=Roster.of(contracts)), TimerFired("watch", made.cycle.marked_ms), held=True)
    assert [note.fields["symbol"] for note in outcome.notes if note.name == "order.approved"] == [symbol]


def test_it_is_told_once_for_each_try() -> None:
    now = turn(flattening())
    flatten_intents(now)
    assert told(now) == ["position.closing", "position.closing"]
