"""From settings as written to the kernel's `Params`: one name, one unit, nothing left open.

Every function returns a part of one flat dict, whose names are exactly the fields of `Params` in
the Rust core. Percent become shares, hours become bars or milliseconds, lists of names are sorted,
and a switch that is off becomes the neutral value where the kernel has no switch of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from xsmom.config.data_meaning import excluded
from xsmom.domain.costs import Costs
from xsmom.domain.margin import ALL, Margin

if TYPE_CHECKING:
    from xsmom.config.schema import Config
    from xsmom.config.sections.risk import Ladder, ProfitLock
    from xsmom.config.sections.strategy import Strategy

HOUR_MS = 3_600_000
BAR_MS: Mapping[str, int] = MappingProxyType(
    {
        "1m": 60_000,
        "5m": 300_000,
        "15m": 900_000,
        "30m": 1_800_000,
        "1h": HOUR_MS,
        "2h": 2 * HOUR_MS,
        "4h": 4 * HOUR_MS,
        "6h": 6 * HOUR_MS,
        "8h": 8 * HOUR_MS,
        "12h": 12 * HOUR_MS,
        "1d": 24 * HOUR_MS,
    }
)
# A book whose gross is above half of the leverage that the account is set to has too little margin
# left for a squeeze.
MARGIN_SHARE_MAX = 0.5
# Weights whose sum is this near to 1 are taken to sum to 1, as in the core.
SUM_TOLERANCE = 1e-9


FillAt = Literal["open", "close", "vwap"]
_FILLS: Mapping[str, FillAt] = MappingProxyType({"next_open": "open", "close": "close", "vwap": "vwap"})


class Timing(NamedTuple):
    """When and at what price a simulation fills, and what it starts with."""

    fill_at: FillAt
    delay_bars: int
    cash_usdt: float


def costs(config: Config) -> Costs:
    """Cost assumptions of a simulation."""
    given = config.costs
    return Costs(
        taker_bps=float(given.taker_fee_bps),
        maker_bps=float(given.maker_fee_bps),
        maker_share_frac=float(given.maker_fill_ratio),
        half_spread_bps=float(given.half_spread_bps),
        impact_y=float(given.impact_y),
        funding=given.funding,
    )


def margin(config: Config) -> Margin:
    """When a simulated account is liquidated."""
    given = config.costs
    if not given.liquidation:
        return Margin(0.0)
    tiers = [(most, rate) for most, rate in given.margin_tiers]
    return Margin(frac(given.maintenance_margin_pct), {ALL: tiers} if tiers else {})


def timing(config: Config) -> Timing:
    """Fill price, delay and starting cash of a simulation."""
    given = config.costs
    return Timing(_FILLS[given.fill], given.fill_delay_bars, float(given.initial_equity_usdt))


def params(config: Config) -> dict[str, object]:
    """All fields of the kernel's `Params`; the configuration has passed the rules before."""
    strategy = config.strategy
    return {
        **_clock(strategy),
        **_signal(strategy),
        **_universe(config),
        **_selection(strategy),
        **_size(config),
        **_filters(strategy),
        **_limits(strategy),
        **_tilts(strategy),
        **_router_and_meta(strategy),
        **_plan(config),
        **_stops(config),
        **_guards(config),
    }


def frac(percent: float) -> float:
    """Percent as a share, without the binary dust of a division."""
    return float(Decimal(repr(float(percent))) / 100)


def times(one: float, other: float) -> float:
    """A product of decimal numbers as a person would write it: 1.5 times 1.4 is 2.1."""
    return float(Decimal(repr(float(one))) * Decimal(repr(float(other))))


def bars(hours: float, timeframe: str) -> int:
    """Hours as bars; the rules have checked that they are whole."""
    return round(hours * HOUR_MS / BAR_MS[timeframe])


def _window(hours: float, timeframe: str, *, enabled: bool) -> int:
    """A window of a block; while the block is off, anything that the core accepts will do."""
    return bars(hours, timeframe) if enabled else min(max(bars(hours, timeframe), 2), 2000)


def weights(given: list[float]) -> list[float]:
    """Weights that sum to 1; those that do are left as they are."""
    total = math.fsum(given)
    return [float(w) for w in given] if abs(total - 1) <= SUM_TOLERANCE else [w / total for w in given]


