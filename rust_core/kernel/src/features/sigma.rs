//! Volatility: `sqrt(max(S2 − S1²/n, 0)/(n − 1))` of the present returns of a window.
//!
//! Written as `sqrt(max(n·S2 − S1², 0)·q)` with `q = 1/(n·(n − 1))`: n seldom changes, so that its
//! reciprocal is kept from bar to bar, and the root is left to those who read it.

use super::prices::Prices;
use super::ring::{BLOCK, Ring, Sheet, block_start, known_or_zero, presence};
use super::sums::DWARFED_FRAC;
use super::window::{Window, enough};
use crate::lanes::{self, Line, PACK, Pack};

/// Bars that pass through the window together.
const FEW: i64 = 4;

#[derive(Debug)]
pub(super) struct Sigma {
    window: Window<2, false>,
    counts: Counts,
    pub(super) variance: Sheet,
    root: Option<Ring>,
}

/// Present returns of the window, name by name.
#[derive(Debug)]
struct Counts {
    bars: i64,
    /// Count and `1/(n·(n − 1))`, NaN where the window is not valid.
    rows: Vec<Line<[Pack; 2]>>,
}

impl Sigma {
    /// `rooted`: somebody reads the roots of whole rows.
    pub(super) fn new(bars: u32, lanes: usize, rooted: bool) -> Self {
        Self {
            window: Window::plain(bars, lanes),
            counts: Counts::new(bars, lanes),
            variance: Sheet::new(lanes),
            root: rooted.then(|| Ring::new(0, lanes)),
        }
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.counts.clear();
    }

    /// Turn to the bars of one block from `bar` on.
    pub(super) fn begin(&mut self, bar: i64) {
        self.variance.begin(bar);
    }

    /// Volatilities of all names at `bar`; empty unless they are wanted.
    pub(super) fn roots(&self, bar: i64) -> &[Pack] {
        self.root.as_ref().map_or(&[], |root| root.row(bar))
    }

    pub(super) fn run(&mut self, prices: &Prices, bars: std::ops::Range<i64>) {
        let oldest = bars.start - self.counts.bars.max(BLOCK);
        let steady = prices.is_steady_from(oldest);
        let whole = steady && prices.is_whole(bars.end - 1);
        lanes::dispatch(
            #[inline(always)]
            || {
                let mut bar = bars.start;
                while bar < bars.end {
                    if !steady {
                        self.counts.step(prices, bar);
                    }
                    if bar == block_start(bar) {
                        if whole {
                            self.begin_block::<true>(prices, bar);
                        } else {
                            self.begin_block::<false>(prices, bar);
                        }
                    } else if steady && bar + FEW <= bars.end {
                        if whole {
                            self.slide::<true, { FEW as usize }>(prices, bar);
                        } else {
                            self.slide::<false, { FEW as usize }>(prices, bar);
                        }
                        bar += FEW;
                        continue;
                    } else if whole {
                        self.slide::<true, 1>(prices, bar);
                    } else {
                        self.slide::<false, 1>(prices, bar);
                    }
                    bar += 1;
                }
                self.write_roots(bars);
            },
        );
    }

    /// `WHOLE`: no return of the window and of the block before is absent.
    #[inline(always)]
    fn begin_block<const WHOLE: bool>(&mut self, prices: &Prices, bar: i64) {
        let lanes = self.window.lanes();
        let (counts, out) = (&self.counts.rows[..lanes], self.variance.row_mut(bar));
        let out = &mut out[..lanes];
        self.window.begin_block(
            bar,
            #[inline(always)]
            |past| &prices.returns.row(past)[..lanes],
            terms::<WHOLE>,
            #[inline(always)]
            |j, sums| out[j] = variances(sums, &counts[j]),
        );
    }

    /// Variances of the `M` bars from `bar` on; `WHOLE`: of these and of those that leave the window
    /// no return is absent.
    #[inline(always)]
    fn slide<const WHOLE: bool, const M: usize>(&mut self, prices: &Prices, bar: i64) {
        // All rows end in one place, so that no index is asked about its bounds.
        let lanes = self.window.lanes();
        let counts = &self.counts.rows[..lanes];
        let mut out = self.variance.rows_mut::<M>(bar);
        for row in &mut out {
            *row = &mut std::mem::take(row)[..lanes];
        }
        self.window.slide::<_, M>(
            bar,
            #[inline(always)]
            |past| &prices.returns.row(past)[..lanes],
            terms::<WHOLE>,
            doubt,
            #[inline(always)]
            |j, m, sums| out[m][j] = variances(sums, &counts[j]),
        );
    }

