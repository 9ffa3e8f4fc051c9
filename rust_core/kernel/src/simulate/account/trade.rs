//! The fills of a plan at one close: priced and paid many at once, then booked name by name.
//!
//! Lanes work out what each order pays; cash and costs are then summed order by order, reduce-only ones
//! first, which is how any other account sums the same fills.

// A lazy operator is a branch, and lanes have none.
#![allow(clippy::needless_bitwise_bool)]

use super::booking::Fold;
use super::{Account, Order};
use crate::book::Position;
use crate::fill::{Depth, Rates, fill_at};
use crate::lanes::{LANES, Lane, dispatch, fold, whole_number};
use crate::ledger::Ledger;
use crate::params::Params;
use crate::plan::{LOTS_MANY, Rows};
use crate::stops::{Folds, Legs, Levels, each_bit, fold_into};

/// Where and when a plan is filled.
#[derive(Debug, Clone, Copy)]
pub(in crate::simulate) struct Moment<'a> {
    /// Number of the bar.
    pub(in crate::simulate) bar: usize,
    /// Its close.
    pub(in crate::simulate) at_ms: i64,
    /// ATR of each name; empty where nobody needs it.
    pub(in crate::simulate) atr: &'a [f64],
}

impl Account<'_> {
    /// Fill what the plan trades of the names in `named`, at its prices. None of its orders crosses 0.
    pub(in crate::simulate) fn trade(
        &mut self,
        named: &[u32],
        rows: &Rows,
        at: Moment<'_>,
        params: &Params,
    ) {
        if self.rates.has_impact() {
            self.depth_row.clear();
            self.depth_row.extend(named.iter().map(|name| self.depth[*name as usize]));
        }
        let (rates, depth, bills) = (self.rates, &mut self.depth_row, &mut self.bills);
        let (count, priced) = (named.len(), self.wants.positions);
        let (fills, ended) = dispatch(
            #[inline(always)]
            || {
                bills.write_after(count, rows);
                if rates.has_impact() {
                    depth.resize(count.next_multiple_of(LANES), Depth::UNKNOWN);
                    bills.write_all::<true>(count, rows, rates, depth, priced)
                } else {
                    bills.write_all::<false>(count, rows, rates.without_impact(), &[], priced)
                }
            },
        );
        if fills == 0 {
            return;
        }
        if rates.has_impact() {
            self.bills.pay::<true>(named.len(), &mut self.ledger);
        } else {
            self.bills.pay::<false>(named.len(), &mut self.ledger);
        }
        self.ledger.fills += fills;
        self.move_lots(named, rows);
        if !self.wants.flows {
            // Otherwise each is told as it ends.
            self.trips_closed += ended;
        }
        if !self.plain {
            self.keep_orders(named, rows, at, params);
        }
        self.revalue_all();
    }

    #[inline(always)]
    fn move_lots(&mut self, named: &[u32], rows: &Rows) {
        let count = named.len();
        // All rows of one length, so that an index is asked about its bounds once.
        let n = self.lots.len();
        let (lots, units) = (&mut self.lots[..n], &mut self.ledger.units[..n]);
        if !self.bills.countable {
            for at in 0..count {
                let after = rows.held[at] + rows.less[at] + rows.more[at];
                self.bills.lots[at] = after as i64;
            }
        }
        let (lots_after, units_after) = (&self.bills.lots[..count], &self.bills.units[..count]);
        for at in 0..count {
            let i = named[at] as usize;
            lots[i] = lots_after[at];
            units[i] = units_after[at];
        }
    }

    /// What somebody reads of single orders, reduce-only ones first.
    #[inline(never)]
    fn keep_orders(&mut self, named: &[u32], rows: &Rows, at: Moment<'_>, params: &Params) {
        let Self { levels, folds, positions, bills, wants, .. } = self;
        let Rows { held, less, more, .. } = rows;
        let legs = Legs { held, less, more, price: &bills.price };
        if wants.positions {
            fold_many(levels, folds, positions, named, &legs, params);
        }
        if !wants.flows {
            turn_positions(levels, folds, positions, named, &legs, at, params);
            return;
        }
        for opens in [false, true] {
            let row = if opens { &rows.more } else { &rows.less };
            for place in (0..named.len()).filter(|place| row[*place] != 0.0) {
                self.keep_place(place, opens, named, rows, at, params);
            }
        }
    }

    /// One order of the plan.
    #[inline(always)]
    fn keep_place(
        &mut self,
        place: usize,
        opens: bool,
        named: &[u32],
        rows: &Rows,
        at: Moment<'_>,
        params: &Params,
    ) {
        let (symbol, held, less) = (named[place] as usize, rows.held[place], rows.less[place]);
        let lots = if opens { rows.more[place] } else { less } as i64;
        let atr = at.atr.get(symbol).copied().unwrap_or(f64::NAN);
        let (price, step) = (rows.price[place], rows.step[place]);
        let order = Order { symbol, lots, price, atr, at_ms: at.at_ms, step };
        let before = held as i64 + if opens { less as i64 } else { 0 };
        self.keep_order(&order, before, at.bar, params, None, Fold::Planned);
    }
}

