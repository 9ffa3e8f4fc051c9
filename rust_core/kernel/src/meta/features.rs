//! The eight features of an entry, from the feature row of its bar alone.

use crate::book::Side;
use crate::row::FeatureRow;

/// Number of features.
pub const FEATURES: usize = 8;

/// Least volatility in a ratio.
const SIGMA_MIN: f64 = 1e-7;

/// What all names of one bar share; reused from bar to bar.
#[derive(Debug, Clone, Default)]
pub struct MetaRow {
    strength: Vec<f64>,
    sigma: Vec<f64>,
    sigma_rank: Vec<f64>,
    volume_rank: Vec<f64>,
    order: Vec<usize>,
}

impl MetaRow {
    /// Room for `symbols` names.
    pub fn new(symbols: usize) -> Self {
        Self {
            strength: vec![f64::NAN; symbols],
            sigma: Vec::with_capacity(symbols),
            sigma_rank: vec![f64::NAN; symbols],
            volume_rank: vec![f64::NAN; symbols],
            order: Vec::with_capacity(symbols),
        }
    }

    /// Standardise and rank the names of a bar.
    pub fn prepare(&mut self, row: &FeatureRow) {
        standardise(row.score, &mut self.strength);
        self.sigma.clear();
        self.sigma.extend(row.variance.iter().map(|variance| variance.sqrt()));
        rank(&self.sigma, &mut self.sigma_rank, &mut self.order);
        rank(row.dollar_volume_usdt, &mut self.volume_rank, &mut self.order);
    }

    /// Features of one name on one side; NaN where not known.
    pub fn features_of(&self, row: &FeatureRow, i: usize, side: Side) -> [f64; FEATURES] {
        let sign = side.sign();
        let names = self.strength.len();
        let funding = row.funding_frac.get(i).copied().unwrap_or(f64::NAN);
        let sigma = row.variance.get(i).map_or(f64::NAN, |variance| variance.sqrt());
        let paid = if sigma.is_nan() { f64::NAN } else { sign * funding / sigma.max(SIGMA_MIN) };
        [
            sign * self.strength[i],
            sign * agreement(row.moves, names, i),
            self.sigma_rank[i],
            self.volume_rank[i],
            paid,
            row.dispersion_ratio,
            row.implied_corr,
            row.vol_ratio,
        ]
    }
}

/// Mean sign of a name's moves; NaN without moves, or while one is not known.
fn agreement(moves: &[f64], names: usize, i: usize) -> f64 {
    let of_name = || moves.iter().skip(i).step_by(names);
    let sign = |value: &f64| if *value == 0.0 { 0.0 } else { value.signum() };
    // 0/0 is the NaN of a row without moves.
    of_name().map(sign).sum::<f64>() / of_name().count() as f64
}

/// z-scores over the known values; 0 for all when they do not differ.
fn standardise(values: &[f64], out: &mut [f64]) {
    out.fill(f64::NAN);
    let known = || values.iter().filter(|value| !value.is_nan());
    let count = known().count() as f64;
    let mean = known().sum::<f64>() / count;
    let spread = (known().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt();
    let largest = known().fold(0.0_f64, |most, x| most.max(x.abs()));
    for (z, x) in out.iter_mut().zip(values).filter(|(_, x)| !x.is_nan()) {
        *z = if spread > 1e-12 * largest { (x - mean) / spread } else { 0.0 };
    }
}

/// Average ranks over the known values, turned to −1 … 1.
fn rank(values: &[f64], out: &mut [f64], order: &mut Vec<usize>) {
    out.fill(f64::NAN);
    order.clear();
    order.extend((0..values.len()).filter(|i| !values[*i].is_nan()));
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let known = order.len();
    let mut first = 0;
    while first < known {
        let tied = order[first..].iter().take_while(|i| values[**i] == values[order[first]]);
        let last = first + tied.count();
        // Ranks first+1 … last have the mean (first + 1 + last)/2.
        let doubled = (first + 1 + last) as f64;
        for i in &order[first..last] {
            let places = known as f64 - 1.0;
            out[*i] = if known == 1 { 0.0 } else { (doubled - known as f64 - 1.0) / places };
        }
        first = last;
    }
}
