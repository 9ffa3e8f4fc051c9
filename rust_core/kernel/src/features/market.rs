//! One number a bar: mean return, volatility ratio, dispersion ratio, implied correlation.

use super::needs::Needs;
use super::prices::{Prices, change};
use super::ring::{Series, Sheet};
use super::sigma::{Sigma, deviation};
use super::window::{Window, enough};
use crate::lanes::{self, PACK, Pack};
use crate::params::Params;

/// Fewest names over which a dispersion or a correlation is taken.
const NAMES_MIN: f64 = 3.0;
/// A volatility below this is none: no ratio is taken to it.
const SIGMA_LEAST: f64 = 1e-7;
/// A mean dispersion below this is none.
const DISPERSION_LEAST: f64 = 1e-12;

#[derive(Debug)]
pub(super) struct Market {
    /// Mean of the present returns; NaN when there is none.
    pub(super) mean: Series,
    wants_mean: bool,
    vol_ratio: Option<VolRatio>,
    dispersion: Option<Dispersion>,
    router: Option<Router>,
}

/// The market features of one bar.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarketRow {
    pub(super) vol_ratio: f64,
    pub(super) dispersion_ratio: f64,
    pub(super) implied_corr: f64,
    pub(super) router_dispersion_bps: f64,
}

impl Market {
    pub(super) fn new(params: &Params, needs: &Needs, cols: usize) -> Self {
        let p = params;
        let longest = [
            (needs.beta, p.beta_bars),
            (needs.vol_ratio, p.vol_regime_fast_bars.max(p.vol_regime_base_bars)),
            (needs.router, p.router_bars),
        ];
        let keep = longest.iter().filter(|(on, _)| *on).map(|(_, bars)| *bars).max();
        Self {
            mean: Series::new(keep.unwrap_or(0) as usize),
            wants_mean: keep.is_some(),
            vol_ratio: needs
                .vol_ratio
                .then(|| VolRatio::new(p.vol_regime_fast_bars, p.vol_regime_base_bars)),
            dispersion: needs.dispersion.then(|| Dispersion::new(p.k_dispersion_bars)),
            router: needs.router.then(|| Router::new(p.router_bars, cols.div_ceil(PACK))),
        }
    }

    pub(super) fn clear(&mut self) {
        self.mean.clear();
        if let Some(ratio) = &mut self.vol_ratio {
            ratio.clear();
        }
        if let Some(dispersion) = &mut self.dispersion {
            dispersion.clear();
        }
        if let Some(router) = &mut self.router {
            router.clear();
        }
    }

    pub(super) fn run_mean(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        if !self.wants_mean {
            return;
        }
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    let row = prices.returns.row(bar).as_flattened();
                    let (sum, count) = lanes::sum_present(row);
                    self.mean.set(bar, if count > 0.0 { sum / count } else { f64::NAN });
                }
            },
        );
    }

    pub(super) fn run_ratios(
        &mut self,
        prices: &Prices,
        score: &Sheet,
        bars: std::ops::Range<i64>,
    ) {
        let mean = &self.mean;
        for bar in bars.clone() {
            if let Some(ratio) = &mut self.vol_ratio {
                ratio.step(mean, bar);
            }
            if let Some(dispersion) = &mut self.dispersion {
                dispersion.step(score, bar);
            }
        }
        if let Some(router) = &mut self.router {
            router.run(prices, mean, bars);
        }
    }

    pub(super) fn row(&self, bar: i64) -> MarketRow {
        let at = |series: Option<&Series>| series.map_or(f64::NAN, |series| series.get(bar));
        let router = self.router.as_ref();
        MarketRow {
            vol_ratio: at(self.vol_ratio.as_ref().map(|ratio| &ratio.out)),
            dispersion_ratio: at(self.dispersion.as_ref().map(|dispersion| &dispersion.out)),
            implied_corr: at(router.map(|router| &router.implied_corr)),
            router_dispersion_bps: at(router.map(|router| &router.dispersion_bps)),
        }
    }
}

/// Sliding sums of one series: value, square, count.
#[derive(Debug)]
struct Moments {
    window: Window<1, false>,
    bars: f64,
    /// Sum, sum of squares and count at the newest bar.
    now: [f64; 3],
}

impl Moments {
    fn new(bars: u32) -> Self {
        Self { window: Window::plain(bars, 1), bars: f64::from(bars), now: [0.0; 3] }
    }

    fn step(&mut self, series: &Series, bar: i64) {
        let now = &mut self.now;
        self.window.step(
            bar,
            |past| series.get(past),
            |x, _| {
                // One series: its three sums share a lane.
                let (x, here) = if x.is_nan() { (0.0, 0.0) } else { (x, 1.0) };
                let mut terms = [0.0; PACK];
                [terms[0], terms[1], terms[2]] = [x, x * x, here];
                [terms]
            },
            |_, [sums]| *now = [sums[0], sums[1], sums[2]],
        );
    }

    fn mean(&self) -> f64 {
        let [sum, _, count] = self.now;
        if enough(count, self.bars) { sum / count } else { f64::NAN }
    }

