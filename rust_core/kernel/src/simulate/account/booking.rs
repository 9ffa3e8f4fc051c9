//! One fill, booked: cash and costs, units, the position, and what its end leaves.

use super::super::setup::{FillRow, Setup, TripRow, watches_names};
use super::{Account, Order};
use crate::fill::{Depth, Execution, fill_at};
use crate::ledger::Purse;
use crate::params::Params;
use crate::stops::{ExitReason, RoundTrip, bar_close_ms, fold_into, may_exit};

/// Who reads what a fill leaves behind; what nobody reads is not kept up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wants {
    /// Positions beyond their lots: for exits and the rows of round trips.
    pub(super) positions: bool,
    /// What is remembered of round trips.
    pub(super) records: bool,
    /// Cash flows since the start, or rows of fills.
    pub(super) extras: bool,
}

impl Wants {
    pub(super) fn of(params: &Params, setup: &Setup) -> Self {
        Self {
            positions: may_exit(params) || setup.keep_trips,
            records: params.streak_losses > 0 || params.symbol_score_enabled,
            extras: setup.keep_fills || watches_names(params),
        }
    }
}

impl Account<'_> {
    /// Book an order; one that crosses 0 is a close and an opening.
    pub(in crate::simulate) fn fill(
        &mut self,
        order: &Order,
        bar: usize,
        params: &Params,
        exit: Option<ExitReason>,
    ) {
        let held = self.lots[order.symbol];
        let crosses =
            held != 0 && held.signum() != (held + order.lots).signum() && held != -order.lots;
        let mut purse = self.ledger.purse();
        if crosses && held.signum() != order.lots.signum() {
            let (close, open) = (-held, held + order.lots);
            self.book::<false>(&mut purse, &Order { lots: close, ..*order }, bar, params, exit);
            self.book::<false>(&mut purse, &Order { lots: open, ..*order }, bar, params, None);
        } else {
            self.book::<false>(&mut purse, order, bar, params, exit);
        }
        self.ledger.take_back(purse);
    }

    /// Book orders of which none crosses 0, one after the other.
    #[inline(always)]
    pub(in crate::simulate) fn fill_all(
        &mut self,
        orders: impl Iterator<Item = Order>,
        bar: usize,
        params: &Params,
    ) {
        let mut purse = self.ledger.purse();
        if self.plain {
            orders.for_each(|order| self.book::<true>(&mut purse, &order, bar, params, None));
        } else {
            orders.for_each(|order| self.book::<false>(&mut purse, &order, bar, params, None));
        }
        self.ledger.take_back(purse);
    }

    /// Book one order. `PLAIN` is known of an account of which nobody reads more than lots and cash.
    #[inline(always)]
    fn book<const PLAIN: bool>(
        &mut self,
        purse: &mut Purse,
        order: &Order,
        bar: usize,
        params: &Params,
        exit: Option<ExitReason>,
    ) {
        let i = order.symbol;
        // All rows of one length, so that an index is asked about its bounds once.
        let n = self.lots.len();
        let (lots, trip_flow) = (&mut self.lots[..n], &mut self.trip_flow_usdt[..n]);
        let (unit_row, mark) = (&mut self.ledger.units[..n], &mut self.ledger.mark[..n]);
        let units = order.lots as f64 * order.step;
        let done = if PLAIN {
            fill_at(units, order.price, self.rates.without_impact(), Depth::UNKNOWN)
        } else {
            fill_at(units, order.price, self.rates, self.depth[i])
        };
        let flow = purse.pay(units, order.price, &done);
        let before = lots[i];
        let after = before + order.lots;
        lots[i] = after;
        // From the lots, so that a closed position leaves no dust of rounding behind.
        unit_row[i] = after as f64 * order.step;
        trip_flow[i] = if before == 0 { flow } else { trip_flow[i] + flow };
        let ended = if !PLAIN && self.wants.positions {
            let (position, atr) = (&mut self.positions[i], order.atr);
            fold_into(position, order.lots, done.price, atr, order.at_ms, params).closed
        } else {
            None
        };
        if before == 0 {
            // At a close this is the close itself; in a bar it stands until the close.
            if PLAIN || !self.waits || mark[i].is_nan() {
                mark[i] = order.price;
            }
            self.held.put(i, true);
        }
        if after == 0 {
            self.held.put(i, false);
            self.end_trip(order, ended, exit, params);
        }
        if !PLAIN && self.wants.extras {
            self.flow_usdt[i] += flow;
            if self.keep_fills {
                self.keep_fill(order, bar, units, &done, exit);
            }
        }
    }

    #[inline(never)]
    fn end_trip(
        &mut self,
        order: &Order,
        trip: Option<RoundTrip>,
        exit: Option<ExitReason>,
        params: &Params,
    ) {
        let (i, net_usdt) = (order.symbol, self.trip_flow_usdt[order.symbol]);
        self.trips_closed += 1;
        self.trips_won += u64::from(net_usdt > 0.0);
        if self.wants.records {
            let closes_ms = bar_close_ms(order.at_ms, params.bar_ms);
            self.records.note_round_trip(i, net_usdt, closes_ms, params);
            self.barred.put(i, true);
        }
        if let Some(trip) = trip.filter(|_| self.keep_trips) {
            self.trips.push(TripRow {
                symbol: i,
                side: trip.side,
                opened_ms: trip.opened_ms,
                closed_ms: trip.closed_ms,
                units_max: trip.lots_max as f64 * order.step,
                entry_price: trip.entry_price,
                exit_price: trip.exit_price,
                net_usdt,
                funding_usdt: trip.funding_usdt_cum,
                exit: exit.or(trip.exit),
            });
        }
    }

    #[inline(never)]
    fn keep_fill(
        &mut self,
        order: &Order,
        bar: usize,
        units: f64,
        done: &Execution,
        exit: Option<ExitReason>,
    ) {
        let &Order { symbol, at_ms, price: reference_price, .. } = order;
        let (price, fee_usdt) = (done.price, done.fee_usdt);
        self.fills.push(FillRow {
            bar,
            at_ms,
            symbol,
            units,
            price,
            reference_price,
            fee_usdt,
            exit,
        });
    }
}
