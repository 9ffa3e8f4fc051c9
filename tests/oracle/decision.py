"""The decision by the letter of docs/explanation/decision.md, §2 to §7: slow, plain, one by one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracle.cross_section import score_names
from tests.oracle.eligibility import judge_names
from tests.oracle.limits import (
    balance,
    block_entries,
    cap_gross,
    cap_net,
    fill_to_caps,
    leave_room,
    limit_correlated,
    multiplier,
)
from tests.oracle.moment import LONG, SHORT, Moment, copy_state
from tests.oracle.params import Params
from tests.oracle.selection import select
from tests.oracle.size import empty_tranches, explain_older, renew_tranche

Array = NDArray[np.float64]


def shape(now: Moment, wanted: Array, shares: dict[int, float]) -> Array:
    """Section 6 in its order; frozen names are no part of `wanted`."""
    g = multiplier(now, wanted)
    weights = wanted * g
    reduced: set[int] = set()
    if now.params["correlation_enabled"]:
        reduced = limit_correlated(now, weights)
    fill_to_caps(now, weights, reduced)
    leave_room(now, weights, g, shares)
    balance(now, weights)
    cap_net(now, weights)
    cap_gross(now, weights)
    cap_net(now, weights)
    if now.book["guard"] != "none":
        block_entries(now, weights)
    return weights


def decide(
    row: dict[str, Any],
    book: dict[str, Any],
    state: dict[str, Any],
    params: Params,
    facts: dict[str, Any],
) -> tuple[Array, list[str], dict[str, Any]]:
    """Target weights, a reason for each name, and the state for the next decision."""
    now = Moment(row, book, state, params, facts)
    after = copy_state(state)
    left = judge_names(now, after)
    z, s = score_names(now, after)
    empty_tranches(now, left, after)
    legs = select(now, z, s, after)
    if legs is None:
        renew_tranche(now, {LONG: [], SHORT: []}, s, after)
        weights = np.zeros(now.count)
    else:
        wanted, shares = renew_tranche(now, legs, s, after)
        explain_older(now, wanted, after)
        weights = shape(now, wanted, shares)
    for i in now.frozen:
        weights[i] = book["weight_now_frac"][i]
    if book["guard"] == "flatten":
        for i in range(now.count):
            if weights[i] != 0.0 or now.held(i):
                now.reason[i] = "flattened"
        weights[:] = 0.0
        after["tranche_weight"][:] = 0.0
    return weights, now.reason, after
