"""The stored cases, which the Rust tests read, are what the twins say today."""

import json

import numpy as np
import pytest

from tests.oracle import guard_cases, meta_cases, plan_cases
from tests.oracle.plan import plan, target_lots


def close_to(found, stored):
    """Equal to rounding: libraries may move a last digit."""
    if isinstance(found, dict):
        return found.keys() == stored.keys() and all(close_to(found[k], stored[k]) for k in found)
    if isinstance(found, list):
        return len(found) == len(stored) and all(map(close_to, found, stored))
    if isinstance(found, float):
        return stored is not None and found == pytest.approx(stored, abs=1e-7)
    return bool(found == stored)


def test_plan_cases_are_fresh():
    stored = json.loads(plan_cases.FILE.read_text(encoding="utf-8"))
    assert close_to(json.loads(json.dumps(plan_cases.cases())), stored)


def test_guard_cases_are_fresh():
    stored = json.loads(guard_cases.FILE.read_text(encoding="utf-8"))
    assert close_to(json.loads(json.dumps(guard_cases.cases())), stored)


def test_meta_cases_are_fresh():
    stored = json.loads(meta_cases.FILE.read_text(encoding="utf-8"))
    assert close_to(json.loads(json.dumps(meta_cases.told())), stored)


def test_a_filled_plan_plans_nothing_more():
    rng = np.random.default_rng(1)
    for _ in range(2_000):
        case, params = plan_cases.draw(rng)
        filled = {**case, "lots": plan(case, params)["goal_lots"]}
        assert plan(filled, params)["legs"] == []


@pytest.mark.parametrize(
    ("weight", "equity", "price", "step", "lots"),
    [(0.3, 1.0, 1.0, 0.1, 2), (-0.5, 1_000.0, 100.0, 1.0, -5), (0.5, 0.0, 1.0, 1.0, 0)],
)
def test_targets_are_never_rounded_up(weight, equity, price, step, lots):
    assert target_lots(weight, equity, price, step) == lots
