"""Lots, cash and marks of an account that is filled at prices of bars.

Every number is computed as the simulation of the core computes it, in the same order, so that both hold
the same bits: executions by the core's own function, and around them the sums of its account.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xsmom._core import execute_fill, margin_due, value_book
from xsmom.domain.costs import Costs
from xsmom.domain.margin import Margin

Floats = NDArray[np.float64]
DELISTED_LOSS_FRAC = 0.05


class Booked(NamedTuple):
    """One execution as it was booked."""

    symbol: int
    lots: int
    price: float
    fee_usdt: float
    #: Price before spread and impact.
    reference_price: float


class Paid(NamedTuple):
    """Funding that a position paid, or received below 0."""

    symbol: int
    mark: float
    usdt: float


@dataclass
class CostsPaid:
    """What has been lost to each cost so far; funding may be negative."""

    fee_usdt: float = 0.0
    spread_usdt: float = 0.0
    impact_usdt: float = 0.0
    funding_usdt: float = 0.0


class BarAccount:
    """The account of a simulation, one bar after the other."""

    def __init__(self, steps: Sequence[float], costs: Costs, *, cash_usdt: float, waits: bool) -> None:
        names = len(steps)
        self.costs, self.cash_usdt = costs, cash_usdt
        self.lots = [0] * names
        self.paid = CostsPaid()
        self.units, self.mark = np.zeros(names), np.full(names, np.nan)
        self.sigma_day_frac, self.adv_usdt = np.full(names, np.nan), np.full(names, np.nan)
        self.value_usdt = self.gross_usdt = 0.0
        #: Price that was paid on average for what is held, in price times lots; for show.
        self.cost_price_lots = [0.0] * names
        self._steps = list(steps)
        self._waits = waits

    @property
    def equity_usdt(self) -> float:
        """Cash and the value at the marks, as they were last reckoned."""
        return self.cash_usdt + self.value_usdt

    def held(self) -> list[int]:
        """Numbers of the names that are held, rising."""
        numbers: list[int] = np.flatnonzero(self.units).tolist()
        return numbers

    def fill(self, symbol: int, lots: int, price: float) -> list[Booked]:
        """Book lots at a price before costs. What crosses 0 is a close and an opening."""
        held = self.lots[symbol]
        after = held + lots
        if held and after and (held > 0) != (after > 0):
            return [self._book(symbol, -held, price), self._book(symbol, after, price)]
        return [self._book(symbol, lots, price)]

    def _book(self, symbol: int, lots: int, price: float) -> Booked:
        units = float(lots) * self._steps[symbol]
        depth = float(self.sigma_day_frac[symbol]), float(self.adv_usdt[symbol])
        done, fee_usdt, spread_usdt, impact_usdt = execute_fill(units, price, self.costs, *depth)
        self.cash_usdt -= units * done + fee_usdt
        self.paid.fee_usdt += fee_usdt
        self.paid.spread_usdt += spread_usdt
        self.paid.impact_usdt += impact_usdt
        before = self.lots[symbol]
        self._note_cost(symbol, lots, done)
        self.lots[symbol] = before + lots
        # From the lots, so that a closed position leaves no dust of rounding behind.
        self.units[symbol] = float(before + lots) * self._steps[symbol]
        if before == 0 and (not self._waits or math.isnan(self.mark[symbol])):
            self.mark[symbol] = price
        return Booked(symbol, lots, done, fee_usdt, price)

    def _note_cost(self, symbol: int, lots: int, price: float) -> None:
        held = self.lots[symbol]
        if held == 0 or (held > 0) == (lots > 0):
            self.cost_price_lots[symbol] += lots * price
        else:
            self.cost_price_lots[symbol] *= (held + lots) / held

    def settle(self, close: Floats, rate_frac: Floats) -> list[Paid]:
        """Pay funding of a bar on what is held, at the bar's close or the last mark."""
        told = []
        for symbol in self.held():
            rate = float(rate_frac[symbol])
            if rate == 0.0 or math.isnan(rate):
                continue
            price = float(close[symbol])
            mark = float(self.mark[symbol]) if math.isnan(price) else price
            usdt = float(self.units[symbol]) * mark * rate
            self.cash_usdt -= usdt
            self.paid.funding_usdt += usdt
            told.append(Paid(symbol, mark, usdt))
        return told

    def mark_to(self, close: Floats) -> None:
        """Take over the closes that are known, and value the book."""
        # Nobody asks for marks of what is not held, unless orders wait for a later bar.
        known = ~np.isnan(close) if self._waits else ~np.isnan(close) & (self.units != 0.0)
        self.mark[known] = close[known]
        self.revalue()

    def revalue(self) -> None:
        """Value and gross at the marks, in the core's order of sums."""
        self.value_usdt, self.gross_usdt = value_book(self.units, self.mark)

    def note_depth(self, sigma_day_frac: Floats, adv_usdt: Floats) -> None:
        """Take over the depth that is known; through an outage the last one holds."""
        known = (sigma_day_frac >= 0.0) & (adv_usdt > 0.0)
        self.sigma_day_frac[known] = sigma_day_frac[known]
        self.adv_usdt[known] = adv_usdt[known]

    def leave(self, symbol: int) -> list[Booked]:
        """A contract that ends: out at the last price, less what the last ones out lose."""
        lots = -self.lots[symbol]
        loss = -DELISTED_LOSS_FRAC if lots < 0 else DELISTED_LOSS_FRAC
        return self.fill(symbol, lots, float(self.mark[symbol]) * (1.0 + loss))

    def margin_gone(self, margin: Margin, rows: Any) -> bool:
        """Whether maintenance margin has reached equity."""
        if rows is None:
            return self.gross_usdt * margin.maintenance_frac >= self.equity_usdt
        fee = self.costs.taker_fee_frac
        return margin_due(self.values(), rows, self.gross_usdt, fee, self.equity_usdt)

    def values(self) -> Floats:
        """Signed value of each name at its mark; 0 where nothing is held."""
        return np.where(self.units == 0.0, 0.0, self.units * np.nan_to_num(self.mark))

    def close_all(self, fee_frac: float) -> list[Booked]:
        """Close everything at the marks for a fee, as a venue does that takes the book over."""
        fee_usdt = self.gross_usdt * fee_frac
        told = self._leave_all(fee_frac)
        self.cash_usdt = max(self.equity_usdt - fee_usdt, 0.0)
        self.paid.fee_usdt += fee_usdt
        self._forget_positions()
        return told

    def wind_up(self) -> list[Booked]:
        """Nothing is left."""
        told = self._leave_all(0.0)
        self.cash_usdt = 0.0
        self._forget_positions()
        return told

    def _leave_all(self, fee_frac: float) -> list[Booked]:
        values = self.values()
        return [
            Booked(
                symbol,
                -self.lots[symbol],
                float(self.mark[symbol]),
                abs(float(values[symbol])) * fee_frac,
                float(self.mark[symbol]),
            )
            for symbol in self.held()
        ]

    def _forget_positions(self) -> None:
        self.lots = [0] * len(self.lots)
        self.cost_price_lots = [0.0] * len(self.lots)
        self.units[:] = 0.0
        self.value_usdt = self.gross_usdt = 0.0
