"""Section 6: multipliers, caps, balance. No step after the first adds, but for water-filling."""

import math

import numpy as np
from numpy.typing import NDArray

from tests.oracle.moment import BINDING, LONG, SHORT, SIGN, Moment
from tests.oracle.params import bars_a_year

Array = NDArray[np.float64]
Pairs = set[tuple[int, int]]


def past_returns(now: Moment, bars: int) -> Array:
    """The newest rows of the return window, unknown returns left unknown."""
    return np.asarray(now.row["ret_window"]).reshape(-1, now.count)[-bars:]


def vol_target_scale(now: Moment, wanted: Array) -> float:
    """Aimed at volatility over the expected one of the book that is wanted."""
    p = now.params
    bars, shrink = p["vol_target_bars"], p["vol_target_shrink_frac"]
    known = past_returns(now, bars)
    rows = int((~np.isnan(known)).any(axis=1).sum())
    filled = np.nan_to_num(known, nan=0.0)
    book = (filled * wanted).sum(axis=1)
    own = (wanted**2 * filled.var(axis=0, ddof=1)).sum()
    variance = (1.0 - shrink) * book.var(ddof=1) + shrink * own
    sigma = math.sqrt(bars_a_year(p) * variance)
    if sigma == 0.0 or rows * 100 < bars * 95:
        return 1.0
    scale = p["vol_target_ann_frac"] / sigma
    return float(min(max(scale, p["vol_target_scale_min"]), p["vol_target_scale_max"]))


def vol_regime_scale(now: Moment) -> float:
    """Less when the market's volatility has jumped."""
    p, ratio = now.params, now.row["vol_ratio"]
    if math.isnan(ratio):
        return 1.0
    scale = 1.0 - p["vol_regime_slope"] * (ratio / p["vol_regime_ratio_start"] - 1.0)
    return float(min(max(scale, p["vol_regime_scale_min"]), 1.0))


def drawdown_scale(now: Moment) -> float:
    """Less as the drawdown deepens."""
    p = now.params
    if math.isnan(now.book["unit_value"] / now.book["unit_value_peak"]):
        return 1.0
    drawdown = 1.0 - now.book["unit_value"] / now.book["unit_value_peak"]
    start, end = p["drawdown_scale_start_frac"], p["drawdown_scale_end_frac"]
    scale = 1.0 - (drawdown - start) / (end - start)
    return float(min(max(scale, p["drawdown_scale_min"]), 1.0))


def multiplier(now: Moment, wanted: Array) -> float:
    """g: the product of the scales that are on."""
    p, scale = now.params, 1.0
    if p["vol_target_enabled"]:
        scale *= vol_target_scale(now, wanted)
    if p["vol_regime_enabled"]:
        scale *= vol_regime_scale(now)
    if p["drawdown_scale_enabled"]:
        scale *= drawdown_scale(now)
    return scale


def names_on(weights: Array, side: int) -> list[int]:
    """Names whose weight has the side's sign."""
    return [i for i, weight in enumerate(weights) if SIGN[side] * weight > 0.0]


def correlations(now: Moment) -> Array:
    """Correlations of the zero-filled returns; NaN for a name that did not move."""
    filled = np.nan_to_num(past_returns(now, now.params["correlation_bars"]), nan=0.0)
    centred = filled - filled.mean(axis=0)
    cov = centred.T @ centred
    size = np.sqrt(np.diag(cov))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(cov / np.outer(size, size))


def limit_correlated(now: Moment, weights: Array) -> set[int]:
    """Halve names that move with a larger one, or cap clusters; give the names so reduced."""
    limit, reduced = now.params["correlation_max"], set()
    corr = correlations(now)
    for side in (LONG, SHORT):
        names = sorted(names_on(weights, side), key=lambda i: (-abs(weights[i]), i))
        twin = {(i, j) for i in names for j in names if i != j and corr[i, j] > limit}
        act = halve if now.params["correlation_action"] == "halve" else cap_clusters
        reduced |= act(now, weights, names, twin)
    return reduced


