//! Rolling correlation and beta of two series, in two passes over each window.
//!
//! `corr = Σ(x−x̄)(y−ȳ)/sqrt(Σ(x−x̄)²·Σ(y−ȳ)²)`, `beta = Σ(x−x̄)(y−ȳ)/Σ(x−x̄)²`. Values are taken
//! less the window's oldest first, so that neither level nor slow drift costs digits.

use super::down::{first_column, pack_of, put_pack};
use super::{check_period, check_same, rows_of};
use crate::error::Result;
use crate::lanes::{self, PACK, Pack};

/// Sums of squares and products around the means of one window.
struct Moments {
    xx: Pack,
    yy: Pack,
    xy: Pack,
}

/// Two arrays of one shape.
#[derive(Debug, Clone, Copy)]
struct Pair<'a> {
    x: &'a [f64],
    y: &'a [f64],
    cols: usize,
    period: usize,
}

impl Pair<'_> {
    fn check(&self) -> Result<()> {
        check_period(self.period, 2)?;
        rows_of("x", self.x.len(), self.cols)?;
        check_same("y", self.y.len(), self.x.len())
    }

    #[inline(always)]
    fn lanes_at(&self, t: usize, j: usize) -> (Pack, Pack) {
        let row = t * self.cols..(t + 1) * self.cols;
        let column = first_column(j, self.cols);
        (pack_of(&self.x[row.clone()], column), pack_of(&self.y[row], column))
    }

    #[inline(always)]
    fn moments(&self, t: usize, j: usize) -> Moments {
        let first = t + 1 - self.period;
        let (x0, y0) = self.lanes_at(first, j);
        let share = 1.0 / self.period as f64;
        let (mut x_mean, mut y_mean) = ([0.0; PACK], [0.0; PACK]);
        for past in first..=t {
            let (x, y) = self.lanes_at(past, j);
            for k in 0..PACK {
                x_mean[k] += x[k] - x0[k];
                y_mean[k] += y[k] - y0[k];
            }
        }
        let mut sums = Moments { xx: [0.0; PACK], yy: [0.0; PACK], xy: [0.0; PACK] };
        for past in first..=t {
            let (x, y) = self.lanes_at(past, j);
            for k in 0..PACK {
                let dx = (x[k] - x0[k]) - x_mean[k] * share;
                let dy = (y[k] - y0[k]) - y_mean[k] * share;
                sums.xx[k] += dx * dx;
                sums.yy[k] += dy * dy;
                sums.xy[k] += dx * dy;
            }
        }
        sums
    }

    #[inline(always)]
    fn scan(&self, finish: impl Fn(f64, f64, f64) -> f64) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.x.len()];
        lanes::dispatch(
            #[inline(always)]
            || {
                let rows = out.chunks_exact_mut(self.cols).enumerate().skip(self.period - 1);
                for (t, row) in rows {
                    for j in 0..self.cols.div_ceil(PACK) {
                        let Moments { xx, yy, xy } = self.moments(t, j);
                        let mut lane = [0.0; PACK];
                        for k in 0..PACK {
                            lane[k] = finish(xx[k], yy[k], xy[k]);
                        }
                        put_pack(row, first_column(j, self.cols), lane);
                    }
                }
            },
        );
        out
    }
}

/// Correlation of the newest `period` values of each column of `x` with the same column of `y`; NaN
/// where either does not move.
pub fn rolling_correlation(x: &[f64], y: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
    let pair = Pair { x, y, cols, period };
    pair.check()?;
    Ok(pair.scan(
        #[inline(always)]
        |xx, yy, xy| {
            let size = xx.sqrt() * yy.sqrt();
            if size > 0.0 { (xy / size).clamp(-1.0, 1.0) } else { f64::NAN }
        },
    ))
}

/// Slope of `y` on `x` over the newest `period` values; NaN where `x` does not move.
pub fn rolling_beta(y: &[f64], x: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
    let pair = Pair { x, y, cols, period };
    pair.check()?;
    Ok(pair.scan(
        #[inline(always)]
        |xx, _, xy| if xx > 0.0 { xy / xx } else { f64::NAN },
    ))
}
