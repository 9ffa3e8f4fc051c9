//! The declaration of every parameter: name, type, neutral value, meaning.
//!
//! The values here switch everything optional off; the shipped profiles set what traders use.

use super::choice::{
    ClusterAction, DailyLossBase, LadderUnit, SignalCombine, SignalKind, Standardise, StreakScope,
    TrailKind,
};
use super::value::{FromValue, Value};
use crate::error::Result;

macro_rules! params {
    ($($(#[doc = $doc:literal])+ $field:ident: $kind:ty = $value:expr;)+) => {
        /// The strategy as the kernel sees it.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Params { $($(#[doc = $doc])+ pub $field: $kind,)+ }

        impl Default for Params {
            fn default() -> Self { Self { $($field: $value,)+ } }
        }

        impl Params {
            /// Names of all parameters, in the order of their declaration.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];

            /// Every parameter with its value, in the order of their declaration.
            pub fn values(&self) -> Vec<(&'static str, Value)> {
                vec![$((stringify!($field), self.$field.to_value())),+]
            }

            pub(super) fn set(&mut self, name: &'static str, value: Value) -> Result<()> {
                match name {
                    $(stringify!($field) => self.$field = FromValue::from_value(name, value)?,)+
                    _ => unreachable!("set is called with names out of FIELDS"),
                }
                Ok(())
            }
        }
    };
}

params! {
    // ---- clock -----------------------------------------------------------------------------
    /// Length of a signal bar, milliseconds.
    bar_ms: i64 = 3_600_000;
    /// Targets are re-decided every so many bars, at absolute bar numbers.
    rebalance_bars: u32 = 1;
    /// Shift of the rebalance within its period, bars.
    rebalance_offset_bars: u32 = 0;
    /// Overlapping tranches: each rebalance renews one of so many.
    tranches: u32 = 1;

    // ---- signal ----------------------------------------------------------------------------
    /// Look-backs, bars.
    lookback_bars: Vec<u32> = vec![12, 24, 48, 96];
    /// Weight of each look-back; not negative, sum 1.
    lookback_weights: Vec<f64> = vec![0.4, 0.3, 0.2, 0.1];
    /// Newest bars left out of the signal.
    skip_bars: u32 = 0;
    /// How a past move becomes a score.
    signal_kind: SignalKind = SignalKind::Raw;
    /// How the look-backs become one score.
    signal_combine: SignalCombine = SignalCombine::Mean;
    /// Bound of a vol-scaled move, in its own standard deviations; 0 leaves it unbounded.
    vol_scaled_clip: f64 = 3.0;
    /// Window of the per-bar volatility, bars.
    vol_bars: u32 = 96;
    /// Volatility used for sizing is at least this, a year.
    vol_floor_ann_frac: f64 = 0.05;

    // ---- cross-section -----------------------------------------------------------------------
    /// How scores are made comparable across names.
    standardise: Standardise = Standardise::Z;
    /// Bound of the standardised score; 0 leaves it unbounded.
    zscore_clip: f64 = 3.0;
    /// Exponent of the amplifier sign(z)·|z|^p.
    signal_power: f64 = 1.0;
    /// Take the mean out again after the amplifier.
    redemean: bool = true;

    // ---- universe ----------------------------------------------------------------------------
    /// Names kept by median daily dollar volume; 0 keeps all.
    universe_top_n: u32 = 0;
    /// A member leaves below rank `universe_top_n` times this.
    universe_leave_x: f64 = 1.25;
    /// Days in the median of daily dollar volume.
    dollar_volume_days: u32 = 30;
    /// Least median daily dollar volume; 0 asks for none.
    dollar_volume_min_usdt: f64 = 0.0;
    /// Least age since listing, days.
    age_min_days: f64 = 0.0;
    /// Least close.
    price_min_usdt: f64 = 0.0;
    /// Symbols that are never traded.
    universe_exclude: Vec<String> = Vec::new();
    /// When not empty, only these symbols are traded.
    universe_include: Vec<String> = Vec::new();
    /// Bars in a row without data after which a held name is planned down to 0.
    stale_bars_max: u32 = 3;
    /// Least number of eligible names for any entry; 0 asks for none.
    breadth_names_min: u32 = 0;

    // ---- selection ---------------------------------------------------------------------------
    /// Both legs equal in dollars (or beta), longs only above and shorts only below the mean.
    market_neutral: bool = true;
    /// Names a side as a share of the eligible.
    k_frac: f64 = 0.12;
    /// Fewest names a side.
    k_min: u32 = 2;
    /// Most names a side.
    k_max: u32 = 4;
    /// History against which dispersion scales the names a side, bars; 0 is off.
    k_dispersion_bars: u32 = 0;
    /// An entry needs |z| of at least this.
    entry_zscore_min: f64 = 0.0;
    /// A held name stays while its side's z is at least this.
    hold_zscore_min: f64 = 0.0;
    /// A held name stays while it ranks within K plus this.
    rank_buffer: u32 = 0;
    /// Move the entry threshold with the name's own ATR.
    atr_regime_enabled: bool = false;
    /// Below this ATR over price the market is calm.
    atr_regime_low_frac: f64 = 0.005;
    /// Above this ATR over price the market is wild.
    atr_regime_high_frac: f64 = 0.015;
    /// Added to the entry threshold in calm.
    atr_regime_low_shift: f64 = 0.05;
    /// Added to the entry threshold when wild.
    atr_regime_high_shift: f64 = -0.03;

    // ---- size --------------------------------------------------------------------------------
    /// Exponent of |score| in the raw weight |score|^a / sigma.
    size_power: f64 = 1.0;
    /// Sum of |weights| before multipliers, times equity.
    gross_x: f64 = 1.5;
    /// Sum of |weights| is never above this.
    gross_hard_cap_x: f64 = 2.1;
    /// |Sum of weights| is never above this.
    net_cap_frac: f64 = 0.15;
    /// Balance the legs in beta rather than in dollars.
    beta_neutral: bool = false;
    /// Window of beta, bars.
    beta_bars: u32 = 720;
    /// Cap of a long's weight.
    weight_long_max_frac: f64 = 0.20;
    /// Cap of a short's weight.
    weight_short_max_frac: f64 = 0.20;
    /// A short whose price triples may cost this share of equity; 0 is off.
    squeeze_loss_frac: f64 = 0.0;
    /// Loss at the initial stop as a share of equity, as a cap; 0 is off.
    risk_per_trade_frac: f64 = 0.0;
    /// Cap of a position's notional; 0 is off.
    notional_max_usdt: f64 = 0.0;
    /// Cap of a position as a share of its average daily dollar volume; 0 is off.
    adv_share_max_frac: f64 = 0.0;
    /// Days in the average daily dollar volume.
    adv_days: u32 = 30;
    /// Equity above this is not used for sizing; 0 is off.
    capital_usdt_max: f64 = 0.0;
    /// Share of equity used for sizing.
    capital_frac: f64 = 1.0;

    // ---- volatility target ---------------------------------------------------------------------
    /// Scale the book to an expected volatility.
    vol_target_enabled: bool = false;
    /// Expected volatility aimed at, a year.
    vol_target_ann_frac: f64 = 0.30;
    /// Window of the covariance, bars.
    vol_target_bars: u32 = 72;
    /// Least scale.
    vol_target_scale_min: f64 = 0.6;
    /// Greatest scale.
    vol_target_scale_max: f64 = 1.4;
    /// Share of the diagonal in the shrunk covariance.
    vol_target_shrink_frac: f64 = 0.2;

    // ---- overlays ------------------------------------------------------------------------------
    /// Entries need the name's own EMA slope on their side.
    regime_enabled: bool = false;
    /// Length of the EMA.
    regime_ema_bars: u32 = 200;
    /// Bars over which the slope is measured.
    regime_slope_bars: u32 = 24;
    /// Least slope on the entry's side, basis points a day.
    regime_slope_min_bps_day: f64 = 2.0;
    /// Entries need a trend strength of their own.
    adx_enabled: bool = false;
    /// Wilder length of ADX.
    adx_bars: u32 = 14;
    /// Least ADX.
    adx_min: f64 = 25.0;
    /// Entries against the majors are blocked.
    majors_enabled: bool = false;
    /// The majors by name.
    majors: Vec<String> = Vec::new();
    /// So many majors moving one way block entries the other way.
    majors_count_min: u32 = 2;
    /// Slope from which a major counts as moving, basis points a day.
    majors_slope_min_bps_day: f64 = 1.0;
    /// Entries need breadth on their side.
    breadth_enabled: bool = false;
    /// Longs need at least this share of eligible names with a positive score before standardising.
    breadth_long_min_frac: f64 = 0.2;
    /// Shorts need at least this share of eligible names with a negative one.
    breadth_short_min_frac: f64 = 0.2;
    /// Entries need the name's range to have widened.
    breakout_enabled: bool = false;
    /// Window of the recent range, bars.
    breakout_fast_bars: u32 = 14;
    /// Window of the range before it, bars.
    breakout_base_bars: u32 = 48;
    /// Least ratio of the two.
    breakout_ratio_min: f64 = 1.5;
    /// Scale the book down when the market's volatility jumps.
    vol_regime_enabled: bool = false;
    /// Window of the recent market volatility, bars.
    vol_regime_fast_bars: u32 = 24;
    /// Window of the market volatility before it, bars.
    vol_regime_base_bars: u32 = 480;
    /// Ratio of the two from which the scale falls.
    vol_regime_ratio_start: f64 = 1.5;
    /// Fall of the scale per unit of ratio above the start, in units of the start.
    vol_regime_slope: f64 = 0.5;
    /// Least scale.
    vol_regime_scale_min: f64 = 0.5;
    /// UTC hours (of the decision's close) without entries.
    blackout_hours: Vec<u32> = Vec::new();
    /// Most entries in one decision; 0 is off.
    entries_per_decision_max: u32 = 0;
    /// Most open positions; 0 is off.
    positions_max: u32 = 0;
    /// Ban names whose own round trips keep losing.
    symbol_score_enabled: bool = false;
    /// Least round trips before a ban.
    symbol_score_min_trades: u32 = 8;
    /// Win rate below which a name fails.
    symbol_score_win_rate_min: f64 = 0.40;
    /// Profit factor below which a name fails.
    symbol_score_profit_factor_min: f64 = 1.2;
    /// Length of the ban, milliseconds.
    symbol_score_ban_ms: i64 = 86_400_000;
    /// Limit names of one side that move together.
    correlation_enabled: bool = false;
    /// Window of the correlation, bars.
    correlation_bars: u32 = 50;
    /// Correlation above which two names are one bet.
    correlation_max: f64 = 0.8;
    /// What is done about it.
    correlation_action: ClusterAction = ClusterAction::Halve;
    /// Cap of a cluster's summed |weight|.
    cluster_weight_max_frac: f64 = 0.30;
    /// Weight of expected funding in the score; 0 is off.
    funding_tilt_x: f64 = 0.0;
    /// Window from which funding is expected, bars.
    funding_bars: u32 = 72;
    /// Holding period over which it is charged, bars.
    funding_hold_bars: u32 = 24;
    /// Scale the book down as the drawdown deepens.
    drawdown_scale_enabled: bool = false;
    /// Drawdown from which the scale falls.
    drawdown_scale_start_frac: f64 = 0.05;
    /// Drawdown at which it has reached its least.
    drawdown_scale_end_frac: f64 = 0.15;
    /// Least scale.
    drawdown_scale_min: f64 = 0.25;

    // ---- router --------------------------------------------------------------------------------
    /// Mix cross-sectional with time-series momentum by regime.
    router_enabled: bool = false;
    /// Window of correlation and dispersion, bars.
    router_bars: u32 = 96;
    /// Average correlation from which a trending market calls for time series.
    router_corr_enter: f64 = 0.60;
    /// Average correlation below which that call ends.
    router_corr_exit: f64 = 0.50;
    /// Mean |slope| of the majors that counts as a trend, basis points a day.
    router_trend_min_bps_day: f64 = 2.0;
    /// Dispersion of past moves below which the cross-section says nothing, basis points.
    router_dispersion_min_bps: f64 = 35.0;
    /// Dispersion above which that call ends, basis points.
    router_dispersion_exit_bps: f64 = 45.0;
    /// Share of the way that the mix moves at each rebalance.
    router_step_frac: f64 = 0.1;
    /// |Sum of weights| allowed while the mix holds any time series.
    router_net_cap_frac: f64 = 0.0;

    // ---- meta-labeller -------------------------------------------------------------------------
    /// Scale entries by the estimated chance that they pay.
    meta_enabled: bool = false;
    /// Learning rate of the coefficients.
    meta_rate: f64 = 0.05;
    /// Learning rate of the intercept.
    meta_intercept_rate: f64 = 0.01;
    /// Ridge penalty.
    meta_l2: f64 = 0.001;
    /// Bars after which an entry's label is known.
    meta_horizon_bars: u32 = 24;
    /// Labels before the estimate may change a size.
    meta_labels_min: u32 = 200;
    /// Least multiplier.
    meta_scale_min: f64 = 0.5;
    /// Greatest multiplier.
    meta_scale_max: f64 = 1.5;

    // ---- plan ----------------------------------------------------------------------------------
    /// Half-width of the no-trade band as a share of the target; a trade goes to its edge.
    band_frac: f64 = 0.25;
    /// Trailing seven-day cost, made yearly, above which entries are blocked; 0 is off.
    annual_cost_max_frac: f64 = 0.0;

    // ---- stops ---------------------------------------------------------------------------------
    /// Wilder length of the ATR in stops and risk caps.
    atr_bars: u32 = 28;
    /// Initial stop, multiples of ATR from entry; 0 is off.
    stop_atr_x: f64 = 0.0;
    /// Stop where no strategy stop is on, multiples of ATR; 0 is off.
    catastrophic_atr_x: f64 = 3.5;
    /// Let a stop follow the price.
    trailing_enabled: bool = false;
    /// How it follows.
    trail_kind: TrailKind = TrailKind::Chandelier;
    /// Its distance, multiples of ATR.
    trail_atr_x: f64 = 1.0;
    /// Window of the moving average, bars.
    trail_ma_bars: u32 = 20;
    /// Gain, multiples of R, that moves the stop to the entry; 0 is off.
    breakeven_after_r: f64 = 0.0;
    /// Steps (gain in R, stop in R from entry), rising.
    profit_locks_r: Vec<(f64, f64)> = Vec::new();
    /// What a ladder rung is measured in.
    ladder_unit: LadderUnit = LadderUnit::R;
    /// Take-profit rungs (distance, share of the initial quantity), rising; empty is off.
    ladder: Vec<(f64, f64)> = Vec::new();
    /// Bars after which a position must have gained `no_progress_min_r`; 0 is off.
    no_progress_bars: u32 = 0;
    /// Signed gain, multiples of R, that counts as progress.
    no_progress_min_r: f64 = 0.5;
    /// Bars after which a position is closed; 0 is off.
    hold_bars_max: u32 = 0;
    /// Close a position when its EMA slope passes the regime threshold on the other side.
    regime_flip_exit: bool = false;
    /// Bars during which a stopped side is barred.
    cooldown_bars: u32 = 24;
    /// A stop move below this share of the price is not made.
    stop_move_min_frac: f64 = 0.001;
    /// Stop moves are at least this far apart, milliseconds.
    stop_move_min_ms: i64 = 180_000;

    // ---- guards --------------------------------------------------------------------------------
    /// Losses in a row that pause entries; 0 is off.
    streak_losses: u32 = 3;
    /// Length of the pause, milliseconds.
    streak_pause_ms: i64 = 86_400_000;
    /// What is paused.
    streak_scope: StreakScope = StreakScope::Symbol;
    /// Loss of the day at which the book is flattened; 0 is off.
    daily_loss_max_frac: f64 = 0.05;
    /// From where the daily loss is counted.
    daily_loss_base: DailyLossBase = DailyLossBase::High;
    /// Least time flat after a daily loss, milliseconds.
    daily_loss_pause_ms: i64 = 3_600_000;
    /// Loss from the day's open that blocks entries to midnight; 0 is off.
    emergency_loss_frac: f64 = 0.0;
    /// Drawdown from the trailing high at which the book is flattened and latched; 0 is off.
    drawdown_max_frac: f64 = 0.0;
    /// Days of the trailing high.
    drawdown_days: u32 = 30;
    /// Drawdown from the highest equity ever that blocks entries, latched; 0 is off.
    longterm_drawdown_max_frac: f64 = 0.0;
    /// Loss of one symbol in a day, share of equity, that pauses it to midnight; 0 is off.
    symbol_daily_loss_max_frac: f64 = 0.0;
    /// Loss of one open position, share of equity, at which it is closed; 0 is off.
    trade_loss_max_frac: f64 = 0.0;
    /// Expected shortfall of the book for one day at 95 %, share of equity, above which entries are blocked; 0 is off.
    cvar_max_frac: f64 = 0.0;
    /// Stops within the window that block entries; 0 is off.
    stop_cluster_count: u32 = 0;
    /// Window of the stop cluster, milliseconds.
    stop_cluster_window_ms: i64 = 86_400_000;
    /// Length of its pause, milliseconds.
    stop_cluster_pause_ms: i64 = 86_400_000;
}
