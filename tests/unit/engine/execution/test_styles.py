"""Styles over scripted quotes: what goes out, when, and at which price."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.orders.stage import START_MS, SYMBOLS, Stage, contract, rules, view
from xsmom.domain.book import Mode
from xsmom.domain.effects import AmendOrder, CancelOrder, SendOrder
from xsmom.domain.events import Ask
from xsmom.domain.orders import Approved, LiveOrder, Phase, Purpose, Style
from xsmom.domain.trading import Ack, OrderRequest, OrderState, Refusal, Rejected, TimeInForce
from xsmom.engine.execution.price import Touch, bound_ticks, rest_ticks
from xsmom.engine.rules import WorkRules

ACK = Ack("v1", "", 0)


def run_to(stage: Stage, ms: int) -> None:
    """Let timers fire until so long after the start."""
    while stage.book.work_due_ms and stage.book.work_due_ms <= START_MS + ms:
        stage.tick(stage.book.work_due_ms - stage.now_ms)
    stage.tick(START_MS + ms - stage.now_ms)


def requests(stage: Stage) -> list[OrderRequest]:
    return [one.request for one in stage.sent(SendOrder)]


def placed(stage: Stage, approved: Approved) -> LiveOrder:
    """Start, and let the venue take the first order."""
    stage.start(approved)
    order = stage.live()[0]
    stage.reply(order, ACK)
    stage.update(view(order, OrderState.WORKING))
    return stage.live()[0]


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
        buy, sell = requests(stage)
        assert (buy.price_ticks, buy.time_in_force, buy.lots) == (1000, force, 50)
        assert (sell.price_ticks, sell.time_in_force, sell.lots) == (1001, force, -50)

    def test_it_follows_the_market_by_amending(self) -> None:
        stage = Stage(rules=rules(reprice_ms=10_000))
        order = placed(stage, stage.approve(50, style=Style.POST_ONLY))
        stage.price(SYMBOLS[0], 100.2, 100.3)
        run_to(stage, 9_999)
        assert not stage.sent(AmendOrder)
        run_to(stage, 10_000)
        (amend,) = stage.sent(AmendOrder)
        assert (amend.request.client_order_id, amend.request.price_ticks) == (order.client_order_id, 1002)
        assert amend.request.lots is None
        stage.reply(order, ACK, Ask.AMEND)
        run_to(stage, 30_000)
        assert len(stage.sent(AmendOrder)) == 1  # the price did not move again
        assert len(requests(stage)) == 1

    def test_where_the_venue_cannot_amend_it_cancels_and_sends_anew(self) -> None:
        stage = Stage()
        approved = stage.approve(50, style=Style.POST_ONLY)
        order = placed(stage, approved)
        stage.fill(order, 20)
        stage.price(SYMBOLS[0], 100.2, 100.3)
        run_to(stage, 10_000)
        stage.reply(order, Rejected(Refusal.OTHER, "", "no amends here"), Ask.AMEND)
        stage.lookup(order, view(order, OrderState.PARTIAL, 20, at_ms=stage.now_ms))
        assert stage.live()[0].request.price_ticks == 1000  # what the venue shows, not what was asked
        run_to(stage, 20_000)
        assert [one.client_order_id for one in stage.sent(CancelOrder)] == [order.client_order_id]
        assert len(requests(stage)) == 1  # nothing new before the end of the old one
        stage.update(view(order, OrderState.CANCELLED, 20))
        second = requests(stage)[1]
        assert (second.client_order_id, second.lots) == (f"{approved.client_order_id}-1", 30)
        assert second.price_ticks == 1002

    def test_an_amend_without_an_answer_is_looked_up_before_the_next(self) -> None:
        stage = Stage()
        order = placed(stage, stage.approve(50, style=Style.POST_ONLY))
        stage.price(SYMBOLS[0], 100.2, 100.3)
        run_to(stage, 10_000)
        stage.price(SYMBOLS[0], 100.4, 100.5)
        run_to(stage, 30_000)
        assert len(stage.sent(AmendOrder)) == 1
        stage.lookup(order, view(order, OrderState.WORKING, price_ticks=1002, at_ms=stage.now_ms))
        run_to(stage, 40_000)
        assert [one.request.price_ticks for one in stage.sent(AmendOrder)] == [1002, 1004]

    def test_from_the_deadline_on_it_crosses_at_a_bounded_price(self) -> None:
        stage = Stage(rules=rules(deadline_ms=60_000))
        approved = stage.approve(50, style=Style.POST_ONLY)
        order = placed(stage, approved)
        stage.fill(order, 20)
        run_to(stage, 60_000)
        assert len(stage.sent(CancelOrder)) == 1
        assert len(requests(stage)) == 1
        stage.update(view(order, OrderState.CANCELLED, 20))
        cross = requests(stage)[1]
        assert (cross.lots, cross.price_ticks, cross.time_in_force) == (30, 1002, TimeInForce.IOC)
        task = stage.task(approved)
        assert task is not None
        assert task.crossing

    def test_beyond_the_bound_it_waits_and_is_given_up_at_last(self) -> None:
        stage = Stage(rules=rules(deadline_ms=60_000, reprice_ms=10_000))
        approved = stage.approve(50, style=Style.POST_ONLY)
        order = placed(stage, approved)
        stage.price(SYMBOLS[0], 100.3, 100.4)
        run_to(stage, 60_000)
        stage.update(view(order, OrderState.CANCELLED, 0))
        run_to(stage, 89_000)
        assert len(requests(stage)) == 1
        assert stage.told("order.held")[-1].fields["waits_for"] == "bound"
        run_to(stage, 91_000)
        assert stage.task(approved) is None
        assert stage.told("order.given_up")[0].fields["why"] == "deadline"

    def test_a_refused_maker_tries_again_at_the_new_price(self) -> None:
        stage = Stage()
        stage.start(stage.approve(50, style=Style.POST_ONLY))
        stage.price(SYMBOLS[0], 100.2, 100.3)
        stage.reply(stage.live()[0], Rejected(Refusal.POST_ONLY, "", ""))
        run_to(stage, 1_000)
        assert [one.price_ticks for one in requests(stage)] == [1000, 1002]

    def test_without_prices_an_entry_waits(self) -> None:
        stage = Stage()
        stage.price(SYMBOLS[0], None, 100.1)
        stage.start(stage.approve(50, style=Style.LIMIT))
        assert not requests(stage)
        stage.price(SYMBOLS[0], 100.0, 100.1)
        stage.tick(1_000)
        assert len(requests(stage)) == 1

    def test_old_prices_are_none(self) -> None:
        stage = Stage()
        stage.now_ms += 61_000
        stage.start(stage.approve(50, style=Style.MARKET))
        assert not requests(stage)
        assert stage.told("order.held")[0].fields["waits_for"] == "quote"


class TestSpreadGuard:
    """Entries are held while the spread is wide; reductions never are."""

    def test_a_wide_spread_holds_an_entry(self) -> None:
        stage = Stage()
        stage.price(SYMBOLS[0], 100.0, 100.3)
        stage.start(stage.approve(50, style=Style.LIMIT))
        assert not requests(stage)
        assert stage.told("order.held")[0].fields["waits_for"] == "spread"
        run_to(stage, 5_000)
        assert len(stage.told("order.held")) == 1  # told once
        stage.price(SYMBOLS[0], 100.0, 100.1)
        run_to(stage, 6_000)
        assert len(requests(stage)) == 1

    def test_it_can_be_switched_off(self) -> None:
        stage = Stage(rules=rules(spread_guard=False))
        stage.price(SYMBOLS[0], 100.0, 100.3)
        stage.start(stage.approve(50, style=Style.LIMIT))
        assert len(requests(stage)) == 1

    def test_a_reduction_goes_through_it(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.price(SYMBOLS[0], 100.0, 103.0)
        stage.start(stage.approve(-50, style=Style.LIMIT, reduce_only=True))
        assert len(requests(stage)) == 1


class TestExits:
    """What has to get out crosses at once, and goes to market in time."""

    def test_bounded_then_market(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50}, rules=rules(reprice_ms=10_000))
        stage.start(stage.approve(-50, style=Style.POST_ONLY, reduce_only=True, purpose=Purpose.FLATTEN))
        first = requests(stage)[0]
        assert (first.price_ticks, first.time_in_force) == (998, TimeInForce.IOC)
        for _ in range(6):
            order = stage.live()[0]
            stage.update(view(order, OrderState.CANCELLED, 0))
            run_to(stage, stage.now_ms - START_MS + 10_000)
        last = requests(stage)[-1]
        assert (last.price_ticks, last.lots) == (None, -50)
        assert [one.price_ticks for one in requests(stage)].count(None) == 1

    def test_an_exit_that_the_market_left_behind_waits_for_no_bound(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.price(SYMBOLS[0], 90.0, 90.1)
        stage.start(stage.approve(-50, style=Style.LIMIT, reduce_only=True, purpose=Purpose.EXIT))
        run_to(stage, 60_000)
        assert [one.price_ticks for one in requests(stage)] == [None]

    def test_it_needs_no_prices(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.price(SYMBOLS[0], None, None)
        stage.start(stage.approve(-50, style=Style.POST_ONLY, reduce_only=True, purpose=Purpose.EXIT))
        assert requests(stage)[0].price_ticks == 998

    def test_a_touched_exit_goes_to_market_at_once_and_all_else_gives_way(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        add = placed(stage, stage.approve(30, style=Style.POST_ONLY))
        stage.start(stage.approve(-20, style=Style.LIMIT, reduce_only=True))
        trim = stage.live()[1]
        approved = stage.approve(-50, style=Style.POST_ONLY, reduce_only=True, purpose=Purpose.EXIT)
        approved = replace(approved, intent=replace(approved.intent, touch_price=97.0))
        effects = stage.start(approved)
        cancelled = {one.client_order_id for one in effects if isinstance(one, CancelOrder)}
        assert cancelled == {add.client_order_id, trim.client_order_id}
        (sent,) = [one for one in effects if isinstance(one, SendOrder)]
        assert (sent.request.price_ticks, sent.request.lots, sent.touch_price) == (None, -50, 97.0)

    def test_an_exit_does_not_wait_for_another_reduction_to_be_taken_back(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        placed(stage, stage.approve(-20, style=Style.LIMIT, reduce_only=True))
        stage.start(stage.approve(-50, style=Style.MARKET, reduce_only=True, purpose=Purpose.EXIT))
        assert requests(stage)[-1].lots == -50


class TestCloseBeforeOpen:
    """A flip is a close, then an opening."""

    def test_the_opening_waits_for_the_close_of_its_symbol_alone(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        close, opening = stage.approve(-50, reduce_only=True), stage.approve(-40)
        other = stage.approve(40, SYMBOLS[1])
        stage.start(opening, other, close)
        assert [one.client_order_id for one in requests(stage)] == [close.client_order_id, other.client_order_id]
        order = stage.live(SYMBOLS[0])[0]
        stage.fill(order, -30)
        assert len(requests(stage)) == 2
        stage.update(view(order, OrderState.FILLED, -50))  # final, though an execution is still on its way
        assert requests(stage)[2].client_order_id == opening.client_order_id

    def test_reducing_orders_together_never_cross_zero(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.start(stage.approve(-40, reduce_only=True), stage.approve(-40, reduce_only=True))
        assert [one.lots for one in requests(stage)] == [-40, -10]

    def test_what_has_nothing_to_reduce_ends(self) -> None:
        stage = Stage()
        approved = stage.approve(-40, reduce_only=True)
        stage.start(approved)
        assert not requests(stage)
        assert stage.task(approved) is None
        assert stage.told("order.given_up")[0].fields["why"] == "nothing is left to reduce"

    def test_a_newer_opposite_order_waits_for_the_older(self) -> None:
        stage = Stage()
        order = placed(stage, stage.approve(50, style=Style.POST_ONLY))
        stage.now_ms += 5_000
        stage.start(stage.approve(-30))
        assert len(requests(stage)) == 1
        assert stage.told("order.held")[0].fields["waits_for"] == "opposite"
        stage.fill(order, 50)
        assert requests(stage)[1].lots == -30

    @pytest.mark.parametrize("mode", [Mode.BOOT, Mode.RECONCILING])
    def test_an_entry_is_held_while_the_book_is_being_checked(self, mode: Mode) -> None:
        stage = Stage(lots={SYMBOLS[1]: 50})
        stage.book = replace(stage.book, mode=mode)
        stage.start(stage.approve(50), stage.approve(-50, SYMBOLS[1], reduce_only=True))
        assert [one.lots for one in requests(stage)] == [-50]
        stage.book = replace(stage.book, mode=Mode.TRADING)
        stage.tick(1_000)
        assert [one.lots for one in requests(stage)] == [-50, 50]

    def test_no_entry_beside_an_order_that_nobody_knows_of(self) -> None:
        stage = Stage()
        stage.start(stage.approve(50))
        stage.reply(stage.live()[0], Rejected(Refusal.DUPLICATE_ID, "", ""))
        assert stage.live()[0].phase is Phase.UNKNOWN
        stage.start(stage.approve(20))
        assert len(requests(stage)) == 1


class TestSizes:
    """Limits of the exchange and ours."""

    def test_split_above_the_largest_order(self) -> None:
        contracts = (contract(SYMBOLS[0], lots_max=40, lots_max_market=30),)
        stage = Stage(contracts=contracts)
        stage.start(stage.approve(100, style=Style.LIMIT))
        assert [one.lots for one in requests(stage)] == [34, 33, 33]
        stage = Stage(contracts=contracts)
        stage.start(stage.approve(100, style=Style.MARKET))
        assert [one.lots for one in requests(stage)] == [25, 25, 25, 25]

    def test_split_above_our_own_limit(self) -> None:
        stage = Stage(rules=rules(order_usdt_max=60.0))  # a lot is worth 1 USDT
        stage.start(stage.approve(100, style=Style.LIMIT))
        assert [one.lots for one in requests(stage)] == [50, 50]

    def test_never_more_than_ten_at_a_time(self) -> None:
        stage = Stage(rules=rules(order_usdt_max=10.0))
        stage.start(stage.approve(200, style=Style.LIMIT))
        assert len(stage.live()) == 10
        stage.fill(stage.live()[0], 10)
        assert len(stage.live()) == 10

    @pytest.mark.parametrize(("ours", "theirs"), [(8.0, "5"), (5.0, "8")])
    def test_a_rest_below_the_smallest_order_is_given_up(self, ours: float, theirs: str) -> None:
        stage = Stage(
            rules=rules(notional_usdt_min=ours),
            contracts=(contract(SYMBOLS[0], notional_usdt_min=Decimal(theirs)),),
        )
        approved = stage.approve(50)
        stage.start(approved)
        order = stage.live()[0]
        stage.fill(order, 43)
        stage.update(view(order, OrderState.CANCELLED, 43))
        run_to(stage, 5_000)
        assert stage.task(approved) is None
        assert "smallest" in str(stage.told("order.given_up")[0].fields["why"])

    def test_a_reduction_has_no_least_size(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 2})
        stage.start(stage.approve(-2, reduce_only=True))
        assert [one.lots for one in requests(stage)] == [-2]


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
            count = len(requests(stage))
            while stage.task(approved) is not None and len(requests(stage)) == count:
                stage.tick(1_000)
            times.append((stage.now_ms - START_MS) // 1_000)
        assert [one.lots for one in requests(stage)] == [21, 21, 20, 21, 20]
        assert times[:5] == [0, 10, 20, 30, 40]
        assert {one.time_in_force for one in requests(stage)} == {TimeInForce.IOC}

    def test_no_slice_below_the_smallest_order(self) -> None:
        stage = Stage(rules=rules(twap_slices=10, twap_ms=50_000))
        stage.start(stage.approve(20, style=Style.TWAP))
        assert [one.lots for one in requests(stage)] == [5]

    def test_what_a_slice_left_goes_with_the_next(self) -> None:
        stage = Stage(rules=rules(twap_slices=5, twap_ms=50_000))
        stage.start(stage.approve(100, style=Style.TWAP))
        order = stage.live()[0]
        stage.fill(order, 5)
        stage.update(view(order, OrderState.CANCELLED, 5))
        run_to(stage, 10_000)
        assert [one.lots for one in requests(stage)] == [20, 35]


class TestVwap:
    """A share of what the market trades."""

    def test_it_keeps_to_its_share(self) -> None:
        stage = Stage(rules=rules(vwap_participation_frac=0.1, reprice_ms=10_000))
        # 8,640,000 USDT a day are 1,000 in ten seconds: a tenth of it is 100 lots of 1 USDT.
        stage.price(SYMBOLS[0], 100.0, 100.1, turnover_usdt_day=8_640_000)
        approved = stage.approve(1_000, style=Style.VWAP)
        stage.start(approved)
        assert not requests(stage)
        run_to(stage, 10_000)
        assert [one.lots for one in requests(stage)] == [100]
        fill_newest(stage)
        run_to(stage, 20_000)
        assert [one.lots for one in requests(stage)] == [100, 100]

    def test_at_its_deadline_the_rest_crosses(self) -> None:
        stage = Stage(rules=rules(vwap_ms=20_000))
        stage.price(SYMBOLS[0], 100.0, 100.1, turnover_usdt_day=0.0)
        stage.start(stage.approve(500, style=Style.VWAP))
        run_to(stage, 20_000)
        assert [(one.lots, one.price_ticks) for one in requests(stage)] == [(500, 1002)]


class TestStaleSweep:
    """What the market left behind."""

    def test_an_old_order_is_taken_back_and_sent_anew(self) -> None:
        stage = Stage(rules=rules(deadline_ms=600_000, stale_age_ms=180_000, stale_every_ms=60_000))
        stage.book = replace(stage.book, swept_ms=START_MS)
        order = placed(stage, stage.approve(50, style=Style.LIMIT))
        run_to(stage, 179_000)
        assert not stage.sent(CancelOrder)
        run_to(stage, 180_000)
        assert len(stage.sent(CancelOrder)) == 1
        assert stage.told("order.stale")[0].fields["by"] == "age"
        stage.update(view(order, OrderState.CANCELLED, 0))
        assert len(requests(stage)) == 2

    def test_a_far_order_is_repriced_without_waiting(self) -> None:
        stage = Stage(rules=rules(deadline_ms=600_000, reprice_ms=300_000, stale_every_ms=20_000))
        stage.book = replace(stage.book, swept_ms=START_MS)
        placed(stage, stage.approve(50, style=Style.LIMIT))
        stage.price(SYMBOLS[0], 100.1, 100.2)
        run_to(stage, 20_000)
        assert not stage.sent(AmendOrder)
        stage.price(SYMBOLS[0], 101.0, 101.1)
        run_to(stage, 40_000)
        assert [one.request.price_ticks for one in stage.sent(AmendOrder)] == [1010]

    def test_it_can_be_switched_off(self) -> None:
        stage = Stage(rules=rules(deadline_ms=600_000, stale_sweep=False))
        placed(stage, stage.approve(50, style=Style.LIMIT))
        run_to(stage, 500_000)
        assert not stage.sent(CancelOrder)
