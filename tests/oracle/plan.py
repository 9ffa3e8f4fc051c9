"""From targets to lots: a slow twin of the kernel's plan, straight from docs/explanation/plan.md."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

LOTS_MAX = 2**53
STILL_REASONS = ("stale", "operator_hold")


@dataclass
class Name:
    """Working figures of one name."""

    reason: str
    unit: float
    least: int
    held: int
    target: int
    goal: int
    still: bool


def sign(number: float) -> int:
    """-1, 0 or 1."""
    return (number > 0) - (number < 0)


def target_lots(weight: float, equity: float, price: float, step: float) -> int:
    """The exact quotient, cut toward 0."""
    if weight == 0.0 or math.isnan(weight) or not equity > 0.0:
        return 0
    exact = Fraction(weight) * Fraction(equity) / (Fraction(price) * Fraction(step))
    return sign(weight) * min(math.floor(abs(exact)), LOTS_MAX)


def smallest_order(minimum: float, unit: float) -> int:
    """Lots that are worth the minimum."""
    lots = max(1, math.ceil(minimum / unit))
    return lots + 1 if lots * unit < minimum else lots


def blocked_by(case: dict[str, Any], params: dict[str, Any]) -> str | None:
    """The rule that keeps positions from growing."""
    if case["guard"] != "none":
        return "entries_blocked"
    budget = params["annual_cost_max_frac"]
    if budget > 0.0 and not case["cost_week_frac"] * (365.0 / 7.0) <= budget:
        return "cost_budget"
    return None


def aim(case: dict[str, Any], i: int, blocked: str | None) -> Name:
    """Sections 1 and 2 (without balance) for one name."""
    own, price, step = case["reason"][i], case["price"][i], case["qty_step"][i]
    weight, equity, held = case["weight_frac"][i], case["sizing_usdt"], case["lots"][i]
    flatten = case["guard"] == "flatten"
    exit_called = case["closing"][i] or flatten
    unknown = math.isnan(weight) or (case["rebalance"] and math.isnan(equity))
    if math.isnan(price) or (not exit_called and (own in STILL_REASONS or unknown)):
        mark = case["mark"][i]
        unit = 0.0 if math.isnan(mark) else mark * step
        concerned = held != 0 or weight != 0.0
        reason = "no_data" if math.isnan(price) and own != "stale" and concerned else own
        return Name(reason, unit, 1, held, held, held, True)
    unit = price * step
    least = smallest_order(case["notional_usdt_min"][i], unit)
    if exit_called:
        why = "exit" if case["closing"][i] else "flattened"
        return Name(own if held == 0 else why, unit, least, held, 0, 0, False)
    if not case["rebalance"]:
        return Name(own, unit, least, held, held, 0, False)
    target = target_lots(weight, equity, price, step)
    same_side = weight * held > 0.0 and abs(held) == abs(target) + 1
    if same_side and abs(weight) * equity >= abs(held) * unit * (1.0 - 1e-9):
        target = held
    most = case["lots_max"][i] if case["lots_max"] else LOTS_MAX
    target = sign(target) * min(abs(target), most)
    if abs(target) < least:
        return Name(own if weight == 0.0 else "below_minimum", unit, least, held, 0, 0, False)
    reason = own
    if blocked:
        allowed = min(abs(target), abs(held)) * sign(target) if sign(target) == sign(held) else 0
        reason = blocked if allowed != target else own
        target = allowed
    return Name(reason, unit, least, held, target, 0, False)


def net(names: list[Name], field: str) -> float:
    """Signed value of all lots of a kind."""
    return sum(getattr(name, field) * name.unit for name in names)


def limits(case: dict[str, Any], names: list[Name], params: dict[str, Any], free: bool) -> float:
    """Net that is allowed."""
    equity, cap = case["sizing_usdt"], params["net_cap_frac"]
    if params["router_enabled"]:
        cap = max(cap, params["router_net_cap_frac"])
    if math.isnan(equity):
        return math.inf
    field = "target" if free else "goal"
    units = [n.unit for n in names if not n.still and getattr(n, field) != 0]
    smallest = min(units, default=math.inf)
    if not free:
        return max(smallest, cap * equity) * (1.0 + 1e-9)
    wanted = 0.0
    for i, name in enumerate(names):
        if name.still:
            wanted += name.held * name.unit
        elif not case["closing"][i]:
            wanted += case["weight_frac"][i] * equity
    allowed = min(max(0.02 * equity, abs(wanted)), cap * equity)
    return max(smallest, allowed) * (1.0 + 1e-9)


def balance(names: list[Name], limit: float) -> None:
    """Section 2.5: rounds, until the net is small enough or nothing changes."""
    for _ in range(8):
        if abs(net(names, "target")) <= limit:
            return
        before = [name.target for name in names]
        balance_once(names, limit)
        for name in names:
            if not name.still and abs(name.target) < name.least:
                name.target = 0
        if before == [name.target for name in names]:
            return


def balance_once(names: list[Name], limit: float) -> None:
    """The heavier leg gives whole lots by the share that each name owes."""
    over = net(names, "target")
    side = sign(over)
    leg = [name for name in names if not name.still and sign(name.target) == side]
    value = sum(abs(name.target) * name.unit for name in leg)
    if not leg:
        return
    share = min(1.0, (abs(over) - limit) / value)
    owed = [(share * abs(name.target), name) for name in leg]
    for lots, name in owed:
        whole = math.floor(lots)
        name.target -= side * whole
        name.reason = "leg_rounding" if whole else name.reason
    over = net(names, "target") * side
    for _, name in sorted(owed, key=lambda one: (math.floor(one[0]) - one[0], one[1].unit)):
        if over > limit and name.target != 0 and name.unit < 2.0 * over:
            name.target -= side
            over -= name.unit
            name.reason = "leg_rounding"


def band(target: int, band_frac: float) -> tuple[int, int]:
    """Lower and upper edge, without sign."""
    half = band_frac * abs(target)
    return max(0, math.ceil(abs(target) - half)), math.floor(abs(target) + half)


def set_goal(name: Name, band_frac: float) -> None:
    """Section 3."""
    name.goal = name.target
    if name.still or name.target == 0 or sign(name.held) != sign(name.target):
        return
    lower, upper = band(name.target, band_frac)
    held = abs(name.held)
    edge = min(max(held, lower), upper)
    name.goal = name.held
    if edge == held:
        name.reason = name.reason if name.held == name.target else "inside_band"
    elif abs(edge - held) < name.least:
        name.reason = "below_minimum"
    else:
        name.goal = sign(name.held) * edge


def cut_one(name: Name, floor: int, over: float, limit: float) -> int:
    """Lots that one name gives: the first amount of three that makes a valid order."""
    size, held = abs(name.goal), abs(name.held)
    room = size - floor
    if over <= limit or room <= 0:
        return 0
    reducing = sign(name.held) == sign(name.goal) and held >= size
    first = name.least - (held - size) if reducing else 1
    needed = max(1, math.ceil((over - limit) / name.unit))
    for cut in (min(max(needed, first), room), size, size - name.least):
        left = size - cut
        if not 0 < cut <= room or over - cut * name.unit < -limit:
            continue
        if left == 0 or (left >= name.least and cut >= first):
            return cut
    return 0


def cut_goals(names: list[Name], limit: float, band_frac: float | None, why: str) -> bool:
    """Section 4; whether anything was cut."""
    over = net(names, "goal")
    side = sign(over)
    over = abs(over)
    if over <= limit:
        return False
    before = [name.goal for name in names]
    for to_target in (True, False):
        leg = [n for n in names if not n.still and n.target != 0 and sign(n.goal) == side]
        if to_target:
            leg.sort(key=lambda n: (-abs(n.goal) / abs(n.target), -abs(n.goal) * n.unit))
        else:
            leg.sort(key=lambda n: -abs(n.goal) * n.unit)
        for name in leg:
            floor = 0
            if to_target:
                floor = max(abs(name.target), name.least)
            elif band_frac is not None:
                floor = max(band(name.target, band_frac)[0], name.least)
            cut = cut_one(name, floor, over, limit)
            if cut:
                name.goal -= side * cut
                over -= cut * name.unit
                name.reason = why
    return before != [name.goal for name in names]


def legs_of(names: list[Name]) -> list[tuple[int, int, bool]]:
    """Section 5: reduce-only first."""
    closing, opening = [], []
    for i, name in enumerate(names):
        kept = 0
        if sign(name.goal) == sign(name.held):
            kept = sign(name.held) * min(abs(name.goal), abs(name.held))
        if kept != name.held:
            closing.append((i, kept - name.held, True))
        if name.goal != kept:
            opening.append((i, name.goal - kept, False))
    return closing + opening


def plan(case: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Goal lots, reasons and legs."""
    blocked = blocked_by(case, params)
    free = blocked is None and case["rebalance"]
    names = [aim(case, i, blocked) for i in range(len(case["lots"]))]
    limit = math.inf
    if free and params["market_neutral"]:
        limit = limits(case, names, params, True)
        balance(names, limit)
    for name in names:
        set_goal(name, params["band_frac"])
    if free and params["market_neutral"]:
        cut_goals(names, limit, params["band_frac"], "leg_rounding")
    elif not free:
        while cut_goals(names, limits(case, names, params, False), None, "net_cap"):
            pass
    return {
        "goal_lots": [name.goal for name in names],
        "reason": [name.reason for name in names],
        "legs": legs_of(names),
    }
