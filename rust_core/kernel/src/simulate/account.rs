//! Ledger, positions and records together: the only place where a simulated fill is booked.

use super::strategy::depth_of;
use crate::book::{Bar, Position, Side};
use crate::fill::{Costs, Depth, fill};
use crate::guards::Guards;
use crate::lanes::{LANES, dispatch, fold};
use crate::ledger::Ledger;
use crate::params::Params;
use crate::records::Records;
use crate::row::FeatureRow;
use crate::stops::{ExitReason, SymbolExit, bar_close_ms, fold_fill};

/// One simulated fill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FillRow {
    /// Bar in which it fell.
    pub bar: usize,
    /// When, UTC milliseconds; a fill inside a bar carries the last one before its close.
    pub at_ms: i64,
    /// Number of the symbol.
    pub symbol: usize,
    /// Signed units.
    pub units: f64,
    /// Executed price.
    pub price: f64,
    /// Price before spread and impact.
    pub reference_price: f64,
    /// Fee.
    pub fee_usdt: f64,
    /// The exit that it carried out; `None` for a fill of the plan.
    pub exit: Option<ExitReason>,
}

/// One round trip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TripRow {
    /// Number of the symbol.
    pub symbol: usize,
    /// Side held.
    pub side: Side,
    /// First fill, UTC milliseconds.
    pub opened_ms: i64,
    /// Last fill, UTC milliseconds.
    pub closed_ms: i64,
    /// Largest units held.
    pub units_max: f64,
    /// Average cost at the end.
    pub entry_price: f64,
    /// Price of the last fill.
    pub exit_price: f64,
    /// Result after costs and funding.
    pub net_usdt: f64,
    /// Funding over its life: paid (−), received (+).
    pub funding_usdt: f64,
    /// The exit that ended it; `None` when the plan did.
    pub exit: Option<ExitReason>,
}

/// Lots to trade at a reference price.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) symbol: usize,
    pub(super) lots: i64,
    pub(super) price: f64,
    pub(super) atr: f64,
    pub(super) at_ms: i64,
    pub(super) step: f64,
}

/// The account of a simulated strategy.
pub(super) struct Account<'a> {
    pub(super) ledger: Ledger,
    pub(super) positions: Vec<Position>,
    pub(super) records: Records,
    /// Some side of some name is, or was, barred.
    pub(super) any_barred: bool,
    pub(super) lots: Vec<i64>,
    pub(super) closing: Vec<bool>,
    pub(super) exits: Vec<SymbolExit>,
    pub(super) fills: Vec<FillRow>,
    pub(super) trips: Vec<TripRow>,
    pub(super) peak_usdt: f64,
    pub(super) symbol_result_usdt: Vec<f64>,
    pub(super) trade_result_usdt: Vec<f64>,
    pub(super) exposure_frac: Vec<f64>,
    costs: &'a Costs,
    keep_fills: bool,
    value_usdt: f64,
    gross_usdt: f64,
    open: usize,
    exited: bool,
    close_asked: Vec<bool>,
    any_asked: bool,
    depth: Vec<Depth>,
    /// Cash flows of each symbol: since the start, and since its position opened.
    flow_usdt: Vec<f64>,
    trip_flow_usdt: Vec<f64>,
}

impl<'a> Account<'a> {
    pub(super) fn new(cols: usize, costs: &'a Costs, cash_usdt: f64, keep_fills: bool) -> Self {
        Self {
            ledger: Ledger::new(cols, cash_usdt),
            positions: vec![Position::FLAT; cols],
            records: Records::new(cols),
            any_barred: false,
            lots: vec![0; cols],
            closing: vec![false; cols],
            exits: Vec::with_capacity(cols),
            fills: Vec::new(),
            trips: Vec::new(),
            peak_usdt: cash_usdt,
            symbol_result_usdt: vec![0.0; cols],
            trade_result_usdt: vec![0.0; cols],
            exposure_frac: vec![0.0; cols],
            costs,
            keep_fills,
            value_usdt: 0.0,
            gross_usdt: 0.0,
            open: 0,
            exited: false,
            close_asked: vec![false; cols],
            any_asked: false,
            depth: vec![Depth { sigma_day_frac: f64::NAN, adv_usdt: f64::NAN }; cols],
            flow_usdt: vec![0.0; cols],
            trip_flow_usdt: vec![0.0; cols],
        }
    }

    pub(super) fn flat(&self) -> bool {
        self.open == 0
    }

    pub(super) fn equity_usdt(&self) -> f64 {
        self.ledger.cash_usdt + self.value_usdt
    }

