"""A paper account for orders on bars: when and at what price things happen, and what is shown of them."""

import asyncio
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.venues.paper_rig import (
    HOUR_MS,
    NAME,
    START_MS,
    at_close,
    do,
    fills_of,
    make,
    order,
    panel_of,
    sample,
    ticks,
)
from xsmom.domain.contracts import make_instruments
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
    PositionView,
    Refusal,
    Rejected,
    TimeInForce,
    Trigger,
    TriggerBy,
)
from xsmom.errors import Unavailable, VenueError
from xsmom.venues.paper.depth import Depth
from xsmom.venues.paper.panel_feed import PanelFeed
from xsmom.venues.paper.paper_venue import PaperVenue

FLAT = (100.0, 100.5, 99.5, 100.0)
PLUNGE = (100.0, 104.0, 90.0, 101.0)


def long_stop(stop=95.0):
    """A position of 100 lots with a stop by the mark, one bar before the plunge."""
    venue = make(panel_of(FLAT, FLAT, PLUNGE, FLAT))
    at_close(venue, 2)
    assert isinstance(do(venue.submit(order(venue, stop_loss_ticks=ticks(venue, stop)))), Ack)
    return venue


def test_the_book_that_is_assumed_leans_to_no_side():
    venue = make(panel_of(FLAT, FLAT))
    unknown = do(venue.depth(NAME, 3))
    assert unknown.lean_frac is None
    at_close(venue, 1)
    do(venue.submit(order(venue)))
    seen = do(venue.depth(NAME, 3))
    step = venue.stage.contracts[0].qty_step
    assert seen.lean_frac == 0.0
    assert seen.bid_qty > 0
    assert seen.bid_qty % (6 * step) == 0  # one lot size at the best level, twice and three times behind it


# ---- fills -------------------------------------------------------------------------------------


def test_a_market_order_pays_half_the_spread_and_the_takers_fee():
    venue = make(panel_of(FLAT, FLAT))
    at_close(venue, 1)
    assert isinstance(do(venue.submit(order(venue))), Ack)
    (fill,) = fills_of(venue.advance_to(0))
    assert fill.price == Decimal("100.01")
    worth = fill.price * 100 * venue.stage.contracts[0].qty_step
    assert fill.fee_usdt == (worth * Decimal("0.00055")).quantize(Decimal("1e-8"), "ROUND_UP")
    assert not fill.is_maker


def test_a_large_order_walks_the_book_and_what_the_book_has_not_is_taken_back():
    panel = panel_of(FLAT, FLAT)
    venue = make(panel, cash=10_000_000, depth=Depth(day_share_frac=1e-9))
    at_close(venue, 1)
    lots = 1_900_000
    do(venue.submit(order(venue, lots=lots)))
    found = do(venue.order_by_client_id(NAME, "a"))
    assert found.state is OrderState.CANCELLED
    assert 0 < found.filled_lots < lots
    prices = [fill.price for fill in do(venue.fills(0))]
    assert len(prices) == 10
    assert prices == sorted(set(prices))
    assert found.average_price > Decimal("100.05")


def test_an_order_that_stands_is_filled_as_maker_once_the_price_went_through_it():
    venue = make(panel_of(FLAT, (100.0, 100.5, 99.0, 99.8), (99.8, 100.0, 98.9, 99.5)))
    at_close(venue, 1)
    do(venue.submit(order(venue, price=99.0, time_in_force=TimeInForce.POST_ONLY)))
    assert fills_of(at_close(venue, 2)) == [], "touched, not gone through"
    (fill,) = fills_of(at_close(venue, 3))
    assert (fill.price, fill.is_maker) == (Decimal("99.000"), True)


def test_a_stop_inside_a_bar_is_filled_where_it_lay_and_before_the_recovery():
    venue = long_stop(95.0)
    told = at_close(venue, 3)
    (fill,) = fills_of(told)[-1:]
    assert fill.lots == -100
    # A long fears the fall: the low comes before the high, and the stop wakes at its own price.
    assert Decimal("94.97") < fill.price <= Decimal("95.00")
    assert do(venue.positions()).rows == ()
    assert START_MS + 2 * HOUR_MS < fill.at_ms < START_MS + 3 * HOUR_MS


