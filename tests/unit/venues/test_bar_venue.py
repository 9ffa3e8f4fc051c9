"""The bar venue as a port: what it answers, shows, tells and remembers."""

import asyncio
import dataclasses
import functools
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from xsmom.config.meaning import Timing
from xsmom.domain.contracts import make_instruments
from xsmom.domain.costs import Costs
from xsmom.domain.market_data import PriceKind, Trading
from xsmom.domain.trading import (
    Ack,
    AmendRequest,
    FillKind,
    Gap,
    Modes,
    NoChange,
    OrderRequest,
    OrderState,
    OrderView,
    Refusal,
    Rejected,
    Trigger,
    TriggerBy,
    VenueFill,
)
from xsmom.errors import DataError, JournalCorrupt, VenueError
from xsmom.lake.sample import SampleMarket
from xsmom.venues.paper.bar_venue import BarVenue

NAME = "BTCUSDT"
HOUR_MS = 3_600_000


@functools.cache
def market():
    return SampleMarket(symbols=4, bars=120, seed=3, churn=False).build()


def make(panel=None, **more):
    panel = panel or market()
    options: dict[str, Any] = {
        "costs": Costs(impact_y=0.0),
        "timing": Timing("open", 0, 10_000.0),
        "cash_usdt": 10_000.0,
    } | more
    costs, timing = options.pop("costs"), options.pop("timing")
    return BarVenue(panel, make_instruments(panel), costs, timing, **options)


def whole_bars(venue, bars):
    venue.advance_to(int(venue.panel.close_ms[bars - 1]))


def do(work):
    return asyncio.run(work)


def buy(name="a", lots=1_000, **more):
    return OrderRequest(name, NAME, lots, **more)


def test_an_order_is_filled_whole_at_the_next_open_whatever_its_style():
    venue = make()
    whole_bars(venue, 10)
    assert isinstance(do(venue.submit(buy(price_ticks=1))), Ack)
    assert do(venue.open_orders()).rows[0].state is OrderState.WORKING
    (fill,) = venue.open_bar(10)
    start, fee = venue.panel.open[10, venue.market.column[NAME]], Costs().taker_fee_frac
    assert float(fill.price) == start * (1.0 + Costs().half_spread_frac)
    assert float(fill.fee_usdt) == pytest.approx(1_000 * float(venue.step(NAME)) * float(fill.price) * fee, rel=1e-12)
    assert fill.at_ms == int(venue.panel.close_ms[9])
    order = do(venue.order_by_client_id(NAME, "a"))
    assert (order.state, order.filled_lots) == (OrderState.FILLED, 1_000)
    assert [one.state for one in venue.take_orders()] == [OrderState.FILLED]
    assert venue.take_orders() == []
    (position,) = do(venue.positions()).rows
    assert position.lots == 1_000
    assert float(position.entry_price) == pytest.approx(float(fill.price), rel=1e-12)


def test_what_cannot_be_meant_is_refused():
    venue = make()
    whole_bars(venue, 10)
    assert isinstance(do(venue.submit(buy())), Ack)
    trigger = Trigger(1, TriggerBy.MARK, rising=False)
    for request, refusal in [
        (buy(), Refusal.DUPLICATE_ID),
        (buy("b", 0), Refusal.SIZE),
        (buy("no/slash"), Refusal.OTHER),
        (buy("c", trigger=trigger), Refusal.OTHER),
        (dataclasses.replace(buy("d"), symbol="NONE"), Refusal.NOT_TRADING),
    ]:
        answer = do(venue.submit(request))
        assert isinstance(answer, Rejected), request
        assert answer.refusal is refusal
    assert do(venue.cancel(NAME, "nobody")).refusal is Refusal.NOT_FOUND
    assert do(venue.amend(AmendRequest("nobody", NAME, 3))).refusal is Refusal.NOT_FOUND
    assert do(venue.set_position_stop(NAME, 5, None, TriggerBy.MARK)).refusal is Refusal.NO_POSITION


def test_what_waits_can_be_changed_and_taken_back():
    venue = make()
    whole_bars(venue, 10)
    do(venue.submit(buy("a")))
    do(venue.submit(buy("b")))
    assert isinstance(do(venue.amend(AmendRequest("a", NAME, 700))), Ack)
    assert isinstance(do(venue.amend(AmendRequest("a", NAME, 700))), NoChange)
    assert do(venue.amend(AmendRequest("a", NAME, -700))).refusal is Refusal.SIZE
    assert isinstance(do(venue.cancel(NAME, "b")), Ack)
    assert do(venue.cancel(NAME, "b")).refusal is Refusal.ALREADY_DONE
    assert [fill.lots for fill in venue.open_bar(10)] == [700]
    assert do(venue.amend(AmendRequest("a", NAME, 800))).refusal is Refusal.ALREADY_DONE


