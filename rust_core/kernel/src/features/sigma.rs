//! Volatility: `sqrt(max(S2 − S1²/n, 0)/(n − 1))` of the present returns of a window.
//!
//! Written as `sqrt(max(n·S2 − S1², 0)/(n·(n − 1)))`: one division instead of two.

use super::prices::Prices;
use super::ring::{Ring, known_or_zero, presence};
use super::window::{Window, enough};
use crate::lanes::{self, PACK};

#[derive(Debug)]
pub(super) struct Sigma {
    window: Window<3, false>,
    bars: f64,
    pub(super) out: Ring,
}

impl Sigma {
    pub(super) fn new(bars: u32, lanes: usize) -> Self {
        Self { window: Window::plain(bars, lanes), bars: f64::from(bars), out: Ring::new(0, lanes) }
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
    }

    pub(super) fn run(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    self.step(prices, bar);
                }
            },
        );
    }

    #[inline(always)]
    fn step(&mut self, prices: &Prices, bar: i64) {
        let bars = self.bars;
        let out = self.out.row_mut(bar);
        self.window.step(
            bar,
            #[inline(always)]
            |past| prices.returns.row(past),
            #[inline(always)]
            |row, j| {
                let x = known_or_zero(row[j]);
                [x, lanes::map(x, |x| x * x), presence(row[j])]
            },
            #[inline(always)]
            |j, [sum, squares, count]| {
                let mut sigma = [0.0; PACK];
                for k in 0..PACK {
                    sigma[k] = deviation(sum[k], squares[k], count[k], bars);
                }
                out[j] = sigma;
            },
        );
    }
}

/// Standard deviation (ddof 1) from the sums over a window of `bars`; NaN when it is not valid.
#[inline(always)]
pub(super) fn deviation(sum: f64, squares: f64, count: f64, bars: f64) -> f64 {
    let spread = count * squares - sum * sum;
    let spread = if spread > 0.0 { spread } else { 0.0 };
    let sigma = (spread / (count * (count - 1.0))).sqrt();
    if enough(count, bars) && count >= 2.0 { sigma } else { f64::NAN }
}
