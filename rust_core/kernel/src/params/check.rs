//! Ranges and contradictions. The user's configuration is checked with file and line before it
//! comes here; this is the last door, for every caller.

use super::{LadderUnit, Params};
use crate::error::{KernelError, Result};

/// Bars that a decision may look back on.
pub const WARMUP_BARS_MAX: u32 = 2_000;

pub(super) fn validate(params: &Params) -> Result<()> {
    clock(params)?;
    signal(params)?;
    selection(params)?;
    size(params)?;
    overlays(params)?;
    stops(params)?;
    guards(params)
}

fn refuse(name: &'static str, what: impl Into<String>) -> Result<()> {
    Err(KernelError::Param { name, what: what.into() })
}

fn within(name: &'static str, value: f64, low: f64, high: f64) -> Result<()> {
    if value >= low && value <= high {
        return Ok(());
    }
    refuse(name, format!("is {value}, wants {low} to {high}"))
}

fn clock(p: &Params) -> Result<()> {
    const DAY_MS: i64 = 86_400_000;
    if p.bar_ms < 60_000 || p.bar_ms > DAY_MS || DAY_MS % p.bar_ms != 0 {
        return refuse(
            "bar_ms",
            format!("is {}, wants 1 minute to 1 day, dividing a day", p.bar_ms),
        );
    }
    within("rebalance_bars", p.rebalance_bars.into(), 1.0, 2_000.0)?;
    if p.rebalance_offset_bars >= p.rebalance_bars {
        return refuse("rebalance_offset_bars", "wants less than rebalance_bars");
    }
    within("tranches", p.tranches.into(), 1.0, 64.0)
}

fn signal(p: &Params) -> Result<()> {
    if p.lookback_bars.is_empty() || p.lookback_bars.len() > 8 {
        return refuse("lookback_bars", "wants one to eight look-backs");
    }
    if p.lookback_weights.len() != p.lookback_bars.len() {
        return refuse("lookback_weights", "wants one weight for each look-back");
    }
    if p.lookback_weights.iter().any(|weight| weight.is_nan() || *weight < 0.0) {
        return refuse("lookback_weights", "wants weights from 0 up");
    }
    let sum: f64 = p.lookback_weights.iter().sum();
    if (sum - 1.0).abs() > 1e-9 {
        return refuse("lookback_weights", format!("sum to {sum}, want 1"));
    }
    for bars in &p.lookback_bars {
        within("lookback_bars", (*bars).into(), 1.0, f64::from(WARMUP_BARS_MAX))?;
    }
    within("vol_scaled_clip", p.vol_scaled_clip, 0.0, 100.0)?;
    within("vol_bars", p.vol_bars.into(), 2.0, f64::from(WARMUP_BARS_MAX))?;
    within("vol_floor_ann_frac", p.vol_floor_ann_frac, 0.0, 10.0)?;
    within("zscore_clip", p.zscore_clip, 0.0, 100.0)?;
    within("signal_power", p.signal_power, 0.1, 5.0)
}

fn selection(p: &Params) -> Result<()> {
    within("universe_leave_x", p.universe_leave_x, 1.0, 10.0)?;
    within("dollar_volume_days", p.dollar_volume_days.into(), 1.0, 120.0)?;
    within("dollar_volume_min_usdt", p.dollar_volume_min_usdt, 0.0, 1e15)?;
    within("age_min_days", p.age_min_days, 0.0, 10_000.0)?;
    within("price_min_usdt", p.price_min_usdt, 0.0, 1e9)?;
    within("k_frac", p.k_frac, 0.0, 0.5)?;
    within("k_min", p.k_min.into(), 1.0, 10_000.0)?;
    if p.k_max < p.k_min {
        return refuse("k_max", format!("is {}, below k_min {}", p.k_max, p.k_min));
    }
    within("entry_zscore_min", p.entry_zscore_min, 0.0, 10.0)?;
    within("hold_zscore_min", p.hold_zscore_min, 0.0, p.entry_zscore_min)?;
    within("atr_regime_low_frac", p.atr_regime_low_frac, 0.0, p.atr_regime_high_frac)
}

