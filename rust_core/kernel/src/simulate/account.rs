//! Ledger, positions and records together: the only place where a simulated fill is booked.

use super::rows::depth_of;
use super::setup::{FillRow, Setup, TripRow};
use crate::book::{Bar, Position, Side};
use crate::fill::{Costs, Depth, fill};
use crate::guards::Guards;
use crate::lanes::{LANES, dispatch, fold};
use crate::ledger::Ledger;
use crate::params::Params;
use crate::records::Records;
use crate::row::FeatureRow;
use crate::stops::{ExitReason, SymbolExit, bar_close_ms, fold_into};

use super::names::NameSet;

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
#[derive(Debug)]
pub(super) struct Account<'a> {
    pub(super) ledger: Ledger,
    pub(super) positions: Vec<Position>,
    pub(super) records: Records,
    /// Names of which some side is, or was, barred.
    pub(super) barred: NameSet,
    /// Names with a position.
    pub(super) held: NameSet,
    /// Lots of each position, side by side for the plan.
    pub(super) lots: Vec<i64>,
    pub(super) closing: Vec<bool>,
    any_closing: bool,
    pub(super) exits: Vec<SymbolExit>,
    pub(super) fills: Vec<FillRow>,
    pub(super) trips: Vec<TripRow>,
    pub(super) peak_usdt: f64,
    pub(super) symbol_result_usdt: Vec<f64>,
    pub(super) trade_result_usdt: Vec<f64>,
    pub(super) exposure_frac: Vec<f64>,
    costs: &'a Costs,
    keep_fills: bool,
    keep_trips: bool,
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
    pub(super) fn new(cols: usize, setup: &'a Setup) -> Self {
        let cash_usdt = setup.cash_usdt;
        Self {
            ledger: Ledger::new(cols, cash_usdt),
            positions: vec![Position::FLAT; cols],
            records: Records::new(cols),
            barred: NameSet::new(cols),
            held: NameSet::new(cols),
            lots: vec![0; cols],
            closing: vec![false; cols],
            any_closing: false,
            exits: Vec::with_capacity(cols),
            fills: Vec::new(),
            trips: Vec::new(),
            peak_usdt: cash_usdt,
            symbol_result_usdt: vec![0.0; cols],
            trade_result_usdt: vec![0.0; cols],
            exposure_frac: vec![0.0; cols],
            costs: &setup.costs,
            keep_fills: setup.keep_fills,
            keep_trips: setup.keep_trips,
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
            || self.held.iter().any(|i| self.positions[i].closing.is_some())
    }

    /// Book an order; one that crosses 0 is a close and an opening.
    #[inline]
    pub(super) fn fill(
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
            self.book(&Order { lots: -held, ..*order }, bar, params, exit);
            self.book(&Order { lots: held + order.lots, ..*order }, bar, params, None);
        } else {
            self.book(order, bar, params, exit);
        }
    }

    #[inline]
    fn book(&mut self, order: &Order, bar: usize, params: &Params, exit: Option<ExitReason>) {
        let i = order.symbol;
        let units = order.lots as f64 * order.step;
        let done = fill(units, order.price, self.costs, self.depth[i]);
        let was_flat = self.lots[i] == 0;
        self.ledger.apply_fill(i, units, order.price, &done);
        let (position, atr, at_ms) = (&mut self.positions[i], order.atr, order.at_ms);
        let ended = fold_into(position, order.lots, done.price, atr, at_ms, params);
        self.lots[i] = position.lots;
        // From the lots, so that a closed position leaves no dust of rounding behind.
        self.ledger.units[i] = position.lots as f64 * order.step;
        if self.ledger.mark[i].is_nan() {
            self.ledger.mark[i] = order.price;
        }
        let flow = -(units * done.price + done.fee_usdt);
        self.flow_usdt[i] += flow;
        if was_flat {
            self.open += 1;
            self.held.put(i, true);
            self.trip_flow_usdt[i] = 0.0;
        }
        self.trip_flow_usdt[i] += flow;
        if self.keep_fills {
            let (price, fee_usdt) = (done.price, done.fee_usdt);
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
        if let Some(trip) = ended.closed {
            self.open -= 1;
            self.held.put(i, false);
            let net_usdt = self.trip_flow_usdt[i];
            let closes_ms = bar_close_ms(order.at_ms, params.bar_ms);
            self.records.note_round_trip(i, net_usdt, closes_ms, params);
            self.barred.put(i, true);
            if !self.keep_trips {
                return;
            }
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

    /// A position has left: the next plan looks at the net again.
    pub(super) fn note_exit(&mut self) {
        self.exited = true;
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
            self.barred.put(found.symbol, true);
            self.records.note_stop(found.symbol, side, exit.bar_close_ms, params, awaiting_reentry);
        }
        stopped
    }

    /// Funding of the bar on the units held. It comes before the exits inside the bar: a position that
    /// leaves there is charged, and its round trip must know.
    pub(super) fn settle(&mut self, close: &[f64], rate_frac: &[f64]) {
        let settled = dispatch(
            #[inline(always)]
            || rate_frac.iter().fold(0, |settled, rate| settled | u64::from(*rate != 0.0)) != 0,
        );
        if self.open == 0 || !settled {
            return;
        }
        for i in self.held.iter() {
            if rate_frac[i] == 0.0 || rate_frac[i].is_nan() {
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
        let (units, mark) = (&self.ledger.units, &mut self.ledger.mark);
        (self.value_usdt, self.gross_usdt) = dispatch(
            #[inline(always)]
            || {
                mark_to(mark, close);
                value_and_gross(units, mark)
            },
        );
        self.peak_usdt = self.peak_usdt.max(self.equity_usdt());
    }

    /// Value and gross at the marks.
    pub(super) fn revalue(&mut self) {
        (self.value_usdt, self.gross_usdt) = dispatch(
            #[inline(always)]
            || value_and_gross(&self.ledger.units, &self.ledger.mark),
        );
    }

    /// Write down which positions are to be closed.
    pub(super) fn write_closing(&mut self) {
        self.exited = false;
        if std::mem::take(&mut self.any_closing) {
            self.closing.fill(false);
        }
        for i in self.held.iter() {
            let closing = self.positions[i].closing.is_some() || self.close_asked[i];
            self.closing[i] = closing;
            self.any_closing |= closing;
        }
    }

    pub(super) fn write_results(&mut self, equity: f64) {
        for i in 0..self.lots.len() {
            let held = self.lots[i] != 0;
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
            self.close_asked[i] = day.close && self.lots[i] != 0;
            self.any_asked |= self.close_asked[i];
            if day.paused_until_ms > close_ms {
                self.barred.put(i, true);
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

/// Take over the prices that are known; an absent one leaves the last mark standing.
#[inline(always)]
fn mark_to(mark: &mut [f64], close: &[f64]) {
    for (mark, price) in mark.iter_mut().zip(close) {
        *mark = if price.is_nan() { *mark } else { *price };
    }
}

/// Value of a position. The product is taken first and dropped where nothing is held: a choice
/// between two numbers, not between two ways to go.
#[inline(always)]
pub(super) fn worth(units: f64, mark: f64) -> f64 {
    let product = units * mark;
    let held = u64::from(units != 0.0).wrapping_neg();
    f64::from_bits(product.to_bits() & held)
}

/// Sums over eight fixed lanes; a name without a mark holds nothing.
#[inline(always)]
fn value_and_gross(units: &[f64], mark: &[f64]) -> (f64, f64) {
    let (mut value, mut gross) = ([0.0; LANES], [0.0; LANES]);
    let (unit_chunks, unit_tail) = units.as_chunks::<LANES>();
    let (mark_chunks, mark_tail) = mark.as_chunks::<LANES>();
    for (units, mark) in unit_chunks.iter().zip(mark_chunks) {
        for k in 0..LANES {
            let worth = worth(units[k], mark[k]);
            value[k] += worth;
            gross[k] += worth.abs();
        }
    }
    for (k, (units, mark)) in unit_tail.iter().zip(mark_tail).enumerate() {
        let worth = worth(*units, *mark);
        value[k] += worth;
        gross[k] += worth.abs();
    }
    (fold(value), fold(gross))
}
