//! What becomes of an account whose maintenance margin has eaten its balance.
//!
//! 1. Orders that stand or wait are taken back, stops of positions aside.
//! 2. The position with the largest maintenance margin is reduced in the book to the tier below, again
//!    and again, until the account is safe or every position is in its lowest tier.
//! 3. Then every position is taken over at a price at which the account ends at nothing: the mark,
//!    moved by the same share against all of them. Where not even the mark leaves that much, the house
//!    covers what is missing.

use super::event::{Event, ExecutionKind};
use super::order::{CancelReason, CreatedBy};
use super::{E8, Exchange, Id, Transaction, TransactionKind};

impl Exchange {
    /// Look at every account that holds this contract.
    pub(super) fn watch_margins(&mut self, symbol: Id) {
        for account in 0..self.accounts.len() as Id {
            if self.held_lots(account, symbol) != 0 && self.is_liquidated(account) {
                self.liquidate(account);
            }
        }
    }

    fn is_liquidated(&self, account: Id) -> bool {
        let row = self.wallet(account);
        row.maintenance_e8 > 0 && row.wallet_e8 + row.unrealised_e8 <= row.maintenance_e8
    }

    fn liquidate(&mut self, account: Id) {
        let open = self.accounts[account as usize].open.values();
        let others = open.filter(|order| !order.stop_kind.of_position());
        let ids: Vec<u64> = others.map(|order| order.id).collect();
        for id in ids {
            self.close_order(account, id, CancelReason::Liquidation);
        }
        while self.is_liquidated(account) && self.step_down(account) {}
        let mut covered_e8 = 0;
        if self.is_liquidated(account) {
            covered_e8 = self.take_over(account);
        }
        self.events.push(Event::Liquidated { account, covered_e8 });
    }

    /// Reduce the heaviest position by a tier; whether anything was reduced.
    fn step_down(&mut self, account: Id) -> bool {
        let busy: Vec<Id> = self.accounts[account as usize].busy.iter().copied().collect();
        let mut by_weight: Vec<(E8, Id)> = busy
            .into_iter()
            .map(|symbol| (self.margins(account, symbol).maintenance_e8, symbol))
            .filter(|(maintenance_e8, _)| *maintenance_e8 > 0)
            .collect();
        by_weight.sort_unstable_by(|a, b| b.cmp(a));
        by_weight.into_iter().any(|(_, symbol)| self.reduce_tier(account, symbol))
    }

    fn reduce_tier(&mut self, account: Id, symbol: Id) -> bool {
        let market = &self.markets[symbol as usize];
        let held = self.held_lots(account, symbol);
        let value_e8 = self.margins(account, symbol).value_e8;
        let tiers = &market.spec.tiers;
        let below = tiers.iter().rev().find(|tier| E8::from(tier.value_max_e8) < value_e8);
        let (Some(tier), Some(limit)) = (below, market.protection(-held.signum())) else {
            return false;
        };
        let lot_e8 = market.spec.value_e8(1, market.mark());
        let kept = (E8::from(tier.value_max_e8) / lot_e8) as i64;
        let mut order = self.draft(account, symbol, -held.signum() * (held.abs() - kept), limit);
        order.created_by = CreatedBy::Liquidation;
        order.reduce_only = true;
        let id = order.id;
        self.next_order += 1;
        self.insert(order);
        self.enter_book(account, id);
        self.held_lots(account, symbol) != held
    }

    /// Close every position at prices that leave the account with nothing; what the house had to add.
    fn take_over(&mut self, account: Id) -> E8 {
        let row = self.wallet(account);
        let left_e8 = (row.wallet_e8 + row.unrealised_e8).max(0);
        let held: Vec<Id> = self.accounts[account as usize].busy.iter().copied().collect();
        let held: Vec<Id> = held.into_iter().filter(|s| self.held_lots(account, *s) != 0).collect();
        let all_e8: E8 = held.iter().map(|symbol| self.margins(account, *symbol).value_e8).sum();
        for symbol in held {
            let (lots, mark) =
                (self.held_lots(account, symbol), self.markets[symbol as usize].mark());
            // Down for a long, up for a short, and rounded that way.
            let shift = -(-E8::from(mark) * left_e8).div_euclid(all_e8.max(1));
            let ticks = (E8::from(mark) - E8::from(lots.signum()) * shift).max(1) as i64;
            let (unsigned, kind) = (lots.abs(), ExecutionKind::Takeover);
            self.settle_at(account, symbol, unsigned, ticks, kind, CreatedBy::Takeover);
        }
        let missing_e8 = -self.accounts[account as usize].wallet_e8;
        if missing_e8 <= 0 {
            return 0;
        }
        let entry = Transaction { change_e8: missing_e8, ..self.blank(TransactionKind::Cover) };
        self.book_money(account, entry);
        missing_e8
    }
}
