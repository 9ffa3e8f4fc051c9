"""A paper account on the quotes of an exchange: what is asked for, when funding is paid, what a failure does."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.venues.paper_rig import HOUR_MS, START_MS, sample
from xsmom import load_config
from xsmom.domain.contracts import make_instruments
from xsmom.domain.costs import Costs
from xsmom.domain.market_data import DepthSight, FundingPrints, PriceKind, Quote, Trading
from xsmom.domain.trading import (
    Ack,
    FillKind,
    Gap,
    OrderRequest,
    OrderState,
    Refusal,
    Rejected,
    TriggerBy,
    Unknown,
    VenueFill,
)
from xsmom.errors import Unavailable
from xsmom.live import wiring
from xsmom.venues.paper.live_feed import LiveFeed
from xsmom.venues.paper.paper_venue import PaperVenue

BTC, ETH = "BTCUSDT", "ETHUSDT"
EIGHT_HOURS_MS = 8 * HOUR_MS
NEXT_MS = START_MS + HOUR_MS


class Market:
    """Public data that a test sets."""

    venue, candles_page_max = "made", 1_000

    def __init__(self):
        self.contracts = make_instruments(sample())
        self.asked = []
        self.down = False
        self.prints = []
        self.quoted = {}
        self.at_ms = START_MS
        for symbol, last in ((BTC, 100), (ETH, 50)):
            self.quote(symbol, last)

    def quote(self, symbol, last, *, spread="0.02", rate="0.0001", next_ms=NEXT_MS):
        half, last = Decimal(spread) / 2, Decimal(last)
        self.quoted[symbol] = Quote(
            symbol, self.at_ms, last, last, last, last - half, last + half, Decimal(10**8), Decimal(rate), next_ms
        )

    def _ask(self, what):
        self.asked.append(what)
        if self.down:
            raise Unavailable("made: no connection")

    async def now_ms(self):
        return self.at_ms

    async def instruments(self):
        self._ask("instruments")
        return dict(self.contracts)

    async def candles(self, *asked):
        self._ask(("candles", *asked))
        return "bars"

    async def funding(self, symbol, since_ms, until_ms):
        self._ask(("funding", symbol))
        found = [one for one in self.prints if since_ms <= one[0] < until_ms]
        return FundingPrints(symbol, np.array([one[0] for one in found]), np.array([one[1] for one in found]))

    async def quotes(self):
        self._ask("quotes")
        return dict(self.quoted)

    async def depth(self, symbol, levels):
        return DepthSight(symbol, 0, Decimal(levels), Decimal(3))

    async def close(self):
        self.asked.append("closed")


def make(market):
    contracts = {symbol: one for symbol, one in market.contracts.items() if symbol in (BTC, ETH, "NEWUSDT")}
    tick = {"price_tick": Decimal("0.01"), "qty_step": Decimal("0.001")}
    market.contracts = {symbol: replace(one, **tick) for symbol, one in contracts.items()}
    feed, cash = LiveFeed(market), Decimal(10_000)
    return PaperVenue(feed, market.contracts, cash_usdt=cash, now_ms=lambda: market.at_ms, poll_s=0.001)


def play(test):
    """Run a test of a market and an account on it."""

    def run():
        market = Market()
        asyncio.run(asyncio.wait_for(test(market, make(market)), 20))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def buy(venue, name="a", symbol=BTC, lots=1_000, **more):
    return await venue.submit(OrderRequest(name, symbol, lots, **more))


@play
async def test_an_order_meets_the_best_price_of_the_other_side(market, venue):
    assert market.quoted[BTC].ask == Decimal("100.01")
    assert isinstance(await buy(venue), Ack)
    assert isinstance(await buy(venue, "b", ETH, -500), Ack)
    long, short = await venue.fills(0)
    assert (long.price, short.price) == (Decimal("100.01"), Decimal("49.99"))


@play
async def test_a_side_that_nobody_offers_fills_nothing(market, venue):
    market.quoted[BTC] = replace(market.quoted[BTC], ask=None)
    answer = await buy(venue)
    assert isinstance(answer, Rejected)
    assert answer.refusal is Refusal.NOT_TRADING
    resting = await buy(venue, "b", price_ticks=10_500)
    assert isinstance(resting, Ack)
    assert (await venue.order_by_client_id(BTC, "b")).state is OrderState.WORKING


@play
async def test_orders_are_refused_while_prices_are_old(market, venue):
    assert isinstance(await buy(venue), Ack)
    market.down = True
    assert isinstance(await buy(venue, "b"), Ack), "the last quote is of this moment"
    market.at_ms += 60_000
    answer = await buy(venue, "c")
    assert isinstance(answer, Rejected)
    assert (answer.refusal, "no connection" in answer.text) == (Refusal.NOT_TRADING, True)
    with pytest.raises(Unavailable):
        await venue.quotes()
    market.down = False
    assert isinstance(await buy(venue, "c"), Ack)


@play
async def test_the_order_book_is_the_exchanges_own(market, venue):
    assert await venue.depth(BTC, 5) == await market.depth(BTC, 5)


@play
async def test_a_stop_wakes_at_the_first_quote_beyond_it(market, venue):
    await buy(venue, stop_loss_ticks=9_500)
    for last in ("96", "95.01"):
        market.quote(BTC, last)
        await venue.refresh()
        assert (await venue.positions()).rows
    market.quote(BTC, "94.20")
    await venue.refresh()
    assert not (await venue.positions()).rows
    assert (await venue.fills(0))[-1].price == Decimal("94.19")


@play
async def test_funding_is_paid_once_at_its_instant_at_the_rate_told_last_before_it(market, venue):
    await buy(venue)
    market.quote(BTC, "101", rate="0.0003")
    await venue.refresh()
    market.at_ms = NEXT_MS - 1
    assert len(await venue.fills(0)) == 1
    market.at_ms = NEXT_MS + 2_000
    market.quote(BTC, "105", rate="0.0009", next_ms=NEXT_MS)  # the exchange still tells the old instant
    for _ in range(3):
        await venue.refresh()
    market.quote(BTC, "105", rate="0.0009", next_ms=NEXT_MS + EIGHT_HOURS_MS)
    await venue.refresh()
    (paid,) = [fill for fill in await venue.fills(0) if fill.kind is FillKind.FUNDING]
    assert (paid.price, paid.fee_usdt) == (Decimal(101), Decimal(101) * Decimal("0.0003"))


@play
async def test_what_is_bought_after_the_instant_pays_nothing_for_it(market, venue):
    await venue.refresh()
    market.at_ms = NEXT_MS + 1_000
    await buy(venue)
    market.quote(BTC, "100", next_ms=NEXT_MS + EIGHT_HOURS_MS)
    await venue.refresh()
    assert {fill.kind for fill in await venue.fills(0)} == {FillKind.TRADE}


@play
async def test_funding_that_fell_due_while_nobody_asked_is_paid_by_its_prints(market, venue):
    await buy(venue)
    saved = venue.snapshot()
    other = make(market)
    other.restore(saved)
    market.at_ms = NEXT_MS + EIGHT_HOURS_MS + 10 * 60_000
    market.quote(BTC, "100", rate="0.5", next_ms=NEXT_MS + 2 * EIGHT_HOURS_MS)
    await other.refresh()
    assert {fill.kind for fill in await other.fills(0)} == {FillKind.TRADE}, "the prints have not come yet"
    market.prints = [(NEXT_MS, 0.0002), (NEXT_MS + EIGHT_HOURS_MS, -0.0001)]
    for _ in range(3):
        await other.refresh()
    paid = [fill.fee_usdt for fill in await other.fills(0) if fill.kind is FillKind.FUNDING]
    assert paid == [Decimal("0.02"), Decimal("-0.01")]


@play
async def test_a_new_contract_can_be_traded_and_one_that_ends_is_closed(market, venue):
    await buy(venue)
    new = "NEWUSDT"
    market.contracts[new] = replace(market.contracts[ETH], symbol=new)
    market.contracts[BTC] = replace(market.contracts[BTC], trading=Trading.CLOSED)
    market.quote(new, "7")
    await venue.instruments()
    (fill,) = (await venue.fills(0))[1:]
    assert (fill.kind, fill.lots, fill.price) == (FillKind.DELIVERY, -1_000, Decimal(100))
    assert (await buy(venue, "b")).refusal is Refusal.NOT_TRADING
    await venue.refresh()
    assert isinstance(await buy(venue, "c", new), Ack)
    again = make(market)
    again.restore(venue.snapshot())
    assert (await again.positions()).rows == (await venue.positions()).rows


@play
async def test_contracts_are_looked_at_anew_now_and_then(market, venue):
    await venue.refresh()
    await venue.refresh()
    assert market.asked.count("instruments") == 1
    market.at_ms += 16 * 60_000
    await venue.refresh()
    assert market.asked.count("instruments") == 2


@play
async def test_a_contract_that_only_closes_takes_reducing_orders_alone(market, venue):
    await buy(venue)
    market.contracts[BTC] = replace(market.contracts[BTC], trading=Trading.CLOSING)
    await venue.instruments()
    assert (await buy(venue, "b")).refusal is Refusal.NOT_TRADING
    assert isinstance(await buy(venue, "c", lots=-1_000, reduce_only=True), Ack)


@play
async def test_whoever_listens_keeps_the_market_moving_through_failures(market, venue):
    stream = venue.events()
    assert isinstance(await anext(stream), Gap)
    await buy(venue)
    await venue.set_position_stop(BTC, 9_500, None, TriggerBy.MARK)
    market.down = True
    await asyncio.sleep(0.02)
    market.down = False
    market.quote(BTC, "90")
    async for event in stream:
        if isinstance(event, VenueFill) and event.lots < 0:
            break
    await stream.aclose()
    asked = market.asked.count("quotes")
    await asyncio.sleep(0.02)
    assert market.asked.count("quotes") == asked, "nobody listens, nobody asks"
    await venue.close()
    assert market.asked[-1] == "closed"


@play
async def test_public_data_are_the_exchanges_own(market, venue):
    assert await venue.candles(BTC, HOUR_MS, 0, 5, PriceKind.MARK) == "bars"
    assert market.asked[-1] == ("candles", BTC, HOUR_MS, 0, 5, PriceKind.MARK)
    assert (await venue.quotes())[BTC] == market.quoted[BTC]
    assert venue.candles_page_max == 1_000
    assert await venue.now_ms() == START_MS


# ---- an account that is kept in a file -----------------------------------------------------------


class Clock:
    speed = 1.0

    def __init__(self, market):
        self.market = market

    def now_ms(self):
        return self.market.at_ms


async def open_kept(market, path, **more):
    make(market)  # gives the contracts their ticks
    costs = Costs(taker_bps=6.0, maker_bps=1.0)
    options = {"cash_usdt": Decimal(5_000), "costs": costs, "clock": Clock(market), "keep": path} | more
    return await PaperVenue.over_market(market, **options)


def test_an_account_survives_a_kill_at_any_moment(tmp_path):
    async def walk():
        market, path = Market(), tmp_path / "paper"
        first = await open_kept(market, path)
        assert isinstance(await buy(first, stop_loss_ticks=9_500), Ack)
        assert isinstance(await buy(first, "b", ETH, price_ticks=4_900), Ack)
        # No farewell: the process is gone, and another one begins where the file stands.
        second = await open_kept(market, path)
        assert (await second.fills(0)) == (await first.fills(0))
        assert (await second.open_orders()).rows == (await first.open_orders()).rows
        assert (await second.account()).wallet_usdt == (await first.account()).wallet_usdt
        assert isinstance(await buy(second), Rejected), "its name is taken for ever"
        market.quote(BTC, "90")
        await second.refresh()
        third = await open_kept(market, path)
        assert [fill.lots for fill in await third.fills(0)] == [1_000, -1_000], "what a quote changed is kept too"
        for venue in (first, second, third):
            await venue.close()

    asyncio.run(walk())


def test_fees_and_spread_are_those_of_the_costs_and_prices_are_asked_for_until_it_is_closed(tmp_path):
    async def walk():
        market = Market()
        venue = await open_kept(market, tmp_path / "paper")
        assert (await venue.fees())[BTC] == (Decimal("0.0001"), Decimal("0.0006"))
        asked = market.asked.count("quotes")
        market.quote(BTC, "90")
        venue._poll_s = 0.001
        async with asyncio.timeout(20):
            while market.asked.count("quotes") < asked + 2:  # noqa: ASYNC110  the market is no event
                await asyncio.sleep(0.01)
        await venue.close()
        assert market.asked[-1] == "closed"

    asyncio.run(walk())


def test_an_account_that_cannot_be_kept_says_so(tmp_path):
    async def walk():
        market, path = Market(), tmp_path / "gone" / "paper"
        path.parent.mkdir()
        venue = await open_kept(market, path)
        path.unlink()
        path.parent.rmdir()
        answer = await buy(venue)
        assert isinstance(answer, Unknown)
        assert "cannot be written" in answer.why
        with pytest.raises(Unavailable, match="not kept"):
            await venue.positions()
        path.parent.mkdir()
        await venue.refresh()
        assert (await venue.positions()).rows
        await venue.close()

    asyncio.run(walk())


def test_without_partial_fills_the_book_has_no_end_and_latency_is_waited_for():
    async def walk():
        for partial, filled in ((True, False), (False, True)):
            market = Market()
            market.quoted[BTC] = replace(market.quoted[BTC], turnover_usdt_day=Decimal(1_000))
            venue = await open_kept(market, None, partial_fills=partial, latency_ms=30, cash_usdt=Decimal(10**9))
            began = asyncio.get_running_loop().time()
            await buy(venue, lots=1_500_000)
            assert asyncio.get_running_loop().time() - began >= 0.03
            found = await venue.order_by_client_id(BTC, "a")
            assert (found.state is OrderState.FILLED) is filled
            await venue.close()

    asyncio.run(walk())


def test_the_settings_of_paper_reach_the_account(monkeypatch, tmp_path):
    """Through the wiring of a live process: what is set is what the account has, and its file lies in the state."""
    settings = {
        "paper.initial_equity_usdt": 1_234.0,
        "paper.latency_ms": 40,
        "paper.partial_fills": False,
        "live.state_dir": str(tmp_path),
    }

    async def walk():
        market = Market()
        market.quoted[BTC] = replace(market.quoted[BTC], turnover_usdt_day=Decimal(1_000))
        make(market)

        async def open_made(*_):
            return market

        monkeypatch.setattr(wiring, "open_market", open_made)
        config = load_config(None, set=settings, env={})
        venue, _ = await wiring.open_account(wiring.Start(config, "paper", ()))
        assert (await venue.account()).wallet_usdt == 1_234
        began = asyncio.get_running_loop().time()
        assert isinstance(await buy(venue), Ack)
        assert asyncio.get_running_loop().time() - began >= 0.04
        await venue.close()
        assert (tmp_path / "paper" / wiring.PAPER_ACCOUNT).exists()
        assert wiring.paper_options(config)["partial_fills"] is False

    asyncio.run(walk())