fn size(p: &Params) -> Result<()> {
    within("size_power", p.size_power, 0.0, 5.0)?;
    within("gross_x", p.gross_x, 0.0, 20.0)?;
    if p.gross_hard_cap_x < p.gross_x {
        return refuse("gross_hard_cap_x", "wants at least gross_x");
    }
    within("net_cap_frac", p.net_cap_frac, 0.0, 20.0)?;
    within("weight_long_max_frac", p.weight_long_max_frac, 0.0, 20.0)?;
    within("weight_short_max_frac", p.weight_short_max_frac, 0.0, 20.0)?;
    within("squeeze_loss_frac", p.squeeze_loss_frac, 0.0, 10.0)?;
    within("risk_per_trade_frac", p.risk_per_trade_frac, 0.0, 1.0)?;
    if p.risk_per_trade_frac > 0.0 && p.stop_atr_x <= 0.0 {
        return refuse("risk_per_trade_frac", "needs an initial stop (stop_atr_x above 0)");
    }
    within("notional_max_usdt", p.notional_max_usdt, 0.0, 1e15)?;
    within("adv_share_max_frac", p.adv_share_max_frac, 0.0, 1.0)?;
    within("adv_days", p.adv_days.into(), 1.0, 120.0)?;
    within("capital_usdt_max", p.capital_usdt_max, 0.0, 1e15)?;
    within("capital_frac", p.capital_frac, 0.0, 1.0)?;
    within("vol_target_ann_frac", p.vol_target_ann_frac, 0.001, 10.0)?;
    within("vol_target_bars", p.vol_target_bars.into(), 2.0, f64::from(WARMUP_BARS_MAX))?;
    within("vol_target_scale_min", p.vol_target_scale_min, 0.0, p.vol_target_scale_max)?;
    within("vol_target_scale_max", p.vol_target_scale_max, 0.0, 10.0)?;
    within("vol_target_shrink_frac", p.vol_target_shrink_frac, 0.0, 1.0)?;
    within("beta_bars", p.beta_bars.into(), 10.0, f64::from(WARMUP_BARS_MAX))
}

fn overlays(p: &Params) -> Result<()> {
    within("regime_ema_bars", p.regime_ema_bars.into(), 1.0, 450.0)?;
    within("regime_slope_bars", p.regime_slope_bars.into(), 1.0, 200.0)?;
    within("regime_slope_min_bps_day", p.regime_slope_min_bps_day, 0.0, 10_000.0)?;
    within("adx_bars", p.adx_bars.into(), 2.0, 100.0)?;
    within("adx_min", p.adx_min, 0.0, 100.0)?;
    if (p.majors_enabled || p.router_enabled) && p.majors.is_empty() {
        return refuse("majors", "wants at least one name for the majors gate or the router");
    }
    if p.majors_enabled && p.majors_count_min as usize > p.majors.len() {
        return refuse(
            "majors_count_min",
            "is above the number of majors, the gate could never act",
        );
    }
    for (name, most) in [
        ("entries_per_decision_max", p.entries_per_decision_max),
        ("positions_max", p.positions_max),
    ] {
        if p.market_neutral && most == 1 {
            let what =
                "is 1, wants at least 2 while market_neutral: one leg alone is balanced away";
            return refuse(name, what);
        }
    }
    within("breadth_long_min_frac", p.breadth_long_min_frac, 0.0, 1.0)?;
    within("breadth_short_min_frac", p.breadth_short_min_frac, 0.0, 1.0)?;
    within("breakout_fast_bars", p.breakout_fast_bars.into(), 1.0, 500.0)?;
    within("breakout_base_bars", p.breakout_base_bars.into(), 1.0, 1_000.0)?;
    within("vol_regime_fast_bars", p.vol_regime_fast_bars.into(), 2.0, 500.0)?;
    within("vol_regime_base_bars", p.vol_regime_base_bars.into(), 2.0, 1_400.0)?;
    within("vol_regime_scale_min", p.vol_regime_scale_min, 0.0, 1.0)?;
    if p.blackout_hours.iter().any(|hour| *hour > 23) {
        return refuse("blackout_hours", "wants UTC hours from 0 to 23");
    }
    within("symbol_score_win_rate_min", p.symbol_score_win_rate_min, 0.0, 1.0)?;
    within("symbol_score_profit_factor_min", p.symbol_score_profit_factor_min, 0.0, 100.0)?;
    within("correlation_bars", p.correlation_bars.into(), 10.0, f64::from(WARMUP_BARS_MAX))?;
    within("correlation_max", p.correlation_max, -1.0, 1.0)?;
    within("funding_tilt_x", p.funding_tilt_x, 0.0, 100.0)?;
    within("funding_bars", p.funding_bars.into(), 1.0, f64::from(WARMUP_BARS_MAX))?;
    if p.drawdown_scale_end_frac <= p.drawdown_scale_start_frac {
        return refuse("drawdown_scale_end_frac", "wants more than drawdown_scale_start_frac");
    }
    within("drawdown_scale_min", p.drawdown_scale_min, 0.0, 1.0)?;
    within("router_bars", p.router_bars.into(), 10.0, f64::from(WARMUP_BARS_MAX))?;
    within("router_corr_exit", p.router_corr_exit, -1.0, p.router_corr_enter)?;
    within(
        "router_dispersion_min_bps",
        p.router_dispersion_min_bps,
        0.0,
        p.router_dispersion_exit_bps,
    )?;
    within("router_step_frac", p.router_step_frac, 0.0, 1.0)?;
    meta(p)
}

