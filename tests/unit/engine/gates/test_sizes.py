"""Gates that make smaller: position, order, ramp; and the least that is still an order.

AAA costs 100 and its lot is 0.1 of it: 10 USDT a lot.
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.engine.gate_books import NOW_MS, SYMBOLS, book, entry, instrument, live, rules
from tests.unit.engine.gate_steps import decide, healthy, out_there
from xsmom.domain.book import Roster
from xsmom.domain.orders import Allow, Phase, Refuse, Shrink, Veto
from xsmom.engine.gates import min_notional, order_size, position_size, ramp
from xsmom.engine.rules import Rules

DAY_MS = 86_400_000


def largest_usdt(made_by: Rules | None = None) -> float:
    """The largest opening that was approved, USDT."""
    outcome = decide(rules=made_by)
    roster = outcome.book.roster
    values = [
        abs(int(str(note.fields["lots"])))
        * float(roster.qty_step[roster.symbols.index(str(note.fields["symbol"]))])
        * float(str(note.fields["reference_price"]))
        for note in outcome.notes
        if note.name == "order.approved"
    ]
    return max(values, default=0.0)


def test_the_position_limit_fires_through_the_step() -> None:
    limited = out_there({"risk.max_position_usdt": 1_000})
    assert largest_usdt() > 1_000
    assert 900 < largest_usdt(limited) <= 1_000
    outcome = decide(rules=limited)
    assert outcome.refused - {"net_cap"} == {"position_size"}
    assert "gate.position_size" in outcome.told


def test_the_order_limit_fires_through_the_step() -> None:
    limited = out_there(work={"order_usdt_max": 500.0})
    assert 450 < largest_usdt(limited) <= 500
    assert "order_size" in decide(rules=limited).refused
    assert "gate.order_size" in decide(rules=limited).told


def test_the_least_order_fires_through_the_step() -> None:
    limited = out_there(work={"notional_usdt_min": 1e6})
    outcome = decide(rules=limited)
    assert outcome.refused == {"min_notional"}
    assert outcome.opened == set()
    assert "gate.min_notional" in outcome.told


def test_the_ramp_fires_through_the_step() -> None:
    made = healthy()
    begun = replace(made, first_ms=made.cycle.marked_ms)
    ramped = out_there({"live.ramp_days": 5})
    whole, tenth = decide(), decide(lambda _: begun, ramped)
    assert "ramp" in tenth.refused
    assert "gate.ramp" in tenth.told
    assert tenth.opened_lots == pytest.approx(0.1 * whole.opened_lots, rel=1e-6)
    grown = replace(made, first_ms=made.cycle.marked_ms - 5 * DAY_MS)
    assert decide(lambda _: grown, ramped).opened_lots == whole.opened_lots


@pytest.mark.parametrize(
    ("held", "lots", "limit_usdt", "wanted"),
    [
        (0, 10, 100.0, Allow()),
        (0, 11, 100.0, Shrink(10, Veto.POSITION_SIZE)),
        (0, -11, 100.0, Shrink(10, Veto.POSITION_SIZE)),
        (4, 7, 100.0, Shrink(6, Veto.POSITION_SIZE)),
        (-4, 11, 100.0, Shrink(10, Veto.POSITION_SIZE)),
        (15, 1, 100.0, Shrink(0, Veto.POSITION_SIZE)),
        (0, 1, 9.0, Shrink(0, Veto.POSITION_SIZE)),
    ],
)
def test_position_size(held: int, lots: int, limit_usdt: float, wanted: object) -> None:
    limited = rules({}, position_usdt_max=limit_usdt)
    assert position_size.judge(entry(lots=lots), book((held, 0, 0)), limited, NOW_MS) == wanted


def test_what_works_counts_as_held() -> None:
    limited = rules({}, position_usdt_max=100.0)
    order, done = live("AAAUSDT", 6), live("AAAUSDT", 6, Phase.FILLED, name="xm-done")
    made = book(orders={one.client_order_id: one for one in (order, done)})
    assert position_size.judge(entry(lots=7), made, limited, NOW_MS) == Shrink(4, Veto.POSITION_SIZE)


def test_the_dearer_price_counts() -> None:
    limited = rules({}, position_usdt_max=100.0)
    assert position_size.judge(entry(lots=10, reference_price=50.0), book(), limited, NOW_MS) == Allow()
    assert position_size.judge(entry(lots=10, reference_price=200.0), book(), limited, NOW_MS) == Shrink(
        5, Veto.POSITION_SIZE
    )


def test_without_a_price_they_are_blind() -> None:
    made = replace(book(), names=replace(book().names, mark=book().names.mark * math.nan))
    priceless = entry(reference_price=math.nan)
    limited = rules()
    limited = replace(limited, work=replace(limited.work, order_usdt_max=1.0))
    for judge in (position_size.judge, order_size.judge, min_notional.judge):
        verdict = judge(priceless, made, limited, NOW_MS)
        assert isinstance(verdict, Refuse)
        assert verdict.veto is Veto.BLIND


def test_order_size() -> None:
    limited = rules()
    limited = replace(limited, work=replace(limited.work, order_usdt_max=55.0))
    assert order_size.judge(entry(lots=6), book(), limited, NOW_MS) == Shrink(5, Veto.ORDER_SIZE)
    assert order_size.judge(entry(lots=-5), book(), limited, NOW_MS) == Allow()
    assert order_size.judge(entry(lots=600), book(), rules(), NOW_MS) == Allow()


@pytest.mark.parametrize(
    ("own_usdt", "exchange_usdt", "lots_min", "lots", "passes"),
    [
        (5.0, "5", 1, 1, True),
        (10.0, "5", 1, 1, True),
        (10.1, "5", 1, 1, False),
        (5.0, "20", 1, 1, False),
        (5.0, "20", 1, 2, True),
        (5.0, "5", 3, 2, False),
    ],
)
def test_min_notional(own_usdt: float, exchange_usdt: str, lots_min: int, lots: int, passes: bool) -> None:
    contracts = (instrument(one, notional_usdt_min=Decimal(exchange_usdt), lots_min=lots_min) for one in SYMBOLS)
    made = replace(book(), roster=Roster.of(tuple(contracts)))
    limited = rules()
    limited = replace(limited, work=replace(limited.work, notional_usdt_min=own_usdt))
    verdict = min_notional.judge(entry(lots=lots), made, limited, NOW_MS)
    assert isinstance(verdict, Allow if passes else Refuse)


@pytest.mark.parametrize(("gone_days", "share"), [(0.0, 0.1), (2.5, 0.55), (5.0, 1.0), (50.0, 1.0), (-1.0, 0.1)])
def test_the_ramp_is_a_straight_line_from_a_tenth(gone_days: float, share: float) -> None:
    ramped = rules({"live.ramp_days": 5})
    made = book(first_ms=NOW_MS - round(gone_days * DAY_MS))
    assert ramp.ramp_frac(made, ramped, NOW_MS) == pytest.approx(share)
    verdict = ramp.judge(entry(lots=1_000), made, ramped, NOW_MS)
    assert verdict == (Allow() if share == 1.0 else Shrink(math.floor(share * 1_000), Veto.RAMP))


def test_the_ramp_counts_what_is_held() -> None:
    ramped = rules({"live.ramp_days": 5})
    made = book((100, 0, 0), first_ms=NOW_MS)
    assert ramp.judge(entry(lots=900), made, ramped, NOW_MS) == Shrink(0, Veto.RAMP)
    assert ramp.judge(entry(lots=1_900), made, ramped, NOW_MS) == Shrink(100, Veto.RAMP)


def test_without_a_ramp_it_is_silent() -> None:
    assert ramp.judge(entry(lots=1_000), book(first_ms=NOW_MS), rules(), NOW_MS) == Allow()
