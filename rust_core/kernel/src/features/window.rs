//! Sums over a window that slides inside a block and is taken afresh where a block begins.
//!
//! `S[t] = Σ_{k<M} d^k·x[t−k]`, with decay `d` (1 for a plain sum) and `x` = 0 where absent. Inside
//! a block `S[t] = d·S[t−1] + x[t] − d^M·x[t−M]`. At a block's first bar the sum is built by
//! Horner's rule from the oldest bar on; the whole blocks inside the window were summed by
//! themselves when they ended, so that a window of 800 bars does not cost 800 steps. Either way a
//! value is made of nothing but the window's bars, grouped at absolute places.

use super::ring::{BLOCK, Ring, block_start};
use super::sums::{
    afresh, any_dwarfed, append, append_all, decayed, doubt, replace_dwarfed, slide,
};
use crate::lanes::{self, Line, PACK, Pack};

/// `C` sums over one window, lanes across symbols. With `DECAYED = false` every decay is 1.
#[derive(Debug)]
pub(super) struct Window<const C: usize, const DECAYED: bool> {
    bars: i64,
    decay: [f64; C],
    decay_block: [f64; C],
    decay_span: [f64; C],
    sums: Vec<Line<[Pack; C]>>,
    /// Where the next sums are made, so that those before them are at hand if a bar has to be redone.
    next: Vec<Line<[Pack; C]>>,
    /// Sums of the newest whole blocks, one row of lanes for each block inside the window.
    parts: Vec<Line<[Pack; C]>>,
}

/// `base^times` by repeated multiplication.
pub(super) fn repeated(base: f64, times: u32) -> f64 {
    (0..times).fold(1.0, |product, _| product * base)
}

/// Whether 95 % of a window of `bars` are present.
#[inline(always)]
pub(super) fn enough(count: f64, bars: f64) -> bool {
    count * 100.0 >= bars * 95.0
}

impl<const C: usize> Window<C, false> {
    pub(super) fn plain(bars: u32, lanes: usize) -> Self {
        Self::new(bars, [1.0; C], lanes)
    }
}

impl<const C: usize, const DECAYED: bool> Window<C, DECAYED> {
    pub(super) fn new(bars: u32, decay: [f64; C], lanes: usize) -> Self {
        let blocks = (i64::from(bars) - 1) / BLOCK;
        Self {
            bars: i64::from(bars),
            decay,
            decay_block: decay.map(|d| repeated(d, BLOCK as u32)),
            decay_span: decay.map(|d| repeated(d, bars)),
            sums: vec![Line([[0.0; PACK]; C]); lanes],
            next: vec![Line([[0.0; PACK]; C]); lanes],
            parts: vec![Line([[0.0; PACK]; C]); lanes * blocks as usize],
        }
    }

    /// Packs in a row.
    #[inline(always)]
    pub(super) fn lanes(&self) -> usize {
        self.sums.len()
    }

    pub(super) fn clear(&mut self) {
        self.sums.fill(Line([[0.0; PACK]; C]));
        self.parts.fill(Line([[0.0; PACK]; C]));
    }

    /// Bring the sums to `bar` and hand each lane's to `finish`. `rows` finds what `terms` reads
    /// of a bar; it is called for bars back to `bar − bars` and for the block before `bar`'s.
    #[inline(always)]
    pub(super) fn step<R: Copy>(
        &mut self,
        bar: i64,
        rows: impl Fn(i64) -> R,
        terms: impl Fn(R, usize) -> [Pack; C] + Copy,
        mut finish: impl FnMut(usize, &[Pack; C]),
    ) {
        if bar == block_start(bar) {
            self.begin_block(bar, rows, terms, finish);
            return;
        }
        let span = self.decay_span;
        self.slide::<R, 1>(
            bar,
            rows,
            terms,
            #[inline(always)]
            |sums, leave| doubt::<C, DECAYED>(sums, leave, &span),
            #[inline(always)]
            |j, _, sums| finish(j, sums),
        );
    }

    /// [`Self::step`] for the first bar of a block.
    #[inline(always)]
    pub(super) fn begin_block<R: Copy>(
        &mut self,
        bar: i64,
        rows: impl Fn(i64) -> R,
        terms: impl Fn(R, usize) -> [Pack; C],
        mut finish: impl FnMut(usize, &[Pack; C]),
    ) {
        self.end_block(bar, &rows, &terms);
        self.restart(bar, &rows, &terms);
        for (j, Line(sums)) in self.sums.iter().enumerate() {
            finish(j, sums);
            lanes::end_lane();
        }
    }