def gross_hard_cap(config: Config) -> float:
    """The cap as written, or the one that follows from target, scale and margin."""
    strategy = config.strategy
    if strategy.gross_hard_cap is not None:
        return strategy.gross_hard_cap
    target = strategy.portfolio_vol_target
    scale = max(target.max_scale, 1.0) if target.enabled else 1.0
    return min(times(strategy.gross_leverage, scale), MARGIN_SHARE_MAX * config.exchange.leverage_x)


def short_cap(strategy: Strategy) -> float:
    """Cap of one short: its own, or that of any name."""
    return strategy.max_weight_per_asset if strategy.max_weight_short is None else strategy.max_weight_short


def profit_steps(lock: ProfitLock) -> list[tuple[float, float]]:
    """Pairs (gain, stop), in R; empty while the block is off."""
    if not lock.enabled:
        return []
    return [(float(at), float(to)) for at, to in zip(lock.triggers_r, lock.lock_to_r, strict=True)]


def rungs(ladder: Ladder) -> list[tuple[float, float]]:
    """Pairs (distance, share); equal shares where none are written."""
    if not ladder.enabled:
        return []
    sizes = ladder.sizes or [1 / len(ladder.levels)] * len(ladder.levels)
    levels = [frac(at) for at in ladder.levels] if ladder.measured_in == "price_pct" else ladder.levels
    return [(float(at), float(share)) for at, share in zip(levels, sizes, strict=True)]


def _ms(hours: float) -> int:
    return round(hours * HOUR_MS)


def _clock(strategy: Strategy) -> dict[str, object]:
    return {
        "bar_ms": BAR_MS[strategy.timeframe],
        "rebalance_bars": strategy.rebalance.every_bars,
        "rebalance_offset_bars": strategy.rebalance.offset_bars,
        "tranches": strategy.tranches.count,
    }


def _signal(strategy: Strategy) -> dict[str, object]:
    pairs = sorted(zip(strategy.lookbacks, weights(strategy.lookback_weights), strict=True))
    return {
        "lookback_bars": [lookback for lookback, _ in pairs],
        "lookback_weights": [weight for _, weight in pairs],
        "skip_bars": strategy.skip_bars,
        "signal_kind": strategy.signal_kind,
        "signal_combine": strategy.signal_combine,
        "vol_scaled_clip": strategy.vol_scaled_clip,
        "vol_bars": strategy.vol_lookback,
        "vol_floor_ann_frac": strategy.vol_floor_ann,
        "standardise": strategy.standardise,
        "zscore_clip": strategy.zscore_clip,
        "signal_power": strategy.signal_power,
        "redemean": strategy.redemean,
    }


def _universe(config: Config) -> dict[str, object]:
    universe = config.universe
    return {
        "universe_top_n": universe.max_symbols,
        "universe_leave_x": universe.leave_rank_mult,
        "dollar_volume_days": universe.dollar_volume_days,
        "dollar_volume_min_usdt": universe.min_dollar_volume_usdt,
        "age_min_days": universe.min_age_days,
        "price_min_usdt": universe.min_price_usdt,
        "universe_exclude": excluded(config),
        "universe_include": sorted(set(universe.whitelist)),
        "stale_bars_max": universe.stale_bars_max,
        "breadth_names_min": universe.min_names,
    }


def _selection(strategy: Strategy) -> dict[str, object]:
    hysteresis, regime = strategy.hysteresis, strategy.atr_regime
    z_out = strategy.entry_zscore_min if hysteresis.z_out is None else hysteresis.z_out
    return {
        "market_neutral": strategy.market_neutral,
        "k_frac": strategy.k_frac,
        "k_min": strategy.k_min,
        "k_max": strategy.k_max,
        "k_dispersion_bars": strategy.k_dispersion_lookback,
        "entry_zscore_min": strategy.entry_zscore_min,
        "hold_zscore_min": z_out,
        "rank_buffer": hysteresis.rank_buffer,
        "atr_regime_enabled": regime.enabled,
        "atr_regime_low_frac": frac(regime.low_atr_pct),
        "atr_regime_high_frac": frac(regime.high_atr_pct),
        "atr_regime_low_shift": regime.low_shift,
        "atr_regime_high_shift": regime.high_shift,
    }


