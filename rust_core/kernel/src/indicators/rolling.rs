//! Rolling mean, standard deviation and z-score.
//!
//! The sums run over `d = x − c`, `c` the column's value where the sums were last taken afresh
//! (every 256 rows), so that a high level does not eat the digits of a small spread. Where sliding
//! has still lost them (the sum of squares is small against all that passed through it), the window
//! is summed afresh around its own mean, and the sums go on from there.

use super::{check_period, check_same, first_column, lane_of, put_lane, rows_of};
use crate::error::{KernelError, Result};
use crate::lanes::{self, PACK, Pack};

/// Rows between two fresh sums.
const BLOCK: usize = 256;
/// Share of what passed through a sum of squares below which its digits are not trusted.
const TRUST_FRAC: f64 = 1e-5;

/// Sums over the window of one lane of columns.
#[derive(Debug, Clone, Copy)]
struct Sums {
    centre: Pack,
    sum: Pack,
    squares: Pack,
    /// Absent values in the window.
    absent: Pack,
    /// Squares that were ever part of the sum since it was fresh.
    passed: Pack,
}

impl Sums {
    const NEW: Self = Self {
        centre: [0.0; PACK],
        sum: [0.0; PACK],
        squares: [0.0; PACK],
        absent: [0.0; PACK],
        passed: [0.0; PACK],
    };

    /// Begin anew around the values of `row`.
    #[inline(always)]
    fn around(row: Pack) -> Self {
        Self { centre: lanes::map(row, |x| if x.is_nan() { 0.0 } else { x }), ..Self::NEW }
    }

    /// Distances of `x` from the centre, 0 where absent, and 1 where absent, 0 elsewhere.
    #[inline(always)]
    fn terms(&self, x: Pack) -> (Pack, Pack) {
        let distance = lanes::zip(x, self.centre, |x, centre| x - centre);
        let distance = lanes::map(distance, |d| if d.is_nan() { 0.0 } else { d });
        (distance, lanes::map(x, |x| if x.is_nan() { 1.0 } else { 0.0 }))
    }

    #[inline(always)]
    fn enter(&mut self, x: Pack) {
        let (distance, absent) = self.terms(x);
        let square = lanes::map(distance, |d| d * d);
        self.sum = lanes::zip(self.sum, distance, |sum, d| sum + d);
        lanes::end_lane();
        self.squares = lanes::zip(self.squares, square, |sum, d| sum + d);
        lanes::end_lane();
        self.passed = lanes::zip(self.passed, square, |sum, d| sum + d);
        lanes::end_lane();
        self.absent = lanes::zip(self.absent, absent, |sum, d| sum + d);
        lanes::end_lane();
    }