def test_a_gap_beyond_the_stop_is_filled_at_the_open():
    venue = make(panel_of(FLAT, FLAT, (92.0, 93.0, 91.0, 92.5)))
    at_close(venue, 2)
    do(venue.submit(order(venue, stop_loss_ticks=ticks(venue, 95.0))))
    (fill,) = fills_of(at_close(venue, 3))[-1:]
    assert Decimal("91.95") < fill.price < Decimal(92)
    assert fill.at_ms == START_MS + 2 * HOUR_MS + 1


@pytest.mark.parametrize(("lots", "stop", "target"), [(100, 96.0, 103.0), (-100, 103.0, 96.0)])
def test_where_a_bar_reaches_both_the_stop_is_taken_for_first(lots, stop, target):
    venue = make(panel_of(FLAT, FLAT, (100.0, 104.0, 95.0, 100.0)))
    at_close(venue, 2)
    do(venue.submit(order(venue, lots=lots)))
    pair = ticks(venue, stop), ticks(venue, target)
    assert isinstance(do(venue.set_position_stop(NAME, *pair, TriggerBy.MARK)), Ack)
    (fill,) = fills_of(at_close(venue, 3))[-1:]
    assert abs(float(fill.price) - stop) < 0.1


def test_an_entry_inside_a_bar_can_be_stopped_in_the_same_bar():
    venue = make(panel_of(FLAT, FLAT, PLUNGE))
    at_close(venue, 2)
    do(venue.submit(order(venue, price=98.0, stop_loss_ticks=ticks(venue, 95.0))))
    lots = [fill.lots for fill in fills_of(at_close(venue, 3))]
    assert lots == [100, -100]


def test_a_breakout_entry_suffers_the_fall_after_the_rise():
    venue = make(panel_of(FLAT, FLAT, PLUNGE))
    at_close(venue, 2)
    trigger = Trigger(ticks(venue, 103.0), TriggerBy.LAST, rising=True)
    do(venue.submit(order(venue, trigger=trigger)))
    (fill,) = fills_of(at_close(venue, 3))
    assert float(fill.price) == pytest.approx(103.0, abs=0.05)
    low_ms = START_MS + 2 * HOUR_MS + 2 * HOUR_MS // 3
    assert fill.at_ms < low_ms


def test_funding_is_paid_at_the_close_on_what_is_held_then():
    venue = make(panel_of(FLAT, FLAT, FLAT, funding=[np.nan, 0.001, 0.0]))
    at_close(venue, 1)
    do(venue.submit(order(venue)))
    (paid,) = [one for one in fills_of(at_close(venue, 2)) if one.kind is FillKind.FUNDING]
    worth = Decimal(100) * 100 * venue.stage.contracts[0].qty_step
    assert (paid.lots, paid.fee_usdt, paid.at_ms) == (0, worth / 1000, START_MS + 2 * HOUR_MS)
    assert fills_of(at_close(venue, 3)) == []


def test_the_end_of_a_contract_costs_five_percent_and_closes_it():
    panel = panel_of(FLAT, FLAT, FLAT, delisted_ms=np.array([START_MS + 2 * HOUR_MS]))
    venue = make(panel)
    at_close(venue, 1)
    do(venue.submit(order(venue, lots=-100)))
    (fill,) = fills_of(at_close(venue, 2))[-1:]
    assert (fill.kind, fill.price, fill.lots) == (FillKind.DELIVERY, Decimal("105.000"), 100)
    assert do(venue.instruments())[NAME].trading is Trading.CLOSED
    assert do(venue.submit(order(venue, "b"))).refusal is Refusal.NOT_TRADING


def test_an_absent_bar_moves_nothing():
    hole = (np.nan,) * 4
    venue = make(panel_of(FLAT, FLAT, hole, PLUNGE))
    at_close(venue, 2)
    do(venue.submit(order(venue, stop_loss_ticks=ticks(venue, 95.0))))
    venue.advance_to(0)
    assert at_close(venue, 3) == []
    assert fills_of(at_close(venue, 4))


def test_a_thin_account_is_liquidated():
    venue = make(panel_of(FLAT, FLAT, (100.0, 100.0, 80.0, 81.0)), cash=120)
    at_close(venue, 2)
    do(venue.ensure_modes(Modes(Decimal(50), (NAME,))))
    lots = round(1_500 / 100 / float(venue.stage.contracts[0].qty_step))
    assert isinstance(do(venue.submit(order(venue, lots=lots))), Ack)
    kinds = {fill.kind for fill in fills_of(at_close(venue, 3))}
    assert FillKind.LIQUIDATION in kinds
    assert do(venue.positions()).rows == ()
    assert do(venue.account()).wallet_usdt >= 0


