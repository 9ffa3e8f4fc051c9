"""Legs in pairs: |net| stays within the cap while a rebalance is worked, whatever fills and whatever does not."""

from dataclasses import replace

import numpy as np
import pytest

from tests.orders.stage import START_MS, SYMBOLS, Stage, rules, view
from xsmom.domain.effects import SendOrder
from xsmom.domain.orders import Approved, LiveOrder, Style
from xsmom.domain.trading import OrderState, Refusal, Rejected

#: Equity is 10,000 USDT and a lot is worth 1: the cap is 1,000 lots.
CAPPED = {"net_cap_frac": 0.1}


def legs(stage: Stage, style: Style, *lots: int) -> list[Approved]:
    approved = [stage.approve(one, symbol, style) for one, symbol in zip(lots, SYMBOLS, strict=False)]
    stage.start(*approved)
    return approved


def sent(stage: Stage) -> list[tuple[str, int]]:
    return [(one.request.symbol, one.request.lots) for one in stage.sent(SendOrder)]


def net_worst(stage: Stage) -> tuple[int, int]:
    """Net of the book, in lots of 1 USDT, if all that buys fills, and if all that sells does."""
    held = int(stage.book.lots.sum())
    left = [order.left_lots for order in stage.live()]
    return held + sum(max(one, 0) for one in left), held + sum(min(one, 0) for one in left)


def fill_whole(stage: Stage, order: LiveOrder) -> None:
    stage.fill(order, order.left_lots)


def test_both_sides_begin_within_the_cap() -> None:
    stage = Stage(rules=rules(fields=CAPPED))
    legs(stage, Style.POST_ONLY, 700, 700, -700, -700)
    assert sent(stage) == [(SYMBOLS[0], 700), (SYMBOLS[1], 300), (SYMBOLS[2], -700), (SYMBOLS[3], -300)]
    assert stage.told("order.held") == []


def test_as_one_side_fills_the_other_may_go_further() -> None:
    stage = Stage(rules=rules(fields=CAPPED))
    legs(stage, Style.POST_ONLY, 1_500, -1_500)
    assert sent(stage) == [(SYMBOLS[0], 1_000), (SYMBOLS[1], -1_000)]
    fill_whole(stage, stage.live(SYMBOLS[0])[0])
    # 1,000 are held and 1,000 are being sold: nothing more may be bought, and 500 more may be sold.
    assert sent(stage)[2:] == [(SYMBOLS[1], -500)]
    for order in stage.live(SYMBOLS[1]):
        fill_whole(stage, order)
    stage.tick(1_000)
    assert sent(stage)[3:] == [(SYMBOLS[0], 500)]


def test_when_one_side_is_refused_the_opposite_entries_are_withheld() -> None:
    stage = Stage(rules=rules(fields=CAPPED, deadline_ms=60_000))
    long, short = legs(stage, Style.LIMIT, 3_000, -3_000)
    stage.reply(stage.live(SYMBOLS[1])[0], Rejected(Refusal.MARGIN, "", ""))
    assert stage.task(short) is None
    order = stage.live(SYMBOLS[0])[0]
    fill_whole(stage, order)
    while stage.book.work_due_ms and stage.now_ms < START_MS + 200_000:
        stage.tick(stage.book.work_due_ms - stage.now_ms)
    assert stage.task(long) is None
    assert stage.book.lots[0] == 1_000
    given_up = stage.told("order.given_up")[-1].fields
    assert (given_up["lots"], given_up["filled_lots"]) == (3_000, 1_000)
    assert given_up["waited_for"] == "pair"


def test_when_one_side_stays_unfilled_the_other_stops_at_the_cap() -> None:
    stage = Stage(rules=rules(fields=CAPPED, deadline_ms=60_000))
    legs(stage, Style.POST_ONLY, 2_000, -2_000)
    stage.price(SYMBOLS[1], 90.0, 90.1)  # a sale at the bound finds nobody
    for _ in range(200):
        for order in stage.live(SYMBOLS[0]):
            fill_whole(stage, order)
        for order in stage.live(SYMBOLS[1]):
            asked = order.cancel_asked_ms is not None or stage.now_ms > START_MS + 60_000
            stage.update(view(order, OrderState.CANCELLED if asked else OrderState.WORKING, 0))
        stage.tick(1_000)
        assert max(map(abs, net_worst(stage))) <= 1_000
    assert not stage.book.tasks
    assert stage.book.lots.tolist() == [1_000, 0, 0, 0]


