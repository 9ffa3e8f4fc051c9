//! True range, its Wilder mean (ATR), and the widening of the range (breakout).
//!
//! `TR = max(H[t], P[t−1]) − min(L[t], P[t−1])`, NaN unless both bars are present.

use super::needs::{Needs, wilder_bars};
use super::prices::Prices;
use super::ring::Ring;
use super::window::{Mean, PlainMean};
use crate::lanes::{self, PACK, Pack};
use crate::params::Params;

/// A range below this share of the price is no range: no ratio is taken to it.
const RANGE_LEAST_FRAC: f64 = 1e-12;

#[derive(Debug)]
pub(super) struct Ranges {
    atr: Option<Atr>,
    breakout: Option<Breakout>,
}

#[derive(Debug)]
struct Atr {
    true_range: Ring,
    mean: Mean,
    out: Ring,
}

#[derive(Debug)]
struct Breakout {
    /// True range over close.
    relative: Ring,
    fast: PlainMean,
    base: PlainMean,
    base_means: Ring,
    fast_bars: i64,
    out: Ring,
}

impl Ranges {
    pub(super) fn new(params: &Params, needs: &Needs, lanes: usize) -> Self {
        let atr = needs.atr.then(|| {
            let bars = wilder_bars(params.atr_bars);
            let alpha = 1.0 / f64::from(params.atr_bars);
            Atr {
                true_range: Ring::new(bars as usize, lanes),
                mean: Mean::exponential(alpha, bars, lanes),
                out: Ring::new(0, lanes),
            }
        });
        let breakout = needs.breakout.then(|| {
            let (fast, base) = (params.breakout_fast_bars, params.breakout_base_bars);
            Breakout {
                relative: Ring::new(fast.max(base) as usize, lanes),
                fast: PlainMean::new(fast, lanes),
                base: PlainMean::new(base, lanes),
                base_means: Ring::new(fast as usize, lanes),
                fast_bars: i64::from(fast),
                out: Ring::new(0, lanes),
            }
        });
        Self { atr, breakout }
    }

    pub(super) fn clear(&mut self) {
        if let Some(atr) = &mut self.atr {
            atr.true_range.clear(f64::NAN);
            atr.mean.clear();
        }
        if let Some(breakout) = &mut self.breakout {
            breakout.relative.clear(f64::NAN);
            breakout.base_means.clear(f64::NAN);
            breakout.fast.clear();
            breakout.base.clear();
        }
    }

    pub(super) fn atr(&self, bar: i64, cols: usize) -> &[f64] {
        self.atr.as_ref().map_or(&[], |atr| atr.out.values(bar, cols))
    }

    pub(super) fn breakout(&self, bar: i64, cols: usize) -> &[f64] {
        self.breakout.as_ref().map_or(&[], |breakout| breakout.out.values(bar, cols))
    }

    pub(super) fn run(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        if let Some(atr) = &mut self.atr {
            atr.run(prices, bars.clone());
        }
        if let Some(breakout) = &mut self.breakout {
            breakout.run(prices, bars);
        }
    }
}

impl Atr {
    fn run(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars.clone() {
                    write_range(
                        prices,
                        bar,
                        self.true_range.row_mut(bar),
                        #[inline(always)]
                        |range, _| range,
                    );
                }
                for bar in bars {
                    self.mean.step(bar, &self.true_range, self.out.row_mut(bar));
                }
            },
        );
    }
}

impl Breakout {
    fn run(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars.clone() {
                    write_range(
                        prices,
                        bar,
                        self.relative.row_mut(bar),
                        #[inline(always)]
                        |range, close| lanes::zip(range, close, |range, close| range / close),
                    );
                }
                for bar in bars {
                    self.step(bar);
                }
            },
        );
    }

    #[inline(always)]
    fn step(&mut self, bar: i64) {
        self.base.step(bar, &self.relative, self.base_means.row_mut(bar));
        let out = self.out.row_mut(bar);
        self.fast.step(bar, &self.relative, out);
        let base = self.base_means.row(bar - self.fast_bars);
        for (j, out) in out.iter_mut().enumerate() {
            *out = lanes::zip(*out, base[j], |fast, base| {
                if base > RANGE_LEAST_FRAC { fast / base } else { f64::NAN }
            });
            lanes::end_lane();
        }
    }
}

#[inline(always)]
fn write_range(prices: &Prices, bar: i64, out: &mut [Pack], form: impl Fn(Pack, Pack) -> Pack) {
    let (high, low) = (prices.high.row(bar), prices.low.row(bar));
    let (close, before) = (prices.close.row(bar), prices.close.row(bar - 1));
    for (j, out) in out.iter_mut().enumerate() {
        let range = true_range(high[j], low[j], before[j]);
        *out = form(range, close[j]);
        lanes::end_lane();
    }
}

#[inline(always)]
fn true_range(high: Pack, low: Pack, before: Pack) -> Pack {
    let mut out = [0.0; PACK];
    for k in 0..PACK {
        let top = if high[k] > before[k] { high[k] } else { before[k] };
        let bottom = if low[k] < before[k] { low[k] } else { before[k] };
        // NaN in the bar itself is lost by the comparisons above, and comes back here.
        out[k] = if high[k] >= low[k] { top - bottom } else { f64::NAN };
    }
    out
}
