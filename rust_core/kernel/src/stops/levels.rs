//! What every bar reads of positions, many at once: levels side by side, eight names a pack.
//!
//! The state machine over one position ([`super::close_bar`], [`super::fold_into`], the touches) is the
//! definition. Here is its ordinary part in lanes: closes that move extremes and stops, additions and
//! partial reductions, and which bars touch anything at all. Whatever is not that ordinary is told by a
//! bit, and goes through the one-by-one form. Property tests hold the two against each other to the bit.

// A lazy operator is a branch, and lanes have none.
#![allow(clippy::needless_bitwise_bool)]

use super::exit::ExitReason;
use super::fill::base_rule;
use super::touch::rung_cap_lots;
use crate::book::Position;
use crate::lanes::{LANES, Lane, end_lane};
use crate::params::{LadderUnit, Params};

pub(crate) use close::CloseRules;
pub(crate) use fold::{Folds, Legs};

mod close;
mod fold;
#[cfg(test)]
mod tests;

/// Eight positions; NaN where there is none. Each field fills a cache line.
///
/// Entry, best price and stop are kept times the side, `d·price`: then what is tighter is larger on both
/// sides. A sign that is changed and changed back leaves every bit as it was.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Pack {
    /// `+1`, `−1`, or 0 where nothing is held.
    side: Lane,
    entry: Lane,
    r: Lane,
    best: Lane,
    stop: Lane,
    /// Distance of the next rung, in the ladder's unit.
    rung: Lane,
    cost: Lane,
    initial: Lane,
    /// Code of the rule that set the stop; 0 for none.
    by: [u64; LANES],
    /// Code of the rule of the base level.
    base_by: [u64; LANES],
    moved_ms: [i64; LANES],
    opened_ms: [i64; LANES],
    /// 1 where break-even is latched.
    even: Lane,
    /// Gains in R that latch break-even and the next profit lock.
    even_at: Lane,
    lock_at: Lane,
    /// The last profit lock taken, in R.
    lock_r: Lane,
}

impl Pack {
    const FLAT: Self = Self {
        side: [0.0; LANES],
        entry: [f64::NAN; LANES],
        r: [f64::NAN; LANES],
        best: [f64::NAN; LANES],
        stop: [f64::NAN; LANES],
        rung: [f64::NAN; LANES],
        cost: [0.0; LANES],
        initial: [0.0; LANES],
        by: [0; LANES],
        base_by: [0; LANES],
        moved_ms: [0; LANES],
        opened_ms: [0; LANES],
        even: [f64::NAN; LANES],
        even_at: [f64::NAN; LANES],
        lock_at: [f64::NAN; LANES],
        lock_r: [f64::NAN; LANES],
    };
}

/// The levels of all positions of a book.
#[derive(Debug)]
pub(crate) struct Levels {
    packs: Vec<Pack>,
    /// Lots that filled rungs still allow; infinite where no rung is taken.
    cap_lots: Vec<f64>,
}

impl Levels {
    pub(crate) fn new(names: usize) -> Self {
        let packs = names.div_ceil(LANES);
        Self { packs: vec![Pack::FLAT; packs], cap_lots: vec![f64::INFINITY; packs * LANES] }
    }

    /// A position has changed in any way.
    pub(crate) fn put(&mut self, name: usize, position: &Position, params: &Params) {
        let (pack, k) = (&mut self.packs[name / LANES], name % LANES);
        let d = position.lots.signum() as f64;
        pack.side[k] = d;
        pack.entry[k] = d * position.entry_price;
        pack.r[k] = position.r_usdt;
        pack.best[k] = d * position.best_price;
        pack.stop[k] = d * position.stop_price;
        let next = params.ladder.get(position.rungs_hit as usize);
        pack.rung[k] = next.map_or(f64::NAN, |(distance, _)| *distance);
        pack.cost[k] = position.cost_price_lots;
        pack.initial[k] = position.lots_initial as f64;
        pack.by[k] = position.stop_by.map_or(0, |rule| rule as u64);
        pack.base_by[k] = base_code(position, params);
        pack.moved_ms[k] = position.stop_moved_ms;
        pack.opened_ms[k] = position.opened_ms;
        if has_latches(params) {
            put_latches(pack, k, position, params);
        }
        if !params.ladder.is_empty() {
            self.cap_lots[name] =
                rung_cap_lots(position, params).map_or(f64::INFINITY, |lots| lots as f64);
        }
    }

    /// Nothing is held any more.
    pub(crate) fn clear(&mut self, name: usize) {
        let (pack, k) = (&mut self.packs[name / LANES], name % LANES);
        let prices = [&mut pack.entry, &mut pack.r, &mut pack.best, &mut pack.stop, &mut pack.rung];
        for price in prices {
            price[k] = f64::NAN;
        }
        (pack.side[k], pack.cost[k], pack.initial[k]) = (0.0, 0.0, 0.0);
        (pack.by[k], pack.moved_ms[k]) = (0, 0);
        self.cap_lots[name] = f64::INFINITY;
    }

