"""Styles over scripted quotes: what goes out, when, and at which price."""

from dataclasses import replace

import pytest

from tests.orders.stage import START_MS, SYMBOLS, Stage, rules, view
from xsmom.domain.effects import AmendOrder, CancelOrder
from xsmom.domain.events import Ask
from xsmom.domain.orders import Style
from xsmom.domain.trading import Ack, OrderState, Refusal, Rejected, TimeInForce
from xsmom.engine.execution.price import Touch, bound_ticks, rest_ticks
from xsmom.engine.rules import WorkRules

ACK = Ack("v1", "", 0)


class TestPrices:
    """Whole ticks, rounded to the safe side."""

    TOUCH = Touch(100.03, 100.17)

    @pytest.mark.parametrize(
        ("side", "post_only", "dynamic", "ticks"),
        [
            (1, True, False, 1000),
            (-1, True, False, 1002),
            (1, False, False, 1000),
            (-1, False, False, 1002),
            # offset = 3 bps + half of a spread of 14 bps = 10 bps
            (1, True, True, 999),
            (-1, True, True, 1003),
        ],
    )
    def test_resting(self, side: int, post_only: bool, dynamic: bool, ticks: int) -> None:
        work = WorkRules(offset_dynamic=dynamic)
        assert rest_ticks(side, self.TOUCH, work, 0.1, post_only=post_only) == ticks

    @pytest.mark.parametrize("side", [1, -1])
    def test_what_may_only_make_stays_off_the_other_side(self, side: int) -> None:
        # The bid lies within a tick of the ask, so that rounding alone would not do.
        ticks = rest_ticks(side, Touch(100.0, 100.05), WorkRules(), 0.1, post_only=True)
        assert ticks == (1000 if side > 0 else 1001)

    def test_the_offset_has_an_end(self) -> None:
        work = WorkRules(offset_dynamic=True, offset_max_frac=0.001)
        assert rest_ticks(1, Touch(100.0, 110.0), work, 0.1, post_only=True) == 999

    @pytest.mark.parametrize(("side", "ticks"), [(1, 1002), (-1, 999)])
    def test_the_bound_of_crossing(self, side: int, ticks: int) -> None:
        # arrival 100.05: 100.2501 and 99.8499
        assert bound_ticks(side, 100.05, WorkRules(), 0.1) == ticks

    def test_no_price_below_a_tick(self) -> None:
        assert rest_ticks(1, Touch(0.05, 0.3), WorkRules(), 0.1, post_only=True) == 1


