"""Tickers, books and bars as they stand on the wire, and what is pushed of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xsmom.simex.bybit.wire import INTERVALS_MS, counted, fixed, nearest, plain, rate

if TYPE_CHECKING:
    from xsmom.domain.market_data import Instrument
    from xsmom.simex.market import Moment
    from xsmom.simex.world import World

Row = dict[str, Any]

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
_DATED_ONLY = ("predictedDeliveryPrice", "basisRate", "deliveryFeeRate", "deliveryTime", "basis", "basisRateYear")
_BOOK_DEPTHS = (1, 50, 200, 1000)
_EXPONENT_MIN = -9
_UNITS_MAX = 1e11
"""Up to here a float tells whole units apart from halves with room to spare."""


def ticker_row(world: World, symbol: str) -> Row | None:
    """Give the newest prices of a contract; none where it has no price."""
    price = world.prices.of.get(symbol)
    if price is None:
        return None
    instrument = world.instruments[symbol]
    tick, step, now_ms = instrument.price_tick, instrument.qty_step, world.clock.now_ms()
    day = world.candles.bars(symbol, world.tape.panel.bar_ms, now_ms - DAY_MS, now_ms, now_ms)
    highest = max([row[2] for row in day], default=float(price.last * tick))
    lowest = min([row[3] for row in day], default=float(price.last * tick))
    before = day[0][1] if day else float(price.last * tick)
    turnover = nearest(Decimal(sum(row[5] for row in day)), Decimal("0.0001"))
    hour = [row for row in day if row[0] >= now_ms - HOUR_MS]
    last = price.last * tick
    change = nearest(last / Decimal(before) - 1, Decimal("0.000001")) if before else Decimal(0)

    def write(ticks: int) -> str:
        return counted(ticks, tick)

    def written(value: float) -> str:
        return write(world.prices.ticks(symbol, value))

    interval_ms = instrument.funding_interval_ms
    bid_lots, ask_lots = world.prices.best_lots(symbol)
    return {
        "symbol": symbol,
        "lastPrice": write(price.last),
        "indexPrice": write(price.index),
        "markPrice": write(price.mark),
        "prevPrice24h": written(before),
        "price24hPcnt": plain(change),
        "highPrice24h": written(highest),
        "lowPrice24h": written(lowest),
        "prevPrice1h": written(hour[0][1] if hour else before),
        "openInterest": "0",
        "openInterestValue": "0",
        "turnover24h": plain(turnover),
        "volume24h": fixed(turnover / last, step),
        "fundingRate": rate(Decimal(world.funding.expected(symbol, now_ms))),
        "nextFundingTime": str((now_ms // interval_ms + 1) * interval_ms),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "ask1Size": fixed(ask_lots * step, step),
        "bid1Price": write(price.bid),
        "ask1Price": write(price.ask),
        "bid1Size": fixed(bid_lots * step, step),
        "basis": "",
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
        "fundingIntervalHour": str(max(1, interval_ms // HOUR_MS)),
        "fundingCap": "0.02",
        "basisRateYear": "",
    }


def bar_cells(instrument: Instrument, row: tuple[float, ...]) -> list[str]:
    """Write a bar: open, high, low, close, volume in coins, turnover."""
    tick, step = instrument.price_tick, instrument.qty_step
    prices = [counted(max(1, round(Decimal(price) / tick)), tick) for price in row[1:5]]
    turnover = nearest(Decimal(row[5]), Decimal("0.00000001"))
    volume = turnover / Decimal(sum(row[1:5]) / 4)
    return [*prices, fixed(volume, step), plain(turnover)]


def bar_texts(instrument: Instrument, rows: Sequence[tuple[float, ...]]) -> list[tuple[str, ...]]:
    """Write many bars at once, each as `bar_cells` does, with its time before: column by column.

    Numbers that lie where a float could be rounded the other way than the exact one are written one by one.
    """
    tick, step = instrument.price_tick, instrument.qty_step
    if not rows or not (_is_decimal(tick) and _is_decimal(step)):
        return [(str(int(row[0])), *bar_cells(instrument, row)) for row in rows]
    cells = np.array(rows, dtype=np.float64)
    prices, digit = cells[:, 1:5], Decimal(1).scaleb(_exponent(step))
    turnover = [text.rstrip("0").rstrip(".") for text in _written(cells[:, 5].tolist(), 8)]
    mean = (prices[:, 0] + prices[:, 1] + prices[:, 2] + prices[:, 3]) / 4
    ticks, unsure = _nearest(prices, float(tick))
    for at in zip(*np.nonzero(unsure), strict=True):
        ticks[at] = round(Decimal(float(prices[at])) / tick)
    volume, unsure_volume = _nearest(np.array(turnover, dtype=np.float64) / mean, float(digit))
    columns = [
        [str(int(at_ms)) for at_ms in cells[:, 0].tolist()],
        *(_texts(np.maximum(ticks[:, at], 1), tick) for at in range(4)),
        _texts(volume, digit),
        turnover,
    ]
    told = list(zip(*columns, strict=True))
    for row in np.flatnonzero(unsure_volume | (ticks > _UNITS_MAX).any(axis=1)).tolist():
        told[row] = (told[row][0], *bar_cells(instrument, rows[row]))
    return told


def _exponent(step: Decimal) -> int:
    return int(step.as_tuple().exponent)


def _is_decimal(step: Decimal) -> bool:
    """Whether it is counted in digits after the point, and not in too many."""
    return _EXPONENT_MIN <= _exponent(step) <= 0


def _nearest(values: NDArray[np.float64], unit: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Whole units, and where that is not sure: near a half, where numbers are large, where there is none."""
    units = values / unit
    whole = np.rint(units)
    return whole, ~((np.abs(np.abs(units - whole) - 0.5) > 1e-3) & (np.abs(units) < _UNITS_MAX))


