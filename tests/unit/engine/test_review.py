"""The one door: what passes, what does not, and that a reduction always does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules, told, turn, under_way, worked
from xsmom.domain.book import Kill, Mode, VenueFacts
from xsmom.domain.orders import Purpose, Veto, client_order_id
from xsmom.engine.review import review


def test_a_healthy_book_lets_everything_pass_unchanged() -> None:
    now = turn()
    intents = [entry(), entry("BBBUSDT", -100, leg=1)]
    approved = review(now, intents)
    assert [(one.intent, one.lots, one.vetoes) for one in approved] == [(one, one.lots, ()) for one in intents]
    assert [one.client_order_id for one in approved] == [client_order_id("test", one) for one in intents]
    assert told(now) == ["order.approved", "order.approved"]


@pytest.mark.parametrize(
    "bad",
    [
        {"kill": Kill(active=True, by="somebody", reason="fear")},
        {"mode": Mode.HALTED},
        {"venue": VenueFacts()},
    ],
)
def test_a_reduction_passes_whatever_stands_in_the_way(bad: dict[str, Any]) -> None:
    now = turn(book((50, -100, 0), **bad))
    closes = [entry(lots=-50, reduce_only=True), entry("BBBUSDT", 40, leg=1)]
    approved = review(now, [*closes, entry("CCCUSDT", 500, leg=2)])
    assert [one.lots for one in approved] == [-50, 40]
    assert all(one.intent.reduce_only for one in approved), "the exchange is told that it may only reduce"
    assert "order.refused" in told(now)


def test_a_crossing_is_no_reduction() -> None:
    now = turn(book((50, 0, 0), mode=Mode.REDUCING))
    assert review(now, [entry(lots=-60)]) == []


def test_the_same_intent_is_never_approved_twice() -> None:
    intent = entry()
    assert len(review(turn(), [intent, intent])) == 1
    task, order = worked(intent)
    assert review(turn(book(tasks={task.approved.client_order_id: task})), [intent]) == []
    assert review(turn(book(orders={order.client_order_id: order})), [intent]) == []


def test_two_rooms_that_close_the_same_position_close_it_once() -> None:
    now = turn(book((50, 0, 0)))
    exits = entry(lots=-50, reduce_only=True, purpose=Purpose.EXIT)
    flattens = entry(lots=-50, reduce_only=True, purpose=Purpose.FLATTEN, leg=7)
    half = entry(lots=-30, reduce_only=True, purpose=Purpose.TRIM)
    assert [one.lots for one in review(now, [exits, flattens])] == [-50]
    assert [one.lots for one in review(turn(book((50, 0, 0))), [half, flattens])] == [-30, -20]


def test_of_a_flip_the_second_leg_opens_even_where_it_is_the_smaller_one() -> None:
    closes, opens = entry(lots=-50, reduce_only=True), entry(lots=-30, leg=1)
    both = review(turn(book((50, 0, 0))), [closes, opens])
    assert [(one.lots, one.intent.reduce_only) for one in both] == [(-50, True), (-30, False)]
    killed = turn(book((50, 0, 0), kill=Kill(active=True)))
    assert [one.lots for one in review(killed, [closes, opens])] == [-50]
    under = under_way((50, 0, 0), worked(closes))
    assert not review(turn(under), [opens])[0].intent.reduce_only


def test_a_stop_is_no_rival_of_an_exit() -> None:
    stop = entry(lots=-50, reduce_only=True, purpose=Purpose.PROTECT)
    exits = entry(lots=-50, reduce_only=True, purpose=Purpose.EXIT)
    assert [one.lots for one in review(turn(book((50, 0, 0))), [exits, stop])] == [-50, -50]


def test_the_strictest_verdict_wins_and_all_are_told() -> None:
    limits = rules({}, position_usdt_max=80.0)
    limits = replace(limits, work=replace(limits.work, order_usdt_max=50.0))
    now = turn(by=limits)
    (approved,) = review(now, [entry()])
    assert approved.lots == 5
    assert approved.vetoes == (Veto.POSITION_SIZE, Veto.ORDER_SIZE)
    assert approved.intent.lots == 10


def test_what_is_left_must_still_be_an_order() -> None:
    now = turn(by=rules({}, position_usdt_max=4.0))
    assert review(now, [entry("CCCUSDT", 100)]) == []


def test_a_gate_that_keeps_firing_is_told_at_intervals() -> None:
    now = turn(book(kill=Kill(active=True, by="me", reason="x")))
    review(now, [entry(), entry("BBBUSDT", -100, leg=1)])
    assert told(now).count("gate.kill_switch") == 1
    assert told(now).count("order.refused") == 2
    later = turn(now.book, now_ms=NOW_MS + 900_000)
    review(later, [entry(decided_ms=NOW_MS + 1)])
    assert "gate.kill_switch" in told(later)