class TestResting:
    """Post-only and limit."""

    @pytest.mark.parametrize(
        ("style", "force"), [(Style.POST_ONLY, TimeInForce.POST_ONLY), (Style.LIMIT, TimeInForce.GTC)]
    )
    def test_it_rests_at_the_touch(self, style: Style, force: TimeInForce) -> None:
        stage = Stage()
        stage.start(stage.approve(50, style=style), stage.approve(-50, SYMBOLS[1], style))
        buy, sell = stage.requests
        assert (buy.price_ticks, buy.time_in_force, buy.lots) == (1000, force, 50)
        assert (sell.price_ticks, sell.time_in_force, sell.lots) == (1001, force, -50)

    def test_it_follows_the_market_by_amending(self) -> None:
        stage = Stage(rules=rules(reprice_ms=10_000))
        order = stage.placed(stage.approve(50, style=Style.POST_ONLY))
        stage.price(SYMBOLS[0], 100.2, 100.3)
        stage.run_to(9_999)
        assert not stage.sent(AmendOrder)
        stage.run_to(10_000)
        (amend,) = stage.sent(AmendOrder)
        assert (amend.request.client_order_id, amend.request.price_ticks) == (order.client_order_id, 1002)
        assert amend.request.lots is None
        stage.reply(order, ACK, Ask.AMEND)
        stage.run_to(30_000)
        assert len(stage.sent(AmendOrder)) == 1  # the price did not move again
        assert len(stage.requests) == 1

    def test_where_the_venue_cannot_amend_it_cancels_and_sends_anew(self) -> None:
        stage = Stage()
        approved = stage.approve(50, style=Style.POST_ONLY)
        order = stage.placed(approved)
        stage.fill(order, 20)
        stage.price(SYMBOLS[0], 100.2, 100.3)
        stage.run_to(10_000)
        stage.reply(order, Rejected(Refusal.OTHER, "", "no amends here"), Ask.AMEND)
        stage.lookup(order, view(order, OrderState.PARTIAL, 20, at_ms=stage.now_ms))
        assert stage.live()[0].request.price_ticks == 1000  # what the venue shows, not what was asked
        stage.run_to(20_000)
        assert [one.client_order_id for one in stage.sent(CancelOrder)] == [order.client_order_id]
        assert len(stage.requests) == 1  # nothing new before the end of the old one
        stage.update(view(order, OrderState.CANCELLED, 20))
        second = stage.requests[1]
        assert (second.client_order_id, second.lots) == (f"{approved.client_order_id}-1", 30)
        assert second.price_ticks == 1002

    def test_an_amend_without_an_answer_is_looked_up_before_the_next(self) -> None:
        stage = Stage()
        order = stage.placed(stage.approve(50, style=Style.POST_ONLY))
        stage.price(SYMBOLS[0], 100.2, 100.3)
        stage.run_to(10_000)
        stage.price(SYMBOLS[0], 100.4, 100.5)
        stage.run_to(30_000)
        assert len(stage.sent(AmendOrder)) == 1
        stage.lookup(order, view(order, OrderState.WORKING, price_ticks=1002, at_ms=stage.now_ms))
        stage.run_to(40_000)
        assert [one.request.price_ticks for one in stage.sent(AmendOrder)] == [1002, 1004]

    def test_from_the_deadline_on_it_crosses_at_a_bounded_price(self) -> None:
        stage = Stage(rules=rules(deadline_ms=60_000))
        approved = stage.approve(50, style=Style.POST_ONLY)
        order = stage.placed(approved)
        stage.fill(order, 20)
        stage.run_to(60_000)
        assert len(stage.sent(CancelOrder)) == 1
        assert len(stage.requests) == 1
        stage.update(view(order, OrderState.CANCELLED, 20))
        cross = stage.requests[1]
        assert (cross.lots, cross.price_ticks, cross.time_in_force) == (30, 1002, TimeInForce.IOC)
        task = stage.task(approved)
        assert task is not None
        assert task.crossing

    def test_beyond_the_bound_it_waits_and_is_given_up_at_last(self) -> None:
        stage = Stage(rules=rules(deadline_ms=60_000, reprice_ms=10_000))
        approved = stage.approve(50, style=Style.POST_ONLY)
        order = stage.placed(approved)
        stage.price(SYMBOLS[0], 100.3, 100.4)
        stage.run_to(60_000)
        stage.update(view(order, OrderState.CANCELLED, 0))
        stage.run_to(89_000)
        assert len(stage.requests) == 1
        assert stage.told("order.held")[-1].fields["waits_for"] == "bound"
        stage.run_to(91_000)
        assert stage.task(approved) is None
        assert stage.told("order.given_up")[0].fields["why"] == "deadline"

    def test_a_refused_maker_tries_again_at_the_new_price(self) -> None:
        stage = Stage()
        stage.start(stage.approve(50, style=Style.POST_ONLY))
        stage.price(SYMBOLS[0], 100.2, 100.3)
        stage.reply(stage.live()[0], Rejected(Refusal.POST_ONLY, "", ""))
        stage.run_to(1_000)
        assert [one.price_ticks for one in stage.requests] == [1000, 1002]

    def test_without_prices_an_entry_waits(self) -> None:
        stage = Stage()
        stage.price(SYMBOLS[0], None, 100.1)
        stage.start(stage.approve(50, style=Style.LIMIT))
        assert not stage.requests
        stage.price(SYMBOLS[0], 100.0, 100.1)
        stage.tick(1_000)
        assert len(stage.requests) == 1

    def test_old_prices_are_none(self) -> None:
        stage = Stage()
        stage.now_ms += 61_000
        stage.start(stage.approve(50, style=Style.MARKET))
        assert not stage.requests
        assert stage.told("order.held")[0].fields["waits_for"] == "quote"


def fill_newest(stage: Stage, price: float = 100.0) -> None:
    order = stage.live()[-1]
    stage.fill(order, order.left_lots, price)