def halve(now: Moment, weights: Array, names: list[int], twin: Pairs) -> set[int]:
    """Halve each name that has a larger twin on its side."""
    smaller = {i for place, i in enumerate(names) if any((i, j) in twin for j in names[:place])}
    for i in smaller:
        weights[i] /= 2.0
        now.reason[i] = "correlated"
    return smaller


def cap_clusters(now: Moment, weights: Array, names: list[int], twin: Pairs) -> set[int]:
    """Scale each cluster down to its cap."""
    cap, reduced = now.params["cluster_weight_max_frac"], set()
    for cluster in clusters(names, twin):
        total = sum(abs(weights[i]) for i in cluster)
        if total <= cap:
            continue
        reduced.update(cluster)
        for i in cluster:
            weights[i] *= cap / total
            now.reason[i] = "cluster_cap"
    return reduced


def clusters(names: list[int], twin: Pairs) -> list[list[int]]:
    """Connected components of the pairs; a name without a pair is in none."""
    found, seen = [], set()
    for start in names:
        if start in seen or not any((start, j) in twin for j in names):
            continue
        cluster, queue = [], [start]
        seen.add(start)
        while queue:
            i = queue.pop()
            cluster.append(i)
            near = [j for j in names if (i, j) in twin and j not in seen]
            seen.update(near)
            queue.extend(near)
        found.append(cluster)
    return found


def cap_of(now: Moment, i: int, side: int) -> tuple[float, str]:
    """The least cap of a name on a side, and the rule that set it."""
    p, equity = now.params, now.equity
    caps = [
        (p["weight_long_max_frac" if side == LONG else "weight_short_max_frac"], "weight_cap"),
    ]
    if side == SHORT and p["squeeze_loss_frac"] > 0.0:
        caps.append((p["squeeze_loss_frac"] / 2.0, "squeeze_cap"))
    if p["risk_per_trade_frac"] > 0.0:
        at_risk = p["stop_atr_x"] * now.atr_frac(i)
        room = math.inf if at_risk == 0.0 else p["risk_per_trade_frac"] / at_risk
        caps.append((0.0 if math.isnan(at_risk) else room, "risk_cap"))
    if p["notional_max_usdt"] > 0.0:
        caps.append((p["notional_max_usdt"] / equity, "notional_cap"))
    if p["adv_share_max_frac"] > 0.0:
        adv = p["adv_share_max_frac"] * now.row["adv_usdt"][i] / equity
        caps.append((0.0 if math.isnan(adv) else adv, "adv_cap"))
    caps.append((float(now.book["rung_cap_frac"][i]), "rung_cap"))
    least, why = min(caps, key=lambda cap: cap[0])
    return max(least, 0.0), why


def fill_to_caps(now: Moment, weights: Array, reduced: set[int]) -> None:
    """Cap each name; what is cut off goes to the leg's names that have room."""
    for side in (LONG, SHORT):
        size = {i: abs(weights[i]) for i in names_on(weights, side)}
        cap = {i: cap_of(now, i, side) for i in size}
        full: set[int] = set()
        for _ in range(len(size)):
            over = [i for i in size if size[i] > cap[i][0]]
            if not over:
                break
            excess = sum(size[i] - cap[i][0] for i in over)
            for i in over:
                size[i] = cap[i][0]
            full.update(over)
            open_names = [i for i in size if i not in full and i not in reduced]
            total = sum(size[i] for i in open_names)
            for i in open_names:
                size[i] += excess * size[i] / total
        for i, filled in size.items():
            if filled < abs(weights[i]):  # filled up to its cap, a name was not reduced
                now.reason[i] = cap[i][1]
            weights[i] = SIGN[side] * filled


