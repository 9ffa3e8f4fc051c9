//! From past moves to a signed score for every eligible name.
//!
//! `x` → `z = (x − mean)/std` (or its robust or rank form) → funding tilt → clip →
//! `s = sign(z)·|z|^p` → mean taken out → mixed with time series. See decision.md §3.

use crate::lanes::{self, LANES, Row, load};
use crate::params::{Params, SignalCombine, Standardise};
use crate::row::FeatureRow;
use crate::universe::{Roll, SIGMA_MIN};

mod normal;
pub(crate) mod power;
pub(crate) mod ranks;
mod standardise;

/// Below this share of the largest |x| a spread is rounding, not dispersion.
const SPREAD_MIN_FRAC: f64 = 1e-12;

/// Scores of one bar, padded to whole lanes; NaN where a name is not eligible.
#[derive(Debug, Clone)]
pub struct Cross {
    /// Standardised scores.
    pub z: Row,
    /// Amplified scores; not computed while `by_z`.
    s: Row,
    by_z: bool,
    x: Row,
    rank: Row,
    sorted: Vec<f64>,
}

impl Cross {
    /// Room for `names` names.
    pub fn new(names: usize) -> Self {
        let room = crate::universe::padded(names);
        Self {
            z: Row::new(room, f64::NAN),
            s: Row::new(room, f64::NAN),
            by_z: false,
            x: Row::new(room, f64::NAN),
            rank: Row::new(room, f64::NAN),
            sorted: Vec::with_capacity(room),
        }
    }

    /// What the names are ranked by. The amplifier alone keeps order and sign, so that where no
    /// mean and no other signal comes in after it, z ranks as s does and |z|^p is left to the few
    /// names that are selected.
    #[inline(always)]
    pub fn key(&self) -> &[f64] {
        if self.by_z { &self.z } else { &self.s }
    }

    /// Do the names rank by z itself?
    #[inline(always)]
    pub fn ranks_by_z(&self) -> bool {
        self.by_z
    }

    /// Power still to be taken of [`Self::key`] to make it s.
    #[inline(always)]
    pub fn power_left(&self, params: &Params) -> f64 {
        if self.by_z { params.signal_power } else { 1.0 }
    }
}

/// Score every eligible name; `mix` is the share of cross-section where the router is on. Returns
/// whether any z differs from 0.
#[inline(always)]
pub fn cross_section(
    cross: &mut Cross,
    roll: &Roll,
    row: &FeatureRow<'_>,
    params: &Params,
    mix: Option<f64>,
) -> bool {
    let tilted = params.funding_tilt_x > 0.0;
    let clip = if params.zscore_clip > 0.0 { params.zscore_clip } else { f64::INFINITY };
    let early_clip = if tilted { f64::INFINITY } else { clip };
    let mut dispersed = if params.signal_combine == SignalCombine::Rank {
        rank_score(cross, roll, row, params);
        let x = std::mem::take(&mut cross.x);
        let dispersed = standardise(cross, &x, roll.eligible, params.standardise, early_clip);
        cross.x = x;
        dispersed
    } else {
        standardise(cross, roll.scores(row), roll.eligible, params.standardise, early_clip)
    };
    if tilted {
        tilt(&mut cross.z, row, params, clip);
        dispersed = any_score(&cross.z);
    }
    cross.by_z = mix.is_none() && !params.redemean;
    if !cross.by_z {
        amplify(&cross.z, &mut cross.s, roll.eligible, params);
    }
    if let Some(share) = mix {
        blend(&mut cross.s, row.trend, share);
        blend(&mut cross.z, row.trend, share);
        dispersed = any_score(&cross.z);
    }
    dispersed
}

#[inline(always)]
fn standardise(cross: &mut Cross, x: &[f64], n: usize, how: Standardise, clip: f64) -> bool {
    match how {
        Standardise::Z => standardise::by_deviation(&mut cross.z, x, n, clip),
        Standardise::Robust => standardise::by_median(&mut cross.z, x, &mut cross.sorted, clip),
        Standardise::RankNormal => standardise::by_rank(&mut cross.z, x, &mut cross.rank, n, clip),
    }
}

/// Weighted mean over look-backs of the ranks, each turned to −1 … 1.
#[inline(never)]
fn rank_score(cross: &mut Cross, roll: &Roll, row: &FeatureRow<'_>, params: &Params) {
    let names = row.close.len();
    let n = roll.eligible as f64;
    cross.x.fill(0.0);
    for (j, weight) in params.lookback_weights.iter().enumerate() {
        let moves = &row.moves[j * names..(j + 1) * names];
        for i in 0..names {
            cross.s[i] = if roll.has(i) { moves[i] } else { f64::NAN };
        }
        ranks::average(&cross.s, &mut cross.rank);
        for (x, rank) in cross.x.iter_mut().zip(&*cross.rank) {
            // One name alone has nothing to be ranked against.
            *x += weight * if n > 1.0 { (2.0 * rank - n - 1.0) / (n - 1.0) } else { 0.0 * rank };
        }
    }
}

/// Charge the funding that is expected over the holding period, in units of z.
#[inline(always)]
fn tilt(z: &mut [f64], row: &FeatureRow<'_>, params: &Params, clip: f64) {
    let hold_bars = f64::from(params.funding_hold_bars);
    let root = hold_bars.sqrt();
    let (chunks, _) = z.as_chunks_mut::<LANES>();
    for (k, chunk) in chunks.iter_mut().enumerate() {
        let funding = load(row.funding_frac, k * LANES);
        let sigma = lanes::map(load(row.variance, k * LANES), f64::sqrt);
        for l in 0..LANES {
            let floored = if sigma[l] > SIGMA_MIN { sigma[l] } else { SIGMA_MIN };
            // Unknown funding is charged as none; a name that is not eligible stays NaN through z.
            let known = if funding[l].is_nan() { 0.0 } else { funding[l] };
            let cost = params.funding_tilt_x * known * hold_bars / (floored * root);
            chunk[l] = bound(chunk[l] - cost, clip);
        }
    }
}

#[inline(always)]
fn bound(value: f64, limit: f64) -> f64 {
    if value > limit {
        limit
    } else if value < -limit {
        -limit
    } else {
        value
    }
}

#[inline(always)]
fn amplify(z: &[f64], s: &mut [f64], n: usize, params: &Params) {
    power::amplify(z, params.signal_power, s);
    if params.redemean {
        let mean = lanes::sum_present(s).0 / n as f64;
        for value in s {
            *value -= mean;
        }
    }
}

#[inline(always)]
fn blend(score: &mut [f64], trend: &[f64], share: f64) {
    for (value, trend) in score.iter_mut().zip(trend) {
        *value = share * *value + (1.0 - share) * trend;
    }
}

#[inline(always)]
fn any_score(z: &[f64]) -> bool {
    z.iter().fold(false, |any, value| any | (value.abs() > 0.0))
}

#[cfg(test)]
mod tests;
