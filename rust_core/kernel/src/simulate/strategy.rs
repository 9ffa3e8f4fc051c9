//! The strategy over a panel: features → decide with guards → plan → fill → exits → account, in the
//! order of docs/explanation/accounting.md. Every step is the function that the live engine calls.

use super::account::Account;
use super::names::NameSet;
pub(crate) use super::setup::check;
pub use super::setup::{Contracts, Run, Setup, fine_lots};
use super::setup::{any_guard, may_be_barred, sizing_usdt, watches_names};
use super::{FillAt, Settlements};
use crate::book::{BookRow, DecisionState, GuardAction, Targets};
use crate::decide::{Decider, Signal, Straight, is_rebalance};
use crate::error::Result;
use crate::features::{Needs, Scratch, features_block, strides};
use crate::guards::Guards;
use crate::ledger::CostTotals;
use crate::panel::Panel;
use crate::params::Params;
use crate::plan::{Leg, Plan};
use crate::row::FeatureRow;
use crate::stops::may_exit;

use super::rows::{self, Rows};
use super::tally::Tally;

mod exits;
mod orders;

/// Run the strategy over the panel.
pub fn run(panel: &Panel<'_>, params: &Params, setup: &Setup) -> Result<Run> {
    let mut needs = Needs::of(params);
    needs.adv |= setup.costs.impact_y > 0.0;
    let mut scratch = Scratch::with_needs(params, needs, panel.cols)?;
    let mut book = Book::new(panel, params, setup)?;
    let mut run = Run::with_room(panel, setup);
    for rows in strides(panel.first_bar, 0..panel.rows) {
        features_block(panel, rows.clone(), &mut scratch)?;
        let settlements = Settlements::of(panel, rows.clone());
        for t in rows {
            let row = scratch.row(panel.first_bar + t as i64);
            book.bar(panel, t, &row, settlements.rates(panel, t), None);
            book.keep_bar(&mut run, panel.cols);
        }
    }
    Ok(book.finish(run))
}

/// May the market be read before the book is asked? A least order has a say in who is eligible.
pub(crate) fn shares_signal(params: &Params, setup: &Setup) -> bool {
    Signal::is_shared(params) && setup.contracts.is_none()
}

/// A running book, bar by bar: everything that changes, and what it decided.
#[derive(Debug)]
pub struct Book<'a> {
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
    /// Nothing that may happen bars a name, caps it or binds it to a least order.
    quiet: bool,
    /// Lots as they will be when what waits is filled; only with a delay.
    planned_lots: Vec<i64>,
    /// Names that are held, wanted or ordered.
    concerned: NameSet,
    named: Vec<u32>,
    any_delisted: bool,
    /// No contract has a least order.
    fine_lots: bool,
    /// A rebalance is filled where it is decided, nothing but targets makes its plan, and no row of its orders is kept.
    trades_at_once: bool,
    /// √(bars a day): turns a bar's volatility into a day's.
    root_bars_day: f64,
    cost_week: std::collections::VecDeque<f64>,
    week_bars: usize,
    reasons: Tally,
    scratch: Vec<f64>,
    end: End,
}

/// Whether and how a run has ended, and what was counted on the way.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    guarded_bars: u64,
    decisions: u64,
    bankrupt_at: Option<usize>,
    liquidated_at: Option<usize>,
}

/// A book at the close of a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Close {
    /// Equity, after a fill at this close.
    pub equity_usdt: f64,
    /// Cumulative costs.
    pub costs: CostTotals,
    /// Sum of |value held|.
    pub gross_usdt: f64,
    /// Sum of signed value held.
    pub net_usdt: f64,
    /// Round trips so far.
    pub trips_closed: u64,
}

/// Orders between their decision and their fill, each with the ATR at the decision.
#[derive(Debug, Default)]
struct Waiting {
    bar: usize,
    legs: Vec<(Leg, f64)>,
}

