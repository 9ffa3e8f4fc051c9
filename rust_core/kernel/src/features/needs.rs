//! Which features a configuration needs, and how many bars it must be able to look back on.

use super::ring::BLOCK;
use crate::error::{KernelError, Result};
use crate::guards::CVAR_ROWS_MAX;
use crate::params::{Params, SignalCombine, SignalKind, TrailKind, WARMUP_BARS_MAX};

/// Bars of a window at an absolute place: its sums may have been taken afresh up to 63 bars ago.
const REBASE: u32 = BLOCK as u32 - 1;

/// What a configuration needs of the features; all else is left empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Moves of each look-back (`signal_combine = rank`, meta-labeller).
    pub moves: bool,
    /// The router's vol-scaled moves.
    pub trend: bool,
    /// Average true range.
    pub atr: bool,
    /// Mean of closes for the MA-ATR trail.
    pub trail_ma: bool,
    /// EMA slope.
    pub slope: bool,
    /// ADX.
    pub adx: bool,
    /// Recent range over the range before it.
    pub breakout: bool,
    /// Beta to the mean of all names.
    pub beta: bool,
    /// Expected funding a bar.
    pub funding: bool,
    /// Median daily dollar volume.
    pub dollar_volume: bool,
    /// Average daily dollar volume.
    pub adv: bool,
    /// Recent market volatility over the one before it.
    pub vol_ratio: bool,
    /// Dispersion of scores over its own history.
    pub dispersion: bool,
    /// Implied correlation and dispersion of past moves.
    pub router: bool,
    /// Rows of the window of newest returns.
    pub ret_rows: usize,
    /// Bars of history of closes, reciprocals and returns that the features read.
    pub(super) close_bars: usize,
    pub(super) move_bars: usize,
    pub(super) return_bars: usize,
}

impl Needs {
    /// The features that `params` switches on.
    pub fn of(params: &Params) -> Self {
        let p = params;
        let stops = p.stop_atr_x > 0.0 || p.catastrophic_atr_x > 0.0 || p.trailing_enabled;
        let mut needs = Self {
            moves: p.signal_combine == SignalCombine::Rank || p.meta_enabled,
            trend: p.router_enabled,
            atr: stops || p.atr_regime_enabled || p.risk_per_trade_frac > 0.0,
            trail_ma: p.trailing_enabled && p.trail_kind == TrailKind::MaAtr,
            slope: p.regime_enabled || p.majors_enabled || p.router_enabled || p.regime_flip_exit,
            adx: p.adx_enabled,
            breakout: p.breakout_enabled,
            beta: p.beta_neutral,
            funding: p.funding_tilt_x > 0.0 || p.meta_enabled,
            dollar_volume: p.universe_top_n > 0 || p.dollar_volume_min_usdt > 0.0 || p.meta_enabled,
            adv: p.adv_share_max_frac > 0.0,
            vol_ratio: p.vol_regime_enabled || p.meta_enabled,
            dispersion: p.k_dispersion_bars > 0,
            router: p.router_enabled || p.meta_enabled,
            ret_rows: 0,
            close_bars: 0,
            move_bars: 0,
            return_bars: 0,
        };
        let rows = |on: bool, bars: u32| if on { bars as usize } else { 0 };
        needs.ret_rows = rows(p.vol_target_enabled, p.vol_target_bars)
            .max(rows(p.correlation_enabled, p.correlation_bars))
            .max(rows(p.cvar_max_frac > 0.0, CVAR_ROWS_MAX as u32));
        let longest = p.lookback_bars.iter().copied().max().unwrap_or(0);
        needs.close_bars = (p.skip_bars as usize)
            .max(1)
            .max(rows(needs.trail_ma, p.trail_ma_bars))
            .max(rows(needs.slope, 4 * p.regime_ema_bars));
        needs.move_bars =
            ((p.skip_bars + longest) as usize).max(rows(needs.router, p.router_bars)).max(1);
        needs.return_bars = (p.vol_bars as usize)
            .max(rows(needs.beta, p.beta_bars))
            .max(rows(needs.router, p.router_bars));
        needs
    }
}

