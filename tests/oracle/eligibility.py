"""Section 2: who may be chosen, and whose position is frozen."""

import math
import re
from typing import Any

from tests.oracle.moment import SIGMA_MIN, Moment
from tests.oracle.params import DAY_MS

BEFORE_TOP_N = (
    "operator_hold",
    "not_listed",
    "delisted",
    "excluded",
    "not_included",
    "no_data",
    "too_young",
    "price_too_low",
    "volume_too_low",
)
KEEP_MEMBERSHIP = ("operator_hold", "no_data")


def broken_rule(now: Moment, i: int) -> str | None:
    """The first rule before the size of the universe that name i breaks."""
    p, symbol = now.params, now.facts["symbols"][i]
    listed, delisted = now.facts["listed_ms"][i], now.facts["delisted_ms"][i]
    close, volume = now.row["close"][i], now.row["dollar_volume_usdt"]
    include, volume_min = p["universe_include"], p["dollar_volume_min_usdt"]
    names = {symbol, re.sub(r"(.)\.[0-9]+$", r"\1", symbol)}  # itself, and the ticker of a second listing
    tests = {
        "operator_hold": bool(now.book["hold"][i]),
        "not_listed": now.close_ms < listed,
        "delisted": now.close_ms >= delisted,
        "excluded": not names.isdisjoint(p["universe_exclude"]),
        "not_included": bool(include) and names.isdisjoint(include),
        "no_data": math.isnan(close),
        "too_young": now.close_ms - listed < p["age_min_days"] * DAY_MS,
        "price_too_low": close < p["price_min_usdt"],
        "volume_too_low": volume_min > 0.0 and volume[i] < volume_min,
    }
    return next((rule for rule in BEFORE_TOP_N if tests[rule]), None)


def renew_members(now: Moment, broken: dict[int, str | None], state: dict[str, Any]) -> set[int]:
    """Rank by dollar volume; members leave later than others join."""
    top = now.params["universe_top_n"]
    passing = [i for i, rule in broken.items() if rule is None]
    if top == 0:
        return set(passing)
    leave = math.floor(now.params["universe_leave_x"] * top)
    volume = now.row["dollar_volume_usdt"]
    for i, rule in broken.items():
        if rule is not None and rule not in KEEP_MEMBERSHIP:
            state["member"][i] = False
    order = sorted(passing, key=lambda i: (-volume[i], i))
    for rank, i in enumerate(order, start=1):
        state["member"][i] = rank <= (leave if state["member"][i] else top)
    return {i for i in passing if state["member"][i]}


def signal_rule(now: Moment, i: int) -> str | None:
    """What keeps a member of the universe from being ranked."""
    row = now.row
    known = [row["score"][i], row["sigma"][i]]
    if now.params["beta_neutral"]:
        known.append(row["beta"][i])
    if now.params["router_enabled"]:
        known.append(row["trend"][i])
    if any(math.isnan(value) for value in known):
        return "short_history"
    if row["sigma"][i] <= SIGMA_MIN:
        return "flat_price"
    return None


def names_a_side(now: Moment, n: int) -> int:
    """K for n eligible names (section 4 says how)."""
    p = now.params
    k = clip_int(math.floor(p["k_frac"] * n + 0.5), p["k_min"], p["k_max"])
    ratio = now.row["dispersion_ratio"]
    if p["k_dispersion_bars"] > 0 and not math.isnan(ratio):
        bent = math.floor(k * min(max(ratio, 0.5), 1.5) + 0.5)
        k = clip_int(bent, p["k_min"], p["k_max"])
    return min(k, n // 2)


def clip_int(value: int, low: int, high: int) -> int:
    """Hold a whole number between two others."""
    return max(low, min(value, high))


def drop_small(now: Moment, candidates: list[int]) -> list[int]:
    """Names whose typical position would be under twice the least order."""
    p = now.params
    k = names_a_side(now, len(candidates))
    if k == 0:
        return candidates
    typical = min(p["gross_x"] / 2.0 / k, p["weight_long_max_frac"]) * now.equity
    kept = []
    for i in candidates:
        least = now.book["order_usdt_min"][i]
        if typical < 2.0 * least:
            now.reason[i] = "too_small"
        else:
            kept.append(i)
    return kept


def freeze(now: Moment, i: int, rule: str | None) -> bool:
    """Whether the target of name i is what it has: on hold, or held without a bar."""
    if rule == "operator_hold":
        return True
    if rule != "no_data" or not now.held(i):
        return False
    long_gone = now.book["stale_bars"][i] > now.params["stale_bars_max"]
    now.reason[i] = "stale_too_long" if long_gone else "stale"
    return not long_gone


def judge_names(now: Moment, state: dict[str, Any]) -> set[int]:
    """Fill reasons, frozen names and eligible names; give the names that left the universe."""
    broken = {i: broken_rule(now, i) for i in range(now.count)}
    members = renew_members(now, broken, state)
    now.reason = [rule or "not_selected" for rule in broken.values()]
    left = set()
    candidates = []
    for i, rule in broken.items():
        if freeze(now, i, rule):
            now.frozen.add(i)
        elif rule is not None:
            left.add(i)
        elif i not in members:
            now.reason[i] = "outside_top_n"
            left.add(i)
        elif lack := signal_rule(now, i):
            now.reason[i] = lack
        else:
            candidates.append(i)
    now.eligible = drop_small(now, candidates)
    return left
