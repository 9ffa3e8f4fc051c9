//! Expected funding a bar: the sum over a window, unknown counting as 0, over its length.

use super::ring::{Feed, Ring, known_or_zero, pad};
use super::window::Window;
use crate::lanes;

#[derive(Debug)]
pub(super) struct Funding {
    window: Window<1, false>,
    bars: f64,
    rates: Ring,
    pub(super) out: Ring,
}

impl Funding {
    pub(super) fn new(bars: u32, lanes: usize) -> Self {
        Self {
            window: Window::plain(bars, lanes),
            bars: f64::from(bars),
            rates: Ring::new(bars as usize, lanes),
            out: Ring::new(0, lanes),
        }
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.rates.clear(0.0);
    }

    pub(super) fn run(&mut self, feed: &Feed, bars: std::ops::Range<i64>) {
        for bar in bars.clone() {
            pad(feed.row(feed.panel.funding_frac, bar), self.rates.row_mut(bar));
        }
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    self.step(bar);
                }
            },
        );
    }

    #[inline(always)]
    fn step(&mut self, bar: i64) {
        let (rates, bars) = (&self.rates, self.bars);
        let out = self.out.row_mut(bar);
        self.window.step(
            bar,
            #[inline(always)]
            |past| rates.row(past),
            #[inline(always)]
            |row, j| [known_or_zero(row[j])],
            #[inline(always)]
            |j, [sum]| out[j] = lanes::map(*sum, |sum| sum / bars),
        );
    }
}