/// Additions and partial reductions, folded into their positions.
#[inline(always)]
pub(super) fn fold_many(
    levels: &mut Levels,
    folds: &mut Folds,
    positions: &[Position],
    named: &[u32],
    legs: &Legs<'_>,
    params: &Params,
) {
    dispatch(
        #[inline(always)]
        || levels.fold(named, legs, folds),
    );
    levels.raise_caps(named, folds, positions, params);
}

/// Positions that the plan ends and opens, where nobody asks what the former was.
#[inline(always)]
pub(super) fn turn_positions(
    levels: &mut Levels,
    folds: &Folds,
    positions: &mut [Position],
    named: &[u32],
    legs: &Legs<'_>,
    at: Moment<'_>,
    params: &Params,
) {
    each_bit(folds.ends(), |place| {
        let i = named[place] as usize;
        positions[i].lots = 0;
        levels.clear(i);
    });
    each_bit(folds.opens(), |place| {
        let i = named[place] as usize;
        let (lots, price) = (legs.more[place] as i64, legs.price[place]);
        let atr = at.atr.get(i).copied().unwrap_or(f64::NAN);
        fold_into(&mut positions[i], lots, price, atr, at.at_ms, params);
        levels.put(i, &positions[i], params);
    });
}

/// What the orders of a plan pay, place by place: `[reduce-only, growing]`.
#[derive(Debug, Default)]
pub(super) struct Bills {
    rows: [Vec<[Lane; 5]>; 2],
    /// Lots and units that will be held, place by place.
    lots: Vec<i64>,
    units: Vec<f64>,
    /// Executed price of what grows.
    price: Vec<f64>,
    /// Lanes could write the lots.
    countable: bool,
}

/// What one order pays, its fee, spread and impact, and its notional at the reference price.
#[inline(always)]
pub(super) fn bill(units: f64, price: f64, rates: Rates, depth: Depth) -> [f64; 5] {
    let done = fill_at(units, price, rates, depth);
    let paid = units * done.price + done.fee_usdt;
    [paid, done.fee_usdt, done.spread_usdt, done.impact_usdt, units.abs() * price]
}

