"""All that one decision reads, under one name, with the few numbers that every step asks for."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.oracle.params import Params

LONG, SHORT = 0, 1
SIGN = {LONG: 1.0, SHORT: -1.0}
SIGMA_MIN = 1e-7
BINDING = 1e-9  # a scale nearer to 1 than this is rounding, not a rule that bound


@dataclass
class Moment:
    """The inputs of one decision and the notes that its steps leave for the later ones."""

    row: dict[str, Any]
    book: dict[str, Any]
    state: dict[str, Any]
    params: Params
    facts: dict[str, Any]
    reason: list[str] = field(default_factory=list)
    frozen: set[int] = field(default_factory=set)
    eligible: list[int] = field(default_factory=list)
    mixing: bool = False

    @property
    def count(self) -> int:
        """Names in the panel."""
        return len(self.facts["symbols"])

    @property
    def close_ms(self) -> int:
        """Close of the bar that is decided."""
        return int(self.row["close_ms"])

    @property
    def equity(self) -> float:
        """Sizing equity E."""
        equity = self.book["equity_usdt"] * self.params["capital_frac"]
        bound = self.params["capital_usdt_max"]
        return float(min(equity, bound) if bound > 0.0 else equity)

    @property
    def bar_number(self) -> int:
        """Absolute place of the bar."""
        return int(self.close_ms // self.params["bar_ms"])

    @property
    def tranche(self) -> int:
        """The tranche that this rebalance renews."""
        return int(self.bar_number // self.params["rebalance_bars"] % self.params["tranches"])

    def held(self, i: int) -> bool:
        """Whether the position is not flat."""
        return bool(self.book["weight_now_frac"][i] != 0.0)

    def atr_frac(self, i: int) -> float:
        """ATR as a share of the price; NaN when not known."""
        atr = self.row["atr"]
        return float(atr[i] / self.row["close"][i]) if len(atr) else float("nan")


def copy_state(state: dict[str, Any]) -> dict[str, Any]:
    """A state of its own for the next decision."""
    return {
        "tranche_weight": np.array(state["tranche_weight"], dtype=float),
        "member": np.array(state["member"], dtype=bool),
        "awaiting_reentry": np.array(state["awaiting_reentry"], dtype=bool),
        "router_called": bool(state["router_called"]),
        "router_mix": float(state["router_mix"]),
    }


def first_state(symbols: int, tranches: int) -> dict[str, Any]:
    """The state before the first decision."""
    return {
        "tranche_weight": np.zeros((tranches, symbols)),
        "member": np.zeros(symbols, dtype=bool),
        "awaiting_reentry": np.zeros((symbols, 2), dtype=bool),
        "router_called": False,
        "router_mix": 1.0,
    }
