//! True range, ATR, and Wilder's directional movement: ±DM, ±DI, DX, ADX.
//!
//! `TR = max(H, P₋) − min(L, P₋)` from the second bar on. ±DM and TR are summed over the first
//! `p − 1` bars that have a predecessor, then `S = S − S/p + x`. `±DI = 100·S(±DM)/S(TR)` from bar
//! `p` on, `DX = 100·|+DI − −DI|/(+DI + −DI)`, and ADX is the mean of the first `p` DX, then
//! Wilder's average. Where +DI + −DI is 0 (below 1e-14), DX and ADX keep their values.

use super::average::{Average, Rate, count_run};
use super::{check_period, check_same, lane_of, put_lane, rows_of};
use crate::error::Result;
use crate::lanes::{self, PACK, Pack};

/// What TA-Lib takes for 0.
const NOTHING: f64 = 1e-14;

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

/// The newest bar of one lane of columns.
#[derive(Debug, Clone, Copy)]
struct Bar {
    high: Pack,
    low: Pack,
    close: Pack,
}

impl Bar {
    const ABSENT: Self =
        Self { high: [f64::NAN; PACK], low: [f64::NAN; PACK], close: [f64::NAN; PACK] };
}

impl Bars<'_> {
    fn check(&self, period: usize, out: usize) -> Result<()> {
        check_period(period, 1)?;
        rows_of("high", self.high.len(), self.cols)?;
        check_same("low", self.low.len(), self.high.len())?;
        check_same("close", self.close.len(), self.high.len())?;
        check_same("out", out, self.high.len())
    }

    /// Run `step(state, bar before, bar)` down every lane of columns, and `finish(state)` into `out`.
    /// They are two loops over a row: as one, it would be too long to vectorise.
    #[inline(always)]
    fn scan<S: Copy>(
        &self,
        start: S,
        out: &mut [f64],
        step: impl Fn(&mut S, &Bar, &Bar),
        finish: impl Fn(&mut S) -> Pack,
    ) {
        let cols = self.cols;
        let mut columns = vec![(Bar::ABSENT, start); cols.div_ceil(PACK)];
        let rows = self.high.chunks_exact(cols).zip(self.low.chunks_exact(cols));
        let rows = rows.zip(self.close.chunks_exact(cols)).zip(out.chunks_exact_mut(cols));
        lanes::dispatch(
            #[inline(always)]
            move || {
                // Owned here, so that what they captured stays in registers.
                let (step, finish) = (step, finish);
                for (((high, low), close), out) in rows {
                    for (j, (before, state)) in columns.iter_mut().enumerate() {
                        let bar = Bar {
                            high: lane_of(high, j),
                            low: lane_of(low, j),
                            close: lane_of(close, j),
                        };
                        step(state, before, &bar);
                        before.high = bar.high;
                        lanes::end_lane();
                        before.low = bar.low;
                        lanes::end_lane();
                        before.close = bar.close;
                        lanes::end_lane();
                    }
                    for (j, (_, state)) in columns.iter_mut().enumerate() {
                        put_lane(out, j, finish(state));
                        lanes::end_lane();
                    }
                }
            },
        );
    }
}

#[inline(always)]
fn range_of(before: &Bar, bar: &Bar) -> Pack {
    let mut out = [0.0; PACK];
    for k in 0..PACK {
        let (high, low, old) = (bar.high[k], bar.low[k], before.close[k]);
        let top = if high > old { high } else { old };
        let bottom = if low < old { low } else { old };
        out[k] = if high >= low { top - bottom } else { f64::NAN };
    }
    out
}

/// True range; NaN where the bar or the close before it is absent.
pub fn true_range(bars: Bars) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; bars.high.len()];
    bars.check(1, out.len())?;
    bars.scan(
        [f64::NAN; PACK],
        &mut out,
        #[inline(always)]
        |range, before, bar| *range = range_of(before, bar),
        #[inline(always)]
        |range| *range,
    );
    Ok(out)
}

