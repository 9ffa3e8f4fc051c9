//! ADX over finite memory: the Wilder mean of `DX = 100·|+DI − −DI|/(+DI + −DI)`.
//!
//! Both indices are Wilder means of directional moves over the one of true range, so true range and
//! the weights cancel in DX: it needs the decayed sums of the moves alone, and the count of bars that
//! had any, by which a denominator of 0 is told from the rounding that sliding leaves.

use super::needs::wilder_bars;
use super::prices::Prices;
use super::ring::{Ring, presence};
use super::window::{Mean, Window, least_weight};
use crate::lanes::{self, PACK, Pack};

#[derive(Debug)]
pub(super) struct Adx {
    /// Least weight of the present bars.
    least: f64,
    /// Directional moves up and down; NaN unless the bar and the one before it are present.
    plus: Ring,
    minus: Ring,
    moves: Window<4, true>,
    dx: Ring,
    mean: Mean,
    pub(super) out: Ring,
}

impl Adx {
    pub(super) fn new(length: u32, lanes: usize) -> Self {
        let bars = wilder_bars(length);
        let alpha = 1.0 / f64::from(length);
        let keep = 1.0 - alpha;
        Self {
            least: least_weight(keep, bars),
            plus: Ring::new(bars as usize, lanes),
            minus: Ring::new(bars as usize, lanes),
            moves: Window::new(bars, [keep, keep, 1.0, keep], lanes),
            dx: Ring::new(bars as usize, lanes),
            mean: Mean::exponential(alpha, bars, lanes),
            out: Ring::new(0, lanes),
        }
    }

    pub(super) fn clear(&mut self) {
        for ring in [&mut self.plus, &mut self.minus, &mut self.dx] {
            ring.clear(f64::NAN);
        }
        self.moves.clear();
        self.mean.clear();
    }

    pub(super) fn run(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        lanes::dispatch(
            #[inline(always)]
            || {
                for bar in bars.clone() {
                    self.write_moves(prices, bar);
                }
                for bar in bars {
                    self.write_dx(bar);
                    self.mean.step(bar, &self.dx, self.out.row_mut(bar));
                }
            },
        );
    }

    #[inline(always)]
    fn write_moves(&mut self, prices: &Prices, bar: i64) {
        let (high, high_before) = (prices.high.row(bar), prices.high.row(bar - 1));
        let (low, low_before) = (prices.low.row(bar), prices.low.row(bar - 1));
        let returns = prices.returns.row(bar);
        let (plus, minus) = (self.plus.row_mut(bar), self.minus.row_mut(bar));
        for j in 0..plus.len() {
            let up = lanes::zip(high[j], high_before[j], |now, old| now - old);
            let down = lanes::zip(low_before[j], low[j], |old, now| old - now);
            plus[j] = directional(up, down, returns[j]);
            minus[j] = directional(down, up, returns[j]);
            lanes::end_lane();
        }
    }

    #[inline(always)]
    fn write_dx(&mut self, bar: i64) {
        let (plus, minus, least) = (&self.plus, &self.minus, self.least);
        let dx = self.dx.row_mut(bar);
        self.moves.step(
            bar,
            #[inline(always)]
            |past| (plus.row(past), minus.row(past)),
            #[inline(always)]
            |(plus, minus), j| terms(plus[j], minus[j]),
            #[inline(always)]
            |j, [plus, minus, moved, weight]| {
                let mut index = [0.0; PACK];
                for k in 0..PACK {
                    let gap = (plus[k] - minus[k]).abs();
                    let share = 100.0 * gap / (plus[k] + minus[k]);
                    let share = if moved[k] > 0.0 { share } else { 0.0 };
                    index[k] = if weight[k] >= least { share } else { f64::NAN };
                }
                dx[j] = index;
            },
        );
    }
}

/// `here` where it is above 0 and above `there`, else 0; NaN where the return is.
#[inline(always)]
fn directional(here: Pack, there: Pack, returns: Pack) -> Pack {
    let mut out = [0.0; PACK];
    for k in 0..PACK {
        // Both sides of each choice are at hand, so the compiler makes no branch of it.
        let wins = if here[k] > there[k] { here[k] } else { 0.0 };
        let wins = if wins > 0.0 { wins } else { 0.0 };
        out[k] = if returns[k].is_nan() { f64::NAN } else { wins };
    }
    out
}

#[inline(always)]
fn terms(plus: Pack, minus: Pack) -> [Pack; 4] {
    let zero_filled = |x: f64| if x.is_nan() { 0.0 } else { x };
    let moved = lanes::zip(plus, minus, |up, down| if up + down > 0.0 { 1.0 } else { 0.0 });
    [lanes::map(plus, zero_filled), lanes::map(minus, zero_filled), moved, presence(plus)]
}
