"""The numbers between a decision's features and its targets, for people to look at.

The core gives targets and reasons, not the scores on the way. Here they are computed once more, one
plain formula a line (docs/explanation/decision.md, sections 2 to 4 and 6), and the tests hold them to
what the core selected. Nothing here ever shapes a target.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import Floats, Panel
from xsmom.domain.tickers import ticker_of
from xsmom.domain.timeframe import DAY_MS

Fields: TypeAlias = Mapping[str, Any]
"""A row of features, a book's state or the kernel's parameters, by name."""

SIGMA_MIN = 1e-7
_SPREAD_MIN_FRAC = 1e-12
_PURE = 1 - 1e-9


@dataclass(frozen=True)
class CrossSection:
    """Scores of one bar. Names that are not eligible have NaN scores and rank 0."""

    eligible: NDArray[np.bool_]
    x: Floats
    z: Floats
    s: Floats
    rank_long: NDArray[np.int64]
    rank_short: NDArray[np.int64]
    k: int

    @property
    def names(self) -> int:
        """Number of eligible names."""
        return int(self.eligible.sum())

    def side_of(self, i: int) -> int:
        """The side in whose half name `i` ranks: 1 long, -1 short, 0 where it has no rank.

        The name in the middle of an odd number stands on the side of its sign.
        """
        if not self.eligible[i]:
            return 0
        half = self.names // 2
        if self.rank_long[i] <= half:
            return 1
        return -1 if self.rank_short[i] <= half or self.s[i] < 0 else 1

    def rank(self, i: int, side: int) -> int:
        """Rank of name `i` from the top (long) or from the bottom (short), counted from 1."""
        return int((self.rank_long if side > 0 else self.rank_short)[i])


def bars_year(params: Fields) -> float:
    """Bars in a year of 365 days."""
    return 365.0 * DAY_MS / float(params["bar_ms"])


def eligible_names(panel: Panel, row: Fields, params: Fields, state: Fields) -> NDArray[np.bool_]:
    """Who passes every rule of section 2 (`state` is the one after the decision: its members)."""
    p, close_ms, close = params, int(row["close_ms"]), row["close"]
    passed = (panel.listed_ms <= close_ms) & (close_ms < panel.delisted_ms) & ~np.isnan(close)
    passed &= np.array([not is_on(symbol, p["universe_exclude"]) for symbol in panel.symbols])
    if p["universe_include"]:
        passed &= np.array([is_on(symbol, p["universe_include"]) for symbol in panel.symbols])
    passed &= (close_ms - panel.listed_ms) >= p["age_min_days"] * DAY_MS
    if p["price_min_usdt"] > 0:
        passed &= close >= p["price_min_usdt"]
    if p["dollar_volume_min_usdt"] > 0:
        passed &= row["dollar_volume_usdt"] >= p["dollar_volume_min_usdt"]
    if p["universe_top_n"] > 0:
        passed &= state["member"]
    passed &= has_history(row, params) & (row["sigma"] > SIGMA_MIN)
    return np.asarray(passed)


def is_on(symbol: str, names: Collection[str]) -> bool:
    """Does a list name this listing, or the ticker that it stands under?"""
    return symbol in names or ticker_of(symbol) in names


def has_history(row: Fields, params: Fields) -> NDArray[np.bool_]:
    """Has the name every feature that this configuration asks of each name?"""
    known = ~np.isnan(row["score"]) & ~np.isnan(row["sigma"])
    if params["signal_combine"] == "rank":
        known &= ~np.isnan(row["moves"]).any(axis=0)
    if params["beta_neutral"]:
        known &= ~np.isnan(row["beta"])
    if params["router_enabled"]:
        known &= ~np.isnan(row["trend"])
    return np.asarray(known)


def cross_section(row: Fields, eligible: NDArray[np.bool_], params: Fields, state: Fields) -> CrossSection:
    """Scores, ranks and names a side of one bar (`state` is the one after the decision)."""
    at = np.flatnonzero(eligible)
    x = _combine(row, at, params)
    z = _standardise(x, params["standardise"])
    sigma = np.maximum(row["sigma"][at], SIGMA_MIN)
    if params["funding_tilt_x"] > 0:
        hold = params["funding_hold_bars"]
        z = z - params["funding_tilt_x"] * np.nan_to_num(row["funding_frac"][at]) * hold / (sigma * hold**0.5)
    if params["zscore_clip"] > 0:
        z = np.clip(z, -params["zscore_clip"], params["zscore_clip"])
    s = np.sign(z) * np.abs(z) ** params["signal_power"]
    if params["redemean"] and s.size:
        s = s - s.mean()
    if params["router_enabled"]:
        a, trend = state["router_mix"], row["trend"][at]
        s, z = a * s + (1 - a) * trend, a * z + (1 - a) * trend
    k = names_a_side(len(at), row["dispersion_ratio"], params)
    spread = [_spread(values, eligible) for values in (x, z, s)]
    # Stable sorts leave ties in the order of symbols, which is the order of the columns.
    ranks = [_places(at, np.argsort(key, kind="stable"), eligible) for key in (-s, s)]
    return CrossSection(eligible, spread[0], spread[1], spread[2], ranks[0], ranks[1], k)


def is_mixing(params: Fields, state: Fields) -> bool:
    """Does any time series stand in the router's mix?"""
    return bool(params["router_enabled"] and state["router_mix"] < _PURE)


