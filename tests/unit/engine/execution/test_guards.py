"""Guards on the way: wide spreads, exits, closes before openings, sizes."""

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.orders.stage import START_MS, SYMBOLS, Stage, contract, rules, view
from xsmom.domain.book import Mode
from xsmom.domain.effects import AmendOrder, CancelOrder, SendOrder
from xsmom.domain.orders import Phase, Purpose, Style
from xsmom.domain.trading import Ack, OrderState, Refusal, Rejected, TimeInForce

ACK = Ack("v1", "", 0)


class TestBreaker:
    """While the breaker is not closed, what opens is neither sent nor moved; what reduces is."""

    @staticmethod
    def trip(stage: Stage, until_ms: int) -> None:
        stage.book = replace(stage.book, health=replace(stage.book.health, breaker_until_ms=until_ms))

    def test_an_opening_waits_until_it_is_closed(self) -> None:
        stage = Stage()
        self.trip(stage, START_MS + 1)
        stage.start(stage.approve(50, style=Style.LIMIT))
        assert not stage.requests
        assert stage.told("order.held")[0].fields["waits_for"] == "breaker"
        stage.run_to(5_000)
        assert not stage.requests, "half open is not closed"
        self.trip(stage, 0)
        stage.run_to(6_000)
        assert len(stage.requests) == 1

    def test_one_that_rests_is_not_moved(self) -> None:
        stage = Stage()
        stage.start(stage.approve(50, style=Style.LIMIT))
        stage.reply(stage.live()[0], ACK)
        self.trip(stage, START_MS + 1)
        stage.price(SYMBOLS[0], 101.0, 101.1)
        stage.run_to(20_000)
        assert not stage.sent(AmendOrder)
        self.trip(stage, 0)
        stage.price(SYMBOLS[0], 101.0, 101.1)
        stage.run_to(40_000)
        assert stage.sent(AmendOrder)

    def test_a_reduction_goes_through_it(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        self.trip(stage, START_MS + 600_000)
        stage.start(stage.approve(-50, reduce_only=True, style=Style.LIMIT))
        assert len(stage.requests) == 1


class TestSpreadGuard:
    """Entries are held while the spread is wide; reductions never are."""

    def test_a_wide_spread_holds_an_entry(self) -> None:
        stage = Stage()
        stage.price(SYMBOLS[0], 100.0, 100.3)
        stage.start(stage.approve(50, style=Style.LIMIT))
        assert not stage.requests
        assert stage.told("order.held")[0].fields["waits_for"] == "spread"
        stage.run_to(5_000)
        assert len(stage.told("order.held")) == 1  # told once
        stage.price(SYMBOLS[0], 100.0, 100.1)
        stage.run_to(6_000)
        assert len(stage.requests) == 1

    def test_it_can_be_switched_off(self) -> None:
        stage = Stage(rules=rules(spread_guard=False))
        stage.price(SYMBOLS[0], 100.0, 100.3)
        stage.start(stage.approve(50, style=Style.LIMIT))
        assert len(stage.requests) == 1

    def test_a_reduction_goes_through_it(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.price(SYMBOLS[0], 100.0, 103.0)
        stage.start(stage.approve(-50, style=Style.LIMIT, reduce_only=True))
        assert len(stage.requests) == 1


class TestExits:
    """What has to get out crosses at once, and goes to market in time."""

    def test_bounded_then_market(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50}, rules=rules(reprice_ms=10_000))
        stage.start(stage.approve(-50, style=Style.POST_ONLY, reduce_only=True, purpose=Purpose.FLATTEN))
        first = stage.requests[0]
        assert (first.price_ticks, first.time_in_force) == (998, TimeInForce.IOC)
        for _ in range(6):
            order = stage.live()[0]
            stage.update(view(order, OrderState.CANCELLED, 0))
            stage.run_to(stage.now_ms - START_MS + 10_000)
        last = stage.requests[-1]
        assert (last.price_ticks, last.lots) == (None, -50)
        assert [one.price_ticks for one in stage.requests].count(None) == 1

    def test_an_exit_that_the_market_left_behind_waits_for_no_bound(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.price(SYMBOLS[0], 90.0, 90.1)
        stage.start(stage.approve(-50, style=Style.LIMIT, reduce_only=True, purpose=Purpose.EXIT))
        stage.run_to(60_000)
        assert [one.price_ticks for one in stage.requests] == [None]

    def test_it_needs_no_prices(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.price(SYMBOLS[0], None, None)
        stage.start(stage.approve(-50, style=Style.POST_ONLY, reduce_only=True, purpose=Purpose.EXIT))
        assert stage.requests[0].price_ticks == 998

    def test_a_touched_exit_goes_to_market_at_once_and_all_else_gives_way(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        add = stage.placed(stage.approve(30, style=Style.POST_ONLY))
        stage.start(stage.approve(-20, style=Style.LIMIT, reduce_only=True))
        trim = stage.live()[1]
        approved = stage.approve(-50, style=Style.POST_ONLY, reduce_only=True, purpose=Purpose.EXIT)
        approved = replace(approved, intent=replace(approved.intent, touch_price=97.0))
        effects = stage.start(approved)
        cancelled = {one.client_order_id for one in effects if isinstance(one, CancelOrder)}
        assert cancelled == {add.client_order_id, trim.client_order_id}
        (sent,) = [one for one in effects if isinstance(one, SendOrder)]
        assert (sent.request.price_ticks, sent.request.lots, sent.touch_price) == (None, -50, 97.0)

    @pytest.mark.parametrize("style", [Style.LIMIT, Style.POST_ONLY, Style.TWAP, Style.VWAP, Style.MARKET])
    @pytest.mark.parametrize("priced", [True, False])
    def test_an_exit_without_a_price_of_its_decision_gets_out(self, style: Style, priced: bool) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        if not priced:
            stage.price(SYMBOLS[0], None, None)
            marks = stage.book.names.mark.copy()
            marks[:] = math.nan
            stage.book = replace(stage.book, names=replace(stage.book.names, mark=marks))
        exit_ = stage.approve(-50, style=style, reduce_only=True, purpose=Purpose.TRIM, price=math.nan)
        stage.start(exit_, stage.approve(20, SYMBOLS[1]))
        stage.run_to(2_000_000)
        ticks = [one.price_ticks for one in stage.requests if one.symbol == SYMBOLS[0]]
        assert ticks
        # 100.05 is the middle: 20 bps below it.
        assert ticks[0] == (999 if priced and style is not Style.MARKET else None)

    def test_two_rungs_of_one_bar_both_go(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        rungs = [stage.approve(-lots, reduce_only=True, purpose=Purpose.EXIT) for lots in (20, 30)]
        rungs = [replace(one, intent=replace(one.intent, touch_price=103.0)) for one in rungs]
        stage.start(*rungs)
        assert [one.lots for one in stage.requests] == [-20, -30]

    def test_a_touched_rung_goes_before_a_planned_reduction(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.start(stage.approve(-40, style=Style.WHOLE, reduce_only=True))
        rungs = [stage.approve(-lots, reduce_only=True, purpose=Purpose.EXIT) for lots in (20, 10)]
        rungs = [replace(one, intent=replace(one.intent, touch_price=103.0)) for one in rungs]
        stage.start(rungs[0])
        assert len(stage.sent(CancelOrder)) == 1
        stage.start(rungs[1])
        assert [one.lots for one in stage.requests] == [-40, -20, -10]
        assert len(stage.sent(CancelOrder)) == 1

    def test_a_rung_leaves_the_one_before_it_alone(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        entry = stage.placed(stage.approve(30, style=Style.POST_ONLY))
        stage.start(stage.approve(-20, reduce_only=True, purpose=Purpose.EXIT))
        effects = stage.start(stage.approve(-10, reduce_only=True, purpose=Purpose.EXIT))
        assert [one.request.lots for one in effects if isinstance(one, SendOrder)] == [-10]
        assert [one.client_order_id for one in stage.sent(CancelOrder)] == [entry.client_order_id]

    def test_an_exit_does_not_wait_for_another_reduction_to_be_taken_back(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.placed(stage.approve(-20, style=Style.LIMIT, reduce_only=True))
        stage.start(stage.approve(-50, style=Style.MARKET, reduce_only=True, purpose=Purpose.EXIT))
        assert stage.requests[-1].lots == -50


class TestCloseBeforeOpen:
    """A flip is a close, then an opening."""

    def test_the_opening_waits_for_the_close_of_its_symbol_alone(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        close, opening = stage.approve(-50, reduce_only=True), stage.approve(-40)
        other = stage.approve(40, SYMBOLS[1])
        stage.start(opening, other, close)
        assert [one.client_order_id for one in stage.requests] == [close.client_order_id, other.client_order_id]
        order = stage.live(SYMBOLS[0])[0]
        stage.fill(order, -30)
        assert len(stage.requests) == 2
        stage.update(view(order, OrderState.FILLED, -50))  # final, though an execution is still on its way
        assert stage.requests[2].client_order_id == opening.client_order_id

    def test_reducing_orders_together_never_cross_zero(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        stage.start(stage.approve(-40, reduce_only=True), stage.approve(-40, reduce_only=True))
        assert [one.lots for one in stage.requests] == [-40, -10]

    def test_what_has_nothing_to_reduce_ends(self) -> None:
        stage = Stage()
        approved = stage.approve(-40, reduce_only=True)
        stage.start(approved)
        assert not stage.requests
        assert stage.task(approved) is None
        assert stage.told("order.given_up")[0].fields["why"] == "nothing is left to reduce"

    def test_a_newer_opposite_order_waits_for_the_older(self) -> None:
        stage = Stage()
        order = stage.placed(stage.approve(50, style=Style.POST_ONLY))
        stage.now_ms += 5_000
        stage.start(stage.approve(-30))
        assert len(stage.requests) == 1
        assert stage.told("order.held")[0].fields["waits_for"] == "opposite"
        stage.fill(order, 50)
        assert stage.requests[1].lots == -30

    @pytest.mark.parametrize("mode", [Mode.BOOT, Mode.RECONCILING])
    def test_an_entry_is_held_while_the_book_is_being_checked(self, mode: Mode) -> None:
        stage = Stage(lots={SYMBOLS[1]: 50})
        stage.book = replace(stage.book, mode=mode)
        stage.start(stage.approve(50), stage.approve(-50, SYMBOLS[1], reduce_only=True))
        assert [one.lots for one in stage.requests] == [-50]
        stage.book = replace(stage.book, mode=Mode.TRADING)
        stage.tick(1_000)
        assert [one.lots for one in stage.requests] == [-50, 50]

    def test_no_entry_beside_an_order_that_nobody_knows_of(self) -> None:
        stage = Stage()
        stage.start(stage.approve(50))
        stage.reply(stage.live()[0], Rejected(Refusal.DUPLICATE_ID, "", ""))
        assert stage.live()[0].phase is Phase.UNKNOWN
        stage.start(stage.approve(20))
        assert len(stage.requests) == 1


class TestSizes:
    """Limits of the exchange and ours."""

    def test_split_above_the_largest_order(self) -> None:
        contracts = (contract(SYMBOLS[0], lots_max=40, lots_max_market=30),)
        stage = Stage(contracts=contracts)
        stage.start(stage.approve(100, style=Style.LIMIT))
        assert [one.lots for one in stage.requests] == [34, 33, 33]
        stage = Stage(contracts=contracts)
        stage.start(stage.approve(100, style=Style.MARKET))
        assert [one.lots for one in stage.requests] == [25, 25, 25, 25]

    def test_a_contract_without_a_limit_is_not_split(self) -> None:
        stage = Stage(contracts=(contract(SYMBOLS[0], lots_max=0, lots_max_market=0),))
        stage.start(stage.approve(100, style=Style.LIMIT), stage.approve(100, style=Style.MARKET))
        assert [one.lots for one in stage.requests] == [100, 100]

    def test_split_above_our_own_limit(self) -> None:
        stage = Stage(rules=rules(order_usdt_max=60.0))  # a lot is worth 1 USDT
        stage.start(stage.approve(100, style=Style.LIMIT))
        assert [one.lots for one in stage.requests] == [50, 50]

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
        stage.run_to(5_000)
        assert stage.task(approved) is None
        assert "smallest" in str(stage.told("order.given_up")[0].fields["why"])

    def test_a_reduction_has_no_least_size(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 2})
        stage.start(stage.approve(-2, reduce_only=True))
        assert [one.lots for one in stage.requests] == [-2]