impl<'a> Book<'a> {
    /// A flat book. Its inputs are those of [`run`], which checks them.
    pub fn new(panel: &Panel<'_>, params: &'a Params, setup: &'a Setup) -> Result<Self> {
        check(panel, params, setup)?;
        let cols = panel.cols;
        let contracts =
            setup.contracts.clone().unwrap_or_else(|| fine_lots(panel, setup.cash_usdt));
        let account = Account::new(cols, params, setup);
        let fine_lots = contracts.notional_usdt_min.iter().all(|least| *least == 0.0);
        let trades_at_once = fine_lots
            && !account.keeps_rows()
            && setup.timing.lag_bars() == 0
            && setup.costs.impact_y == 0.0
            && params.annual_cost_max_frac == 0.0;
        Ok(Self {
            params,
            setup,
            account,
            decider: Decider::new(panel.symbols, panel.listed_ms, panel.delisted_ms, params)?
                .with_state_unseen(params)
                .with_reasons_untold(!params.meta_enabled),
            state: DecisionState::new(cols, params.tranches as usize),
            targets: Targets::new(cols),
            guards: Guards::new(cols),
            action: GuardAction::None,
            plan: Plan::default(),
            rows: Rows::new(cols, setup.contracts.is_some(), params),
            fine_lots,
            trades_at_once,
            contracts,
            waiting: std::collections::VecDeque::new(),
            spare: Vec::new(),
            guarded: any_guard(params),
            by_name: watches_names(params),
            may_exit: may_exit(params),
            quiet: setup.contracts.is_none() && !may_be_barred(params),
            planned_lots: vec![0; cols],
            concerned: NameSet::new(cols),
            named: Vec::with_capacity(cols),
            any_delisted: panel.delisted_ms.iter().any(|at_ms| *at_ms < i64::MAX),
            root_bars_day: (crate::guards::DAY_MS as f64 / params.bar_ms as f64).sqrt(),
            cost_week: std::collections::VecDeque::new(),
            week_bars: (7 * crate::guards::DAY_MS / params.bar_ms) as usize,
            reasons: Tally::default(),
            scratch: Vec::new(),
            end: End::default(),
        })
    }

    /// Has bankruptcy or liquidation ended it?
    pub fn over(&self) -> bool {
        self.end.bankrupt_at.is_some() || self.end.liquidated_at.is_some()
    }

