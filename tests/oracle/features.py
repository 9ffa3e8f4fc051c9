"""Features by the letter of docs/explanation/decision.md §1: every window afresh, nothing slides."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tests.oracle.params import DAY_MS, Params, bars_a_day

Array = NDArray[np.float64]
Panel = dict[str, Any]

SIGMA_MIN = 1e-7


def window(x: Array, bars: int, back: int = 0) -> Array:
    """For each bar t the rows `t-back-bars+1 … t-back`, oldest first: [T, ..., bars]."""
    rows = len(x)
    missing = np.full((bars + back - 1, *x.shape[1:]), np.nan)
    long = np.concatenate([missing, x])[: rows + bars - 1]
    return sliding_window_view(long, bars, axis=0)


def valid(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """At least 95 % of a window's values are there."""
    return np.asarray(present.sum(axis=-1) * 100 >= present.shape[-1] * 95)


def window_mean(x: Array, bars: int, back: int = 0) -> Array:
    """Mean of the present values; NaN where the window is not valid."""
    cut = window(x, bars, back)
    present = ~np.isnan(cut)
    count = present.sum(axis=-1)
    total = np.where(present, cut, 0.0).sum(axis=-1)
    return np.where(valid(present), total / np.maximum(count, 1), np.nan)


def window_std(x: Array, bars: int) -> Array:
    """Standard deviation (ddof 1) of the present values; NaN where the window is not valid."""
    cut = window(x, bars)
    present = ~np.isnan(cut)
    n = present.sum(axis=-1)
    filled = np.where(present, cut, 0.0)
    s1, s2 = filled.sum(axis=-1), (filled**2).sum(axis=-1)
    spread = np.maximum(s2 - s1**2 / np.maximum(n, 1), 0.0)
    return np.where(valid(present) & (n >= 2), np.sqrt(spread / np.maximum(n - 1, 1)), np.nan)


def shifted(x: Array, bars: int) -> Array:
    """The row `bars` bars ago; NaN before the first."""
    if bars == 0:
        return x.copy()
    out = np.full(x.shape, np.nan)
    out[bars:] = x[:-bars] if bars < len(x) else x[:0]
    return out


def returns(close: Array) -> Array:
    """Simple returns, NaN unless both closes are present."""
    return close / shifted(close, 1) - 1.0


def finite_mean(x: Array, a: float, terms: int) -> Array:
    """Exponential mean over `terms` bars with normalised weights over the present values."""
    cut = window(x, terms)
    age = np.arange(terms - 1, -1, -1)  # the newest stands last and has age 0
    weight = (1.0 - a) ** age
    present = ~np.isnan(cut)
    top = (np.where(present, cut, 0.0) * weight).sum(axis=-1)
    below = (present * weight).sum(axis=-1)
    good = below >= 0.95 * weight.sum()
    return np.where(good, top / np.where(good, below, 1.0), np.nan)


def ema(x: Array, bars: int) -> Array:
    """EMA of length `bars` over its last four spans."""
    return finite_mean(x, 2.0 / (bars + 1.0), 4 * bars)


def wilder(x: Array, bars: int) -> Array:
    """Wilder mean of length `bars`: the EMA of span 2n - 1."""
    return finite_mean(x, 1.0 / bars, 4 * (2 * bars - 1))


def true_range(panel: Panel) -> Array:
    """Range of the bar, the close before it taken in; NaN unless both bars are present."""
    before = shifted(panel["close"], 1)
    return np.maximum(panel["high"], before) - np.minimum(panel["low"], before)


def slope(panel: Panel, params: Params) -> Array:
    """Slope of the EMA, basis points a day."""
    line, bars = ema(panel["close"], params["regime_ema_bars"]), params["regime_slope_bars"]
    grown: Array = line / shifted(line, bars) - 1.0
    return np.asarray(grown / bars * (bars_a_day(params) * 1e4))


def adx(panel: Panel, bars: int) -> Array:
    """ADX over finite memory. The mean true range cancels out of DX."""
    up = panel["high"] - shifted(panel["high"], 1)
    down = shifted(panel["low"], 1) - panel["low"]
    absent = np.isnan(up)
    plus = np.where(absent, np.nan, np.where((up > down) & (up > 0.0), up, 0.0))
    minus = np.where(absent, np.nan, np.where((down > up) & (down > 0.0), down, 0.0))
    plus, minus = wilder(plus, bars), wilder(minus, bars)
    both = plus + minus
    with np.errstate(invalid="ignore", divide="ignore"):
        dx = np.where(both == 0.0, 0.0, 100.0 * np.abs(plus - minus) / both)
    return wilder(dx, bars)


