//! Rolling mean, standard deviation and z-score.
//!
//! The sums run over `d = x − c`, `c` the column's value where the sums were last taken afresh
//! (every 256 rows), so that a high level does not eat the digits of a small spread. Where sliding
//! has still lost them (the sum of squares is small against all that passed through it), the window
//! is summed afresh around its own mean, and the sums go on from there.

use super::{
    Down, all_present, along_row, check_period, check_same, first_column, lane_of, put_lane,
    rows_of,
};
use crate::error::{KernelError, Result};
use crate::lanes::{self, PACK, Pack};

/// Rows between two fresh sums.
const BLOCK: usize = 256;
/// Share of what passed through a sum of squares below which its digits are not trusted.
const TRUST_FRAC: f64 = 1e-5;

/// Sums over the window of one pack of columns.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Sums {
    centre: Pack,
    sum: Pack,
    squares: Pack,
    /// Squares that were ever part of the sum since it was fresh.
    passed: Pack,
    /// Absent values in the window.
    absent: Pack,
    /// No value of the window is absent in any column.
    full: bool,
}

impl Sums {
    const NEW: Self = Self {
        centre: [0.0; PACK],
        sum: [0.0; PACK],
        squares: [0.0; PACK],
        passed: [0.0; PACK],
        absent: [0.0; PACK],
        full: true,
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
        self.squares = lanes::zip(self.squares, square, |sum, d| sum + d);
        self.passed = lanes::zip(self.passed, square, |sum, d| sum + d);
        self.absent = lanes::zip(self.absent, absent, |sum, d| sum + d);
        lanes::end_lane();
    }

    /// Take in `new` and let `old` go where nothing is absent; whether that was so.
    #[inline(always)]
    fn turn(&mut self, new: &Pack, old: &Pack) -> bool {
        if !self.full || !all_present(new) {
            return false;
        }
        let enter = lanes::zip(*new, self.centre, |x, centre| x - centre);
        let leave = lanes::zip(*old, self.centre, |x, centre| x - centre);
        self.slide(enter, leave);
        true
    }

    #[inline(always)]
    fn slide(&mut self, enter: Pack, leave: Pack) {
        let square = lanes::map(enter, |d| d * d);
        self.sum = lanes::zip3(self.sum, enter, leave, |sum, enter, leave| (sum + enter) - leave);
        self.squares =
            lanes::zip3(self.squares, square, leave, |sum, square, d| (sum + square) - d * d);
        self.passed = lanes::zip(self.passed, square, |sum, square| sum + square);
    }