    pub(super) fn gross_usdt(&self) -> f64 {
        self.gross_usdt
    }

    pub(super) fn net_usdt(&self) -> f64 {
        self.value_usdt
    }

    /// All costs so far.
    pub(super) fn paid_usdt(&self) -> f64 {
        let paid = &self.ledger.costs;
        paid.fee_usdt + paid.spread_usdt + paid.impact_usdt + paid.funding_usdt
    }

    /// Depth as known at this close, for the fills at it and in the next bar.
    pub(super) fn note_depth(&mut self, row: &FeatureRow<'_>, root_bars_day: f64) {
        if self.costs.impact_y > 0.0 {
            for (symbol, depth) in self.depth.iter_mut().enumerate() {
                // An outage leaves the window of volatility short; what was known last still holds.
                let now = depth_of(row, symbol, root_bars_day);
                if now.sigma_day_frac >= 0.0 && now.adv_usdt > 0.0 {
                    *depth = now;
                }
            }
        }
    }

    /// Something needs a plan between rebalances: an exit that waits or has just left, a guard.
    pub(super) fn restless(&self, guarded: bool) -> bool {
        guarded
            || self.exited
            || self.any_asked
            || self.positions.iter().any(|position| position.closing.is_some())
    }

    /// Book an order; one that crosses 0 is a close and an opening.
    pub(super) fn fill(
        &mut self,
        order: &Order,
        bar: usize,
        params: &Params,
        exit: Option<ExitReason>,
    ) {
        let held = self.positions[order.symbol].lots;
        let crosses =
            held != 0 && held.signum() != (held + order.lots).signum() && held != -order.lots;
        if crosses && held.signum() != order.lots.signum() {
            self.book(&Order { lots: -held, ..*order }, bar, params, exit);
            self.book(&Order { lots: held + order.lots, ..*order }, bar, params, None);
        } else {
            self.book(order, bar, params, exit);
        }
    }

