//! Averages that recur: `A[t] = A[t−1] + g·(x[t] − A[t−1])`, seeded with the plain mean of the
//! first `p` values. EMA has `g = 2/(p+1)`, Wilder's average `g = 1/p`.

use super::{check_period, check_same, lane_of, put_lane, rows_of};
use crate::error::Result;
use crate::lanes::{self, PACK, Pack};

/// Recursive average of one lane of columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Average {
    /// Sum of the values so far, then the average.
    state: Pack,
    /// Present values in a row.
    run: Pack,
}

/// What all columns share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) period: f64,
    pub(super) share: f64,
    pub(super) gain: f64,
}

impl Rate {
    pub(super) fn ema(period: usize) -> Self {
        let p = period as f64;
        Self { period: p, share: 1.0 / p, gain: 2.0 / (p + 1.0) }
    }

    pub(super) fn wilder(period: usize) -> Self {
        let p = period as f64;
        Self { period: p, share: 1.0 / p, gain: 1.0 / p }
    }
}

impl Average {
    pub(super) const NEW: Self = Self { state: [0.0; PACK], run: [0.0; PACK] };

    /// Take in one value a column and give the averages; NaN while seeding.
    #[inline(always)]
    pub(super) fn step(&mut self, x: Pack, rate: Rate) -> Pack {
        // One short loop a step, both sides of each choice made first: so the compiler keeps to
        // vectors.
        let Rate { period, share, gain } = rate;
        let state = self.state;
        let run = count_run(x, self.run);
        let sum = lanes::zip(state, x, |state, x| state + x);
        let sum = lanes::zip3(run, x, sum, |run, x, sum| if run == 1.0 { x } else { sum });
        let mean = lanes::map(sum, |sum| sum * share);
        let seed =
            lanes::zip3(run, mean, sum, |run, mean, sum| if run == period { mean } else { sum });
        let moved = lanes::zip(state, x, |state, x| state + gain * (x - state));
        let next = lanes::zip3(
            run,
            moved,
            seed,
            |run, moved, seed| if run > period { moved } else { seed },
        );
        self.state = next;
        lanes::end_lane();
        self.run = run;
        lanes::end_lane();
        lanes::zip(run, next, |run, next| if run >= period { next } else { f64::NAN })
    }
}

/// Present values in a row, up to and with `x`.
#[inline(always)]
pub(super) fn count_run(x: Pack, run: Pack) -> Pack {
    let next = lanes::map(run, |run| run + 1.0);
    lanes::zip(x, next, |x, next| if x.is_nan() { 0.0 } else { next })
}

/// Average every column of `x` into `out`.
fn average_into(x: &[f64], cols: usize, rate: Rate, out: &mut [f64]) {
    let mut columns = vec![Average::NEW; cols.div_ceil(PACK)];
    lanes::dispatch(
        #[inline(always)]
        || {
            for (row, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
                for (j, column) in columns.iter_mut().enumerate() {
                    put_lane(out, j, column.step(lane_of(row, j), rate));
                    lanes::end_lane();
                }
            }
        },
    );
}

/// Exponential moving average, into `out`.
pub fn ema_into(x: &[f64], cols: usize, period: usize, out: &mut [f64]) -> Result<()> {
    check_period(period, 1)?;
    rows_of("x", x.len(), cols)?;
    check_same("out", out.len(), x.len())?;
    average_into(x, cols, Rate::ema(period), out);
    Ok(())
}

/// Exponential moving average: first value at the `period`-th, the plain mean so far.
pub fn ema(x: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; x.len()];
    ema_into(x, cols, period, &mut out)?;
    Ok(out)
}

/// Wilder's average: `(A[t−1]·(p−1) + x[t])/p`, seeded like [`ema`].
pub fn wilder(x: &[f64], cols: usize, period: usize) -> Result<Vec<f64>> {
    check_period(period, 1)?;
    rows_of("x", x.len(), cols)?;
    let mut out = vec![f64::NAN; x.len()];
    average_into(x, cols, Rate::wilder(period), &mut out);
    Ok(out)
}