    #[inline(always)]
    fn write_roots(&mut self, bars: std::ops::Range<i64>) {
        let Some(root) = &mut self.root else { return };
        for bar in bars {
            for (root, variance) in root.row_mut(bar).iter_mut().zip(self.variance.row(bar)) {
                *root = lanes::map(*variance, f64::sqrt);
                lanes::end_lane();
            }
        }
    }
}

/// A return and its square; 0 where it is absent.
#[inline(always)]
fn terms<const WHOLE: bool>(row: &[Pack], j: usize) -> [Pack; 2] {
    let x = if WHOLE { row[j] } else { known_or_zero(row[j]) };
    [x, lanes::map(x, |x| x * x)]
}

/// Where one of the two sums may be dwarfed by what left, from squares that the variance takes anyway.
///
/// `|S1| < f·|x|` wherever `S1² < f²·x²`. The room of a thousandth is for rounding; nothing is lost below, for
/// returns and their sums are multiples of 2^-53, nor above: where a square is infinite, so is S2, or NaN,
/// and the variance does not depend on S1.
#[inline(always)]
fn doubt([sum, squares]: &[Pack; 2], [_, square]: &[Pack; 2]) -> [u64; PACK] {
    let mut odd = [0; PACK];
    for k in 0..PACK {
        let from_sum = sum[k] * sum[k] * (0.999 / DWARFED_FRAC);
        let least = if squares[k] < from_sum { squares[k] } else { from_sum };
        odd[k] = u64::from(least < square[k] * (1.001 * DWARFED_FRAC)).wrapping_neg();
    }
    odd
}

#[inline(always)]
fn variances([sum, squares]: &[Pack; 2], Line([count, share]): &Line<[Pack; 2]>) -> Pack {
    let mut all = [0.0; PACK];
    for k in 0..PACK {
        all[k] = variance(sum[k], squares[k], count[k], share[k]);
    }
    all
}

impl Counts {
    fn new(bars: u32, lanes: usize) -> Self {
        let mut counts = Self {
            bars: i64::from(bars),
            rows: vec![Line([[0.0; PACK], [f64::NAN; PACK]]); lanes],
        };
        counts.clear();
        counts
    }

    fn clear(&mut self) {
        self.rows.fill(Line([[0.0; PACK], [f64::NAN; PACK]]));
    }

    /// Counts are whole numbers: that they slide on, over blocks too, makes no difference.
    #[inline(always)]
    fn step(&mut self, prices: &Prices, bar: i64) {
        if prices.is_whole(bar) && prices.is_whole(bar - self.bars) {
            return;
        }
        let (new, old) = (prices.returns.row(bar), prices.returns.row(bar - self.bars));
        let mut moved = 0.0;
        for (j, Line([count, _])) in self.rows.iter_mut().enumerate() {
            let step = lanes::zip(presence(new[j]), presence(old[j]), |new, old| new - old);
            for k in 0..PACK {
                count[k] += step[k];
                moved += step[k].abs();
            }
        }
        if moved > 0.0 {
            self.weigh();
        }
    }

    #[inline(never)]
    fn weigh(&mut self) {
        for Line([count, share]) in &mut self.rows {
            *share = lanes::map(*count, |count| share_of(count, self.bars as f64));
        }
    }
}

/// `1/(n·(n − 1))`, NaN where the window of `bars` is not valid.
fn share_of(count: f64, bars: f64) -> f64 {
    if enough(count, bars) && count >= 2.0 { 1.0 / (count * (count - 1.0)) } else { f64::NAN }
}

/// Variance (ddof 1) from sums over a window, its count and the share that goes with it.
#[inline(always)]
fn variance(sum: f64, squares: f64, count: f64, share: f64) -> f64 {
    let spread = count * squares - sum * sum;
    let spread = if spread > 0.0 { spread } else { 0.0 };
    spread * share
}

/// Standard deviation (ddof 1) from the sums over a window of `bars`; NaN when it is not valid.
pub(super) fn deviation(sum: f64, squares: f64, count: f64, bars: f64) -> f64 {
    variance(sum, squares, count, share_of(count, bars)).sqrt()
}
