//! True range, ATR, and Wilder's directional movement: ±DM and ±DI.
//!
//! `TR = max(H, P₋) − min(L, P₋)` from the second bar on. ±DM and TR are summed over the first
//! `p − 1` bars that have a predecessor, then `S = S − S/p + x`. `±DI = 100·S(±DM)/S(TR)` from bar
//! `p` on.

use super::average::{Average, Rate, count_run, move_average};
use super::down::{Down, Place, Stretch, all_above, all_present};
use super::{check_period, check_same, rows_of};
use crate::error::Result;
use crate::lanes::{self, PACK, Pack};

/// What TA-Lib takes for 0.
pub(super) const NOTHING: f64 = 1e-14;

/// High, low and close of the same shape.
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// Highs.
    pub high: &'a [f64],
    /// Lows.
    pub low: &'a [f64],
    /// Closes.
    pub close: &'a [f64],
    /// Number of columns.
    pub cols: usize,
}

/// High and low of one pack of columns, and high, low and close of the bar before.
pub(super) type Step = [Pack; 5];

impl Bars<'_> {
    pub(super) fn check(&self, period: usize, out: usize) -> Result<()> {
        check_period(period, 1)?;
        rows_of("high", self.high.len(), self.cols)?;
        check_same("low", self.low.len(), self.high.len())?;
        check_same("close", self.close.len(), self.high.len())?;
        check_same("out", out, self.high.len())
    }

    /// Go down every pack of columns, into `out`.
    #[inline(always)]
    pub(super) fn scan<D: Down<5>>(&self, work: D, out: &mut [f64])
    where
        D::State: Copy + Start,
    {
        let cols = self.cols;
        let Self { high, low, close, .. } = *self;
        let mut columns = vec![D::State::NEW; cols.div_ceil(PACK)];
        // Before the first bar there is none.
        let absent = vec![f64::NAN; cols];
        let first = cols.min(out.len());
        let (beginning, later) = out.split_at_mut(first);
        let inputs = [&high[..first], &low[..first], &absent, &absent, &absent];
        Stretch { inputs, cols, first_row: 0 }.go_slowly(&work, beginning, &mut columns);
        let inputs = [&high[first..], &low[first..], high, low, close];
        let rest = Stretch { inputs, cols, first_row: 1 };
        lanes::dispatch(
            #[inline(always)]
            move || rest.go(&work, later, &mut columns),
        );
    }
}

/// A state that has seen nothing.
pub(super) trait Start {
    const NEW: Self;
}

#[inline(always)]
fn range_of([high, low, _, _, close_before]: &Step) -> Pack {
    lanes::zip3(
        *high,
        *low,
        *close_before,
        #[inline(always)]
        |high, low, old| {
            let top = if high > old { high } else { old };
            let bottom = if low < old { low } else { old };
            if high >= low { top - bottom } else { f64::NAN }
        },
    )
}

/// True range, bar by bar.
struct Range;

impl Start for () {
    const NEW: Self = ();
}

impl Down<5> for Range {
    type State = ();
    type Moving = ();
    const ROWS: usize = 2;

    #[inline(always)]
    fn moving((): &()) -> Option<()> {
        Some(())
    }

    #[inline(always)]
    fn keep((): &mut (), (): ()) {}

    #[inline(always)]
    fn fast(&self, (): &(), (): &mut (), step: &Step) -> Pack {
        range_of(step)
    }

    #[inline(always)]
    fn is_sound((): &()) -> bool {
        true
    }

    fn slow(&self, (): &mut (), step: &Step, _: Place) -> Pack {
        range_of(step)
    }
}

/// Wilder's average of the true range.
struct AverageRange(Rate);

impl Start for Average {
    const NEW: Self = Self::NEW;
}

impl Down<5> for AverageRange {
    type State = Average;
    type Moving = Pack;
    const ROWS: usize = 2;

    #[inline(always)]
    fn moving(average: &Average) -> Option<Pack> {
        average.settled()
    }

    #[inline(always)]
    fn keep(average: &mut Average, moving: Pack) {
        average.keep(moving);
    }

    #[inline(always)]
    fn fast(&self, _: &Average, moving: &mut Pack, step: &Step) -> Pack {
        move_average(moving, &range_of(step), self.0.gain)
    }

    #[inline(always)]
    fn is_sound(moving: &Pack) -> bool {
        all_present(moving)
    }

    fn slow(&self, average: &mut Average, step: &Step, _: Place) -> Pack {
        average.slow(&range_of(step), self.0)
    }
}

/// True range; NaN where the bar or the close before it is absent.
pub fn true_range_into(bars: Bars, out: &mut [f64]) -> Result<()> {
    bars.check(1, out.len())?;
    bars.scan(Range, out);
    Ok(())
}

/// Average true range: first value at bar `period`, the mean of the first `period` true ranges.
pub fn atr_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    bars.check(period, out.len())?;
    bars.scan(AverageRange(Rate::wilder(period)), out);
    Ok(())
}

/// Wilder's running sums of +DM, −DM and TR.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub(super) plus: Pack,
    pub(super) minus: Pack,
    pub(super) range: Pack,
}

impl Sums {
    const NEW: Self = Self { plus: [0.0; PACK], minus: [0.0; PACK], range: [0.0; PACK] };