    /// Bring the sums over the `M` bars from `bar` on, none of which begins a block, and hand those of
    /// each lane and bar to `finish`. `doubt` says, by all bits of a name, where a sum
    /// may be dwarfed by what left: it may cry wolf, but must miss none.
    #[inline(always)]
    pub(super) fn slide<R: Copy, const M: usize>(
        &mut self,
        bar: i64,
        rows: impl Fn(i64) -> R,
        terms: impl Fn(R, usize) -> [Pack; C],
        doubt: impl Fn(&[Pack; C], &[Pack; C]) -> [u64; PACK],
        mut finish: impl FnMut(usize, usize, &[Pack; C]),
    ) {
        let (mut new, mut old) = ([rows(bar); M], [rows(bar - self.bars); M]);
        for m in 1..M {
            new[m] = rows(bar + m as i64);
            old[m] = rows(bar - self.bars + m as i64);
        }
        let (decay, span) = (self.decay, self.decay_span);
        // Settled once for all rows: a branch in the loop would cost more than the sums do.
        let mut doubts = [0_u64; PACK];
        macro_rules! one_bar {
            ($now:ident, $j:ident, $m:expr) => {
                let (enter, leave) = (terms(new[$m], $j), terms(old[$m], $j));
                for c in 0..C {
                    $now[c] = slide::<DECAYED>($now[c], enter[c], leave[c], decay[c], span[c]);
                }
                let odd = doubt(&$now, &leave);
                for k in 0..PACK {
                    doubts[k] |= odd[k];
                }
                finish($j, $m, &$now);
            };
        }
        for (j, (Line(sums), Line(next))) in self.sums.iter().zip(&mut self.next).enumerate() {
            let mut now = *sums;
            // Written out: the compiler does not unroll so long a loop.
            const { assert!(M == 1 || M == 4, "as many as are written out") };
            one_bar!(now, j, 0);
            if M == 4 {
                one_bar!(now, j, 1 % M);
                one_bar!(now, j, 2 % M);
                one_bar!(now, j, 3 % M);
            }
            *next = now;
            lanes::end_lane();
        }
        // Not compared as a whole: that would keep it in memory through the loop.
        if doubts.iter().fold(0, |any, lane| any | lane) != 0 {
            self.slide_with_care::<R, M>(bar, &rows, &terms, &mut finish);
        }
        std::mem::swap(&mut self.sums, &mut self.next);
    }

    /// The same bar by bar, and taken afresh, over the whole window and oldest bar first, the sums that
    /// what just left has dwarfed.
    #[cold]
    #[inline(never)]
    fn slide_with_care<R: Copy, const M: usize>(
        &mut self,
        bar: i64,
        rows: &impl Fn(i64) -> R,
        terms: &impl Fn(R, usize) -> [Pack; C],
        finish: &mut impl FnMut(usize, usize, &[Pack; C]),
    ) {
        let (bars, decay, span) = (self.bars, self.decay, self.decay_span);
        for (j, (Line(sums), Line(next))) in self.sums.iter().zip(&mut self.next).enumerate() {
            let mut now = *sums;
            for m in 0..M {
                let bar = bar + m as i64;
                let (enter, leave) = (terms(rows(bar), j), terms(rows(bar - bars), j));
                for c in 0..C {
                    now[c] = slide::<DECAYED>(now[c], enter[c], leave[c], decay[c], span[c]);
                }
                let small = |c: usize| any_dwarfed::<DECAYED>(&now[c], &leave[c], span[c]);
                if (0..C).any(small) {
                    let afresh =
                        afresh::<C, DECAYED, R>(bar - bars + 1..=bar, j, &decay, rows, terms);
                    for c in 0..C {
                        now[c] = replace_dwarfed::<DECAYED>(now[c], leave[c], span[c], afresh[c]);
                    }
                }
                finish(j, m, &now);
            }
            *next = now;
        }
    }

