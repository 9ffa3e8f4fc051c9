"""`/v5/market`: time, contracts, bars, funding, prices, books, tiers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from xsmom.domain.market_data import Instrument, Trading
from xsmom.domain.panel import NEVER_MS
from xsmom.simex.bybit import codes, market_rows
from xsmom.simex.bybit.asking import Asked, Refusal, refuse
from xsmom.simex.bybit.codes import Code
from xsmom.simex.bybit.signing import is_count
from xsmom.simex.bybit.wire import INTERVALS_MS, fixed, nearest, plain, rate
from xsmom.simex.world import World

STATUS = {
    Trading.OPEN: "Trading",
    Trading.NOT_YET: "PreLaunch",
    Trading.CLOSING: "Delivering",
    Trading.CLOSED: "Closed",
}
OTHER_CATEGORIES = ("inverse", "spot", "option")
TIERS_A_PAGE = 15
_BARS_MAX = 1000
_PRINTS_MAX = 200
_FIRST_MS = 1_500_000_000_000
PRICE_TICKS_MAX = 1_999_999_998

Handler = Callable[[World, Asked], dict[str, Any]]


def tell_time(world: World, _asked: Asked) -> dict[str, Any]:
    """`/v5/market/time`."""
    now_ms = world.clock.told_ms()
    return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}


def need_linear(asked: Asked) -> None:
    """Only linear contracts trade here."""
    category = asked.text("category", "linear")
    if category not in ("linear", *OTHER_CATEGORIES):
        raise refuse("params error: Category is invalid")
    if category != "linear":
        raise Refusal(Code(codes.BAD_PARAMETER.number, f"category {category} is not simulated"))


def find_instrument(world: World, asked: Asked) -> Instrument:
    """Find the contract that is asked for, or refuse as the exchange does."""
    need_linear(asked)
    symbol = asked.text("symbol")
    instrument = world.instruments.get(symbol)
    if instrument is None or not world.candles.known(symbol, world.clock.now_ms()):
        raise Refusal(Code(codes.BAD_PARAMETER.number, "params error: symbol invalid " + symbol))
    return instrument


def list_instruments(world: World, asked: Asked) -> dict[str, Any]:
    """`/v5/market/instruments-info`: by default what trades now, in pages."""
    category = asked.text("category")
    if category != "linear":
        need_linear(Asked({"category": category}))
    status, limit = asked.text("status", "Trading"), asked.whole("limit", 500, low=1, high=1000)
    now_ms = world.clock.now_ms()
    rows = []
    for symbol in sorted(world.instruments):
        instrument = world.instruments[symbol]
        if asked.has("symbol") and symbol != asked.text("symbol"):
            continue
        if asked.has("baseCoin") and instrument.base != asked.text("baseCoin"):
            continue
        if STATUS[world.trading(symbol, now_ms)] == status or (asked.has("symbol") and not asked.has("status")):
            rows.append(_instrument_row(world, instrument, now_ms))
    page, cursor = cut_page(rows, asked, limit)
    return {"category": "linear", "list": page, "nextPageCursor": cursor}


def cut_page(rows: list[Any], asked: Asked, limit: int) -> tuple[list[Any], str]:
    """Cut the page that the cursor asks for, and give the cursor of the next one; empty at the end."""
    start = 0
    if asked.has("cursor"):
        text = asked.text("cursor").removeprefix("page_")
        if not is_count(text):
            raise refuse("params error: cursor invalid")
        start = int(text)
    end = start + limit
    return rows[start:end], f"page_{end}" if end < len(rows) else ""


def _instrument_row(world: World, instrument: Instrument, now_ms: int) -> dict[str, Any]:
    tick, step = instrument.price_tick, instrument.qty_step
    gone = instrument.delisted_ms
    return {
        "symbol": instrument.symbol,
        "symbolId": world.number[instrument.symbol] + 1,
        "contractType": "LinearPerpetual",
        "status": STATUS[world.trading(instrument.symbol, now_ms)],
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "launchTime": str(instrument.listed_ms),
        "deliveryTime": "0" if gone == NEVER_MS or not world.told_delisting(instrument.symbol) else str(gone),
        "deliveryFeeRate": "",
        "priceScale": str(max(0, -int(tick.normalize().as_tuple().exponent))),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{instrument.leverage_x_max:.2f}",
            "leverageStep": "0.01",
        },
        "priceFilter": {"minPrice": plain(tick), "maxPrice": plain(tick * PRICE_TICKS_MAX), "tickSize": plain(tick)},
        "lotSizeFilter": {
            "maxOrderQty": fixed(instrument.lots_max * step, step),
            "minOrderQty": fixed(instrument.lots_min * step, step),
            "qtyStep": plain(step),
            "postOnlyMaxOrderQty": fixed(instrument.lots_max * step, step),
            "maxMktOrderQty": fixed(instrument.lots_max_market * step, step),
            "minNotionalValue": plain(instrument.notional_usdt_min),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": instrument.funding_interval_ms // 60_000,
        "settleCoin": instrument.quote,
        "copyTrading": "none",
        "upperFundingRate": "0.02",
        "lowerFundingRate": "-0.02",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.05", "priceLimitRatioY": "0.1"},
        "displayName": "",
        "forbidUplWithdrawal": False,
        "symbolType": "",
    }


def list_bars(world: World, asked: Asked, *, with_volume: bool = True) -> dict[str, Any]:
    """`/v5/market/kline`: newest first, the forming bar with them."""
    instrument = find_instrument(world, asked)
    interval = asked.text("interval")
    bar_ms = INTERVALS_MS.get(interval)
    if bar_ms is None:
        raise refuse("params error: Invalid period!")
    if bar_ms % world.tape.panel.bar_ms:
        raise refuse(f"params error: interval {interval} is finer than the simulated market")
    limit = asked.whole("limit", 200, low=1, high=_BARS_MAX)
    now_ms = world.clock.now_ms()
    end_ms = asked.whole("end", now_ms)
    start_ms = asked.whole("start", -1, low=-1)
    if start_ms > end_ms:
        raise refuse("params error: start time is greater than end time")
    if start_ms < 0 or (end_ms - start_ms) // bar_ms >= limit:
        # More than a page: with a start alone the oldest ones, else the newest.
        if start_ms >= 0 and not asked.has("end"):
            end_ms = start_ms + (limit - 1) * bar_ms
        else:
            newest_ms = min(end_ms, now_ms - 1) // bar_ms * bar_ms
            start_ms = max(newest_ms - (limit - 1) * bar_ms, start_ms, 0)
    rows = world.candles.bars(instrument.symbol, bar_ms, max(start_ms, 0), end_ms, now_ms)
    told = market_rows.bar_texts(instrument, rows[-limit:])[::-1]
    if not with_volume:
        told = [row[:5] for row in told]
    return {"symbol": instrument.symbol, "category": "linear", "list": told}


def list_mark_bars(world: World, asked: Asked) -> dict[str, Any]:
    """`/v5/market/mark-price-kline` and its sisters: the mark follows the last price here."""
    return list_bars(world, asked, with_volume=False)


def list_premium_bars(world: World, asked: Asked) -> dict[str, Any]:
    """`/v5/market/premium-index-price-kline`: none, as the contract and its index have one price here."""
    told = list_bars(world, asked, with_volume=False)
    return told | {"list": [[row[0], *["0"] * 4] for row in told["list"]]}


def list_funding(world: World, asked: Asked) -> dict[str, Any]:
    """`/v5/market/funding/history`: newest first, at most 200."""
    instrument = find_instrument(world, asked)
    limit = asked.whole("limit", _PRINTS_MAX, low=1, high=_PRINTS_MAX)
    if asked.has("startTime") and not asked.has("endTime"):
        raise refuse("params error: endTime is required when startTime is given")
    now_ms = world.clock.now_ms()
    start_ms, end_ms = asked.whole("startTime", _FIRST_MS), asked.whole("endTime", now_ms)
    prints = world.funding.prints(instrument.symbol, start_ms, end_ms, now_ms)[-limit:]
    rows = [
        {"symbol": instrument.symbol, "fundingRate": rate(Decimal(value)), "fundingRateTimestamp": str(at_ms)}
        for at_ms, value in reversed(prints)
    ]
    return {"category": "linear", "list": rows}


def list_tickers(world: World, asked: Asked) -> dict[str, Any]:
    """`/v5/market/tickers`."""
    need_linear(asked)
    if asked.has("symbol"):
        symbols = [find_instrument(world, asked).symbol]
    else:
        now_ms = world.clock.now_ms()
        symbols = [name for name in sorted(world.instruments) if world.trading(name, now_ms) is Trading.OPEN]
    return {"category": "linear", "list": [row for row in map(world.ticker, symbols) if row]}


def show_book(world: World, asked: Asked) -> dict[str, Any]:
    """`/v5/market/orderbook`."""
    instrument = find_instrument(world, asked)
    limit = asked.whole("limit", 25, low=1, high=1000)
    return world.book(instrument.symbol, limit)


def list_tiers(world: World, asked: Asked) -> dict[str, Any]:
    """`/v5/market/risk-limit`: fifteen contracts a page."""
    need_linear(asked)
    names = [find_instrument(world, asked).symbol] if asked.has("symbol") else sorted(world.instruments)
    page, cursor = cut_page(names, asked, TIERS_A_PAGE)
    rows = []
    for symbol in page:
        for number, tier in enumerate(world.instruments[symbol].tiers, start=1):
            rows.append(
                {
                    "id": number,
                    "symbol": symbol,
                    "riskLimitValue": plain(tier.notional_usdt_max),
                    "maintenanceMargin": plain(tier.maintenance_frac),
                    "initialMargin": plain(nearest(1 / tier.leverage_x_max, Decimal("0.0001"))),
                    "isLowestRisk": int(number == 1),
                    "maxLeverage": f"{tier.leverage_x_max:.2f}",
                    "mmDeduction": plain(tier.deduction_usdt) if tier.deduction_usdt else "",
                }
            )
    return {"category": "linear", "list": rows, "nextPageCursor": cursor}


def tell_status(world: World, _asked: Asked) -> dict[str, Any]:
    """`/v5/system/status`: interruptions that were announced."""
    now_ms = world.clock.told_ms()
    return {"list": [_interruption(number, one, now_ms) for number, one in enumerate(world.announced, start=1)]}


def _interruption(number: int, one: dict[str, Any], now_ms: int) -> dict[str, Any]:
    begun, over = now_ms >= one["begin_ms"], now_ms >= one["end_ms"]
    return {
        "id": f"{number:08d}-0000-0000-0000-000000000000",
        "title": one["title"],
        "state": "completed" if over else "ongoing" if begun else "scheduled",
        "begin": str(one["begin_ms"]),
        "end": str(one["end_ms"]),
        "href": "",
        "serviceTypes": [1],
        "product": [1],
        "uidSuffix": [],
        "maintainType": 1,
        "env": 1,
    }


ROUTES: dict[str, Handler] = {
    "/v5/system/status": tell_status,
    "/v5/market/time": tell_time,
    "/v5/market/instruments-info": list_instruments,
    "/v5/market/kline": list_bars,
    "/v5/market/mark-price-kline": list_mark_bars,
    "/v5/market/index-price-kline": list_mark_bars,
    "/v5/market/premium-index-price-kline": list_premium_bars,
    "/v5/market/funding/history": list_funding,
    "/v5/market/tickers": list_tickers,
    "/v5/market/orderbook": show_book,
    "/v5/market/risk-limit": list_tiers,
}
"""Public reads by their paths."""
