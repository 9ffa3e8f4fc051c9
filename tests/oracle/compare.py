"""When two programs agree."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracle.cross_section import score_names
from tests.oracle.eligibility import judge_names
from tests.oracle.loop import Step
from tests.oracle.moment import SIGMA_MIN, Moment, copy_state
from tests.oracle.params import Params
from tests.oracle.selection import entry_threshold

Array = NDArray[np.float64]

RELATIVE = 1e-9
EDGE = 1e-12
# The variance of a name that does not move is rounding: its root is 1e-9 where it should be 0.
LOOSE = {"implied_corr": 1e-6}
# A difference of nearly equal numbers has an error of its operands' size: the size of one of them.
OPERAND = {
    "score": 1e-3,
    "moves": 1e-3,
    "trend": 1e-2,
    "sigma": 1e-4,
    "slope_bps_day": 1e2,
    "adx": 1.0,
    "beta": 1.0,
    "implied_corr": 1.0,
    "router_dispersion_bps": 1.0,
    "funding_frac": 1e-6,
}


def check_features(found: dict[str, Array], wanted: dict[str, Array]) -> None:
    """The same names are known, and their values agree to nine digits."""
    lacking = set(wanted) - {name for name, x in found.items() if np.size(x)}
    assert not lacking, f"the core gives no {sorted(lacking)}"
    for name, want in wanted.items():
        check_feature(name, found[name], want)


def check_feature(name: str, got: Array, want: Array) -> None:
    """One feature agrees in shape, in what is known and in value."""
    assert got.shape == want.shape, f"{name}: {got.shape} against {want.shape}"
    if name == "sigma":  # a name this still is flat, however still
        got, want = (np.where(x <= SIGMA_MIN, 0.0, x) for x in (got, want))
    unlike = np.argwhere(np.isnan(got) != np.isnan(want))
    assert not len(unlike), f"{name} is known to one only at {unlike[:5].tolist()}"
    digits = LOOSE.get(name, RELATIVE)
    least = digits * OPERAND.get(name, 0.0)
    np.testing.assert_allclose(got, want, rtol=digits, atol=least, err_msg=name)


def on_edge(step: Step, params: Params, facts: dict[str, Any]) -> bool:
    """Whether some name's score stands on a threshold, where rounding decides.

    A score that is 0 in exact arithmetic may come out as ±1e-17, and its sign says on which side a
    name may stand. Two programs that sum in another order may then differ, and neither is wrong.
    """
    now = Moment(step.row, step.book, step.state, params, facts)
    after = copy_state(step.state)
    judge_names(now, after)
    z, s = score_names(now, after)
    if not any(z.values()):
        return False
    order, half = sorted(s, key=lambda i: s[i]), len(s) // 2
    ranked = order[:half] + order[len(s) - half :]  # an odd one in the middle is in no half
    gaps = [abs(s[i]) for i in ranked]
    for i in ranked:
        edges = (0.0, params["hold_zscore_min"], entry_threshold(now, i))
        gaps += [abs(abs(z[i]) - edge) for edge in edges]
    return min(gaps, default=1.0) < EDGE


def check_decision(step: Step, found: tuple[Array, list[str], dict[str, Any]], symbols: tuple[str, ...]) -> None:
    """The same weights, reasons and state as the step that the twin took."""
    weights, reasons, after = found
    where = f"bar {step.t}"
    unlike = [
        (symbols[i], got, want, float(weights[i]), float(step.weights[i]))
        for i, (got, want) in enumerate(zip(reasons, step.reasons, strict=True))
        if got != want or not abs(weights[i] - step.weights[i]) <= RELATIVE
    ]
    assert not unlike, f"{where}: (symbol, reason, twin's reason, weight, twin's weight) {unlike}"
    for name in ("member", "awaiting_reentry"):
        np.testing.assert_array_equal(after[name], step.after[name], err_msg=f"{where} {name}")
    np.testing.assert_allclose(after["tranche_weight"], step.after["tranche_weight"], atol=RELATIVE, err_msg=where)
    assert after["router_called"] == step.after["router_called"], where
    assert abs(after["router_mix"] - step.after["router_mix"]) <= RELATIVE, where