    /// Take in `new` and let `old` go, in one pass over the sums.
    #[inline(always)]
    fn turn(&mut self, new: Pack, old: Pack) {
        let (enter, absent) = self.terms(new);
        let (leave, was_absent) = self.terms(old);
        self.sum = lanes::zip3(self.sum, enter, leave, |sum, enter, leave| (sum + enter) - leave);
        lanes::end_lane();
        let square = lanes::map(enter, |d| d * d);
        self.squares =
            lanes::zip3(self.squares, square, leave, |sum, square, d| (sum + square) - d * d);
        lanes::end_lane();
        self.passed = lanes::zip(self.passed, square, |sum, square| sum + square);
        lanes::end_lane();
        self.absent =
            lanes::zip3(self.absent, absent, was_absent, |sum, now, old| (sum + now) - old);
        lanes::end_lane();
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
    /// With `SPREAD` it uses the sums of squares, whose digits are watched over.
    #[inline(always)]
    fn scan<const SPREAD: bool>(
        self,
        out: &mut [f64],
        finish: impl Fn(usize, usize, &Sums) -> Pack,
    ) {
        let mut columns = vec![Sums::NEW; self.cols.div_ceil(PACK)];
        lanes::dispatch(
            #[inline(always)]
            move || {
                // Owned here, so that what it captured stays in registers.
                let (plan, finish) = (self, finish);
                for (t, out) in out.chunks_exact_mut(plan.cols).enumerate() {
                    if t + 1 < plan.period {
                        out.fill(f64::NAN);
                        continue;
                    }
                    let fresh = t % BLOCK == 0 || t < plan.period;
                    if fresh {
                        plan.restart(t, &mut columns);
                    }
                    let old = plan.row(t.saturating_sub(plan.period));
                    let mut doubt = [0.0; PACK];
                    for (j, sums) in columns.iter_mut().enumerate() {
                        if !fresh {
                            sums.turn(lane_of(plan.row(t), j), lane_of(old, j));
                        }
                        put_lane(out, j, finish(t, j, sums));
                        if SPREAD {
                            doubt = lanes::zip(doubt, plan.lost(sums), |doubt, lost| doubt + lost);
                        }
                        lanes::end_lane();
                    }
                    if doubt.iter().any(|doubt| *doubt > 0.0) {
                        plan.repair(t, &mut columns);
                        for (j, sums) in columns.iter().enumerate() {
                            put_lane(out, j, finish(t, j, sums));
                        }
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn restart(&self, t: usize, columns: &mut [Sums]) {
        let first = (t + 1).saturating_sub(self.period);
        let window = &self.x[first * self.cols..(t + 1) * self.cols];
        for (j, sums) in columns.iter_mut().enumerate() {
            let mut fresh = Sums::around(lane_of(self.row(t), j));
            for row in window.chunks_exact(self.cols) {
                fresh.enter(lane_of(row, j));
            }
            *sums = fresh;
            lanes::end_lane();
        }
    }

    /// Mean of each lane; NaN where a value is absent.
    #[inline(always)]
    fn mean(&self, sums: &Sums) -> Pack {
        let mean = lanes::zip(sums.centre, sums.sum, |centre, sum| centre + sum * self.share);
        lanes::zip(sums.absent, mean, |absent, mean| if absent > 0.0 { f64::NAN } else { mean })
    }

    /// Sum of squares around the mean; NaN where a value is absent.
    #[inline(always)]
    fn spread(&self, sums: &Sums) -> Pack {
        let spread =
            lanes::zip(sums.squares, sums.sum, |squares, sum| squares - sum * sum * self.share);
        let spread = lanes::map(spread, |spread| if spread > 0.0 { spread } else { 0.0 });
        lanes::zip(
            sums.absent,
            spread,
            |absent, spread| if absent > 0.0 { f64::NAN } else { spread },
        )
    }

    /// 1 where sliding has lost the digits of the sum of squares, else 0.
    #[inline(always)]
    fn lost(&self, sums: &Sums) -> Pack {
        lanes::zip(self.spread(sums), sums.passed, |spread, passed| {
            if spread < TRUST_FRAC * passed { 1.0 } else { 0.0 }
        })
    }

    /// Take the sums that have lost digits afresh, around the mean of their window.
    #[inline(never)]
    fn repair(&self, t: usize, columns: &mut [Sums]) {
        let first = t + 1 - self.period;
        for (j, sums) in columns.iter_mut().enumerate() {
            let lost = self.lost(sums);
            for k in (0..PACK.min(self.cols)).filter(|k| lost[*k] > 0.0) {
                let column = first_column(j, self.cols) + k;
                let window = || (first..=t).map(|u| self.x[u * self.cols + column]);
                let oldest = self.x[first * self.cols + column];
                let centre = oldest + window().map(|x| x - oldest).sum::<f64>() * self.share;
                let squares: f64 = window().map(|x| (x - centre) * (x - centre)).sum();
                sums.centre[k] = centre;
                sums.sum[k] = window().map(|x| x - centre).sum();
                sums.squares[k] = squares;
                sums.passed[k] = squares;
            }
        }
    }
}

/// Mean of the newest `period` values, into `out`.
pub fn rolling_mean_into(x: &[f64], cols: usize, period: usize, out: &mut [f64]) -> Result<()> {
    let plan = Plan::new(x, cols, period, out.len())?;
    plan.scan::<false>(
        out,
        #[inline(always)]
        move |_, _, sums| plan.mean(sums),
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
    plan.scan::<true>(
        out,
        #[inline(always)]
        move |_, _, sums| lanes::map(plan.spread(sums), |spread| (spread * share).sqrt()),
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
    plan.scan::<true>(
        &mut out,
        #[inline(always)]
        move |t, j, sums| {
            let (spread, newest) = (plan.spread(sums), lane_of(plan.row(t), j));
            let mut out = [0.0; PACK];
            for k in 0..PACK {
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
