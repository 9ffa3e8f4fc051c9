"""Round trips: one position from its first fill to its last, and what they say together.

A position that is still open when the panel ends is no round trip yet, and counts in none of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

HOUR_MS = 3_600_000
SIDES = {1: "long", -1: "short"}
COLUMNS = (
    "symbol",
    "side",
    "opened",
    "closed",
    "units_max",
    "entry_price",
    "exit_price",
    "net_usdt",
    "funding_usdt",
    "exit",
    "hold_hours",
)
Column: TypeAlias = NDArray[np.float64] | NDArray[np.int64] | Sequence[str]
"""A column of a table: numbers, instants in UTC milliseconds, or texts."""

_FLOATS = ("units_max", "entry_price", "exit_price", "net_usdt", "funding_usdt")


@dataclass(frozen=True)
class Trips:
    """Closed round trips as the core tells them: arrays of one length."""

    symbols: tuple[str, ...]
    arrays: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.arrays["net_usdt"])

    @property
    def hold_hours(self) -> NDArray[np.float64]:
        """Hours from the first fill to the last."""
        held: NDArray[np.float64] = (self.arrays["closed_ms"] - self.arrays["opened_ms"]) / HOUR_MS
        return held

    def columns(self) -> dict[str, Column]:
        """By the names of `COLUMNS`; instants in UTC milliseconds."""
        found: dict[str, Column] = {name: np.asarray(self.arrays[name], dtype=np.float64) for name in _FLOATS}
        for name in ("opened", "closed"):
            found[name] = np.asarray(self.arrays[f"{name}_ms"], dtype=np.int64)
        found["symbol"] = [self.symbols[place] for place in np.asarray(self.arrays["symbol"]).tolist()]
        found["side"] = [SIDES[sign] for sign in np.asarray(self.arrays["side"]).tolist()]
        found |= {"exit": list(self.arrays["exit"]), "hold_hours": self.hold_hours}
        return {name: found[name] for name in COLUMNS}

    def frame(self) -> pl.DataFrame:
        """One row a trip."""
        import polars as pl

        text, number = pl.String, pl.Float64
        kinds = dict.fromkeys(COLUMNS, number) | dict.fromkeys(("symbol", "side", "exit"), text)
        instant = pl.Datetime("ms", time_zone="UTC")
        return pl.DataFrame(self.columns(), schema=kinds | {"opened": instant, "closed": instant})


def measure(trips: Trips) -> dict[str, Any]:
    """Count, win rate, means, profit factor and holding times, of all and by side; NaN where undefined."""
    side = np.asarray(trips.arrays["side"])
    net, hours = np.asarray(trips.arrays["net_usdt"]), trips.hold_hours
    sides = {name: _figures(net[side == sign], hours[side == sign]) for sign, name in SIDES.items()}
    return {**_figures(net, hours), "sides": sides}


def _figures(net: NDArray[np.float64], hours: NDArray[np.float64]) -> dict[str, Any]:
    wins, losses = net[net > 0], net[net < 0]
    lost = -float(losses.sum())
    return {
        "trades": len(net),
        "win_rate": len(wins) / len(net) if len(net) else float("nan"),
        "win_mean_usdt": _mean(wins),
        "loss_mean_usdt": _mean(losses),
        "trip_profit_factor": float(wins.sum()) / lost if lost > 0 else float("nan"),
        "trip_net_usdt": float(net.sum()),
        "hold_mean_hours": _mean(hours),
        "hold_longest_hours": float(hours.max()) if len(hours) else float("nan"),
        "hold_shortest_hours": float(hours.min()) if len(hours) else float("nan"),
    }


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
