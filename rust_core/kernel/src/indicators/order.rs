//! Rolling median and median absolute deviation.

use super::{check_period, rows_of};
use crate::error::Result;

/// Median of the values, which are put in a new order; the mean of the middle two of an even count.
pub(super) fn median_of(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return f64::NAN;
    }
    let (below, middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let middle = *middle;
    if n % 2 == 1 {
        return middle;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, middle)
}

/// `finish` of each window without a NaN, column by column.
fn rolling(
    x: &[f64],
    cols: usize,
    period: usize,
    finish: impl Fn(&mut [f64]) -> f64,
) -> Result<Vec<f64>> {
    check_period(period, 1)?;
    let rows = rows_of("x", x.len(), cols)?;
    let mut out = vec![f64::NAN; x.len()];
    let mut window = Vec::with_capacity(period);
    for t in period - 1..rows.max(period - 1) {
        for i in 0..cols {
            window.clear();
            window.extend((t + 1 - period..=t).map(|u| x[u * cols + i]));
            if !window.iter().any(|value| value.is_nan()) {
                out[t * cols + i] = finish(&mut window);
            }
        }
    }
    Ok(out)
}

/// Median of the newest `period` values.
pub fn rolling_median(x: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
    rolling(x, cols, period, median_of)
}

/// Median absolute deviation from the median of the newest `period` values, not scaled.
pub fn rolling_mad(x: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
    rolling(x, cols, period, |window| {
        let centre = median_of(window);
        for value in &mut *window {
            *value = (*value - centre).abs();
        }
        median_of(window)
    })
}
