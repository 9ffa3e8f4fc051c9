//! The strategy over a panel: features → decide with guards → plan → fill → exits → account, in the
//! order of docs/explanation/accounting.md. Every step is the function that the live engine calls.

use super::FillAt;
use super::account::Account;
use super::rows::{self, Rows};
pub use super::setup::{Contracts, Run, Setup};
use super::setup::{
    DELISTED_LOSS_FRAC, any_guard, check, fill_price, fine_lots, reachable_lots, sizing_usdt,
};
use crate::book::{BookRow, DecisionState, GuardAction, Targets};
use crate::decide::{Decider, is_rebalance};
use crate::error::Result;
use crate::features::{Needs, Scratch, blocks, features_block};
use crate::guards::{Guards, Moment};
use crate::panel::Panel;
use crate::params::Params;
use crate::plan::{Leg, Lots, Plan, PlanInput, plan};
use crate::reason::Reason;
use crate::row::FeatureRow;
use crate::stops::{Advance, BarRow, ExitReason, advance_held, may_exit};

/// Run the strategy over the panel.
pub fn run(panel: &Panel<'_>, params: &Params, setup: &Setup) -> Result<Run> {
    check(panel, params, setup)?;
    let mut needs = Needs::of(params);
    needs.adv |= setup.costs.impact_y > 0.0;
    let mut scratch = Scratch::with_needs(params, needs, panel.cols)?;
    let mut book = Book::new(panel, params, setup)?;
    for rows in blocks(panel.first_bar, 0..panel.rows) {
        features_block(panel, rows.clone(), &mut scratch)?;
        for t in rows {
            let row = scratch.row(panel.first_bar + t as i64);
            if book.over() {
                book.note_bar(panel.cols);
            } else {
                book.bar(panel, t, &row)?;
            }
        }
    }
    Ok(book.finish())
}

/// Nearly all names have the same reason, and a counter that is raised twice in a row waits for
/// itself: neighbours count in different tables.
const WAYS: usize = 4;

/// Everything that changes from bar to bar.
struct Book<'a> {
    params: &'a Params,
    setup: &'a Setup,
    account: Account<'a>,
    decider: Decider,
    state: DecisionState,
    targets: Targets,
    guards: Guards,
    action: GuardAction,
    plan: Plan,
    contracts: Contracts,
    rows: Rows,
    /// Plans that wait for their bar, oldest first.
    waiting: std::collections::VecDeque<Waiting>,
    spare: Vec<Waiting>,
    guarded: bool,
    /// Guards look at single names.
    by_name: bool,
    may_exit: bool,
    /// Lots as they will be when what waits is filled; only with a delay.
    planned_lots: Vec<i64>,
    any_delisted: bool,
    /// √(bars a day): turns a bar's volatility into a day's.
    root_bars_day: f64,
    cost_week: std::collections::VecDeque<f64>,
    week_bars: usize,
    /// How often each reason stood, in [`WAYS`] tables that are added up at the end.
    reason_counts: [[u64; 256]; WAYS],
    scratch: Vec<f64>,
    run: Run,
}

/// Orders between their decision and their fill, each with the ATR at the decision.
#[derive(Debug, Default)]
struct Waiting {
    bar: usize,
    legs: Vec<(Leg, f64)>,
}

impl<'a> Book<'a> {
    fn new(panel: &Panel<'_>, params: &'a Params, setup: &'a Setup) -> Result<Self> {
        let cols = panel.cols;
        let contracts =
            setup.contracts.clone().unwrap_or_else(|| fine_lots(panel, setup.cash_usdt));
        Ok(Self {
            params,
            setup,
            account: Account::new(cols, setup),
            decider: Decider::new(panel.symbols, panel.listed_ms, panel.delisted_ms, params)?,
            state: DecisionState::new(cols, params.tranches as usize),
            targets: Targets::new(cols),
            guards: Guards::new(cols),
            action: GuardAction::None,
            plan: Plan::default(),
            rows: Rows::new(cols, setup.contracts.is_some(), params),
            contracts,
            waiting: std::collections::VecDeque::new(),
            spare: Vec::new(),
            guarded: any_guard(params),
            by_name: params.symbol_daily_loss_max_frac > 0.0
                || params.trade_loss_max_frac > 0.0
                || params.cvar_max_frac > 0.0,
            may_exit: may_exit(params),
            planned_lots: vec![0; cols],
            any_delisted: panel.delisted_ms.iter().any(|at_ms| *at_ms < i64::MAX),
            root_bars_day: (crate::guards::DAY_MS as f64 / params.bar_ms as f64).sqrt(),
            cost_week: std::collections::VecDeque::new(),
            week_bars: (7 * crate::guards::DAY_MS / params.bar_ms) as usize,
            reason_counts: [[0; 256]; WAYS],
            scratch: Vec::new(),
            run: Run::with_room(panel, setup),
        })
    }

