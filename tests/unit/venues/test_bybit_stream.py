"""Events of an account: none twice, none older than what is known, and a gap wherever one may be missing."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.exchange.account import API_KEY, API_SECRET, Account, execution, frame, order, position, wallet
from tests.exchange.market import Contract
from tests.unit.venues.conftest import KEYS
from xsmom.domain.trading import AccountView, Deaf, Gap, OrderState, OrderView, PositionView, VenueFill
from xsmom.errors import AuthFailed
from xsmom.venues.bybit.account_rows import Scales
from xsmom.venues.bybit.frames import Frames
from xsmom.venues.bybit.rows import instrument
from xsmom.venues.bybit.stream import AccountStream, Patience
from xsmom.venues.roster import open_venue
from xsmom.venues.wire import Access, Keys

QUICK = Patience(ping_every_s=0.1, silent_s=0.5, answer_s=0.5, frames_max=50, waits_s=(0.02,))


@pytest.fixture
def server(serve):
    return serve(Contract("AAAUSDT"), now_ms=None, account=Account())


def scales():
    from tests.exchange.server import instrument as row_of

    contract = instrument(row_of(Contract("AAAUSDT")))
    assert contract is not None
    return Scales({"AAAUSDT": contract})


def read(*frames_):
    reader = Frames(scales())
    return [event for text in frames_ for event in reader.read(text, 1)]


STEPS = [
    order(1, orderStatus="New", updatedTime="100"),
    order(1, orderStatus="PartiallyFilled", cumExecQty="0.5", avgPrice="12", updatedTime="200"),
    order(1, orderStatus="PartiallyFilled", cumExecQty="1.0", avgPrice="12", updatedTime="300"),
    order(1, orderStatus="Filled", cumExecQty="1.5", avgPrice="12", updatedTime="400"),
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(4)), min_size=1, max_size=12))
def test_whatever_order_events_come_in_the_last_one_is_the_truth(path):
    """The state never goes back: neither what was filled nor what is final."""
    views = read(*(frame("order", STEPS[step]) for step in path))
    assert [abs(view.filled_lots) for view in views] == sorted({abs(view.filled_lots) for view in views})
    assert views[-1].filled_lots == max(0, max(path) * 5)
    assert all(not view.state.final for view in views[:-1])


def test_after_the_end_nothing_counts():
    again = {
        **STEPS[3],
        "cancelType": "CancelByUser",
        "rejectReason": "EC_OrigClOrdIDDoesNotExist",
        "updatedTime": "500",
    }
    views = read(frame("order", STEPS[3]), frame("order", again), frame("order", STEPS[0]))
    assert [view.state for view in views] == [OrderState.FILLED]


def test_a_cancelled_order_keeps_what_was_filled():
    (view,) = read(frame("order", order(1, orderStatus="Cancelled", cumExecQty="0.5", cancelType="CancelByReduceOnly")))
    assert (view.state, view.filled_lots, view.reason) == (OrderState.CANCELLED, 5, "CancelByReduceOnly")


def test_an_execution_counts_once():
    fills = read(
        frame("execution", execution(1), execution(2)), frame("execution", execution(2), execution(3), execution(1))
    )
    assert [fill.exec_id for fill in fills] == ["e1", "e2", "e3"]


def test_funding_on_the_stream_brings_no_trade_back():
    paid = execution(9, execType="Funding", execQty="30", side="Sell", execFee="-0.5")
    fills = read(frame("execution", execution(1)), frame("execution", paid), frame("execution", execution(1)))
    assert [(fill.exec_id, fill.lots) for fill in fills] == [("e1", 1), ("e9", 0)]


def test_an_older_position_does_not_replace_a_newer_one():
    new, old = position(seq=20, size="40"), position(seq=10, size="30")
    views = read(frame("position", new), frame("position", old), frame("position", {**new, "stopLoss": "30"}))
    assert [(view.lots, view.stop_loss_ticks) for view in views] == [(-400, None), (-400, 300_000)]


def test_a_position_of_the_stream_has_another_word_for_its_price():
    row = position(size="0", side="", liqPrice="")
    row["entryPrice"] = row.pop("avgPrice")
    (view,) = read(frame("position", row))
    assert view.lots == 0


def test_the_wallet():
    (view,) = read(frame("wallet", wallet(), at_ms=5))
    assert isinstance(view, AccountView)
    assert view.at_ms == 5


@pytest.mark.parametrize(
    "text",
    [
        "{",
        frame("order", {"symbol": "AAAUSDT"}),
        frame("execution", execution(1, execType="Teleport")),
        frame("position", position(size="30.05")),
        frame("position", position(positionIdx=1)),
        frame("order", order(1, orderStatus="Dreaming")),
        frame("execution", execution(1, execType=True)),
        json.dumps({"topic": "greeks", "creationTime": 1, "data": []}),
        json.dumps({"topic": "order", "data": []}),
    ],
)
def test_a_frame_that_cannot_be_read_is_a_gap(text):
    before, after = read(frame("execution", execution(1), at_ms=77), text)
    assert isinstance(before, VenueFill)
    assert isinstance(after, Gap)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["order", "execution", "position", "wallet"]), st.data())
def test_a_mangled_frame_is_a_gap_or_a_whole_event(topic, data):
    row = {"order": order, "execution": execution, "position": position, "wallet": wallet}[topic]()
    message = json.loads(frame(topic, row))
    target = data.draw(st.sampled_from([message, message["data"][0]]))
    name = data.draw(st.sampled_from(sorted(target)))
    junk = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2)
    if data.draw(st.booleans()):
        del target[name]
    else:
        target[name] = data.draw(junk)
    events = list(Frames(scales()).read(json.dumps(message), 1))
    assert all(isinstance(event, Gap | OrderView | VenueFill | PositionView | AccountView) for event in events)


def test_a_kind_of_order_that_is_no_text_breaks_nothing():
    (fill,) = read(frame("execution", execution(1, createType=True)))
    assert fill.exec_id == "e1"


def test_what_belongs_to_others_is_left_out_and_a_new_contract_is_told_once():
    foreign = {**execution(1, symbol="NEWUSDT"), "category": "linear"}
    events = read(
        frame("execution", {**execution(2), "category": "spot"}),
        frame("execution", foreign),
        frame("execution", foreign),
    )
    assert len(events) == 1
    assert "NEWUSDT" in events[0].why


def listen(server, scene, keys=KEYS, patience=QUICK):
    """Run a scene against the stream: it gets a list that events are put into as they come."""

    async def conversation():
        venue = await open_venue("bybit", Access(keys=keys, pauses_s=(0.01,), **server.library_access()))
        try:
            await venue.instruments()
            stream = AccountStream(venue.wire, venue._scales, patience)
            events = []

            async def collect():
                async for event in stream.events():
                    events.append(event)

            task = asyncio.ensure_future(collect())
            try:
                await scene(events, task, stream)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            return events
        finally:
            await venue.close()

    return asyncio.run(asyncio.wait_for(conversation(), 30))


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  what is waited for happens in another thread
            await asyncio.sleep(0.01)


async def off(function, *arguments):
    """Run what blocks in a thread, as the server has a loop of its own."""
    await asyncio.to_thread(function, *arguments)


def test_a_stream_begins_with_a_gap_and_brings_every_state(server):
    async def scene(events, _task, _stream):
        await until(lambda: server.streams.sockets)
        await off(server.streams.push, *(frame("order", step) for step in STEPS))
        await until(lambda: len(events) == 5)

    events = listen(server, scene)
    assert isinstance(events[0], Gap)
    assert [event.state for event in events[1:]] == [OrderState.WORKING, *[OrderState.PARTIAL] * 2, OrderState.FILLED]
    assert server.streams.topics == ["order", "execution", "position", "wallet"]


def test_a_lost_connection_is_a_gap_since_the_last_event(server):
    async def scene(events, _task, _stream):
        await until(lambda: server.streams.sockets)
        await off(server.streams.push, frame("execution", execution(1), at_ms=12_345))
        await until(lambda: len(events) == 2)
        await off(server.streams.hang_up)
        await until(lambda: server.streams.sockets)
        await off(server.streams.push, frame("execution", execution(1), execution(2)))
        await until(lambda: len(events) == 5)

    _, first, deaf, gap, second = listen(server, scene)
    assert isinstance(deaf, Deaf)
    assert (first.exec_id, second.exec_id) == ("e1", "e2")
    assert (gap.since_ms, "closed" in gap.why) == (12_345, True)
    assert server.streams.dialled == 2


def test_a_silent_connection_is_dead(server):
    async def scene(events, _task, _stream):
        await until(lambda: server.streams.sockets)
        server.streams.silent = True
        await asyncio.sleep(0.8)
        server.streams.silent = False
        await until(lambda: len(events) == 3)

    _, deaf, gap = listen(server, scene)
    assert isinstance(deaf, Deaf)
    assert "fell silent" in gap.why or "no answer" in gap.why


def test_a_quiet_connection_is_kept_by_pings(server):
    async def scene(events, _task, _stream):
        await until(lambda: server.streams.pings > 8)
        assert len(events) == 1

    listen(server, scene)
    assert server.streams.dialled == 1


def test_who_is_too_slow_gets_a_gap_and_not_a_heap(server):
    async def conversation():
        venue = await open_venue("bybit", Access(keys=KEYS, pauses_s=(0.01,), **server.library_access()))
        await venue.instruments()
        stream = AccountStream(venue.wire, venue._scales, QUICK)
        events = stream.events()
        assert isinstance(await anext(events), Gap)
        await off(server.streams.push, frame("execution", execution(0), at_ms=11))
        assert isinstance(await anext(events), VenueFill)
        await off(server.streams.push, *(frame("execution", execution(number), at_ms=22) for number in range(1, 200)))
        await until(lambda: stream.overflows)
        assert len(stream._queue) <= QUICK.frames_max + 1
        told = await anext(events)
        await events.aclose()
        await venue.close()
        return told

    told = asyncio.run(asyncio.wait_for(conversation(), 30))
    assert isinstance(told, Gap)
    assert (told.since_ms, "more than 50 events waited" in told.why) == (11, True)


def test_a_key_that_is_not_accepted_ends_the_stream(server):
    wrong = Keys(SecretStr(API_KEY), SecretStr(API_SECRET[::-1]))

    async def scene(_events, task, _stream):
        with pytest.raises(AuthFailed, match="bybit: events: error sign"):
            await asyncio.wait_for(asyncio.shield(task), 5)

    listen(server, scene, keys=wrong)


def test_an_exchange_that_is_away_is_dialled_until_it_is_back(server):
    async def scene(events, _task, _stream):
        server.streams.silent = True
        await asyncio.sleep(1.2)
        assert events == []
        server.streams.silent = False
        await until(lambda: events)

    assert isinstance(listen(server, scene)[0], Gap)
    assert server.streams.dialled >= 2