impl Bills {
    /// Write the bills of all places; the number of orders, and of the positions that they end.
    #[inline(always)]
    fn write<const IMPACT: bool>(
        &mut self,
        count: usize,
        rows: &Rows,
        rates: Rates,
        depth: &[Depth],
    ) -> (u64, u64) {
        let whole = count.next_multiple_of(LANES);
        for bills in &mut self.rows {
            if bills.len() < whole / LANES {
                bills.resize(whole / LANES, [[0.0; LANES]; 5]);
            }
        }
        let (prices, _) = rows.price[..whole].as_chunks::<LANES>();
        let (steps, _) = rows.step[..whole].as_chunks::<LANES>();
        let (helds, _) = rows.held[..whole].as_chunks::<LANES>();
        let (lesses, _) = rows.less[..whole].as_chunks::<LANES>();
        let (mores, _) = rows.more[..whole].as_chunks::<LANES>();
        let (mut fills, mut ended) = ([0.0; LANES], [0.0; LANES]);
        let lanes = prices.iter().zip(steps).zip(helds).zip(lesses).zip(mores);
        for (c, ((((price, step), held), less), more)) in lanes.enumerate() {
            for (lots, bills) in [less, more].into_iter().zip(&mut self.rows) {
                let mut out = [[0.0; LANES]; 5];
                for k in 0..LANES {
                    let deep = if IMPACT { depth[c * LANES + k] } else { Depth::UNKNOWN };
                    let all = bill(lots[k] * step[k], price[k], rates, deep);
                    for part in 0..5 {
                        out[part][k] = all[part];
                    }
                    fills[k] += if lots[k] == 0.0 { 0.0 } else { 1.0 };
                }
                bills[c] = out;
            }
            for k in 0..LANES {
                let ends = (held[k] != 0.0) & (held[k] + less[k] == 0.0);
                ended[k] += if ends { 1.0 } else { 0.0 };
            }
        }
        (fold(fills) as u64, fold(ended) as u64)
    }

    /// The same, and executed prices where positions are kept.
    #[inline(always)]
    fn write_all<const IMPACT: bool>(
        &mut self,
        count: usize,
        rows: &Rows,
        rates: Rates,
        depth: &[Depth],
        priced: bool,
    ) -> (u64, u64) {
        if priced {
            let whole = count.next_multiple_of(LANES);
            if self.price.len() < whole {
                self.price.resize(whole, 0.0);
            }
            let (prices, steps) = (&rows.price[..whole], &rows.step[..whole]);
            let (more, out) = (&rows.more[..whole], &mut self.price[..whole]);
            for at in 0..whole {
                let deep = if IMPACT { depth[at] } else { Depth::UNKNOWN };
                out[at] = fill_at(more[at] * steps[at], prices[at], rates, deep).price;
            }
        }
        self.write::<IMPACT>(count, rows, rates, depth)
    }

    /// Write the lots and units that will be held.
    #[inline(always)]
    fn write_after(&mut self, count: usize, rows: &Rows) {
        let whole = count.next_multiple_of(LANES);
        if self.lots.len() < whole {
            self.lots.resize(whole, 0);
            self.units.resize(whole, 0.0);
        }
        let (held, step) = (&rows.held[..whole], &rows.step[..whole]);
        let (less, more) = (&rows.less[..whole], &rows.more[..whole]);
        let (lots, units) = (&mut self.lots[..whole], &mut self.units[..whole]);
        let mut many = 0;
        for at in 0..whole {
            let after = held[at] + less[at] + more[at];
            let number = whole_number(after);
            lots[at] = number;
            // From the lots, so that a closed position leaves no dust of rounding behind.
            units[at] = after * step[at];
            many |= number.wrapping_add(LOTS_MANY) as u64;
        }
        self.countable = many < 2 * LOTS_MANY as u64;
    }

    /// Pay them, order by order. A place without an order pays 0, which changes no sum.
    #[inline(always)]
    fn pay<const IMPACT: bool>(&self, count: usize, ledger: &mut Ledger) {
        let (mut cash, mut costs) = (ledger.cash_usdt, ledger.costs);
        for bills in &self.rows {
            for bill in &bills[..count.div_ceil(LANES)] {
                for k in 0..LANES {
                    cash -= bill[0][k];
                    costs.fee_usdt += bill[1][k];
                    costs.spread_usdt += bill[2][k];
                    if IMPACT {
                        costs.impact_usdt += bill[3][k];
                    }
                    costs.traded_usdt += bill[4][k];
                }
            }
        }
        (ledger.cash_usdt, ledger.costs) = (cash, costs);
    }
}
