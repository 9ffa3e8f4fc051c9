"""From an approved order to its end: sends, answers, words, executions."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests.orders.stage import PRICE, SYMBOLS, Stage, rules, view
from xsmom import kernel
from xsmom.domain.book import Mode
from xsmom.domain.effects import CancelOrder, FetchAccount, LookupOrder, SendOrder, Severity
from xsmom.domain.events import Ask
from xsmom.domain.orders import Phase, Purpose, Style
from xsmom.domain.trading import (
    Ack,
    FillKind,
    NoChange,
    OrderState,
    Refusal,
    Rejected,
    Trigger,
    TriggerBy,
    Unknown,
    VenueFill,
)
from xsmom.engine import execution, money
from xsmom.engine.turn import Turn
from xsmom.store import codec

ACK = Ack("v1", "", 0)
PAID = (Decimal(100), Decimal("0.01"))


def rejected(refusal: Refusal) -> Rejected:
    return Rejected(refusal, "1", "no")


def test_a_market_order_is_sent_at_once_under_the_approved_id() -> None:
    stage = Stage()
    approved = stage.approve(50)
    effects = stage.start(approved)
    sent = [one for one in effects if isinstance(one, SendOrder)]
    assert [one.request.client_order_id for one in sent] == [approved.client_order_id]
    assert (sent[0].request.lots, sent[0].request.price_ticks, sent[0].approved) == (50, None, approved)
    assert stage.live()[0].phase is Phase.SENT
    assert execution.working_lots(stage.book).tolist() == [50, 0, 0, 0]


def test_the_same_approved_order_is_taken_once() -> None:
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved, approved)
    stage.start(approved)
    assert len(stage.sent(SendOrder)) == 1


def test_fills_finish_a_task_and_slippage_is_told() -> None:
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved)
    order = stage.live()[0]
    stage.reply(order, ACK)
    assert stage.book.orders[order.client_order_id].phase is Phase.ACKED
    stage.fill(order, 20, 100.1)
    assert stage.book.orders[order.client_order_id].phase is Phase.PARTIAL
    assert execution.working_lots(stage.book)[0] == 30
    stage.fill(order, 30, 100.2)
    assert stage.task(approved) is None
    done = stage.told("order.done")[0].fields
    assert done["average_price"] == pytest.approx(100.16)
    assert done["slippage_bps"] == pytest.approx(16.0)
    assert done["slippage_usdt"] == pytest.approx(0.16 * 50 * 0.01)
    assert done["fee_usdt"] == pytest.approx(0.02)
    assert (done["filled_lots"], done["orders"]) == (50, 1)
    assert not execution.working_lots(stage.book).any()


def test_slippage_of_a_sale_above_arrival_is_a_gain() -> None:
    stage = Stage(lots={SYMBOLS[0]: 50})
    stage.start(stage.approve(-50, reduce_only=True))
    stage.fill(stage.live()[0], -50, 100.5)
    assert stage.told("order.done")[0].fields["slippage_bps"] == pytest.approx(-50.0)


def test_what_the_venue_calls_filled_counts_as_on_its_way_until_its_execution_is_seen() -> None:
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved)
    order = stage.live()[0]
    stage.update(view(order, OrderState.FILLED, 50))
    assert stage.task(approved) is not None
    assert stage.book.lots[0] + execution.working_lots(stage.book)[0] == 50
    stage.fill(order, 50)
    assert stage.task(approved) is None
    assert stage.book.lots[0] + execution.working_lots(stage.book)[0] == 50


def test_an_execution_that_comes_after_its_task_has_ended_still_carries_it_out() -> None:
    """Else the position would open without its ATR, and with the stop of a position that nobody planned."""
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved)
    order = stage.live()[0]
    stage.update(view(order, OrderState.FILLED, 50))
    stage.tick(stage.rules.work.untold_ms + 1_000)
    assert stage.task(approved) is None
    stage.book = codec.decode(codec.encode(stage.book))
    late = VenueFill("e9", "", order.client_order_id, order.symbol, FillKind.TRADE, 50, *PAID, False, 9, stage.now_ms)
    turn = Turn(stage.book, stage.rules, stage.now_ms)
    assert money.approved_of(turn.book, late) == approved
    money.fold_fill(turn, late)
    assert turn.book.positions["entry_atr"][0] == approved.intent.atr
    assert kernel.EXITS[int(turn.book.positions["stop_by"][0])] != "emergency_stop"


def test_so_does_one_of_an_order_that_was_thought_to_be_gone() -> None:
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved)
    order = stage.live()[0]
    stage.update(view(order, OrderState.CANCELLED, 20))
    stage.fill(order, 20)
    stage.tick(60_000)
    (second,) = stage.live()
    stage.fill(second, 30)
    assert stage.task(approved) is None
    # The exchange had said 20, and now shows five more of the first.
    late = VenueFill("e9", "", order.client_order_id, order.symbol, FillKind.TRADE, 5, *PAID, False, 9, stage.now_ms)
    assert money.approved_of(stage.book, late) == approved


def test_a_fill_that_a_list_had_told_is_not_counted_twice() -> None:
    stage = Stage()
    stage.start(stage.approve(50))
    order = stage.live()[0]
    stage.update(view(order, OrderState.PARTIAL, 20))
    stage.fill(order, 20)
    assert stage.book.orders[order.client_order_id].filled_lots == 20
    stage.update(view(order, OrderState.PARTIAL, 10, at_ms=order.sent_ms))
    assert stage.book.orders[order.client_order_id].filled_lots == 20
    assert execution.working_lots(stage.book)[0] == 30


def test_a_late_word_changes_nothing_after_the_end() -> None:
    stage = Stage()
    stage.start(stage.approve(50))
    order = stage.live()[0]
    stage.reply(order, ACK)
    stage.fill(order, 50)
    for late in (OrderState.WORKING, OrderState.PARTIAL, OrderState.CANCELLED):
        assert not stage.update(view(order, late, 10))
    stage.reply(order, Unknown("late"))
    assert stage.book.orders[order.client_order_id].phase is Phase.FILLED
    stage.tick(600_000)
    assert not stage.book.orders
    stage.update(view(order, OrderState.WORKING, 0))
    assert not stage.book.orders


def test_a_market_order_that_filled_in_part_is_followed_by_the_rest() -> None:
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved)
    order = stage.live()[0]
    stage.fill(order, 20)
    stage.update(view(order, OrderState.CANCELLED, 20))
    assert not stage.live()
    stage.tick(1_000)
    rest = stage.live()[0]
    assert (rest.client_order_id, rest.request.lots) == (f"{approved.client_order_id}-1", 30)


def test_a_refusal_ends_an_entry() -> None:
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved)
    stage.reply(stage.live()[0], rejected(Refusal.MARGIN))
    assert stage.task(approved) is None
    given_up = stage.told("order.given_up")[0]
    assert (given_up.fields["why"], given_up.severity) == ("margin", Severity.WARNING)


def test_a_passing_refusal_is_tried_again_later_and_not_for_ever() -> None:
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved)
    for _ in range(4):
        stage.reply(stage.live()[0], rejected(Refusal.RATE))
        assert not stage.live()
        stage.tick(30_000)
    assert len(stage.sent(SendOrder)) == 5
    names = [one.request.client_order_id for one in stage.sent(SendOrder)]
    assert len(set(names)) == 5
    stage.reply(stage.live()[0], rejected(Refusal.RATE))
    assert stage.task(approved) is None


def test_an_exit_that_is_refused_is_tried_again_and_at_last_told_loudly() -> None:
    stage = Stage(lots={SYMBOLS[0]: 50})
    approved = stage.approve(-50, reduce_only=True, purpose=Purpose.EXIT)
    stage.start(approved)
    for _ in range(5):
        stage.reply(stage.live()[0], rejected(Refusal.OTHER))
        stage.tick(30_000)
    assert len(stage.sent(SendOrder)) == 5
    assert stage.told("exit.refused")[0].severity is Severity.CRITICAL


def test_a_reduction_of_what_is_gone_reads_the_account_again() -> None:
    stage = Stage(lots={SYMBOLS[0]: 50})
    approved = stage.approve(-50, reduce_only=True)
    stage.start(approved)
    effects = stage.reply(stage.live()[0], rejected(Refusal.REDUCE_ONLY))
    assert any(isinstance(one, FetchAccount) for one in effects)
    assert stage.task(approved) is None


def test_a_reducing_order_that_the_venue_cut_is_followed_as_cut() -> None:
    stage = Stage(lots={SYMBOLS[0]: 50})
    stage.start(stage.approve(-50, reduce_only=True))
    order = stage.live()[0]
    stage.update(view(order, OrderState.WORKING, lots=-30))
    assert stage.book.orders[order.client_order_id].left_lots == -30


def test_an_order_that_was_refused_and_is_seen_alive_is_taken_back_loudly() -> None:
    stage = Stage()
    stage.start(stage.approve(50))
    order = stage.live()[0]
    stage.reply(order, rejected(Refusal.OTHER))
    effects = stage.update(view(order, OrderState.WORKING))
    assert [type(one) for one in effects if not isinstance(one, SendOrder)][:2] == [CancelOrder, FetchAccount]
    assert stage.told("order.contradicted")[0].severity is Severity.ERROR


class TestWhole:
    """What a venue that fills at bars is given."""

    def test_it_is_sent_once_and_left_alone(self) -> None:
        stage = Stage()
        approved = stage.approve(50, style=Style.WHOLE)
        effects = stage.start(approved)
        assert len(effects) == 1  # no timer
        assert isinstance(effects[0], SendOrder)
        assert effects[0].request.price_ticks is None
        assert stage.tick(86_400_000) == []
        assert execution.working_lots(stage.book)[0] == 50
        stage.fill(stage.live()[0], 50)
        assert not stage.book.orders
        assert not stage.book.tasks

    def test_it_waits_for_nothing(self) -> None:
        stage = Stage(rules=rules(fields={"net_cap_frac": 0.0}))
        stage.book = replace(stage.book, quotes={}, mode=Mode.RECONCILING)
        stage.start(
            stage.approve(-5000, style=Style.WHOLE),
            stage.approve(1, style=Style.WHOLE, reduce_only=True, purpose=Purpose.EXIT),
        )
        assert [one.request.lots for one in stage.sent(SendOrder)] == [1, -5000]

    def test_it_ends_with_the_word_of_its_end(self) -> None:
        stage = Stage()
        approved = stage.approve(50, style=Style.WHOLE)
        stage.start(approved)
        stage.update(view(stage.live()[0], OrderState.CANCELLED, reason="absent bar"))
        assert not stage.book.orders
        assert stage.task(approved) is None
        assert stage.told("order.given_up")[0].fields["filled_lots"] == 0
        assert not execution.working_lots(stage.book).any()

    def test_a_refused_one_ends(self) -> None:
        stage = Stage()
        stage.start(stage.approve(50, style=Style.WHOLE))
        stage.reply(stage.live()[0], rejected(Refusal.OTHER))
        assert not stage.book.orders
        assert not stage.book.tasks

    def test_a_touched_exit_says_at_which_price(self) -> None:
        stage = Stage(lots={SYMBOLS[0]: 50})
        approved = stage.approve(-50, style=Style.WHOLE, reduce_only=True, purpose=Purpose.EXIT)
        approved = replace(approved, intent=replace(approved.intent, touch_price=98.0))
        stage.start(approved)
        assert stage.sent(SendOrder)[0].touch_price == 98.0
        stage.fill(stage.live()[0], -50, 97.9)
        assert stage.told("order.done")[0].fields["slippage_bps"] == pytest.approx((1 - 97.9 / 98.0) * 1e4)


class TestCancel:
    """Orders that are taken back."""

    def test_a_symbol(self) -> None:
        stage = Stage()
        one, other = stage.approve(50), stage.approve(50, SYMBOLS[1])
        stage.start(one, other)
        turn = Turn(stage.book, stage.rules, stage.now_ms)
        execution.cancel_symbol(turn, SYMBOLS[0], "by hand")
        assert turn.effects == [CancelOrder(SYMBOLS[0], one.client_order_id)]
        assert turn.book.tasks[one.client_order_id].ending == "by hand"
        assert not turn.book.tasks[other.client_order_id].ending
        # It may still fill until the venue says that it is gone.
        assert execution.working_lots(turn.book).tolist() == [50, 50, 0, 0]

    def test_entries_and_not_reductions_nor_protection(self) -> None:
        stage = Stage(lots={SYMBOLS[1]: 50})
        entry, exit_ = stage.approve(50), stage.approve(-50, SYMBOLS[1], reduce_only=True)
        stage.start(entry, exit_)
        stop = stage.live()[1]
        trigger = Trigger(900, TriggerBy.MARK, rising=False)
        stop = replace(stop, parent_id="x", request=replace(stop.request, client_order_id="xmstop", trigger=trigger))
        stage.book = replace(stage.book, orders={**stage.book.orders, "xmstop": stop})
        turn = Turn(stage.book, stage.rules, stage.now_ms)
        execution.cancel_entries(turn, "mode reducing")
        execution.cancel_symbol(turn, SYMBOLS[1], "flatten")
        assert [one.client_order_id for one in turn.effects if isinstance(one, CancelOrder)] == [
            entry.client_order_id,
            exit_.client_order_id,
        ]
        assert execution.working_lots(turn.book).tolist() == [50, -50, 0, 0]

    def test_a_cancel_is_asked_once_and_resolved_by_its_end(self) -> None:
        stage = Stage()
        approved = stage.approve(50)
        stage.start(approved)
        order = stage.live()[0]
        stage.reply(order, ACK)
        stage.book = replace(stage.book, mode=Mode.HALTED)
        stage.tick()
        stage.tick(100)
        assert len(stage.sent(CancelOrder)) == 1
        stage.reply(order, ACK, Ask.CANCEL)
        assert stage.task(approved) is not None
        stage.update(view(order, OrderState.CANCELLED, 0))
        assert stage.task(approved) is None
        assert not execution.working_lots(stage.book).any()

    @pytest.mark.parametrize(
        "answer", [Unknown("timeout"), rejected(Refusal.NOT_FOUND), rejected(Refusal.ALREADY_DONE), NoChange()]
    )
    def test_any_other_answer_is_looked_up(self, answer: object) -> None:
        stage = Stage()
        approved = stage.approve(50)
        stage.start(approved)
        order = stage.live()[0]
        stage.update(view(order, OrderState.WORKING))
        stage.book = replace(stage.book, mode=Mode.HALTED)
        stage.tick()
        effects = stage.reply(order, answer, Ask.CANCEL)  # type: ignore[arg-type]
        assert [one for one in effects if isinstance(one, LookupOrder)]
        assert stage.task(approved) is not None
        stage.now_ms += 2_000
        effects = stage.lookup(order, view(order, OrderState.WORKING, at_ms=stage.now_ms))
        assert [one for one in effects if isinstance(one, CancelOrder)]  # it did not take effect: asked again
        stage.lookup(order, view(order, OrderState.FILLED, 50, at_ms=stage.now_ms))
        stage.fill(order, 50)
        assert stage.task(approved) is None


def test_working_lots_do_not_write_into_the_book() -> None:
    stage = Stage(lots={SYMBOLS[0]: 7})
    stage.start(stage.approve(50))
    before = stage.book.lots.copy()
    execution.working_lots(stage.book)[0] += 1
    assert np.array_equal(stage.book.lots, before)
    assert stage.book.names.mark[0] == PRICE
