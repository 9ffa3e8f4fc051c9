//! Ledger, positions and records together: the only place where a simulated fill is booked.

use super::rows::depth_of;
use super::setup::{FillRow, Setup, TripRow};
use crate::book::{Bar, Position, Side};
use crate::fill::{Costs, Depth, Rates};
use crate::guards::Guards;
use crate::lanes::dispatch;
use crate::ledger::Ledger;
use crate::params::Params;
use crate::records::Records;
use crate::row::FeatureRow;
use crate::stops::{CloseRules, Folds, Levels, SymbolExit};
use crate::universe::padded;

use super::names::NameSet;
use super::{FillAt, Timing};

mod booking;
mod marks;
mod positions;
mod sheet;
mod trade;

use booking::{Fold, Wants};
pub(super) use marks::shares_into;
pub(super) use sheet::Rebalance;
use sheet::Sheet;
use trade::Bills;
pub(super) use trade::Moment;

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
    /// Positions; what lies in `levels` is written here where somebody reads it.
    pub(super) positions: Vec<Position>,
    pub(super) records: Records,
    /// Names of which some side is, or was, barred.
    pub(super) barred: NameSet,
    /// Names with a position.
    pub(super) held: NameSet,
    /// Lots of each position, side by side for the plan.
    pub(super) lots: Vec<i64>,
    pub(super) closing: Vec<bool>,
    pub(super) any_closing: bool,
    pub(super) exits: Vec<SymbolExit>,
    /// What every bar reads of positions.
    pub(super) levels: Levels,
    close_rules: CloseRules,
    folds: Folds,
    /// Names whose stops or rungs want more than lanes can do.
    concerned: NameSet,
    /// Names whose record has changed since it was last read.
    pub(super) news: NameSet,
    pub(super) fills: Vec<FillRow>,
    pub(super) trips: Vec<TripRow>,
    pub(super) peak_usdt: f64,
    pub(super) symbol_result_usdt: Vec<f64>,
    pub(super) trade_result_usdt: Vec<f64>,
    pub(super) exposure_frac: Vec<f64>,
    /// Round trips so far.
    pub(super) trips_closed: u64,
    costs: &'a Costs,
    rates: Rates,
    wants: Wants,
    /// Nobody wants more than lots and cash.
    plain: bool,
    keep_fills: bool,
    keep_trips: bool,
    value_usdt: f64,
    gross_usdt: f64,
    exited: bool,
    close_asked: Vec<bool>,
    any_asked: bool,
    depth: Vec<Depth>,
    depth_row: Vec<Depth>,
    bills: Bills,
    sheet: Box<Sheet>,
    /// Cash flows of each symbol: since the start, and since its position opened.
    flow_usdt: Vec<f64>,
    trip_flow_usdt: Vec<f64>,
}

impl<'a> Account<'a> {
    pub(super) fn new(cols: usize, params: &Params, setup: &'a Setup) -> Self {
        let (wants, rates) = (Wants::of(params, setup), Rates::of(&setup.costs));
        let (cash_usdt, room) = (setup.cash_usdt, padded(cols));
        Self {
            ledger: Ledger::new(room, cash_usdt),
            positions: vec![Position::FLAT; cols],
            records: Records::new(cols),
            barred: NameSet::new(cols),
            held: NameSet::new(cols),
            lots: vec![0; cols],
            closing: vec![false; cols],
            any_closing: false,
            exits: Vec::with_capacity(cols),
            levels: Levels::new(cols),
            close_rules: CloseRules::of(params, opens_inside(setup.timing)),
            folds: Folds::new(cols),
            concerned: NameSet::new(cols),
            news: NameSet::new(cols),
            fills: Vec::new(),
            trips: Vec::new(),
            peak_usdt: cash_usdt,
            symbol_result_usdt: vec![0.0; cols],
            trade_result_usdt: vec![0.0; cols],
            exposure_frac: vec![0.0; cols],
            trips_closed: 0,
            costs: &setup.costs,
            rates,
            wants,
            plain: !wants.trips,
            keep_fills: setup.keep_fills,
            keep_trips: setup.keep_trips,
            value_usdt: 0.0,
            gross_usdt: 0.0,
            exited: false,
            close_asked: vec![false; cols],
            any_asked: false,
            depth: vec![Depth::UNKNOWN; cols],
            depth_row: Vec::with_capacity(room),
            bills: Bills::default(),
            sheet: Box::new(Sheet::new(cols)),
            flow_usdt: vec![0.0; cols],
            trip_flow_usdt: vec![0.0; cols],
        }
    }

