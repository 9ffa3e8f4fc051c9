//! Rolling mean, standard deviation and z-score.
//!
//! The sums run over `d = x − c`, `c` the column's value where the sums were last taken afresh
//! (every 256 rows), so that a high level does not eat the digits of a small spread. Where sliding
//! has still lost them (the sum of squares is small against all that passed through it), the window
//! is summed afresh around its own mean, and the sums go on from there.

use super::down::{Down, Place, Stretch, all_present, first_column, pack_of, put_pack};
use super::{check_period, check_same, rows_of};
use crate::error::{KernelError, Result};
use crate::lanes::{self, PACK, Pack};

/// Rows between two fresh sums.
const BLOCK: usize = 256;
/// Share of what passed through a sum of squares below which its digits are not trusted.
const TRUST_FRAC: f64 = 1e-5;

/// Sums over the window of one pack of columns.
#[derive(Debug, Clone, Copy)]
struct Sums {
    sum: Pack,
    squares: Pack,
    /// Squares that were ever part of the sum since it was fresh.
    passed: Pack,
    /// The least by which the sum of squares around the mean stood above what is not trusted, in rows that were
    /// taken on trust; below 0, digits were lost.
    margin: Pack,
}

impl Sums {
    const NEW: Self =
        Self { sum: [0.0; PACK], squares: [0.0; PACK], passed: [0.0; PACK], margin: [0.0; PACK] };

    /// Take in what is `enter` from the centre, and let go what is `leave` from it; squares only where a `SPREAD` is wanted.
    #[inline(always)]
    fn slide<const SPREAD: bool>(&mut self, enter: Pack, leave: Pack) {
        self.sum = lanes::zip3(self.sum, enter, leave, |sum, enter, leave| (sum + enter) - leave);
        if !SPREAD {
            return;
        }
        let square = lanes::map(enter, |d| d * d);
        self.squares =
            lanes::zip3(self.squares, square, leave, |sum, square, d| (sum + square) - d * d);
        self.passed = lanes::zip(self.passed, square, |sum, square| sum + square);
    }
}

/// The window of one pack of columns: its sums, and around what they are taken.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Window {
    centre: Pack,
    sums: Sums,
    /// Absent values in the window.
    absent: Pack,
    /// No value of the window is absent in any column.
    full: bool,
}

impl Window {
    const NEW: Self =
        Self { centre: [0.0; PACK], sums: Sums::NEW, absent: [0.0; PACK], full: true };

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
        let sums = &mut self.sums;
        sums.sum = lanes::zip(sums.sum, distance, |sum, d| sum + d);
        sums.squares = lanes::zip(sums.squares, square, |sum, d| sum + d);
        sums.passed = lanes::zip(sums.passed, square, |sum, d| sum + d);
        self.absent = lanes::zip(self.absent, absent, |sum, d| sum + d);
        lanes::end_lane();
    }

    /// Take in `new` and let `old` go.
    fn turn(&mut self, new: &Pack, old: &Pack) {
        let (enter, absent) = self.terms(*new);
        let (leave, was_absent) = self.terms(*old);
        self.sums.slide::<true>(enter, leave);
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

    /// Slide down all rows; `finish(centre, sums, newest, spread)` is what goes to `out`. With `SPREAD` it is
    /// given the sum of squares around the mean, whose digits are watched over.
    #[inline(always)]
    fn scan<const SPREAD: bool>(
        self,
        out: &mut [f64],
        finish: impl Fn(&Pack, &Sums, &Pack, &Pack) -> Pack,
    ) {
        let mut columns = vec![Window::NEW; self.cols.div_ceil(PACK)];
        let (cols, rows) = (self.cols, out.len() / self.cols);
        out[..rows.min(self.period - 1) * cols].fill(f64::NAN);
        let slide = Slide::<_, SPREAD> { plan: self, finish };
        lanes::dispatch(
            #[inline(always)]
            move || {
                let mut fresh = self.period - 1;
                while fresh < rows {
                    self.restart(fresh, &mut columns);
                    slide.tell(fresh, &mut columns, &mut out[fresh * cols..(fresh + 1) * cols]);
                    let next = rows.min((fresh / BLOCK + 1) * BLOCK);
                    let (new, old) = (fresh + 1, fresh + 1 - self.period);
                    let inputs = [&self.x[new * cols..], &self.x[old * cols..]];
                    let stretch = Stretch { inputs, cols, first_row: new };
                    stretch.go(&slide, &mut out[new * cols..next * cols], &mut columns);
                    fresh = next;
                }
            },
        );
    }

    #[inline(always)]
    fn restart(&self, t: usize, columns: &mut [Window]) {
        let first = (t + 1).saturating_sub(self.period);
        let window = &self.x[first * self.cols..(t + 1) * self.cols];
        for (j, place) in columns.iter_mut().enumerate() {
            let column = first_column(j, self.cols);
            let mut fresh = Window::around(pack_of(self.row(t), column));
            for row in window.chunks_exact(self.cols) {
                fresh.enter(pack_of(row, column));
            }
            fresh.full = fresh.absent == [0.0; PACK];
            *place = fresh;
            lanes::end_lane();
        }
    }

    /// Mean of each column.
    #[inline(always)]
    fn mean(&self, centre: &Pack, sums: &Sums) -> Pack {
        lanes::zip(*centre, sums.sum, |centre, sum| centre + sum * self.share)
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
    fn repair(&self, window: &mut Window, at: Place) {
        let Place { row: t, column } = at;
        let first = t + 1 - self.period;
        let spread = self.spread(&window.sums);
        for k in 0..PACK {
            // What is absent has no digits to lose.
            let Window { centre, sums, absent, .. } = &mut *window;
            let lost = spread[k] < TRUST_FRAC * sums.passed[k];
            if absent[k] > 0.0 || !lost {
                continue;
            }
            let column = (column + k) % self.cols;
            let values = || (first..=t).map(|u| self.x[u * self.cols + column]);
            let oldest = self.x[first * self.cols + column];
            centre[k] = oldest + values().map(|x| x - oldest).sum::<f64>() * self.share;
            sums.sum[k] = values().map(|x| x - centre[k]).sum();
            sums.squares[k] = values().map(|x| (x - centre[k]) * (x - centre[k])).sum();
            sums.passed[k] = sums.squares[k];
        }
    }
}

/// One step of a window down its columns.
#[derive(Debug, Clone, Copy)]
struct Slide<'a, F, const SPREAD: bool> {
    plan: Plan<'a>,
    finish: F,
}

