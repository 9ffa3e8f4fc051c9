"""Contracts for a panel that came without any: what a venue would specify, or lots too fine to round."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from xsmom._core import fine_lot_steps
from xsmom.domain.market_data import Instrument, MarginTier, Trading
from xsmom.domain.panel import Panel

_HOUR_MS = 3_600_000
_SIGNIFICANT_DIGITS = 5
_STEP_USDT = 0.5
_LOTS_MAX = 1 << 53

# Bounds of notional, maintenance share, largest leverage; each deduction follows from continuity.
_TIERS = (
    ("200000", "0.01", "50"),
    ("1000000", "0.02", "25"),
    ("5000000", "0.05", "10"),
    ("20000000", "0.1", "5"),
    ("100000000", "0.25", "2"),
)


def default_tiers() -> tuple[MarginTier, ...]:
    """Make the margin tiers of a contract; maintenance is continuous where one ends and the next begins."""
    tiers: list[MarginTier] = []
    deduction = below = Decimal(0)
    rate_before = Decimal(0)
    for bound, rate, leverage in _TIERS:
        if tiers:
            deduction += below * (Decimal(rate) - rate_before)
        tiers.append(MarginTier(Decimal(bound), Decimal(rate), deduction, Decimal(leverage)))
        below, rate_before = Decimal(bound), Decimal(rate)
    return tuple(tiers)


def _power_below(value: float) -> Decimal:
    return Decimal(10) ** int(np.floor(np.log10(value)))


def make_instruments(panel: Panel) -> dict[str, Instrument]:
    """Specify a contract for each column: ticks of five digits, lots of about half a dollar."""
    prices = np.nanmedian(np.where(panel.close > 0, panel.close, np.nan), axis=0)
    interval_ms = _funding_interval_ms(panel)
    made = {}
    for column, symbol in enumerate(panel.symbols):
        price = float(prices[column]) if np.isfinite(prices[column]) else 1.0
        quote = next((coin for coin in ("USDT", "USDC") if symbol.endswith(coin)), "USDT")
        made[symbol] = Instrument(
            symbol=symbol,
            base=symbol.removesuffix(quote),
            quote=quote,
            price_tick=_power_below(price) / 10 ** (_SIGNIFICANT_DIGITS - 1),
            qty_step=min(_power_below(_STEP_USDT / price), Decimal(1000)),
            lots_min=1,
            lots_max=10_000_000,
            lots_max_market=2_000_000,
            notional_usdt_min=Decimal(5),
            contract_size=Decimal(1),
            leverage_x_max=Decimal(50),
            funding_interval_ms=interval_ms[column],
            trading=Trading.OPEN,
            listed_ms=int(panel.listed_ms[column]),
            delisted_ms=int(panel.delisted_ms[column]),
            tiers=default_tiers(),
        )
    return made


def _funding_interval_ms(panel: Panel) -> list[int]:
    """Tell the time between prints of each name, eight hours where it cannot be told."""
    intervals = []
    for column in range(len(panel.symbols)):
        rates = panel.funding_frac[:, column]
        stamps = panel.close_ms[np.flatnonzero(np.nan_to_num(rates))]
        steps = np.diff(stamps)
        intervals.append(int(np.median(steps)) if steps.size else 8 * _HOUR_MS)
    return intervals


def fine_instruments(panel: Panel, cash_usdt: float) -> dict[str, Instrument]:
    """Specify lots so small that they round nothing: those of a simulation to which no contracts are given.

    A lot is a power of two of units, about a hundred-thousand-millionth of the cash at the first price.
    """
    plain, steps = make_instruments(panel), fine_lot_steps(panel, cash_usdt)
    return {
        symbol: replace(
            plain[symbol],
            qty_step=Decimal(step),
            lots_max=_LOTS_MAX,
            lots_max_market=_LOTS_MAX,
            notional_usdt_min=Decimal(0),
        )
        for symbol, step in zip(panel.symbols, steps, strict=True)
    }
