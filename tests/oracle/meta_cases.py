"""A seeded life of the meta-labeller with the twin's answers, for programs that cannot call it.

`python -m tests.oracle.meta_cases` rewrites them.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.guard_cases import as_json
from tests.oracle.meta import Meta, features_of

FILE = Path(__file__).resolve().parents[1] / "vectors" / "meta_twin.json"
PARAMS: dict[str, Any] = {
    "meta_rate": 0.05,
    "meta_intercept_rate": 0.01,
    "meta_l2": 0.001,
    "meta_horizon_bars": 3,
    "meta_labels_min": 60,
    "meta_scale_min": 0.5,
    "meta_scale_max": 1.5,
}
NAMES = 3


def life(bars: int, seed: int) -> dict[str, Any]:
    """Prices that follow the first feature for a while, and then no more."""
    rng = np.random.default_rng(seed)
    meta = Meta(PARAMS)
    close = np.full(NAMES, 100.0)
    pull = np.zeros((bars + 8, NAMES))
    steps = []
    for at in range(bars):
        close = np.round(close * np.exp(pull[at] + rng.normal(0.0, 0.01, NAMES)), 4)
        shown = np.where(rng.random(NAMES) < 0.02, math.nan, close)
        bar = 1_000_000 + at
        meta.observe(bar, [float(price) for price in shown])
        entries = []
        drawn = [i for i in range(NAMES) if rng.random() < 0.5 and shown[i] == shown[i]]
        for i in drawn:
            side = 1 if rng.random() < 0.5 else -1
            x = np.round(rng.normal(0.0, 1.0, 8), 2)
            if at < bars * 0.7:
                pull[at + 1 : at + 4, i] += side * x[0] * 0.008
            x[rng.random(8) < 0.02] = math.nan
            entries.append((i, side, [float(v) for v in x]))
        estimates = [meta.estimate(features) for _, _, features in entries]
        for (i, side, features), estimate in zip(entries, estimates, strict=True):
            meta.enter(bar, i, side, float(close[i]), features, estimate)
        kept = ("logit", "chance", "base", "scale")
        steps.append(
            {
                "bar": bar,
                "close": [float(price) for price in shown],
                "entries": [[*e, [round(s[k], 10) for k in kept]] for e, s in zip(entries, estimates, strict=True)],
                "state": [round(meta.statistic, 9), round(meta.error, 9), meta.promoted],
            }
        )
    return {"params": PARAMS, "steps": steps, "weights": meta.model.weights}


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Feature rows of six names, with ties and gaps, and the features of every name and side."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(count):
        row: dict[str, Any] = {
            name: np.where(rng.random(6) < 0.15, math.nan, np.round(rng.normal(0, 1, 6), 1)).tolist()
            for name in ("score", "funding_frac", "dollar_volume_usdt")
        }
        row["sigma"] = np.where(rng.random(6) < 0.1, math.nan, rng.uniform(0, 0.1, 6)).tolist()
        row["moves"] = np.round(rng.normal(0.0, 1.0, 18), 0).tolist() if at % 3 else []
        if at == 1:
            row["score"] = [0.5] * 6
        for name in ("dispersion_ratio", "implied_corr", "vol_ratio"):
            row[name] = math.nan if rng.random() < 0.1 else float(rng.normal())
        row["features"] = [[features_of(row, i, side) for side in (1.0, -1.0)] for i in range(6)]
        found.append(row)
    return found


def told() -> Any:
    """All that the file holds."""
    return as_json({"life": life(320, 2), "rows": rows(8, 3)})


if __name__ == "__main__":
    FILE.write_text(json.dumps(told()) + "\n", encoding="utf-8")
