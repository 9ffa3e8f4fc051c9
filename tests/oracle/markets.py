"""Seeded markets that hurt, and configurations with every rule on and off."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracle.params import DEFAULT_PARAMS, Params

Panel = dict[str, Any]
Random = np.random.Generator

FIELDS = ("open", "high", "low", "close", "volume_usdt", "funding_frac")
ALIVE_MS = int(np.iinfo(np.int64).max)
HOUR_MS = 3_600_000


def make_panel(close: NDArray[np.float64], rng: Random, bar_ms: int = HOUR_MS, first_bar: int = 480_000) -> Panel:
    """A whole panel around given closes; a NaN close is an absent bar."""
    rows, cols = close.shape
    before = np.vstack([close[:1], close[:-1]])
    start = np.where(np.isnan(before), close, before)
    wick = np.abs(rng.normal(0.0, 0.004, size=(2, rows, cols)))
    volume = np.exp(rng.normal(12.0, 1.0, size=(rows, cols)) + rng.normal(0, 1, size=cols))
    funding = np.where(rng.random((rows, cols)) < 0.125, rng.normal(1e-4, 2e-4, (rows, cols)), 0.0)
    panel: Panel = {
        "close_ms": (first_bar + np.arange(rows, dtype=np.int64)) * bar_ms,
        "symbols": tuple(f"C{i:02d}USDT" for i in range(cols)),
        "open": start,
        "high": np.maximum(start, close) * (1.0 + wick[0]),
        "low": np.minimum(start, close) * (1.0 - np.minimum(wick[1], 0.5)),
        "close": close.copy(),
        "volume_usdt": volume,
        "funding_frac": funding,
        "listed_ms": np.zeros(cols, dtype=np.int64),
        "delisted_ms": np.full(cols, ALIVE_MS, dtype=np.int64),
    }
    return blank(panel, np.isnan(close))


def blank(panel: Panel, absent: NDArray[np.bool_]) -> Panel:
    """The same panel with bars taken out."""
    out = dict(panel)
    for name in FIELDS:
        out[name] = np.where(absent, np.nan, panel[name])
    return out


def cut(panel: Panel, start: int, stop: int) -> Panel:
    """Rows `start … stop-1` of a panel."""
    out = dict(panel)
    for name in ("close_ms", *FIELDS):
        out[name] = panel[name][start:stop].copy()
    return out


def take(panel: Panel, order: list[int]) -> Panel:
    """Columns of a panel in another order; the symbols stay sorted."""
    out = dict(panel)
    for name in FIELDS:
        out[name] = panel[name][:, order].copy()
    for name in ("listed_ms", "delisted_ms"):
        out[name] = panel[name][order].copy()
    out["symbols"] = panel["symbols"][: len(order)]
    return out


def walk_prices(rng: Random, rows: int, cols: int) -> NDArray[np.float64]:
    """Closes with a common factor, drifts that last, and tails."""
    market = rng.standard_t(4, size=(rows, 1)) * 0.004
    own = rng.standard_t(4, size=(rows, cols)) * rng.uniform(0.002, 0.012, size=cols)
    drift = np.repeat(rng.normal(0.0, 0.002, size=(rows // 40 + 1, cols)), 40, axis=0)[:rows]
    load = rng.uniform(0.3, 1.6, size=cols)
    return np.asarray(np.exp(rng.normal(2, 2, size=cols) + (market * load + own + drift).cumsum(0)))


def random_panel(rng: Random, rows: int = 160, cols: int = 12, bar_ms: int = HOUR_MS, rough: bool = True) -> Panel:
    """A market; a rough one has holes, late listings, deaths, flat names, twins and jumps."""
    close = walk_prices(rng, rows, cols)
    first_bar = int(rng.integers(400_000, 500_000))
    if not rough:
        return make_panel(close, rng, bar_ms, first_bar)
    names = rng.permutation(cols)
    absent = rng.random((rows, cols)) < rng.choice([0.0, 0.003, 0.02])
    flat, twin, late, dead, jumps, gap = names[:6] if cols >= 6 else (names[0],) * 6
    if rng.random() < 0.5:
        close[rng.integers(rows) :, flat] = close[0, flat]
    if rng.random() < 0.4:
        close[:, twin] = close[:, names[-1]]
    listed = np.zeros(cols, dtype=np.int64)
    delisted = np.full(cols, ALIVE_MS, dtype=np.int64)
    if rng.random() < 0.6:
        at = int(rng.integers(rows // 2))
        absent[:at, late] = True
        listed[late] = (first_bar + at) * bar_ms - bar_ms // 2
    if rng.random() < 0.6:
        at = int(rng.integers(rows // 3, rows))
        absent[at:, dead] = True
        delisted[dead] = (first_bar + at + int(rng.integers(-4, 2))) * bar_ms
    if rng.random() < 0.6:
        at = int(rng.integers(rows))
        close[at:, jumps] *= rng.choice([0.05, 8.0])
    if rng.random() < 0.6:
        at = int(rng.integers(rows))
        absent[at : at + int(rng.integers(1, 9)), gap] = True
    if rng.random() < 0.4:
        absent[int(rng.integers(rows))] = True
    panel = make_panel(np.where(absent, np.nan, close), rng, bar_ms, first_bar)
    panel["listed_ms"], panel["delisted_ms"] = listed, delisted
    return panel


SMALL: Params = {
    "lookback_bars": [3, 7, 21],
    "lookback_weights": [0.5, 0.3, 0.2],
    "vol_bars": 20,
    "atr_bars": 3,
    "trail_ma_bars": 8,
    "regime_ema_bars": 5,
    "regime_slope_bars": 4,
    "adx_bars": 3,
    "breakout_fast_bars": 4,
    "breakout_base_bars": 22,
    "vol_regime_fast_bars": 5,
    "vol_regime_base_bars": 24,
    "beta_bars": 25,
    "router_bars": 22,
    "correlation_bars": 24,
    "vol_target_bars": 20,
    "dollar_volume_days": 2,
    "adv_days": 3,
    "funding_bars": 9,
    "k_frac": 0.25,
    "k_max": 4,
    "gross_x": 1.1,
    "gross_hard_cap_x": 1.7,
    "weight_long_max_frac": 0.29,
    "weight_short_max_frac": 0.27,
}

MAJORS = ["C00USDT", "C01USDT", "C02USDT"]

# What each rule needs to be on, with values at which it acts on these markets.
OVERLAYS: dict[str, Params] = {
    "log": {"signal_kind": "log"},
    "vol_scaled": {"signal_kind": "vol_scaled", "vol_scaled_clip": 1.7},
    "vol_scaled_unbounded": {"signal_kind": "vol_scaled", "vol_scaled_clip": 0.0},
    # Weights of many digits: sums of ranks that tie would be put in order by their rounding.
    "rank": {"signal_combine": "rank", "lookback_weights": [0.5317, 0.3079, 0.1604]},
    "skip": {"skip_bars": 2},
    "robust": {"standardise": "robust"},
    "rank_normal": {"standardise": "rank_normal"},
    "power": {"signal_power": 1.35, "zscore_clip": 1.9},
    "unclipped": {"zscore_clip": 0.0, "redemean": False},
    "top_n": {"universe_top_n": 7},
    "volume_min": {"dollar_volume_min_usdt": 8e6},
    "age_price": {"age_min_days": 1.5, "price_min_usdt": 1.1},
    "lists": {"universe_exclude": ["C03USDT"], "universe_include": []},
    "include": {"universe_include": [f"C{i:02d}USDT" for i in range(1, 10)]},
    "impatient": {"stale_bars_max": 0},
    "breadth_names": {"breadth_names_min": 8},
    "not_neutral": {"market_neutral": False},
    "not_neutral_open": {"market_neutral": False, "net_cap_frac": 2.0, "redemean": False},
    "dispersion_k": {"k_dispersion_bars": 20, "k_min": 1, "k_max": 5},
    "entry": {"entry_zscore_min": 0.8, "hold_zscore_min": 0.3},
    "buffer": {"rank_buffer": 2},
    "atr_regime": {
        "atr_regime_enabled": True,
        "entry_zscore_min": 0.7,
        "atr_regime_low_frac": 0.008,
        "atr_regime_high_frac": 0.014,
        "atr_regime_low_shift": 0.31,
        "atr_regime_high_shift": -0.41,
    },
    "equal_size": {"size_power": 0.0},
    "size_squared": {"size_power": 2.0, "vol_floor_ann_frac": 0.9},
    "beta_neutral": {"beta_neutral": True},
    "squeeze": {"squeeze_loss_frac": 0.35},
    "risk": {"risk_per_trade_frac": 0.005, "stop_atr_x": 2.0},
    "notional": {"notional_max_usdt": 1_700.0},
    "adv": {"adv_share_max_frac": 4e-4},
    "capital": {"capital_usdt_max": 6_000.0, "capital_frac": 0.7},
    "vol_target": {"vol_target_enabled": True, "vol_target_ann_frac": 0.8},
    "regime": {"regime_enabled": True},
    "adx": {"adx_enabled": True, "adx_min": 40.0},
    "majors": {"majors_enabled": True, "majors": MAJORS, "majors_slope_min_bps_day": 30.0},
    "breadth": {
        "breadth_enabled": True,
        "breadth_long_min_frac": 0.45,
        "breadth_short_min_frac": 0.45,
    },
    "breakout": {"breakout_enabled": True, "breakout_ratio_min": 0.9},
    "vol_regime": {"vol_regime_enabled": True, "vol_regime_ratio_start": 0.7},
    "blackout": {"blackout_hours": [2, 3, 4, 5, 17]},
    "throttle": {"entries_per_decision_max": 2},
    "positions": {"positions_max": 5},
    "halve": {"correlation_enabled": True, "correlation_max": 0.3},
    "cluster": {
        "correlation_enabled": True,
        "correlation_max": 0.3,
        "correlation_action": "cap",
        "cluster_weight_max_frac": 0.31,
    },
    "funding": {"funding_tilt_x": 2.0},
    "drawdown": {"drawdown_scale_enabled": True, "drawdown_scale_start_frac": 0.01},
    "router": {
        "router_enabled": True,
        "majors": MAJORS,
        "router_step_frac": 0.4,
        "router_corr_enter": 0.3,
        "router_corr_exit": 0.2,
        "router_dispersion_min_bps": 300.0,
        "router_dispersion_exit_bps": 500.0,
        "router_net_cap_frac": 0.11,
    },
    "meta": {"meta_enabled": True},
    "tranches": {"tranches": 3},
    "slow_tranches": {"tranches": 4, "rebalance_bars": 2, "rebalance_offset_bars": 1},
    "tight_gross": {
        "gross_hard_cap_x": 1.1,
        "net_cap_frac": 0.02,
        "vol_target_enabled": True,
        "vol_target_ann_frac": 5.0,
    },
    "wide_k": {"k_frac": 0.5, "k_max": 50, "k_min": 9},
    "daily": {"rebalance_bars": 6, "rebalance_offset_bars": 4},
}


def make_params(*overlays: str, **changes: Any) -> Params:
    """The defaults on small windows with overlays on, later ones winning."""
    params: Params = {**DEFAULT_PARAMS, **SMALL}
    for name in overlays:
        params.update(OVERLAYS[name])
    params.update(changes)
    return params


def random_overlays(rng: Random, count: int) -> list[str]:
    """Some overlays; of those that contradict each other the last one wins."""
    return [str(name) for name in rng.choice(sorted(OVERLAYS), size=count, replace=False)]