def _size(config: Config) -> dict[str, object]:
    strategy = config.strategy
    target = strategy.portfolio_vol_target
    return {
        "size_power": strategy.size_power,
        "gross_x": strategy.gross_leverage,
        "gross_hard_cap_x": gross_hard_cap(config),
        "net_cap_frac": strategy.net_cap_frac,
        "beta_neutral": strategy.beta_neutral,
        "beta_bars": strategy.beta_lookback,
        "weight_long_max_frac": strategy.max_weight_per_asset,
        "weight_short_max_frac": short_cap(strategy),
        "squeeze_loss_frac": strategy.squeeze_loss_frac,
        "risk_per_trade_frac": config.risk.risk_per_trade_frac,
        "notional_max_usdt": strategy.notional_cap_usdt,
        "adv_share_max_frac": strategy.adv_cap_frac,
        "adv_days": strategy.adv_days,
        "capital_usdt_max": strategy.capital_usdt_max,
        "capital_frac": strategy.capital_frac,
        "vol_target_enabled": target.enabled,
        "vol_target_ann_frac": target.target_ann_vol,
        "vol_target_bars": _window(target.lookback_hours, strategy.timeframe, enabled=target.enabled),
        "vol_target_scale_min": target.min_scale,
        "vol_target_scale_max": target.max_scale,
        "vol_target_shrink_frac": target.shrinkage,
    }


def _filters(strategy: Strategy) -> dict[str, object]:
    regime, adx, majors = strategy.regime_filter, strategy.adx_filter, strategy.majors_gate
    breadth, breakout = strategy.breadth_gate, strategy.breakout_filter
    return {
        "regime_enabled": regime.enabled,
        "regime_ema_bars": regime.ema_len,
        "regime_slope_bars": regime.slope_lookback,
        "regime_slope_min_bps_day": regime.slope_min_bps_per_day,
        "adx_enabled": adx.enabled,
        "adx_bars": adx.len,
        "adx_min": adx.min_adx,
        "majors_enabled": majors.enabled,
        "majors": sorted(set(strategy.majors)),
        "majors_count_min": majors.min_count,
        "majors_slope_min_bps_day": majors.slope_min_bps_per_day,
        "breadth_enabled": breadth.enabled,
        "breadth_long_min_frac": breadth.long_min_frac,
        "breadth_short_min_frac": breadth.short_min_frac,
        "breakout_enabled": breakout.enabled,
        "breakout_fast_bars": breakout.fast_lookback,
        "breakout_base_bars": breakout.base_lookback,
        "breakout_ratio_min": breakout.expansion_mult,
        "blackout_hours": sorted(set(strategy.blackout_hours)),
    }


def _limits(strategy: Strategy) -> dict[str, object]:
    score, together, throttle = strategy.symbol_filter, strategy.correlation_limit, strategy.entry_throttle
    return {
        "entries_per_decision_max": throttle.max_new_positions_per_cycle,
        "positions_max": throttle.max_open_positions,
        "symbol_score_enabled": score.enabled,
        "symbol_score_min_trades": score.min_trades,
        "symbol_score_win_rate_min": score.win_rate_threshold,
        "symbol_score_profit_factor_min": score.pf_threshold,
        "symbol_score_ban_ms": _ms(score.ban_hours),
        "correlation_enabled": together.enabled,
        "correlation_bars": together.lookback,
        "correlation_max": together.max_corr,
        "correlation_action": together.action,
        "cluster_weight_max_frac": together.cluster_max_weight,
    }


def _tilts(strategy: Strategy) -> dict[str, object]:
    regime, tilt, stepdown = strategy.vol_regime, strategy.funding_tilt, strategy.drawdown_stepdown
    return {
        "vol_regime_enabled": regime.enabled,
        "vol_regime_fast_bars": regime.fast_lookback,
        "vol_regime_base_bars": regime.base_lookback,
        "vol_regime_ratio_start": regime.ratio_start,
        "vol_regime_slope": regime.slope,
        "vol_regime_scale_min": regime.min_scale,
        "funding_tilt_x": tilt.weight if tilt.enabled else 0.0,
        "funding_bars": _window(tilt.lookback_hours, strategy.timeframe, enabled=tilt.enabled),
        "funding_hold_bars": _window(tilt.holding_hours, strategy.timeframe, enabled=tilt.enabled),
        "drawdown_scale_enabled": stepdown.enabled,
        "drawdown_scale_start_frac": frac(stepdown.start_pct),
        "drawdown_scale_end_frac": frac(stepdown.end_pct),
        "drawdown_scale_min": stepdown.min_scale,
    }