def frozen_on(now: Moment, side: int, per: Array | None = None) -> float:
    """Summed |weight| of the frozen names of a side, each times `per` where given."""
    now_held = now.book["weight_now_frac"]
    total = 0.0
    for i in now.frozen:
        if SIGN[side] * now_held[i] > 0.0:
            total += abs(now_held[i]) * (1.0 if per is None else per[i])
    return total


def leg_total(weights: Array, side: int, per: Array | None = None) -> float:
    """Summed |weight| of a side's names that are not frozen."""
    names = names_on(weights, side)
    return float(sum(abs(weights[i]) * (1.0 if per is None else per[i]) for i in names))


def scale_leg(now: Moment, weights: Array, side: int, scale: float, why: str) -> None:
    """Scale a leg down; note the rule when it is more than rounding."""
    for i in names_on(weights, side):
        weights[i] *= scale
        if scale < 1.0 - BINDING:
            now.reason[i] = why


def shrink_to(total: float, goal: float) -> float:
    """The scale, at most 1, that brings a total down to a goal not below 0."""
    return 1.0 if total <= goal or total <= 0.0 else max(goal, 0.0) / total


def leave_room(now: Moment, weights: Array, g: float, shares: dict[int, float]) -> None:
    """The legs leave room for what is frozen."""
    for side in (LONG, SHORT):
        frozen = frozen_on(now, side)
        if frozen > 0.0:
            room = max(0.0, g * now.params["gross_x"] * shares[side] - frozen)
            scale_leg(now, weights, side, shrink_to(leg_total(weights, side), room), "stale_room")


def balance(now: Moment, weights: Array) -> None:
    """The larger side comes down to the smaller, in dollars or in beta."""
    if not now.params["market_neutral"] or now.mixing:
        return
    per = None
    if now.params["beta_neutral"]:
        per = np.nan_to_num(np.asarray(now.row["beta"], dtype=float), nan=1.0)
        for side in (LONG, SHORT):
            empty = leg_total(weights, side) + frozen_on(now, side) == 0.0
            if not empty and leg_total(weights, side, per) + frozen_on(now, side, per) <= 0.0:
                per = None
                break
    loose = {side: leg_total(weights, side, per) for side in (LONG, SHORT)}
    fixed = {side: frozen_on(now, side, per) for side in (LONG, SHORT)}
    for side, other in ((LONG, SHORT), (SHORT, LONG)):
        goal = loose[other] + fixed[other] - fixed[side]
        scale_leg(now, weights, side, shrink_to(loose[side], goal), "leg_short")


def cap_net(now: Moment, weights: Array) -> None:
    """The heavier side comes down until the net is within its cap."""
    cap = now.params["router_net_cap_frac" if now.mixing else "net_cap_frac"]
    total = {side: leg_total(weights, side) + frozen_on(now, side) for side in (LONG, SHORT)}
    for side, other in ((LONG, SHORT), (SHORT, LONG)):
        goal = total[other] + cap - frozen_on(now, side)
        scale_leg(now, weights, side, shrink_to(leg_total(weights, side), goal), "net_cap")


def cap_gross(now: Moment, weights: Array) -> None:
    """All that is not frozen comes down until gross is within its hard cap."""
    loose = leg_total(weights, LONG) + leg_total(weights, SHORT)
    fixed = frozen_on(now, LONG) + frozen_on(now, SHORT)
    scale = shrink_to(loose, now.params["gross_hard_cap_x"] - fixed)
    for side in (LONG, SHORT):
        scale_leg(now, weights, side, scale, "gross_cap")


def block_entries(now: Moment, weights: Array) -> None:
    """Each target lies between 0 and what is held; then balance and net are set right again."""
    for i in range(now.count):
        if i in now.frozen:
            continue
        held = now.book["weight_now_frac"][i]
        bounded = min(max(weights[i], min(held, 0.0)), max(held, 0.0))
        if bounded != weights[i]:
            weights[i] = bounded
            now.reason[i] = "entries_blocked"
    balance(now, weights)
    cap_net(now, weights)
