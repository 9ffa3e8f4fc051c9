//! What moves the book between closes: fills, settlements, transfers, touches.

use std::collections::VecDeque;

use super::Fill;
use crate::book::{Bar, DecisionState, GuardAction, Position, Side, Targets};
use crate::decide::Decider;
use crate::error::Result;
use crate::guards::Guards;
use crate::ledger::book_value;
use crate::meta::Labels;
use crate::panel::Panel;
use crate::params::Params;
use crate::plan::Plan;
use crate::records::Records;
use crate::simulate::strategy::Contracts;
use crate::stops::{
    Advance, BarRow, ExitReason, SymbolExit, Tick, advance_stops, bar_close_ms, fold_into,
};

/// Everything that changes.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) contracts: Contracts,
    pub(super) positions: Vec<Position>,
    pub(super) records: Records,
    pub(super) guards: Guards,
    pub(super) action: GuardAction,
    pub(super) decider: Decider,
    pub(super) state: DecisionState,
    pub(super) targets: Targets,
    /// Something has been decided.
    pub(super) aims: bool,
    pub(super) plan: Plan,
    pub(super) labels: Option<Labels>,
    pub(super) mark: Vec<f64>,
    pub(super) stale_bars: Vec<u32>,
    pub(super) cash_usdt: f64,
    /// Shares of the book, what one was worth when the last was taken out, and the most that one ever was.
    pub(super) shares: f64,
    pub(super) share_last: f64,
    pub(super) peak: f64,
    /// Fees, what was paid beyond the price when it was decided, and funding; cumulative.
    pub(super) paid_usdt: [f64; 3],
    /// All of them at each close of the newest week.
    pub(super) paid_week: VecDeque<f64>,
    pub(super) flow_usdt: Vec<f64>,
    pub(super) trip_flow_usdt: Vec<f64>,
    pub(super) close_asked: Vec<bool>,
    pub(super) close_ordered: Vec<bool>,
    /// A position has left since the last plan.
    pub(super) exited: bool,
    pub(super) room: Room,
    exits: Vec<SymbolExit>,
}

/// Arrays that a close fills anew.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) value_usdt: Vec<f64>,
    pub(super) symbol_result_usdt: Vec<f64>,
    pub(super) trade_result_usdt: Vec<f64>,
    pub(super) exposure_frac: Vec<f64>,
    pub(super) weight_now_frac: Vec<f64>,
    pub(super) rung_cap_frac: Vec<f64>,
    pub(super) hold: Vec<bool>,
    pub(super) barred_until_ms: Vec<[i64; 2]>,
    pub(super) barred_by: Vec<[Bar; 2]>,
    pub(super) meta_scale: Vec<[f64; 2]>,
    pub(super) order_usdt_min: Vec<f64>,
    pub(super) lots: Vec<i64>,
    pub(super) closing: Vec<bool>,
    pub(super) returns: Vec<f64>,
}

impl Room {
    fn new(cols: usize) -> Self {
        Self {
            value_usdt: vec![0.0; cols],
            symbol_result_usdt: vec![0.0; cols],
            trade_result_usdt: vec![0.0; cols],
            exposure_frac: vec![0.0; cols],
            weight_now_frac: vec![0.0; cols],
            rung_cap_frac: vec![f64::INFINITY; cols],
            hold: vec![false; cols],
            barred_until_ms: vec![[0; 2]; cols],
            barred_by: vec![[Bar::None; 2]; cols],
            meta_scale: vec![[1.0; 2]; cols],
            order_usdt_min: vec![0.0; cols],
            lots: vec![0; cols],
            closing: vec![false; cols],
            returns: Vec::new(),
        }
    }
}

impl Book {
    pub(super) fn new(
        panel: &Panel<'_>,
        params: &Params,
        contracts: &Contracts,
        cash_usdt: f64,
    ) -> Result<Self> {
        let cols = panel.cols;
        Ok(Self {
            contracts: contracts.clone(),
            positions: vec![Position::FLAT; cols],
            records: Records::new(cols),
            guards: Guards::new(cols),
            action: GuardAction::None,
            decider: Decider::new(panel.symbols, panel.listed_ms, panel.delisted_ms, params)?,
            state: DecisionState::new(cols, params.tranches as usize),
            targets: Targets::new(cols),
            aims: false,
            plan: Plan::new(cols),
            labels: Labels::where_enabled(cols, params),
            mark: vec![f64::NAN; cols],
            stale_bars: vec![0; cols],
            cash_usdt,
            shares: cash_usdt,
            share_last: 1.0,
            peak: 1.0,
            paid_usdt: [0.0; 3],
            paid_week: VecDeque::new(),
            flow_usdt: vec![0.0; cols],
            trip_flow_usdt: vec![0.0; cols],
            close_asked: vec![false; cols],
            close_ordered: vec![false; cols],
            exited: false,
            room: Room::new(cols),
            exits: Vec::new(),
        })
    }

