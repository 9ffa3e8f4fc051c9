"""Who earned it: the change of equity split by symbol, side, price, costs and funding.

A run keeps units and equity at every close, not its fills one by one. With `u` units, `m` marks and
`f` the price that fills refer to, the price result of a name in one bar is

    u[t-1]·(f[t] - m[t-1]) + u[t]·(m[t] - f[t])

Costs of a bar are shared out by notional traded: exact for spread and, to second order, for fees; for
impact, which grows faster than size, an approximation. What the run booked beyond that (the write-off of
a bankruptcy) is kept apart as *unattributed* and never spread over names.

A run that keeps its fills, as one of a configuration does, is split by them instead, exits inside a bar
included: to the cent (`from_fills`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xsmom.research.report.from_fills import Fills, add_fills, charge_liquidation, hold_in_bars

if TYPE_CHECKING:
    from xsmom.research.result import Result

Floats = NDArray[np.float64]

SIDES = ("long", "short")
TRADE_COSTS = ("fee_usdt", "spread_usdt", "impact_usdt")
_BLOCK_BARS = 1_024
_FILLS_MAX = 25
_SAMPLED_BARS = 512


@dataclass
class Attribution:
    """Sums by symbol and side (`symbols x 2`), what none of them can claim, and exposure at each close."""

    price_usdt: Floats
    cost_usdt: Floats
    funding_usdt: Floats
    traded_usdt: Floats
    fills: NDArray[np.int64]
    long_frac: Floats
    short_frac: Floats
    names: NDArray[np.int64]
    fill_at: str
    unattributed: dict[str, float] = field(default_factory=dict)
    largest: list[tuple[float, int, int, float, float]] = field(default_factory=list)
    """Largest fills: notional, bar, symbol, units, reference price."""

    @property
    def net_usdt(self) -> Floats:
        """Result of each symbol and side after its costs and funding."""
        return self.price_usdt - self.cost_usdt - self.funding_usdt


def fill_marks(close: Floats, before: Floats) -> Floats:
    """Last known close at every bar, given the marks before the first; 0 while there is none."""
    rows = np.vstack([before, close])
    known = ~np.isnan(rows)
    known[0] = True
    if known.all():
        return rows[1:]
    place = np.maximum.accumulate(np.where(known, np.arange(len(rows))[:, None], 0), axis=0)
    filled: Floats = np.take_along_axis(rows, place, axis=0)[1:]
    return filled


def read_prices(result: Result, fill_at: str, rows: slice | NDArray[np.int64]) -> Floats:
    """Prices that a fill of these bars refers to; NaN where a bar is absent."""
    panel = result.panel
    if fill_at == "open":
        return panel.open[rows]
    if fill_at == "close":
        return panel.close[rows]
    typical: Floats = (panel.open[rows] + panel.high[rows] + panel.low[rows] + panel.close[rows]) / 4
    return typical


def infer_fill_at(result: Result) -> str:
    """Which price reproduces the notional that the run booked; the open where nothing tells them apart."""
    traded = np.diff(result.costs["traded_usdt"].to_numpy(), prepend=0.0)
    bars = np.flatnonzero(traded > 0)
    bars = bars[bars != (-1 if result.bankrupt_at is None else result.bankrupt_at)]
    if not bars.size:
        return "open"
    bars = bars[np.linspace(0, len(bars) - 1, min(len(bars), _SAMPLED_BARS)).astype(np.int64)]
    before = np.where((bars > 0)[:, None], result.units[bars - 1], 0.0)
    steps = np.abs(result.units[bars] - before)
    errors = {}
    for fill_at in ("open", "close", "vwap"):
        booked = np.nansum(steps * read_prices(result, fill_at, bars), axis=1)
        errors[fill_at] = float(np.abs(booked - traded[bars]).sum())
    return min(errors, key=errors.__getitem__)


def attribute(result: Result) -> Attribution:
    """Walk over the run once, in blocks that stay in cache."""
    bars, names = result.units.shape
    found = Attribution(
        price_usdt=np.zeros((names, 2)),
        cost_usdt=np.zeros((names, 2)),
        funding_usdt=np.zeros((names, 2)),
        traded_usdt=np.zeros(names),
        fills=np.zeros(names, dtype=np.int64),
        long_frac=np.zeros(bars),
        short_frac=np.zeros(bars),
        names=np.zeros(bars, dtype=np.int64),
        fill_at=infer_fill_at(result) if result.timing is None else result.timing.fill_at,
    )
    told = result.own_fills()
    if told is not None:
        _attribute_fills(result, found, Fills(told, names))
        _settle_rest(result, found)
        return found
    costs = result.costs
    cost_steps = np.diff(sum(costs[name].to_numpy() for name in TRADE_COSTS), prepend=0.0)
    traded_steps = np.diff(costs["traded_usdt"].to_numpy(), prepend=0.0)
    charged = bool(costs["funding_usdt"].to_numpy().any())
    equity = result.equity["equity_usdt"].to_numpy()
    mark = np.zeros(names)
    for start in range(0, bars, _BLOCK_BARS):
        rows = slice(start, min(start + _BLOCK_BARS, bars))
        block = _Block(result, found.fill_at, rows, mark)
        block.add_price(found)
        block.add_costs(found, cost_steps[rows], traded_steps[rows])
        if charged:
            block.add_funding(found)
        _note_exposure(found, rows, block.held * block.mark, equity[rows])
        mark = block.mark[-1]
    found.largest.sort(key=lambda fill: (-fill[0], fill[1], fill[2]))
    del found.largest[_FILLS_MAX:]
    _settle_rest(result, found)
    return found


def _attribute_fills(result: Result, found: Attribution, fills: Fills) -> None:
    """The same walk with every fill known: what is held earns from mark to mark, fills from their price on."""
    panel, equity = result.panel, result.equity["equity_usdt"].to_numpy()
    charged = bool(result.costs["funding_usdt"].to_numpy().any())
    bars, names = result.units.shape
    mark, marks_at = np.zeros(names), np.zeros(len(fills.bar))
    for start in range(0, bars, _BLOCK_BARS):
        rows = slice(start, min(start + _BLOCK_BARS, bars))
        first = result.units[start - 1] if start else np.zeros(names)
        before = np.vstack([first, result.units[rows][:-1]])
        marks = fill_marks(panel.close[rows], mark)
        gain = before * (marks - np.vstack([mark, marks[:-1]]))
        found.price_usdt += _by_side(gain, before)
        inside = (fills.bar >= rows.start) & (fills.bar < rows.stop)
        marks_at[inside] = marks[fills.bar[inside] - start, fills.symbol[inside]]
        funded, held = hold_in_bars(fills, rows, before, found.fill_at == "close")
        if charged:
            found.funding_usdt += _by_side(funded * marks * np.nan_to_num(panel.funding_frac[rows]), funded)
        _note_exposure(found, rows, result.units[rows] * marks, equity[rows])
        mark = marks[-1]
        at = result.liquidated_at
        if at is not None and rows.start <= at < rows.stop:
            closed = (held[at - start], marks[at - start])
    add_fills(result, found, fills, marks_at)
    if result.liquidated_at is not None:
        charge_liquidation(result, found, *closed)


def _by_side(values: Floats, held: Floats) -> Floats:
    """Sums over bars by symbol and side of what is held."""
    long = np.where(held > 0, values, 0.0).sum(axis=0)
    return np.stack([long, values.sum(axis=0) - long], axis=1)


def _note_exposure(found: Attribution, rows: slice, value: Floats, equity: Floats) -> None:
    for kept, side in ((found.long_frac, value > 0), (found.short_frac, value < 0)):
        total = np.where(side, value, 0.0).sum(axis=1)
        # After a bankruptcy there is no equity to take a share of, and nothing held.
        kept[rows] = np.divide(total, equity, out=np.zeros_like(total), where=equity > 0)
    found.names[rows] = np.count_nonzero(value, axis=1)


class _Block:
    """Some bars of a run with everything that the sums need."""

    def __init__(self, result: Result, fill_at: str, rows: slice, mark: Floats) -> None:
        units = result.units[rows]
        first = result.units[rows.start - 1] if rows.start else np.zeros_like(mark)
        self.start = rows.start
        self.before = np.vstack([first, units[:-1]])
        self.held = self._hold_through_bankruptcy(result, units)
        self.mark = fill_marks(result.panel.close[rows], mark)
        self.mark_before = np.vstack([mark, self.mark[:-1]])
        price = read_prices(result, fill_at, rows)
        self.price = np.where(np.isnan(price), self.mark_before, price)
        self.step = self.held - self.before
        self.funded = self.before if fill_at == "close" else self.held
        self.rate = result.panel.funding_frac[rows]

    def _hold_through_bankruptcy(self, result: Result, units: Floats) -> Floats:
        """At the bar of a bankruptcy the run shows no units; what was held before is what lost."""
        place = result.bankrupt_at
        if place is None or not self.start <= place < self.start + len(units):
            return units
        held = units.copy()
        held[place - self.start] = self.before[place - self.start]
        return held

    def add_price(self, found: Attribution) -> None:
        first = self.before * (self.price - self.mark_before)
        second = self.held * (self.mark - self.price)
        long = np.where(self.before > 0, first, 0.0).sum(axis=0) + np.where(self.held > 0, second, 0.0).sum(axis=0)
        found.price_usdt[:, 0] += long
        found.price_usdt[:, 1] += first.sum(axis=0) + second.sum(axis=0) - long

    def add_costs(self, found: Attribution, cost_steps: Floats, traded_steps: Floats) -> None:
        size = np.abs(self.step)
        notional = size * self.price
        booked = np.maximum(traded_steps, notional.sum(axis=1))
        rate = np.divide(cost_steps, booked, out=np.zeros_like(booked), where=booked > 0)
        # A trade through zero closes one side and opens the other.
        closing = np.where(self.before * self.step < 0, np.minimum(size, np.abs(self.before)), 0.0)
        long_size = np.where(self.before > 0, closing, 0.0) + np.where(self.held > 0, size - closing, 0.0)
        cost = notional * rate[:, None]
        long = (long_size * self.price * rate[:, None]).sum(axis=0)
        found.cost_usdt[:, 0] += long
        found.cost_usdt[:, 1] += cost.sum(axis=0) - long
        found.traded_usdt += notional.sum(axis=0)
        found.fills += np.count_nonzero(self.step, axis=0)
        self._note_largest(found, notional)

    def _note_largest(self, found: Attribution, notional: Floats) -> None:
        flat = notional.ravel()
        most = min(_FILLS_MAX, len(flat))
        for cell in np.argpartition(flat, len(flat) - most)[-most:]:
            t, column = divmod(int(cell), notional.shape[1])
            if flat[cell] > 0:
                step, price = float(self.step[t, column]), float(self.price[t, column])
                found.largest.append((float(flat[cell]), self.start + t, column, step, price))

    def add_funding(self, found: Attribution) -> None:
        paid = self.funded * self.mark * np.nan_to_num(self.rate, nan=0.0)
        long = np.where(self.funded > 0, paid, 0.0).sum(axis=0)
        found.funding_usdt[:, 0] += long
        found.funding_usdt[:, 1] += paid.sum(axis=0) - long


def _settle_rest(result: Result, found: Attribution) -> None:
    """What the run booked and no name can claim, by kind; what costs has a minus."""
    costs = result.costs
    paid = sum(float(costs[name][-1]) for name in TRADE_COSTS)
    funding = float(costs["funding_usdt"][-1])
    net = float(result.equity["equity_usdt"][-1]) - result.cash_usdt
    rest_cost = paid - float(found.cost_usdt.sum())
    rest_funding = funding - float(found.funding_usdt.sum())
    rest_net = net - float(found.net_usdt.sum())
    found.unattributed = {
        "price_usdt": rest_net + rest_cost + rest_funding,
        "funding_usdt": -rest_funding,
        "cost_usdt": -rest_cost,
        "net_usdt": rest_net,
    }