def _router_and_meta(strategy: Strategy) -> dict[str, object]:
    router, meta = strategy.router, strategy.meta_labeller
    return {
        "router_enabled": router.enabled,
        "router_bars": router.lookback,
        "router_corr_enter": router.corr_enter,
        "router_corr_exit": router.corr_exit,
        "router_trend_min_bps_day": router.trend_min_bps_per_day,
        "router_dispersion_min_bps": router.dispersion_min_bps,
        "router_dispersion_exit_bps": router.dispersion_exit_bps,
        "router_step_frac": router.step_frac,
        "router_net_cap_frac": router.net_cap_frac,
        "meta_enabled": meta.enabled,
        "meta_rate": meta.learning_rate,
        "meta_intercept_rate": meta.intercept_learning_rate,
        "meta_l2": meta.l2,
        "meta_horizon_bars": meta.horizon_bars,
        "meta_labels_min": meta.min_labels,
        "meta_scale_min": meta.min_scale,
        "meta_scale_max": meta.max_scale,
    }


def _plan(config: Config) -> dict[str, object]:
    costs = config.costs
    return {
        "band_frac": config.strategy.no_trade_band_frac,
        "annual_cost_max_frac": costs.max_annual_cost_frac if costs.enforce_annual_cost else 0.0,
    }


def _stops(config: Config) -> dict[str, object]:
    risk, timeframe = config.risk, config.strategy.timeframe
    return {
        "atr_bars": risk.atr_len,
        "stop_atr_x": risk.atr_mult_sl,
        "catastrophic_atr_x": risk.catastrophic_atr_mult,
        "trailing_enabled": risk.trailing_enabled,
        "trail_kind": risk.trail_kind,
        "trail_atr_x": risk.trail_atr_mult,
        "trail_ma_bars": risk.trail_ma_len,
        "breakeven_after_r": risk.breakeven_after_r,
        "profit_locks_r": profit_steps(risk.profit_lock),
        "ladder_unit": "price_frac" if risk.ladder.measured_in == "price_pct" else "r",
        "ladder": rungs(risk.ladder),
        "no_progress_bars": bars(risk.no_progress.after_hours, timeframe) if risk.no_progress.enabled else 0,
        "no_progress_min_r": risk.no_progress.min_r,
        "hold_bars_max": bars(risk.max_hours_in_trade, timeframe),
        "regime_flip_exit": risk.exit_on_regime_flip,
        "cooldown_bars": risk.cooldown_bars,
        "stop_move_min_frac": frac(risk.stop_move_min_pct),
        "stop_move_min_ms": round(risk.stop_move_min_seconds * 1000),
    }


def _guards(config: Config) -> dict[str, object]:
    risk = config.risk
    return {
        "streak_losses": risk.streak.losses,
        "streak_pause_ms": _ms(risk.streak.pause_hours),
        "streak_scope": risk.streak.scope,
        "daily_loss_max_frac": frac(risk.max_daily_loss_pct),
        "daily_loss_base": risk.daily_loss_base,
        "daily_loss_pause_ms": _ms(risk.daily_loss_pause_minutes / 60),
        "emergency_loss_frac": frac(risk.emergency_loss_pct),
        "drawdown_max_frac": frac(risk.max_portfolio_drawdown_pct),
        "drawdown_days": risk.portfolio_dd_window_days,
        "longterm_drawdown_max_frac": frac(risk.max_longterm_drawdown_pct),
        "symbol_daily_loss_max_frac": frac(risk.max_symbol_daily_loss_pct),
        "trade_loss_max_frac": frac(risk.max_trade_loss_pct),
        "cvar_max_frac": frac(risk.max_cvar_pct),
        "stop_cluster_count": risk.stop_cluster.count,
        "stop_cluster_window_ms": _ms(risk.stop_cluster.window_hours),
        "stop_cluster_pause_ms": _ms(risk.stop_cluster.pause_hours),
    }
