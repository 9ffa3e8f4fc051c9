"""Bybit's public data through the real library: complete, closed, or an error that says why."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import numpy as np
import pytest

from tests.exchange import market as truth
from tests.exchange.market import HOUR_MS, START_MS, Contract
from tests.exchange.server import HTML, Fault
from tests.unit.venues.conftest import NOW_MS, talk
from xsmom.domain.market_data import PriceKind, Trading
from xsmom.domain.panel import NEVER_MS
from xsmom.errors import AuthFailed, ConfigError, DataError, RateLimited, Rejected, Unavailable
from xsmom.venues.roster import open_market
from xsmom.venues.wire import Access

LAST = PriceKind.LAST


def ask_bars(since_ms=START_MS, bars=1_000, symbol="AAAUSDT", price=LAST, bar_ms=HOUR_MS):
    return lambda market: market.candles(symbol, bar_ms, since_ms, bars, price)


def expected(contract, since_ms, bars, bar_ms=HOUR_MS, kind="last", now_ms=NOW_MS):
    """Closed bars of the range, straight from the made-up market."""
    told = truth.bars(contract, bar_ms, since_ms, since_ms + bars * bar_ms, now_ms, kind)
    return [[float(text) for text in row] for row in told if int(row[0]) + bar_ms <= now_ms - 1_000]


def assert_same(candles, rows):
    names = ("open_ms", "open", "high", "low", "close", "volume", "volume_usdt")
    for at, name in enumerate(names):
        column = [row[at] if at < len(row) else np.nan for row in rows]
        np.testing.assert_array_equal(getattr(candles, name), column, err_msg=name)


@pytest.mark.parametrize("kind", PriceKind)
@pytest.mark.parametrize("bar_ms", [60_000, HOUR_MS, 24 * HOUR_MS])
def test_a_page_of_bars(serve, kind, bar_ms):
    server, bars = serve(), 1_000 if bar_ms < 24 * HOUR_MS else 300
    candles = talk(server, ask_bars(bars=bars, price=kind, bar_ms=bar_ms))
    assert_same(candles, expected(Contract("AAAUSDT"), START_MS, bars, bar_ms, kind.value))
    assert len(server.calls("kline")) == 1


def test_the_forming_bar_is_left_out_by_the_exchanges_clock(serve):
    contract = Contract("AAAUSDT")
    since_ms = NOW_MS // HOUR_MS * HOUR_MS - 5 * HOUR_MS
    candles = talk(serve(contract), ask_bars(since_ms, 10))
    assert_same(candles, expected(contract, since_ms, 10))
    assert candles.open_ms[-1] == NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS


def test_a_bar_that_has_just_ended_is_not_final_yet(serve):
    close_ms = START_MS + 100 * HOUR_MS
    for after_ms, bars in ((0, 9), (999, 9), (1_000, 10)):
        server = serve(now_ms=close_ms + after_ms)
        assert len(talk(server, ask_bars(close_ms - 10 * HOUR_MS, 12))) == bars


@pytest.mark.parametrize("cap", [1, 7, 200, 999])
def test_a_lower_limit_than_documented_leaves_no_hole(serve, cap):
    contract = Contract("AAAUSDT")
    bars = 20 if cap == 1 else 1_000
    candles = talk(serve(contract, page_cap=cap), ask_bars(bars=bars))
    assert_same(candles, expected(contract, START_MS, bars))


def test_rows_lost_on_the_way_are_asked_for_again(serve):
    server = serve()
    server.faults.append(Fault("thin", "/kline"))
    assert_same(talk(server, ask_bars()), expected(Contract("AAAUSDT"), START_MS, 1_000))
    assert len(server.calls("/kline")) == 2


def test_rows_that_come_twice_count_once(serve):
    server = serve()
    server.faults.append(Fault("twice", "/kline"))
    assert_same(talk(server, ask_bars(bars=400)), expected(Contract("AAAUSDT"), START_MS, 400))


def test_a_listing_in_the_middle_and_an_outage_stay_gaps(serve):
    outage = (START_MS + 500 * HOUR_MS, START_MS + 510 * HOUR_MS)
    contract = Contract("AAAUSDT", listed_ms=START_MS + 300 * HOUR_MS, outages=[outage])
    server = serve(contract)
    candles = talk(server, ask_bars())
    assert_same(candles, expected(contract, START_MS, 1_000))
    assert len(candles) == 690
    assert len(server.calls("/kline")) == 3  # the page, and once more each for what it left out


def test_before_the_listing_there_is_nothing(serve):
    contract = Contract("AAAUSDT", listed_ms=START_MS + 5_000 * HOUR_MS)
    server = serve(contract)
    assert len(talk(server, ask_bars())) == 0
    assert len(server.calls("/kline")) == 1


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault("answer", body=HTML), Unavailable, "instead of its own format"),
        (Fault("answer", body=""), Unavailable, "an empty body"),
        (Fault("answer", body="{}"), Unavailable, "instead of its own format"),
        (Fault("answer", body="[]"), Unavailable, "instead of its own format"),
        (Fault("answer", body='{"retCode": true, "result": {}}'), Unavailable, "instead of its own format"),
        (Fault("answer", body='{"retCode": 0, "result": null}'), Unavailable, "instead of its own format"),
        (Fault("cut"), Unavailable, "instead of its own format"),
        (Fault("no list"), Unavailable, "cannot be read"),
        (Fault("words"), Unavailable, "cannot be read"),
        (Fault("elsewhere"), Unavailable, "not asked for"),
        (Fault("conflict"), Unavailable, "two different bars"),
        (Fault("drop"), Unavailable, "the connection broke"),
        (Fault("answer", status=500, body=HTML), Unavailable, "HTTP 500"),
        (Fault("answer", status=502), Unavailable, "HTTP 502"),
        (Fault("answer", status=524), Unavailable, "HTTP 524"),
        (Fault("answer", status=418), RateLimited, "HTTP 418"),
        (Fault("answer", status=429, body="slow down"), RateLimited, "HTTP 429"),
        (Fault("answer", status=403, body="access too frequent"), RateLimited, "wait at least 10 minutes"),
        (Fault("answer", status=401), AuthFailed, "HTTP 401"),
        (Fault("answer", status=404), Rejected, "HTTP 404"),
        (Fault("code", status=10_006, body="Too many visits!"), RateLimited, "Too many visits! .code 10006"),
        (Fault("code", status=10_429, body=""), RateLimited, "code 10429"),
        (Fault("code", status=10_000, body="Server Timeout"), Unavailable, "code 10000"),
        (Fault("code", status=10_016, body="Server error"), Unavailable, "code 10016"),
        (Fault("code", status=10_002, body="time window"), Unavailable, "code 10002"),
        (Fault("code", status=10_005, body="Permission denied"), AuthFailed, "code 10005"),
        (Fault("code", status=10_029, body="symbol"), Rejected, "code 10029"),
        (Fault("code", status=987_654, body="something new"), Rejected, "something new .code 987654"),
    ],
    ids=lambda value: value.do + str(value.status) + value.body[:12] if isinstance(value, Fault) else "",
)
def test_an_answer_that_is_none_raises(serve, fault, error, words):
    server = serve()
    fault.times, fault.path = -1, "/kline"
    server.faults.append(fault)
    with pytest.raises(error, match=f"bybit: bars of AAAUSDT.*{words}"):
        talk(server, ask_bars())


PASSING = ["cut", "drop", "no list", "words", "elsewhere"]


@pytest.mark.parametrize("do", PASSING)
def test_what_passes_is_asked_again(serve, do):
    server = serve()
    server.faults.append(Fault(do, "/kline", times=3))
    assert len(talk(server, ask_bars())) == 1_000
    assert len(server.calls("/kline")) == 4


@pytest.mark.parametrize(
    ("do", "status", "tries"), [("answer", 403, 1), ("answer", 401, 1), ("code", 10_005, 1), ("code", 10_001, 1)]
)
def test_what_will_not_pass_is_not(serve, do, status, tries):
    server = serve()
    server.faults.append(Fault(do, "/kline", times=-1, status=status))
    with pytest.raises((AuthFailed, RateLimited, Rejected)):
        talk(server, ask_bars())
    assert len(server.calls("/kline")) == tries


def test_retry_after_is_obeyed(serve):
    server = serve()
    server.faults.append(Fault("answer", "/kline", status=429, headers={"Retry-After": "1"}))
    assert len(talk(server, ask_bars())) == 1_000
    (_, first_s), (_, second_s) = server.calls("/kline")
    assert second_s - first_s >= 1.0


def test_a_long_retry_after_is_told_and_not_waited_for(serve):
    server = serve()
    server.faults.append(Fault("answer", "/kline", status=429, headers={"Retry-After": "900"}, times=-1))
    with pytest.raises(RateLimited):
        talk(server, ask_bars())
    assert len(server.calls("/kline")) == 1


def test_a_slow_answer_is_given_up(serve):
    server = serve()
    server.faults.append(Fault("slow", "/kline", seconds=2.0, times=-1))
    with pytest.raises(Unavailable, match="no answer in time"):
        talk(server, ask_bars(), timeout_ms=100, pauses_s=(0.01,))


def test_nobody_there():
    async def conversation():
        await open_market("bybit", Access(base_url="http://127.0.0.1:9", pauses_s=(0.01,)))

    with pytest.raises(Unavailable, match="bybit: its clock: no connection"):
        asyncio.run(conversation())


def test_an_unknown_symbol_is_refused_in_the_exchanges_words(serve):
    with pytest.raises(Rejected, match=r"bybit: bars of NOPEUSDT: params error: symbol invalid \(code 10001\)"):
        talk(serve(), ask_bars(symbol="NOPEUSDT"))


def test_what_no_exchange_offers_is_refused_here(serve):
    server = serve()
    with pytest.raises(DataError, match="no bars of 7m: choose 1m, 3m"):
        talk(server, ask_bars(bar_ms=420_000))
    with pytest.raises(DataError, match="1 to 1000"):
        talk(server, ask_bars(bars=1_001))
    with pytest.raises(ConfigError, match="'mtgox' is not supported by this version: choose bybit"):
        asyncio.run(open_market("mtgox"))


@pytest.mark.parametrize("cap", [1, 13, 200])
def test_funding_goes_past_the_page_limit_and_through_a_changed_interval(serve, cap):
    days = 5 if cap == 1 else 300
    contract = Contract("AAAUSDT", listed_ms=START_MS + 3 * HOUR_MS, funding_ms=4 * HOUR_MS)
    until_ms = START_MS + days * 24 * HOUR_MS
    prints = talk(serve(contract, funding_cap=cap), lambda market: market.funding("AAAUSDT", START_MS, until_ms))
    told = truth.funding(contract, START_MS, until_ms, NOW_MS)
    assert prints.at_ms.tolist() == [at_ms for at_ms, _ in told]
    assert prints.rate_frac.tolist() == [float(rate) for _, rate in told]
    assert len(prints) == days * 6 - 1


def test_a_print_at_the_end_belongs_to_the_next_range(serve):
    server = serve()
    asked = (START_MS + 8 * HOUR_MS, START_MS + 16 * HOUR_MS)
    prints = talk(server, lambda market: market.funding("AAAUSDT", *asked))
    assert prints.at_ms.tolist() == [START_MS + 8 * HOUR_MS]


def roster_of_contracts():
    return [
        *(Contract(f"C{number:03}USDT") for number in range(40)),
        Contract("SOONUSDT", status="PreLaunch"),
        Contract("LEAVINGUSDT", status="Delivering", delisted_ms=NOW_MS + HOUR_MS),
        Contract("GONEUSDT", status="Closed", delisted_ms=START_MS + HOUR_MS, funding_ms=HOUR_MS),
        Contract("ETHPERP", quote="USDC"),
        Contract("BTCUSDT-27MAR26", kind="LinearFutures"),
    ]


@pytest.mark.parametrize("page_cap", [1_000, 7])
def test_contracts_of_every_status_past_every_page(serve, page_cap):
    server = serve(*roster_of_contracts(), page_cap=page_cap)
    found = talk(server, lambda market: market.instruments())
    assert len(found) == 43
    assert list(found) == sorted(found)
    states = {name: found[name].trading for name in ("C000USDT", "SOONUSDT", "LEAVINGUSDT", "GONEUSDT")}
    assert list(states.values()) == [Trading.OPEN, Trading.NOT_YET, Trading.CLOSING, Trading.CLOSED]
    assert found["GONEUSDT"].delisted_ms == START_MS + HOUR_MS
    assert found["GONEUSDT"].funding_interval_ms == HOUR_MS
    assert found["C000USDT"].delisted_ms == NEVER_MS
    assert found["C039USDT"].tiers[1].deduction_usdt == Decimal(1200)
    assert found["GONEUSDT"].tiers == ()
    assert (found["C000USDT"].lots_min, found["C000USDT"].lots_max_market) == (2, 25_000)


def test_an_exchange_that_does_not_tell_of_the_closed_ones(serve):
    found = talk(serve(*roster_of_contracts(), knows_closed=False), lambda market: market.instruments())
    assert "GONEUSDT" not in found
    assert "SOONUSDT" in found


def test_a_list_of_contracts_that_breaks_off_raises(serve):
    server = serve(*roster_of_contracts(), page_cap=7)
    server.faults.append(Fault("answer", "instruments-info", status=502, skip=3, times=-1))
    with pytest.raises(Unavailable, match="HTTP 502"):
        talk(server, lambda market: market.instruments())


def test_no_contract_at_all_is_no_answer(serve):
    server = serve()
    server.faults.append(Fault("empty", "instruments-info", times=-1))
    with pytest.raises(Unavailable, match="lists no perpetual in USDT at all"):
        talk(server, lambda market: market.instruments())


def test_quotes_of_our_contracts_only(serve):
    quiet = {"ticker": {"bid1Price": "", "fundingRate": "", "nextFundingTime": "0"}}
    server = serve(Contract("AAAUSDT"), Contract("BBBUSDT", overrides=quiet), Contract("ETHPERP", quote="USDC"))
    quotes = talk(server, lambda market: market.quotes())
    assert sorted(quotes) == ["AAAUSDT", "BBBUSDT"]
    assert quotes["AAAUSDT"].bid < quotes["AAAUSDT"].last < quotes["AAAUSDT"].ask
    assert quotes["AAAUSDT"].at_ms == NOW_MS
    assert (quotes["BBBUSDT"].bid, quotes["BBBUSDT"].funding_frac, quotes["BBBUSDT"].next_funding_ms) == (None,) * 3


@pytest.mark.parametrize("skew_ms", [-9_000, 0, 3_600_000])
def test_the_clock_is_the_exchanges(serve, skew_ms):
    server = serve(now_ms=None, skew_ms=skew_ms)

    async def question(market):
        return await market.now_ms() - server.clock_ms(), market.wire.clock.skew_ms

    off_ms, told_ms = talk(server, question)
    assert abs(off_ms) < 50
    assert told_ms == pytest.approx(skew_ms, abs=50)


def test_the_addresses_are_the_exchanges_own(serve):
    server = serve()
    for network, host in (("main", "api.bybit.com"), ("test", "api-testnet.bybit.com"), ("demo", "api-demo.bybit.com")):
        from tests.exchange.server import Loopback
        from xsmom.venues.exchange_table import Network

        resolver = Loopback(server.tls_port)
        talk(
            server,
            lambda market: market.now_ms(),
            network=Network(network),
            resolver=lambda resolver=resolver: resolver,
        )
        assert resolver.asked == {host}


def test_our_budget_stays_within_the_exchanges(serve):
    server = serve(calls_max=600, window_s=5.0)

    async def question(market):
        asked = (market.candles("AAAUSDT", HOUR_MS, START_MS + at * HOUR_MS, 1, LAST) for at in range(260))
        await asyncio.gather(*asked)

    talk(server, question)
    assert server.barred == 0
    stamps = sorted(at_s for _, at_s in server.calls())
    assert max(sum(1 for other in stamps if at_s <= other < at_s + 1.0) for at_s in stamps) <= 150 * 0.9 + 32
