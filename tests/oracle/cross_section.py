"""Section 3: from past moves to scores that can be compared, and the router's mix."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from tests.oracle.moment import SIGMA_MIN, Moment

Array = NDArray[np.float64]


def raw_scores(now: Moment) -> Array:
    """x of the eligible names: the score, or the weighted mean of centred ranks."""
    names = now.eligible
    if now.params["signal_combine"] == "mean":
        return np.asarray(now.row["score"], dtype=float)[names]
    n = len(names)
    moves = np.asarray(now.row["moves"]).reshape(-1, now.count)[:, names]
    total = np.zeros(n)
    for weight, move in zip(now.params["lookback_weights"], moves, strict=True):
        if n > 1:
            total += weight * (2.0 * rankdata(move) - n - 1.0) / (n - 1.0)
    return total


def standardise(x: Array, kind: str) -> Array:
    """Scores that can be compared; all 0 when there is no spread."""
    if kind == "rank_normal":
        spread = x.max() - x.min()
    elif kind == "robust":
        centre = np.median(x)
        spread = 1.4826 * np.median(np.abs(x - centre))
    else:
        centre = x.mean()
        spread = np.sqrt(((x - centre) ** 2).mean())
    if spread <= 1e-12 * np.abs(x).max():
        return np.zeros(len(x))
    if kind == "rank_normal":
        return np.asarray(ndtri((rankdata(x) - 0.5) / len(x)))
    return np.asarray((x - centre) / spread)


def tilt_by_funding(now: Moment, z: Array) -> Array:
    """Charge each name with the funding that its holder will pay."""
    tilt, hours = now.params["funding_tilt_x"], float(now.params["funding_hold_bars"])
    if tilt == 0.0 or hours == 0.0:
        return z
    f = np.asarray(now.row["funding_frac"])[now.eligible]
    sigma = np.maximum(np.asarray(now.row["sigma"])[now.eligible], SIGMA_MIN)
    return np.asarray(z - tilt * f * hours / (sigma * np.sqrt(hours)))


def amplify(z: Array, power: float, redemean: bool) -> Array:
    """s = sign(z)·|z|^power, its mean taken out again."""
    s = np.sign(z) * np.abs(z) ** power
    return np.asarray(s - s.mean()) if redemean and len(s) else s


def majors_trend(now: Moment) -> float:
    """Mean |slope| of the majors that the panel has; NaN when one is not known."""
    places = [i for i, s in enumerate(now.facts["symbols"]) if s in now.params["majors"]]
    if not places:
        return float("nan")
    return float(np.mean([abs(now.row["slope_bps_day"][i]) for i in places]))


def router_call(now: Moment, called: bool) -> bool:
    """Whether the market calls for time series; unknown inputs leave the call as it is."""
    p = now.params
    corr, trend = now.row["implied_corr"], majors_trend(now)
    spread = now.row["router_dispersion_bps"]
    if math.isnan(corr) or math.isnan(trend) or math.isnan(spread):
        return called
    least = p["router_trend_min_bps_day"]
    if not called:
        trending = corr >= p["router_corr_enter"] and trend >= least
        return bool(trending or spread <= p["router_dispersion_min_bps"])
    calm = corr < p["router_corr_exit"] or trend < least
    return not (calm and spread > p["router_dispersion_exit_bps"])


def route(now: Moment, z: Array, s: Array, state: dict[str, Any]) -> tuple[Array, Array]:
    """Move the mix and mix time series into both scores."""
    if not now.params["router_enabled"]:
        return z, s
    state["router_called"] = router_call(now, state["router_called"])
    goal = 0.0 if state["router_called"] else 1.0
    mix = state["router_mix"]
    mix += now.params["router_step_frac"] * (goal - mix)
    state["router_mix"] = mix
    now.mixing = mix < 1.0 - 1e-9
    own = np.asarray(now.row["trend"])[now.eligible]
    return mix * z + (1.0 - mix) * own, mix * s + (1.0 - mix) * own


def score_names(now: Moment, state: dict[str, Any]) -> tuple[dict[int, float], dict[int, float]]:
    """z and s of each eligible name."""
    p = now.params
    z = np.zeros(0)
    if now.eligible:
        z = standardise(raw_scores(now), p["standardise"])
    z = tilt_by_funding(now, z) if now.eligible else z
    if p["zscore_clip"] > 0.0:
        z = np.clip(z, -p["zscore_clip"], p["zscore_clip"])
    s = amplify(z, p["signal_power"], p["redemean"])
    z, s = route(now, z, s, state)
    return (
        dict(zip(now.eligible, z.tolist(), strict=True)),
        dict(zip(now.eligible, s.tolist(), strict=True)),
    )
