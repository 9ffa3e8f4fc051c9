"""What a download asks for: everything that is missing, nothing twice, nothing that is still forming."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsmom.domain.market_data import Instrument, Trading
from xsmom.domain.panel import NEVER_MS
from xsmom.errors import DataError
from xsmom.lake.series import SeriesKey
from xsmom.lake.spans import Span, difference, union
from xsmom.lake.wanted import FUNDING_STRETCH_MS, Wish, choose, plan, series_keys, silent, told_until

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
T0_MS = 1_672_531_200_000
NOW_MS = T0_MS + 1_000 * DAY_MS + 1_234_567
BARS = SeriesKey("bybit", "bars", "1h", "AAAUSDT")
FUNDING = SeriesKey("bybit", "funding", "", "AAAUSDT")


def contract(listed_ms=T0_MS, delisted_ms=NEVER_MS):
    one = Decimal(1)
    return Instrument(
        "AAAUSDT", "AAA", "USDT", one, one, 1, 9, 9, one, one, one, 8 * HOUR_MS, Trading.OPEN, listed_ms, delisted_ms
    )


def wish(since_ms=T0_MS, until_ms=None, kinds=("bars",)):
    return Wish(HOUR_MS, since_ms, until_ms, kinds, ("AAAUSDT",))


def planned(
    since_ms=T0_MS, until_ms=None, covered=(), listed_ms=T0_MS, delisted_ms=NEVER_MS, page_bars=1_000, key=BARS
):
    return plan(key, wish(since_ms, until_ms), covered, contract(listed_ms, delisted_ms), page_bars, NOW_MS)


hours = st.integers(0, 25_000).map(lambda number: T0_MS + number * HOUR_MS)
spans = st.lists(
    st.tuples(hours, st.integers(1, 3_000)).map(lambda one: Span(one[0], one[0] + one[1] * HOUR_MS)), max_size=6
)


@settings(deadline=None)
@given(hours, st.none() | hours, spans, st.integers(20, 1_000), hours)
def test_the_pages_are_what_is_missing_and_no_more(since_ms, until_ms, covered, page_bars, listed_ms):
    job = planned(since_ms, until_ms, covered, listed_ms, page_bars=page_bars)
    pages = [*job.pages, *job.before]
    end_ms = min(NOW_MS // HOUR_MS * HOUR_MS, NOW_MS if until_ms is None else until_ms)
    assert union(pages) == difference([Span(since_ms, end_ms)] if since_ms < end_ms else [], covered)
    assert sum(page.end_ms - page.start_ms for page in pages) == sum(
        span.end_ms - span.start_ms for span in union(pages)
    )
    for page in pages:
        assert 0 < page.end_ms - page.start_ms <= page_bars * HOUR_MS
    assert pages == sorted(pages, reverse=True)
    assert all(page.end_ms <= listed_ms for page in job.before)
    assert all(page.end_ms > listed_ms for page in job.pages)


def test_stamps_off_the_grid_mean_the_bars_inside():
    job = planned(T0_MS + 1, T0_MS + 5 * HOUR_MS + 1)
    assert job.pages == (Span(T0_MS + HOUR_MS, T0_MS + 6 * HOUR_MS),)


def test_nothing_behind_the_delisting():
    gone_ms = T0_MS + 10 * HOUR_MS + 60_000
    assert planned(delisted_ms=gone_ms).pages == (Span(T0_MS, T0_MS + 11 * HOUR_MS),)


def test_the_forming_bar_is_not_asked_for_even_when_until_lies_ahead():
    assert planned(NOW_MS - 90 * 60_000, NOW_MS + DAY_MS).pages[0].end_ms == NOW_MS // HOUR_MS * HOUR_MS


def test_funding_is_asked_in_stretches():
    job = planned(key=FUNDING)
    assert job.pages[0].end_ms == NOW_MS
    assert all(page.end_ms - page.start_ms <= FUNDING_STRETCH_MS for page in job.pages)


def test_repeated_runs_ask_for_the_same_pages():
    first = planned(T0_MS + 17 * HOUR_MS)
    again = planned(T0_MS + 17 * HOUR_MS, covered=[first.pages[0]])
    assert again.pages == first.pages[1:]


@pytest.mark.parametrize(
    ("key", "end_ms", "last_ms", "told_ms"),
    [
        (BARS, NOW_MS - DAY_MS, None, NOW_MS - DAY_MS),  # long over: an empty answer is an answer
        (BARS, NOW_MS // HOUR_MS * HOUR_MS, None, NOW_MS // HOUR_MS * HOUR_MS),  # 20 minutes ago: published by now
        (
            FUNDING,
            NOW_MS,
            None,
            (NOW_MS - 900_000) // 60_000 * 60_000,
        ),  # a print of the last quarter of an hour may still come
        (FUNDING, NOW_MS, NOW_MS - 100, NOW_MS - 99),
    ],
)
def test_up_to_where_an_answer_tells(key, end_ms, last_ms, told_ms):
    assert told_until(key, Span(T0_MS, end_ms), last_ms, NOW_MS) == told_ms


def test_a_bar_that_has_just_ended_and_is_not_there_yet_is_not_covered():
    now_ms = T0_MS + 100 * HOUR_MS + 3_000
    page = Span(T0_MS, T0_MS + 100 * HOUR_MS)
    assert told_until(BARS, page, T0_MS + 98 * HOUR_MS, now_ms) == T0_MS + 99 * HOUR_MS
    assert told_until(BARS, page, T0_MS + 99 * HOUR_MS, now_ms) == page.end_ms


@pytest.mark.parametrize(
    ("key", "start_ms", "end_ms", "hard_to_believe"),
    [
        (BARS, T0_MS, T0_MS + HOUR_MS, True),
        (BARS, T0_MS - HOUR_MS, T0_MS + HOUR_MS, False),
        (BARS, T0_MS + 50 * HOUR_MS, T0_MS + 101 * HOUR_MS, False),
        (FUNDING, T0_MS, T0_MS + 3 * HOUR_MS, False),
        (FUNDING, T0_MS, T0_MS + 30 * HOUR_MS, True),
    ],
)
def test_silence_while_the_contract_trades(key, start_ms, end_ms, hard_to_believe):
    life = Span(T0_MS, T0_MS + 100 * HOUR_MS)
    assert silent(key, Span(start_ms, end_ms), life) is hard_to_believe


def test_series_of_a_wish():
    keys = series_keys("bybit", wish(kinds=("bars", "funding")))
    assert keys == [BARS, FUNDING]


def test_symbols_are_those_of_the_exchange():
    known = ["BTCUSDT", "ETHUSDT", "1000PEPEUSDT"]
    assert choose(known, [" btcusdt", "ETHUSDT", ""], "bybit") == ("BTCUSDT", "ETHUSDT")
    with pytest.raises(DataError, match="bybit has no perpetual BTCUSD: did you mean BTCUSDT"):
        choose(known, ["BTCUSD"], "bybit")
    with pytest.raises(DataError, match="no perpetual QQQ: see xsmom exchange markets"):
        choose(known, ["QQQ"], "bybit")
    with pytest.raises(DataError, match="no symbol is asked for"):
        choose(known, [""], "bybit")
