"""A plan is balanced as a whole: what one side was refused, the other may not open either."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.gate_books import book, entry, rules, told, turn
from tests.unit.engine.gate_steps import decide
from xsmom.domain.book import Book
from xsmom.domain.orders import Allow, Shrink, Veto
from xsmom.engine.gates.net_cap import balance, cap_usdt, net_usdt
from xsmom.engine.review import review

# Equity 10,000, cap 15 %: 1,500 USDT. AAA 10, BBB 1, CCC 0.1 USDT a lot.
LONG, SHORT = entry("AAAUSDT", 300), entry("BBBUSDT", -3_000, leg=1)


def test_it_fires_through_the_step() -> None:
    """One side is refused by hand; the other is cut to what the cap leaves."""
    opened = decide()
    roster = opened.book.roster
    shorts = {
        str(note.fields["symbol"])
        for note in opened.notes
        if note.name == "order.approved" and int(str(note.fields["lots"])) < 0
    }
    assert shorts
    outcome = decide(lambda made: replace(made, held_by_hand=dict.fromkeys(shorts, "the owner")))
    assert {"held_by_hand", "net_cap"} <= outcome.refused
    assert "gate.net_cap" in outcome.told
    net = sum(
        int(str(note.fields["lots"]))
        * float(roster.qty_step[roster.symbols.index(str(note.fields["symbol"]))])
        * float(str(note.fields["reference_price"]))
        for note in outcome.notes
        if note.name == "order.approved"
    )
    assert 0 < net <= cap_usdt(outcome.book, rules())


def test_a_whole_plan_is_never_touched() -> None:
    lopsided = [(entry("AAAUSDT", 900), 900)]
    assert balance(lopsided, book(), rules()) == [Allow()]


@pytest.mark.parametrize(
    ("short_lots", "long_left"),
    [(3_000, 300), (2_000, 300), (1_500, 300), (1_400, 290), (0, 150)],
)
def test_the_heavier_side_is_cut_to_the_cap(short_lots: int, long_left: int) -> None:
    verdicts = balance([(LONG, 300), (SHORT, short_lots)], book(), rules())
    assert verdicts[0] == (Allow() if long_left == 300 else Shrink(long_left, Veto.NET_CAP))
    assert verdicts[1] == Allow()


def test_a_net_that_was_wanted_is_no_fault() -> None:
    """The plan itself wanted 2,000 net; a refusal elsewhere does not shrink it further."""
    wanted = [(entry("AAAUSDT", 300), 300), (entry("BBBUSDT", -1_000), 1_000), (entry("CCCUSDT", 10, leg=3), 0)]
    assert balance(wanted, book(), rules()) == [Allow(), Allow(), Allow()]


def test_what_is_held_and_what_closes_counts() -> None:
    """2,000 long is held and the short side refused: closing is allowed, adding is not."""
    made = book((200, 0, 0))
    closing = entry("AAAUSDT", -20, reduce_only=True)
    verdicts = balance([(closing, 20), (entry("AAAUSDT", 50, leg=1), 50), (SHORT, 0)], made, rules())
    assert net_usdt(made) == 2_000
    assert verdicts == [Allow(), Shrink(0, Veto.NET_CAP), Allow()]


def test_the_review_withholds_the_other_side() -> None:
    now = turn(book(held_by_hand={"BBBUSDT": "the owner"}))
    (approved,) = review(now, [LONG, SHORT])
    assert (approved.lots, approved.vetoes) == (150, (Veto.NET_CAP,))
    assert "gate.net_cap" in told(now)


def test_what_is_left_of_the_other_side_must_be_an_order() -> None:
    small = replace(rules(), fields={**rules().fields, "net_cap_frac": 0.0004})
    now = turn(book(held_by_hand={"BBBUSDT": "the owner"}), small)
    assert review(now, [entry("CCCUSDT", 300), entry("BBBUSDT", -30, leg=1)]) == []


def test_unknown_equity_is_refused() -> None:
    made = book((5, 0, 0))
    blind: Book = replace(
        made,
        names=replace(made.names, mark=made.names.mark * float("nan")),
        venue=replace(made.venue, account=None),
    )
    verdicts = balance([(LONG, 300), (SHORT, 0)], blind, rules())
    assert [getattr(verdict, "veto", None) for verdict in verdicts] == [Veto.BLIND, Veto.BLIND]