def ratio(top: Array, below: Array) -> Array:
    """A quotient that is NaN where it has no meaning: nothing is compared with nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0.0, top / below, np.nan))


def breakout(panel: Panel, params: Params) -> Array:
    """Recent range over the range before it, both as shares of the price."""
    relative = true_range(panel) / panel["close"]
    fast, base = params["breakout_fast_bars"], params["breakout_base_bars"]
    return ratio(window_mean(relative, fast), window_mean(relative, base, back=fast))


def market_return(r: Array) -> Array:
    """Mean of all present returns of a bar; NaN when there is none."""
    present = ~np.isnan(r)
    count = present.sum(axis=1)
    total = np.where(present, r, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def beta(r: Array, bars: int) -> Array:
    """Beta to the market over the name's own present bars."""
    own = window(r, bars)
    market = np.broadcast_to(window(market_return(r), bars)[:, None, :], own.shape)
    present = ~np.isnan(own)
    x = np.where(present, own, 0.0)
    y = np.where(present, market, 0.0)
    n = np.maximum(present.sum(axis=-1), 1)
    cov = (x * y).sum(axis=-1) - x.sum(axis=-1) * y.sum(axis=-1) / n
    var = (y * y).sum(axis=-1) - y.sum(axis=-1) ** 2 / n
    return np.where(valid(present), ratio(cov, var), np.nan)


def expected_funding(panel: Panel, bars: int) -> Array:
    """Funding a bar over the window; an unknown rate counts as 0."""
    rates: Array = np.nan_to_num(window(panel["funding_frac"], bars), nan=0.0)
    total: Array = rates.sum(axis=-1)
    return total / bars


def daily_volumes(panel: Panel, days: int) -> Array:
    """Volumes of the last `days` complete days at each bar: [T, N, days]."""
    close_ms = np.asarray(panel["close_ms"])
    day_of_bar = (close_ms - 1) // DAY_MS  # a bar that closes at midnight ends the day before
    traded = np.nan_to_num(panel["volume_usdt"], nan=0.0)
    out = np.zeros((*traded.shape, days))
    for t, now in enumerate(close_ms):
        today = now // DAY_MS
        for k in range(days):
            out[t, :, k] = traded[day_of_bar == today - days + k].sum(axis=0)
    return out


def moves(panel: Panel, params: Params, sigma: Array, kind: str, clip: float) -> Array:
    """Past moves, look-back by look-back: [T, J, N]."""
    close, skip = panel["close"], params["skip_bars"]
    end = shifted(close, skip)
    out = []
    for bars in params["lookback_bars"]:
        start = shifted(close, skip + bars)
        whole = valid(~np.isnan(window(close, bars, back=skip)))
        move = end / start - 1.0 if kind == "raw" else np.log(end / start)
        if kind == "vol_scaled":
            move = move / (np.maximum(sigma, SIGMA_MIN) * np.sqrt(bars))
            move = np.clip(move, -clip, clip) if clip > 0.0 else move
        out.append(np.where(whole, move, np.nan))
    return np.stack(out, axis=1)


def weigh(all_moves: Array, params: Params) -> Array:
    """Weighted sum over look-backs; NaN if any move is NaN."""
    total = np.zeros((len(all_moves), all_moves.shape[2]))
    for j, weight in enumerate(params["lookback_weights"]):
        total = total + weight * all_moves[:, j]
    return total


def spread_of_names(x: Array, names_min: int) -> Array:
    """Population standard deviation over the names that have a value."""
    out = np.full(len(x), np.nan)
    for t, row in enumerate(x):
        known = row[~np.isnan(row)]
        if len(known) >= names_min:
            out[t] = known.std()
    return out


def vol_ratio(r: Array, params: Params) -> Array:
    """Root mean square of the market's return, recent over before."""
    fast, base = params["vol_regime_fast_bars"], params["vol_regime_base_bars"]
    square = market_return(r) ** 2
    return ratio(np.sqrt(window_mean(square, fast)), np.sqrt(window_mean(square, base, back=fast)))


def dispersion_ratio(score: Array, bars: int) -> Array:
    """Dispersion of scores over its mean in the bars before."""
    dispersion = spread_of_names(score, names_min=3)
    return ratio(dispersion, window_mean(dispersion, bars, back=1))


def implied_corr(r: Array, bars: int) -> Array:
    """Average correlation that the variance of the mean implies."""
    sigma, sigma_market = window_std(r, bars), window_std(market_return(r), bars)
    out = np.full(len(r), np.nan)
    for t, row in enumerate(sigma):
        known = row[~np.isnan(row)]
        n = len(known)
        if n < 3:
            continue
        own = (known**2).sum() / n**2
        spread = (known.sum() / n) ** 2 - own
        if spread > 0.0:
            out[t] = (sigma_market[t] ** 2 - own) / spread
    return out


