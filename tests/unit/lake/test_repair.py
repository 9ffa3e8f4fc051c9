"""Repair asks the exchange again, and nobody else; what it cannot do it says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.lake.market_lakes import FETCHED_MS, healthy_lake, put_bars, put_funding
from tests.unit.lake.market_rows import HOUR_MS, START_MS, healthy
from xsmom.domain.market_data import Candles, FundingPrints, Instrument, PriceKind, Quote
from xsmom.errors import Unavailable
from xsmom.lake.checkup import check_market
from xsmom.lake.repair import Repair, fetch_again, plan_repair
from xsmom.lake.series import SeriesKey, Source
from xsmom.lake.spans import Span
from xsmom.lake.store import Lake


class Market:
    """An exchange that knows the healthy rows of its names, and how often it was asked."""

    venue = "acme"
    candles_page_max = 7

    def __init__(self, seeds: Mapping[str, int], *, away: bool = False) -> None:
        self.seeds, self.away = seeds, away
        self.asked: list[tuple[str, int, int]] = []

    async def now_ms(self) -> int:
        return FETCHED_MS

    async def candles(self, symbol: str, bar_ms: int, since_ms: int, bars: int, price: PriceKind) -> Candles:
        assert bars <= self.candles_page_max
        assert price is PriceKind.LAST
        if self.away:
            raise Unavailable("the exchange is away")
        self.asked.append((symbol, since_ms, bars))
        columns = healthy(300, self.seeds[symbol])
        inside = (columns["open_ms"] >= since_ms) & (columns["open_ms"] < since_ms + bars * bar_ms)
        return Candles(symbol, bar_ms, **{name: column[inside] for name, column in columns.items()})

    async def funding(self, symbol: str, since_ms: int, until_ms: int) -> FundingPrints:
        stamps = START_MS + 8 * HOUR_MS * np.arange(38, dtype=np.int64)
        inside = (stamps >= since_ms) & (stamps < until_ms)
        return FundingPrints(symbol, stamps[inside], np.full(int(inside.sum()), 7e-4))

    async def instruments(self) -> Mapping[str, Instrument]:
        return {}

    async def quotes(self) -> Mapping[str, Quote]:
        return {}

    async def close(self) -> None:
        pass


def plan(lake: Lake, asked: str | None = "acme") -> Repair:
    checked = check_market(lake, "acme", "1h")
    assert checked is not None
    return plan_repair(lake, [("acme", "1h", finding) for finding in checked.findings], set(), asked)


def mend(lake: Lake, market: Any) -> Repair:
    repair = plan(lake)
    asyncio.run(fetch_again(lake, market, repair))
    return repair


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return healthy_lake(tmp_path / "lake", names=2)


def test_a_healthy_lake_needs_nothing(lake: Lake) -> None:
    assert plan(lake) == Repair()


def test_bad_bars_are_asked_for_again_and_replaced(lake: Lake) -> None:
    columns = healthy(300, 5)
    columns["close"][50:53] = -1.0
    columns["low"][200] = 1e9
    key = put_bars(lake, "AUSDT", columns)
    market = Market({"AUSDT": 5})
    repair = mend(lake, market)
    assert [(m.span.start_ms, m.why) for m in repair.fetch] == [
        (START_MS + 50 * HOUR_MS, "bad_price"),
        (START_MS + 200 * HOUR_MS, "broken_range"),
    ]
    assert market.asked == [("AUSDT", START_MS + 50 * HOUR_MS, 3), ("AUSDT", START_MS + 200 * HOUR_MS, 1)]
    np.testing.assert_array_equal(lake.read(key)["close"], healthy(300, 5)["close"])
    assert lake.info(key).revised_rows == 4
    assert len(repair.done) == 2
    assert repair.left == []
    assert plan(lake) == Repair()


def test_a_hole_is_filled_in_pages(lake: Lake) -> None:
    columns = healthy(300, 5)
    key = SeriesKey("acme", "bars", "1h", "AUSDT")
    for first, end in ((0, 100), (120, 300)):
        put_bars(lake, "AUSDT", {name: column[first:end] for name, column in columns.items()})
    lake.note_hole(key, Span(START_MS + 100 * HOUR_MS, START_MS + 110 * HOUR_MS), "answered with HTML")
    market = Market({"AUSDT": 5})
    mend(lake, market)
    assert [(bars) for _, _, bars in market.asked] == [7, 7, 6]
    assert lake.info(key).holes == ()
    assert lake.info(key).covered == (Span(START_MS, START_MS + 300 * HOUR_MS),)
    np.testing.assert_array_equal(lake.read(key)["close"], columns["close"])


def test_conflicting_bars_and_prints_are_settled_by_the_newest_answer(lake: Lake) -> None:
    columns = healthy(300, 1)
    for name in ("close", "high"):
        columns[name][40] *= 1.001
    put_bars(lake, "N1USDT", {name: column[40:41] for name, column in columns.items()})
    put_funding(lake, "N1USDT", [80], [5e-4])
    repair = mend(lake, Market({"N1USDT": 1}))
    assert {m.why for m in repair.fetch} == {"conflict", "print_conflict"}
    assert plan(lake) == Repair()
    prints = lake.read(SeriesKey("acme", "funding", "", "N1USDT"))
    at = prints.filter(prints["at_ms"] == START_MS + 80 * HOUR_MS)
    assert at["rate_frac"].to_list() == [7e-4]


def test_what_the_exchange_does_not_answer_is_left_as_it_was(lake: Lake) -> None:
    columns = healthy(300, 5)
    columns["close"][50] = -1.0
    key = put_bars(lake, "AUSDT", columns)
    before = lake.read(key)
    repair = mend(lake, Market({"AUSDT": 5}, away=True))
    assert repair.done == []
    assert "the exchange is away" in repair.left[0]
    assert lake.read(key).equals(before)


def test_rows_of_files_and_of_other_exchanges_are_not_touched(lake: Lake) -> None:
    columns = healthy(300, 5)
    columns["close"][50] = -1.0
    put_bars(lake, "AUSDT", columns, source=Source("import", "a.csv", 0))
    market = Market({"AUSDT": 5})
    repair = mend(lake, market)
    assert market.asked == []
    assert "import them again" in repair.fetch[0].left
    put_bars(lake, "BUSDT", columns)
    others = [one.left for one in plan(lake, "elsewhere").fetch if one.key.symbol == "BUSDT"]
    assert others == ["acme cannot be asked by this version"]
