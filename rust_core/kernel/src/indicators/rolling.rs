//! Rolling mean, standard deviation and z-score.
//!
//! The sums run over `d = x − c`, `c` the column's value where the sums were last taken afresh
//! (every 64 rows), so that a high level does not eat the digits of a small spread. Where sliding
//! has still lost them (the sum of squares is small against all that passed through it), the window
//! is computed in two passes and the sums go on from there, around the window's oldest value.

use super::{check_period, check_same, lane_of, put_lane, rows_of};
use crate::error::{KernelError, Result};
use crate::lanes::{self, LANES, Lane};

/// Rows between two fresh sums.
const BLOCK: usize = 64;
/// Share of what passed through a sum of squares below which its digits are not trusted.
const TRUST_FRAC: f64 = 1e-5;

/// Sums over the window of one lane of columns.
#[derive(Debug, Clone, Copy)]
struct Sums {
    centre: Lane,
    sum: Lane,
    squares: Lane,
    /// Absent values in the window.
    absent: Lane,
    /// Squares that were ever part of the sum since it was fresh.
    passed: Lane,
}

impl Sums {
    const NEW: Self = Self {
        centre: [0.0; LANES],
        sum: [0.0; LANES],
        squares: [0.0; LANES],
        absent: [0.0; LANES],
        passed: [0.0; LANES],
    };

    /// Begin anew around the values of `row`.
    #[inline(always)]
    fn around(row: Lane) -> Self {
        Self { centre: lanes::map(row, |x| if x.is_nan() { 0.0 } else { x }), ..Self::NEW }
    }

    #[inline(always)]
    fn enter(&mut self, x: Lane) {
        for k in 0..LANES {
            let d = if x[k].is_nan() { 0.0 } else { x[k] - self.centre[k] };
            self.sum[k] += d;
            self.squares[k] += d * d;
            self.passed[k] += d * d;
            self.absent[k] += if x[k].is_nan() { 1.0 } else { 0.0 };
        }
    }

    #[inline(always)]
    fn leave(&mut self, x: Lane) {
        for k in 0..LANES {
            let d = if x[k].is_nan() { 0.0 } else { x[k] - self.centre[k] };
            self.sum[k] -= d;
            self.squares[k] -= d * d;
            self.absent[k] -= if x[k].is_nan() { 1.0 } else { 0.0 };
        }
    }
}

/// Shape of one rolling computation.
#[derive(Debug, Clone, Copy)]
struct Plan<'a> {
    x: &'a [f64],
    cols: usize,
    period: usize,
    share: f64,
}

impl<'a> Plan<'a> {
    fn new(x: &'a [f64], cols: usize, period: usize, out: usize) -> Result<Self> {
        check_period(period, 1)?;
        rows_of("x", x.len(), cols)?;
        check_same("out", out, x.len())?;
        Ok(Self { x, cols, period, share: 1.0 / period as f64 })
    }

