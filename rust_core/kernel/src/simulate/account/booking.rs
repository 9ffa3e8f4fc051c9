//! One fill, booked: cash and costs, units, the position, and what its end leaves.

use super::super::setup::{FillRow, Setup, TripRow, watches_names};
use super::{Account, Order};
use crate::fill::{Execution, fill_at};
use crate::params::Params;
use crate::stops::{ExitReason, RoundTrip, bar_close_ms, calls_exits, may_exit};

/// Who reads what a fill leaves behind; what nobody reads is not kept up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wants {
    /// Positions beyond their lots: for exits and the rows of round trips.
    pub(super) positions: bool,
    /// Positions that are called to close, by age or trend, and wait for it.
    pub(super) calls: bool,
    /// What is remembered of round trips.
    pub(super) records: bool,
    /// Round trips at all.
    pub(super) trips: bool,
    /// What each round trip brings: for records, their rows, and guards.
    pub(super) flows: bool,
    /// Cash flows since the start, or rows of fills.
    pub(super) extras: bool,
}

impl Wants {
    pub(super) fn of(params: &Params, setup: &Setup) -> Self {
        let records = params.streak_losses > 0 || params.symbol_score_enabled;
        let positions = may_exit(params) || setup.keep_trips;
        let extras = setup.keep_fills || watches_names(params);
        Self {
            positions,
            calls: calls_exits(params),
            records,
            trips: positions || records || extras,
            flows: records || extras || setup.keep_trips,
            extras,
        }
    }
}

/// How an order comes into its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// By itself.
    Alone,
    /// Lanes have folded the plan, but for positions that it opens and ends.
    Planned,
    /// The bar has touched the position: it is written out, and its levels follow when all is done.
    Touched,
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
        if crosses && held.signum() != order.lots.signum() {
            let (close, open) = (-held, held + order.lots);
            self.book(&Order { lots: close, ..*order }, bar, params, exit, Fold::Alone);
            self.book(&Order { lots: open, ..*order }, bar, params, None, Fold::Alone);
        } else {
            self.book(order, bar, params, exit, Fold::Alone);
        }
    }

    /// Book an order that does not cross 0.
    pub(super) fn book(
        &mut self,
        order: &Order,
        bar: usize,
        params: &Params,
        exit: Option<ExitReason>,
        how: Fold,
    ) {
        let (i, units) = (order.symbol, order.lots as f64 * order.step);
        let done = fill_at(units, order.price, self.rates, self.depth[i]);
        self.ledger.apply_fill(i, units, order.price, &done);
        let before = self.lots[i];
        let after = before + order.lots;
        self.lots[i] = after;
        // From the lots, so that a closed position leaves no dust of rounding behind.
        self.ledger.units[i] = after as f64 * order.step;
        // In a bar the price of an opening stands until the close.
        if before == 0 && self.ledger.mark[i].is_nan() {
            self.ledger.mark[i] = order.price;
        }
        self.held.put(i, after != 0);
        self.keep_order(order, before, bar, params, exit, how);
    }

    /// What is kept of one order on `before` lots, beside lots and cash: the position, what it brought, and
    /// what its end leaves.
    pub(super) fn keep_order(
        &mut self,
        order: &Order,
        before: i64,
        bar: usize,
        params: &Params,
        exit: Option<ExitReason>,
        how: Fold,
    ) {
        let (i, units) = (order.symbol, order.lots as f64 * order.step);
        let done = fill_at(units, order.price, self.rates, self.depth[i]);
        let flow = -(units * done.price + done.fee_usdt);
        self.trip_flow_usdt[i] = if before == 0 { flow } else { self.trip_flow_usdt[i] + flow };
        let ends = before + order.lots == 0;
        let ordinary = how == Fold::Planned && before != 0 && !ends;
        let trip = if self.wants.positions && !ordinary {
            self.fold(order, before, done.price, params, how)
        } else {
            None
        };
        if ends {
            self.end_trip(order, trip, exit, params);
        }
        if self.wants.extras {
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
        if self.wants.records {
            let closes_ms = bar_close_ms(order.at_ms, params.bar_ms);
            if self.records.note_round_trip(i, net_usdt, closes_ms, params) {
                self.note_bar(i);
            }
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
