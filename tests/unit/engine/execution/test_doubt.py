"""Orders that nobody knows of: looked up, found, proved absent, sent again under their name, or forgotten."""

from dataclasses import replace

import pytest

from tests.orders.stage import START_MS, SYMBOLS, Stage, view
from xsmom.domain.book import Health, Mode
from xsmom.domain.effects import CancelOrder, FetchAccount, FetchFills, LookupOrder, SendOrder, SetTimer, Severity
from xsmom.domain.events import Ask
from xsmom.domain.orders import Phase, Style
from xsmom.domain.trading import Ack, OrderState, Refusal, Rejected, Unknown

ACK = Ack("v1", "", 0)
TAKEN = Rejected(Refusal.DUPLICATE_ID, "110072", "duplicate")
#: Receive window and visibility of the default rules.
PROOF_MS = 5_000 + 10_000


def unknown_order(style: Style = Style.MARKET) -> Stage:
    """An order whose answer was that nobody knows."""
    stage = Stage()
    stage.start(stage.approve(50, style=style))
    stage.reply(stage.live()[0], Unknown("timeout"))
    return stage


def lookups_until(stage: Stage, until_ms: int) -> list[int]:
    """Let timers fire; the times of lookups, counted from the start."""
    asked = []
    while stage.book.work_due_ms and stage.book.work_due_ms <= until_ms:
        effects = stage.tick(stage.book.work_due_ms - stage.now_ms)
        asked += [stage.now_ms - START_MS for one in effects if isinstance(one, LookupOrder)]
    return asked


def test_it_is_looked_up_at_once_and_then_ever_more_slowly() -> None:
    stage = unknown_order()
    assert len(stage.sent(LookupOrder)) == 1
    assert lookups_until(stage, START_MS + 8_000) == [100, 300, 700, 1500, 3100, 5100, 7100]
    assert stage.told("order.unknown")[0].severity is Severity.WARNING


def test_found_it_is_adopted_and_looked_up_no_more() -> None:
    stage = unknown_order()
    order = stage.live()[0]
    stage.lookup(order, view(order, OrderState.PARTIAL, 20))
    found = stage.book.orders[order.client_order_id]
    assert (found.phase, found.filled_lots, found.doubted_ms) == (Phase.PARTIAL, 20, None)
    assert stage.told("order.found")
    assert lookups_until(stage, START_MS + 3_000) == []
    assert len(stage.sent(SendOrder)) == 1


def test_not_found_early_proves_nothing() -> None:
    stage = unknown_order()
    order = stage.live()[0]
    stage.now_ms = START_MS + PROOF_MS + 100
    stage.lookup(order, None, asked_ms=START_MS + PROOF_MS - 1)
    assert stage.book.orders[order.client_order_id].phase is Phase.UNKNOWN
    assert len(stage.sent(SendOrder)) == 1


def test_absent_after_the_bound_it_is_sent_again_under_its_name() -> None:
    stage = unknown_order()
    order = stage.live()[0]
    stage.now_ms = START_MS + PROOF_MS
    stage.lookup(order, None)
    first, second = stage.sent(SendOrder)
    assert first.request == second.request
    again = stage.book.orders[order.client_order_id]
    assert (again.phase, again.resends, again.sent_ms) == (Phase.SENT, 1, stage.now_ms)
    # The proof of the first send is none of the second.
    stage.reply(again, Unknown("timeout"))
    stage.lookup(again, None, asked_ms=stage.now_ms + PROOF_MS - 1)
    assert len(stage.sent(SendOrder)) == 2


def test_the_clock_and_the_true_time_of_sending_lengthen_the_wait() -> None:
    stage = Stage()
    stage.start(stage.approve(50))
    order = stage.live()[0]
    stage.book = replace(stage.book, health=Health(skew_ms=-300.0, skew_bound_ms=200.0))
    stage.reply(order, Unknown("timeout"), sent_ms=START_MS + 4_000)  # it stood in a queue before
    stage.lookup(order, None, asked_ms=START_MS + 4_000 + 500 + PROOF_MS - 1)
    assert len(stage.sent(SendOrder)) == 1
    stage.lookup(order, None, asked_ms=START_MS + 4_000 + 500 + PROOF_MS)
    assert len(stage.sent(SendOrder)) == 2