impl<F: Fn(&Pack, &Sums, &Pack, &Pack) -> Pack, const SPREAD: bool> Slide<'_, F, SPREAD> {
    /// Value of each column whose window is full. Notes where sliding has lost the digits of a sum of
    /// squares.
    #[inline(always)]
    fn answer(&self, centre: &Pack, sums: &mut Sums, newest: &Pack) -> Pack {
        if !SPREAD {
            return (self.finish)(centre, sums, newest, newest);
        }
        let spread = self.plan.spread(sums);
        let margin = lanes::zip(spread, sums.passed, |spread, passed| spread - TRUST_FRAC * passed);
        sums.margin = lanes::zip(margin, sums.margin, |new, old| if new < old { new } else { old });
        (self.finish)(centre, sums, newest, &spread)
    }

    /// The same where a column may have an absent value in its window, and is NaN then, or may have lost its digits.
    fn answer_any(&self, window: &mut Window, newest: &Pack, at: Place) -> Pack {
        if SPREAD {
            self.plan.repair(window, at);
        }
        let value = self.answer(&window.centre, &mut window.sums, newest);
        window.sums.margin = [0.0; PACK];
        lanes::zip(
            value,
            window.absent,
            |value, absent| if absent > 0.0 { f64::NAN } else { value },
        )
    }

    /// Write the values of a row from the sums as they stand.
    fn tell(&self, t: usize, columns: &mut [Window], out: &mut [f64]) {
        for (j, window) in columns.iter_mut().enumerate() {
            let at = Place { row: t, column: first_column(j, self.plan.cols) };
            let newest = pack_of(self.plan.row(t), at.column);
            let value = self.answer_any(window, &newest, at);
            put_pack(out, at.column, value);
        }
    }
}

impl<F: Fn(&Pack, &Sums, &Pack, &Pack) -> Pack, const SPREAD: bool> Down<2>
    for Slide<'_, F, SPREAD>
{
    type State = Window;
    type Moving = Sums;
    const ROWS: usize = if SPREAD { 1 } else { 2 };

    #[inline(always)]
    fn moving(window: &Window) -> Option<Sums> {
        window.full.then_some(window.sums)
    }

    #[inline(always)]
    fn keep(window: &mut Window, moving: Sums) {
        window.sums = moving;
    }

    #[inline(always)]
    fn fast(&self, window: &Window, sums: &mut Sums, [new, old]: &[Pack; 2]) -> Pack {
        let enter = lanes::zip(*new, window.centre, |x, centre| x - centre);
        let leave = lanes::zip(*old, window.centre, |x, centre| x - centre);
        sums.slide::<SPREAD>(enter, leave);
        self.answer(&window.centre, sums, new)
    }

    #[inline(always)]
    fn is_sound(sums: &Sums) -> bool {
        let mut lost = false;
        for k in 0..PACK {
            lost |= sums.margin[k] < 0.0;
        }
        !lost && all_present(&sums.sum)
    }

    fn slow(&self, window: &mut Window, [new, old]: &[Pack; 2], at: Place) -> Pack {
        window.turn(new, old);
        self.answer_any(window, new, at)
    }
}

/// Mean of the newest `period` values.
pub fn rolling_mean_into(x: &[f64], cols: usize, period: usize, out: &mut [f64]) -> Result<()> {
    let plan = Plan::new(x, cols, period, out.len())?;
    plan.scan::<false>(
        out,
        #[inline(always)]
        move |centre, sums, _, _| plan.mean(centre, sums),
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
        move |_, _, _, spread| lanes::map(*spread, |spread| (spread * share).sqrt()),
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
        move |centre, sums, newest, spread| {
            let mut out = [0.0; PACK];
            for k in 0..PACK {
                // Both less the centre: the level cancels before it can round.
                let above = (newest[k] - centre[k]) - sums.sum[k] * plan.share;
                let z = above / (spread[k] * share).sqrt();
                out[k] = if spread[k] > 0.0 { z } else { f64::NAN };
            }
            out
        },
    );
    Ok(())
}
