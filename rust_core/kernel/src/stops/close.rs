//! What the close of a bar does: extremes, latches, the stop's level, exits by age or trend
//! (exits.md §3).

use super::exit::{Exit, ExitReason};
use super::fill::base_rule;
use super::{BarRange, Presence};
use crate::book::Position;
use crate::params::{Params, TrailKind};

/// What the closed bar's features say about one symbol; NaN = not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CloseFeatures {
    /// Average true range.
    pub atr: f64,
    /// Mean of the closes of the trail.
    pub trail_ma: f64,
    /// EMA slope, basis points a day.
    pub slope_bps_day: f64,
}

impl CloseFeatures {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { atr: f64::NAN, trail_ma: f64::NAN, slope_bps_day: f64::NAN };
}

/// Move the levels of a position at the close of a bar; the exit that this close decides, if any.
pub fn close_bar(
    position: &mut Position,
    bar: &BarRange,
    features: &CloseFeatures,
    params: &Params,
) -> Option<Exit> {
    let presence = bar.presence(position.opened_ms);
    if position.lots == 0 || presence == Presence::None {
        return None;
    }
    let d = position.lots.signum() as f64;
    let best = if presence == Presence::Whole { bar.better(d) } else { bar.close };
    if d * best > d * position.best_price {
        position.best_price = best;
    }
    if position.hold {
        return None;
    }
    latch(position, d, params);
    move_stop(position, bar, features, params);
    if position.closing.is_some() {
        return None;
    }
    let reason = decided_exit(position, bar, features, params)?;
    position.closing = Some(reason);
    Some(Exit {
        reason,
        rung: 0,
        lots: -position.lots,
        price: bar.close,
        bar_close_ms: bar.close_ms,
    })
}

/// The level that the rules want, and the rule that wants it, before any threshold and whatever is in
/// force; `None` when no rule has a level.
pub fn stop_level(
    position: &Position,
    features: &CloseFeatures,
    params: &Params,
) -> Option<(f64, ExitReason)> {
    let d = position.lots.signum() as f64;
    let entry = position.entry_price;
    let r = position.r_usdt;
    let base =
        if position.entry_atr.is_nan() { ExitReason::EmergencyStop } else { base_rule(params).1 };
    let breakeven = if position.breakeven_latched { entry } else { f64::NAN };
    let lock = (position.lock_step as usize)
        .checked_sub(1)
        .and_then(|last| params.profit_locks_r.get(last))
        .map_or(f64::NAN, |(_, lock_r)| entry + d * lock_r * r);
    let candidates = [
        (entry - d * r, base),
        (breakeven, ExitReason::BreakEven),
        (lock, ExitReason::ProfitLock),
        (trail_level(position, d, features, params), ExitReason::TrailingStop),
    ];
    let (mut tightest, mut by) = (f64::NAN, base);
    for (level, rule) in candidates {
        // The first of equal ones stands, and NaN is no level.
        let tighter = (d * level > d * tightest) | (tightest.is_nan() & !level.is_nan());
        (tightest, by) = if tighter { (level, rule) } else { (tightest, by) };
    }
    (!tightest.is_nan()).then_some((tightest, by))
}

fn trail_level(position: &Position, d: f64, features: &CloseFeatures, params: &Params) -> f64 {
    if !params.trailing_enabled {
        return f64::NAN;
    }
    let anchor = match params.trail_kind {
        TrailKind::Chandelier => position.best_price,
        TrailKind::MaAtr => features.trail_ma,
    };
    anchor - d * params.trail_atr_x * features.atr
}

/// Break-even and profit locks, once reached, stay reached.
fn latch(position: &mut Position, d: f64, params: &Params) {
    let gain = d * (position.best_price - position.entry_price);
    let r = position.r_usdt;
    if params.breakeven_after_r > 0.0 && gain >= params.breakeven_after_r * r {
        position.breakeven_latched = true;
    }
    while let Some((at_r, _)) = params.profit_locks_r.get(position.lock_step as usize)
        && gain >= at_r * r
    {
        position.lock_step += 1;
    }
}

fn move_stop(position: &mut Position, bar: &BarRange, features: &CloseFeatures, params: &Params) {
    let Some((level, rule)) = stop_level(position, features, params) else {
        return;
    };
    if !position.stop_price.is_nan() {
        let d = position.lots.signum() as f64;
        let gained = d * level - d * position.stop_price;
        // 0: it stands as first placed, and placing it was no move.
        let early = position.stop_moved_ms != 0
            && bar.close_ms - position.stop_moved_ms < params.stop_move_min_ms;
        if gained <= 0.0 || gained < params.stop_move_min_frac * bar.close || early {
            return;
        }
    }
    position.stop_price = level;
    position.stop_by = Some(rule);
    position.stop_moved_ms = bar.close_ms;
}

fn decided_exit(
    position: &Position,
    bar: &BarRange,
    features: &CloseFeatures,
    params: &Params,
) -> Option<ExitReason> {
    let d = position.lots.signum() as f64;
    // Two whole divisions: only where somebody asks for the age.
    let bars_held =
        || bar.close_ms.div_euclid(params.bar_ms) - position.opened_ms.div_euclid(params.bar_ms);
    let aged = |bars: u32| bars > 0 && bars_held() >= i64::from(bars);
    if aged(params.hold_bars_max) {
        return Some(ExitReason::MaxHold);
    }
    let gain = d * (position.best_price - position.entry_price);
    if aged(params.no_progress_bars) && gain < params.no_progress_min_r * position.r_usdt {
        return Some(ExitReason::NoProgress);
    }
    let flipped = d * features.slope_bps_day < -params.regime_slope_min_bps_day;
    (params.regime_flip_exit && flipped).then_some(ExitReason::RegimeFlip)
}