    /// Live through bar `t`; bars come in their order. `row` holds its features under this book's
    /// parameters, and `rates` its funding ([`Settlements::rates`]); `signal` is what a [`crate::decide::Reader`] made of it where books share one, else `None`.
    pub fn bar(
        &mut self,
        panel: &Panel<'_>,
        t: usize,
        row: &FeatureRow<'_>,
        rates: Option<&[f64]>,
        signal: Option<&mut Signal>,
    ) {
        if self.over() {
            return;
        }
        let close_ms = panel.close_ms(t);
        let at_close = self.setup.timing.fill_at == FillAt::Close;
        if !at_close {
            // The VWAP is spread over the bar: it lies inside, and what it opens did not see the open.
            let inside = self.setup.timing.fill_at == FillAt::Vwap;
            self.fill_waiting(panel, t, close_ms - if inside { 1 } else { self.params.bar_ms });
        }
        // The row of the features begins at a cache line, and is at hand.
        let close = row.close;
        if let (true, Some(rates)) = (self.setup.costs.funding, rates) {
            self.account.settle(close, rates);
        }
        if self.may_exit && !self.account.flat() {
            self.exit_inside(&rows::bar_row(panel, t, close_ms, row), t);
        }
        let absent = self.account.mark(close);
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
                self.exit_at_close(&rows::bar_row(panel, t, close_ms, row));
            }
            self.guard(close_ms, row);
            self.rows.count_stale(close, absent);
            self.decide(panel, t, row, signal);
        }
    }

    fn decide(
        &mut self,
        panel: &Panel<'_>,
        t: usize,
        row: &FeatureRow<'_>,
        mut signal: Option<&mut Signal>,
    ) {
        let sizing = sizing_usdt(self.account.equity_usdt(), self.params);
        self.note_week();
        let rebalance = is_rebalance(panel.close_ms(t), self.params);
        self.rows.label(row, rebalance, self.params);
        let straight = if rebalance && self.quiet && self.action == GuardAction::None {
            self.decider.choose_straight(signal.as_deref_mut(), row, self.params)
        } else {
            Straight::No
        };
        if straight == Straight::Fits {
            if self.trades_at_once && self.rebalance_straight(t, row, sizing) {
                return;
            }
            self.decider.write_straight(&self.account.ledger.units, &mut self.targets);
        } else if rebalance {
            self.decide_by_book(row, sizing, signal, straight);
        }
        if rebalance {
            self.rows.enter(row, &self.targets, self.params);
            self.end.decisions += 1;
            self.count_reasons();
        }
        let busy = !self.account.flat() || !self.waiting.is_empty();
        if rebalance || (busy && self.account.restless(self.action != GuardAction::None)) {
            self.plan(t, row, sizing, rebalance);
        }
    }

    /// What the book holds has a say, or the caps of weights have.
    fn decide_by_book(
        &mut self,
        row: &FeatureRow<'_>,
        sizing: f64,
        signal: Option<&mut Signal>,
        straight: Straight,
    ) {
        let (rows, account, params) = (&mut self.rows, &mut self.account, self.params);
        let (close_ms, equity) = (row.close_ms, account.equity_usdt());
        rows.load(account, close_ms, sizing, &self.contracts, row.close, params);
        let book = BookRow {
            close_ms,
            equity_usdt: equity,
            unit_value: equity / self.setup.cash_usdt,
            unit_value_peak: account.peak_usdt / self.setup.cash_usdt,
            guard: self.action,
            weight_now_frac: &rows.weight_now_frac[..row.close.len()],
            stale_bars: &rows.stale_bars,
            quiet: self.quiet,
            hold: &rows.hold,
            barred_until_ms: &rows.barred_until_ms,
            barred_by: &rows.barred_by,
            rung_cap_frac: &rows.rung_cap_frac,
            meta_scale: &rows.meta_scale,
            order_usdt_min: &rows.order_usdt_min,
        };
        let (decider, state, out) = (&mut self.decider, &mut self.state, &mut self.targets);
        if straight == Straight::Over {
            decider.cut_straight(row, &book, state, params, out);
        } else {
            decider.decide_fitting(signal, row, &book, state, params, out);
        }
    }

    /// Count the reasons of the decision just taken.
    fn count_reasons(&mut self) {
        let row = &mut self.targets.reason;
        if let Some(chosen) = self.decider.untold(row) {
            self.reasons.add(chosen, row.len());
        } else {
            self.decider.tell(&self.rows.weight_now_frac, row);
            self.reasons.count(row);
        }
    }

    /// The book as it stands.
    pub fn close(&self) -> Close {
        Close {
            equity_usdt: self.account.equity_usdt(),
            costs: self.account.ledger.costs,
            gross_usdt: self.account.gross_usdt(),
            net_usdt: self.account.net_usdt(),
            trips_closed: self.account.trips_closed,
        }
    }

    fn keep_bar(&self, run: &mut Run, cols: usize) {
        let close = self.close();
        run.equity_usdt.push(close.equity_usdt);
        run.costs.push(close.costs);
        run.gross_usdt.push(close.gross_usdt);
        run.net_usdt.push(close.net_usdt);
        if self.setup.keep_units {
            run.units.extend_from_slice(&self.account.ledger.units[..cols]);
        }
    }

    /// What the book was, into a run that has its bars (if they are wanted).
    pub fn finish(self, mut run: Run) -> Run {
        run.reason_counts = self.reasons.counts();
        run.labels = self.rows.labels.map(|labels| labels.report());
        run.fill_count = self.account.ledger.fills;
        run.trip_count = self.account.trips_closed;
        run.fills = self.account.fills;
        run.trips = self.account.trips;
        run.guarded_bars = self.end.guarded_bars;
        run.decisions = self.end.decisions;
        run.bankrupt_at = self.end.bankrupt_at;
        run.liquidated_at = self.end.liquidated_at;
        run
    }
}