    fn book(&mut self, order: &Order, bar: usize, params: &Params, exit: Option<ExitReason>) {
        let i = order.symbol;
        let units = order.lots as f64 * order.step;
        let done = fill(units, order.price, self.costs, self.depth[i]);
        let was_flat = self.positions[i].lots == 0;
        self.ledger.apply_fill(i, units, order.price, &done);
        let folded =
            fold_fill(&self.positions[i], order.lots, done.price, order.atr, order.at_ms, params);
        self.positions[i] = folded.position;
        // From the lots, so that a closed position leaves no dust of rounding behind.
        self.ledger.units[i] = folded.position.lots as f64 * order.step;
        if self.ledger.mark[i].is_nan() {
            self.ledger.mark[i] = order.price;
        }
        let flow = -(units * done.price + done.fee_usdt);
        self.flow_usdt[i] += flow;
        if was_flat {
            self.open += 1;
            self.trip_flow_usdt[i] = 0.0;
        }
        self.trip_flow_usdt[i] += flow;
        if self.keep_fills {
            let (price, fee_usdt, at_ms) = (done.price, done.fee_usdt, order.at_ms);
            let reference_price = order.price;
            self.fills.push(FillRow {
                bar,
                at_ms,
                symbol: i,
                units,
                price,
                reference_price,
                fee_usdt,
                exit,
            });
        }
        if let Some(trip) = folded.closed {
            self.open -= 1;
            let net_usdt = self.trip_flow_usdt[i];
            let closes_ms = bar_close_ms(order.at_ms, params.bar_ms);
            self.records.note_round_trip(i, net_usdt, closes_ms, params);
            self.any_barred = true;
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

    /// Carry out an exit inside a bar; whether it was a stop.
    pub(super) fn exit(
        &mut self,
        found: &SymbolExit,
        bar: usize,
        step: f64,
        params: &Params,
        awaiting_reentry: &mut [bool; 2],
    ) -> bool {
        let exit = &found.exit;
        let side = self.positions[found.symbol].side();
        if exit.lots != 0 {
            let order = Order {
                symbol: found.symbol,
                lots: exit.lots,
                price: exit.price,
                atr: f64::NAN,
                at_ms: exit.bar_close_ms - 1,
                step,
            };
            self.fill(&order, bar, params, Some(exit.reason));
        }
        self.exited = true;
        let stopped = exit.reason.is_stop();
        if let (true, Some(side)) = (stopped, side) {
            self.any_barred = true;
            self.records.note_stop(found.symbol, side, exit.bar_close_ms, params, awaiting_reentry);
        }
        stopped
    }

    /// Funding of the bar on the units held. It comes before the exits inside the bar: a position that
    /// leaves there is charged, and its round trip must know.
    pub(super) fn settle(&mut self, close: &[f64], rate_frac: &[f64]) {
        if self.open == 0 {
            return;
        }
        for i in 0..self.positions.len() {
            if self.positions[i].lots == 0 || rate_frac[i] == 0.0 || rate_frac[i].is_nan() {
                continue;
            }
            let mark = if close[i].is_nan() { self.ledger.mark[i] } else { close[i] };
            let before = self.ledger.cash_usdt;
            self.ledger.settle_funding(i, mark, rate_frac[i]);
            let received = self.ledger.cash_usdt - before;
            self.positions[i].funding_usdt_cum += received;
            self.flow_usdt[i] += received;
            self.trip_flow_usdt[i] += received;
        }
    }

    /// Take over the closes and value the book.
    pub(super) fn mark(&mut self, close: &[f64]) {
        self.ledger.mark_to(close);
        self.revalue();
        self.peak_usdt = self.peak_usdt.max(self.equity_usdt());
    }

    /// Value and gross at the marks.
    pub(super) fn revalue(&mut self) {
        (self.value_usdt, self.gross_usdt) = if self.open == 0 {
            (0.0, 0.0)
        } else {
            dispatch(|| value_and_gross(&self.ledger.units, &self.ledger.mark))
        };
    }

    pub(super) fn write_lots(&mut self) {
        for (i, position) in self.positions.iter().enumerate() {
            self.lots[i] = position.lots;
            self.closing[i] = position.closing.is_some() || self.close_asked[i];
        }
        self.exited = false;
    }

    pub(super) fn write_results(&mut self, equity: f64) {
        for i in 0..self.positions.len() {
            let held = self.positions[i].lots != 0;
            let value = if held { self.ledger.units[i] * self.ledger.mark[i] } else { 0.0 };
            self.symbol_result_usdt[i] = self.flow_usdt[i] + value;
            self.trade_result_usdt[i] = if held { self.trip_flow_usdt[i] + value } else { 0.0 };
            self.exposure_frac[i] = value / equity;
        }
    }

    /// Pauses and closes that the guards ask for single names.
    pub(super) fn obey(&mut self, guards: &Guards, close_ms: i64) {
        self.any_asked = false;
        for (i, day) in guards.symbols.iter().enumerate() {
            self.close_asked[i] = day.close && self.positions[i].lots != 0;
            self.any_asked |= self.close_asked[i];
            if day.paused_until_ms > close_ms {
                self.any_barred = true;
                for side in Side::BOTH {
                    self.records.bar_side(i, side, Bar::SymbolLoss, day.paused_until_ms);
                }
            }
        }
    }

    /// Nothing is left.
    pub(super) fn wind_up(&mut self) {
        self.ledger.units.fill(0.0);
        self.ledger.cash_usdt = 0.0;
        (self.value_usdt, self.gross_usdt) = (0.0, 0.0);
    }

    /// The venue closes the book at the marks, for a fee.
    pub(super) fn close_all(&mut self, fee_frac: f64) {
        let fee = self.gross_usdt * fee_frac;
        self.ledger.cash_usdt = (self.equity_usdt() - fee).max(0.0);
        self.ledger.costs.fee_usdt += fee;
        self.ledger.costs.traded_usdt += self.gross_usdt;
        self.ledger.units.fill(0.0);
        (self.value_usdt, self.gross_usdt) = (0.0, 0.0);
    }
}

/// Sums over eight fixed lanes; a name without a mark holds nothing.
#[inline(always)]
fn value_and_gross(units: &[f64], mark: &[f64]) -> (f64, f64) {
    let (mut value, mut gross) = ([0.0; LANES], [0.0; LANES]);
    let (unit_chunks, unit_tail) = units.as_chunks::<LANES>();
    let (mark_chunks, mark_tail) = mark.as_chunks::<LANES>();
    for (units, mark) in unit_chunks.iter().zip(mark_chunks) {
        for k in 0..LANES {
            let worth = if units[k] == 0.0 { 0.0 } else { units[k] * mark[k] };
            value[k] += worth;
            gross[k] += worth.abs();
        }
    }
    for (k, (units, mark)) in unit_tail.iter().zip(mark_tail).enumerate() {
        let worth = if *units == 0.0 { 0.0 } else { units * mark };
        value[k] += worth;
        gross[k] += worth.abs();
    }
    (fold(value), fold(gross))
}
