//! An ordinary rebalance at one close, planned and filled in one pass over the names that it concerns.
//!
//! The same as a plan (`plan/quick.rs`) and its fills (`trade.rs`), one after the other, to the bit: what is
//! not ordinary beyond doubt is left to these two, and until that is known nothing has happened.

use super::marks::{value_of, write_held};
use super::trade::bill;
use super::{Account, Moment};
use crate::fill::{Depth, Rates};
use crate::lanes::{LANES, dispatch, end_lane, fold, whole_number};
use crate::ledger::Ledger;
use crate::params::Params;
use crate::plan::{Plan, Sure};
use crate::simulate::names::NameSet;

mod watched;

/// What an ordinary rebalance goes by.
#[derive(Debug, Clone, Copy)]
pub(in crate::simulate) struct Rebalance<'a> {
    /// Names that are wanted: the longs first, so many of them.
    pub(in crate::simulate) name: &'a [u32],
    pub(in crate::simulate) longs: usize,
    /// Size of the share of `sizing_usdt` that is wanted of each.
    pub(in crate::simulate) weight_frac: &'a [f64],
    /// Price and lot of every name of the book.
    pub(in crate::simulate) price: &'a [f64],
    pub(in crate::simulate) qty_step: &'a [f64],
    pub(in crate::simulate) sizing_usdt: f64,
}

/// Places of a sheet, of which the last eight are for padding; a larger book is planned and filled the longer
/// way. An odd number of cache lines, or all rows would want the same few of them.
const ROOM: usize = 248;
/// Words with a bit for each.
const WORDS: usize = ROOM.div_ceil(64);

/// The names concerned side by side, in their order, padded to whole lanes. Rows of a length that the compiler
/// knows, or it would ask each about its own.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Sheet {
    price: [f64; ROOM],
    step: [f64; ROOM],
    weight: [f64; ROOM],
    /// Lots held before and after, and units after.
    held: [f64; ROOM],
    goal: [f64; ROOM],
    /// Lots in the middle of the bands.
    target: [f64; ROOM],
    lots: [i64; ROOM],
    units: [f64; ROOM],
    /// What each order pays.
    paid: [f64; ROOM],
    fee: [f64; ROOM],
    spread: [f64; ROOM],
    traded: [f64; ROOM],
    /// What positions read, where they are kept: lots that reduce and lots that open or increase, and the
    /// executed price.
    less: [f64; ROOM],
    more: [f64; ROOM],
    executed: [f64; ROOM],
    named: [u32; ROOM],
    /// Where each name of the book stands.
    place: Vec<u32>,
    count: usize,
    /// One bit a place, 64 places a word: orders that reduce, and orders that open or increase.
    orders: [[u64; WORDS]; 2],
    /// Names that are wanted, of all; in the end those that are held.
    wanted: NameSet,
    /// Cuts goals name by name.
    cutter: Plan,
}

impl Sheet {
    pub(super) fn new(cols: usize) -> Self {
        const ROW: [f64; ROOM] = [0.0; ROOM];
        Self {
            price: ROW,
            step: ROW,
            weight: ROW,
            held: ROW,
            goal: ROW,
            target: ROW,
            lots: [0; ROOM],
            units: ROW,
            paid: ROW,
            fee: ROW,
            spread: ROW,
            traded: ROW,
            less: ROW,
            more: ROW,
            executed: ROW,
            named: [0; ROOM],
            place: vec![0; cols],
            count: 0,
            orders: [[0; WORDS]; 2],
            wanted: NameSet::new(cols),
            cutter: Plan::new(cols),
        }
    }

    /// Write down the names that are held or wanted; false where there are too many. On its own, not in the wide
    /// code around it, which leaves no register free.
    #[inline(never)]
    fn gather(&mut self, held: &NameSet, lots: &[i64], ask: &Rebalance<'_>) -> bool {
        dispatch(
            #[inline(always)]
            || {
                self.wanted.become_names(ask.name);
                let fits = self.gather_names(held, lots, ask);
                if fits {
                    self.gather_weights(ask);
                }
                fits
            },
        )
    }

    #[inline(always)]
    fn gather_names(&mut self, held: &NameSet, lots: &[i64], ask: &Rebalance<'_>) -> bool {
        let n = lots.len();
        // All rows of one length, so that an index is asked about its bounds once.
        let (prices, steps, places) = (&ask.price[..n], &ask.qty_step[..n], &mut self.place[..n]);
        let mut at = 0;
        for (block, (held, wanted)) in held.words().iter().zip(self.wanted.words()).enumerate() {
            let mut left = held | wanted;
            let end = at + left.count_ones() as usize;
            if end > ROOM - LANES {
                return false;
            }
            for place in at..end {
                let i = block * 64 + left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
                self.named[place] = i as u32;
                places[i] = place as u32;
                self.price[place] = prices[i];
                self.step[place] = steps[i];
                self.held[place] = lots[i] as f64;
                end_lane();
            }
            at = end;
        }
        self.count = at;
        for (row, value) in [(&mut self.price, 1.0), (&mut self.step, 1.0), (&mut self.held, 0.0)] {
            row[at..at + LANES].copy_from_slice(&[value; LANES]);
        }
        true
    }

