"""Section 4: which names stand on which side, and why the others do not."""

import math
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.eligibility import names_a_side
from tests.oracle.moment import LONG, SHORT, SIGN, Moment

BAR_REASON = {1: "cooldown", 2: "banned", 3: "streak_pause", 4: "symbol_pause"}
HOUR_MS = 3_600_000

#: A score nearer to 0 than this is 0 but for rounding, and has no sign.
SIGN_MIN = 1e-12


@dataclass
class Choice:
    """The legs as they grow, and the numbers that the rules ask for."""

    now: Moment
    z: dict[int, float]
    s: dict[int, float]
    k: int
    order: dict[int, list[int]] = field(default_factory=dict)
    legs: dict[int, list[int]] = field(default_factory=lambda: {LONG: [], SHORT: []})
    entered: int = 0
    open_positions: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        names = self.now.eligible
        self.order = {
            LONG: sorted(names, key=lambda i: (-self.s[i], i)),
            SHORT: sorted(names, key=lambda i: (self.s[i], i)),
        }

    @property
    def signed(self) -> bool:
        """Whether a leg asks for the sign of the score."""
        return bool(self.now.params["market_neutral"] or self.now.mixing)

    def best(self, side: int, ranks: int | None = None) -> list[int]:
        """Names of the side's own half, best first.

        Ties may put a name into both halves: its sign decides, or, where none is asked for, it
        belongs to the upper one.
        """
        half = len(self.now.eligible) // 2
        upper = self.order[LONG][:half]
        own = self.order[side][: half if ranks is None else min(half, ranks)]
        return own if side == LONG or self.signed else [i for i in own if i not in upper]

    def sign_is_right(self, i: int, side: int) -> bool:
        """Whether a score of this sign may stand on this side."""
        params = self.now.params
        judged = self.s if params["redemean"] or params["router_enabled"] else self.z
        return not self.signed or SIGN[side] * judged[i] > SIGN_MIN


def held_on(now: Moment, i: int, side: int, state: dict[str, Any]) -> bool:
    """Whether the renewed tranche (with one tranche: the position) has the name on this side."""
    one = now.params["tranches"] == 1
    weights = now.book["weight_now_frac"] if one else state["tranche_weight"][now.tranche]
    return bool(SIGN[side] * weights[i] > 0.0)


def keep(choice: Choice, side: int, state: dict[str, Any]) -> None:
    """Names that are held on the side and still good enough take slots first."""
    now = choice.now
    for i in choice.best(side, choice.k + now.params["rank_buffer"]):
        good = SIGN[side] * choice.z[i] >= now.params["hold_zscore_min"]
        held = held_on(now, i, side, state) and not now.state["awaiting_reentry"][i][side]
        if held and good and choice.sign_is_right(i, side) and len(choice.legs[side]) < choice.k:
            choice.legs[side].append(i)
            now.reason[i] = "kept"


def entry_threshold(now: Moment, i: int) -> float:
    """Least score for an entry, moved by the name's own range."""
    p, threshold = now.params, float(now.params["entry_zscore_min"])
    if not p["atr_regime_enabled"]:
        return threshold
    share = now.atr_frac(i)
    if share < p["atr_regime_low_frac"]:
        return threshold + float(p["atr_regime_low_shift"])
    if share > p["atr_regime_high_frac"]:
        return threshold + float(p["atr_regime_high_shift"])
    return threshold


def majors_against(now: Moment, side: int) -> bool:
    """Whether enough majors move against the side."""
    p = now.params
    against = 0
    for i, symbol in enumerate(now.facts["symbols"]):
        if symbol in p["majors"]:
            slope = now.row["slope_bps_day"][i]
            against += SIGN[side] * slope <= -p["majors_slope_min_bps_day"]
    return bool(against >= p["majors_count_min"])


def breadth_is_thin(now: Moment, side: int) -> bool:
    """Whether too few eligible names have moved this way."""
    least = now.params["breadth_long_min_frac" if side == LONG else "breadth_short_min_frac"]
    with_side = sum(SIGN[side] * now.row["score"][i] > 0.0 for i in now.eligible)
    return bool(with_side / len(now.eligible) < least)


def entry_rule(choice: Choice, i: int, side: int) -> str | None:
    """The first rule that bars an entry."""
    now, p, row, book = choice.now, choice.now.params, choice.now.row, choice.now.book
    if book["guard"] != "none":
        return "entries_blocked"
    if len(now.eligible) < p["breadth_names_min"]:
        return "breadth"
    if now.close_ms // HOUR_MS % 24 in p["blackout_hours"]:
        return "blackout"
    if book["barred_until_ms"][i][side] > now.close_ms:
        return BAR_REASON[int(book["barred_by"][i][side])]
    if now.state["awaiting_reentry"][i][side]:
        return "awaiting_reentry"
    return market_rule(now, side) or own_rule(p, row, i, side) or count_rule(choice, i)


