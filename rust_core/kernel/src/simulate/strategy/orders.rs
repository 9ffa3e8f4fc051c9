//! From targets to fills: the plan, what waits for its bar, and what it is filled at.

use super::super::account::{Moment, Order, Rebalance};
use super::super::setup::{fill_price, reachable_lots};
use super::Book;
use crate::book::GuardAction;
use crate::lanes::dispatch;
use crate::panel::Panel;
use crate::plan::{CLEAR_FRAC, Lots, PlanInput, net_cap_frac, plan_named};
use crate::row::FeatureRow;

/// Beyond so many times the limit of the net, the rounding of values could decide about it.
const GROSS_MANY: f64 = 1e4;

impl Book<'_> {
    /// Fill what waits for this bar, at its open (or its own price).
    pub(super) fn fill_waiting(&mut self, panel: &Panel<'_>, t: usize, at_ms: i64) {
        while self.waiting.front().is_some_and(|waiting| waiting.bar <= t) {
            let Some(mut due) = self.waiting.pop_front() else { return };
            for &(leg, atr) in &due.legs {
                let symbol = leg.symbol;
                let price = fill_price(panel, self.setup.timing.fill_at, t, symbol);
                let lots = reachable_lots(leg, self.account.lots[symbol]);
                // An absent bar fills nothing; the next plan sees what is still missing.
                if lots != 0 && !price.is_nan() {
                    let step = self.contracts.qty_step[symbol];
                    let fill = Order { symbol, lots, price, atr, at_ms, step };
                    self.account.fill(&fill, t, self.params, None);
                }
            }
            due.legs.clear();
            self.spare.push(due);
        }
    }

    pub(super) fn plan(&mut self, t: usize, row: &FeatureRow<'_>, sizing: f64, rebalance: bool) {
        self.account.write_closing();
        if !rebalance && self.stands(sizing) {
            return;
        }
        if self.trades_at_once && rebalance && self.trade_at_once(t, row, sizing) {
            return;
        }
        let (concerned, held) = (&mut self.concerned, &self.account.held);
        dispatch(
            #[inline(always)]
            || concerned.join(held, &self.targets.weight_frac),
        );
        if !self.waiting.is_empty() {
            self.planned_lots.copy_from_slice(&self.account.lots);
            for (leg, _) in self.waiting.iter().flat_map(|waiting| &waiting.legs) {
                self.planned_lots[leg.symbol] += leg.lots;
                self.concerned.put(leg.symbol, true);
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
        self.concerned.list(&mut self.named);
        let calm =
            as_held && self.fine_lots && !self.account.any_closing && self.decider.moves_all();
        plan_named(&input, &self.named, calm, self.params, &mut self.plan);
        if self.setup.timing.lag_bars() == 0 {
            let at = Moment { bar: t, at_ms: row.close_ms, atr: row.atr };
            self.account.trade(&self.named, &self.plan.rows, at, self.params);
        } else {
            self.queue(t, row);
        }
    }

    /// Between rebalances, is there surely nothing to do? What is held is what is wanted then, unless it is to be
    /// closed or leaves the net beyond its cap.
    fn stands(&self, sizing_usdt: f64) -> bool {
        let cap_usdt = net_cap_frac(self.params) * sizing_usdt;
        self.waiting.is_empty()
            && self.action != GuardAction::Flatten
            && !self.account.any_closing
            && self.account.net_usdt().abs() < cap_usdt * CLEAR_FRAC
            && self.account.gross_usdt() < cap_usdt * GROSS_MANY
    }

    /// Plan and fill an ordinary rebalance in one go; false where it is not ordinary.
    fn trade_at_once(&mut self, t: usize, row: &FeatureRow<'_>, sizing_usdt: f64) -> bool {
        self.action == GuardAction::None
            && self.decider.moves_all()
            && self.fill_at_once(t, row, sizing_usdt).is_some()
    }

    /// The same where nothing but ranks decided, and nothing of the decision is written down yet.
    pub(super) fn rebalance_straight(
        &mut self,
        t: usize,
        row: &FeatureRow<'_>,
        sizing_usdt: f64,
    ) -> bool {
        self.account.write_closing();
        let Some(kept) = self.fill_at_once(t, row, sizing_usdt) else { return false };
        let chosen = self.decider.legs().0.len();
        self.reasons.add([chosen - kept, kept], row.close.len());
        self.end.decisions += 1;
        true
    }

    fn fill_at_once(&mut self, t: usize, row: &FeatureRow<'_>, sizing_usdt: f64) -> Option<usize> {
        if self.account.any_closing || sizing_usdt <= 0.0 {
            return None;
        }
        let (name, longs, weight_frac) = self.decider.legs();
        let (price, qty_step) = (row.close, &self.contracts.qty_step[..]);
        let ask = Rebalance { name, longs, weight_frac, price, qty_step, sizing_usdt };
        let at = Moment { bar: t, at_ms: row.close_ms, atr: row.atr };
        self.account.trade_at_once(&ask, at, self.params)
    }

    /// Keep the orders until their bar.
    fn queue(&mut self, t: usize, row: &FeatureRow<'_>) {
        self.plan.write_legs(&self.named);
        if self.plan.legs.is_empty() {
            return;
        }
        let atr = |symbol: usize| row.atr.get(symbol).copied().unwrap_or(f64::NAN);
        let mut waiting = self.spare.pop().unwrap_or_default();
        waiting.bar = t + self.setup.timing.lag_bars();
        waiting.legs.extend(self.plan.legs.iter().map(|leg| (*leg, atr(leg.symbol))));
        self.waiting.push_back(waiting);
    }

    /// Cumulative cost at each close of the newest seven days, and at the one seven days ago.
    pub(super) fn note_week(&mut self) {
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
}