    fn over(&self) -> bool {
        self.run.bankrupt_at.is_some() || self.run.liquidated_at.is_some()
    }

    fn bar(&mut self, panel: &Panel<'_>, t: usize, row: &FeatureRow<'_>) -> Result<()> {
        let close_ms = panel.close_ms(t);
        let at_close = self.setup.timing.fill_at == FillAt::Close;
        if !at_close {
            // The VWAP is spread over the bar: it lies inside, and what it opens did not see the open.
            let inside = self.setup.timing.fill_at == FillAt::Vwap;
            self.fill_waiting(panel, t, close_ms - if inside { 1 } else { self.params.bar_ms });
        }
        let bars = rows::bar_row(panel, t, close_ms, row);
        let close = panel.row(panel.close, t);
        if self.setup.costs.funding {
            self.account.settle(close, panel.row(panel.funding_frac, t));
        }
        if self.may_exit && !self.account.flat() {
            self.exit_inside(&bars, t);
        }
        self.account.mark(close);
        if self.any_delisted && !self.account.flat() {
            self.leave_delisted(panel, t, close_ms);
        }
        self.account.note_depth(row, self.root_bars_day);
        if at_close && !self.waiting.is_empty() {
            self.fill_waiting(panel, t, close_ms);
            self.account.revalue();
        }
        self.survive(t);
        if !self.over() {
            if self.may_exit && !self.account.flat() {
                self.exit_at_close(&bars);
            }
            self.guard(close_ms, row);
            self.decide(panel, t, row)?;
        }
        self.note_bar(panel.cols);
        Ok(())
    }

    /// Fill what waits for this bar, at its open (or its own price).
    fn fill_waiting(&mut self, panel: &Panel<'_>, t: usize, at_ms: i64) {
        while self.waiting.front().is_some_and(|waiting| waiting.bar <= t) {
            let Some(mut due) = self.waiting.pop_front() else { return };
            for &(leg, atr) in &due.legs {
                let symbol = leg.symbol;
                let price = fill_price(panel, self.setup.timing.fill_at, t, symbol);
                let lots = reachable_lots(leg, self.account.positions[symbol].lots);
                // An absent bar fills nothing; the next plan sees what is still missing.
                if lots != 0 && !price.is_nan() {
                    let step = self.contracts.qty_step[symbol];
                    let fill = super::account::Order { symbol, lots, price, atr, at_ms, step };
                    self.account.fill(&fill, t, self.params, None);
                }
            }
            due.legs.clear();
            self.spare.push(due);
        }
    }

    /// Stops and rungs that the bar's range touches, filled where they lie.
    fn exit_inside(&mut self, bars: &BarRow<'_>, t: usize) {
        let mut exits = std::mem::take(&mut self.account.exits);
        let account = &mut self.account;
        let (with, held) = (Advance::Range(bars), account.held.iter());
        advance_held(&mut account.positions, held, with, self.params, &mut exits);
        for found in exits.drain(..) {
            let awaiting = &mut self.state.awaiting_reentry[found.symbol];
            let step = self.contracts.qty_step[found.symbol];
            if self.account.exit(&found, t, step, self.params, awaiting) {
                self.guards.note_stop(bars.close_ms, self.params);
            }
            // What was ordered for a position that has changed since is no longer meant.
            for waiting in &mut self.waiting {
                waiting.legs.retain(|(leg, _)| leg.symbol != found.symbol);
            }
        }
        self.account.exits = exits;
    }