def _texts(units: NDArray[np.float64], step: Decimal) -> list[str]:
    """So many steps, with the digits of the step."""
    digits = -_exponent(step)
    whole = units * float(step.scaleb(digits))
    return _written((whole / 10.0**digits).tolist(), digits)


def _written(values: list[float], digits: int) -> list[str]:
    """With so many digits after the point; all in one go."""
    return (f"%.{digits}f\n" * len(values) % tuple(values)).split("\n")[:-1]


def book_row(world: World, symbol: str, depth: int) -> Row:
    """Give the book of a contract."""
    instrument = world.instruments[symbol]
    tick, step, now_ms = instrument.price_tick, instrument.qty_step, world.clock.told_ms()
    price = world.prices.of.get(symbol)
    bids, asks = world.prices.levels(symbol) if price else ([], [])

    def write(levels: list[tuple[int, int]]) -> list[list[str]]:
        return [[counted(ticks, tick), counted(lots, step)] for ticks, lots in levels[:depth]]

    updates = price.updates if price else 0
    return {
        "s": symbol,
        "b": write(bids),
        "a": write(asks),
        "ts": now_ms,
        "u": updates,
        "seq": updates,
        "cts": now_ms,
    }


def _ticker_message(world: World, symbol: str, kind: str) -> Row | None:
    row = ticker_row(world, symbol)
    if row is None:
        return None
    for name in _DATED_ONLY:
        del row[name]
    row["tickDirection"] = "PlusTick" if world.prices.of[symbol].rising else "MinusTick"
    now_ms = world.clock.told_ms()
    return {
        "topic": f"tickers.{symbol}",
        "type": kind,
        "data": row,
        "cs": world.prices.of[symbol].updates,
        "ts": now_ms,
    }


def _book_message(world: World, symbol: str, depth: int) -> Row:
    row = book_row(world, symbol, depth)
    data = {name: row[name] for name in ("s", "b", "a", "u", "seq")}
    # Each picture of the book is whole: a snapshot, which a client takes instead of what it had.
    return {
        "topic": f"orderbook.{depth}.{symbol}",
        "type": "snapshot",
        "ts": row["ts"],
        "data": data,
        "cts": row["cts"],
    }


def _bar_message(world: World, symbol: str, interval: str, at_ms: int, *, confirm: bool) -> Row | None:
    bar_ms = INTERVALS_MS[interval]
    open_ms = (at_ms - 1) // bar_ms * bar_ms
    bars = world.candles.bars(symbol, bar_ms, open_ms, open_ms, at_ms)
    if not bars:
        return None
    names = ("open", "high", "low", "close", "volume", "turnover")
    data = {
        "start": open_ms,
        "end": open_ms + bar_ms - 1,
        "interval": interval,
        **dict(zip(names, bar_cells(world.instruments[symbol], bars[0]), strict=True)),
        "confirm": confirm,
        "timestamp": at_ms,
    }
    return {"topic": f"kline.{interval}.{symbol}", "data": [data], "ts": world.clock.told_ms(), "type": "snapshot"}


def price_messages(world: World, symbol: str) -> Iterator[tuple[str, Row]]:
    """What is pushed when the price of a contract has moved."""
    if world.listened(f"tickers.{symbol}"):
        message = _ticker_message(world, symbol, "delta")
        if message is not None:
            yield message["topic"], message
    for depth in _BOOK_DEPTHS:
        if world.listened(f"orderbook.{depth}.{symbol}"):
            message = _book_message(world, symbol, depth)
            yield message["topic"], message


def market_messages(world: World, moment: Moment) -> Iterator[tuple[str, Row]]:
    """What is pushed after a moment of the market."""
    for symbol in world.prices.of:
        yield from price_messages(world, symbol)
        for interval, bar_ms in INTERVALS_MS.items():
            if bar_ms % world.tape.panel.bar_ms or not world.listened(f"kline.{interval}.{symbol}"):
                continue
            message = _bar_message(world, symbol, interval, moment.at_ms, confirm=moment.at_ms % bar_ms == 0)
            if message is not None:
                yield message["topic"], message


def snapshots(world: World, topic: str) -> list[Row]:
    """What a new listener is told first."""
    kind, *_, symbol = topic.split(".")
    if kind == "tickers":
        message = _ticker_message(world, symbol, "snapshot")
        return [] if message is None else [message]
    if kind == "orderbook" and symbol in world.prices.of:
        return [_book_message(world, symbol, int(topic.split(".")[1]))]
    return []