    /// Are rows of fills or of round trips kept?
    pub(super) fn keeps_rows(&self) -> bool {
        self.keep_fills || self.keep_trips
    }

    pub(super) fn flat(&self) -> bool {
        self.held.is_empty()
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
            || (self.wants.calls && self.waits_to_close(&self.held))
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
        let side = Side::of(self.lots[found.symbol] as f64);
        if exit.lots != 0 {
            let order = Order {
                symbol: found.symbol,
                lots: exit.lots,
                price: exit.price,
                atr: f64::NAN,
                at_ms: exit.bar_close_ms - 1,
                step,
            };
            self.book(&order, bar, params, Some(exit.reason), Fold::Touched);
        }
        self.exited = true;
        let stopped = exit.reason.is_stop();
        if let (true, Some(side)) = (stopped, side) {
            self.note_bar(found.symbol);
            self.records.note_stop(found.symbol, side, exit.bar_close_ms, params, awaiting_reentry);
        }
        stopped
    }

    /// Write down which positions are to be closed.
    pub(super) fn write_closing(&mut self) {
        self.exited = false;
        if std::mem::take(&mut self.any_closing) {
            self.closing.fill(false);
        }
        debug_assert!(
            self.wants.calls || !self.waits_to_close(&self.held),
            "an exit inside a bar is carried out at once"
        );
        if !(self.wants.calls || self.any_asked) {
            return;
        }
        for i in self.held.iter() {
            let closing = self.positions[i].closing.is_some() || self.close_asked[i];
            self.closing[i] = closing;
            self.any_closing |= closing;
        }
    }

    pub(super) fn write_results(&mut self, equity: f64) {
        // All rows of one length, so that an index is asked about its bounds once.
        let n = self.lots.len();
        let (lots, units, mark) =
            (&self.lots[..n], &self.ledger.units[..n], &self.ledger.mark[..n]);
        let (all, trip) = (&self.flow_usdt[..n], &self.trip_flow_usdt[..n]);
        let symbol_result = &mut self.symbol_result_usdt[..n];
        let trade_result = &mut self.trade_result_usdt[..n];
        let exposure = &mut self.exposure_frac[..n];
        dispatch(
            #[inline(always)]
            || {
                for i in 0..n {
                    let held = lots[i] != 0;
                    let (worth, brought) = (units[i] * mark[i], trip[i]);
                    let value = if held { worth } else { 0.0 };
                    symbol_result[i] = all[i] + value;
                    trade_result[i] = if held { brought + value } else { 0.0 };
                    exposure[i] = value / equity;
                }
            },
        );
    }

    /// Pauses and closes that the guards ask for single names, of which there is `any`.
    pub(super) fn obey(&mut self, guards: &Guards, any: bool, close_ms: i64) {
        if !(std::mem::take(&mut self.any_asked) || any) {
            return;
        }
        for (i, day) in guards.symbols.iter().enumerate() {
            self.close_asked[i] = day.close && self.lots[i] != 0;
            self.any_asked |= self.close_asked[i];
            if day.paused_until_ms > close_ms {
                let mut later = false;
                for side in Side::BOTH {
                    later |= self.records.bar_side(i, side, Bar::SymbolLoss, day.paused_until_ms);
                }
                // A bar that is known already is looked at until it ends.
                if later {
                    self.barred.put(i, true);
                    self.news.put(i, true);
                }
            }
        }
    }

    /// A side of the name is barred from now on, or may be.
    fn note_bar(&mut self, name: usize) {
        self.barred.put(name, true);
        self.news.put(name, true);
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

/// May a position begin inside the bar at whose close it is looked at, or at that close?
fn opens_inside(timing: Timing) -> bool {
    match timing.fill_at {
        FillAt::Close => timing.delay_bars > 0,
        FillAt::Open => false,
        FillAt::Vwap => true,
    }
}