def names_a_side(names: int, dispersion_ratio: float, params: Fields) -> int:
    """K: a share of the eligible names, scaled by dispersion, never more than half of them."""

    def whole(k: float) -> float:
        return float(min(max(int(k + 0.5), params["k_min"]), params["k_max"]))

    k = whole(params["k_frac"] * names)
    if params["k_dispersion_bars"] > 0 and not np.isnan(dispersion_ratio):
        k = whole(k * min(max(dispersion_ratio, 0.5), 1.5))
    return min(int(k), names // 2)


def tranche_number(close_ms: int, params: Fields) -> int:
    """Which tranche the decision at this close renews."""
    number = close_ms // params["bar_ms"] // params["rebalance_bars"] % params["tranches"]
    return int(number)


def vol_target_scale(weights: Floats, row: Fields, params: Fields) -> tuple[float, float]:
    """Multiplier of the whole book, and its expected volatility a year before it (section 6, step 1)."""
    window = params["vol_target_bars"]
    returns = row["ret_window"][-window:]
    if (~np.isnan(returns)).any(axis=1).sum() * 100 < window * 95:
        return 1.0, float("nan")
    filled = np.zeros((window, weights.size))
    filled[window - len(returns) :] = np.nan_to_num(returns)
    shrink = params["vol_target_shrink_frac"]
    own = (weights**2 * filled.var(axis=0, ddof=1)).sum()
    variance = (1 - shrink) * (filled @ weights).var(ddof=1) + shrink * own
    vol = float(np.sqrt(bars_year(params) * variance))
    if vol == 0:
        return 1.0, vol
    least, most = params["vol_target_scale_min"], params["vol_target_scale_max"]
    return min(max(params["vol_target_ann_frac"] / vol, least), most), vol


def vol_regime_scale(row: Fields, params: Fields) -> float:
    """Multiplier that falls when the market's volatility jumps."""
    if np.isnan(row["vol_ratio"]):
        return 1.0
    over = row["vol_ratio"] / params["vol_regime_ratio_start"] - 1
    return float(min(max(1 - params["vol_regime_slope"] * over, params["vol_regime_scale_min"]), 1.0))


def average_rank(values: Floats) -> Floats:
    """Rank of each value, 1 the smallest; equal values share the mean of their places."""
    smaller = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    return np.asarray(smaller + (equal + 1) / 2, dtype=np.float64)


def _combine(row: Fields, at: NDArray[np.int64], params: Fields) -> Floats:
    if params["signal_combine"] != "rank":
        return np.asarray(row["score"][at], dtype=np.float64)
    n = len(at)
    x = np.zeros(n)
    if n > 1:
        for weight, moves in zip(params["lookback_weights"], row["moves"], strict=True):
            # In the core's own order of operations: a tie must stay a tie to the last bit.
            x += weight * ((2 * average_rank(moves[at]) - n - 1) / (n - 1))
    return x


def _standardise(x: Floats, how: str) -> Floats:
    if not x.size:
        return x
    if how == "rank_normal":
        spread, centre = float(x.max() - x.min()), 0.0
        normal = NormalDist()
        z = np.array([normal.inv_cdf((rank - 0.5) / x.size) for rank in average_rank(x)])
    elif how == "robust":
        centre = float(np.median(x))
        spread = 1.4826 * float(np.median(np.abs(x - centre)))
        z = (x - centre) / (spread or 1.0)
    else:
        spread, centre = float(x.std()), float(x.mean())
        z = (x - centre) / (spread or 1.0)
    return np.zeros_like(x) if spread <= _SPREAD_MIN_FRAC * float(np.abs(x).max()) else z


def _spread(values: Floats, eligible: NDArray[np.bool_]) -> Floats:
    """Values of the eligible names, back in the panel's columns."""
    out = np.full(eligible.size, np.nan)
    out[eligible] = values
    return out


def _places(at: NDArray[np.int64], order: NDArray[np.int64], eligible: NDArray[np.bool_]) -> NDArray[np.int64]:
    ranks = np.zeros(eligible.size, dtype=np.int64)
    ranks[at[order]] = np.arange(1, len(at) + 1)
    return ranks