    #[inline(always)]
    fn row(&self, t: usize) -> &'a [f64] {
        &self.x[t * self.cols..(t + 1) * self.cols]
    }

    /// Slide down all rows; `finish` makes of the sums of one lane at one row what goes to `out`.
    #[inline(always)]
    fn scan(&self, out: &mut [f64], finish: impl Fn(usize, usize, &mut Sums) -> Lane) {
        let mut columns = vec![Sums::NEW; self.cols.div_ceil(LANES)];
        lanes::dispatch(
            #[inline(always)]
            || {
                for (t, out) in out.chunks_exact_mut(self.cols).enumerate() {
                    if t % BLOCK == 0 {
                        self.restart(t, &mut columns);
                    } else {
                        self.slide(t, &mut columns);
                    }
                    if t + 1 < self.period {
                        out.fill(f64::NAN);
                        continue;
                    }
                    for (j, sums) in columns.iter_mut().enumerate() {
                        put_lane(out, j, finish(t, j, sums));
                        lanes::end_lane();
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn restart(&self, t: usize, columns: &mut [Sums]) {
        for (j, sums) in columns.iter_mut().enumerate() {
            *sums = Sums::around(lane_of(self.row(t), j));
            lanes::end_lane();
        }
        for past in (t + 1).saturating_sub(self.period)..=t {
            for (j, sums) in columns.iter_mut().enumerate() {
                sums.enter(lane_of(self.row(past), j));
                lanes::end_lane();
            }
        }
    }

    #[inline(always)]
    fn slide(&self, t: usize, columns: &mut [Sums]) {
        let new = self.row(t);
        let Some(old) = t.checked_sub(self.period).map(|old| self.row(old)) else {
            for (j, sums) in columns.iter_mut().enumerate() {
                sums.enter(lane_of(new, j));
                lanes::end_lane();
            }
            return;
        };
        for (j, sums) in columns.iter_mut().enumerate() {
            sums.enter(lane_of(new, j));
            sums.leave(lane_of(old, j));
            lanes::end_lane();
        }
    }

    /// Mean of each lane; NaN where a value is absent.
    #[inline(always)]
    fn mean(&self, sums: &Sums) -> Lane {
        let mut out = [0.0; LANES];
        for k in 0..LANES {
            let mean = sums.centre[k] + sums.sum[k] * self.share;
            out[k] = if sums.absent[k] > 0.0 { f64::NAN } else { mean };
        }
        out
    }

    /// Sum of squares around the mean; two passes where sliding has lost the digits.
    #[inline(always)]
    fn spread(&self, t: usize, j: usize, sums: &mut Sums) -> Lane {
        let mut out = [0.0; LANES];
        let mut doubtful = 0.0;
        for k in 0..LANES {
            let spread = sums.squares[k] - sums.sum[k] * sums.sum[k] * self.share;
            let lost = spread < TRUST_FRAC * sums.passed[k];
            doubtful += if lost { 1.0 } else { 0.0 };
            out[k] = if sums.absent[k] > 0.0 { f64::NAN } else { spread };
        }
        if doubtful > 0.0 {
            self.repair(t, j, sums, &mut out);
        }
        out
    }

    /// The doubtful lanes once more, in two passes.
    #[inline(never)]
    fn repair(&self, t: usize, j: usize, sums: &mut Sums, spread: &mut Lane) {
        for k in 0..LANES.min(self.cols - j * LANES) {
            if spread[k].is_nan() || spread[k] >= TRUST_FRAC * sums.passed[k] {
                continue;
            }
            let column = j * LANES + k;
            let past = t + 1 - self.period..=t;
            let oldest = self.x[past.start() * self.cols + column];
            let distance = |u: usize| self.x[u * self.cols + column] - oldest;
            let sum: f64 = past.clone().map(distance).sum();
            let mean = sum * self.share;
            spread[k] = past.clone().map(|u| (distance(u) - mean) * (distance(u) - mean)).sum();
            let squares: f64 = past.map(|u| distance(u) * distance(u)).sum();
            sums.centre[k] = oldest;
            sums.sum[k] = sum;
            sums.squares[k] = squares;
            sums.passed[k] = squares;
        }
    }
}

/// Mean of the newest `period` values, into `out`.
pub fn rolling_mean_into(x: &[f64], cols: usize, period: usize, out: &mut [f64]) -> Result<()> {
    let plan = Plan::new(x, cols, period, out.len())?;
    plan.scan(
        out,
        #[inline(always)]
        |_, _, sums| plan.mean(sums),
    );
    Ok(())
}

/// Mean of the newest `period` values.
pub fn rolling_mean(x: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; x.len()];
    rolling_mean_into(x, cols, period, &mut out)?;
    Ok(out)
}

/// Simple moving average: [`rolling_mean`] by its name in charts.
pub fn sma(x: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
    rolling_mean(x, cols, period)
}

fn check_ddof(period: usize, ddof: usize) -> Result<()> {
    if ddof > 1 {
        let what = format!("is {ddof}, wants 0 (population) or 1 (sample)");
        return Err(KernelError::Argument { name: "ddof", what });
    }
    check_period(period, ddof + 1)
}

/// Standard deviation of the newest `period` values, into `out`; `ddof` 0 or 1.
pub fn rolling_std_into(
    x: &[f64],
    cols: usize,
    period: usize,
    ddof: usize,
    out: &mut [f64],
) -> Result<()> {
    check_ddof(period, ddof)?;
    let plan = Plan::new(x, cols, period, out.len())?;
    let share = 1.0 / (period - ddof) as f64;
    plan.scan(
        out,
        #[inline(always)]
        |t, j, sums| lanes::map(plan.spread(t, j, sums), |spread| (spread * share).sqrt()),
    );
    Ok(())
}

/// Standard deviation of the newest `period` values; `ddof` 0 (as in TA-Lib) or 1.
pub fn rolling_std(x: &[f64], cols: usize, period: usize, ddof: usize) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; x.len()];
    rolling_std_into(x, cols, period, ddof, &mut out)?;
    Ok(out)
}

/// The newest value less the mean of the newest `period`, over their standard deviation; NaN where
/// that is 0.
pub fn rolling_zscore(x: &[f64], cols: usize, period: usize, ddof: usize) -> Result<Vec<f64>> {
    check_ddof(period, ddof)?;
    let mut out = vec![f64::NAN; x.len()];
    let plan = Plan::new(x, cols, period, out.len())?;
    let share = 1.0 / (period - ddof) as f64;
    plan.scan(
        &mut out,
        #[inline(always)]
        |t, j, sums| {
            let (spread, newest) = (plan.spread(t, j, sums), lane_of(plan.row(t), j));
            let mut out = [0.0; LANES];
            for k in 0..LANES {
                // Both less the centre: the level cancels before it can round.
                let above = (newest[k] - sums.centre[k]) - sums.sum[k] * plan.share;
                let z = above / (spread[k] * share).sqrt();
                out[k] = if spread[k] > 0.0 { z } else { f64::NAN };
            }
            out
        },
    );
    Ok(out)
}