    /// What is delisted at this close is gone at its last price, less what the last ones out lose.
    fn leave_delisted(&mut self, panel: &Panel<'_>, t: usize, close_ms: i64) {
        let held = self.account.held.iter();
        let gone: Vec<usize> = held.filter(|i| panel.delisted_ms[*i] <= close_ms).collect();
        for &symbol in &gone {
            let lots = -self.account.positions[symbol].lots;
            let haircut = if lots < 0 { -DELISTED_LOSS_FRAC } else { DELISTED_LOSS_FRAC };
            let price = self.account.ledger.mark[symbol] * (1.0 + haircut);
            let (atr, at_ms, step) = (f64::NAN, close_ms - 1, self.contracts.qty_step[symbol]);
            let order = super::account::Order { symbol, lots, price, atr, at_ms, step };
            self.account.fill(&order, t, self.params, Some(ExitReason::Delisted));
            for waiting in &mut self.waiting {
                waiting.legs.retain(|(leg, _)| leg.symbol != symbol);
            }
        }
        if !gone.is_empty() {
            self.account.note_exit();
            self.account.revalue();
        }
    }

    /// Levels move; exits by age and trend are called, and leave at the next fill.
    fn exit_at_close(&mut self, bars: &BarRow<'_>) {
        let account = &mut self.account;
        let (with, held) = (Advance::Close(bars), account.held.iter());
        advance_held(&mut account.positions, held, with, self.params, &mut account.exits);
        account.exits.clear();
    }

    /// Bankruptcy and liquidation end the run.
    fn survive(&mut self, t: usize) {
        let equity = self.account.equity_usdt();
        if equity <= 0.0 {
            self.account.wind_up();
            self.run.bankrupt_at = Some(t);
        } else if self.account.gross_usdt() * self.setup.maintenance_frac >= equity {
            self.account.close_all(self.setup.costs.taker_fee_frac);
            self.run.liquidated_at = Some(t);
        }
    }

    fn guard(&mut self, close_ms: i64, row: &FeatureRow<'_>) {
        if !self.guarded {
            return;
        }
        let equity = self.account.equity_usdt();
        if self.by_name {
            self.account.write_results(equity);
        }
        let moment = Moment {
            at_ms: close_ms,
            unit_value: equity / self.setup.cash_usdt,
            equity_usdt: equity,
            symbol_result_usdt: &self.account.symbol_result_usdt,
            trade_result_usdt: &self.account.trade_result_usdt,
            exposure_frac: &self.account.exposure_frac,
            ret_window: row.ret_window,
            ret_rows: row.ret_rows,
        };
        self.action = self.guards.evaluate(&moment, self.params, &mut self.scratch).action;
        self.run.guarded_bars += u64::from(self.action != GuardAction::None);
        if self.by_name {
            self.account.obey(&self.guards, close_ms);
        }
    }

    fn decide(&mut self, panel: &Panel<'_>, t: usize, row: &FeatureRow<'_>) -> Result<()> {
        let close_ms = panel.close_ms(t);
        let equity = self.account.equity_usdt();
        let sizing = sizing_usdt(equity, self.params);
        self.rows.count_stale(row.close);
        self.note_week();
        let rebalance = is_rebalance(close_ms, self.params);
        self.rows.label(row, rebalance, self.params);
        if rebalance {
            self.rows.load(
                &mut self.account,
                close_ms,
                sizing,
                &self.contracts,
                row.close,
                self.params,
            );
            let book = BookRow {
                close_ms,
                equity_usdt: equity,
                unit_value: equity / self.setup.cash_usdt,
                unit_value_peak: self.account.peak_usdt / self.setup.cash_usdt,
                guard: self.action,
                weight_now_frac: &self.rows.weight_now_frac,
                stale_bars: &self.rows.stale_bars,
                hold: &self.rows.hold,
                barred_until_ms: &self.rows.barred_until_ms,
                barred_by: &self.rows.barred_by,
                rung_cap_frac: &self.rows.rung_cap_frac,
                meta_scale: &self.rows.meta_scale,
                order_usdt_min: &self.rows.order_usdt_min,
            };
            self.decider.decide(row, &book, &mut self.state, self.params, &mut self.targets)?;
            self.rows.enter(row, &self.targets, self.params);
            self.run.decisions += 1;
            let reasons = self.targets.reason.iter().enumerate();
            reasons.for_each(|(at, why)| self.reason_counts[at % WAYS][*why as usize] += 1);
        }
        let busy = !self.account.flat() || !self.waiting.is_empty();
        if rebalance || (busy && self.account.restless(self.action != GuardAction::None)) {
            self.plan(t, row, sizing, rebalance);
        }
        Ok(())
    }