    /// Keep the sum of the block that ended before `bar`, in place of the one that is now too old.
    #[inline(always)]
    fn end_block<R: Copy>(
        &mut self,
        bar: i64,
        rows: &impl Fn(i64) -> R,
        terms: &impl Fn(R, usize) -> [Pack; C],
    ) {
        let lanes = self.sums.len();
        let blocks = (self.parts.len() / lanes) as i64;
        if blocks == 0 {
            return;
        }
        let slot = (bar / BLOCK - 1).rem_euclid(blocks) as usize;
        let part = &mut self.parts[slot * lanes..(slot + 1) * lanes];
        part.fill(Line([[0.0; PACK]; C]));
        append_all::<C, DECAYED, R>(part, &self.decay, bar - BLOCK..bar, rows, terms);
    }

    #[inline(always)]
    fn restart<R: Copy>(
        &mut self,
        bar: i64,
        rows: &impl Fn(i64) -> R,
        terms: &impl Fn(R, usize) -> [Pack; C],
    ) {
        let lanes = self.sums.len();
        let blocks = (self.parts.len() / lanes) as i64;
        self.sums.fill(Line([[0.0; PACK]; C]));
        let oldest = bar - self.bars + 1..bar - blocks * BLOCK;
        append_all::<C, DECAYED, R>(&mut self.sums, &self.decay, oldest, rows, terms);
        for back in (1..=blocks).rev() {
            let slot = (bar / BLOCK - back).rem_euclid(blocks) as usize;
            let part = &self.parts[slot * lanes..(slot + 1) * lanes];
            for (Line(sums), Line(block)) in self.sums.iter_mut().zip(part) {
                for c in 0..C {
                    sums[c] = decayed::<DECAYED>(sums[c], block[c], self.decay_block[c]);
                }
                lanes::end_lane();
            }
        }
        append::<C, DECAYED, R, 1>(&mut self.sums, &self.decay, [rows(bar)], terms);
    }
}

/// Mean over a window (plain or exponential) of a series of lanes, NaN where the present bars
/// have less than 95 % of the weight. The two sums are of the values and of their weights.
#[derive(Debug)]
pub(super) struct Mean {
    window: Window<2, true>,
    /// Least weight of the present bars.
    least: f64,
}

impl Mean {
    /// Weights `(1 − alpha)^k` over `bars` bars.
    pub(super) fn exponential(alpha: f64, bars: u32, lanes: usize) -> Self {
        let keep = 1.0 - alpha;
        Self { window: Window::new(bars, [keep; 2], lanes), least: least_weight(keep, bars) }
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
    }

    /// Means at `bar` of the rows of `values`, into `out`.
    #[inline(always)]
    pub(super) fn step(&mut self, bar: i64, values: &Ring, out: &mut [Pack]) {
        let least = self.least;
        self.window.step(
            bar,
            #[inline(always)]
            |past| values.row(past),
            #[inline(always)]
            |row, j| [super::ring::known_or_zero(row[j]), super::ring::presence(row[j])],
            #[inline(always)]
            |j, [sum, weight]| {
                let mut mean = [0.0; PACK];
                for k in 0..PACK {
                    let known = weight[k] >= least;
                    mean[k] = if known { sum[k] / weight[k] } else { f64::NAN };
                }
                out[j] = mean;
            },
        );
    }
}

/// 95 % of the weight of an exponential window: a young name is known by its newest bars, which carry
/// nearly all of it, long before 95 % of the bars are there.
pub(super) fn least_weight(keep: f64, bars: u32) -> f64 {
    0.95 * (0..bars).fold(0.0, |sum, _| sum * keep + 1.0)
}

/// Plain mean of the present values of a window, NaN where fewer than 95 % are present.
#[derive(Debug)]
pub(super) struct PlainMean {
    window: Window<2, false>,
    bars: f64,
}

impl PlainMean {
    pub(super) fn new(bars: u32, lanes: usize) -> Self {
        Self { window: Window::plain(bars, lanes), bars: f64::from(bars) }
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
    }

    /// Means at `bar` of the rows of `values`, into `out`.
    #[inline(always)]
    pub(super) fn step(&mut self, bar: i64, values: &Ring, out: &mut [Pack]) {
        let bars = self.bars;
        self.window.step(
            bar,
            #[inline(always)]
            |past| values.row(past),
            #[inline(always)]
            |row, j| [super::ring::known_or_zero(row[j]), super::ring::presence(row[j])],
            #[inline(always)]
            |j, [sum, count]| {
                let mut mean = [0.0; PACK];
                for k in 0..PACK {
                    mean[k] = if enough(count[k], bars) { sum[k] / count[k] } else { f64::NAN };
                }
                out[j] = mean;
            },
        );
    }
}
