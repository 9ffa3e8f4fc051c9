"""Errands: one symbol's in their order, answers as events, and nothing that fails unseen."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from xsmom.domain.effects import (
    CancelOrder,
    FetchAccount,
    FetchDepth,
    FetchFills,
    FetchTransfers,
    HoldCalls,
    LookupOrder,
    SendOrder,
    SetPositionStop,
)
from xsmom.domain.events import (
    AccountSeen,
    Ask,
    DepthSeen,
    FillsRead,
    MoveSeen,
    TransferSeen,
    TransfersRead,
    VenueReplied,
)
from xsmom.domain.market_data import DepthSight
from xsmom.domain.orders import Approved, Intent, Purpose, Style
from xsmom.domain.trading import (
    Ack,
    MoneyMove,
    MoveKind,
    NoChange,
    OrderRequest,
    Refusal,
    Rejected,
    Trigger,
    TriggerBy,
)
from xsmom.errors import Unavailable
from xsmom.live.courier import Courier
from xsmom.live.link import LinkMeter


class Clock:
    speed = 1.0

    def now_ms(self) -> int:
        return 5


class Venue:
    """Answers late, and remembers the order in which it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def submit(self, request: OrderRequest) -> Ack:
        await asyncio.sleep(0.02)
        self.asked.append(f"submit {request.symbol}")
        return Ack("1", request.client_order_id, 5)

    async def cancel(self, symbol: str, client_order_id: str) -> Ack:
        self.asked.append(f"cancel {symbol}")
        return Ack("1", client_order_id, 5)

    async def account(self) -> Any:
        raise Unavailable("not now")

    async def positions(self) -> Any:
        return "positions"

    async def open_orders(self) -> Any:
        return "orders"

    async def fills(self, since_ms: int) -> Any:
        raise Unavailable(f"none since {since_ms}")


def order(symbol: str) -> SendOrder:
    intent = Intent(symbol, 1, False, Purpose.REBALANCE, Style.MARKET, 1.0, 1.0, 5)
    return SendOrder(OrderRequest(f"xm{symbol}", symbol, 1), Approved(intent, 1, f"xm{symbol}"))


def carry(*effects: Any, venue: Any = None) -> tuple[list[Any], Any, Courier]:
    venue = venue or Venue()
    events: list[Any] = []

    async def scene() -> Courier:
        courier = Courier(venue, Clock(), LinkMeter(), events.append)
        for effect in effects:
            courier.carry(effect)
        await courier.finish(5.0)
        await asyncio.sleep(0)
        return courier

    return events, venue, asyncio.run(scene())


def test_a_cancel_does_not_overtake_its_order_and_another_symbol_does_not_wait() -> None:
    events, venue, _ = carry(order("A"), CancelOrder("A", "xmA"), CancelOrder("B", "xmB"))
    assert venue.asked == ["cancel B", "submit A", "cancel A"]
    assert [one.ask for one in events if isinstance(one, VenueReplied)] == [Ask.CANCEL, Ask.SUBMIT, Ask.CANCEL]


def test_a_stop_waits_for_no_order_and_for_no_lookup() -> None:
    class Slow(Venue):
        async def order_by_client_id(self, symbol: str, client_order_id: str) -> None:
            await asyncio.sleep(0.05)
            self.asked.append(f"lookup {symbol} {client_order_id}")

        async def set_position_stop(self, symbol: str, *_: Any) -> NoChange:
            self.asked.append(f"stop {symbol}")
            return NoChange()

    stop = SetPositionStop("A", 5, None, TriggerBy.MARK)
    _, venue, _ = carry(LookupOrder("A", "xmA"), order("A"), stop, venue=Slow())
    assert venue.asked == ["stop A", "submit A", "lookup A xmA"]


def test_an_order_book_that_cannot_be_read_is_no_book() -> None:
    seen = DepthSight("A", 5, Decimal(2), Decimal(3))

    class Deep(Venue):
        async def depth(self, symbol: str, levels: int) -> DepthSight:
            if symbol != "A":
                raise Unavailable("not now")
            self.asked.append(f"depth {symbol} {levels}")
            return seen

    events, venue, _ = carry(FetchDepth("A", 5), FetchDepth("B", 5), venue=Deep())
    assert events == [DepthSeen(seen)]
    assert venue.asked == ["depth A 5"]


def test_what_could_not_be_read_is_told_as_unknown() -> None:
    events, _, _ = carry(FetchAccount("x"), FetchFills(3))
    (seen,) = (one for one in events if isinstance(one, AccountSeen))
    assert seen.account is None
    assert str(seen.positions) == "positions"
    assert seen.failed == (("account", "not now"),)
    (read,) = [one for one in events if isinstance(one, FillsRead)]
    assert "none since 3" in read.failed


def test_while_calls_are_held_no_opening_is_sent_and_all_that_protects_is() -> None:
    class Guarded(Venue):
        async def set_position_stop(self, symbol: str, *_: Any) -> NoChange:
            self.asked.append(f"stop {symbol}")
            return NoChange()

    def kind(symbol: str, **more: Any) -> SendOrder:
        sent = order(symbol)
        return replace(sent, request=replace(sent.request, **more))

    trigger = Trigger(5, TriggerBy.MARK, rising=False)
    effects = (
        HoldCalls(True),
        order("A"),
        CancelOrder("A", "xmA"),
        kind("B", reduce_only=True),
        kind("C", trigger=trigger),
        SetPositionStop("D", 5, None, TriggerBy.MARK),
        HoldCalls(False),
        order("E"),
    )
    # The word to free them comes once the others are done.
    events, venue, _ = carry(*effects[:-2], venue=Guarded())
    assert sorted(venue.asked) == ["cancel A", "stop D", "submit B", "submit C"]
    (refused,) = [one.answer for one in events if one.client_order_id == "xmA" and one.ask is Ask.SUBMIT]
    assert refused == Rejected(Refusal.RATE, "local", "not sent: the breaker is not closed")
    events, venue, _ = carry(HoldCalls(True), *effects[-2:])
    assert venue.asked == ["submit E"]


def test_movements_of_money_come_before_the_word_that_these_were_all() -> None:
    paid_in = MoneyMove("m1", MoveKind.TRANSFER, "TRANSFER_IN", Decimal("2.5"), 4)
    interest = MoneyMove("m2", MoveKind.OTHER, "INTEREST", Decimal("-0.1"), 5)

    class Banking(Venue):
        async def transfers(self, since_ms: int) -> Any:
            if since_ms < 0:
                raise Unavailable("not listed")
            return [paid_in, interest]

    events, _, _ = carry(FetchTransfers(3), venue=Banking())
    assert events == [TransferSeen("m1", Decimal("2.5"), 4), MoveSeen(interest), TransfersRead(3, 5)]
    events, _, _ = carry(FetchTransfers(-1), venue=Banking())
    assert events == [TransfersRead(-1, 5, "not listed")]


def test_what_nobody_foresaw_is_not_lost() -> None:
    class Broken(Venue):
        async def submit(self, request: OrderRequest) -> Ack:
            raise ZeroDivisionError(request.symbol)

    _, _, courier = carry(order("A"), venue=Broken())
    with pytest.raises(ZeroDivisionError):
        courier.broken.result()
