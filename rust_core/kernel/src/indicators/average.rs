//! Averages that recur: `A[t] = A[t−1] + g·(x[t] − A[t−1])`, seeded with the plain mean of the
//! first `p` values. EMA has `g = 2/(p+1)`, Wilder's average `g = 1/p`.

use super::down::{Down, Place, Stretch, all_above, all_present};
use super::{check_period, check_same, rows_of};
use crate::error::Result;
use crate::lanes::{self, PACK, Pack};

/// Recursive average of one pack of columns; aligned, so that no register is split over two lines.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Average {
    /// Sum of the values so far, then the average.
    state: Pack,
    /// Present values in a row.
    run: Pack,
    /// Every column is past its seed: `run` is above the period, and need not be counted on.
    settled: bool,
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
    pub(super) const NEW: Self = Self { state: [0.0; PACK], run: [0.0; PACK], settled: false };

    /// The averages, where no column is seeding.
    #[inline(always)]
    pub(super) fn settled(&self) -> Option<Pack> {
        self.settled.then_some(self.state)
    }

    /// Remember averages that no absent value has gone into.
    #[inline(always)]
    pub(super) fn keep(&mut self, averages: Pack) {
        self.state = averages;
    }

    /// The same in every case; NaN while seeding.
    pub(super) fn slow(&mut self, x: &Pack, rate: Rate) -> Pack {
        let Rate { period, share, gain } = rate;
        self.run = count_run(*x, self.run);
        self.settled = all_above(&self.run, period);
        for k in 0..PACK {
            let (run, state) = (self.run[k], self.state[k]);
            self.state[k] = if run > period {
                state + gain * (x[k] - state)
            } else if run == 1.0 {
                x[k]
            } else {
                state + x[k]
            };
            if run == period {
                self.state[k] *= share;
            }
        }
        lanes::zip(self.run, self.state, |run, next| if run >= period { next } else { f64::NAN })
    }
}

/// Take in one value a column, where no column is seeding. An absent value stays in its average from then on.
#[inline(always)]
pub(super) fn move_average(averages: &mut Pack, x: &Pack, gain: f64) -> Pack {
    *averages = lanes::zip(*averages, *x, |average, x| average + gain * (x - average));
    *averages
}

impl Down<1> for Rate {
    type State = Average;
    type Moving = Pack;
    const ROWS: usize = 16;

    #[inline(always)]
    fn moving(average: &Average) -> Option<Pack> {
        average.settled()
    }

    #[inline(always)]
    fn keep(average: &mut Average, moving: Pack) {
        average.keep(moving);
    }

    #[inline(always)]
    fn fast(&self, _: &Average, moving: &mut Pack, [x]: &[Pack; 1]) -> Pack {
        move_average(moving, x, self.gain)
    }

    #[inline(always)]
    fn is_sound(moving: &Pack) -> bool {
        all_present(moving)
    }

    fn slow(&self, average: &mut Average, [x]: &[Pack; 1], _: Place) -> Pack {
        average.slow(x, *self)
    }
}

/// Present values in a row, up to and with `x`.
#[inline(always)]
pub(super) fn count_run(x: Pack, run: Pack) -> Pack {
    let next = lanes::map(run, |run| run + 1.0);
    lanes::zip(x, next, |x, next| if x.is_nan() { 0.0 } else { next })
}

/// Average every column of `x` into `out`.
fn average_into(x: &[f64], cols: usize, rate: Rate, out: &mut [f64]) -> Result<()> {
    rows_of("x", x.len(), cols)?;
    check_same("out", out.len(), x.len())?;
    let mut columns = vec![Average::NEW; cols.div_ceil(PACK)];
    let stretch = Stretch { inputs: [x], cols, first_row: 0 };
    lanes::dispatch(
        #[inline(always)]
        || stretch.go(&rate, out, &mut columns),
    );
    Ok(())
}

/// Exponential moving average: first value at the `period`-th, the plain mean so far.
pub fn ema_into(x: &[f64], cols: usize, period: usize, out: &mut [f64]) -> Result<()> {
    check_period(period, 1)?;
    average_into(x, cols, Rate::ema(period), out)
}

/// Wilder's average: `(A[t−1]·(p−1) + x[t])/p`, seeded like [`ema_into`].
pub fn wilder_into(x: &[f64], cols: usize, period: usize, out: &mut [f64]) -> Result<()> {
    check_period(period, 1)?;
    average_into(x, cols, Rate::wilder(period), out)
}
