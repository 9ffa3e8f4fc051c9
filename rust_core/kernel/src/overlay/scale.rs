//! Multipliers of the whole book. None of them ever lifts a name above its cap: caps come after.

use crate::decide::Scene;
use crate::lanes::{self, LANES};
use crate::row::FeatureRow;
use crate::size::Legs;

/// Room for the expected volatility of a book.
#[derive(Debug, Clone)]
pub(crate) struct Variance {
    /// Return of the wanted book in each row of the window.
    book: Vec<f64>,
    sum: Vec<f64>,
    sum_sq: Vec<f64>,
}

impl Variance {
    pub(crate) fn new(names: usize, rows: usize) -> Self {
        let room = names.next_multiple_of(LANES);
        Self { book: vec![0.0; rows], sum: vec![0.0; room], sum_sq: vec![0.0; room] }
    }
}

/// Product of the multipliers that are switched on.
#[inline(always)]
pub(crate) fn multiplier(scene: Scene<'_>, legs: &Legs, variance: &mut Variance) -> f64 {
    let p = scene.params;
    let mut scale = 1.0;
    if p.vol_target_enabled {
        scale *= vol_target(scene, legs, variance);
    }
    if p.vol_regime_enabled && !scene.row.vol_ratio.is_nan() {
        let over = scene.row.vol_ratio / p.vol_regime_ratio_start - 1.0;
        scale *= (1.0 - p.vol_regime_slope * over).clamp(p.vol_regime_scale_min, 1.0);
    }
    if p.drawdown_scale_enabled {
        scale *= drawdown(scene);
    }
    scale
}

fn drawdown(scene: Scene<'_>) -> f64 {
    let p = scene.params;
    let depth = 1.0 - scene.book.unit_value / scene.book.unit_value_peak;
    let fall = (depth - p.drawdown_scale_start_frac)
        / (p.drawdown_scale_end_frac - p.drawdown_scale_start_frac);
    if fall.is_nan() { 1.0 } else { (1.0 - fall).clamp(p.drawdown_scale_min, 1.0) }
}

/// The newest `rows` rows of returns that there are.
pub(crate) fn newest_returns<'a>(row: &FeatureRow<'a>, rows: usize) -> &'a [f64] {
    let there = row.ret_rows.min(rows);
    &row.ret_window[(row.ret_rows - there) * row.close.len()..]
}

/// `clip(target/σ)`, σ from a covariance of which the off-diagonal part is shrunk.
#[inline(never)]
fn vol_target(scene: Scene<'_>, legs: &Legs, variance: &mut Variance) -> f64 {
    let p = scene.params;
    let window = p.vol_target_bars as usize;
    let names = scene.facts.names();
    let returns = newest_returns(scene.row, window);
    let present = returns.chunks_exact(names).filter(|r| r.iter().any(|x| !x.is_nan())).count();
    // Rows before the panel have no return at all.
    if present * 100 < window * 95 {
        return 1.0;
    }
    variance.book.fill(0.0);
    lanes::dispatch(
        #[inline(always)]
        || gather(variance, returns, names, legs),
    );
    let n = window as f64;
    let mean = lanes::sum(&variance.book) / n;
    let of_book = lanes::sum_sq_from(&variance.book, mean) / (n - 1.0);
    let mut diagonal = 0.0;
    for place in 0..legs.len() {
        let (sum, sum_sq) = (variance.sum[place], variance.sum_sq[place]);
        let own = ((sum_sq - sum * sum / n) / (n - 1.0)).max(0.0);
        diagonal += legs.weight[place] * legs.weight[place] * own;
    }
    let shrunk = (1.0 - p.vol_target_shrink_frac) * of_book + p.vol_target_shrink_frac * diagonal;
    let sigma = (scene.facts.bars_year() * shrunk).sqrt();
    if sigma > 0.0 {
        (p.vol_target_ann_frac / sigma).clamp(p.vol_target_scale_min, p.vol_target_scale_max)
    } else {
        1.0
    }
}

/// Sums of the legs' own returns, and the book's return in each row; absent returns are 0.
#[inline(always)]
fn gather(variance: &mut Variance, returns: &[f64], names: usize, legs: &Legs) {
    let count = legs.len();
    variance.sum[..count].fill(0.0);
    variance.sum_sq[..count].fill(0.0);
    for (ret, book) in returns.chunks_exact(names).zip(&mut variance.book) {
        let mut total = 0.0;
        for place in 0..count {
            let r = ret[legs.name[place] as usize];
            let r = if r.is_nan() { 0.0 } else { r };
            total += legs.sign(place) * legs.weight[place] * r;
            variance.sum[place] += r;
            variance.sum_sq[place] += r * r;
        }
        *book = total;
    }
}
