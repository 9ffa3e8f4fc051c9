//! True range, ATR, and Wilder's directional movement: ±DM, ±DI, DX, ADX.
//!
//! `TR = max(H, P₋) − min(L, P₋)` from the second bar on. ±DM and TR are summed over the first
//! `p − 1` bars that have a predecessor, then `S = S − S/p + x`. `±DI = 100·S(±DM)/S(TR)` from bar
//! `p` on, `DX = 100·|+DI − −DI|/(+DI + −DI)`, and ADX is the mean of the first `p` DX, then
//! Wilder's average. Where +DI + −DI is 0 (below 1e-14), DX and ADX keep their values.

use super::average::{Average, Rate};
use super::{check_period, check_same, lane_of, put_lane, rows_of};
use crate::error::Result;
use crate::lanes::{self, LANES, Lane};

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
    high: Lane,
    low: Lane,
    close: Lane,
}

impl Bar {
    const ABSENT: Self =
        Self { high: [f64::NAN; LANES], low: [f64::NAN; LANES], close: [f64::NAN; LANES] };
}

impl Bars<'_> {
    fn check(&self, period: usize, out: usize) -> Result<()> {
        check_period(period, 1)?;
        rows_of("high", self.high.len(), self.cols)?;
        check_same("low", self.low.len(), self.high.len())?;
        check_same("close", self.close.len(), self.high.len())?;
        check_same("out", out, self.high.len())
    }

    /// Run `step(state, bar before, bar)` down every lane of columns, its results into `out`.
    #[inline(always)]
    fn scan<S: Copy>(&self, start: S, out: &mut [f64], step: impl Fn(&mut S, &Bar, &Bar) -> Lane) {
        let cols = self.cols;
        let mut columns = vec![(Bar::ABSENT, start); cols.div_ceil(LANES)];
        let rows = self.high.chunks_exact(cols).zip(self.low.chunks_exact(cols));
        let rows = rows.zip(self.close.chunks_exact(cols)).zip(out.chunks_exact_mut(cols));
        lanes::dispatch(
            #[inline(always)]
            || {
                for (((high, low), close), out) in rows {
                    for (j, (before, state)) in columns.iter_mut().enumerate() {
                        let bar = Bar {
                            high: lane_of(high, j),
                            low: lane_of(low, j),
                            close: lane_of(close, j),
                        };
                        put_lane(out, j, step(state, before, &bar));
                        *before = bar;
                        lanes::end_lane();
                    }
                }
            },
        );
    }
}

#[inline(always)]
fn range_of(before: &Bar, bar: &Bar) -> Lane {
    let mut out = [0.0; LANES];
    for k in 0..LANES {
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
        (),
        &mut out,
        #[inline(always)]
        |(), before, bar| range_of(before, bar),
    );
    Ok(out)
}

/// Average true range, into `out`.
pub fn atr_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    bars.check(period, out.len())?;
    let rate = Rate::wilder(period);
    bars.scan(
        Average::NEW,
        out,
        #[inline(always)]
        |average, before, bar| average.step(range_of(before, bar), rate),
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
    plus: Lane,
    minus: Lane,
    range: Lane,
    /// Bars in a row that have a predecessor.
    run: Lane,
}

impl Sums {
    const NEW: Self =
        Self { plus: [0.0; LANES], minus: [0.0; LANES], range: [0.0; LANES], run: [0.0; LANES] };

    #[inline(always)]
    fn step(&mut self, before: &Bar, bar: &Bar, rate: Rate) {
        let range = range_of(before, bar);
        for k in 0..LANES {
            let up = bar.high[k] - before.high[k];
            let down = before.low[k] - bar.low[k];
            let plus = if up > down { up } else { 0.0 };
            let plus = if plus > 0.0 { plus } else { 0.0 };
            let minus = if down > up { down } else { 0.0 };
            let minus = if minus > 0.0 { minus } else { 0.0 };
            let run = if range[k].is_nan() { 0.0 } else { self.run[k] + 1.0 };
            // Up to bar p − 1 the sums only grow; a new run begins from nothing.
            let keep = if run >= rate.period { 1.0 } else { 0.0 };
            let held = if run > 1.0 { 1.0 } else { 0.0 };
            self.plus[k] = held * (self.plus[k] - keep * self.plus[k] * rate.share) + plus;
            self.minus[k] = held * (self.minus[k] - keep * self.minus[k] * rate.share) + minus;
            let old =
                if run > 1.0 { self.range[k] - keep * self.range[k] * rate.share } else { 0.0 };
            self.range[k] = old + range[k];
            self.run[k] = run;
        }
    }
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
        |sums, before, bar| {
            sums.step(before, bar, rate);
            let mut out = [0.0; LANES];
            for k in 0..LANES {
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
    value: Lane,
}

impl Trend {
    const NEW: Self = Self { sums: Sums::NEW, value: [0.0; LANES] };
}

/// Whether +DI + −DI is 0: kept apart from the division, which would be made in vain.
#[inline(always)]
fn moves(both: f64, range: f64) -> bool {
    range >= NOTHING && 100.0 * both >= NOTHING * range
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
        |trend, before, bar| {
            trend.sums.step(before, bar, rate);
            let mut out = [0.0; LANES];
            for k in 0..LANES {
                let (plus, minus) = (trend.sums.plus[k], trend.sums.minus[k]);
                let kept = if trend.sums.run[k] > rate.period { trend.value[k] } else { 0.0 };
                let share = 100.0 * (plus - minus).abs() / (plus + minus);
                let value = if moves(plus + minus, trend.sums.range[k]) { share } else { kept };
                trend.value[k] = value;
                out[k] = if trend.sums.run[k] >= rate.period { value } else { f64::NAN };
            }
            out
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
        |trend, before, bar| {
            trend.sums.step(before, bar, rate);
            let mut out = [0.0; LANES];
            for k in 0..LANES {
                let (plus, minus, run) =
                    (trend.sums.plus[k], trend.sums.minus[k], trend.sums.run[k]);
                let both = plus + minus;
                let share = 100.0 * (plus - minus).abs() / both;
                let kept = if run > first_dx { trend.value[k] } else { 0.0 };
                let summed = kept + share;
                let moved = kept + (share - kept) * rate.share;
                let next = if run > first { moved } else { summed };
                let next = if moves(both, trend.sums.range[k]) { next } else { kept };
                let value = if run == first { next * rate.share } else { next };
                trend.value[k] = if run >= first_dx { value } else { 0.0 };
                out[k] = if run >= first { value } else { f64::NAN };
            }
            out
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
