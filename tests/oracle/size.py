"""Section 5: raw weights of the renewed tranche, and what all tranches want together."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracle.moment import LONG, SHORT, SIGN, Moment
from tests.oracle.params import bars_a_year

Array = NDArray[np.float64]
Legs = dict[int, list[int]]


def empty_tranches(now: Moment, left: set[int], state: dict[str, Any]) -> None:
    """Names that left the universe, and sides that were stopped, leave every tranche first."""
    for tranche in state["tranche_weight"]:
        for i in range(now.count):
            side = LONG if tranche[i] > 0.0 else SHORT
            if i in left or now.state["awaiting_reentry"][i][side]:
                tranche[i] = 0.0


def raw_weight(now: Moment, i: int, side: int, s: float) -> float:
    """|s|^power over volatility, times the meta-labeller's multiplier."""
    p = now.params
    floor = p["vol_floor_ann_frac"] / math.sqrt(bars_a_year(p))
    raw = abs(s) ** p["size_power"] / max(now.row["sigma"][i], floor)
    if p["meta_enabled"]:
        raw *= now.book["meta_scale"][i][side]
    return float(raw)


def leg_shares(now: Moment, u: dict[int, float], legs: Legs) -> dict[int, float]:
    """Each side's share of gross: a half, or what makes the betas equal."""
    half = {LONG: 0.5, SHORT: 0.5}
    if not now.params["beta_neutral"] or now.mixing:
        return half
    beta = {}
    for side in (LONG, SHORT):
        total = sum(u[i] for i in legs[side])
        if total == 0.0:
            return half
        beta[side] = sum(u[i] * now.row["beta"][i] for i in legs[side]) / total
    if not (beta[LONG] > 0.0 and beta[SHORT] > 0.0):
        return half
    both = beta[LONG] + beta[SHORT]
    return {LONG: beta[SHORT] / both, SHORT: 1.0 - beta[SHORT] / both}


def renew_tranche(
    now: Moment, legs: Legs, s: dict[int, float], state: dict[str, Any]
) -> tuple[Array, dict[int, float]]:
    """Write the renewed tranche; give what the tranches want together, and the legs' shares."""
    u = {i: raw_weight(now, i, side, s[i]) for side in legs for i in legs[side]}
    shares = leg_shares(now, u, legs)
    fresh = np.zeros(now.count)
    for side, names in legs.items():
        total = sum(u[i] for i in names)
        for i in names:
            if total > 0.0:
                fresh[i] = SIGN[side] * u[i] / total * now.params["gross_x"] * shares[side]
    state["tranche_weight"][now.tranche] = fresh
    wanted = state["tranche_weight"].sum(axis=0) / now.params["tranches"]
    wanted[sorted(now.frozen)] = 0.0
    return wanted, shares


def explain_older(now: Moment, wanted: Array, state: dict[str, Any]) -> None:
    """Names that only an older tranche holds say so."""
    fresh = state["tranche_weight"][now.tranche]
    for i in np.flatnonzero(wanted):
        if fresh[i] == 0.0:
            now.reason[i] = "older_tranche"