class TestTwap:
    """Equal slices over time."""

    def test_slices(self) -> None:
        stage = Stage(rules=rules(twap_slices=5, twap_ms=50_000))
        approved = stage.approve(103, style=Style.TWAP)
        stage.start(approved)
        times = [0]
        while stage.task(approved) is not None:
            fill_newest(stage)
            count = len(stage.requests)
            while stage.task(approved) is not None and len(stage.requests) == count:
                stage.tick(1_000)
            times.append((stage.now_ms - START_MS) // 1_000)
        assert [one.lots for one in stage.requests] == [21, 21, 20, 21, 20]
        assert times[:5] == [0, 10, 20, 30, 40]
        assert {one.time_in_force for one in stage.requests} == {TimeInForce.IOC}

    def test_no_slice_below_the_smallest_order(self) -> None:
        stage = Stage(rules=rules(twap_slices=10, twap_ms=50_000))
        stage.start(stage.approve(20, style=Style.TWAP))
        assert [one.lots for one in stage.requests] == [5]

    def test_what_a_slice_left_goes_with_the_next(self) -> None:
        stage = Stage(rules=rules(twap_slices=5, twap_ms=50_000))
        stage.start(stage.approve(100, style=Style.TWAP))
        order = stage.live()[0]
        stage.fill(order, 5)
        stage.update(view(order, OrderState.CANCELLED, 5))
        stage.run_to(10_000)
        assert [one.lots for one in stage.requests] == [20, 35]


class TestVwap:
    """A share of what the market trades."""

    def test_it_keeps_to_its_share(self) -> None:
        stage = Stage(rules=rules(vwap_participation_frac=0.1, reprice_ms=10_000))
        # 8,640,000 USDT a day are 1,000 in ten seconds: a tenth of it is 100 lots of 1 USDT.
        stage.price(SYMBOLS[0], 100.0, 100.1, turnover_usdt_day=8_640_000)
        approved = stage.approve(1_000, style=Style.VWAP)
        stage.start(approved)
        assert not stage.requests
        stage.run_to(10_000)
        assert [one.lots for one in stage.requests] == [100]
        fill_newest(stage)
        stage.run_to(20_000)
        assert [one.lots for one in stage.requests] == [100, 100]

    def test_at_its_deadline_the_rest_crosses(self) -> None:
        stage = Stage(rules=rules(vwap_ms=20_000))
        stage.price(SYMBOLS[0], 100.0, 100.1, turnover_usdt_day=0.0)
        stage.start(stage.approve(500, style=Style.VWAP))
        stage.run_to(20_000)
        assert [(one.lots, one.price_ticks) for one in stage.requests] == [(500, 1002)]


class TestStaleSweep:
    """What the market left behind."""

    def test_an_old_order_is_taken_back_and_sent_anew(self) -> None:
        stage = Stage(rules=rules(deadline_ms=600_000, stale_age_ms=180_000, stale_every_ms=60_000))
        stage.book = replace(stage.book, swept_ms=START_MS)
        order = stage.placed(stage.approve(50, style=Style.LIMIT))
        stage.run_to(179_000)
        assert not stage.sent(CancelOrder)
        stage.run_to(180_000)
        assert len(stage.sent(CancelOrder)) == 1
        assert stage.told("order.stale")[0].fields["by"] == "age"
        stage.update(view(order, OrderState.CANCELLED, 0))
        assert len(stage.requests) == 2

    def test_a_far_order_is_repriced_without_waiting(self) -> None:
        stage = Stage(rules=rules(deadline_ms=600_000, reprice_ms=300_000, stale_every_ms=20_000))
        stage.book = replace(stage.book, swept_ms=START_MS)
        stage.placed(stage.approve(50, style=Style.LIMIT))
        stage.price(SYMBOLS[0], 100.1, 100.2)
        stage.run_to(20_000)
        assert not stage.sent(AmendOrder)
        stage.price(SYMBOLS[0], 101.0, 101.1)
        stage.run_to(40_000)
        assert [one.request.price_ticks for one in stage.sent(AmendOrder)] == [1010]

    def test_it_can_be_switched_off(self) -> None:
        stage = Stage(rules=rules(deadline_ms=600_000, stale_sweep=False))
        stage.placed(stage.approve(50, style=Style.LIMIT))
        stage.run_to(500_000)
        assert not stage.sent(CancelOrder)
