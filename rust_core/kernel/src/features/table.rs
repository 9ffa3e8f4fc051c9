//! Features of many bars as dense arrays, one array a needed feature.

use super::needs::Needs;
use crate::panel::Panel;
use crate::params::Params;
use crate::row::FeatureRow;

/// The features of a panel, `rows x cols` each; what the configuration does not need is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTable {
    /// What the configuration needs.
    pub needs: Needs,
    /// Number of bars.
    pub rows: usize,
    /// Number of symbols.
    pub cols: usize,
    /// Weighted mean of the moves.
    pub score: Vec<f64>,
    /// Moves by bar, look-back, symbol.
    pub moves: Vec<f64>,
    /// The router's weighted mean of the clipped vol-scaled moves.
    pub trend: Vec<f64>,
    /// Volatility a bar.
    pub sigma: Vec<f64>,
    /// Average true range.
    pub atr: Vec<f64>,
    /// Mean of the closes for the MA-ATR trail.
    pub trail_ma: Vec<f64>,
    /// EMA slope, basis points a day.
    pub slope_bps_day: Vec<f64>,
    /// ADX.
    pub adx: Vec<f64>,
    /// Recent range over the range before it.
    pub breakout: Vec<f64>,
    /// Beta to the mean of all names.
    pub beta: Vec<f64>,
    /// Expected funding a bar.
    pub funding_frac: Vec<f64>,
    /// Median daily dollar volume.
    pub dollar_volume_usdt: Vec<f64>,
    /// Average daily dollar volume.
    pub adv_usdt: Vec<f64>,
    /// Recent market volatility over the one before it, one number a bar.
    pub vol_ratio: Vec<f64>,
    /// Dispersion of scores over its own history, one number a bar.
    pub dispersion_ratio: Vec<f64>,
    /// Average correlation implied by the index, one number a bar.
    pub implied_corr: Vec<f64>,
    /// Dispersion of past moves, basis points, one number a bar.
    pub router_dispersion_bps: Vec<f64>,
}

impl FeatureTable {
    pub(super) fn new(needs: Needs, params: &Params, panel: &Panel) -> Self {
        let room =
            |on: bool, each: usize| Vec::with_capacity(if on { each * panel.rows } else { 0 });
        let cols = panel.cols;
        Self {
            needs,
            rows: 0,
            cols,
            score: room(true, cols),
            moves: room(needs.moves, cols * params.lookback_bars.len()),
            trend: room(needs.trend, cols),
            sigma: room(true, cols),
            atr: room(needs.atr, cols),
            trail_ma: room(needs.trail_ma, cols),
            slope_bps_day: room(needs.slope, cols),
            adx: room(needs.adx, cols),
            breakout: room(needs.breakout, cols),
            beta: room(needs.beta, cols),
            funding_frac: room(needs.funding, cols),
            dollar_volume_usdt: room(needs.dollar_volume, cols),
            adv_usdt: room(needs.adv, cols),
            vol_ratio: room(needs.vol_ratio, 1),
            dispersion_ratio: room(needs.dispersion, 1),
            implied_corr: room(needs.router, 1),
            router_dispersion_bps: room(needs.router, 1),
        }
    }

    pub(super) fn push(&mut self, row: &FeatureRow) {
        self.rows += 1;
        self.sigma.extend(row.variance.iter().map(|variance| variance.sqrt()));
        for (array, values) in [
            (&mut self.score, row.score),
            (&mut self.moves, row.moves),
            (&mut self.trend, row.trend),
            (&mut self.atr, row.atr),
            (&mut self.trail_ma, row.trail_ma),
            (&mut self.slope_bps_day, row.slope_bps_day),
            (&mut self.adx, row.adx),
            (&mut self.breakout, row.breakout),
            (&mut self.beta, row.beta),
            (&mut self.funding_frac, row.funding_frac),
            (&mut self.dollar_volume_usdt, row.dollar_volume_usdt),
            (&mut self.adv_usdt, row.adv_usdt),
        ] {
            array.extend_from_slice(values);
        }
        for (on, array, value) in [
            (self.needs.vol_ratio, &mut self.vol_ratio, row.vol_ratio),
            (self.needs.dispersion, &mut self.dispersion_ratio, row.dispersion_ratio),
            (self.needs.router, &mut self.implied_corr, row.implied_corr),
            (self.needs.router, &mut self.router_dispersion_bps, row.router_dispersion_bps),
        ] {
            if on {
                array.push(value);
            }
        }
    }
}