def market_rule(now: Moment, side: int) -> str | None:
    """Rules that look at the majors and at the breadth."""
    if now.params["majors_enabled"] and majors_against(now, side):
        return "majors"
    if now.params["breadth_enabled"] and breadth_is_thin(now, side):
        return "breadth"
    return None


def own_rule(p: dict[str, Any], row: dict[str, Any], i: int, side: int) -> str | None:
    """Rules that look at the name itself; what is not known bars."""
    if p["regime_enabled"]:
        slope = SIGN[side] * row["slope_bps_day"][i]
        if math.isnan(slope) or slope < p["regime_slope_min_bps_day"]:
            return "regime"
    if p["adx_enabled"] and not row["adx"][i] >= p["adx_min"]:
        return "adx"
    if p["breakout_enabled"] and not row["breakout"][i] >= p["breakout_ratio_min"]:
        return "breakout"
    return None


def count_rule(choice: Choice, i: int) -> str | None:
    """Rules that count what this decision has done already."""
    p = choice.now.params
    if 0 < p["entries_per_decision_max"] <= choice.entered:
        return "throttle"
    if i not in choice.open_positions and 0 < p["positions_max"] <= len(choice.open_positions):
        return "positions_max"
    return None


def enter_next(choice: Choice, side: int, walk: list[int]) -> bool:
    """Walk down the side's ranks to its next entry; names on the way learn why not."""
    now = choice.now
    while walk and len(choice.legs[side]) < choice.k:
        i = walk.pop(0)
        if i in choice.legs[LONG] or i in choice.legs[SHORT]:
            continue
        if not choice.sign_is_right(i, side):
            if now.reason[i] == "not_selected":  # of a name in both halves its own side tells
                now.reason[i] = "wrong_sign"
        elif SIGN[side] * choice.z[i] < entry_threshold(now, i):
            now.reason[i] = "below_entry"
        elif rule := entry_rule(choice, i, side):
            now.reason[i] = rule
        else:
            choice.legs[side].append(i)
            now.reason[i] = "selected"
            choice.entered += 1
            choice.open_positions.add(i)
            return True
    return False


def enter(choice: Choice) -> None:
    """Fill free slots: each side on its own, or, where entries are counted, in turns."""
    walks = {side: choice.best(side) for side in (LONG, SHORT)}
    counted = choice.now.params["entries_per_decision_max"] or choice.now.params["positions_max"]
    if not counted:
        for side in (LONG, SHORT):
            while enter_next(choice, side, walks[side]):
                pass
        return
    going = True
    while going:
        long = enter_next(choice, LONG, walks[LONG])
        short = enter_next(choice, SHORT, walks[SHORT])
        going = long or short


def positions_before(choice: Choice, state: dict[str, Any]) -> set[int]:
    """Names that count as open before any entry: kept, frozen, and wanted by other tranches."""
    now = choice.now
    names = {i for i in now.frozen if now.held(i)}
    names.update(choice.legs[LONG], choice.legs[SHORT])
    for number, tranche in enumerate(state["tranche_weight"]):
        if number != now.tranche:
            names.update(i for i in range(now.count) if tranche[i] != 0.0)
    return names


def clear_reentry(choice: Choice, state: dict[str, Any]) -> None:
    """A stopped name that is seen outside the first K may come back at a later decision."""
    for side in (LONG, SHORT):
        for i in choice.order[side][choice.k :]:
            state["awaiting_reentry"][i][side] = False


def select(now: Moment, z: dict[int, float], s: dict[int, float], state: dict[str, Any]) -> dict[int, list[int]] | None:
    """The two legs of the renewed tranche, or nothing when there is nothing to choose from."""
    choice = Choice(now, z, s, names_a_side(now, len(now.eligible)))
    empty = "universe_too_small" if choice.k == 0 else None
    if empty is None and all(value == 0.0 for value in z.values()):
        empty = "no_dispersion"
    if empty is not None:
        for i in now.eligible:
            now.reason[i] = empty
        return None
    for side in (LONG, SHORT):
        keep(choice, side, state)
    choice.open_positions = positions_before(choice, state)
    enter(choice)
    clear_reentry(choice, state)
    return choice.legs