# ---- the port ----------------------------------------------------------------------------------


def test_every_refusal_has_its_word_and_changes_nothing():
    venue = make(panel_of(FLAT, FLAT))
    assert do(venue.submit(order(venue))).refusal is Refusal.NOT_TRADING, "no price yet"
    at_close(venue, 1)
    do(venue.submit(order(venue)))
    before = do(venue.account())
    stop = Trigger(ticks(venue, 101.0), TriggerBy.MARK, rising=False)
    for request, refusal in [
        (order(venue), Refusal.DUPLICATE_ID),
        (order(venue, "b", 0), Refusal.SIZE),
        (order(venue, "c", 10**9), Refusal.SIZE),
        (order(venue, "d", 1), Refusal.NOTIONAL),
        (order(venue, "e", 1_900_000), Refusal.MARGIN),
        (order(venue, "g", 100, reduce_only=True), Refusal.REDUCE_ONLY),
        (order(venue, "h", -100, reduce_only=True, stop_loss_ticks=5), Refusal.OTHER),
        (order(venue, "i", 100, trigger=stop), Refusal.TRIGGER_SIDE),
        (order(venue, "j", 100, stop_loss_ticks=ticks(venue, 101.0)), Refusal.TRIGGER_SIDE),
        (order(venue, "not a name"), Refusal.OTHER),
        (OrderRequest("k", "NONE", 1), Refusal.NOT_TRADING),
    ]:
        answer = do(venue.submit(request))
        assert isinstance(answer, Rejected), request
        assert answer.refusal is refusal, request
    assert do(venue.account()) == before
    assert do(venue.cancel(NAME, "nobody")).refusal is Refusal.NOT_FOUND
    assert do(venue.cancel(NAME, "a")).refusal is Refusal.ALREADY_DONE
    assert do(venue.amend(AmendRequest("a", NAME, 5))).refusal is Refusal.ALREADY_DONE
    assert do(venue.set_position_stop("NONE", 5, None, TriggerBy.MARK)).refusal is Refusal.NOT_TRADING


def test_an_order_is_changed_in_its_place_and_taken_back():
    venue = make(panel_of(FLAT, FLAT))
    at_close(venue, 1)
    first = do(venue.submit(order(venue, price=95.0)))
    assert isinstance(do(venue.amend(AmendRequest("a", NAME, 70, ticks(venue, 96.0)))), Ack)
    (shown,) = do(venue.open_orders()).rows
    assert (shown.lots, shown.price_ticks, shown.order_id) == (70, ticks(venue, 96.0), first.order_id)
    assert isinstance(do(venue.amend(AmendRequest("a", NAME, 70))), NoChange)
    assert isinstance(do(venue.cancel(NAME, "a")), Ack)
    assert do(venue.open_orders()).rows == ()
    assert do(venue.order_by_client_id(NAME, "a")).state is OrderState.CANCELLED
    assert do(venue.order_by_client_id("NONE", "a")) is None


def test_stops_of_a_position_are_set_moved_and_removed_as_a_pair():
    venue = make(panel_of(FLAT, FLAT))
    at_close(venue, 1)
    low, high = ticks(venue, 95.0), ticks(venue, 105.0)
    assert do(venue.set_position_stop(NAME, low, None, TriggerBy.MARK)).refusal is Refusal.NO_POSITION
    do(venue.submit(order(venue)))
    assert isinstance(do(venue.set_position_stop(NAME, low, high, TriggerBy.MARK)), Ack)
    assert isinstance(do(venue.set_position_stop(NAME, low, high, TriggerBy.MARK)), NoChange)
    (held,) = do(venue.positions()).rows
    assert (held.stop_loss_ticks, held.take_profit_ticks) == (low, high)
    legs = do(venue.open_orders()).rows
    assert all(leg.of_position and leg.reduce_only and leg.lots == -100 for leg in legs)
    assert {leg.trigger.rising for leg in legs} == {True, False}
    assert isinstance(do(venue.set_position_stop(NAME, low + 1, None, TriggerBy.MARK)), Ack)
    (held,) = do(venue.positions()).rows
    assert (held.stop_loss_ticks, held.take_profit_ticks) == (low + 1, None)


def test_modes_are_set_once():
    venue = make(panel_of(FLAT, FLAT))
    report = do(venue.ensure_modes(Modes(Decimal(5), (NAME, "NONE"))))
    assert (report.changed, report.failed[0][0]) == ((f"leverage {NAME}",), "leverage NONE")
    assert do(venue.ensure_modes(Modes(Decimal(5), (NAME,)))).changed == ()
    failed = do(venue.ensure_modes(Modes(Decimal(5), (NAME,), cross_margin=False))).failed
    assert failed == (("margin mode", "isolated margin is not simulated"),)


