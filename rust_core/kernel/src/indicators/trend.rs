//! DX and ADX: how one-sided the movement is.
//!
//! `DX = 100·|+DI − −DI|/(+DI + −DI)` from bar `p` of a run on, and ADX is the mean of the first `p`
//! DX, then Wilder's average. Where +DI + −DI is 0 (below 1e-14), DX and ADX keep their values.

use super::average::Rate;
use super::direction::{Bars, Counted, NOTHING, Start, Step, Sums};
use super::down::{Down, Place};
use crate::error::Result;
use crate::lanes::{self, PACK, Pack};

/// Sums and the values that DX and ADX keep.
#[derive(Debug, Clone, Copy)]
struct Trend {
    counted: Counted,
    /// DX, or the sum and then the average of DX.
    value: Pack,
}

impl Start for Trend {
    const NEW: Self = Self { counted: Counted::NEW, value: [0.0; PACK] };
}

impl Trend {
    #[inline(always)]
    fn settled(&self) -> Option<(Sums, Pack)> {
        self.counted.settled.then_some((self.counted.sums, self.value))
    }

    #[inline(always)]
    fn keep(&mut self, (sums, value): (Sums, Pack)) {
        self.counted.sums = sums;
        self.value = value;
    }
}

/// `DX`, and a margin that is below 0 where +DI + −DI is 0 and `DX` divides by nothing.
#[inline(always)]
fn index_of(sums: &Sums) -> (Pack, Pack) {
    let both = lanes::zip(sums.plus, sums.minus, |plus, minus| plus + minus);
    let gap = lanes::zip(sums.plus, sums.minus, |plus, minus| 100.0 * (plus - minus).abs());
    let margin = lanes::zip(sums.range, both, |range, both| {
        let margin = 100.0 * both - NOTHING * range;
        if range >= NOTHING { margin } else { -1.0 }
    });
    (lanes::zip(gap, both, |gap, both| gap / both), margin)
}

/// DX, bar by bar.
struct Index(Rate);

impl Down<5> for Index {
    type State = Trend;
    type Moving = (Sums, Pack);

    #[inline(always)]
    fn moving(trend: &Trend) -> Option<(Sums, Pack)> {
        trend.settled()
    }

    #[inline(always)]
    fn keep(trend: &mut Trend, moving: (Sums, Pack)) {
        trend.keep(moving);
    }

    #[inline(always)]
    fn is_sound((sums, _): &(Sums, Pack)) -> bool {
        sums.is_sound()
    }

    #[inline(always)]
    fn fast(&self, _: &Trend, (sums, value): &mut (Sums, Pack), step: &Step) -> Pack {
        sums.fast(step, self.0.share);
        let held = *value;
        let (share, margin) = index_of(sums);
        *value = lanes::zip3(
            margin,
            share,
            held,
            |margin, share, held| {
                if margin >= 0.0 { share } else { held }
            },
        );
        *value
    }

    fn slow(&self, trend: &mut Trend, step: &Step, _: Place) -> Pack {
        let period = self.0.period;
        trend.counted.slow(step, self.0, period);
        let (share, margin) = index_of(&trend.counted.sums);
        let mut out = [f64::NAN; PACK];
        for k in 0..PACK {
            let run = trend.counted.run[k];
            let held = if run > period { trend.value[k] } else { 0.0 };
            trend.value[k] = if margin[k] >= 0.0 { share[k] } else { held };
            if run >= period {
                out[k] = trend.value[k];
            }
        }
        out
    }
}

/// Directional movement index, first at bar `period`.
pub fn dx_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    bars.check(period, out.len())?;
    bars.scan(Index(Rate::wilder(period)), out);
    Ok(())
}

/// ADX: DX begins at bar p of a run, ADX p − 1 bars later with their mean.
struct AverageIndex(Rate);

impl Down<5> for AverageIndex {
    type State = Trend;
    type Moving = (Sums, Pack);

    #[inline(always)]
    fn moving(trend: &Trend) -> Option<(Sums, Pack)> {
        trend.settled()
    }

    #[inline(always)]
    fn keep(trend: &mut Trend, moving: (Sums, Pack)) {
        trend.keep(moving);
    }

    #[inline(always)]
    fn is_sound((sums, _): &(Sums, Pack)) -> bool {
        sums.is_sound()
    }

    #[inline(always)]
    fn fast(&self, _: &Trend, (sums, value): &mut (Sums, Pack), step: &Step) -> Pack {
        sums.fast(step, self.0.share);
        let held = *value;
        let (share, margin) = index_of(sums);
        let gain = self.0.share;
        *value = lanes::zip3(margin, share, held, |margin, share, held| {
            let moved = held + (share - held) * gain;
            if margin >= 0.0 { moved } else { held }
        });
        *value
    }

    fn slow(&self, trend: &mut Trend, step: &Step, _: Place) -> Pack {
        let Rate { period, share: gain, .. } = self.0;
        let first = 2.0 * period - 1.0;
        trend.counted.slow(step, self.0, first);
        let (share, margin) = index_of(&trend.counted.sums);
        let mut out = [f64::NAN; PACK];
        for k in 0..PACK {
            let run = trend.counted.run[k];
            let held = if run > period { trend.value[k] } else { 0.0 };
            let next = if run > first { held + (share[k] - held) * gain } else { held + share[k] };
            let next = if margin[k] >= 0.0 { next } else { held };
            trend.value[k] = if run == first { next * gain } else { next };
            if run >= first {
                out[k] = trend.value[k];
            }
        }
        out
    }
}

/// Average directional movement index, first at bar `2·period − 1`.
pub fn adx_into(bars: Bars, period: usize, out: &mut [f64]) -> Result<()> {
    bars.check(period, out.len())?;
    bars.scan(AverageIndex(Rate::wilder(period)), out);
    Ok(())
}