    /// The same in every case.
    fn turn_absent(&mut self, new: &Pack, old: &Pack) {
        let (enter, absent) = self.terms(*new);
        let (leave, was_absent) = self.terms(*old);
        self.slide(enter, leave);
        self.absent =
            lanes::zip3(self.absent, absent, was_absent, |sum, now, old| (sum + now) - old);
        self.full = self.absent == [0.0; PACK];
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

    /// Slide down all rows; `finish(sums, newest, spread)` is what goes to `out`. With `SPREAD` it is
    /// given the sum of squares around the mean, whose digits are watched over.
    #[inline(always)]
    fn scan<const SPREAD: bool>(
        self,
        out: &mut [f64],
        finish: impl Fn(&Sums, &Pack, &Pack) -> Pack,
    ) {
        let mut columns = vec![Sums::NEW; self.cols.div_ceil(PACK)];
        lanes::dispatch(
            #[inline(always)]
            move || {
                let plan = self;
                let mut slide = Slide::<_, SPREAD> { plan, finish, doubt: [0.0; PACK] };
                for (t, out) in out.chunks_exact_mut(plan.cols).enumerate() {
                    if t + 1 < plan.period {
                        out.fill(f64::NAN);
                        continue;
                    }
                    slide.doubt = [0.0; PACK];
                    if t % BLOCK == 0 || t < plan.period {
                        plan.restart(t, &mut columns);
                        slide.tell(t, &columns, out);
                    } else {
                        let inputs = [plan.row(t), plan.row(t - plan.period)];
                        along_row(&mut slide, &inputs, out, &mut columns);
                    }
                    if slide.doubt != [0.0; PACK] {
                        plan.repair(t, &mut columns);
                        slide.tell(t, &columns, out);
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
            fresh.full = fresh.absent == [0.0; PACK];
            *sums = fresh;
            lanes::end_lane();
        }
    }

    /// Mean of each column.
    #[inline(always)]
    fn mean(&self, sums: &Sums) -> Pack {
        lanes::zip(sums.centre, sums.sum, |centre, sum| centre + sum * self.share)
    }

    /// Sum of squares around the mean.
    #[inline(always)]
    fn spread(&self, sums: &Sums) -> Pack {
        let spread =
            lanes::zip(sums.squares, sums.sum, |squares, sum| squares - sum * sum * self.share);
        lanes::map(spread, |spread| if spread > 0.0 { spread } else { 0.0 })
    }

    /// Take the sums that have lost digits afresh, around the mean of their window.
    #[inline(never)]
    fn repair(&self, t: usize, columns: &mut [Sums]) {
        let first = t + 1 - self.period;
        for (j, sums) in columns.iter_mut().enumerate() {
            let spread = self.spread(sums);
            let lost =
                |k: &usize| sums.absent[*k] == 0.0 && spread[*k] < TRUST_FRAC * sums.passed[*k];
            let lost: Vec<usize> = (0..PACK.min(self.cols)).filter(lost).collect();
            for k in lost {
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

/// One step of a window down its column.
struct Slide<'a, F, const SPREAD: bool> {
    plan: Plan<'a>,
    finish: F,
    /// Above 0 where a row has lost digits.
    doubt: Pack,
}

impl<F: Fn(&Sums, &Pack, &Pack) -> Pack, const SPREAD: bool> Slide<'_, F, SPREAD> {
    /// Value of each column whose window is full. Notes where sliding has lost the digits of a sum of
    /// squares.
    #[inline(always)]
    fn answer(&mut self, sums: &Sums, newest: &Pack) -> Pack {
        if !SPREAD {
            return (self.finish)(sums, newest, newest);
        }
        let spread = self.plan.spread(sums);
        let lost =
            lanes::zip(
                spread,
                sums.passed,
                |spread, passed| {
                    if spread < TRUST_FRAC * passed { 1.0 } else { 0.0 }
                },
            );
        self.doubt = lanes::zip(self.doubt, lost, |doubt, lost| doubt + lost);
        lanes::end_lane();
        (self.finish)(sums, newest, &spread)
    }

    /// The same where a column may have an absent value in its window, and is NaN then.
    fn answer_absent(&mut self, sums: &Sums, newest: &Pack) -> Pack {
        let before = self.doubt;
        let value = self.answer(sums, newest);
        // What is NaN has no digits to lose.
        self.doubt =
            lanes::zip3(
                before,
                self.doubt,
                sums.absent,
                |before, doubt, absent| {
                    if absent > 0.0 { before } else { doubt }
                },
            );
        lanes::zip(value, sums.absent, |value, absent| if absent > 0.0 { f64::NAN } else { value })
    }

    /// Write the values of a row from the sums as they stand.
    fn tell(&mut self, t: usize, columns: &[Sums], out: &mut [f64]) {
        for (j, sums) in columns.iter().enumerate() {
            let newest = lane_of(self.plan.row(t), j);
            let value = self.answer_absent(sums, &newest);
            put_lane(out, j, value);
        }
    }
}

impl<F: Fn(&Sums, &Pack, &Pack) -> Pack, const SPREAD: bool> Down<2> for Slide<'_, F, SPREAD> {
    type State = Sums;

    #[inline(always)]
    fn fast(&mut self, sums: &mut Sums, [new, old]: &[Pack; 2]) -> Option<Pack> {
        sums.turn(new, old).then(|| self.answer(sums, new))
    }

    fn slow(&mut self, sums: &mut Sums, [new, old]: &[Pack; 2]) -> Pack {
        sums.turn_absent(new, old);
        self.answer_absent(sums, new)
    }
}

/// Mean of the newest `period` values.
pub fn rolling_mean_into(x: &[f64], cols: usize, period: usize, out: &mut [f64]) -> Result<()> {
    let plan = Plan::new(x, cols, period, out.len())?;
    plan.scan::<false>(
        out,
        #[inline(always)]
        move |sums, _, _| plan.mean(sums),
    );
    Ok(())
}

fn check_ddof(period: usize, ddof: usize) -> Result<()> {
    if ddof > 1 {
        let what = format!("is {ddof}, wants 0 (population) or 1 (sample)");
        return Err(KernelError::Argument { name: "ddof", what });
    }
    check_period(period, ddof + 1)
}

/// Standard deviation of the newest `period` values; `ddof` 0 (as in TA-Lib) or 1.
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
        move |_, _, spread| lanes::map(*spread, |spread| (spread * share).sqrt()),
    );
    Ok(())
}

/// The newest value less the mean of the newest `period`, over their standard deviation; NaN where
/// that is 0.
pub fn rolling_zscore_into(
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
        move |sums, newest, spread| {
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
    Ok(())
}