    /// Write what is kept here into a position that had the rest all along; its lots are the caller's.
    pub(crate) fn write(&self, name: usize, position: &mut Position) {
        let (pack, k) = (&self.packs[name / LANES], name % LANES);
        let d = pack.side[k];
        position.lots_initial = pack.initial[k] as i64;
        position.entry_price = d * pack.entry[k];
        position.cost_price_lots = pack.cost[k];
        position.best_price = d * pack.best[k];
        position.stop_price = d * pack.stop[k];
        position.stop_by = (pack.by[k] as usize).checked_sub(1).map(|at| ExitReason::ALL[at]);
        position.stop_moved_ms = pack.moved_ms[k];
    }

    /// Lots that filled rungs still allow, name by name; infinite where no rung is taken.
    pub(crate) fn cap_lots(&self) -> &[f64] {
        &self.cap_lots
    }

    /// One bit for each name whose bar may touch its stop or its next rung; whether there is any.
    #[inline(always)]
    pub(crate) fn find_touched(
        &self,
        high: &[f64],
        low: &[f64],
        unit: LadderUnit,
        words: &mut [u64],
    ) -> bool {
        match unit {
            LadderUnit::R => self.touched::<false>(high, low, words),
            LadderUnit::PriceFrac => self.touched::<true>(high, low, words),
        }
    }

    #[inline(always)]
    fn touched<const PRICE: bool>(&self, high: &[f64], low: &[f64], words: &mut [u64]) -> bool {
        let mut any = 0;
        let rows = high.chunks(64).zip(low.chunks(64));
        for ((word, packs), (high, low)) in words.iter_mut().zip(self.packs.chunks(LANES)).zip(rows)
        {
            let mut bits = Bits::default();
            let (highs, high) = high.as_chunks::<LANES>();
            let (lows, low) = low.as_chunks::<LANES>();
            for (at, ((pack, high), low)) in packs.iter().zip(highs).zip(lows).enumerate() {
                bits.push(at, pack.touches::<PRICE>(high, low));
                end_lane();
            }
            if !high.is_empty() {
                let at = highs.len();
                bits.push(at, packs[at].touches::<PRICE>(&padded(high), &padded(low)));
            }
            *word = bits.word();
            any |= *word;
        }
        any != 0
    }
}

impl Pack {
    #[inline(always)]
    fn touches<const PRICE: bool>(&self, high: &Lane, low: &Lane) -> [u64; LANES] {
        let mut found = [0; LANES];
        for k in 0..LANES {
            let d = self.side[k];
            let (up, down) = (d * high[k], d * low[k]);
            let unit = if PRICE { d * self.entry[k] } else { self.r[k] };
            let level = self.entry[k] + self.rung[k] * unit;
            // The worse extreme and the stop, or the better one and the rung.
            let touches = (smaller(up, down) <= self.stop[k]) | (larger(up, down) >= level);
            found[k] = mask(touches);
        }
        found
    }
}

/// The first where it is larger, so that NaN gives the second.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The last names of a row; NaN beyond them.
#[inline(never)]
fn padded(rest: &[f64]) -> Lane {
    let mut lane = [f64::NAN; LANES];
    lane[..rest.len()].copy_from_slice(rest);
    lane
}

/// Is there anything that latches?
pub(super) fn has_latches(params: &Params) -> bool {
    params.breakeven_after_r > 0.0 || !params.profit_locks_r.is_empty()
}

fn put_latches(pack: &mut Pack, k: usize, position: &Position, params: &Params) {
    let latched = position.breakeven_latched;
    let open = params.breakeven_after_r > 0.0 && !latched;
    pack.even[k] = if latched { 1.0 } else { f64::NAN };
    pack.even_at[k] = if open { params.breakeven_after_r } else { f64::NAN };
    let locks = &params.profit_locks_r;
    let next = locks.get(position.lock_step as usize);
    let last = (position.lock_step as usize).checked_sub(1).and_then(|last| locks.get(last));
    pack.lock_at[k] = next.map_or(f64::NAN, |(at_r, _)| *at_r);
    pack.lock_r[k] = last.map_or(f64::NAN, |(_, lock_r)| *lock_r);
}

fn base_code(position: &Position, params: &Params) -> u64 {
    let emergency = position.entry_atr.is_nan();
    let rule = if emergency { ExitReason::EmergencyStop } else { base_rule(params).1 };
    rule as u64
}

#[inline(always)]
fn mask(is: bool) -> u64 {
    u64::from(is).wrapping_neg()
}

/// `look` at the numbers of the bits that are set, rising.
#[inline(always)]
pub(crate) fn each_bit(words: &[u64], mut look: impl FnMut(usize)) {
    for (at, word) in words.iter().enumerate() {
        let mut left = *word;
        while left != 0 {
            look(at * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// One bit a name, gathered pack by pack.
#[derive(Default)]
struct Bits {
    found: [u64; LANES],
}

/// The bits of eight packs.
static BITS: [[u64; LANES]; LANES] = {
    let mut bits = [[0; LANES]; LANES];
    let mut at = 0;
    while at < LANES * LANES {
        bits[at / LANES][at % LANES] = 1 << at;
        at += 1;
    }
    bits
};

impl Bits {
    #[inline(always)]
    fn push(&mut self, at: usize, masks: [u64; LANES]) {
        for k in 0..LANES {
            self.found[k] |= masks[k] & BITS[at][k];
        }
    }

    #[inline(always)]
    fn word(&self) -> u64 {
        self.found.iter().fold(0, |all, lane| all | lane)
    }
}
