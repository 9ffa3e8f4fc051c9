//! The close of a bar: levels, guards, targets, plan, in the order of docs/explanation/accounting.md.

use super::book::Book;
use super::{Decision, Followed, Planned, Verdict};
use crate::book::{Bar, BookRow, GuardAction, Side};
use crate::decide::is_rebalance;
use crate::error::Result;
use crate::guards::{DAY_MS, Moment};
use crate::params::Params;
use crate::plan::{Lots, PlanInput, plan};
use crate::row::FeatureRow;
use crate::simulate::{CAP_HAIR, sizing_usdt};
use crate::stops::{BarRow, rung_cap_lots};

impl Book {
    pub(super) fn close(
        &mut self,
        bar: &BarRow<'_>,
        row: &FeatureRow<'_>,
        verdict: &Verdict,
        params: &Params,
        found: &mut Followed,
    ) -> Result<()> {
        if !self.flat() {
            self.move_levels(bar, params);
        }
        self.judge(row, params)?;
        for (stale, price) in self.stale_bars.iter_mut().zip(row.close) {
            *stale = if price.is_nan() { stale.saturating_add(1) } else { 0 };
        }
        self.note_week(params);
        if let Some(labels) = &mut self.labels {
            labels.observe(row, params);
        }
        let equity = self.equity_usdt()?;
        // No share of nothing can be aimed at.
        if verdict.late || equity.is_nan() || equity <= 0.0 {
            return Ok(());
        }
        let rebalance = is_rebalance(row.close_ms, params);
        if rebalance {
            self.decide(row, equity, params)?;
            found.decisions.push(Decision::of(row.close_ms, &self.targets));
        }
        if rebalance || self.restless(verdict.works) {
            self.plan(row, equity, rebalance, verdict, params);
            if self.aims && verdict.plans {
                let (goal_lots, legs) = (self.plan.goal_lots.clone(), self.plan.legs.clone());
                found.plans.push(Planned { close_ms: row.close_ms, goal_lots, legs });
            }
        }
        Ok(())
    }

    /// The guards look at the book, and what they ask of single names is noted.
    fn judge(&mut self, row: &FeatureRow<'_>, params: &Params) -> Result<()> {
        let equity = self.equity_usdt()?;
        let unknown = if equity > 0.0 { 0.0 } else { f64::NAN };
        for (i, position) in self.positions.iter().enumerate() {
            let held = position.lots != 0;
            let units = position.lots as f64 * self.contracts.qty_step[i];
            let value = if held { units * self.mark[i] } else { 0.0 };
            let exposure = if equity > 0.0 { value / equity } else { unknown };
            self.room.value_usdt[i] = value;
            self.room.symbol_result_usdt[i] = self.flow_usdt[i] + value;
            self.room.trade_result_usdt[i] =
                if held { self.trip_flow_usdt[i] + value } else { 0.0 };
            self.room.exposure_frac[i] = if held { exposure } else { 0.0 };
        }
        let moment = Moment {
            at_ms: row.close_ms,
            unit_value: self.share(equity),
            equity_usdt: equity,
            symbol_result_usdt: &self.room.symbol_result_usdt,
            trade_result_usdt: &self.room.trade_result_usdt,
            exposure_frac: &self.room.exposure_frac,
            ret_window: row.ret_window,
            ret_rows: row.ret_rows,
        };
        self.action = self.guards.evaluate(&moment, params, &mut self.room.returns).action;
        for (i, day) in self.guards.symbols.iter().enumerate() {
            let held = self.positions[i].lots != 0;
            self.close_asked[i] = day.close && held;
            self.close_ordered[i] &= held;
            if day.paused_until_ms > row.close_ms {
                for side in Side::BOTH {
                    self.records.bar_side(i, side, Bar::SymbolLoss, day.paused_until_ms);
                }
            }
        }
        Ok(())
    }

    fn note_week(&mut self, params: &Params) {
        if params.annual_cost_max_frac > 0.0 {
            if self.paid_week.len() > week_bars(params) {
                self.paid_week.pop_front();
            }
            self.paid_week.push_back(self.paid());
        }
    }

