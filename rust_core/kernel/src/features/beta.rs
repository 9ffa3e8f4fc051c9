//! Beta to the mean of all names, over the bars where the name itself is present:
//! `β = (n·Σr·m − Σr·Σm)/(n·Σm² − (Σm)²)`, `m` the mean return of all present names.

use super::prices::Prices;
use super::ring::{Ring, Series, known_or_zero, presence};
use super::window::{Window, enough};
use crate::lanes::{self, PACK};

/// Variance of the mean below which it does not move: volatility 1e-7 a bar.
const VARIANCE_LEAST: f64 = 1e-14;

#[derive(Debug)]
pub(super) struct Beta {
    window: Window<5, false>,
    bars: f64,
    pub(super) out: Ring,
}

impl Beta {
    pub(super) fn new(bars: u32, lanes: usize) -> Self {
        Self { window: Window::plain(bars, lanes), bars: f64::from(bars), out: Ring::new(0, lanes) }
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
    }

    pub(super) fn run(&mut self, prices: &Prices, market: &Series, bars: std::ops::Range<i64>) {
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars {
                    self.step(prices, market, bar);
                }
            },
        );
    }

    #[inline(always)]
    fn step(&mut self, prices: &Prices, market: &Series, bar: i64) {
        let bars = self.bars;
        let out = self.out.row_mut(bar);
        self.window.step(
            bar,
            #[inline(always)]
            |past| {
                let mean = market.get(past);
                (prices.returns.row(past), if mean.is_nan() { 0.0 } else { mean })
            },
            #[inline(always)]
            |(row, mean), j| {
                let (own, here) = (known_or_zero(row[j]), presence(row[j]));
                let mine = lanes::map(here, |here| here * mean);
                let product = lanes::map(own, |own| own * mean);
                [own, mine, product, lanes::map(mine, |mine| mine * mean), here]
            },
            #[inline(always)]
            |j, [own, mean, product, square, count]| {
                let mut beta = [0.0; PACK];
                for k in 0..PACK {
                    let n = count[k];
                    let spread = n * square[k] - mean[k] * mean[k];
                    let joint = n * product[k] - own[k] * mean[k];
                    let moves = spread > VARIANCE_LEAST * n * n;
                    beta[k] = if moves && enough(n, bars) { joint / spread } else { f64::NAN };
                }
                out[j] = beta;
            },
        );
    }
}
