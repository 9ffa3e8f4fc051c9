"""Every setting that may be written changes a simulation: nothing is read and ignored.

Each row is (what must be set for the key to count, the changed value). The two runs differ in that one
value, and so must their equity or what they traded. A key without a row fails.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xsmom as xs
from tests.house.elsewhere import ELSEWHERE
from tests.oracle.lesson import lesson_market
from xsmom.config.tree import tree
from xsmom.domain.panel import CELL_FIELDS
from xsmom.errors import ConfigError
from xsmom.lake.sample import SampleMarket
from xsmom.research.result import Result

Settings = dict[str, Any]
Row = tuple[Settings, Any]

HOUR_MS = 3_600_000

# Small windows, a few names, no stops and no guards unless a row asks for them.
BASE: Settings = {
    "universe.exclude": [],
    "strategy.timeframe": "2h",
    "strategy.lookbacks": [3, 6, 12],
    "strategy.lookback_weights": [0.5, 0.3, 0.2],
    "strategy.vol_lookback": 24,
    "strategy.k_frac": 0.2,
    "strategy.k_min": 2,
    "strategy.k_max": 5,
    "strategy.max_weight_per_asset": 0.5,
    "strategy.regime_filter.ema_len": 10,
    "strategy.regime_filter.slope_lookback": 5,
    "risk.atr_len": 5,
    "risk.atr_mult_sl": 0,
    "risk.catastrophic_atr_mult": 0,
    "risk.max_daily_loss_pct": 0,
    "risk.streak.losses": 0,
    "risk.cooldown_bars": 0,
}
MAJORS: Settings = {"strategy.majors": ["BTCUSDT", "ETHUSDT"]}
STOPS: Settings = {"risk.atr_mult_sl": 1.5, "risk.cooldown_bars": 6}


def on(section: str, **values: Any) -> Settings:
    """A block that is switched on, and settings in it."""
    return {f"{section}.enabled": True, **{f"{section}.{name}": value for name, value in values.items()}}


VOL_TARGET = on("strategy.portfolio_vol_target", lookback_hours=48, target_ann_vol=0.3)
REGIME = on("strategy.regime_filter")
GATE = {**MAJORS, **on("strategy.majors_gate")}
BREADTH = on("strategy.breadth_gate", long_min_frac=0.4, short_min_frac=0.4)
BREAKOUT = on("strategy.breakout_filter", fast_lookback=6, base_lookback=12, expansion_mult=1.0)
VOL_REGIME = on("strategy.vol_regime", fast_lookback=6, base_lookback=24, ratio_start=0.8, slope=1.0)
ATR_REGIME = {"strategy.entry_zscore_min": 0.7, **on("strategy.atr_regime", low_shift=0.4, high_shift=-0.4)}
SCORE = on("strategy.symbol_filter", min_trades=2, win_rate_threshold=0.9, pf_threshold=3.0)
CORRELATED = on("strategy.correlation_limit", lookback=20, max_corr=0.3)
CAPPED = {**CORRELATED, "strategy.correlation_limit.action": "cap"}
TILT = on("strategy.funding_tilt", lookback_hours=24, holding_hours=240, weight=5.0)
STEPDOWN = on("strategy.drawdown_stepdown", start_pct=1, end_pct=6)
ROUTER = {**MAJORS, **on("strategy.router", lookback=20, corr_enter=0.4, corr_exit=0.3, net_cap_frac=0.5)}
THIN = {**MAJORS, **on("strategy.router", lookback=20, corr_enter=1.0, dispersion_min_bps=250.0)}
THIN |= {"strategy.router.dispersion_exit_bps": 400.0, "strategy.router.net_cap_frac": 0.5}
TRAIL = {**STOPS, "risk.trailing_enabled": True}
MA_TRAIL = {**TRAIL, "risk.trail_kind": "ma_atr"}
LOCK = {**STOPS, **on("risk.profit_lock", triggers_r=[0.5, 1.0], lock_to_r=[0.1, 0.5])}
LADDER = {**STOPS, **on("risk.ladder", levels=[0.5, 1.0, 2.0])}
NO_PROGRESS = {**STOPS, **on("risk.no_progress", after_hours=12)}
DAILY = {"risk.max_daily_loss_pct": 1.5}
DRAWDOWN = {"risk.max_portfolio_drawdown_pct": 4}
STREAK = {"risk.streak.losses": 1, "risk.streak.pause_hours": 24}
CLUSTER = {**STOPS, "risk.stop_cluster.count": 3}
META = on("strategy.meta_labeller", horizon_bars=2, learning_rate=0.2, min_labels=50)
LEVERED: Settings = {"strategy.gross_leverage": 2.5, "strategy.max_weight_per_asset": 1.0}
BUDGET = {"costs.enforce_annual_cost": True, "costs.max_annual_cost_frac": 1.0}
TOP = {"universe.max_symbols": 10, "universe.dollar_volume_days": 3}

ROWS: dict[str, Row] = {
    "universe.max_symbols": ({}, 8),
    "universe.leave_rank_mult": (TOP, 2.0),
    "universe.dollar_volume_days": (TOP, 20),
    "universe.min_dollar_volume_usdt": ({"universe.dollar_volume_days": 3}, 5e7),
    "universe.min_age_days": ({}, 30),
    "universe.min_price_usdt": ({}, 1.0),
    "universe.whitelist": ({}, ["BTCUSDT", "ETHUSDT"]),
    "universe.banlist": ({}, ["BTCUSDT"]),
    "universe.exclude": ({}, ["metals"]),
    "universe.min_names": ({}, 19),
    "universe.stale_bars_max": ({"universe.stale_bars_max": 1}, 50),
    "strategy.rebalance.every_bars": ({}, 3),
    "strategy.rebalance.offset_bars": ({"strategy.rebalance.every_bars": 3}, 1),
    "strategy.tranches.count": ({}, 3),
    "strategy.lookbacks": ({}, [3, 6, 24]),
    "strategy.lookback_weights": ({}, [0.2, 0.3, 0.5]),
    "strategy.skip_bars": ({}, 1),
    "strategy.signal_kind": ({}, "vol_scaled"),
    "strategy.vol_scaled_clip": ({"strategy.signal_kind": "vol_scaled"}, 0.5),
    "strategy.signal_combine": ({}, "rank"),
    "strategy.standardise": ({}, "robust"),
    "strategy.zscore_clip": ({}, 0.8),
    "strategy.signal_power": ({}, 1.0),
    "strategy.redemean": ({"strategy.entry_zscore_min": 0.5, "strategy.signal_power": 2.0}, False),
    "strategy.k_frac": ({}, 0.1),
    "strategy.k_min": ({}, 5),
    "strategy.k_max": ({}, 2),
    "strategy.k_dispersion_lookback": ({}, 24),
    "strategy.entry_zscore_min": ({}, 0.8),
    "strategy.hysteresis.z_out": ({"strategy.entry_zscore_min": 1.0}, 0.2),
    "strategy.hysteresis.rank_buffer": ({}, 3),
    "strategy.market_neutral": ({}, False),
    "strategy.beta_neutral": ({"strategy.beta_lookback": 48}, True),
    "strategy.beta_lookback": ({"strategy.beta_neutral": True, "strategy.beta_lookback": 48}, 24),
    "strategy.size_power": ({}, 0.0),
    "strategy.vol_lookback": ({}, 12),
    "strategy.vol_floor_ann": ({}, 1.0),
    "strategy.gross_leverage": ({}, 1.0),
    "strategy.gross_hard_cap": (VOL_TARGET, 1.6),
    "strategy.net_cap_frac": ({"strategy.market_neutral": False}, 0.0),
    "strategy.max_weight_per_asset": ({}, 0.1),
    "strategy.max_weight_short": ({}, 0.1),
    "strategy.squeeze_loss_frac": ({}, 0.1),
    "strategy.notional_cap_usdt": ({}, 1_000),
    "strategy.adv_cap_frac": ({"costs.initial_equity_usdt": 1e9}, 0.5),
    "strategy.adv_days": ({}, 5),
    "strategy.capital_usdt_max": ({}, 5_000),
    "strategy.capital_frac": ({}, 0.5),
    "strategy.no_trade_band_frac": ({}, 1.0),
    "strategy.portfolio_vol_target.enabled": ({}, True),
    "strategy.portfolio_vol_target.target_ann_vol": (VOL_TARGET, 0.4),
    "strategy.portfolio_vol_target.lookback_hours": (VOL_TARGET, 96),
    "strategy.portfolio_vol_target.min_scale": (VOL_TARGET, 1.0),
    "strategy.portfolio_vol_target.max_scale": (
        {**VOL_TARGET, "strategy.portfolio_vol_target.target_ann_vol": 2.0},
        1.1,
    ),
    "strategy.portfolio_vol_target.shrinkage": (VOL_TARGET, 0.9),
    "strategy.majors": (GATE, ["BTCUSDT", "ETHUSDT", "COR13USDT"]),
    "strategy.blackout_hours": ({}, [4, 12]),
    "strategy.regime_filter.enabled": ({}, True),
    "strategy.regime_filter.ema_len": (REGIME, 20),
    "strategy.regime_filter.slope_lookback": (REGIME, 12),
    "strategy.regime_filter.slope_min_bps_per_day": (REGIME, 300.0),
    "strategy.adx_filter.enabled": ({}, True),
    "strategy.adx_filter.len": (on("strategy.adx_filter"), 7),
    "strategy.adx_filter.min_adx": (on("strategy.adx_filter"), 35.0),
    "strategy.majors_gate.enabled": (MAJORS, True),
    "strategy.majors_gate.min_count": (GATE, 1),
    "strategy.majors_gate.slope_min_bps_per_day": (GATE, 200.0),
    "strategy.breadth_gate.enabled": ({"strategy.breadth_gate.long_min_frac": 0.5}, True),
    "strategy.breadth_gate.long_min_frac": (BREADTH, 0.6),
    "strategy.breadth_gate.short_min_frac": (BREADTH, 0.6),
    "strategy.breakout_filter.enabled": ({"strategy.breakout_filter.base_lookback": 24}, True),
    "strategy.breakout_filter.fast_lookback": (BREAKOUT, 10),
    "strategy.breakout_filter.base_lookback": (BREAKOUT, 20),
    "strategy.breakout_filter.expansion_mult": (BREAKOUT, 1.5),
    "strategy.vol_regime.enabled": (
        {"strategy.vol_regime.base_lookback": 48, "strategy.vol_regime.ratio_start": 0.8},
        True,
    ),
    "strategy.vol_regime.fast_lookback": (VOL_REGIME, 12),
    "strategy.vol_regime.base_lookback": (VOL_REGIME, 48),
    "strategy.vol_regime.ratio_start": (VOL_REGIME, 1.0),
    "strategy.vol_regime.slope": (VOL_REGIME, 0.3),
    "strategy.vol_regime.min_scale": ({**VOL_REGIME, "strategy.vol_regime.slope": 3.0}, 0.9),
    "strategy.atr_regime.enabled": ({"strategy.entry_zscore_min": 0.7, "strategy.atr_regime.low_shift": 0.5}, True),
    "strategy.atr_regime.low_atr_pct": (ATR_REGIME, 1.0),
    "strategy.atr_regime.high_atr_pct": (ATR_REGIME, 1.0),
    "strategy.atr_regime.low_shift": ({**ATR_REGIME, "strategy.atr_regime.low_atr_pct": 1.2}, 0.1),
    "strategy.atr_regime.high_shift": (ATR_REGIME, 0.3),
    "strategy.symbol_filter.enabled": (
        {"strategy.symbol_filter.min_trades": 2, "strategy.symbol_filter.win_rate_threshold": 0.9},
        True,
    ),
    "strategy.symbol_filter.min_trades": (SCORE, 6),
    "strategy.symbol_filter.win_rate_threshold": (SCORE, 0.4),
    "strategy.symbol_filter.pf_threshold": (SCORE, 0.5),
    "strategy.symbol_filter.ban_hours": (SCORE, 96),
    "strategy.correlation_limit.enabled": ({"strategy.correlation_limit.max_corr": 0.3}, True),
    "strategy.correlation_limit.lookback": (CORRELATED, 40),
    "strategy.correlation_limit.max_corr": (CORRELATED, 0.5),
    "strategy.correlation_limit.action": (CORRELATED, "cap"),
    "strategy.correlation_limit.cluster_max_weight": (CAPPED, 0.1),
    "strategy.entry_throttle.max_new_positions_per_cycle": ({}, 2),
    "strategy.entry_throttle.max_open_positions": ({}, 4),
    "strategy.funding_tilt.enabled": ({"strategy.funding_tilt.weight": 10.0}, True),
    "strategy.funding_tilt.weight": (TILT, 20.0),
    "strategy.funding_tilt.lookback_hours": (TILT, 96),
    "strategy.funding_tilt.holding_hours": (TILT, 24),
    "strategy.drawdown_stepdown.enabled": ({"strategy.drawdown_stepdown.start_pct": 1}, True),
    "strategy.drawdown_stepdown.start_pct": (STEPDOWN, 3),
    "strategy.drawdown_stepdown.end_pct": (STEPDOWN, 20),
    "strategy.drawdown_stepdown.min_scale": (STEPDOWN, 0.8),
    "strategy.router.enabled": (
        {**MAJORS, "strategy.router.lookback": 20, "strategy.router.corr_enter": 0.4, "strategy.router.corr_exit": 0.3},
        True,
    ),
    "strategy.router.lookback": (ROUTER, 40),
    "strategy.router.corr_enter": (ROUTER, 0.6),
    "strategy.router.corr_exit": (ROUTER, 0.0),
    "strategy.router.trend_min_bps_per_day": (ROUTER, 150.0),
    "strategy.router.dispersion_min_bps": (THIN, 150.0),
    "strategy.router.dispersion_exit_bps": (THIN, 900.0),
    "strategy.router.step_frac": (ROUTER, 0.5),
    "strategy.router.net_cap_frac": (ROUTER, 0.0),
    "strategy.meta_labeller.enabled": ({k: v for k, v in META.items() if not k.endswith("enabled")}, True),
    "strategy.meta_labeller.learning_rate": (META, 0.3),
    "strategy.meta_labeller.intercept_learning_rate": (META, 0.1),
    "strategy.meta_labeller.l2": (META, 0.05),
    "strategy.meta_labeller.horizon_bars": (META, 3),
    "strategy.meta_labeller.min_labels": (META, 100_000),
    "strategy.meta_labeller.min_scale": (META, 0.9),
    "strategy.meta_labeller.max_scale": (META, 1.1),
    "risk.atr_len": (STOPS, 10),
    "risk.atr_mult_sl": ({}, 1.5),
    "risk.catastrophic_atr_mult": ({}, 1.5),
    "risk.trailing_enabled": (STOPS, True),
    "risk.trail_kind": (TRAIL, "ma_atr"),
    "risk.trail_atr_mult": (TRAIL, 2.0),
    "risk.trail_ma_len": (MA_TRAIL, 5),
    "risk.breakeven_after_r": (STOPS, 0.5),
    "risk.profit_lock.enabled": (
        {**STOPS, "risk.profit_lock.triggers_r": [0.5], "risk.profit_lock.lock_to_r": [0.3]},
        True,
    ),
    "risk.profit_lock.triggers_r": (LOCK, [1.0, 2.0]),
    "risk.profit_lock.lock_to_r": (LOCK, [0.4, 0.9]),
    "risk.ladder.enabled": ({**STOPS, "risk.ladder.levels": [0.5, 1.0]}, True),
    "risk.ladder.measured_in": (LADDER, "price_pct"),
    "risk.ladder.levels": (LADDER, [1.0, 2.0, 3.0]),
    "risk.ladder.sizes": (LADDER, [0.2, 0.2, 0.2]),
    "risk.no_progress.enabled": ({**STOPS, "risk.no_progress.after_hours": 12}, True),
    "risk.no_progress.after_hours": (NO_PROGRESS, 24),
    "risk.no_progress.min_r": (NO_PROGRESS, 0.0),
    "risk.max_hours_in_trade": ({}, 24),
    "risk.exit_on_regime_flip": ({}, True),
    "risk.cooldown_bars": (STOPS, 24),
    "risk.stop_move_min_pct": (TRAIL, 3.0),
    "risk.stop_move_min_seconds": (TRAIL, 40_000),
    "risk.risk_per_trade_frac": (STOPS, 0.001),
    "risk.max_daily_loss_pct": ({}, 1.5),
    "risk.daily_loss_base": (DAILY, "open"),
    "risk.daily_loss_pause_minutes": (DAILY, 2_880),
    "risk.emergency_loss_pct": ({}, 0.5),
    "risk.max_portfolio_drawdown_pct": ({}, 4),
    "risk.portfolio_dd_window_days": (DRAWDOWN, 1),
    "risk.max_longterm_drawdown_pct": ({}, 4),
    "risk.max_symbol_daily_loss_pct": ({}, 0.5),
    "risk.max_trade_loss_pct": ({}, 0.5),
    "risk.max_cvar_pct": ({}, 0.5),
    "risk.streak.losses": ({}, 1),
    "risk.streak.pause_hours": (STREAK, 96),
    "risk.streak.scope": (STREAK, "book"),
    "risk.stop_cluster.count": (STOPS, 3),
    "risk.stop_cluster.window_hours": (CLUSTER, 4),
    "risk.stop_cluster.pause_hours": (CLUSTER, 96),
    "costs.maker_fee_bps": ({"costs.maker_fill_ratio": 0.5}, 1.0),
    "costs.taker_fee_bps": ({}, 3.0),
    "costs.maker_fill_ratio": ({}, 0.5),
    "costs.half_spread_bps": ({}, 2.0),
    "costs.impact_y": ({}, 0.5),
    "costs.funding": ({}, False),
    "costs.fill": ({}, "vwap"),
    "costs.fill_delay_bars": ({}, 1),
    "costs.initial_equity_usdt": ({}, 20_000),
    "costs.liquidation": ({"costs.maintenance_margin_pct": 50.0, **LEVERED}, False),
    "costs.maintenance_margin_pct": (LEVERED, 50.0),
    "costs.margin_tiers": (LEVERED, [[1_000, 0.4], [5_000, 0.8]]),
    "costs.max_annual_cost_frac": (BUDGET, 3.0),
    "costs.enforce_annual_cost": ({"costs.max_annual_cost_frac": 1.0}, True),
}

# The panel has to have the bars of the timeframe, so a changed one is refused instead.
TIMEFRAME = "strategy.timeframe"
_done: dict[str, Result] = {}


@pytest.fixture(scope="module")
def panel() -> xs.Panel:
    """Two months with funding, gaps, listings, a squeeze and a collapse, and one long outage."""
    made = SampleMarket(20, 720, 2 * HOUR_MS, 11, momentum=1.0, drama=True).build()
    assert (made.listed_ms > made.close_ms[0]).any()
    assert np.nansum(np.abs(made.funding_frac)) > 0
    cells: dict[str, Any] = {name: np.array(getattr(made, name)) for name in CELL_FIELDS}
    for cell in cells.values():
        cell[400:412, 2:8] = np.nan
    dates: dict[str, Any] = {"listed_ms": made.listed_ms, "delisted_ms": made.delisted_ms}
    symbols = [*made.symbols[:-1], "XAUUSDT"]  # a metal, which the lists leave out
    return xs.Panel.from_arrays(close_ms=made.close_ms, symbols=symbols, **cells, **dates)


@pytest.fixture(scope="module")
def lesson() -> xs.Panel:
    """A market that teaches which entries pay; elsewhere the meta-labeller is rightly never promoted."""
    return xs.Panel.from_arrays(**lesson_market(900, 16, 2 * HOUR_MS), bar_ms=2 * HOUR_MS)


def run(panel: xs.Panel, settings: Settings) -> Result:
    """One run; what many rows begin from is run once."""
    key = json.dumps([panel.symbols, settings], sort_keys=True)
    if key not in _done:
        config = xs.load_config(None, set=settings, env={})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            _done[key] = xs.backtest(panel, config)
    return _done[key]


def same(first: Result, second: Result) -> bool:
    """The two runs cannot be told apart: neither by equity, nor by what was traded and paid."""
    one, other = first.series(), second.series()
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_every_key_has_a_row() -> None:
    keys = {key.name for key in tree().keys.values() if key.available}
    assert keys == {*ROWS, TIMEFRAME, *ELSEWHERE}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_key_that_shapes_no_run_is_tested_where_it_acts(root: Path, name: str) -> None:
    section, key = name.split(".", 1)
    text = (root / ELSEWHERE[name]).read_text("utf-8")
    written = f"{name}=" in text or f'"{name}"' in text or (f"{section}:" in text and f"{key}: " in text)
    assert written or f"XSMOM__{section}__{key}".upper() in text


@pytest.mark.parametrize("name", ROWS)
def test_a_key_changes_the_run(panel: xs.Panel, lesson: xs.Panel, name: str) -> None:
    company, changed = ROWS[name]
    panel = lesson if "meta_labeller" in name else panel
    before = {**BASE, **company}
    assert before.get(name, tree().keys[name].default) != changed
    first, second = run(panel, before), run(panel, {**before, name: changed})
    assert first.traded_usdt > 0
    assert not same(first, second), f"{name} = {changed} changes nothing"


def test_another_timeframe_is_another_panel(panel: xs.Panel) -> None:
    assert run(panel, BASE).traded_usdt > 0
    with pytest.raises(ConfigError, match=r"strategy\.timeframe is 4h and the panel has bars of 2h"):
        run(panel, {**BASE, TIMEFRAME: "4h"})


def test_the_same_settings_are_seen_as_the_same(panel: xs.Panel) -> None:
    first = run(panel, BASE)
    _done.clear()
    assert same(first, run(panel, BASE))
