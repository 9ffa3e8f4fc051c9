"""Both legs in proportion at the hard limit; the heavier leg when nothing may be opened."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.gate_books import NOW_MS, account, book, entry, rules, told, turn, under_way, worked
from tests.unit.engine.gate_steps import healthy, out_there, take
from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import Severity
from xsmom.domain.events import TimerFired
from xsmom.domain.market_data import Quote
from xsmom.domain.orders import Intent, Purpose
from xsmom.engine.facts import margin_used_frac
from xsmom.engine.gates.net_cap import cap_usdt, net_usdt
from xsmom.engine.margin import share_to_close, trim_intents
from xsmom.engine.rules import Rules


def stretched(
    lots: tuple[int, ...] = (100, -1_000, 0), *, used: float = 9_200, rate: str = "0.02", **more: Any
) -> Book:
    """AAA 10 and BBB 1 USDT a lot, equity 10,000."""
    made = book(lots, mode=Mode.REDUCING, **more)
    told_by = account(initial_margin_usdt=used, maintenance_rate_frac=rate)
    return replace(made, venue=replace(made.venue, account=told_by))


def ask(made: Book, by: Rules | None = None, now_ms: int = NOW_MS) -> list[Intent]:
    return trim_intents(turn(made, by, now_ms))


def test_both_legs_shrink_by_the_same_share_until_below_soft() -> None:
    intents = ask(stretched())
    share = 1 - 0.98 * 0.8 / 0.92
    assert [(one.symbol, one.lots) for one in intents] == [
        ("AAAUSDT", -int(np.ceil(100 * share))),
        ("BBBUSDT", int(np.ceil(1_000 * share))),
    ]
    assert all(one.reduce_only and one.purpose is Purpose.TRIM for one in intents)
    assert 0.92 * (1 - share) < 0.8


def test_it_is_bounded_by_the_newest_mark_and_not_by_that_of_the_last_close() -> None:
    made = stretched()
    seen = Decimal("10.5")
    quote = Quote("AAAUSDT", NOW_MS, seen, seen, seen, seen, seen, Decimal(1), None, None)
    prices = {one.symbol: one.reference_price for one in ask(replace(made, quotes={"AAAUSDT": quote}))}
    assert prices["AAAUSDT"] == 10.5
    assert prices["BBBUSDT"] == made.names.mark[1]


@pytest.mark.parametrize(
    ("used", "rate", "given_settings", "acts"),
    [
        (8_999, "0.49", {}, False),
        (9_000, "0.02", {}, True),
        (2_000, "0.5", {}, True),
        (9_000, "0.02", {"risk.margin_hard_limit_pct": 95}, False),
        (2_000, "0.5", {"risk.maintenance_margin_limit_pct": 60}, False),
        (9_000, "0.02", {"risk.margin_action": "pause"}, False),
    ],
)
def test_each_setting_acts(used: float, rate: str, given_settings: dict[str, Any], acts: bool) -> None:
    assert bool(ask(stretched(used=used, rate=rate), rules(given_settings))) == acts


def test_pausing_tells_and_leaves_positions() -> None:
    now = turn(stretched(), rules({"risk.margin_action": "pause"}))
    assert trim_intents(now) == []
    (note,) = now.notes
    assert (note.name, note.severity, note.fields["closes"]) == ("margin.hard", Severity.CRITICAL, False)


def test_the_next_cut_waits_for_the_next_reading() -> None:
    now = turn(stretched())
    assert trim_intents(now)
    later = NOW_MS + 20_000
    assert ask(now.book, now_ms=later) == [], "the account is the old one"
    read = replace(now.book, venue=replace(now.book.venue, account_ms=later))
    assert ask(read, now_ms=later)


def test_a_cut_that_is_being_worked_is_enough() -> None:
    trimming = worked(entry(lots=-15, reduce_only=True, purpose=Purpose.TRIM))
    made = stretched()
    busy = replace(under_way((100, -1_000, 0), trimming, mode=Mode.REDUCING), venue=made.venue)
    assert ask(busy) == []


def test_nothing_is_trimmed_while_everything_is_closed() -> None:
    assert ask(replace(stretched(), mode=Mode.FLATTENING)) == []
    assert ask(stretched((0, 0, 0))) == []


def test_an_account_without_equity_closes_everything() -> None:
    made = stretched()
    broke = replace(made, venue=replace(made.venue, account=account(equity_usdt=0, maintenance_rate_frac="1.2")))
    assert [one.lots for one in ask(broke)] == [-100, 1_000]


@given(used=st.floats(0, 3), rate=st.floats(0, 3), soft=st.floats(0.1, 0.99), hard=st.floats(0.1, 1))
def test_what_is_left_is_below_every_limit(used: float, rate: float, soft: float, hard: float) -> None:
    gates = replace(rules().gates, margin_soft_frac=min(soft, hard), margin_hard_frac=hard)
    told_by = account(initial_margin_usdt=used * 10_000, maintenance_rate_frac=rate)
    share = share_to_close(told_by, gates)
    assert 0.0 <= share <= 1.0
    over = margin_used_frac(told_by) >= hard
    if over:
        assert margin_used_frac(told_by) * (1 - share) < gates.margin_soft_frac
    if rate >= gates.maintenance_frac:
        assert rate * (1 - share) < gates.maintenance_frac
    if not over and rate < gates.maintenance_frac:
        assert share == 0.0


def test_through_the_step() -> None:
    made = healthy(held=True)
    tight = replace(made.venue, account=replace(account(initial_margin_usdt=9_500), at_ms=made.cycle.marked_ms))
    outcome = take(replace(made, venue=tight), TimerFired("watch", made.cycle.marked_ms), held=True)
    assert {"margin.hard", "margin.trimmed"} <= set(outcome.told)
    trims = [note for note in outcome.notes if note.name == "order.approved"]
    assert len(trims) == int((made.lots != 0).sum())
    assert all(note.fields["purpose"] == "trim" and note.fields["reduce_only"] for note in trims)
    paused = out_there({"risk.margin_action": "pause"})
    calm = take(replace(made, venue=tight), TimerFired("watch", made.cycle.marked_ms), paused, held=True)
    assert calm.reductions == 0
    assert calm.book.mode is Mode.REDUCING


# --- net --------------------------------------------------------------------------------------


def leaning(lots: tuple[int, ...], mode: Mode = Mode.REDUCING, **more: Any) -> Book:
    return book(lots, mode=mode, **more)


def test_while_reducing_the_heavier_leg_is_cut_to_the_cap_from_the_largest_on() -> None:
    """2,000 in AAA against 200 short: 300 above the cap of 1,500."""
    now = turn(leaning((200, -200, 0)))
    intents = trim_intents(now)
    assert [(one.symbol, one.lots) for one in intents] == [("AAAUSDT", -30)]
    assert "net.trimmed" in told(now)


def test_within_the_cap_nothing_is_cut() -> None:
    assert ask(leaning((150, 0, 0))) == []
    assert ask(leaning((200, -500, 0))) == []


def test_only_while_reducing_and_only_when_nothing_works() -> None:
    assert ask(leaning((300, 0, 0), Mode.TRADING)) == []
    closing = worked(entry(lots=-50, reduce_only=True, purpose=Purpose.TRIM))
    assert ask(under_way((300, 0, 0), closing, mode=Mode.REDUCING)) == []
    assert ask(leaning((300, 0, 0)), rules({}, facts_needed=False)) == []


def test_a_name_on_hold_is_counted_and_not_cut() -> None:
    made = leaning((300, 900, 0))
    held = {**made.positions, "hold": np.array([True, False, False])}
    assert [(one.symbol, one.lots) for one in ask(replace(made, positions=held))] == [("BBBUSDT", -900)]


@settings(max_examples=50, deadline=None)
@given(lots=st.tuples(*(st.integers(-3_000, 3_000) for _ in range(3))))
def test_the_net_comes_within_the_cap_or_one_order_of_it(lots: tuple[int, int, int]) -> None:
    made = leaning(lots)
    before, cap = net_usdt(made), cap_usdt(made, rules())
    after = book(tuple(np.array(lots) + changes(ask(made))), mode=Mode.REDUCING)
    assert abs(net_usdt(after)) <= max(abs(before), cap)
    if abs(before) > cap:
        assert -cap - 10 <= net_usdt(after) * np.sign(before) <= cap + 10
    for old, new in zip(lots, after.lots, strict=True):
        assert 0 <= new <= old or old <= new <= 0


def changes(intents: list[Intent]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    found = np.zeros(3, dtype=np.int64)
    for one in intents:
        found[("AAAUSDT", "BBBUSDT", "CCCUSDT").index(one.symbol)] += one.lots
    return found
