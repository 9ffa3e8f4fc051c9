//! Across the columns of each row: ranks, z-scores, robust z-scores. NaN stays NaN and counts for
//! nothing.

use super::order::median_of;
use super::rows_of;
use crate::error::{KernelError, Result};
use crate::lanes;

/// Median absolute deviation to standard deviation, for a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;

/// `finish(row, its present values, out)` for each row.
fn each_row(
    x: &[f64],
    cols: usize,
    mut finish: impl FnMut(&[f64], &mut Vec<f64>, &mut [f64]),
) -> Result<Vec<f64>> {
    rows_of("x", x.len(), cols)?;
    let mut out = vec![f64::NAN; x.len()];
    let mut present = Vec::with_capacity(cols);
    for (row, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
        present.clear();
        present.extend(row.iter().copied().filter(|value| !value.is_nan()));
        finish(row, &mut present, out);
    }
    Ok(out)
}

/// Ranks from 1 (smallest), ties at their average.
pub fn ranks(x: &[f64], cols: usize) -> Result<Vec<f64>> {
    let mut order: Vec<usize> = Vec::with_capacity(cols);
    each_row(x, cols, |row, _, out| {
        order.clear();
        order.extend((0..row.len()).filter(|i| !row[*i].is_nan()));
        // −0 and 0 are equal: a tie, in the order of the columns.
        order.sort_by(|a, b| row[*a].partial_cmp(&row[*b]).unwrap_or(std::cmp::Ordering::Equal));
        let mut first = 0;
        while first < order.len() {
            let ties = order[first..].iter().take_while(|i| row[**i] == row[order[first]]).count();
            let average = first as f64 + f64::midpoint(1.0, ties as f64);
            for i in &order[first..first + ties] {
                out[*i] = average;
            }
            first += ties;
        }
    })
}

/// Value less the row's mean, over its standard deviation; NaN where that is 0.
pub fn zscores(x: &[f64], cols: usize, ddof: usize) -> Result<Vec<f64>> {
    if ddof > 1 {
        let what = format!("is {ddof}, wants 0 (population) or 1 (sample)");
        return Err(KernelError::Argument { name: "ddof", what });
    }
    each_row(x, cols, |row, present, out| {
        let count = present.len() as f64;
        let mean = lanes::sum(present) / count;
        let spread = (lanes::sum_sq_from(present, mean) / (count - ddof as f64)).sqrt();
        write_scores(row, mean, spread, out);
    })
}

/// Value less the row's median, over 1.4826 times its median absolute deviation; NaN where that is 0.
pub fn robust_zscores(x: &[f64], cols: usize) -> Result<Vec<f64>> {
    each_row(x, cols, |row, present, out| {
        let centre = median_of(present);
        for value in &mut *present {
            *value = (*value - centre).abs();
        }
        let spread = MAD_TO_SIGMA * median_of(present);
        write_scores(row, centre, spread, out);
    })
}

fn write_scores(row: &[f64], centre: f64, spread: f64, out: &mut [f64]) {
    for (value, out) in row.iter().zip(out) {
        *out = if spread > 0.0 { (value - centre) / spread } else { f64::NAN };
    }
}
