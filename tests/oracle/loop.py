"""A book that is filled perfectly, carried through a panel: every rule that needs a past meets one.

What the market does to the book between decisions (drift, stops, holds, guards, filled rungs) is
drawn from a seed, so that a second program can be fed with the same inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracle.decision import decide
from tests.oracle.features import feature_row, features
from tests.oracle.moment import LONG, SHORT, copy_state, first_state
from tests.oracle.params import Params

Array = NDArray[np.float64]
Decide = Callable[..., tuple[Array, list[str], dict[str, Any]]]


@dataclass
class Step:
    """One decision with all that went into it."""

    t: int
    row: dict[str, Any]
    book: dict[str, Any]
    state: dict[str, Any]
    weights: Array
    reasons: list[str]
    after: dict[str, Any]


@dataclass
class Ledger:
    """Positions in USDT at the last known mark, and what was done to them."""

    count: int
    rng: np.random.Generator
    eventful: bool
    equity: float = 10_000.0
    peak: float = 10_000.0
    value: Array = field(init=False)
    mark: Array = field(init=False)
    stale_bars: NDArray[np.uint32] = field(init=False)
    hold: NDArray[np.bool_] = field(init=False)
    barred_until_ms: NDArray[np.int64] = field(init=False)
    barred_by: NDArray[np.uint8] = field(init=False)
    rung_cap: Array = field(init=False)

    def __post_init__(self) -> None:
        n = self.count
        self.value, self.mark = np.zeros(n), np.full(n, np.nan)
        self.stale_bars = np.zeros(n, dtype=np.uint32)
        self.hold = np.zeros(n, dtype=bool)
        self.barred_until_ms = np.zeros((n, 2), dtype=np.int64)
        self.barred_by = np.zeros((n, 2), dtype=np.uint8)
        self.rung_cap = np.full(n, np.inf)

    def mark_to(self, close: Array) -> None:
        """Let positions drift with the close; one without a bar stays at its last mark."""
        known = ~np.isnan(close)
        moved = np.where(known & ~np.isnan(self.mark), close / self.mark, 1.0)
        gain = self.value * (moved - 1.0)
        self.value = self.value + gain
        self.equity = max(self.equity + float(gain.sum()), 500.0)
        self.peak = max(self.peak, self.equity)
        self.mark = np.where(known, close, self.mark)
        self.stale_bars = np.where(known, 0, self.stale_bars + 1).astype(np.uint32)

    def suffer(self, close_ms: int, bar_ms: int, state: dict[str, Any]) -> None:
        """Stops with their bars and flags, holds, filled rungs."""
        if not self.eventful:
            return
        rng = self.rng
        for i in np.flatnonzero(self.value):
            side = LONG if self.value[i] > 0.0 else SHORT
            if rng.random() < 0.025:
                self.value[i] = 0.0
                self.rung_cap[i] = np.inf
                state["awaiting_reentry"][i][side] = True
                self.barred_until_ms[i][side] = close_ms + int(rng.integers(1, 9)) * bar_ms
                self.barred_by[i][side] = int(rng.integers(1, 5))
            elif rng.random() < 0.03:
                self.rung_cap[i] = abs(self.value[i]) / self.equity * rng.uniform(0.3, 0.9)
        self.rung_cap[self.value == 0.0] = np.inf
        chance = rng.random(self.count)
        self.hold = np.where(self.hold, chance > 0.2, chance < 0.004)

    def book_row(self, close_ms: int, params: Params, drawn: np.random.Generator) -> dict[str, Any]:
        """What the decision reads of this book."""
        sizing = self.sizing_equity(params)
        guard = "none"
        if self.eventful and drawn.random() < 0.06:
            guard = "flatten" if drawn.random() < 0.2 else "block_entries"
        small = drawn.random(self.count) < 0.04
        return {
            "close_ms": close_ms,
            "equity_usdt": self.equity,
            "unit_value": self.equity,
            "unit_value_peak": self.peak,
            "guard": guard,
            "weight_now_frac": self.value / sizing,
            "stale_bars": self.stale_bars.copy(),
            "hold": self.hold.copy(),
            "barred_until_ms": self.barred_until_ms.copy(),
            "barred_by": self.barred_by.copy(),
            "rung_cap_frac": self.rung_cap.copy(),
            "meta_scale": drawn.uniform(0.5, 1.5, size=(self.count, 2)),
            "order_usdt_min": np.where(small & self.eventful, sizing * 0.11, 5.0),
        }

    def sizing_equity(self, params: Params) -> float:
        """Share and bound of the equity that is used."""
        equity = self.equity * params["capital_frac"]
        bound = params["capital_usdt_max"]
        return float(min(equity, bound) if bound > 0.0 else equity)

    def fill(self, weights: Array, close: Array, alive: NDArray[np.bool_], params: Params) -> None:
        """Take every target at the close; without a bar nothing trades, but a dead name is gone."""
        wanted = weights * self.sizing_equity(params)
        self.value = np.where(np.isnan(close), self.value, wanted)
        self.value[~alive] = 0.0
        self.stale_bars[~alive] = 0


def rebalances(close_ms: int, params: Params) -> bool:
    """Whether this bar's place is one where targets are decided."""
    place = close_ms // params["bar_ms"]
    return bool(place % params["rebalance_bars"] == params["rebalance_offset_bars"])


def run(
    panel: dict[str, Any],
    params: Params,
    seed: int = 0,
    *,
    start: int = 0,
    eventful: bool = True,
    decide_with: Decide = decide,
) -> list[Step]:
    """Decide at every rebalance from bar `start` on, each decision with the last one's state."""
    count = len(panel["symbols"])
    rng = np.random.default_rng(seed)
    ledger = Ledger(count, rng, eventful)
    dense = features(panel, params)
    facts = {name: panel[name] for name in ("symbols", "listed_ms", "delisted_ms")}
    state = first_state(count, params["tranches"])
    steps = []
    for t in range(len(panel["close_ms"])):
        close, close_ms = panel["close"][t], int(panel["close_ms"][t])
        ledger.mark_to(close)
        if t < start or not rebalances(close_ms, params):
            continue
        state = copy_state(state)
        ledger.suffer(close_ms, params["bar_ms"], state)
        row = feature_row(panel, dense, params, t)
        book = ledger.book_row(close_ms, params, rng)
        weights, reasons, after = decide_with(row, book, state, params, facts)
        steps.append(Step(t, row, book, state, weights, reasons, after))
        ledger.fill(weights, close, close_ms < panel["delisted_ms"], params)
        state = after
    return steps