    pub(super) fn lots(&self) -> Vec<i64> {
        self.positions.iter().map(|position| position.lots).collect()
    }

    pub(super) fn flat(&self) -> bool {
        self.positions.iter().all(|position| position.lots == 0)
    }

    pub(super) fn equity_usdt(&self) -> Result<f64> {
        let held = self.positions.iter().zip(&self.contracts.qty_step);
        let units: Vec<f64> = held.map(|(position, step)| position.lots as f64 * step).collect();
        Ok(self.cash_usdt + book_value(&units, &self.mark)?.0)
    }

    /// Value of one share at this equity; where everything was taken out, the last that there was.
    pub(super) fn share(&self, equity_usdt: f64) -> f64 {
        if self.shares > 0.0 { equity_usdt / self.shares } else { self.share_last }
    }

    pub(super) fn touch(&mut self, bar: &BarRow<'_>, params: &Params) {
        self.exits.clear();
        advance_stops(&mut self.positions, Advance::Range(bar), params, &mut self.exits);
        self.exited |= !self.exits.is_empty();
    }

    pub(super) fn tick(&mut self, tick: Tick, params: &Params) {
        self.exits.clear();
        advance_stops(&mut self.positions, Advance::Tick(tick), params, &mut self.exits);
    }

    /// Levels move; exits by age and trend are called.
    pub(super) fn move_levels(&mut self, bar: &BarRow<'_>, params: &Params) {
        self.exits.clear();
        advance_stops(&mut self.positions, Advance::Close(bar), params, &mut self.exits);
    }

    /// The book at the close of a bar; an absent price leaves the last one standing.
    pub(super) fn mark_to(&mut self, close: &[f64]) -> Result<()> {
        for (mark, price) in self.mark.iter_mut().zip(close) {
            if !price.is_nan() {
                *mark = *price;
            }
        }
        let value = self.share(self.equity_usdt()?);
        self.peak = self.peak.max(value);
        Ok(())
    }

    pub(super) fn fill(&mut self, fill: &Fill, params: &Params) {
        let &Fill { symbol: i, lots, price, .. } = fill;
        let before = self.positions[i].lots;
        let units = lots as f64 * self.contracts.qty_step[i];
        let paid = units * price + fill.fee_usdt;
        fold_into(&mut self.positions[i], lots, price, fill.atr, fill.at_ms, params);
        if before == 0 && self.mark[i].is_nan() {
            self.mark[i] = fill.reference_price;
        }
        self.cash_usdt -= paid;
        self.paid_usdt[0] += fill.fee_usdt;
        self.paid_usdt[1] += units * (price - fill.reference_price);
        self.flow_usdt[i] += -paid;
        self.trip_flow_usdt[i] = if before == 0 { -paid } else { self.trip_flow_usdt[i] - paid };
        if before + lots == 0 {
            let side = if before > 0 { Side::Long } else { Side::Short };
            self.end_trip(fill, side, params);
        }
    }

    fn end_trip(&mut self, fill: &Fill, side: Side, params: &Params) {
        let (i, closes_ms) = (fill.symbol, bar_close_ms(fill.at_ms, params.bar_ms));
        if params.streak_losses > 0 || params.symbol_score_enabled {
            self.records.note_round_trip(i, self.trip_flow_usdt[i], closes_ms, params);
        }
        self.exited |= fill.on_its_own;
        if fill.exit.is_some_and(ExitReason::is_stop) {
            let awaiting = &mut self.state.awaiting_reentry[i];
            self.records.note_stop(i, side, closes_ms, params, awaiting);
            self.guards.note_stop(closes_ms, params);
        }
    }

    pub(super) fn settle(&mut self, symbol: usize, paid_usdt: f64) {
        let before = self.cash_usdt;
        self.cash_usdt -= paid_usdt;
        self.paid_usdt[2] += paid_usdt;
        // What flowed is the difference of cash, rounding included: round trips then add up to it.
        let received = self.cash_usdt - before;
        self.flow_usdt[symbol] += received;
        self.trip_flow_usdt[symbol] += received;
        self.positions[symbol].funding_usdt_cum += received;
    }

    pub(super) fn transfer(&mut self, amount_usdt: f64, shares: f64, share_last: f64) {
        self.cash_usdt += amount_usdt;
        (self.shares, self.share_last) = (shares, share_last);
    }

    /// Fees, slippage and funding so far.
    pub(super) fn paid(&self) -> f64 {
        let [fee, slippage, funding] = self.paid_usdt;
        fee + slippage + funding
    }
}