def needed(params: Params) -> set[str]:
    """Features that some switched-on rule reads (the comments of `FeatureRow` say which)."""
    p = params
    switches = {
        "moves": p["signal_combine"] == "rank" or p["meta_enabled"],
        "trend": p["router_enabled"],
        "slope_bps_day": p["regime_enabled"] or p["majors_enabled"] or p["router_enabled"],
        "adx": p["adx_enabled"],
        "breakout": p["breakout_enabled"],
        "beta": p["beta_neutral"],
        "funding_frac": p["funding_tilt_x"] != 0.0 or p["meta_enabled"],
        "dollar_volume_usdt": p["universe_top_n"] > 0 or p["dollar_volume_min_usdt"] > 0.0 or p["meta_enabled"],
        "adv_usdt": p["adv_share_max_frac"] > 0.0,
        "atr": p["risk_per_trade_frac"] > 0.0 or p["atr_regime_enabled"],
        "vol_ratio": p["vol_regime_enabled"] or p["meta_enabled"],
        "dispersion_ratio": p["k_dispersion_bars"] > 0,
        "implied_corr": p["router_enabled"] or p["meta_enabled"],
        "router_dispersion_bps": p["router_enabled"] or p["meta_enabled"],
    }
    return {"score", "sigma"} | {name for name, on in switches.items() if on}


def ret_rows(params: Params) -> int:
    """Rows of past returns that the decision reads."""
    rows = [0]
    if params["vol_target_enabled"]:
        rows.append(params["vol_target_bars"])
    if params["correlation_enabled"]:
        rows.append(params["correlation_bars"])
    if params["cvar_max_frac"] > 0.0:
        rows.append(240)
    return max(rows)


def features(panel: Panel, params: Params, names: set[str] | None = None) -> dict[str, Array]:
    """All features that are asked for (by default those that the configuration needs), [T, N]."""
    p, close = params, panel["close"]
    r = returns(close)
    sigma = window_std(r, p["vol_bars"])
    kind, clip = p["signal_kind"], p["vol_scaled_clip"]
    score = weigh(moves(panel, p, sigma, kind, clip), p)
    recipes = {
        "score": lambda: score,
        "sigma": lambda: sigma,
        "moves": lambda: moves(panel, p, sigma, kind, clip),
        "trend": lambda: weigh(moves(panel, p, sigma, "vol_scaled", 3.0), p),
        "atr": lambda: wilder(true_range(panel), p["atr_bars"]),
        "trail_ma": lambda: window_mean(close, p["trail_ma_bars"]),
        "slope_bps_day": lambda: slope(panel, p),
        "adx": lambda: adx(panel, p["adx_bars"]),
        "breakout": lambda: breakout(panel, p),
        "beta": lambda: beta(r, p["beta_bars"]),
        "funding_frac": lambda: expected_funding(panel, p["funding_bars"]),
        "dollar_volume_usdt": lambda: np.median(daily_volumes(panel, p["dollar_volume_days"]), -1),
        "adv_usdt": lambda: daily_volumes(panel, p["adv_days"]).mean(axis=-1),
        "vol_ratio": lambda: vol_ratio(r, p),
        "dispersion_ratio": lambda: dispersion_ratio(score, p["k_dispersion_bars"]),
        "implied_corr": lambda: implied_corr(r, p["router_bars"]),
        "router_dispersion_bps": lambda: (
            1e4 * spread_of_names(close / shifted(close, p["router_bars"]) - 1.0, names_min=3)
        ),
    }
    wanted = needed(p) if names is None else names
    return {name: recipe() for name, recipe in recipes.items() if name in wanted}


def feature_row(panel: Panel, dense: dict[str, Array], params: Params, t: int) -> dict[str, Any]:
    """The row of bar t as a decision reads it; features that nothing needs are empty."""
    count = len(panel["symbols"])
    market = ("vol_ratio", "dispersion_ratio", "implied_corr", "router_dispersion_bps")
    each = ["score", "moves", "trend", "sigma", "atr", "trail_ma", "slope_bps_day", "adx"]
    each += ["breakout", "beta", "funding_frac", "dollar_volume_usdt", "adv_usdt"]
    row: dict[str, Any] = {"close_ms": int(panel["close_ms"][t]), "close": panel["close"][t].copy()}
    for name in each:
        row[name] = dense[name][t].copy() if name in dense else np.empty(0)
    row["moves"] = row["moves"].ravel()
    for name in market:
        row[name] = float(dense[name][t]) if name in dense else float("nan")
    rows = ret_rows(params)
    past = returns(panel["close"])[max(0, t + 1 - rows) : t + 1]
    unknown = np.full((rows - len(past), count), np.nan)
    row["ret_window"] = np.concatenate([unknown, past]) if rows else np.empty((0, count))
    row["ret_rows"] = rows
    return row