def test_a_book_that_leans_is_first_brought_back() -> None:
    stage = Stage(rules=rules(fields=CAPPED), lots={SYMBOLS[3]: 1_400})
    legs(stage, Style.MARKET, 500, -2_000)
    assert sent(stage) == [(SYMBOLS[1], -2_000)]


def test_closes_are_never_held_and_count() -> None:
    stage = Stage(rules=rules(fields=CAPPED), lots={SYMBOLS[0]: 800, SYMBOLS[1]: -800})
    stage.start(
        stage.approve(-800, SYMBOLS[0], Style.MARKET, reduce_only=True),
        stage.approve(-900, SYMBOLS[2], Style.MARKET),
    )
    # The close may bring the book to -800: only 200 more may be sold.
    assert sent(stage) == [(SYMBOLS[0], -800), (SYMBOLS[2], -200)]


def test_a_cap_below_the_smallest_order_lets_one_go_at_a_time() -> None:
    stage = Stage(rules=rules(fields={"net_cap_frac": 0.0}))
    legs(stage, Style.MARKET, 15, -15)
    assert sent(stage) == [(SYMBOLS[0], 5), (SYMBOLS[1], -5)]
    fill_whole(stage, stage.live(SYMBOLS[0])[0])
    assert len(sent(stage)) == 2  # it leans: no more of that side
    fill_whole(stage, stage.live(SYMBOLS[1])[0])
    for _ in range(30):
        stage.tick(1_000)
        for order in stage.live():
            fill_whole(stage, order)
    assert stage.book.lots.tolist()[:2] == [15, -15]


def test_the_cap_is_a_share_of_the_equity_that_is_sized_with() -> None:
    stage = Stage(rules=rules(fields={**CAPPED, "capital_frac": 0.5}))
    legs(stage, Style.MARKET, 3_000, -3_000)
    assert sent(stage) == [(SYMBOLS[0], 500), (SYMBOLS[1], -500)]
    stage = Stage(rules=rules(fields={**CAPPED, "capital_usdt_max": 2_000.0}))
    legs(stage, Style.MARKET, 3_000, -3_000)
    assert sent(stage) == [(SYMBOLS[0], 200), (SYMBOLS[1], -200)]


def test_where_the_router_may_lean_its_wider_cap_holds() -> None:
    routed = {**CAPPED, "router_enabled": True, "router_net_cap_frac": 0.3}
    stage = Stage(rules=rules(fields=routed))
    legs(stage, Style.MARKET, 4_000)
    assert sent(stage) == [(SYMBOLS[0], 3_000)]
    stage = Stage(rules=rules(fields={**routed, "router_net_cap_frac": 0.01}))
    legs(stage, Style.MARKET, 4_000)
    assert sent(stage) == [(SYMBOLS[0], 1_000)]


def test_an_unknown_mark_is_not_taken_for_nothing() -> None:
    stage = Stage(rules=rules(fields=CAPPED))
    marks = np.full(len(SYMBOLS), np.nan)
    stage.book = replace(stage.book, names=replace(stage.book.names, mark=marks))
    legs(stage, Style.MARKET, 700, 700)
    assert sent(stage) == [(SYMBOLS[0], 700), (SYMBOLS[1], 300)]


@pytest.mark.parametrize("style", [Style.POST_ONLY, Style.LIMIT, Style.MARKET, Style.TWAP])
@pytest.mark.parametrize("seed", range(6))
def test_net_stays_within_the_cap_whatever_fills(style: Style, seed: int) -> None:
    draw = np.random.default_rng(seed)
    stage = Stage(rules=rules(fields=CAPPED, twap_slices=3, twap_ms=30_000, deadline_ms=30_000))
    legs(stage, style, *(int(lots) for lots in draw.integers(500, 4_000, 4) * [1, 1, -1, -1]))
    for _ in range(120):
        for order in stage.live():
            lots = int(draw.integers(0, abs(order.left_lots) + 1)) * (1 if order.left_lots > 0 else -1)
            if lots and draw.random() < 0.4:
                stage.fill(order, lots)
            newest = stage.book.orders[order.client_order_id]
            if newest.cancel_asked_ms is not None or (not newest.phase.final and draw.random() < 0.1):
                stage.update(view(newest, OrderState.CANCELLED, newest.filled_lots))
            assert max(map(abs, net_worst(stage))) <= 1_000
        stage.tick(1_000)
    assert not stage.book.tasks