def test_an_order_that_only_reduces_never_crosses_and_one_that_crosses_is_two_fills():
    venue = make(timing=Timing("close", 0, 10_000.0))
    whole_bars(venue, 10)
    do(venue.submit(buy("a", 1_000)))
    do(venue.submit(buy("b", -5_000, reduce_only=True)))
    assert [fill.lots for fill in venue.take_fills()] == [1_000, -1_000]
    order = do(venue.order_by_client_id(NAME, "b"))
    assert (order.state, order.filled_lots) == (OrderState.CANCELLED, -1_000)
    do(venue.submit(buy("c", -5_000, reduce_only=True)))
    assert do(venue.order_by_client_id(NAME, "c")).reason == "nothing to reduce"
    do(venue.submit(buy("d", 1_000)))
    do(venue.submit(buy("e", -1_500)))
    assert [fill.lots for fill in venue.take_fills()] == [1_000, -1_000, -500]
    assert do(venue.positions()).rows[0].lots == -500


def test_a_touch_fills_where_it_lies_and_drops_what_waits_for_the_name():
    venue = make(timing=Timing("open", 1, 10_000.0))
    whole_bars(venue, 10)
    do(venue.submit(buy("a")))
    whole_bars(venue, 12)
    do(venue.submit(buy("more")))
    venue.open_bar(12)
    assert isinstance(venue.touch(buy("stop", -1_000, reduce_only=True), 777.0, 12), Ack)
    (fill,) = venue.take_fills()
    assert float(fill.price) == 777.0 * (1.0 - Costs().half_spread_frac)
    assert fill.at_ms == int(venue.panel.close_ms[12]) - 1
    assert do(venue.order_by_client_id(NAME, "more")).reason == "the position has left"
    assert do(venue.positions()).rows == ()


def test_an_absent_bar_fills_nothing():
    panel = market()
    prices = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for cells in prices.values():
        cells[10, panel.symbols.index(NAME)] = np.nan
    venue = make(dataclasses.replace(panel, **prices))
    whole_bars(venue, 10)
    do(venue.submit(buy()))
    assert venue.open_bar(10) == []
    order = do(venue.order_by_client_id(NAME, "a"))
    assert (order.state, order.reason) == (OrderState.CANCELLED, "absent bar")


def test_stops_are_noted_shown_and_leave_with_the_position():
    venue = make(timing=Timing("close", 0, 10_000.0))
    whole_bars(venue, 10)
    do(venue.submit(buy()))
    assert isinstance(do(venue.set_position_stop(NAME, 5, 900, TriggerBy.MARK)), Ack)
    assert isinstance(do(venue.set_position_stop(NAME, 5, 900, TriggerBy.MARK)), NoChange)
    stop, target = do(venue.open_orders()).rows
    assert (stop.trigger.price_ticks, stop.trigger.rising, stop.lots) == (5, False, -1_000)
    assert (target.trigger.price_ticks, target.trigger.rising) == (900, True)
    assert do(venue.positions()).rows[0].stop_loss_ticks == 5
    do(venue.submit(buy("out", -1_000)))
    assert do(venue.open_orders()).rows == ()


def test_the_account_adds_up_at_every_bar():
    venue = make(timing=Timing("close", 0, 10_000.0))
    rng = np.random.default_rng(1)
    for t in range(100):
        whole_bars(venue, t + 1)
        lots = int(rng.integers(-800, 800)) or 1
        do(venue.submit(OrderRequest(f"o-{t}", venue.panel.symbols[t % 4], lots)))
        account = do(venue.account())
        rows = do(venue.positions()).rows
        fills = do(venue.fills(0))
        cash = 10_000.0
        for fill in fills:
            cash -= fill.lots * float(venue.step(fill.symbol)) * float(fill.price) + float(fill.fee_usdt)
        value = sum(row.lots * float(venue.step(row.symbol)) * float(row.mark_price) for row in rows)
        assert float(account.equity_usdt) == pytest.approx(cash + value, abs=1e-8)
        unrealised, initial = (
            sum(getattr(row, name) for row in rows) for name in ("unrealised_usdt", "initial_margin_usdt")
        )
        assert float(account.equity_usdt) == pytest.approx(float(account.wallet_usdt + unrealised), abs=1e-12)
        assert float(account.available_usdt) == pytest.approx(float(account.equity_usdt - initial), abs=1e-12)
    assert {fill.kind for fill in do(venue.fills(0))} == {FillKind.TRADE, FillKind.FUNDING}