    /// Take in a bar where no column is seeding. One that is absent stays in the sum of ranges from then on.
    #[inline(always)]
    pub(super) fn fast(&mut self, step: &Step, share: f64) {
        let range = range_of(step);
        let (plus, minus) = movement(step);
        self.plus = lanes::zip(self.plus, plus, |sum, x| sum - sum * share + x);
        self.minus = lanes::zip(self.minus, minus, |sum, x| sum - sum * share + x);
        self.range = lanes::zip(self.range, range, |sum, x| sum - sum * share + x);
    }

    /// Whether no absent bar was taken in.
    #[inline(always)]
    pub(super) fn is_sound(&self) -> bool {
        all_present(&self.range)
    }
}

/// These sums, and how many bars have gone into them.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Counted {
    pub(super) sums: Sums,
    /// Bars in a row that have a predecessor.
    pub(super) run: Pack,
    /// `run` is above every count that matters in all columns, and need not be counted on.
    pub(super) settled: bool,
}

impl Start for Counted {
    const NEW: Self = Self { sums: Sums::NEW, run: [0.0; PACK], settled: false };
}

impl Counted {
    /// The same in every case. From a run of more than `enough` on, nothing depends on its length.
    pub(super) fn slow(&mut self, step: &Step, rate: Rate, enough: f64) {
        let range = range_of(step);
        let run = count_run(range, self.run);
        let (plus, minus) = movement(step);
        // Up to bar p − 1 the sums only grow; a new run begins from nothing.
        let fall = lanes::map(run, |run| if run >= rate.period { rate.share } else { 0.0 });
        let sums = &mut self.sums;
        sums.plus = grow(sums.plus, plus, run, fall);
        sums.minus = grow(sums.minus, minus, run, fall);
        sums.range = grow(sums.range, range, run, fall);
        self.run = run;
        self.settled = all_above(&run, enough);
    }
}

/// +DM and −DM of a bar.
#[inline(always)]
fn movement([high, low, high_before, low_before, _]: &Step) -> (Pack, Pack) {
    let up = lanes::zip(*high, *high_before, |now, old| now - old);
    let down = lanes::zip(*low_before, *low, |old, now| old - now);
    (winning(up, down), winning(down, up))
}

/// `here` where it is above 0 and above `there`, else 0.
#[inline(always)]
fn winning(here: Pack, there: Pack) -> Pack {
    let wins = lanes::zip(here, there, |here, there| if here > there { here } else { 0.0 });
    lanes::map(wins, |wins| if wins > 0.0 { wins } else { 0.0 })
}

/// `S − S·fall + x`, or `x` where a run begins.
#[inline(always)]
fn grow(sum: Pack, x: Pack, run: Pack, fall: Pack) -> Pack {
    let kept = lanes::zip(sum, fall, |sum, fall| sum - sum * fall);
    let kept = lanes::zip(run, kept, |run, kept| if run > 1.0 { kept } else { 0.0 });
    lanes::zip(kept, x, |kept, x| kept + x)
}

/// One of Wilder's sums or a ratio of them, from the `from`-th bar with a predecessor on.
struct Directional<F> {
    rate: Rate,
    from: f64,
    pick: F,
}

impl<F: Fn(f64, f64, f64) -> f64> Down<5> for Directional<F> {
    type State = Counted;
    type Moving = Sums;

    #[inline(always)]
    fn moving(counted: &Counted) -> Option<Sums> {
        counted.settled.then_some(counted.sums)
    }

    #[inline(always)]
    fn keep(counted: &mut Counted, moving: Sums) {
        counted.sums = moving;
    }

    #[inline(always)]
    fn fast(&self, _: &Counted, sums: &mut Sums, step: &Step) -> Pack {
        sums.fast(step, self.rate.share);
        lanes::zip3(sums.plus, sums.minus, sums.range, &self.pick)
    }

    #[inline(always)]
    fn is_sound(sums: &Sums) -> bool {
        sums.is_sound()
    }

    fn slow(&self, counted: &mut Counted, step: &Step, _: Place) -> Pack {
        counted.slow(step, self.rate, self.from.max(self.rate.period));
        let Counted { sums, run, .. } = *counted;
        let picked = lanes::zip3(sums.plus, sums.minus, sums.range, &self.pick);
        lanes::zip(run, picked, |run, value| if run >= self.from { value } else { f64::NAN })
    }
}

fn directional(
    bars: Bars,
    period: usize,
    from: usize,
    out: &mut [f64],
    pick: impl Fn(f64, f64, f64) -> f64,
) -> Result<()> {
    bars.check(period, out.len())?;
    bars.scan(Directional { rate: Rate::wilder(period), from: from.max(1) as f64, pick }, out);
    Ok(())
}

/// Wilder's sum of +DM, first at bar `period − 1`.
pub fn plus_dm_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    directional(bars, period, period.saturating_sub(1), out, |plus, _, _| plus)
}

/// Wilder's sum of −DM, first at bar `period − 1`.
pub fn minus_dm_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    directional(bars, period, period.saturating_sub(1), out, |_, minus, _| minus)
}

#[inline(always)]
fn index(movement: f64, range: f64) -> f64 {
    if range < NOTHING { 0.0 } else { 100.0 * movement / range }
}

/// Positive directional index, first at bar `period`.
pub fn plus_di_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    directional(bars, period, period, out, |plus, _, range| index(plus, range))
}

/// Negative directional index, first at bar `period`.
pub fn minus_di_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    directional(bars, period, period, out, |_, minus, range| index(minus, range))
}
