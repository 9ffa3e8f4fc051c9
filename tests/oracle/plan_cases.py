"""Seeded cases of the plan with the twin's answers, for programs that cannot call the twin.

`python -m tests.oracle.plan_cases` rewrites them.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.plan import plan

FILE = Path(__file__).resolve().parents[1] / "vectors" / "plan_twin.json"
REASONS = ("selected", "kept", "stale", "operator_hold", "not_selected")


def pick(rng: np.random.Generator, choices: tuple[Any, ...], odds: tuple[float, ...]) -> Any:
    """One of the choices."""
    return choices[int(rng.choice(len(choices), p=odds))]


def draw(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """One case: coarse and fine lots, small and large accounts, all rules on and off."""
    n = int(rng.integers(1, 9))
    equity = float(10.0 ** rng.uniform(2, 6))
    price = np.exp(rng.uniform(-8, 10, n))
    step = np.array([10.0 ** rng.integers(-4, 4) for _ in range(n)])
    coarse = rng.random(n) < 0.3
    step = np.where(coarse, equity * rng.uniform(0.01, 0.2, n) / price, step)
    step = np.minimum(step, equity * 0.5 / price)
    side = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    weight = side * rng.uniform(0.0, 0.3, n) * (rng.random(n) < 0.8)
    near = np.trunc(weight * equity / (price * step) * rng.uniform(0.5, 1.6, n))
    held = np.where(rng.random(n) < 0.6, near, 0.0) * np.where(rng.random(n) < 0.1, -1, 1)
    reason = [pick(rng, REASONS, (0.5, 0.3, 0.06, 0.04, 0.1)) for _ in range(n)]
    case = {
        "weight_frac": weight.tolist(),
        "reason": reason,
        "lots": [int(lots) for lots in held],
        "price": np.where(rng.random(n) < 0.06, math.nan, price).tolist(),
        "mark": price.tolist(),
        "closing": (rng.random(n) < 0.08).tolist(),
        "qty_step": step.tolist(),
        "notional_usdt_min": np.where(rng.random(n) < 0.8, 5.0, equity * 0.03).tolist(),
        "lots_max": [],
        "sizing_usdt": equity,
        "guard": pick(rng, ("none", "block_entries", "flatten"), (0.8, 0.15, 0.05)),
        "rebalance": bool(rng.random() < 0.85),
        "cost_week_frac": float(rng.uniform(0.0, 0.01)),
    }
    if rng.random() < 0.2:
        case["lots_max"] = [int(lots) for lots in rng.integers(0, 2_000, n)]
    params = {
        "band_frac": pick(rng, (0.0, 0.25, 0.5, 1.5), (0.3, 0.4, 0.2, 0.1)),
        "market_neutral": bool(rng.random() < 0.8),
        "net_cap_frac": pick(rng, (0.15, 0.01), (0.8, 0.2)),
        "router_enabled": bool(rng.random() < 0.1),
        "router_net_cap_frac": 0.3,
        "annual_cost_max_frac": pick(rng, (0.0, 0.25), (0.8, 0.2)),
    }
    return case, params


def known(value: Any) -> Any:
    """NaN as JSON has it: null."""
    if isinstance(value, list):
        return [known(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def cases(count: int = 120, seed: int = 11) -> list[dict[str, Any]]:
    """Inputs, parameters and answers."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        case, params = draw(rng)
        answer = plan(case, params)
        found.append({"case": {k: known(v) for k, v in case.items()}, "params": params, **answer})
    return found


if __name__ == "__main__":
    FILE.write_text("[\n" + ",\n".join(json.dumps(one) for one in cases()) + "\n]\n", encoding="utf-8")
