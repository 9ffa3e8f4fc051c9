"""Orders that only one side knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.engine.books import T0
from tests.unit.engine.reconcile.scenes import RULES, A, B, agreed, begin, order, scene, with_rules
from tests.unit.engine.scene import Scene
from xsmom.domain.effects import CancelOrder, FetchFills, LookupOrder, Severity
from xsmom.domain.orders import LiveOrder, Phase
from xsmom.domain.trading import OrderRequest, OrderState
from xsmom.engine import reconcile
from xsmom.engine.reconcile import Blocks

EVERY_MS = RULES.agree.every_ms


def put(acted: Scene, name: str, symbol: str, lots: int, phase: Phase = Phase.WORKING) -> None:
    """The book holds an order open."""
    live = LiveOrder(OrderRequest(name, symbol, lots, 900), name, phase, acted.now_ms, order_id=f"v-{name}", seen=True)
    acted.book = replace(acted.book, orders={**acted.book.orders, name: live})


def cancelled(acted: Scene) -> list[str]:
    return [one.client_order_id for _, one in acted.sent if isinstance(one, CancelOrder)]


def told(acted: Scene, number: str) -> list[str]:
    """Findings of one invariant that were told."""
    return [str(one.fields["text"]) for one in acted.told("book.mismatched") if one.fields["invariant"] == number]


def test_an_orphan_from_before_the_start_is_cancelled() -> None:
    acted = scene()
    acted.venue.orders["xmold"] = order(A, "xmold", 10, T0 - 3_600_000)
    begin(acted)
    assert cancelled(acted)[0] == "xmold"
    assert acted.told("order.orphaned")
    assert acted.book.venue.mismatches == ()
    assert acted.book.venue.reconciled_ms > 0


def test_or_only_told_where_that_is_configured() -> None:
    acted = scene(with_rules(cancel_orphans=False))
    acted.venue.orders["xmold"] = order(A, "xmold", 10, T0 - 3_600_000)
    begin(acted)
    assert cancelled(acted) == []
    assert [one.split(":")[0] for one in acted.book.venue.mismatches] == [f"R3 {A}"]
    assert reconcile.blocks(acted.book) is Blocks.NOTHING


def test_a_stop_from_before_the_start_is_never_cancelled() -> None:
    acted = scene()
    acted.venue.orders["xmstop"] = order(A, "xmstop", -10, T0 - 3_600_000, trigger_ticks=900)
    begin(acted)
    assert cancelled(acted) == []
    assert "xmstop" in acted.venue.orders


def test_an_order_under_our_name_made_since_is_a_second_instance() -> None:
    acted = agreed()
    acted.venue.orders["xmtwin"] = order(A, "xmtwin", 10, acted.now_ms)
    acted.run(EVERY_MS)
    assert cancelled(acted) == []
    assert [one.split(":")[0] for one in acted.book.venue.mismatches] == [f"R4 {A}"]
    assert reconcile.blocks(acted.book) is Blocks.ENTRIES
    assert "second instance" in acted.book.venue.mismatches[0]
    assert acted.told("book.mismatched")[-1].severity is Severity.ERROR
    assert acted.book.venue.foreign == (A,)
    del acted.venue.orders["xmtwin"]
    acted.run(EVERY_MS)
    assert acted.book.venue.mismatches == ()
    assert acted.book.venue.foreign == ()  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("name", ["web-7", ""])
def test_a_foreign_order_is_told_and_not_touched(name: str) -> None:
    acted = agreed()
    acted.venue.orders["hand"] = replace(order(A, "hand", 10, acted.now_ms), client_order_id=name)
    acted.run(EVERY_MS)
    assert cancelled(acted) == []
    assert acted.book.venue.foreign == (A,)
    assert reconcile.blocks(acted.book) is Blocks.SYMBOL
    assert reconcile.blocked_symbols(acted.book) == {A}


def test_orders_of_ignored_names_are_nobodys_business() -> None:
    acted = agreed()
    acted.book = replace(acted.book, ignored=(A,))
    acted.venue.orders["hand"] = replace(order(A, "hand", 10, acted.now_ms), client_order_id="web-7")
    acted.run(EVERY_MS)
    assert acted.book.venue.mismatches == ()


def test_an_order_that_no_list_shows_is_looked_up_and_not_ended_by_the_list() -> None:
    acted = agreed()
    put(acted, "xmghost", A, 10)
    ended: list[int] = []
    acted.check = lambda now: ended.append(now.now_ms) if now.book.orders["xmghost"].phase.final else None
    acted.run(EVERY_MS * 2)
    lookups = [at for at, one in acted.sent if isinstance(one, LookupOrder) and one.client_order_id == "xmghost"]
    assert told(acted, "R5") == [f"R5 {A}: order xmghost is open in the book and not on the venue's list"]
    # A minute of lookups that find nothing ends it, in the room whose order it is.
    assert ended[0] - lookups[0] >= 60_000
    assert acted.book.venue.mismatches == ()


def test_not_while_it_is_too_young_to_be_seen() -> None:
    acted = agreed()
    acted.fill(B, 10, 50.0)  # so that the account is read often
    put(acted, "xmyoung", A, 10)
    acted.run(RULES.agree.visible_ms - 1_000)
    assert not [one for _, one in acted.sent if isinstance(one, LookupOrder)]


@pytest.mark.parametrize("phase", [Phase.SENT, Phase.UNKNOWN])
def test_orders_without_an_outcome_are_left_to_their_own_lookups(phase: Phase) -> None:
    acted = agreed()
    put(acted, "xmsent", A, 10, phase)
    acted.run(EVERY_MS * 2)
    assert told(acted, "R5") == []


def test_what_the_list_says_of_an_order_is_news_of_it() -> None:
    acted = agreed()
    put(acted, "xmone", A, 10, Phase.ACKED)
    acted.venue.orders["xmone"] = order(A, "xmone", 10, acted.now_ms)
    acted.run(EVERY_MS)
    assert acted.book.orders["xmone"].phase is Phase.WORKING


def test_an_order_that_filled_more_than_was_told_has_its_fills_read() -> None:
    acted = agreed()
    put(acted, "xmone", A, 10)
    acted.venue.orders["xmone"] = replace(order(A, "xmone", 10, acted.now_ms), filled_lots=4, state=OrderState.PARTIAL)
    acted.venue.trade(acted.now_ms, A, 4, 90.0, "xmone", "v-xmone")
    acted.run(EVERY_MS)
    assert acted.book.lots[0] == 4
    assert [one for _, one in acted.sent if isinstance(one, FetchFills)]
    assert A not in acted.book.held_by_hand
