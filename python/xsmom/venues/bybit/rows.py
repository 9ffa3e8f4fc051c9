"""Bybit's rows as our nouns. A row that lacks what it must have raises; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np

from xsmom.domain.market_data import Candles, Instrument, MarginTier, Quote, Trading
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


Bar = tuple[int, float, float, float, float, float, float]


def bar(row: list[str]) -> Bar:
    """Open time, prices and, for last prices, volumes; mark prices have none (NaN)."""
    volume, turnover = (float(row[5]), float(row[6])) if len(row) > 5 else (float("nan"), float("nan"))
    return int(row[0]), float(row[1]), float(row[2]), float(row[3]), float(row[4]), volume, turnover


def candles(symbol: str, bar_ms: int, bars: dict[int, Bar]) -> Candles:
    """Columns of the bars, rising."""
    rising = [bars[open_ms] for open_ms in sorted(bars)]
    cells = np.array([row[1:] for row in rising], dtype=np.float64).reshape(len(rising), 6)
    columns = {
        name: np.ascontiguousarray(cells[:, at])
        for at, name in enumerate(("open", "high", "low", "close", "volume", "volume_usdt"))
    }
    return Candles(symbol, bar_ms, np.array([row[0] for row in rising], dtype=np.int64), **columns)
