//! How positions leave on their own: stops, delisting, guards, ruin.

use super::super::account::Order;
use super::super::setup::DELISTED_LOSS_FRAC;
use super::Book;
use crate::book::GuardAction;
use crate::guards::Moment;
use crate::panel::Panel;
use crate::row::FeatureRow;
use crate::stops::{BarRow, ExitReason};

impl Book<'_> {
    /// Stops and rungs that the bar's range touches, filled where they lie.
    pub(super) fn exit_inside(&mut self, bars: &BarRow<'_>, t: usize) {
        if !self.account.find_touched(bars, self.params) {
            return;
        }
        self.account.touch(bars, self.params);
        let mut exits = std::mem::take(&mut self.account.exits);
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
        self.account.put_touched(self.params);
    }

    /// What is delisted at this close is gone at its last price, less what the last ones out lose.
    pub(super) fn leave_delisted(&mut self, panel: &Panel<'_>, t: usize, close_ms: i64) {
        let held = self.account.held.iter();
        let gone: Vec<usize> = held.filter(|i| panel.delisted_ms[*i] <= close_ms).collect();
        for &symbol in &gone {
            let lots = -self.account.lots[symbol];
            let haircut = if lots < 0 { -DELISTED_LOSS_FRAC } else { DELISTED_LOSS_FRAC };
            let price = self.account.ledger.mark[symbol] * (1.0 + haircut);
            let (atr, at_ms, step) = (f64::NAN, close_ms - 1, self.contracts.qty_step[symbol]);
            let order = Order { symbol, lots, price, atr, at_ms, step };
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
    pub(super) fn exit_at_close(&mut self, bars: &BarRow<'_>) {
        self.account.close_levels(bars, self.params);
    }

    /// Bankruptcy and liquidation end the run.
    pub(super) fn survive(&mut self, t: usize) {
        let equity = self.account.equity_usdt();
        if equity <= 0.0 {
            self.account.wind_up();
            self.end.bankrupt_at = Some(t);
        } else if self.margin_gone(equity) {
            self.account.close_all(self.setup.costs.taker_fee_frac);
            self.end.liquidated_at = Some(t);
        }
    }

    /// Maintenance margin has reached equity.
    fn margin_gone(&self, equity: f64) -> bool {
        let (account, setup) = (&self.account, self.setup);
        let Some(tiers) = &setup.tiers else {
            return account.gross_usdt() * setup.maintenance_frac >= equity;
        };
        let value = |i: usize| (i, account.ledger.units[i] * account.ledger.mark[i]);
        let values = account.held.iter().map(value);
        tiers.is_due(values, account.gross_usdt(), setup.costs.taker_fee_frac, equity)
    }

    pub(super) fn guard(&mut self, close_ms: i64, row: &FeatureRow<'_>) {
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
        let verdict = self.guards.evaluate(&moment, self.params, &mut self.scratch);
        self.action = verdict.action;
        self.end.guarded_bars += u64::from(self.action != GuardAction::None);
        if self.by_name {
            self.account.obey(&self.guards, verdict.rules_symbols(), close_ms);
        }
    }
}