def test_public_data_show_nothing_later_than_the_clock():
    venue = make()
    whole_bars(venue, 50)
    now_ms = do(venue.now_ms())
    assert now_ms == int(venue.panel.close_ms[49])
    since_ms = now_ms - 10 * HOUR_MS
    candles = do(venue.candles(NAME, HOUR_MS, since_ms, 500, PriceKind.LAST))
    assert candles.open_ms.tolist() == [since_ms + number * HOUR_MS for number in range(10)]
    np.testing.assert_array_equal(candles.close, venue.panel.close[40:50, venue.market.column[NAME]])
    prints = do(venue.funding(NAME, 0, now_ms + 10**12))
    assert prints.at_ms.max() <= now_ms
    quote = do(venue.quotes())[NAME]
    assert quote.bid < quote.last < quote.ask
    assert float(quote.last) == venue.panel.close[49, venue.market.column[NAME]]
    assert do(venue.instruments())[NAME].trading is Trading.OPEN
    with pytest.raises(VenueError):
        do(venue.candles(NAME, 60_000, since_ms, 5, PriceKind.LAST))
    with pytest.raises(VenueError):
        do(venue.candles("NONE", HOUR_MS, since_ms, 5, PriceKind.LAST))


def test_modes():
    venue = make()
    report = do(venue.ensure_modes(Modes(Decimal(5), (NAME, "NONE"))))
    assert report.changed == (f"leverage {NAME}",)
    assert [what for what, _ in report.failed] == ["leverage NONE"]
    assert not do(venue.ensure_modes(Modes(Decimal(5), (NAME,)))).changed
    failed = do(venue.ensure_modes(Modes(Decimal(5), (NAME,), cross_margin=False, one_way=False))).failed
    assert [what for what, _ in failed] == ["margin mode", "position mode"]


def test_events_begin_with_a_gap_and_tell_orders_fills_and_the_account():
    async def walk():
        venue = make(timing=Timing("close", 0, 10_000.0))
        whole_bars(venue, 10)
        told = []
        stream = venue.events()
        told.append(await anext(stream))
        await venue.submit(buy())
        for _ in range(4):
            told.append(await anext(stream))
        await stream.aclose()
        return told

    told = do(walk())
    assert isinstance(told[0], Gap)
    assert isinstance(told[1], OrderView)
    assert isinstance(told[2], VenueFill)
    assert [type(event).__name__ for event in told[3:]] == ["PositionView", "AccountView"]


def test_a_restored_account_has_the_same_future():
    def order(venue, t):
        do(venue.submit(OrderRequest(f"o-{t}", venue.panel.symbols[t % 4], 100 * (1 - t % 3) or 7)))
        do(venue.set_position_stop(venue.panel.symbols[t % 4], 5, None, TriggerBy.MARK))

    first = make(timing=Timing("open", 1, 10_000.0))
    for t in range(40):
        whole_bars(first, t + 1)
        order(first, t)
    second = make(timing=Timing("open", 1, 10_000.0))
    second.restore(first.snapshot())
    for t in range(40, 80):
        for venue in (first, second):
            whole_bars(venue, t + 1)
            order(venue, t)
    assert first.snapshot() == second.snapshot()
    assert do(first.fills(0)) == do(second.fills(0))


def test_a_snapshot_that_is_not_ours_changes_nothing():
    venue = make()
    whole_bars(venue, 10)
    good = venue.snapshot()
    state = json.loads(good)
    for bad in (b"", b"{}", good[:-20], json.dumps(state | {"version": 99}).encode()):
        with pytest.raises(JournalCorrupt):
            venue.restore(bad)
    assert venue.snapshot() == good


def test_what_cannot_run_is_refused_when_it_is_made():
    with pytest.raises(DataError, match="depth"):
        make(costs=Costs(impact_y=1.0))
    with pytest.raises(DataError, match="fill_at"):
        make(timing=Timing("noon", 0, 1.0))  # type: ignore[arg-type]
    panel = market()
    with pytest.raises(DataError, match="contract"):
        BarVenue(panel, {}, Costs(impact_y=0.0), Timing("open", 0, 1.0), cash_usdt=1.0)
