"""Whatever state the book is in and whatever is asked: gates only make smaller, and never stand in the way out.

Books are bent at random: numbers that are not known, accounts that are missing, limits of nothing, orders under way.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.gate_books import (
    HOUR_MS,
    NOW_MS,
    SYMBOLS,
    account,
    book,
    entry,
    live,
    position_view,
    rules,
    turn,
)
from xsmom.domain.book import Book, Kill, Mode
from xsmom.domain.market_data import Trading
from xsmom.domain.orders import Intent, Phase, Purpose, Refuse, Shrink, Style, Veto
from xsmom.engine.gates import GATES
from xsmom.engine.modes import settle_mode
from xsmom.engine.review import review
from xsmom.engine.rules import Rules

WORDS = ("R1: x", "R2 AAAUSDT: x", "R6 BBBUSDT: x", "R7 CCCUSDT: x")
NUMBERS = st.one_of(st.just(math.nan), st.floats(0, 2e4))
LOTS = st.integers(-500, 500)


@st.composite
def books(draw: st.DrawFn) -> Book:
    """A book in any state."""
    made = book(draw(st.tuples(LOTS, LOTS, LOTS)))
    known = draw(st.booleans())
    told = account(initial_margin_usdt=draw(NUMBERS), maintenance_rate_frac=draw(NUMBERS), equity_usdt=draw(NUMBERS))
    views = {one: position_view(one, draw(LOTS), 100.0, draw(st.floats(50, 150))) for one in SYMBOLS}
    orders = [live(draw(st.sampled_from(SYMBOLS)), draw(LOTS) or 1, draw(st.sampled_from(Phase))) for _ in range(2)]
    mark = np.array([draw(st.one_of(st.just(math.nan), st.floats(0.1, 200))) for _ in SYMBOLS])
    contracts = tuple(replace(one, trading=draw(st.sampled_from(Trading))) for one in made.roster.instruments)
    return replace(
        made,
        mode=draw(st.sampled_from(Mode)),
        kill=Kill(active=draw(st.booleans()), flatten=draw(st.booleans())),
        paused=draw(st.sampled_from(["", "me"])),
        roster=replace(made.roster, instruments=contracts),
        names=replace(made.names, mark=mark),
        orders={one.client_order_id: one for one in orders},
        held_by_hand=draw(st.sampled_from([{}, {"AAAUSDT": "x"}])),
        first_ms=NOW_MS - draw(st.integers(0, 200)) * HOUR_MS,
        cycle=replace(made.cycle, complete_frac=draw(st.one_of(st.just(math.nan), st.floats(0, 1)))),
        health=replace(
            made.health,
            lag_ms=draw(NUMBERS),
            skew_ms=draw(NUMBERS),
            breaker_until_ms=draw(st.sampled_from([0, NOW_MS + 1])),
            streaming=draw(st.booleans()),
        ),
        venue=replace(
            made.venue,
            account=told if known else None,
            positions=views if draw(st.booleans()) else None,
            account_ms=NOW_MS - draw(st.integers(0, 10)) * 100_000,
            unexplained_usdt=draw(NUMBERS),
            mismatches=draw(st.sampled_from([(), *((one,) for one in WORDS)])),
        ),
    )


@st.composite
def intents(draw: st.DrawFn) -> list[Intent]:
    """Some legs, as a plan, exits and trims would have them."""
    count = draw(st.integers(1, 6))
    return [
        entry(
            draw(st.sampled_from((*SYMBOLS, "ZZZUSDT"))),
            draw(LOTS) or 1,
            reduce_only=draw(st.booleans()),
            purpose=draw(st.sampled_from(Purpose)),
            style=draw(st.sampled_from(Style)),
            reference_price=draw(st.one_of(st.just(math.nan), st.floats(0.1, 200))),
            leg=leg,
        )
        for leg in range(count)
    ]


LIMITS = st.builds(
    lambda usdt, frac: rules({}, position_usdt_max=usdt, wallet_unexplained_frac=frac),
    st.floats(1, 1e4),
    st.floats(0, 1),
)


@given(made=books(), asked=intents(), limits=LIMITS)
def test_nothing_is_enlarged_and_no_way_out_is_blocked(made: Book, asked: list[Intent], limits: Rules) -> None:
    wanted = {(one.symbol, one.purpose, one.leg): one for one in asked}
    passed = review(turn(made, limits), asked)
    for one in passed:
        before = wanted[one.intent.symbol, one.intent.purpose, one.intent.leg]
        assert 0 < abs(one.lots) <= abs(before.lots)
        assert (one.lots > 0) == (before.lots > 0)
        assert one.intent.reduce_only or not before.reduce_only
        if not one.intent.reduce_only:
            assert made.mode is Mode.TRADING
            assert not made.kill.active
    for symbol in {one.symbol for one in asked}:
        exits = [
            one for one in asked if one.symbol == symbol and one.reduce_only and one.purpose is not Purpose.PROTECT
        ]
        closed = [one for one in passed if one.intent.symbol == symbol and one.intent.purpose is not Purpose.PROTECT]
        if exits:
            at = made.roster.index(symbol)
            held = 0 if at is None else abs(int(made.lots[at]))
            enough = min(sum(abs(one.lots) for one in exits), held)
            waiting = sum(abs(one.left_lots) + abs(one.untold_lots) for one in made.orders.values())
            assert sum(abs(one.lots) for one in closed if one.intent.reduce_only) >= enough - waiting
    stops = [one for one in asked if one.purpose is Purpose.PROTECT and one.reduce_only]
    assert sum(one.intent in stops for one in passed) == len(stops)


@given(made=books(), lots=LOTS, symbol=st.sampled_from(SYMBOLS), limits=LIMITS)
def test_each_gate_answers_with_a_verdict_that_only_shrinks(made: Book, lots: int, symbol: str, limits: Rules) -> None:
    intent = entry(symbol, lots or 1)
    for gate in GATES:
        verdict: Any = gate.judge(intent, made, limits, NOW_MS)
        if isinstance(verdict, Shrink):
            assert 0 <= verdict.lots_max < abs(intent.lots)
        if isinstance(verdict, Refuse | Shrink):
            assert verdict.veto in {gate.veto, Veto.BLIND}


@given(made=books(), limits=LIMITS)
def test_whatever_is_unknown_opens_nothing(made: Book, limits: Rules) -> None:
    """A book that lacks any of the facts that gates live on lets no opening through."""
    venue, health = made.venue, made.health
    blind = (
        venue.account is None
        or venue.positions is None
        or math.isnan(health.lag_ms)
        or math.isnan(health.skew_ms)
        or math.isnan(made.cycle.complete_frac)
        or math.isnan(venue.unexplained_usdt)
        or math.isnan(float(venue.account.initial_margin_usdt))
        or math.isnan(float(venue.account.maintenance_rate_frac))
    )
    if blind:
        passed = review(turn(made, limits), [entry("AAAUSDT", 300), entry("BBBUSDT", -300, leg=1)])
        assert all(one.intent.reduce_only for one in passed)


@given(made=books())
def test_a_mode_settles_and_stays(made: Book) -> None:
    now = turn(made)
    settle_mode(now)
    settled = now.book.mode
    again = turn(now.book)
    settle_mode(again)
    assert again.book.mode is settled
    assert not any(note.name == "mode.changed" for note in again.notes)
