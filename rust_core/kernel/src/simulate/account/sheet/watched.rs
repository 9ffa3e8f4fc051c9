//! What stops, records and guards read of the orders of a sheet.

use super::super::trade::{fold_many, turn_positions};
use super::super::{Account, Moment};
use super::{ROOM, Sheet};
use crate::fill::{Depth, Rates, fill_at};
use crate::lanes::LANES;
use crate::params::Params;
use crate::stops::{Legs, bar_close_ms};

impl Sheet {
    /// What positions read of the orders.
    #[inline(always)]
    pub(super) fn split_orders(&mut self, rates: Rates) {
        let chunks = self.count.div_ceil(LANES);
        let prices = &self.price.as_chunks::<LANES>().0[..chunks];
        let steps = &self.step.as_chunks::<LANES>().0[..chunks];
        let helds = &self.held.as_chunks::<LANES>().0[..chunks];
        let goals = &self.goal.as_chunks::<LANES>().0[..chunks];
        let lesses = &mut self.less.as_chunks_mut::<LANES>().0[..chunks];
        let mores = &mut self.more.as_chunks_mut::<LANES>().0[..chunks];
        let executeds = &mut self.executed.as_chunks_mut::<LANES>().0[..chunks];
        for c in 0..chunks {
            let (price, step, held, goal) = (prices[c], steps[c], helds[c], goals[c]);
            let mut out = [[0.0; LANES]; 3];
            for k in 0..LANES {
                let order = goal[k] - held[k];
                let nearer = goal[k].abs() < held[k].abs();
                out[0][k] = if nearer { order } else { 0.0 };
                out[1][k] = if nearer { 0.0 } else { order };
                let done = fill_at(order * step[k], price[k], rates, Depth::UNKNOWN);
                out[2][k] = done.price;
            }
            [lesses[c], mores[c], executeds[c]] = out;
        }
    }

    /// Add what was paid to the cash flows of each name: since the start, and since its position opened.
    #[inline(always)]
    fn add_flows(&self, all_usdt: &mut [f64], trip_usdt: &mut [f64]) {
        let n = all_usdt.len();
        let trip_usdt = &mut trip_usdt[..n];
        for place in 0..self.count.min(ROOM) {
            let (i, flow) = (self.named[place] as usize, -self.paid[place]);
            all_usdt[i] += flow;
            let before = trip_usdt[i];
            trip_usdt[i] = if self.held[place] == 0.0 { flow } else { before + flow };
        }
    }
}

impl Account<'_> {
    /// Positions, and what round trips brought.
    #[inline(never)]
    pub(super) fn keep_sheet(&mut self, at: Moment<'_>, params: &Params) {
        let Self { sheet, levels, folds, positions, held, lots, wants, .. } = self;
        let named = &sheet.named[..sheet.count.min(ROOM)];
        if wants.positions {
            let Sheet { held, less, more, executed, .. } = &**sheet;
            let legs = Legs { held, less, more, price: executed };
            fold_many(levels, folds, positions, named, &legs, params);
            turn_positions(levels, folds, positions, named, &legs, at, params);
        }
        if wants.flows {
            let n = lots.len();
            sheet.add_flows(&mut self.flow_usdt[..n], &mut self.trip_flow_usdt[..n]);
        }
        if wants.records {
            let closes_ms = bar_close_ms(at.at_ms, params.bar_ms);
            let Self { records, trip_flow_usdt, barred, news, .. } = self;
            held.each_but(&sheet.wanted, |i| {
                if records.note_round_trip(i, trip_flow_usdt[i], closes_ms, params) {
                    barred.put(i, true);
                    news.put(i, true);
                }
            });
        }
    }
}
