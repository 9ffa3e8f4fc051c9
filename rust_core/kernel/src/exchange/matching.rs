//! Fills: what an order takes from the book, what comes to an order that stands, and what both do to
//! position, money and the other orders of the account.

use super::book::reaches;
use super::event::{Event, Execution, ExecutionKind, OrderNews};
use super::order::{CancelReason, Order, OrderState, TimeInForce};
use super::spec::share_up;
use super::{E8, Exchange, Id, Position, Transaction, TransactionKind};

/// A fill before it is booked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    /// Unsigned lots.
    pub(super) lots: i64,
    pub(super) ticks: i64,
    pub(super) is_maker: bool,
    pub(super) kind: ExecutionKind,
}

/// What a fill did to a position.
struct Folded {
    realised_e8: E8,
    closed_lots: i64,
}

/// Book signed lots at a price. What closes realises its share of the cost; the rest stays exact.
fn fold(position: &mut Position, lots: i64, value_e8: E8, seq: u64, now_ms: i64) -> Folded {
    let held = position.lots;
    let closed = if held.signum() == -lots.signum() { lots.abs().min(held.abs()) } else { 0 };
    let closing_e8 = value_e8 * E8::from(closed) / E8::from(lots.abs());
    let cost_e8 =
        if held == 0 { 0 } else { position.cost_e8 * E8::from(closed) / E8::from(held.abs()) };
    // Both are signed as the lots are: what was bought for `cost` is sold for `-closing`.
    let realised_e8 = -(closing_e8 + cost_e8);
    position.cost_e8 = position.cost_e8 - cost_e8 + (value_e8 - closing_e8);
    position.lots += lots;
    if held == 0 || closed == held.abs() && position.lots != 0 {
        position.opened_ms = now_ms;
        position.realised_e8 = 0;
        if position.created_ms == 0 {
            position.created_ms = now_ms;
        }
    }
    position.seq = seq;
    position.updated_ms = now_ms;
    Folded { realised_e8, closed_lots: closed }
}

/// The fee that a fill is charged: none outside the book.
fn rate_of(fill: &Fill, (maker_e8, taker_e8): (i64, i64)) -> i64 {
    match fill.kind {
        ExecutionKind::Trade if fill.is_maker => maker_e8,
        ExecutionKind::Trade => taker_e8,
        _ => 0,
    }
}

impl Exchange {
    pub(super) fn order(&self, account: Id, id: u64) -> Option<&Order> {
        self.accounts[account as usize].open.get(&id)
    }

    pub(super) fn tell_order(&mut self, account: Id, id: u64, news: OrderNews) {
        if let Some(order) = self.order(account, id) {
            let order = order.clone();
            self.events.push(Event::Order { news, order });
        }
    }