impl Needs {
    /// Closes, scores and volatility alone?
    pub(super) fn plain(&self) -> bool {
        let names = [self.moves, self.trend, self.atr, self.trail_ma, self.slope, self.adx];
        let more = [self.breakout, self.beta, self.funding, self.dollar_volume, self.adv];
        let market = [self.vol_ratio, self.dispersion, self.router, self.ret_rows > 0];
        !(names.contains(&true) || more.contains(&true) || market.contains(&true))
    }
}

/// Terms of an exponential mean of Wilder length `n` over finite memory.
pub(super) fn wilder_bars(n: u32) -> u32 {
    4 * (2 * n - 1)
}

/// Bars (the newest included) that each feature needs, with the parameter that says so.
fn reaches(p: &Params) -> Vec<(&'static str, u32)> {
    let needs = Needs::of(p);
    let bars_a_day = (86_400_000 / p.bar_ms) as u32;
    let days = |count: u32| count.saturating_mul(bars_a_day).saturating_add(bars_a_day - 1);
    let returns = |bars: u32| bars.saturating_add(REBASE + 1);
    let longest = p.lookback_bars.iter().copied().max().unwrap_or(0);
    let moves = p.skip_bars.saturating_add(longest).saturating_add(1);
    let score =
        if p.signal_kind == SignalKind::VolScaled { moves.max(returns(p.vol_bars)) } else { moves };
    let mut all = vec![
        ("lookback_bars", moves),
        ("vol_bars", returns(p.vol_bars)),
        ("vol_target_bars", if p.vol_target_enabled { p.vol_target_bars + 1 } else { 0 }),
        ("correlation_bars", if p.correlation_enabled { p.correlation_bars + 1 } else { 0 }),
        ("cvar_max_frac", if p.cvar_max_frac > 0.0 { CVAR_ROWS_MAX as u32 + 1 } else { 0 }),
    ];
    let mut add = |on: bool, name: &'static str, bars: u32| {
        if on {
            all.push((name, bars));
        }
    };
    let adx = wilder_bars(p.adx_bars) + REBASE;
    let breakout = p.breakout_fast_bars.saturating_add(returns(p.breakout_base_bars));
    let vol_ratio = p.vol_regime_fast_bars.saturating_add(returns(p.vol_regime_base_bars));
    add(needs.atr, "atr_bars", returns(wilder_bars(p.atr_bars)));
    add(needs.trail_ma, "trail_ma_bars", p.trail_ma_bars.saturating_add(REBASE));
    add(needs.slope, "regime_ema_bars", 4 * p.regime_ema_bars + REBASE + p.regime_slope_bars);
    add(needs.adx, "adx_bars", 2 * adx + 1);
    add(needs.breakout, "breakout_base_bars", breakout);
    add(needs.beta, "beta_bars", returns(p.beta_bars));
    add(needs.funding, "funding_bars", p.funding_bars.saturating_add(REBASE));
    add(needs.dollar_volume, "dollar_volume_days", days(p.dollar_volume_days));
    add(needs.adv, "adv_days", days(p.adv_days));
    add(needs.vol_ratio, "vol_regime_base_bars", vol_ratio);
    let dispersion = p.k_dispersion_bars.saturating_add(REBASE + 1).saturating_add(score);
    add(needs.dispersion, "k_dispersion_bars", dispersion);
    add(needs.router, "router_bars", returns(p.router_bars));
    all
}

/// Bars, the newest included, after which every feature of `params` has its final bits.
pub fn warmup_bars(params: &Params) -> u32 {
    reaches(params).into_iter().map(|(_, bars)| bars).max().unwrap_or(1)
}

/// Refuse a configuration that looks back further than the kernel's bound, naming the culprit.
pub fn check_warmup(params: &Params) -> Result<u32> {
    for (on, name, bars) in [
        (Needs::of(params).trail_ma, "trail_ma_bars", params.trail_ma_bars),
        (true, "vol_bars", params.vol_bars),
    ] {
        if on && bars == 0 {
            let what = "is 0, wants at least one bar".to_owned();
            return Err(KernelError::Param { name, what });
        }
    }
    let Some((name, bars)) = reaches(params).into_iter().max_by_key(|(_, bars)| *bars) else {
        return Ok(1);
    };
    if bars > WARMUP_BARS_MAX {
        let what =
            format!("needs {bars} bars of history, the most is {WARMUP_BARS_MAX}: shorten it");
        return Err(KernelError::Param { name, what });
    }
    Ok(bars)
}
