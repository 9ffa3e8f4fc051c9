//! Means of closes: the slope of an exponential one, and the plain one of the MA-ATR trail.

use super::prices::Prices;
use super::ring::Ring;
use super::window::{Mean, PlainMean};
use crate::lanes;

/// `slope = (E[t]/E[t−q] − 1)/q·B·10⁴`, `E` the mean of the closes of the last `4n` bars with
/// weights `(1 − 2/(n+1))^k`.
#[derive(Debug)]
pub(super) struct Slope {
    mean: Mean,
    averages: Ring,
    back: i64,
    /// `B·10⁴/q`.
    scale: f64,
    pub(super) out: Ring,
}

impl Slope {
    pub(super) fn new(length: u32, back: u32, bar_ms: i64, lanes: usize) -> Self {
        let alpha = 2.0 / f64::from(length + 1);
        Self {
            mean: Mean::exponential(alpha, 4 * length, lanes),
            averages: Ring::new(back as usize, lanes),
            back: i64::from(back),
            scale: (86_400_000 / bar_ms) as f64 * 1e4 / f64::from(back),
            out: Ring::new(0, lanes),
        }
    }

    pub(super) fn clear(&mut self) {
        self.mean.clear();
        self.averages.clear(f64::NAN);
    }

    pub(super) fn run(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    self.mean.step(bar, &prices.close, self.averages.row_mut(bar));
                    let (now, before) =
                        (self.averages.row(bar), self.averages.row(bar - self.back));
                    let scale = self.scale;
                    for (j, out) in self.out.row_mut(bar).iter_mut().enumerate() {
                        *out = lanes::zip(now[j], before[j], |now, before| {
                            (now / before - 1.0) * scale
                        });
                        lanes::end_lane();
                    }
                }
            },
        );
    }
}

/// Plain mean of the present closes of a window.
#[derive(Debug)]
pub(super) struct Trail {
    mean: PlainMean,
    pub(super) out: Ring,
}

impl Trail {
    pub(super) fn new(bars: u32, lanes: usize) -> Self {
        Self { mean: PlainMean::new(bars, lanes), out: Ring::new(0, lanes) }
    }

    pub(super) fn clear(&mut self) {
        self.mean.clear();
    }

    pub(super) fn run(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    self.mean.step(bar, &prices.close, self.out.row_mut(bar));
                }
            },
        );
    }
}