/// Average true range, into `out`.
pub fn atr_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    bars.check(period, out.len())?;
    let rate = Rate::wilder(period);
    bars.scan(
        ([f64::NAN; PACK], Average::NEW),
        out,
        #[inline(always)]
        |(range, _), before, bar| *range = range_of(before, bar),
        #[inline(always)]
        move |(range, average)| average.step(*range, rate),
    );
    Ok(())
}

/// Average true range: first value at bar `period`, the mean of the first `period` true ranges.
pub fn atr(bars: Bars, period: usize) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; bars.high.len()];
    atr_into(bars, period, &mut out)?;
    Ok(out)
}

/// Wilder's running sums of +DM, −DM and TR.
#[derive(Debug, Clone, Copy)]
struct Sums {
    plus: Pack,
    minus: Pack,
    range: Pack,
    /// Bars in a row that have a predecessor.
    run: Pack,
}

impl Sums {
    const NEW: Self =
        Self { plus: [0.0; PACK], minus: [0.0; PACK], range: [0.0; PACK], run: [0.0; PACK] };

    #[inline(always)]
    fn step(&mut self, before: &Bar, bar: &Bar, rate: Rate) {
        let range = range_of(before, bar);
        let run = count_run(range, self.run);
        let up = lanes::zip(bar.high, before.high, |now, old| now - old);
        let down = lanes::zip(before.low, bar.low, |old, now| old - now);
        // Up to bar p − 1 the sums only grow; a new run begins from nothing.
        let fall = lanes::map(run, |run| if run >= rate.period { rate.share } else { 0.0 });
        self.plus = grow(self.plus, winning(up, down), run, fall);
        lanes::end_lane();
        self.minus = grow(self.minus, winning(down, up), run, fall);
        lanes::end_lane();
        self.range = grow(self.range, range, run, fall);
        lanes::end_lane();
        self.run = run;
        lanes::end_lane();
    }
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

/// Choose one of Wilder's sums or a ratio of them, from the `from`-th bar with a predecessor on.
fn directional(
    bars: Bars,
    period: usize,
    from: usize,
    pick: impl Fn(f64, f64, f64) -> f64,
) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; bars.high.len()];
    bars.check(period, out.len())?;
    let (rate, from) = (Rate::wilder(period), from.max(1) as f64);
    bars.scan(
        Sums::NEW,
        &mut out,
        #[inline(always)]
        move |sums, before, bar| sums.step(before, bar, rate),
        #[inline(always)]
        move |sums| {
            let mut out = [0.0; PACK];
            for k in 0..PACK {
                let value = pick(sums.plus[k], sums.minus[k], sums.range[k]);
                out[k] = if sums.run[k] >= from { value } else { f64::NAN };
            }
            out
        },
    );
    Ok(out)
}

/// Wilder's sum of +DM, first at bar `period − 1`.
pub fn plus_dm(bars: Bars, period: usize) -> Result<Vec<f64>> {
    directional(bars, period, period.saturating_sub(1), |plus, _, _| plus)
}

/// Wilder's sum of −DM, first at bar `period − 1`.
pub fn minus_dm(bars: Bars, period: usize) -> Result<Vec<f64>> {
    directional(bars, period, period.saturating_sub(1), |_, minus, _| minus)
}

#[inline(always)]
fn index(movement: f64, range: f64) -> f64 {
    if range < NOTHING { 0.0 } else { 100.0 * movement / range }
}

/// Positive directional index, first at bar `period`.
pub fn plus_di(bars: Bars, period: usize) -> Result<Vec<f64>> {
    directional(bars, period, period, |plus, _, range| index(plus, range))
}

/// Negative directional index, first at bar `period`.
pub fn minus_di(bars: Bars, period: usize) -> Result<Vec<f64>> {
    directional(bars, period, period, |_, minus, range| index(minus, range))
}

