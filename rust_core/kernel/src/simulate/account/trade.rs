//! The fills of a plan at one close: priced and paid many at once, then booked name by name.
//!
//! Cash and costs are sums over eight fixed lanes, an order's lane being that of its name in the plan.

// A lazy operator is a branch, and lanes have none.
#![allow(clippy::needless_bitwise_bool)]

use super::{Account, Order};
use crate::fill::{Depth, Rates, fill_at};
use crate::lanes::{LANES, dispatch, fold};
use crate::ledger::Payment;
use crate::params::Params;
use crate::plan::Rows;

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
        let (rates, depth) = (self.rates, &mut self.depth_row);
        let (payment, ended) = dispatch(
            #[inline(always)]
            || {
                if rates.has_impact() {
                    depth.resize(named.len().next_multiple_of(LANES), Depth::UNKNOWN);
                    pay_all::<true>(named.len(), rows, rates, depth)
                } else {
                    pay_all::<false>(named.len(), rows, rates.without_impact(), &[])
                }
            },
        );
        if payment.fills == 0 {
            return;
        }
        self.ledger.pay(&payment);
        self.move_lots(named, rows);
        if self.plain {
            self.trips_closed += ended;
        } else {
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
        let (held, step) = (&rows.held[..count], &rows.step[..count]);
        let (less, more) = (&rows.less[..count], &rows.more[..count]);
        for at in 0..count {
            let i = named[at] as usize;
            let after = held[at] + less[at] + more[at];
            lots[i] = after as i64;
            // From the lots, so that a closed position leaves no dust of rounding behind.
            units[i] = after * step[at];
        }
    }

    /// What somebody reads of single orders, reduce-only ones first.
    #[inline(never)]
    fn keep_orders(&mut self, named: &[u32], rows: &Rows, at: Moment<'_>, params: &Params) {
        for (row, opens) in [(&rows.less, false), (&rows.more, true)] {
            for (place, name) in named.iter().enumerate().filter(|(place, _)| row[*place] != 0.0) {
                let (symbol, lots) = (*name as usize, row[place] as i64);
                let atr = at.atr.get(symbol).copied().unwrap_or(f64::NAN);
                let (price, step) = (rows.price[place], rows.step[place]);
                let order = Order { symbol, lots, price, atr, at_ms: at.at_ms, step };
                let before =
                    rows.held[place] as i64 + if opens { rows.less[place] as i64 } else { 0 };
                self.keep_order(&order, before, at.bar, params, None);
            }
        }
    }
}

/// What all orders pay, and how many positions they end.
#[inline(always)]
fn pay_all<const IMPACT: bool>(
    count: usize,
    rows: &Rows,
    rates: Rates,
    depth: &[Depth],
) -> (Payment, u64) {
    let whole = count.next_multiple_of(LANES);
    let (prices, _) = rows.price[..whole].as_chunks::<LANES>();
    let (steps, _) = rows.step[..whole].as_chunks::<LANES>();
    let (helds, _) = rows.held[..whole].as_chunks::<LANES>();
    let (lesses, _) = rows.less[..whole].as_chunks::<LANES>();
    let (mores, _) = rows.more[..whole].as_chunks::<LANES>();
    let (mut paid, mut fee, mut spread) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let (mut impact, mut traded) = ([0.0; LANES], [0.0; LANES]);
    let (mut fills, mut ended) = ([0.0; LANES], [0.0; LANES]);
    let lanes = prices.iter().zip(steps).zip(helds).zip(lesses).zip(mores);
    for (c, ((((price, step), held), less), more)) in lanes.enumerate() {
        for k in 0..LANES {
            let deep = if IMPACT { depth[c * LANES + k] } else { Depth::UNKNOWN };
            let [near, far] = [less[k] * step[k], more[k] * step[k]];
            let [a, b] = [near, far].map(|units| fill_at(units, price[k], rates, deep));
            paid[k] += (near * a.price + a.fee_usdt) + (far * b.price + b.fee_usdt);
            fee[k] += a.fee_usdt + b.fee_usdt;
            spread[k] += a.spread_usdt + b.spread_usdt;
            traded[k] += (near.abs() + far.abs()) * price[k];
            if IMPACT {
                impact[k] += a.impact_usdt + b.impact_usdt;
            }
            let [one, two] = [less[k] != 0.0, more[k] != 0.0].map(|is| if is { 1.0 } else { 0.0 });
            fills[k] += one + two;
            let ends = (held[k] != 0.0) & (held[k] + less[k] == 0.0);
            ended[k] += if ends { 1.0 } else { 0.0 };
        }
    }
    let payment = Payment {
        paid_usdt: fold(paid),
        fee_usdt: fold(fee),
        spread_usdt: fold(spread),
        impact_usdt: fold(impact),
        traded_usdt: fold(traded),
        fills: fold(fills) as u64,
    };
    (payment, fold(ended) as u64)
}
