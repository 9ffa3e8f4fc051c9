"""Who earned it, to the cent: a run that keeps its fills, exits inside a bar among them.

With `m` marks, `u` units held at the close before, and fills of units `q` at reference price `f` and executed
price `p`, a name makes in one bar, before costs,

    u·(m[t] - m[t-1]) + Σ q·(m[t] - f)            and pays            Σ q·(p - f) + fee

Each fill belongs to the side that it opens or closes; one through zero is two fills already. Funding is paid
on what is held after the fills that a plan ordered for the bar, before any exit inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from xsmom.research.report.attribution import Attribution
    from xsmom.research.result import Result

Floats = NDArray[np.float64]
_DUST = 1e-9
_PLAN = "plan"


class Fills:
    """Every fill of a run as columns in the order of time, with the side that each belongs to."""

    def __init__(self, told: dict[str, Any], symbols: int) -> None:
        self.bar = np.asarray(told["bar"])
        self.symbol = np.asarray(told["symbol"])
        self.units = np.asarray(told["units"], dtype=np.float64)
        self.reference = np.asarray(told["reference_price"], dtype=np.float64)
        self.notional = np.abs(self.units) * self.reference
        self.cost = self.units * (np.asarray(told["price"]) - self.reference) + np.asarray(told["fee_usdt"])
        self.planned = np.array([exit_ == _PLAN for exit_ in told["exit"]], dtype=bool)
        self.long = self._find_side(symbols)

    def _find_side(self, symbols: int) -> NDArray[np.bool_]:
        """Sign of what is held before the fill, or after it where nothing was."""
        order = np.argsort(self.symbol, kind="stable")
        units, symbol = self.units[order], self.symbol[order]
        total = np.cumsum(units)
        first = np.concatenate([[True], symbol[1:] != symbol[:-1]]) if len(symbol) else np.zeros(0, dtype=bool)
        started = (total - units)[first]
        before = total - units - np.repeat(started, np.diff(np.append(np.flatnonzero(first), len(symbol))))
        size = np.zeros(symbols)
        np.maximum.at(size, symbol, np.abs(units))
        # Sums of all names share one running total: what is left of it is dust against any fill of the name.
        scale = np.maximum(size[symbol], np.abs(total).max(initial=0.0) * 1e-6)
        held = np.where(np.abs(before) > _DUST * scale, before, units)
        long = np.empty(len(symbol), dtype=bool)
        long[order] = held > 0
        return long

    def sum_by(self, values: Floats, symbols: int) -> Floats:
        """Sums by symbol and side."""
        place = 2 * self.symbol + np.where(self.long, 0, 1)
        sums: Floats = np.bincount(place, values, minlength=2 * symbols).astype(np.float64).reshape(symbols, 2)
        return sums


def add_fills(result: Result, found: Attribution, fills: Fills, marks_at: Floats) -> None:
    """What the fills of the whole run add to price results, costs and counts; `marks_at` is each one's mark."""
    symbols = len(result.panel.symbols)
    found.price_usdt += fills.sum_by(fills.units * (marks_at - fills.reference), symbols)
    found.cost_usdt += fills.sum_by(fills.cost, symbols)
    found.traded_usdt += np.bincount(fills.symbol, fills.notional, minlength=symbols)
    found.fills += np.bincount(fills.symbol, minlength=symbols)
    most = np.argsort(-fills.notional, kind="stable")[:25]
    found.largest += [
        (
            float(fills.notional[k]),
            int(fills.bar[k]),
            int(fills.symbol[k]),
            float(fills.units[k]),
            float(fills.reference[k]),
        )
        for k in most
    ]


def hold_in_bars(fills: Fills, rows: slice, before: Floats, at_close: bool) -> tuple[Floats, Floats]:
    """Units that funding is paid on, and units before the close, at each of these bars."""
    funded, shape = before.copy(), before.shape
    inside = (fills.bar >= rows.start) & (fills.bar < rows.stop)
    place = (fills.bar[inside] - rows.start) * shape[1] + fills.symbol[inside]
    step = np.bincount(place, fills.units[inside], minlength=before.size).reshape(shape)
    if not at_close:
        planned = np.where(fills.planned[inside], fills.units[inside], 0.0)
        funded += np.bincount(place, planned, minlength=before.size).reshape(shape)
    return funded, before + step


def charge_liquidation(result: Result, found: Attribution, held: Floats, mark: Floats) -> None:
    """The venue's fee for closing the book belongs to what it closed, by value."""
    costs = result.costs
    kinds = ("fee_usdt", "spread_usdt", "impact_usdt")
    left = sum(float(costs[name][-1]) for name in kinds) - float(found.cost_usdt.sum())
    value = np.abs(held * mark)
    if value.sum() > 0:
        share = left * value / value.sum()
        found.cost_usdt += np.stack([np.where(held > 0, share, 0.0), np.where(held < 0, share, 0.0)], axis=1)
        found.traded_usdt += value
