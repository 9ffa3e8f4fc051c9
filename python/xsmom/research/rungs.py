"""The ladder that a name climbs to its target: each rule that was on, its value, its limit, passed or not.

Four stages, in the order of docs/explanation/decision.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from xsmom.domain.panel import NEVER_MS, Floats
from xsmom.domain.timeframe import DAY_MS
from xsmom.research.cross_section import (
    SIGMA_MIN,
    CrossSection,
    bars_year,
    has_history,
    is_mixing,
    is_on,
    vol_regime_scale,
    vol_target_scale,
)
from xsmom.research.decision import Decision, renewed_tranche

Unit: TypeAlias = Literal[
    "", "flag", "share", "frac", "usdt", "price", "days", "bars", "rank", "time", "bps_day", "scale"
]
_HOUR_MS = 3_600_000
_SIDES = {1: "long", -1: "short"}


@dataclass(frozen=True)
class Rung:
    """One rule or number; `limit` has the unit of `value`, `wants` says how they are compared."""

    stage: str
    rule: str
    text: str
    value: float | None
    unit: Unit = ""
    wants: str = ""
    limit: float | None = None
    passed: bool | None = None
    note: str = ""


def universe_rungs(decision: Decision, i: int) -> Iterator[Rung]:
    """Who may be traded: dates, lists, the bar itself, age, price, volume, history."""
    p, panel, row, close_ms = decision.params, decision.panel, decision.row, decision.close_ms
    symbol, close = panel.symbols[i], float(row["close"][i])
    listed, delisted = int(panel.listed_ms[i]), int(panel.delisted_ms[i])
    yield Rung("universe", "not_listed", "listed", listed, "time", "by", close_ms, close_ms >= listed)
    if delisted != NEVER_MS:
        yield Rung("universe", "delisted", "delisted", delisted, "time", "after", close_ms, close_ms < delisted)
    if p["universe_exclude"]:
        on = is_on(symbol, p["universe_exclude"])
        yield Rung("universe", "excluded", "on the list of excluded", on, "flag", passed=not on)
    if p["universe_include"]:
        on = is_on(symbol, p["universe_include"])
        yield Rung("universe", "not_included", "on the list of included", on, "flag", passed=on)
    missing = int(decision.stale_bars[i])
    note = f"absent for {missing} bars" if missing else ""
    yield Rung("universe", "no_data", "close of this bar", close, "price", passed=not np.isnan(close), note=note)
    if p["age_min_days"] > 0:
        age = (close_ms - listed) / DAY_MS
        least = p["age_min_days"]
        yield Rung("universe", "too_young", "age", age, "days", "at least", least, age >= least)
    if p["price_min_usdt"] > 0:
        least = p["price_min_usdt"]
        yield Rung("universe", "price_too_low", "price", close, "price", "at least", least, close >= least)
    yield from _volume_rungs(decision, i)
    yield _history_rung(decision, i)
    sigma = float(row["sigma"][i])
    moves = None if np.isnan(sigma) else sigma > SIGMA_MIN
    ann = sigma * bars_year(p) ** 0.5
    yield Rung("universe", "flat_price", "volatility a year", ann, "frac", "above", 0.0, moves)


def _volume_rungs(decision: Decision, i: int) -> Iterator[Rung]:
    p = decision.params
    volume = decision.row.get("dollar_volume_usdt")
    if volume is None:
        return
    mine, text = float(volume[i]), f"dollar volume a day, median of {p['dollar_volume_days']} days"
    if p["dollar_volume_min_usdt"] > 0:
        least = p["dollar_volume_min_usdt"]
        yield Rung("universe", "volume_too_low", text, mine, "usdt", "at least", least, mine >= least)
    else:
        yield Rung("universe", "dollar_volume", text, mine, "usdt")
    if p["universe_top_n"] > 0:
        before, after = bool(decision.state_before["member"][i]), bool(decision.state["member"][i])
        bound = int(p["universe_leave_x"] * p["universe_top_n"]) if before else p["universe_top_n"]
        rank = volume_rank(decision, i)
        note = "a member so far" if before else "no member so far"
        yield Rung("universe", "outside_top_n", "rank by dollar volume", rank, "rank", "at most", bound, after, note)


def volume_rank(decision: Decision, i: int) -> float:
    """Rank of name `i` by dollar volume among the names that pass every rule before that one."""
    p, panel, row, close_ms = decision.params, decision.panel, decision.row, decision.close_ms
    volume = np.where(np.isnan(row["dollar_volume_usdt"]), -1.0, row["dollar_volume_usdt"])
    passes = (panel.listed_ms <= close_ms) & (close_ms < panel.delisted_ms) & ~np.isnan(row["close"])
    passes &= close_ms - panel.listed_ms >= p["age_min_days"] * DAY_MS
    passes &= ~(row["close"] < p["price_min_usdt"]) & ~(volume < p["dollar_volume_min_usdt"])
    excluded, included = p["universe_exclude"], p["universe_include"]
    passes &= np.array([not is_on(s, excluded) and (not included or is_on(s, included)) for s in panel.symbols])
    if not passes[i]:
        return float("nan")
    ahead = (volume > volume[i]) | ((volume == volume[i]) & (np.arange(volume.size) < i))
    return float(1 + (ahead & passes).sum())


def _history_rung(decision: Decision, i: int) -> Rung:
    p = decision.params
    needed = max([p["skip_bars"] + max(p["lookback_bars"]) + 1, p["vol_bars"] + 1])
    if p["beta_neutral"]:
        needed = max(needed, p["beta_bars"] + 1)
    there = int((~np.isnan(decision.panel.close[-needed:, i])).sum())
    known = bool(has_history(decision.row, p)[i])
    note = "95 % of each window, and its two ends"
    return Rung("universe", "short_history", "bars there", there, "bars", "of", needed, known, note)


def signal_rungs(decision: Decision, i: int, cross: CrossSection) -> Iterator[Rung]:
    """Moves of each look-back, the score, and where it stands among all."""
    p, row = decision.params, decision.row
    for j, (bars, weight) in enumerate(zip(p["lookback_bars"], p["lookback_weights"], strict=True)):
        note = f"weight {weight:g}"
        if "moves" in row and p["signal_kind"] == "vol_scaled":
            note += f"; {row['moves'][j][i]:+.2f} in units of its volatility"
        yield Rung("signal", f"move_{bars}", f"move of {bars} bars", move(decision, i, bars), "share", note=note)
    yield Rung("signal", "score", "score before ranking", float(row["score"][i]), note=p["signal_kind"])
    if not cross.eligible[i]:
        return
    if p["signal_combine"] == "rank":
        yield Rung("signal", "mean_rank", "mean rank, -1 to 1", float(cross.x[i]))
    if p["funding_tilt_x"] > 0:
        yield Rung("signal", "funding", "expected funding a bar", float(row["funding_frac"][i]), "share")
    note = f"standardised over {cross.names} eligible names ({p['standardise']})"
    yield Rung("signal", "z", "z", float(cross.z[i]), note=note)
    yield Rung("signal", "s", "s, what names are ranked by", float(cross.s[i]), note=f"power {p['signal_power']:g}")
    for side, text in ((1, "rank from the top"), (-1, "rank from the bottom")):
        rank = cross.rank(i, side)
        yield Rung("signal", f"rank_{_SIDES[side]}", text, rank, "rank", "of", cross.names)


def move(decision: Decision, i: int, bars: int) -> float:
    """Plain return of a look-back, NaN where an end of it is absent."""
    end = decision.panel.bars - 1 - int(decision.params["skip_bars"])
    if end - bars < 0:
        return float("nan")
    close = decision.panel.close
    return float(close[end, i] / close[end - bars, i] - 1)


def selection_rungs(decision: Decision, i: int, cross: CrossSection) -> Iterator[Rung]:
    """Names a side, whether it was held, the entry threshold, and the entry rules that are on."""
    p, side = decision.params, cross.side_of(i)
    least = 2 * max(1, p["k_min"])
    note = "" if cross.k else f"{least} eligible names would do"
    enough = None if cross.k else False
    yield Rung("selection", "universe_too_small", "K, names a side", cross.k, note=note, passed=enough)
    if not side:
        return
    word, z, s = _SIDES[side], side * float(cross.z[i]), side * float(cross.s[i])
    held = held_weight(decision, i)
    reach = min(cross.k + p["rank_buffer"], cross.names // 2)
    note = f"stays to rank {reach} from the {'top' if held > 0 else 'bottom'}, z from {p['hold_zscore_min']:g}"
    where = "held before" if p["tranches"] == 1 else "held before in this tranche"
    yield Rung("selection", "held", where, held, "share", note=note if held else "")
    rank = cross.rank(i, side)
    yield Rung("selection", "not_selected", f"rank {word}", rank, "rank", "at most", cross.k, rank <= cross.k)
    if p["market_neutral"] or is_mixing(p, decision.state):
        yield Rung("selection", "wrong_sign", f"s, counted {word}", s, "", "above", 0.0, s > 0)
    threshold = entry_threshold(decision, i)
    yield Rung("selection", "below_entry", f"z, counted {word}", z, "", "at least", threshold, z >= threshold)
    yield from _entry_rules(decision, i, side, cross)


def held_weight(decision: Decision, i: int) -> float:
    """Weight by whose sign the selection counts the name as held."""
    if decision.params["tranches"] == 1:
        return float(decision.weight_before_frac[i])
    return float(decision.state_before["tranche_weight"][renewed_tranche(decision)][i])


def entry_threshold(decision: Decision, i: int) -> float:
    """Least z, counted to its side, with which the name may enter."""
    p = decision.params
    least = float(p["entry_zscore_min"])
    if not p["atr_regime_enabled"]:
        return least
    frac = float(decision.row["atr"][i] / decision.row["close"][i])
    if frac < p["atr_regime_low_frac"]:
        return least + float(p["atr_regime_low_shift"])
    if frac > p["atr_regime_high_frac"]:
        return least + float(p["atr_regime_high_shift"])
    return least


def _entry_rules(decision: Decision, i: int, side: int, cross: CrossSection) -> Iterator[Rung]:
    """In the order in which the core asks them; a kept name is not asked."""
    p, row, stage = decision.params, decision.row, "selection"
    if p["breadth_names_min"] > 0:
        least = p["breadth_names_min"]
        yield Rung(stage, "breadth", "eligible names", cross.names, "", "at least", least, cross.names >= least)
    if p["blackout_hours"]:
        hour = decision.close_ms // _HOUR_MS % 24
        hours = ", ".join(map(str, p["blackout_hours"]))
        yield Rung(stage, "blackout", "hour, UTC", hour, passed=hour not in p["blackout_hours"], note=f"not {hours}")
    if decision.state_before["awaiting_reentry"][i][int(side < 0)]:
        yield Rung(stage, "awaiting_reentry", "left the selection since its stop", 0, "flag", passed=False)
    if p["majors_enabled"]:
        columns = [decision.panel.symbols.index(major) for major in p["majors"]]
        against = int((-side * row["slope_bps_day"][columns] >= p["majors_slope_min_bps_day"]).sum())
        most = p["majors_count_min"]
        yield Rung(stage, "majors", "majors that move against it", against, "", "below", most, against < most)
    if p["breadth_enabled"]:
        share = float((side * row["score"][cross.eligible] > 0).mean())
        least = p["breadth_long_min_frac" if side > 0 else "breadth_short_min_frac"]
        yield Rung(stage, "breadth", "names that move its way", share, "frac", "at least", least, share >= least)
    yield from _own_trend(decision, i, side)
    for rule, key, text in (
        ("throttle", "entries_per_decision_max", "entries in one decision"),
        ("positions_max", "positions_max", "open positions"),
    ):
        if p[key] > 0:
            full = False if decision.reasons[i] == rule else None
            yield Rung(stage, rule, text, None, "", "at most", p[key], full)


def _own_trend(decision: Decision, i: int, side: int) -> Iterator[Rung]:
    p, row, stage = decision.params, decision.row, "selection"
    if p["regime_enabled"]:
        slope, least = side * float(row["slope_bps_day"][i]), p["regime_slope_min_bps_day"]
        text = f"slope of its EMA of {p['regime_ema_bars']} bars, counted {_SIDES[side]}"
        yield Rung(stage, "regime", text, slope, "bps_day", "at least", least, slope >= least)
    if p["adx_enabled"]:
        adx, least = float(row["adx"][i]), p["adx_min"]
        yield Rung(stage, "adx", f"ADX of {p['adx_bars']} bars", adx, "", "at least", least, adx >= least)
    if p["breakout_enabled"]:
        ratio, least = float(row["breakout"][i]), p["breakout_ratio_min"]
        yield Rung(stage, "breakout", "range over the range before", ratio, "", "at least", least, ratio >= least)


def size_rungs(decision: Decision, i: int) -> Iterator[Rung]:
    """From the raw weight to the target."""
    p, stage = decision.params, "size"
    tranches = decision.state["tranche_weight"]
    number = renewed_tranche(decision)
    raw, wanted = float(tranches[number][i]), tranches.sum(axis=0) / p["tranches"]
    by = f"{p['gross_x'] / 2:g} a leg, by 1/volatility" + (f" and |s|^{p['size_power']:g}" if p["size_power"] else "")
    yield from _meta_rungs(decision, i)
    many = p["tranches"] > 1
    text = f"raw weight in tranche {number + 1} of {p['tranches']}" if many else "raw weight"
    yield Rung(stage, "raw", text, raw, "share", note=by)
    if many:
        held = int((tranches[:, i] != 0).sum())
        yield Rung(stage, "tranches", "mean of all tranches", float(wanted[i]), "share", note=f"held by {held}")
    scale = 1.0
    for rung in _scale_rungs(decision, wanted) if decision.weight_frac.any() else ():
        scale *= rung.value or 0.0
        yield rung
    if scale != 1.0:
        yield Rung(stage, "scaled", "weight before limits", scale * float(wanted[i]), "share")
    target = float(decision.weight_frac[i])
    sign = 1 if target > 0 or (target == 0 and wanted[i] >= 0) else -1
    rule, cap = binding_cap(decision, i, sign)
    bound = decision.reasons[i] == rule
    note = "what is above it goes to the names with room"
    yield Rung(stage, rule, f"cap of a {_SIDES[sign]}", cap, "frac", passed=False if bound else None, note=note)
    before = float(decision.weight_before_frac[i])
    yield Rung(stage, "before", "weight before this decision", before, "share")
    yield Rung(stage, "target", "target", target, "share")


def _meta_rungs(decision: Decision, i: int) -> Iterator[Rung]:
    """What the meta-labeller makes of the raw weight, and whether it may."""
    labels = decision.labels
    if labels is None:
        return
    side = 0 if decision.weight_frac[i] >= 0 else 1
    beats = f"T {labels['statistic']:.1f} against the base rate after {labels['labels']:,} outcomes"
    note = f"in the raw weight; {beats}" if labels["promoted"] else f"not promoted: {beats}, wants 2.5"
    scale = float(decision.meta_scale[i, side])
    yield Rung("size", "meta", "times, chance that the entry pays", scale, "scale", note=note)


def _scale_rungs(decision: Decision, wanted: Floats) -> Iterator[Rung]:
    p, row = decision.params, decision.row
    if p["vol_target_enabled"]:
        frozen = np.isin(decision.reasons, ("stale", "operator_hold"))
        scale, vol = vol_target_scale(np.where(frozen, 0.0, wanted), row, p)
        note = f"book expects {vol:.1%} a year, aims at {p['vol_target_ann_frac']:.0%}"
        yield Rung("size", "vol_target", "times, volatility target", scale, "scale", note=note)
    if p["vol_regime_enabled"]:
        note = f"market volatility is {row['vol_ratio']:.2f} of what it was"
        yield Rung("size", "vol_regime", "times, volatility regime", vol_regime_scale(row, p), "scale", note=note)


def binding_cap(decision: Decision, i: int, side: int) -> tuple[str, float]:
    """The least of the caps of one name on one side, and the rule that sets it."""
    p, row, equity = decision.params, decision.row, decision.equity_usdt * decision.params["capital_frac"]
    if p["capital_usdt_max"] > 0:
        equity = min(equity, p["capital_usdt_max"])
    caps = [("weight_cap", float(p["weight_long_max_frac" if side > 0 else "weight_short_max_frac"]))]
    if side < 0 and p["squeeze_loss_frac"] > 0:
        caps.append(("squeeze_cap", p["squeeze_loss_frac"] / 2))
    if p["risk_per_trade_frac"] > 0:
        stop_frac = p["stop_atr_x"] * float(row["atr"][i] / row["close"][i])
        caps.append(("risk_cap", float(np.nan_to_num(p["risk_per_trade_frac"] / stop_frac))))
    if p["notional_max_usdt"] > 0:
        caps.append(("notional_cap", p["notional_max_usdt"] / equity))
    if p["adv_share_max_frac"] > 0:
        caps.append(("adv_cap", float(np.nan_to_num(p["adv_share_max_frac"] * row["adv_usdt"][i] / equity))))
    return min(caps, key=lambda cap: cap[1])
