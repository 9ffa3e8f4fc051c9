"""Replay against the fast simulation, bar by bar: the same lots, or the first bar at which they part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import Panel
from xsmom.live.replay import Replayed

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parity:
    """How far both agree; `first_ms` is the close of the first bar at which some name's lots differ."""

    bars: int
    bars_same: int
    first_ms: int | None
    first_symbols: tuple[str, ...]
    equity_same: bool
    fills_replay: int
    fills_fast: int
    #: What gates refused; where one did, lots may differ and should.
    refused: Mapping[str, int]
    steps: int
    step_ms_mean: float
    step_ms_p99: float

    @property
    def same(self) -> bool:
        """Every lot at every bar."""
        return self.bars_same == self.bars

    def document(self) -> dict[str, Any]:
        """The same as one JSON object."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**told, "same": self.same, "first_symbols": list(self.first_symbols), "refused": dict(self.refused)}


def compare(panel: Panel, replayed: Replayed, units: Floats, equity_usdt: Floats, fills: int) -> Parity:
    """Units, bars by symbols, equity and number of fills are those of the fast loop."""
    ours, theirs = replayed.run["units"], units
    differs = (ours != theirs).any(axis=1)
    bad = np.flatnonzero(differs)
    first = int(bad[0]) if bad.size else None
    names = () if first is None else tuple(np.array(panel.symbols)[ours[first] != theirs[first]].tolist())
    step_ms = np.array(replayed.step_ns) / 1e6
    return Parity(
        bars=panel.bars,
        bars_same=int((~differs).sum()),
        first_ms=None if first is None else int(panel.close_ms[first]),
        first_symbols=names,
        equity_same=bool((replayed.run["equity_usdt"] == equity_usdt).all()),
        fills_replay=len(replayed.run["fills"]["bar"]),
        fills_fast=fills,
        refused=replayed.refused,
        steps=replayed.steps,
        step_ms_mean=float(step_ms.mean()),
        step_ms_p99=float(np.percentile(step_ms, 99)),
    )