def test_a_contract_too_fine_for_the_core_is_refused_and_the_others_trade():
    panel = sample()
    made = make_instruments(panel)
    fine = made["ETHUSDT"]
    made["ETHUSDT"] = type(fine)(
        **{
            **{name: getattr(fine, name) for name in fine.__slots__},
            "price_tick": Decimal("1e-6"),
            "qty_step": Decimal("1e-5"),
        }
    )
    venue = PaperVenue(PanelFeed(panel, made), made, cash_usdt=Decimal(10_000))
    at_close(venue, 5)
    answer = do(venue.submit(OrderRequest("a", "ETHUSDT", 1_000)))
    assert (answer.refusal, "too fine" in answer.text) == (Refusal.NOT_TRADING, True)
    assert isinstance(do(venue.submit(OrderRequest("b", "BTCUSDT", 1_000))), Ack)


def test_public_data_show_nothing_later_than_the_clock():
    panel = sample()
    venue = make(panel)
    at_close(venue, 50)
    now_ms = do(venue.now_ms())
    candles = do(venue.candles("BTCUSDT", HOUR_MS, now_ms - 3 * HOUR_MS, 50, PriceKind.LAST))
    assert candles.open_ms.tolist() == [now_ms - n * HOUR_MS for n in (3, 2, 1)]
    assert do(venue.funding("BTCUSDT", 0, now_ms + 10**12)).at_ms.max() <= now_ms
    quote = do(venue.quotes())["BTCUSDT"]
    close = panel.close[49, panel.symbols.index("BTCUSDT")]
    assert float(quote.last) == pytest.approx(close, rel=1e-4)
    assert quote.bid < quote.last < quote.ask
    with pytest.raises(VenueError):
        do(venue.candles("BTCUSDT", 60_000, 0, 5, PriceKind.LAST))


def test_the_clock_that_is_handed_in_moves_the_market():
    panel = panel_of(FLAT, FLAT, PLUNGE)
    now = [int(panel.close_ms[1])]
    venue = PaperVenue(
        PanelFeed(panel, make_instruments(panel)),
        make_instruments(panel),
        cash_usdt=Decimal(10_000),
        now_ms=lambda: now[0],
    )
    do(venue.submit(order(venue, stop_loss_ticks=ticks(venue, 95.0))))
    assert do(venue.positions()).rows
    now[0] = int(panel.close_ms[2])
    assert not do(venue.positions()).rows


def test_events_tell_what_happens_and_begin_with_a_gap():
    async def walk():
        venue = make(panel_of(FLAT, FLAT, PLUNGE))
        at_close(venue, 2)
        told, stream = [], venue.events()
        told.append(await anext(stream))
        await venue.submit(order(venue, stop_loss_ticks=ticks(venue, 95.0)))
        at_close(venue, 3)
        async with asyncio.timeout(5):
            while not (isinstance(told[-1], PositionView) and told[-1].lots == 0):
                told.append(await anext(stream))
        await stream.aclose()
        return told

    told = do(walk())
    assert isinstance(told[0], Gap)
    assert [fill.lots for fill in fills_of(told)] == [100, -100]


def test_a_listener_who_is_too_slow_gets_a_gap():
    async def walk():
        venue = make(panel_of(FLAT, FLAT))
        at_close(venue, 1)
        venue.stage.outlet._events_max = 20
        stream = venue.events()
        await anext(stream)
        for number in range(10):
            await venue.submit(order(venue, f"o-{number}", price=95.0))
            await venue.cancel(NAME, f"o-{number}")
            await venue.cancel(NAME, f"o-{number}")
        for number in range(10):
            await venue.submit(order(venue, f"p-{number}", price=95.0))
        found = await anext(stream)
        await stream.aclose()
        return found

    assert isinstance(do(walk()), Gap)


def test_more_executions_than_are_remembered_is_an_error_and_not_a_part_of_them():
    venue = make(panel_of(FLAT, FLAT))
    at_close(venue, 1)
    rows = venue.stage.ask
    venue.stage.ask = lambda question, **about: [{}] * 20_000 if question == "executions" else rows(question, **about)
    with pytest.raises(Unavailable, match="20,000"):
        do(venue.fills(0))