    #[inline(always)]
    fn gather_weights(&mut self, ask: &Rebalance<'_>) {
        let chunks = self.count.div_ceil(LANES);
        for weight in &mut self.weight.as_chunks_mut::<LANES>().0[..chunks] {
            *weight = [0.0; LANES];
        }
        let (row, places) = (&mut self.weight, &self.place[..]);
        let (long, short) = ask.name.split_at(ask.longs);
        for (names, sign, start) in [(long, 1.0, 0), (short, -1.0, ask.longs)] {
            for (name, weight) in names.iter().zip(&ask.weight_frac[start..]) {
                row[places[*name as usize] as usize] = sign * weight;
                end_lane();
            }
        }
    }

    /// Work out what each name is to hold, where all of it is sure; how many are to be held, and how many were, on
    /// their side.
    #[inline(always)]
    fn aim<const BAND: bool>(
        &mut self,
        sizing_usdt: f64,
        params: &Params,
    ) -> Option<(usize, usize)> {
        let chunks = self.count.div_ceil(LANES);
        let prices = &self.price.as_chunks::<LANES>().0[..chunks];
        let steps = &self.step.as_chunks::<LANES>().0[..chunks];
        let weights = &self.weight.as_chunks::<LANES>().0[..chunks];
        let helds = &self.held.as_chunks::<LANES>().0[..chunks];
        let goals = &mut self.goal.as_chunks_mut::<LANES>().0[..chunks];
        let targets = &mut self.target.as_chunks_mut::<LANES>().0[..chunks];
        let (mut sure, mut kept) = (Sure::NOTHING, [0.0; LANES]);
        for c in 0..chunks {
            let (price, step, weight, held) = (prices[c], steps[c], weights[c], helds[c]);
            let [mut target, mut goal] = [[0.0; LANES]; 2];
            for k in 0..LANES {
                let unit = price[k] * step[k];
                let band = params.band_frac;
                let [to, at] = sure.goal::<BAND>(k, weight[k], held[k], unit, sizing_usdt, band);
                (target[k], goal[k]) = (to, at);
                kept[k] += if held[k] * weight[k] > 0.0 { 1.0 } else { 0.0 };
            }
            goals[c] = goal;
            if BAND {
                targets[c] = target;
            }
        }
        if !sure.holds::<BAND>(sizing_usdt, params) {
            if !BAND {
                return None;
            }
            // Bands leave the legs apart about every other bar.
            self.cut_goals(sure.limit_of_goals(sizing_usdt, params)?, params.band_frac);
        }
        // A cut stays inside its band, and leaves no name without lots.
        Some((sure.count(), fold(kept) as usize))
    }

    /// Take back from the heavier leg what its bands leave too much.
    #[inline(never)]
    fn cut_goals(&mut self, limit: f64, band_frac: f64) {
        let Self { cutter, price, step, held, target, goal, count, .. } = self;
        let before = *goal;
        let name = |at: usize| [price[at] * step[at], held[at], target[at], before[at]];
        cutter.cut_places(*count, limit, band_frac, name, |at, lots| goal[at] = lots);
    }

    /// Work out the orders and what each pays, and what will be held.
    #[inline(always)]
    fn price_orders(&mut self, rates: Rates) {
        let chunks = self.count.div_ceil(LANES);
        let prices = &self.price.as_chunks::<LANES>().0[..chunks];
        let steps = &self.step.as_chunks::<LANES>().0[..chunks];
        let helds = &self.held.as_chunks::<LANES>().0[..chunks];
        let goals = &self.goal.as_chunks::<LANES>().0[..chunks];
        let lots = &mut self.lots.as_chunks_mut::<LANES>().0[..chunks];
        let units = &mut self.units.as_chunks_mut::<LANES>().0[..chunks];
        let paids = &mut self.paid.as_chunks_mut::<LANES>().0[..chunks];
        let fees = &mut self.fee.as_chunks_mut::<LANES>().0[..chunks];
        let spreads = &mut self.spread.as_chunks_mut::<LANES>().0[..chunks];
        let tradeds = &mut self.traded.as_chunks_mut::<LANES>().0[..chunks];
        let [less, more] = &mut self.orders;
        let words = less.iter_mut().zip(more);
        for (block, (less, more)) in (0..chunks).step_by(LANES).zip(words) {
            let (mut fewer, mut further) = ([0_u64; LANES], [0_u64; LANES]);
            let mut bit = [1_u64, 2, 4, 8, 16, 32, 64, 128];
            for c in block..(block + LANES).min(chunks) {
                let (price, step, held, goal) = (prices[c], steps[c], helds[c], goals[c]);
                let mut out = [[0.0; LANES]; 5];
                let mut number = [0; LANES];
                for k in 0..LANES {
                    fewer[k] |= u64::from(goal[k].abs() < held[k].abs()).wrapping_neg() & bit[k];
                    further[k] |= u64::from(goal[k].abs() > held[k].abs()).wrapping_neg() & bit[k];
                    bit[k] <<= LANES;
                    let order = (goal[k] - held[k]) * step[k];
                    let [paid, fee, spread, _, traded] =
                        bill(order, price[k], rates, Depth::UNKNOWN);
                    number[k] = whole_number(goal[k]);
                    let all = [goal[k] * step[k], paid, fee, spread, traded];
                    for part in 0..5 {
                        out[part][k] = all[part];
                    }
                }
                lots[c] = number;
                [units[c], paids[c], fees[c], spreads[c], tradeds[c]] = out;
            }
            (*less, *more) = (join(fewer), join(further));
        }
    }

