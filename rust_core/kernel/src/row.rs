//! The features of one bar, as the decision reads them: one type for every mode.
//!
//! A feature that no switched-on rule needs is an empty slice (or NaN for a market feature), so that
//! nobody pays for it. The meaning of each is in docs/explanation/decision.md §1.

/// Features of one closed bar; every non-empty slice has one entry a symbol, NaN = not known.
#[derive(Debug, Clone, Copy)]
pub struct FeatureRow<'a> {
    /// Close of the bar, UTC milliseconds.
    pub close_ms: i64,
    /// Close prices.
    pub close: &'a [f64],
    /// Weighted mean of the moves.
    pub score: &'a [f64],
    /// Moves of each look-back, look-back by look-back; only for `signal_combine = rank` and the meta-labeller.
    pub moves: &'a [f64],
    /// Weighted mean of the vol-scaled moves clipped at 3; only for the router.
    pub trend: &'a [f64],
    /// Square of the volatility a bar; [`Self::sigma`] takes the root, of the few names that need it.
    pub variance: &'a [f64],
    /// Average true range, in price; only where stops, a risk cap or the ATR regime need it.
    pub atr: &'a [f64],
    /// Mean of the closes over `trail_ma_bars`; only for the MA-ATR trail.
    pub trail_ma: &'a [f64],
    /// EMA slope, basis points a day.
    pub slope_bps_day: &'a [f64],
    /// ADX.
    pub adx: &'a [f64],
    /// Recent range over the range before it.
    pub breakout: &'a [f64],
    /// Beta to the mean of all names.
    pub beta: &'a [f64],
    /// Expected funding a bar.
    pub funding_frac: &'a [f64],
    /// Median daily dollar volume.
    pub dollar_volume_usdt: &'a [f64],
    /// Average daily dollar volume.
    pub adv_usdt: &'a [f64],
    /// Newest returns, oldest row first, `ret_rows x symbols`, NaN where absent.
    pub ret_window: &'a [f64],
    /// Rows in `ret_window`.
    pub ret_rows: usize,
    /// Recent market volatility over the one before it.
    pub vol_ratio: f64,
    /// Dispersion of scores over its own history.
    pub dispersion_ratio: f64,
    /// Average correlation implied by the index.
    pub implied_corr: f64,
    /// Dispersion of past moves, basis points.
    pub router_dispersion_bps: f64,
}

impl FeatureRow<'_> {
    /// Nothing is known of no name.
    pub(crate) const EMPTY: Self = Self {
        close_ms: 0,
        close: &[],
        score: &[],
        moves: &[],
        trend: &[],
        variance: &[],
        atr: &[],
        trail_ma: &[],
        slope_bps_day: &[],
        adx: &[],
        breakout: &[],
        beta: &[],
        funding_frac: &[],
        dollar_volume_usdt: &[],
        adv_usdt: &[],
        ret_window: &[],
        ret_rows: 0,
        vol_ratio: f64::NAN,
        dispersion_ratio: f64::NAN,
        implied_corr: f64::NAN,
        router_dispersion_bps: f64::NAN,
    };

    /// Volatility of name `i`, a bar.
    #[inline(always)]
    pub fn sigma(&self, i: usize) -> f64 {
        self.variance[i].sqrt()
    }
}
