"""Which names an equity carries: the core's own decision and plan, on a flat book, with the contracts' smallest orders.

A name counts as affordable where its typical position is worth two smallest orders: the core asks that before it
selects. The least equity of a configuration is the one from which 2 · k_min names are, or all if fewer are eligible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from xsmom import kernel
from xsmom.domain.market_data import Instrument
from xsmom.domain.panel import Floats, Panel
from xsmom.research.cross_section import Fields, eligible_names
from xsmom.research.decision import Decision, blank_book, decide_at

Lots: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_TOO_SMALL = "too_small"
_EQUITY_USDT_MAX = 1e12
_HALVINGS = 80


@dataclass(frozen=True)
class NameNeed:
    """One eligible name: its smallest order, and what a full book would hold of it."""

    symbol: str
    order_usdt_min: float
    affordable: bool
    weight_frac: float
    lots: int
    value_usdt: float


@dataclass(frozen=True)
class Affordable:
    """What an equity carries at the newest decision of a panel; `least_usdt` is None where no equity would do."""

    close_ms: int
    equity_usdt: float
    sizing_usdt: float
    names: tuple[NameNeed, ...]
    wanted_names: int
    least_usdt: float | None
    #: Of a book to which no order is too small.
    gross_wanted_frac: float
    gross_frac: float
    net_frac: float

    @property
    def enough(self) -> bool:
        """Whether the equity is at least the least."""
        return self.least_usdt is not None and self.equity_usdt >= self.least_usdt


def find_affordable(
    panel: Panel, params: Fields, contracts: Mapping[str, Instrument], equity_usdt: float
) -> Affordable:
    """Decide and plan with this equity, at the last rebalance of the panel."""
    decision = decide_at(panel, params)
    eligible = eligible_names(decision.panel, decision.row, params, decision.state)
    case = _Case(decision, [contracts[symbol] for symbol in panel.symbols], eligible)
    wanted = min(2 * int(params["k_min"]), int(eligible.sum()))
    weights, small = case.decide(equity_usdt)
    lots = case.plan(weights, equity_usdt)
    free, _ = case.decide(_EQUITY_USDT_MAX)
    sizing, value = case.sizing_usdt(equity_usdt), lots * case.step * case.close
    names = tuple(
        NameNeed(
            symbol=panel.symbols[i],
            order_usdt_min=float(case.order_usdt_min[i]),
            affordable=not small[i],
            weight_frac=float(weights[i]),
            lots=int(lots[i]),
            value_usdt=float(value[i]),
        )
        for i in np.flatnonzero(eligible)
    )
    return Affordable(
        close_ms=decision.close_ms,
        equity_usdt=equity_usdt,
        sizing_usdt=sizing,
        names=names,
        wanted_names=wanted,
        least_usdt=_least(case, wanted),
        gross_wanted_frac=float(np.abs(free).sum()),
        gross_frac=float(np.abs(np.nan_to_num(value)).sum() / sizing),
        net_frac=float(np.nan_to_num(value).sum() / sizing),
    )


def _least(case: _Case, wanted: int) -> float | None:
    """Halve between an equity that is too small and one that is not, down to a cent."""

    def carried(equity_usdt: float) -> int:
        return int((case.eligible & ~case.decide(equity_usdt)[1]).sum())

    low, high = 0.01, _EQUITY_USDT_MAX
    if not wanted or carried(high) < wanted:
        return None
    if carried(low) >= wanted:
        return low
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        if carried(middle) >= wanted:
            high = middle
        else:
            low = middle
        if high - low < 0.005:
            break
    return high


class _Case:
    """One decision that can be taken again with another equity."""

    def __init__(self, decision: Decision, contracts: list[Instrument], eligible: np.ndarray) -> None:
        self.decision, self.eligible = decision, eligible
        self.core = kernel.Params(**decision.params)
        self.close: Floats = np.asarray(decision.row["close"])
        self.step: Floats = np.array([float(one.qty_step) for one in contracts])
        self._least: Floats = np.array([float(one.notional_usdt_min) for one in contracts])
        lots_min = np.array([one.lots_min for one in contracts])
        self.order_usdt_min: Floats = np.fmax(self._least, lots_min * self.step * self.close)

    def sizing_usdt(self, equity_usdt: float) -> float:
        """Equity that may be used for sizing."""
        params = self.decision.params
        share, most = equity_usdt * float(params["capital_frac"]), float(params["capital_usdt_max"])
        return min(share, most) if most > 0.0 else share

    def decide(self, equity_usdt: float) -> tuple[Floats, np.ndarray]:
        """Targets of a flat book, and which names are too small for it."""
        decision = self.decision
        book = blank_book(decision, np.zeros(len(self.close)))
        book |= {"equity_usdt": equity_usdt, "order_usdt_min": self.order_usdt_min}
        weights, codes, _ = kernel.decide(
            dict(decision.row), book, dict(decision.state_before), self.core, decision.panel
        )
        small = np.array([kernel.REASONS[int(code)] == _TOO_SMALL for code in codes])
        return weights, small

    def plan(self, weights: Floats, equity_usdt: float) -> Lots:
        """Whole lots of these targets, as the plan of a rebalance makes them."""
        names = len(self.close)
        done = kernel.plan(
            weights,
            np.zeros(names, dtype=np.uint8),
            {
                "lots": np.zeros(names, dtype=np.int64),
                "price": self.close,
                "mark": self.close,
                "closing": np.zeros(names, dtype=bool),
                "qty_step": self.step,
                "notional_usdt_min": self._least,
                "lots_max": np.zeros(0, dtype=np.int64),
                "sizing_usdt": self.sizing_usdt(equity_usdt),
                "guard": "none",
                "rebalance": True,
                "cost_week_frac": 0.0,
            },
            self.core,
        )
        lots: Lots = done["goal_lots"]
        return lots