    fn decide(&mut self, row: &FeatureRow<'_>, equity: f64, params: &Params) -> Result<()> {
        self.write_row(row, equity, params);
        let book = BookRow {
            close_ms: row.close_ms,
            equity_usdt: equity,
            unit_value: self.share(equity),
            unit_value_peak: self.peak,
            guard: self.action,
            weight_now_frac: &self.room.weight_now_frac,
            stale_bars: &self.stale_bars,
            quiet: false,
            hold: &self.room.hold,
            barred_until_ms: &self.room.barred_until_ms,
            barred_by: &self.room.barred_by,
            rung_cap_frac: &self.room.rung_cap_frac,
            meta_scale: &self.room.meta_scale,
            order_usdt_min: &self.room.order_usdt_min,
        };
        self.decider.decide(row, &book, &mut self.state, params, &mut self.targets)?;
        if let Some(labels) = &mut self.labels {
            labels.enter(row, &self.targets, params);
        }
        self.aims = true;
        Ok(())
    }

    /// What a decision reads of every name.
    fn write_row(&mut self, row: &FeatureRow<'_>, equity: f64, params: &Params) {
        let share = 1.0 / sizing_usdt(equity, params);
        let room = &mut self.room;
        for (i, position) in self.positions.iter().enumerate() {
            let (step, held) = (self.contracts.qty_step[i], position.lots != 0);
            let units = position.lots as f64 * step;
            room.weight_now_frac[i] = if held { units * self.mark[i] * share } else { 0.0 };
            room.rung_cap_frac[i] = match rung_cap_lots(position, params) {
                Some(lots) if held => lots as f64 * step * self.mark[i] * share * CAP_HAIR,
                _ => f64::INFINITY,
            };
            room.hold[i] = position.hold;
            room.order_usdt_min[i] = self.contracts.notional_usdt_min[i].max(step * row.close[i]);
        }
        let (until_ms, by) = (&mut room.barred_until_ms, &mut room.barred_by);
        self.records.write_barred(row.close_ms, until_ms, by);
        if let Some(labels) = &mut self.labels {
            labels.estimate(row, params, &mut room.meta_scale);
        }
    }

    /// Something needs a plan between rebalances: an exit that waits or has just left, a guard.
    fn restless(&self, works: bool) -> bool {
        if self.flat() && !works {
            return false;
        }
        let called =
            |position: &crate::book::Position| position.closing.is_some() && position.lots != 0;
        self.action != GuardAction::None
            || self.exited
            || self.close_asked.iter().chain(&self.close_ordered).any(|asked| *asked)
            || self.positions.iter().any(called)
    }

    /// The way from what is held, and what waits to be filled, to the targets.
    fn plan(
        &mut self,
        row: &FeatureRow<'_>,
        equity: f64,
        rebalance: bool,
        verdict: &Verdict,
        params: &Params,
    ) {
        self.exited = false;
        if !(self.aims && verdict.plans) {
            return;
        }
        for (i, position) in self.positions.iter().enumerate() {
            let called = position.closing.is_some() || self.close_asked[i] || self.close_ordered[i];
            self.room.closing[i] = called && position.lots != 0;
            self.room.lots[i] = position.lots + verdict.waiting_lots[i];
        }
        let input = PlanInput {
            targets: &self.targets,
            lots: &self.room.lots,
            price: row.close,
            mark: &self.mark,
            closing: &self.room.closing,
            contracts: Lots {
                qty_step: &self.contracts.qty_step,
                notional_usdt_min: &self.contracts.notional_usdt_min,
                lots_max: &[],
            },
            sizing_usdt: sizing_usdt(equity, params),
            guard: verdict.guard,
            rebalance,
            cost_week_frac: self.cost_week_frac(equity, params),
        };
        plan(&input, params, &mut self.plan);
    }

    /// Cost of the newest seven days as a share of equity; before a week has passed, of what there is.
    fn cost_week_frac(&self, equity: f64, params: &Params) -> f64 {
        let whole = self.paid_week.len() > week_bars(params);
        let before = if whole { self.paid_week[0] } else { 0.0 };
        (self.paid() - before) / equity
    }
}

fn week_bars(params: &Params) -> usize {
    (7 * DAY_MS / params.bar_ms) as usize
}
