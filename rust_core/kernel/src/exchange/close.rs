//! Funding, deleveraging for others, and the end of a contract.

use super::event::{Event, Execution, ExecutionKind, Refusal};
use super::market::Status;
use super::matching::Fill;
use super::order::{CancelReason, CreatedBy, StopKind};
use super::spec::share_up;
use super::{Exchange, Id, Transaction, TransactionKind};

impl Exchange {
    /// Longs pay a rate above 0, on what is held now, at the mark; each rounded against the account.
    pub(super) fn settle_funding(&mut self, symbol: Id, rate_e8: i64) {
        let known = self.markets.get(symbol as usize).and_then(|market| market.marks);
        let Some(marks) = known else {
            return self.refuse(0, Refusal::NoPrice);
        };
        for account in 0..self.accounts.len() as Id {
            let held = self.held_lots(account, symbol);
            if held == 0 || rate_e8 == 0 {
                continue;
            }
            self.pay_funding(account, symbol, rate_e8, marks.mark);
        }
        self.watch_margins(symbol);
    }

    /// Pay what one account owes for what it holds, or give it what it gets.
    fn pay_funding(&mut self, account: Id, symbol: Id, rate_e8: i64, mark: i64) {
        let held = self.held_lots(account, symbol);
        let value_e8 = self.markets[symbol as usize].spec.value_e8(held, mark);
        let paid_e8 = share_up(value_e8, rate_e8);
        let seq = self.seq();
        let now_ms = self.now_ms;
        let position = &mut self.accounts[account as usize].positions[symbol as usize];
        position.realised_e8 -= paid_e8;
        position.realised_ever_e8 -= paid_e8;
        position.seq = seq;
        position.updated_ms = now_ms;
        let execution = Execution {
            id: self.next_execution,
            seq,
            account,
            symbol,
            order: 0,
            client_id: String::new(),
            kind: ExecutionKind::Funding,
            lots: held,
            ticks: mark,
            value_e8: value_e8.abs(),
            fee_e8: paid_e8,
            fee_rate_e8: rate_e8,
            realised_e8: 0,
            closed_lots: 0,
            is_maker: false,
            order_lots: 0,
            order_ticks: 0,
            rest_lots: 0,
            order_market: true,
            stop_kind: StopKind::None,
            created_by: CreatedBy::User,
            mark_ticks: mark,
            at_ms: now_ms,
        };
        self.next_execution += 1;
        let entry = Transaction {
            symbol: Some(symbol),
            execution: execution.id,
            lots: held,
            held_lots: held,
            ticks: mark,
            funding_e8: -paid_e8,
            change_e8: -paid_e8,
            ..self.blank(TransactionKind::Funding)
        };
        self.accounts[account as usize].note_execution(execution.clone());
        self.events.push(Event::Executed(execution));
        self.book_money(account, entry);
        self.tell_position(account, symbol);
    }

    pub(super) fn deleverage(&mut self, account: Id, symbol: Id, lots: i64) {
        if !self.known(account, symbol) {
            return self.refuse(account, Refusal::NoSymbol);
        }
        let (held, mark) = (self.held_lots(account, symbol), self.markets[symbol as usize].mark());
        if held == 0 || lots <= 0 || mark == 0 {
            return self.refuse(account, Refusal::NoPosition);
        }
        let lots = lots.min(held.abs());
        let kind = ExecutionKind::Deleveraging;
        self.settle_at(account, symbol, lots, mark, kind, CreatedBy::Deleveraging);
    }

    /// Close unsigned lots of a position at a price, outside the book and without a fee.
    pub(super) fn settle_at(
        &mut self,
        account: Id,
        symbol: Id,
        lots: i64,
        ticks: i64,
        kind: ExecutionKind,
        created_by: CreatedBy,
    ) {
        let side = -self.held_lots(account, symbol).signum();
        let mut order = self.draft(account, symbol, side * lots, ticks);
        order.created_by = created_by;
        order.reduce_only = true;
        let id = order.id;
        self.next_order += 1;
        self.insert(order);
        self.fill(account, id, Fill { lots, ticks, is_maker: false, kind });
    }

    /// The contract ends: orders go, positions are closed at its last price.
    pub(super) fn delist(&mut self, symbol: Id, ticks: i64) {
        if symbol as usize >= self.markets.len() || ticks <= 0 {
            return self.refuse(0, Refusal::NoSymbol);
        }
        for account in 0..self.accounts.len() as Id {
            self.close_orders_of(account, Some(symbol), CancelReason::Delisted);
            let held = self.held_lots(account, symbol);
            if held != 0 {
                let (lots, kind) = (held.abs(), ExecutionKind::Delivery);
                self.settle_at(account, symbol, lots, ticks, kind, CreatedBy::Delivery);
            }
        }
        let market = &mut self.markets[symbol as usize];
        market.status = Status::Closed;
        market.book.clear();
    }

    /// Take back every order, of one contract or of all.
    pub(super) fn close_orders_of(&mut self, account: Id, symbol: Option<Id>, why: CancelReason) {
        let open = self.accounts[account as usize].open.values();
        let meant = open.filter(|order| symbol.is_none_or(|symbol| symbol == order.symbol));
        let ids: Vec<u64> = meant.map(|order| order.id).collect();
        for id in ids {
            self.close_order(account, id, why);
        }
    }
}