    fn root_mean_square(&self) -> f64 {
        let [_, squares, count] = self.now;
        let squares = if squares > 0.0 { squares } else { 0.0 };
        if enough(count, self.bars) { (squares / count).sqrt() } else { f64::NAN }
    }

    fn deviation(&self) -> f64 {
        let [sum, squares, count] = self.now;
        deviation(sum, squares, count, self.bars)
    }
}

#[derive(Debug)]
struct VolRatio {
    fast: Moments,
    base: Moments,
    base_values: Series,
    fast_bars: i64,
    out: Series,
}

impl VolRatio {
    fn new(fast: u32, base: u32) -> Self {
        Self {
            fast: Moments::new(fast),
            base: Moments::new(base),
            base_values: Series::new(fast as usize),
            fast_bars: i64::from(fast),
            out: Series::new(0),
        }
    }

    fn clear(&mut self) {
        self.fast.window.clear();
        self.base.window.clear();
        self.base_values.clear();
    }

    fn step(&mut self, mean: &Series, bar: i64) {
        self.fast.step(mean, bar);
        self.base.step(mean, bar);
        self.base_values.set(bar, self.base.root_mean_square());
        let base = self.base_values.get(bar - self.fast_bars);
        let ratio = if base > SIGMA_LEAST { self.fast.root_mean_square() / base } else { f64::NAN };
        self.out.set(bar, ratio);
    }
}

#[derive(Debug)]
struct Dispersion {
    values: Series,
    history: Moments,
    means: Series,
    out: Series,
}

impl Dispersion {
    fn new(bars: u32) -> Self {
        Self {
            values: Series::new(bars as usize),
            history: Moments::new(bars),
            means: Series::new(1),
            out: Series::new(0),
        }
    }

    fn clear(&mut self) {
        self.values.clear();
        self.history.window.clear();
        self.means.clear();
    }

    fn step(&mut self, score: &Sheet, bar: i64) {
        let row = score.row(bar).as_flattened();
        let now = lanes::dispatch(
            #[inline(always)]
            || deviation_across(row),
        );
        self.values.set(bar, now);
        self.history.step(&self.values, bar);
        self.means.set(bar, self.history.mean());
        // The history ends with the bar before.
        let base = self.means.get(bar - 1);
        self.out.set(bar, if base > DISPERSION_LEAST { now / base } else { f64::NAN });
    }
}

/// Population standard deviation of the present values, NaN with fewer than three.
#[inline(always)]
fn deviation_across(row: &[f64]) -> f64 {
    let (sum, count) = lanes::sum_present(row);
    let mean = sum / count;
    let squares = lanes::sum_sq_present(row, mean);
    if count >= NAMES_MIN { (squares / count).sqrt() } else { f64::NAN }
}

#[derive(Debug)]
struct Router {
    bars: i64,
    own: Sigma,
    market: Moments,
    past_moves: Vec<Pack>,
    implied_corr: Series,
    dispersion_bps: Series,
}

impl Router {
    fn new(bars: u32, lanes: usize) -> Self {
        Self {
            bars: i64::from(bars),
            own: Sigma::new(bars, lanes, true),
            market: Moments::new(bars),
            past_moves: vec![[f64::NAN; PACK]; lanes],
            implied_corr: Series::new(0),
            dispersion_bps: Series::new(0),
        }
    }

    fn clear(&mut self) {
        self.own.clear();
        self.market.window.clear();
    }

    fn run(&mut self, prices: &Prices, mean: &Series, bars: std::ops::Range<i64>) {
        self.own.begin(bars.start);
        self.own.run(prices, bars.clone());
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    self.market.step(mean, bar);
                    let sigma = self.own.roots(bar).as_flattened();
                    self.implied_corr.set(bar, implied(self.market.deviation(), sigma));
                    let moved = self.past_dispersion(prices, bar);
                    self.dispersion_bps.set(bar, moved * 1e4);
                }
            },
        );
    }

    #[inline(always)]
    fn past_dispersion(&mut self, prices: &Prices, bar: i64) -> f64 {
        let close = prices.close.row(bar);
        let (now, before) = (prices.inverse.row(bar), prices.inverse.row(bar - self.bars));
        for (j, moved) in self.past_moves.iter_mut().enumerate() {
            *moved = change(close[j], now[j], before[j]);
            lanes::end_lane();
        }
        deviation_across(self.past_moves.as_flattened())
    }
}

/// `(σ_m² − Σσ²/n²)/((Σσ/n)² − Σσ²/n²)`.
#[inline(always)]
fn implied(market: f64, sigma: &[f64]) -> f64 {
    let (sum, count) = lanes::sum_present(sigma);
    let alone = lanes::sum_sq_present(sigma, 0.0) / (count * count);
    let together = (sum / count) * (sum / count);
    let room = together - alone;
    let known = count >= NAMES_MIN && room > SIGMA_LEAST * SIGMA_LEAST;
    if known { (market * market - alone) / room } else { f64::NAN }
}