    fn plan(&mut self, t: usize, row: &FeatureRow<'_>, sizing: f64, rebalance: bool) {
        self.account.write_closing();
        if !self.waiting.is_empty() {
            self.planned_lots.copy_from_slice(&self.account.lots);
            for (leg, _) in self.waiting.iter().flat_map(|waiting| &waiting.legs) {
                self.planned_lots[leg.symbol] += leg.lots;
            }
        }
        let as_held = self.waiting.is_empty();
        let input = PlanInput {
            targets: &self.targets,
            lots: if as_held { &self.account.lots } else { &self.planned_lots },
            price: row.close,
            mark: &self.account.ledger.mark,
            closing: &self.account.closing,
            contracts: Lots {
                qty_step: &self.contracts.qty_step,
                notional_usdt_min: &self.contracts.notional_usdt_min,
                lots_max: &[],
            },
            sizing_usdt: sizing,
            guard: self.action,
            rebalance,
            cost_week_frac: self.cost_week_frac(),
        };
        plan(&input, self.params, &mut self.plan);
        if self.plan.legs.is_empty() {
            return;
        }
        let lag_bars = self.setup.timing.lag_bars();
        let atr = |symbol: usize| row.atr.get(symbol).copied().unwrap_or(f64::NAN);
        if lag_bars > 0 {
            let mut waiting = self.spare.pop().unwrap_or_default();
            waiting.bar = t + lag_bars;
            let legs = self.plan.legs.iter();
            waiting.legs.extend(legs.map(|leg| (*leg, atr(leg.symbol))));
            self.waiting.push_back(waiting);
            return;
        }
        for &Leg { symbol, lots, .. } in &self.plan.legs {
            let step = self.contracts.qty_step[symbol];
            let (price, at_ms, atr) = (row.close[symbol], row.close_ms, atr(symbol));
            let order = super::account::Order { symbol, lots, price, atr, at_ms, step };
            self.account.fill(&order, t, self.params, None);
        }
        self.account.revalue();
    }

    /// Cumulative cost at each close of the newest seven days, and at the one seven days ago.
    fn note_week(&mut self) {
        if self.params.annual_cost_max_frac > 0.0 {
            if self.cost_week.len() > self.week_bars {
                self.cost_week.pop_front();
            }
            self.cost_week.push_back(self.account.paid_usdt());
        }
    }

    /// Cost of the newest seven days as a share of equity; before a week has passed, of what there is.
    fn cost_week_frac(&self) -> f64 {
        let whole = self.cost_week.len() > self.week_bars;
        let before = if whole { self.cost_week[0] } else { 0.0 };
        (self.account.paid_usdt() - before) / self.account.equity_usdt()
    }

    fn note_bar(&mut self, cols: usize) {
        self.run.equity_usdt.push(self.account.equity_usdt());
        self.run.costs.push(self.account.ledger.costs);
        self.run.gross_usdt.push(self.account.gross_usdt());
        self.run.net_usdt.push(self.account.net_usdt());
        if self.setup.keep_units {
            self.run.units.extend_from_slice(&self.account.ledger.units[..cols]);
        }
    }

    fn finish(mut self) -> Run {
        self.run.labels = self.rows.labels.map(|labels| labels.report());
        self.run.fills = self.account.fills;
        self.run.trips = self.account.trips;
        let count =
            |reason: Reason| self.reason_counts.iter().map(|way| way[reason as usize]).sum();
        let counts = Reason::ALL.iter().map(|reason| (*reason, count(*reason)));
        self.run.reason_counts = counts.filter(|(_, count)| *count > 0).collect();
        self.run
    }
}