    /// Pay the orders one by one, those that reduce first.
    #[inline(never)]
    fn pay(&self, ledger: &mut Ledger) {
        // Read and written one by one, or the compiler would pair them up in the loop.
        let mut cash = ledger.cash_usdt;
        end_lane();
        let mut fee = ledger.costs.fee_usdt;
        end_lane();
        let mut spread = ledger.costs.spread_usdt;
        end_lane();
        let mut traded = ledger.costs.traded_usdt;
        for words in &self.orders {
            for (block, word) in words[..self.count.div_ceil(64)].iter().enumerate() {
                let mut left = *word;
                ledger.fills += u64::from(left.count_ones());
                while left != 0 {
                    let at = block * 64 + left.trailing_zeros() as usize;
                    left &= left - 1;
                    cash -= self.paid[at];
                    fee += self.fee[at];
                    spread += self.spread[at];
                    traded += self.traded[at];
                }
            }
        }
        ledger.cash_usdt = cash;
        end_lane();
        ledger.costs.fee_usdt = fee;
        end_lane();
        ledger.costs.spread_usdt = spread;
        end_lane();
        ledger.costs.traded_usdt = traded;
    }

    #[inline(never)]
    fn move_lots(&self, lots: &mut [i64], units: &mut [f64]) {
        // Rows of one length, so that an index is asked about its bounds once.
        let (n, count) = (lots.len(), self.count.min(ROOM));
        let units = &mut units[..n];
        for place in 0..count {
            let i = self.named[place] as usize;
            lots[i] = self.lots[place];
            units[i] = self.units[place];
            end_lane();
        }
    }
}

#[inline(always)]
fn join(bits: [u64; LANES]) -> u64 {
    bits.iter().fold(0, |all, lane| all | lane)
}

impl Account<'_> {
    /// Rebalance at a close to weights of which none is frozen, in lots without a least order, while nothing
    /// waits to be filled or closed, no guard is in force, no impact is charged, and no rows of fills and round
    /// trips are kept. How many were held before on the side that they are wanted on; `None` where that is not
    /// ordinary: then nothing has happened.
    #[inline(always)]
    pub(in crate::simulate) fn trade_at_once(
        &mut self,
        ask: &Rebalance<'_>,
        at: Moment<'_>,
        params: &Params,
    ) -> Option<usize> {
        debug_assert!(!(self.keep_fills || self.keep_trips), "nobody reads single orders");
        let splits = self.wants.positions;
        let Self { sheet, held, lots, ledger, rates, .. } = self;
        let value = dispatch(
            #[inline(always)]
            || {
                if !sheet.gather(held, lots, ask) {
                    return None;
                }
                let (count, kept) = if params.band_frac == 0.0 {
                    sheet.aim::<false>(ask.sizing_usdt, params)
                } else {
                    sheet.aim::<true>(ask.sizing_usdt, params)
                }?;
                sheet.price_orders(rates.without_impact());
                sheet.pay(ledger);
                sheet.move_lots(lots, &mut ledger.units);
                if splits {
                    sheet.split_orders(rates.without_impact());
                }
                if count != ask.name.len() {
                    // Who is wanted, but not by a whole lot, is not held.
                    write_held(&ledger.units, &mut sheet.wanted);
                }
                Some((kept, value_of(&ledger.units, &ledger.mark)))
            },
        );
        let (kept, value) = value?;
        (self.value_usdt, self.gross_usdt) = value;
        if !self.plain {
            self.keep_sheet(at, params);
        }
        // None changes side: who is to be held no more has left.
        let sets = self.held.words().iter().zip(self.sheet.wanted.words());
        let left = sets.map(|(held, wanted)| (held & !wanted).count_ones());
        self.trips_closed += u64::from(left.sum::<u32>());
        // These have lots, and nobody else.
        self.held.words_mut().copy_from_slice(self.sheet.wanted.words());
        Some(kept)
    }
}

#[cfg(test)]
mod tests;