def test_a_taken_name_proves_that_it_arrived() -> None:
    stage = unknown_order()
    order = stage.live()[0]
    stage.now_ms = START_MS + PROOF_MS
    stage.lookup(order, None)
    stage.reply(stage.live()[0], TAKEN)
    assert stage.live()[0].phase is Phase.UNKNOWN
    stage.now_ms += PROOF_MS + 1_000
    stage.lookup(order, None)
    assert len(stage.sent(SendOrder)) == 2  # never a third
    stage.lookup(order, view(order, OrderState.FILLED, 50))
    stage.fill(order, 50)
    assert not stage.book.tasks


def test_an_answer_to_an_earlier_send_is_not_taken_for_the_newer() -> None:
    stage = unknown_order()
    order = stage.live()[0]
    stage.now_ms = START_MS + PROOF_MS
    stage.lookup(order, None)
    stage.reply(order, Rejected(Refusal.OTHER, "", ""), sent_ms=START_MS)
    assert stage.live()[0].phase is Phase.SENT


@pytest.mark.parametrize("reason", ["called off", "deadline", "mode"])
def test_absent_and_no_longer_wanted_it_is_dropped(reason: str) -> None:
    stage = unknown_order()
    order = stage.live()[0]
    if reason == "mode":
        stage.book = replace(stage.book, mode=Mode.RECONCILING)
    elif reason == "called off":
        stage.book = replace(stage.book, mode=Mode.HALTED)
        stage.tick()
    stage.now_ms = START_MS + (PROOF_MS if reason != "deadline" else 125_000)
    stage.lookup(order, None)
    assert stage.book.orders[order.client_order_id].phase is Phase.REJECTED
    names = [one.request.client_order_id for one in stage.sent(SendOrder)]
    assert names.count(order.client_order_id) == 1
    assert stage.told("order.absent")[0].fields["sent_again"] is False


def test_without_any_answer_absence_waits_for_the_queue_of_this_process() -> None:
    stage = Stage()
    stage.start(stage.approve(50))
    order = stage.live()[0]
    assert lookups_until(stage, START_MS + 5_050) == [5_000]
    stage.lookup(order, None, asked_ms=START_MS + PROOF_MS + 1_000)
    assert len(stage.sent(SendOrder)) == 1
    # The process died: nothing of it can still be sent.
    stage.book = replace(stage.book, started_ms=START_MS + 6_000)
    stage.lookup(order, None, asked_ms=START_MS + PROOF_MS + 1_000)
    assert len(stage.sent(SendOrder)) == 2


def test_after_a_restart_every_order_is_looked_up_at_once() -> None:
    stage = Stage()
    stage.start(stage.approve(50, style=Style.POST_ONLY))
    order = stage.live()[0]
    stage.reply(order, ACK)
    stage.update(view(order, OrderState.WORKING))
    stage.now_ms += 1_000
    stage.book = replace(stage.book, started_ms=stage.now_ms, work_due_ms=0)
    effects = stage.tick()
    assert [one.client_order_id for one in effects if isinstance(one, LookupOrder)] == [order.client_order_id]
    stage.lookup(order, view(order, OrderState.WORKING))
    assert not [one for one in stage.tick(2_500) if isinstance(one, LookupOrder)]


def test_an_order_that_was_taken_and_never_seen_is_looked_for() -> None:
    stage = Stage()
    stage.start(stage.approve(50, style=Style.POST_ONLY))
    stage.reply(stage.live()[0], ACK)
    assert lookups_until(stage, START_MS + 5_150)[:2] == [5_000, 5_100]


def test_an_order_that_was_there_is_never_sent_again_but_may_be_forgotten() -> None:
    stage = Stage()
    approved = stage.approve(50, style=Style.POST_ONLY)
    stage.start(approved)
    order = stage.live()[0]
    stage.reply(order, ACK)
    lookups_until(stage, START_MS + 6_000)
    stage.lookup(order, None)
    assert stage.live()
    stage.now_ms = START_MS + 70_000
    effects = stage.lookup(order, None)
    assert {FetchAccount, FetchFills} <= {type(one) for one in effects}
    assert stage.book.orders[order.client_order_id].phase is Phase.EXPIRED
    assert stage.told("order.forgotten")[0].severity is Severity.ERROR
    assert stage.task(approved) is None
    assert len(stage.sent(SendOrder)) == 1