    /// Let an order meet the book: it takes what it may, and what is left stands or is taken back.
    pub(super) fn enter_book(&mut self, account: Id, id: u64) {
        let Some(order) = self.order(account, id).cloned() else { return };
        let book = &self.markets[order.symbol as usize].book;
        let meets =
            book.best(order.side()).is_some_and(|best| reaches(order.side(), order.ticks, best));
        match order.time_in_force {
            TimeInForce::PostOnly if meets => {
                return self.close_order(account, id, CancelReason::PostOnly);
            }
            TimeInForce::Fok
                if book.within(order.side(), order.ticks) < order.rest_lots().abs() =>
            {
                return self.close_order(account, id, CancelReason::NotWhole);
            }
            _ => {}
        }
        self.take_from_book(account, id);
        let Some(order) = self.order(account, id) else { return };
        if matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok) {
            return self.close_order(account, id, CancelReason::Immediate);
        }
        let (side, ticks, symbol) = (order.side(), order.ticks, order.symbol);
        let ahead_lots = self.markets[symbol as usize].book.standing(side, ticks);
        if let Some(order) = self.accounts[account as usize].open.get_mut(&id) {
            order.ahead_lots = ahead_lots;
        }
    }

    fn take_from_book(&mut self, account: Id, id: u64) {
        while let Some(order) = self.order(account, id) {
            let (symbol, side, ticks) = (order.symbol, order.side(), order.ticks);
            let lots = self.fillable(account, id);
            let Some((ticks, lots)) = self.markets[symbol as usize].book.take(side, ticks, lots)
            else {
                return;
            };
            let kind = ExecutionKind::Trade;
            self.fill(account, id, Fill { lots, ticks, is_maker: false, kind });
        }
    }

    /// Unsigned lots of an order that may fill: one that reduces never goes beyond what is held.
    fn fillable(&self, account: Id, id: u64) -> i64 {
        let Some(order) = self.order(account, id) else { return 0 };
        let rest = order.rest_lots().abs();
        if order.reduce_only {
            rest.min((-order.side() * self.held_lots(account, order.symbol)).max(0))
        } else {
            rest
        }
    }

    /// Orders that stand are met once the price has gone through them, the best first; at their own
    /// price alone others stand before them.
    pub(super) fn meet_orders(&mut self, symbol: Id) {
        let market = &self.markets[symbol as usize];
        let Some(marks) = market.marks else { return };
        let through = |order: &Order| {
            let side = order.side();
            let beyond = |price: i64| side * (order.ticks - price) > 0;
            beyond(marks.last) || market.book.best(side).is_some_and(beyond)
        };
        for (account, id) in self.standing(symbol, through) {
            let lots = self.fillable(account, id);
            let Some(order) = self.order(account, id) else { continue };
            let (ticks, kind) = (order.ticks, ExecutionKind::Trade);
            self.fill(account, id, Fill { lots, ticks, is_maker: true, kind });
        }
    }

    /// Others have traded `lots` at a price: who stands at a better one is met first, and at this very
    /// price those who stood before us.
    pub(super) fn see_trade(&mut self, symbol: Id, ticks: i64, lots: i64) {
        let tradable =
            self.markets.get(symbol as usize).is_some_and(|market| market.marks.is_some());
        if !tradable || ticks <= 0 || lots <= 0 {
            return;
        }
        let mut left = lots;
        let reached = |order: &Order| order.side() * (order.ticks - ticks) >= 0;
        for (account, id) in self.standing(symbol, reached) {
            let lots = self.fillable(account, id);
            let Some(order) = self.accounts[account as usize].open.get_mut(&id) else { continue };
            if order.ticks == ticks {
                let ahead = order.ahead_lots.min(left);
                order.ahead_lots -= ahead;
                left -= ahead;
            }
            let (ticks, lots) = (order.ticks, lots.min(left));
            left -= lots;
            let kind = ExecutionKind::Trade;
            self.fill(account, id, Fill { lots, ticks, is_maker: true, kind });
        }
    }

    /// Orders in the book of which `chosen` says so: the best price first, then the oldest.
    fn standing(&self, symbol: Id, chosen: impl Fn(&Order) -> bool) -> Vec<(Id, u64)> {
        let mut found: Vec<(i64, u64, Id)> = Vec::new();
        for (account, owner) in self.accounts.iter().enumerate() {
            let ids = &owner.positions[symbol as usize].orders;
            let orders = ids.iter().filter_map(|id| owner.open.get(id));
            let met = orders.filter(|order| order.active() && chosen(order));
            found.extend(met.map(|order| (-order.side() * order.ticks, order.id, account as Id)));
        }
        found.sort_unstable();
        found.into_iter().map(|(_, id, account)| (account, id)).collect()
    }

    /// Book one fill of an order, with all that follows from it.
    pub(super) fn fill(&mut self, account: Id, id: u64, fill: Fill) {
        if fill.lots <= 0 {
            return;
        }
        let seq = self.seq();
        let now_ms = self.now_ms;
        let Some(order) = self.order(account, id) else { return };
        let (symbol, signed) = (order.symbol, order.side() * fill.lots);
        let rate = rate_of(&fill, self.fees(account, symbol));
        let market = &self.markets[symbol as usize];
        let (value_e8, mark_ticks) = (market.spec.value_e8(signed, fill.ticks), market.mark());
        let fee_e8 = share_up(value_e8.abs(), rate);
        let owner = &mut self.accounts[account as usize];
        let position = &mut owner.positions[symbol as usize];
        let folded = fold(position, signed, value_e8, seq, now_ms);
        let change_e8 = folded.realised_e8 - fee_e8;
        position.realised_e8 += change_e8;
        position.realised_ever_e8 += change_e8;
        owner.busy.insert(symbol);
        let order = owner.open.get_mut(&id).expect("found above");
        order.filled_lots += signed;
        order.value_e8 += value_e8.abs();
        order.fee_e8 += fee_e8;
        order.updated_ms = now_ms;
        let whole = order.rest_lots() == 0;
        order.state = if whole { OrderState::Filled } else { OrderState::Partial };
        let execution = Execution {
            id: self.next_execution,
            seq,
            account,
            symbol,
            order: id,
            client_id: order.client_id.clone(),
            kind: fill.kind,
            lots: signed,
            ticks: fill.ticks,
            value_e8: value_e8.abs(),
            fee_e8,
            fee_rate_e8: rate,
            realised_e8: folded.realised_e8,
            closed_lots: folded.closed_lots,
            is_maker: fill.is_maker,
            order_lots: order.lots,
            order_ticks: order.ticks,
            rest_lots: order.rest_lots(),
            order_market: order.market,
            stop_kind: order.stop_kind,
            created_by: order.created_by,
            mark_ticks,
            at_ms: now_ms,
        };
        self.next_execution += 1;
        self.tell_fill(execution, change_e8, whole);
    }

    /// Tell a fill, book its money, and bring the account's other orders in line.
    fn tell_fill(&mut self, execution: Execution, change_e8: E8, whole: bool) {
        let (account, symbol, id) = (execution.account, execution.symbol, execution.order);
        self.tell_order(account, id, OrderNews::Filled);
        let trade = execution.kind == ExecutionKind::Trade;
        let kind = if trade { TransactionKind::Trade } else { TransactionKind::Settlement };
        let entry = Transaction {
            symbol: Some(symbol),
            execution: execution.id,
            order: id,
            lots: execution.lots,
            held_lots: self.held_lots(account, symbol),
            ticks: execution.ticks,
            fee_e8: execution.fee_e8,
            realised_e8: execution.realised_e8,
            change_e8,
            ..self.blank(kind)
        };
        self.accounts[account as usize].note_execution(execution.clone());
        self.events.push(Event::Executed(execution));
        self.book_money(account, entry);
        let attached = self.order(account, id).cloned();
        if whole {
            self.put_away(account, id);
        }
        self.settle_orders(account, symbol);
        if let Some(order) = attached {
            self.attach_stops(&order);
        }
        self.tell_position(account, symbol);
    }

    /// Move a finished order to the closed ones.
    pub(super) fn put_away(&mut self, account: Id, id: u64) {
        let owner = &mut self.accounts[account as usize];
        let Some(order) = owner.open.remove(&id) else { return };
        let position = &mut owner.positions[order.symbol as usize];
        position.orders.remove(&id);
        if position.orders.is_empty() && position.lots == 0 {
            owner.busy.remove(&order.symbol);
        }
        owner.note_closed(order);
    }

    /// Take an order back.
    pub(super) fn close_order(&mut self, account: Id, id: u64, why: CancelReason) {
        let now_ms = self.now_ms;
        let Some(order) = self.accounts[account as usize].open.get_mut(&id) else { return };
        order.state = OrderState::Cancelled;
        order.why = why;
        order.updated_ms = now_ms;
        self.tell_order(account, id, OrderNews::Cancelled);
        self.put_away(account, id);
    }
}
