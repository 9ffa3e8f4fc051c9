"""Seeded lives of a book with the twin's verdicts, for programs that cannot call the twin.

`python -m tests.oracle.guard_cases` rewrites them.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.guards import DAY_MS, Events, evaluate
from tests.oracle.plan_cases import known

FILE = Path(__file__).resolve().parents[1] / "vectors" / "guards_twin.json"
PARAMS: dict[str, Any] = {
    "bar_ms": 14_400_000,
    "daily_loss_max_frac": 0.05,
    "daily_loss_base": "high",
    "daily_loss_pause_ms": 7_200_000,
    "emergency_loss_frac": 0.02,
    "drawdown_max_frac": 0.05,
    "drawdown_days": 3,
    "longterm_drawdown_max_frac": 0.08,
    "symbol_daily_loss_max_frac": 0.02,
    "trade_loss_max_frac": 0.02,
    "cvar_max_frac": 0.04,
    "stop_cluster_count": 3,
    "stop_cluster_window_ms": DAY_MS // 2,
    "stop_cluster_pause_ms": DAY_MS // 3,
}
NAMES = 2


def rounded(values: Any) -> list[float]:
    """Few digits, so that the file stays small and exact."""
    return [round(float(value), 4) for value in np.ravel(values)]


def live(rng: np.random.Generator, count: int) -> tuple[Events, list[dict[str, Any]]]:
    """Events of one life and a verdict for each of its moments."""
    at_ms, value, equity = 20_000 * DAY_MS, 1.0, 1_000.0
    results, trades = np.zeros(NAMES), np.zeros(NAMES)
    events: Events = []
    verdicts = []
    window = rng.normal(0.0, 0.01, (64, NAMES))
    for _ in range(count):
        at_ms += PARAMS["bar_ms"] * int(rng.choice([1, 1, 1, 1, 1, 2, 9]))
        moved = rng.standard_t(3) * 0.012
        value = round(value * (1.0 + moved), 6)
        equity = round(equity * (1.0 + moved) + (300.0 if rng.random() < 0.05 else 0.0), 6)
        results = results + rng.normal(0.0, 8.0, NAMES)
        trades = np.where(rng.random(NAMES) < 0.2, 0.0, trades + rng.normal(0.0, 12.0, NAMES))
        window = np.vstack([window[1:], rng.normal(0.0, 0.012, NAMES)])
        shown = np.where(rng.random(window.shape) < 0.01, math.nan, window)
        if rng.random() < 0.45:
            events.append(("stop", at_ms))
        if rng.random() < 0.06:
            events.append(("rearm", str(rng.choice(["drawdown", "longterm_drawdown"]))))
        moment = {
            "at_ms": at_ms,
            "unit_value": math.nan if rng.random() < 0.03 else value,
            "equity_usdt": equity,
            "symbol_result_usdt": rounded(results),
            "trade_result_usdt": rounded(trades),
            "exposure_frac": rounded(rng.normal(0.0, 0.5, NAMES) * (rng.random(NAMES) < 0.8)),
            "ret_window": [rounded(row) for row in shown[: 59 if rng.random() < 0.05 else 64]],
        }
        events.append(("moment", moment))
        verdicts.append(evaluate(events, PARAMS))
    return events, verdicts


def as_json(one: Any) -> Any:
    """NaN becomes null everywhere."""
    if isinstance(one, dict):
        return {key: as_json(value) for key, value in one.items()}
    if isinstance(one, list | tuple):
        return [as_json(value) for value in one]
    return known(one)


def cases(lives: int = 3, count: int = 30, seed: int = 4) -> list[dict[str, Any]]:
    """Lives and verdicts."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(lives):
        events, verdicts = live(rng, count)
        found.append({"params": PARAMS, "events": as_json(events), "verdicts": as_json(verdicts)})
    return found


if __name__ == "__main__":
    FILE.write_text("[\n" + ",\n".join(json.dumps(one) for one in cases()) + "\n]\n", encoding="utf-8")
