"""The meta-labeller's twin beside a running book: meta-labeller.md, section 6."""

from typing import Any

import numpy as np

from tests.oracle.meta import Meta, features_of
from tests.oracle.params import Params

SIGNS = (1.0, -1.0)


class Labels:
    """Labels first, then estimates, then entries."""

    def __init__(self, params: Params, count: int) -> None:
        self.on = bool(params["meta_enabled"])
        self.bar_ms = params["bar_ms"]
        self.meta = Meta(dict(params))
        self.side = [0] * count
        self.bars_promoted = 0

    def observe(self, close_ms: int, close: Any) -> None:
        """Every bar."""
        if self.on:
            self.meta.observe(close_ms // self.bar_ms, [float(price) for price in close])
            self.bars_promoted += self.meta.promoted

    def scales(self, row: dict[str, Any]) -> Any:
        """Before a decision; all ones while nothing is promoted."""
        count = len(self.side)
        if not self.on or not self.meta.promoted:
            return np.ones((count, 2))
        told = [[self.meta.estimate(features_of(row, i, sign))["scale"] for sign in SIGNS] for i in range(count)]
        return np.array(told)

    def enter(self, row: dict[str, Any], weights: Any, reasons: list[str]) -> None:
        """After it: names on a side on which the decision before had not put them, frozen ones left out."""
        if not self.on:
            return
        fresh = []
        for i, weight in enumerate(weights):
            side = int(np.sign(weight))
            if side not in (0, self.side[i]) and reasons[i] not in ("stale", "operator_hold"):
                features = features_of(row, i, float(side))
                fresh.append((i, side, features, self.meta.estimate(features)))
            self.side[i] = side
        for i, side, features, estimate in fresh:
            bar = int(row["close_ms"]) // self.bar_ms
            self.meta.enter(bar, i, side, float(row["close"][i]), features, estimate)

    def report(self) -> dict[str, Any] | None:
        """What a run tells of it."""
        if not self.on:
            return None
        meta = self.meta
        return {
            "promoted": meta.promoted,
            "bars_promoted": self.bars_promoted,
            "labels": len(meta.labelled),
            "pending": len(meta.queue),
            "statistic": meta.statistic,
            "calibration_excess": meta.error,
        }
