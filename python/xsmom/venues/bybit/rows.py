"""Bybit's rows as our nouns. A row that lacks what it must have raises; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.market_data import Candles, DepthSight, Instrument, MarginTier, Quote, Trading
from xsmom.domain.panel import NEVER_MS

T = TypeVar("T")

_MINUTE_MS = 60_000
_TRADING = {
    "Trading": Trading.OPEN,
    "PreLaunch": Trading.NOT_YET,
    "Delivering": Trading.CLOSING,
    "Closed": Trading.CLOSED,
}


def listed(answer: dict[str, Any]) -> list[Any]:
    """`result.list`, which must be there: an answer without it is no answer."""
    rows = answer["result"]["list"]
    if not isinstance(rows, list):
        raise TypeError(f"result.list is {type(rows).__name__}")
    return rows


def page(read: Callable[[dict[str, Any]], T]) -> Callable[[dict[str, Any]], tuple[list[T], str]]:
    """Rows of one page, and the cursor of the next one (empty at the end)."""

    def parse(answer: dict[str, Any]) -> tuple[list[T], str]:
        return [read(row) for row in listed(answer)], str(answer["result"].get("nextPageCursor") or "")

    return parse


def optional(text: str | None) -> Decimal | None:
    """An amount that may be missing, which Bybit writes as an empty text."""
    return Decimal(text) if text else None


def instrument(row: dict[str, Any]) -> Instrument | None:
    """A linear perpetual, or None for anything else that shares the list (dated futures)."""
    if row["contractType"] != "LinearPerpetual":
        return None
    lots, prices = row["lotSizeFilter"], row["priceFilter"]
    step = Decimal(lots["qtyStep"])
    gone_ms = int(row.get("deliveryTime") or 0)
    return Instrument(
        symbol=row["symbol"],
        base=row["baseCoin"],
        quote=row["quoteCoin"],
        price_tick=Decimal(prices["tickSize"]),
        qty_step=step,
        lots_min=-int(-Decimal(lots["minOrderQty"]) // step),
        lots_max=int(Decimal(lots["maxOrderQty"]) // step),
        lots_max_market=int(Decimal(lots["maxMktOrderQty"]) // step),
        notional_usdt_min=Decimal(lots.get("minNotionalValue") or 0),
        contract_size=Decimal(1),
        leverage_x_max=Decimal(row["leverageFilter"]["maxLeverage"]),
        funding_interval_ms=int(row["fundingInterval"]) * _MINUTE_MS,
        trading=_trading(row),
        listed_ms=int(row["launchTime"]),
        delisted_ms=gone_ms or NEVER_MS,
    )


def _trading(row: dict[str, Any]) -> Trading:
    """A contract in its pre-market phase is none that we trade, whatever its status says."""
    return Trading.NOT_YET if row.get("isPreListing") is True else _TRADING[row["status"]]


def tier(row: dict[str, Any]) -> tuple[str, MarginTier]:
    """One step of a symbol's maintenance margin."""
    return row["symbol"], MarginTier(
        notional_usdt_max=Decimal(row["riskLimitValue"]),
        maintenance_frac=Decimal(str(row["maintenanceMargin"])),
        deduction_usdt=Decimal(row.get("mmDeduction") or 0),
        leverage_x_max=Decimal(row["maxLeverage"]),
    )


def quote(row: dict[str, Any], at_ms: int) -> Quote:
    """The newest prices; what nobody offers or nobody has fixed yet is None."""
    return Quote(
        symbol=row["symbol"],
        at_ms=at_ms,
        last=Decimal(row["lastPrice"]),
        mark=Decimal(row["markPrice"]),
        index=Decimal(row["indexPrice"]),
        bid=optional(row["bid1Price"]),
        ask=optional(row["ask1Price"]),
        turnover_usdt_day=Decimal(row["turnover24h"]),
        funding_frac=optional(row["fundingRate"]),
        next_funding_ms=int(row["nextFundingTime"]) or None,
    )


def depth(symbol: str, levels: int, answer: dict[str, Any]) -> DepthSight:
    """How much stands on either side, best levels first."""
    told = answer["result"]
    if told["s"] != symbol:
        raise ValueError(f"the book of {told['s']} was not asked for")
    bid, ask = (sum((Decimal(row[1]) for row in told[side][:levels]), Decimal(0)) for side in ("b", "a"))
    return DepthSight(symbol, int(told["ts"]), bid, ask)


_WIDTH = 7  # open time, open, high, low, close, volume, turnover
_WIDTH_MARK = 5  # mark prices have no volumes


def bars(told: list[list[str]]) -> NDArray[np.float64]:
    """A row of seven numbers for each bar, as told; volumes that do not exist are NaN."""
    widths = set(map(len, told))
    if len(widths) > 1 or not widths <= {_WIDTH, _WIDTH_MARK}:
        raise ValueError(f"bars of {sorted(widths)} fields")
    cells = np.full((len(told), _WIDTH), np.nan)
    if told:
        cells[:, : len(told[0])] = np.fromiter(map(float, chain.from_iterable(told)), np.float64).reshape(len(told), -1)
    if not np.isfinite(cells[:, :_WIDTH_MARK]).all() or (cells[:, 0] % 1).any():
        raise ValueError("a bar whose time or prices are no numbers")
    return cells


def rising(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows by open time, repeated ones once; two different rows of one time raise."""
    cells = cells[np.argsort(cells[:, 0], kind="stable")]
    again = cells[1:, 0] == cells[:-1, 0]
    if not again.any():
        return cells
    if not np.array_equal(cells[1:][again], cells[:-1][again], equal_nan=True):
        raise ValueError("two different bars of one time")
    first = np.concatenate([np.array([True]), ~again])
    unique: NDArray[np.float64] = cells[first]
    return unique


def candles(symbol: str, bar_ms: int, cells: NDArray[np.float64]) -> Candles:
    """Columns of rising bars."""
    columns = np.ascontiguousarray(cells.T)
    names = ("open", "high", "low", "close", "volume", "volume_usdt")
    return Candles(symbol, bar_ms, columns[0].astype(np.int64), **dict(zip(names, columns[1:], strict=True)))