fn meta(p: &Params) -> Result<()> {
    within("meta_rate", p.meta_rate, 0.0, 1.0)?;
    within("meta_intercept_rate", p.meta_intercept_rate, 0.0, 1.0)?;
    within("meta_l2", p.meta_l2, 0.0, 1.0)?;
    within("meta_horizon_bars", p.meta_horizon_bars.into(), 1.0, f64::from(WARMUP_BARS_MAX))?;
    within("meta_scale_min", p.meta_scale_min, 0.0, p.meta_scale_max)?;
    within("meta_scale_max", p.meta_scale_max, 0.0, 10.0)
}

fn stops(p: &Params) -> Result<()> {
    within("band_frac", p.band_frac, 0.0, 10.0)?;
    within("annual_cost_max_frac", p.annual_cost_max_frac, 0.0, 1_000.0)?;
    within("atr_bars", p.atr_bars.into(), 1.0, 200.0)?;
    within("stop_atr_x", p.stop_atr_x, 0.0, 100.0)?;
    within("catastrophic_atr_x", p.catastrophic_atr_x, 0.0, 100.0)?;
    if p.trailing_enabled && p.trail_atr_x <= 0.0 {
        return refuse("trail_atr_x", "wants more than 0 while trailing_enabled");
    }
    if p.profit_locks_r.windows(2).any(|pair| pair[1].0 <= pair[0].0 || pair[1].1 < pair[0].1) {
        return refuse("profit_locks_r", "wants steps that rise");
    }
    if p.profit_locks_r.iter().any(|(at, lock)| lock >= at) {
        return refuse("profit_locks_r", "wants each stop below the gain that sets it");
    }
    if p.ladder.windows(2).any(|pair| pair[1].0 <= pair[0].0) {
        return refuse("ladder", "wants rungs that rise");
    }
    if p.ladder.iter().any(|(at, share)| *at <= 0.0 || *share <= 0.0) {
        return refuse("ladder", "wants distances and shares above 0");
    }
    if p.ladder.iter().map(|rung| rung.1).sum::<f64>() > 1.0 + 1e-9 {
        return refuse("ladder", "closes more than the initial quantity");
    }
    if p.ladder.len() > crate::stops::RUNGS_MAX {
        return refuse("ladder", "wants at most eight rungs");
    }
    let wants_base = [
        ("trailing_enabled", p.trailing_enabled),
        ("breakeven_after_r", p.breakeven_after_r > 0.0),
        ("profit_locks_r", !p.profit_locks_r.is_empty()),
        ("ladder", !p.ladder.is_empty() && p.ladder_unit == LadderUnit::R),
        ("no_progress_bars", p.no_progress_bars > 0),
    ];
    if p.stop_atr_x <= 0.0
        && p.catastrophic_atr_x <= 0.0
        && let Some((name, _)) = wants_base.iter().find(|(_, on)| *on)
    {
        return refuse(
            name,
            "needs stop_atr_x or catastrophic_atr_x: R, and the stop from the first fill on",
        );
    }
    within("stop_move_min_frac", p.stop_move_min_frac, 0.0, 0.1)
}

fn guards(p: &Params) -> Result<()> {
    for (name, value) in [
        ("daily_loss_max_frac", p.daily_loss_max_frac),
        ("emergency_loss_frac", p.emergency_loss_frac),
        ("drawdown_max_frac", p.drawdown_max_frac),
        ("longterm_drawdown_max_frac", p.longterm_drawdown_max_frac),
        ("symbol_daily_loss_max_frac", p.symbol_daily_loss_max_frac),
        ("trade_loss_max_frac", p.trade_loss_max_frac),
        ("cvar_max_frac", p.cvar_max_frac),
    ] {
        within(name, value, 0.0, 1.0)?;
    }
    within("drawdown_days", p.drawdown_days.into(), 1.0, 3_650.0)
}