@pytest.mark.parametrize(("visible_ms", "limit_ms"), [(10_000, 60_000), (5_000, 60_000), (40_000, 240_000)])
def test_an_order_is_forgotten_at_its_limit_and_not_a_moment_sooner(visible_ms: int, limit_ms: int) -> None:
    """A minute, and six times the lateness of a view where that is longer, as it is in time-lapse."""

    def told_after(wait_ms: int) -> bool:
        stage = Stage()
        stage.rules = replace(stage.rules, agree=replace(stage.rules.agree, visible_ms=visible_ms))
        stage.start(stage.approve(50, style=Style.POST_ONLY))
        order = stage.live()[0]
        stage.update(view(order, OrderState.WORKING))
        stage.lookup(order, None)  # from here on it is in doubt
        doubted_ms = stage.book.orders[order.client_order_id].doubted_ms
        assert doubted_ms == stage.now_ms
        stage.now_ms = doubted_ms + wait_ms
        stage.lookup(order, None, asked_ms=doubted_ms + wait_ms)
        assert bool(stage.told("order.forgotten")) == (not stage.live())
        return bool(stage.told("order.forgotten"))

    assert not told_after(limit_ms - 1)
    assert told_after(limit_ms)


def test_a_late_answer_to_an_early_question_forgets_nothing() -> None:
    """It is the time of the question that counts: what was asked early says nothing of later."""
    stage = Stage()
    stage.start(stage.approve(50, style=Style.POST_ONLY))
    order = stage.live()[0]
    stage.update(view(order, OrderState.WORKING))
    stage.lookup(order, None)
    asked_ms = stage.now_ms + 1_000
    stage.now_ms += 600_000
    stage.lookup(order, None, asked_ms=asked_ms)
    assert not stage.told("order.forgotten")
    assert stage.live()


def test_a_working_order_that_a_list_lacks_is_watched_until_it_is_forgotten() -> None:
    stage = Stage()
    stage.start(stage.approve(50, style=Style.POST_ONLY))
    order = stage.live()[0]
    stage.update(view(order, OrderState.WORKING))
    stage.lookup(order, None)  # asked by the comparison with the venue
    assert lookups_until(stage, START_MS + 1_000)
    assert stage.live()


def test_a_cancel_without_effect_is_looked_up_and_asked_again() -> None:
    stage = Stage()
    stage.start(stage.approve(50, style=Style.POST_ONLY))
    order = stage.live()[0]
    stage.update(view(order, OrderState.WORKING))
    stage.book = replace(stage.book, mode=Mode.HALTED)
    stage.tick()
    stage.reply(order, ACK, Ask.CANCEL)
    assert lookups_until(stage, START_MS + 3_000) == [3_000]
    stage.lookup(order, view(order, OrderState.WORKING, at_ms=stage.now_ms))
    assert len(stage.sent(CancelOrder)) == 2


def test_lookups_of_a_lookup_that_never_answers_go_on_without_end() -> None:
    stage = unknown_order()
    assert len(lookups_until(stage, START_MS + 60_000)) > 25


def test_the_timer_is_set_only_when_its_moment_changes() -> None:
    stage = unknown_order()
    before = len(stage.sent(SetTimer))
    stage.tick(10)
    stage.tick(10)
    assert len(stage.sent(SetTimer)) == before
    assert all(one.due_ms > START_MS for one in stage.sent(SetTimer))


def test_fills_that_never_come_are_fetched_and_at_last_given_up() -> None:
    stage = Stage()
    approved = stage.approve(50)
    stage.start(approved)
    order = stage.live()[0]
    stage.update(view(order, OrderState.FILLED, 50))
    lookups_until(stage, START_MS + 11_000)
    assert stage.task(approved) is None
    assert [one.since_ms for one in stage.sent(FetchFills)] == [START_MS]
    lookups_until(stage, START_MS + 590_000)
    assert stage.book.orders
    lookups_until(stage, START_MS + 610_000)
    assert not stage.book.orders
    assert stage.told("fill.missing")[0].severity is Severity.ERROR
    assert stage.book.work_due_ms == 0
    assert len(stage.sent(FetchFills)) == 1


def test_other_names_are_nobody_here() -> None:
    stage = Stage()
    approved = stage.approve(50, SYMBOLS[1])
    stage.start(approved)
    order = replace(stage.live()[0], request=replace(stage.live()[0].request, client_order_id="other"))
    before = stage.book.orders
    stage.update(view(order, OrderState.FILLED, 50))
    stage.lookup(order, None)
    stage.reply(order, ACK)
    stage.fill(order, 50)
    assert stage.book.orders == before
