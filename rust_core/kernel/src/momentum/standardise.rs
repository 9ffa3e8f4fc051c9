//! Three ways to make scores comparable across names. Each returns whether the scores differ.

use super::normal::normal_quantile;
use super::{SPREAD_MIN_FRAC, bound, ranks};
use crate::lanes::{self, LANES, Lane};

/// Makes the median absolute deviation of normal scores equal their standard deviation.
const MAD_TO_STD: f64 = 1.4826;

/// `(x − mean)/std`, population. Where `n` is the length of `x` none is absent.
#[inline(always)]
pub(super) fn by_deviation(z: &mut [f64], x: &[f64], n: usize, clip: f64) -> bool {
    let (mean, std) = if n == x.len() {
        let mean = lanes::sum_whole(x, |value| value) / n as f64;
        (mean, (lanes::sum_whole(x, |value| (value - mean) * (value - mean)) / n as f64).sqrt())
    } else {
        let mean = sum_known(x, |value| value) / n as f64;
        (mean, (sum_known(x, |value| (value - mean) * (value - mean)) / n as f64).sqrt())
    };
    let n = n as f64;
    // No value lies further than sqrt(n) deviations from the mean; only where that bound does not
    // settle it are they looked at.
    let bound = mean.abs() + n.sqrt() * std;
    let largest = if std > SPREAD_MIN_FRAC * bound { bound } else { largest(x) };
    write(z, x, mean, std, largest, clip)
}

/// Sum of a term over the values that are not NaN, in the fixed order of lanes.
#[inline(always)]
fn sum_known(x: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let (chunks, _) = x.as_chunks::<LANES>();
    let mut total: Lane = [0.0; LANES];
    for chunk in chunks {
        for l in 0..LANES {
            let part = term(chunk[l]);
            total[l] += if part.is_nan() { 0.0 } else { part };
        }
    }
    lanes::fold(total)
}

#[inline(never)]
fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |most, value| if value.abs() > most { value.abs() } else { most })
}

/// `(x − centre)/spread`, bounded; 0 for all where the spread is none.
#[inline(always)]
fn write(z: &mut [f64], x: &[f64], centre: f64, spread: f64, largest: f64, clip: f64) -> bool {
    let dispersed = spread > SPREAD_MIN_FRAC * largest;
    let scale = if dispersed { 1.0 / spread } else { 0.0 };
    // Without dispersion the centre is x itself, so that 0·(x − x) is 0 and NaN stays NaN.
    if clip == f64::INFINITY {
        for (out, value) in z.iter_mut().zip(x) {
            *out = (*value - centre) * scale;
        }
    } else {
        for (out, value) in z.iter_mut().zip(x) {
            *out = bound((*value - centre) * scale, clip);
        }
    }
    if !dispersed {
        z.iter_mut().filter(|out| !out.is_nan()).for_each(|out| *out = 0.0);
    }
    dispersed
}

/// `(x − median)/(1.4826·MAD)`.
#[inline(never)]
pub(super) fn by_median(z: &mut [f64], x: &[f64], sorted: &mut Vec<f64>, clip: f64) -> bool {
    let known = || x.iter().copied().filter(|value| !value.is_nan());
    sorted.clear();
    sorted.extend(known());
    let centre = median(sorted);
    sorted.clear();
    sorted.extend(known().map(|value| (value - centre).abs()));
    let spread = MAD_TO_STD * median(sorted);
    write(z, x, centre, spread, largest(x), clip)
}

/// Median of unordered values, which it reorders; NaN when there are none.
fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return f64::NAN;
    }
    let (below, middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return *middle;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * (lower + *middle)
}

/// `Φ⁻¹((average rank − 1/2)/n)`.
#[inline(never)]
pub(super) fn by_rank(z: &mut [f64], x: &[f64], rank: &mut [f64], n: usize, clip: f64) -> bool {
    let known = || x.iter().copied().filter(|value| !value.is_nan());
    let most = known().fold(f64::NEG_INFINITY, f64::max);
    let least = known().fold(f64::INFINITY, f64::min);
    let dispersed = most - least > SPREAD_MIN_FRAC * most.abs().max(least.abs());
    ranks::average(x, rank);
    for (out, rank) in z.iter_mut().zip(rank) {
        *out = if rank.is_nan() {
            f64::NAN
        } else if dispersed {
            bound(normal_quantile((*rank - 0.5) / n as f64), clip)
        } else {
            0.0
        };
    }
    dispersed
}