/// Sums and the values that DX and ADX keep.
#[derive(Debug, Clone, Copy)]
struct Trend {
    sums: Sums,
    /// DX, or the sum and then the average of DX.
    value: Pack,
}

impl Trend {
    const NEW: Self = Self { sums: Sums::NEW, value: [0.0; PACK] };
}

/// `DX`, and a margin that is below 0 where +DI + −DI is 0 and `DX` divides by nothing.
#[inline(always)]
fn index_of(sums: &Sums) -> (Pack, Pack) {
    let both = lanes::zip(sums.plus, sums.minus, |plus, minus| plus + minus);
    let gap = lanes::zip(sums.plus, sums.minus, |plus, minus| 100.0 * (plus - minus).abs());
    let size =
        lanes::zip(sums.range, both, |range, both| if range >= NOTHING { both } else { -1.0 });
    let margin = lanes::zip(size, sums.range, |size, range| 100.0 * size - NOTHING * range);
    (lanes::zip(gap, both, |gap, both| gap / both), margin)
}

/// Directional movement index, first at bar `period`.
pub fn dx(bars: Bars, period: usize) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; bars.high.len()];
    bars.check(period, out.len())?;
    let rate = Rate::wilder(period);
    bars.scan(
        Trend::NEW,
        &mut out,
        #[inline(always)]
        move |trend, before, bar| trend.sums.step(before, bar, rate),
        #[inline(always)]
        move |trend| {
            let (share, margin) = index_of(&trend.sums);
            let run = trend.sums.run;
            let held = lanes::zip(
                run,
                trend.value,
                |run, value| {
                    if run > rate.period { value } else { 0.0 }
                },
            );
            let value = lanes::zip3(
                margin,
                share,
                held,
                |margin, share, held| {
                    if margin >= 0.0 { share } else { held }
                },
            );
            trend.value = value;
            lanes::end_lane();
            lanes::zip(run, value, |run, value| if run >= rate.period { value } else { f64::NAN })
        },
    );
    Ok(out)
}

/// Average directional movement index, into `out`.
pub fn adx_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    bars.check(period, out.len())?;
    let rate = Rate::wilder(period);
    // DX begins at bar p of a run, ADX p − 1 bars later with their mean.
    let (first_dx, first) = (rate.period, 2.0 * rate.period - 1.0);
    bars.scan(
        Trend::NEW,
        out,
        #[inline(always)]
        move |trend, before, bar| trend.sums.step(before, bar, rate),
        #[inline(always)]
        move |trend| {
            let (share, margin) = index_of(&trend.sums);
            let run = trend.sums.run;
            let held =
                lanes::zip(run, trend.value, |run, value| if run > first_dx { value } else { 0.0 });
            let summed = lanes::zip(held, share, |held, share| held + share);
            let moved = lanes::zip(held, share, |held, share| held + (share - held) * rate.share);
            let next = lanes::zip3(
                run,
                moved,
                summed,
                |run, moved, summed| {
                    if run > first { moved } else { summed }
                },
            );
            let next = lanes::zip3(
                margin,
                next,
                held,
                |margin, next, held| {
                    if margin >= 0.0 { next } else { held }
                },
            );
            let mean = lanes::map(next, |sum| sum * rate.share);
            let value = lanes::zip3(
                run,
                mean,
                next,
                |run, mean, next| if run == first { mean } else { next },
            );
            trend.value = value;
            lanes::end_lane();
            lanes::zip(run, value, |run, value| if run >= first { value } else { f64::NAN })
        },
    );
    Ok(())
}

/// Average directional movement index, first at bar `2·period − 1`.
pub fn adx(bars: Bars, period: usize) -> Result<Vec<f64>> {
    let mut out = vec![f64::NAN; bars.high.len()];
    adx_into(bars, period, &mut out)?;
    Ok(out)
}
