//! Orders come in, are changed, and are taken back.

use super::event::{OrderNews, Refusal};
use super::market::Status;
use super::order::{CancelReason, CreatedBy, Order, OrderState, StopKind, TimeInForce};
use super::{Exchange, Filter, Id, Place};

const CLIENT_ID_MAX: usize = 36;

/// What is to change of an order; what is none stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) lots: Option<i64>,
    pub(super) ticks: Option<i64>,
    pub(super) trigger: Option<i64>,
}

type Checked<T> = std::result::Result<T, Refusal>;

impl Exchange {
    pub(super) fn place(&mut self, asked: &Place) {
        match self.check_place(asked) {
            Err(refusal) => self.refuse(asked.account, refusal),
            Ok(order) => self.admit(order),
        }
    }

    /// Take an order in, unless there is not the margin for it.
    fn admit(&mut self, order: Order) {
        let (account, id) = (order.account, order.id);
        let (waits, frees) = (order.state == OrderState::Untriggered, order.reduce_only);
        let before = if waits || frees { 0 } else { self.wallet(account).available_e8 };
        self.insert(order);
        if !waits && !frees && self.lacks_margin(account, before) {
            self.remove(account, id);
            return self.refuse(account, Refusal::Margin);
        }
        let client_id = self.order(account, id).map(|order| order.client_id.clone());
        if let Some(name) = client_id.filter(|name| !name.is_empty()) {
            self.accounts[account as usize].client_ids.insert(name, id);
        }
        self.next_order = self.next_order.max(id + 1);
        self.tell_order(account, id, OrderNews::Placed);
        let symbol = self.order(account, id).map(|order| order.symbol);
        let trades = symbol.is_some_and(|s| self.markets[s as usize].status != Status::PostOnly);
        if !waits && trades {
            self.enter_book(account, id);
        }
    }

    /// Whether the account is short of margin, and more so than before.
    fn lacks_margin(&self, account: Id, before: super::E8) -> bool {
        let after = self.wallet(account).available_e8;
        after < 0 && after < before
    }

    pub(super) fn insert(&mut self, order: Order) {
        let owner = &mut self.accounts[order.account as usize];
        owner.positions[order.symbol as usize].orders.insert(order.id);
        owner.busy.insert(order.symbol);
        owner.open.insert(order.id, order);
    }

    fn remove(&mut self, account: Id, id: u64) {
        let owner = &mut self.accounts[account as usize];
        let Some(order) = owner.open.remove(&id) else { return };
        let position = &mut owner.positions[order.symbol as usize];
        position.orders.remove(&id);
        if position.orders.is_empty() && position.lots == 0 {
            owner.busy.remove(&order.symbol);
        }
    }

    fn check_place(&self, asked: &Place) -> Checked<Order> {
        let (account, symbol) = (asked.account, asked.symbol);
        if account as usize >= self.accounts.len() {
            return Err(Refusal::NoAccount);
        }
        let market = self.markets.get(symbol as usize).ok_or(Refusal::NoSymbol)?;
        let marks = market.marks.ok_or(Refusal::NoPrice)?;
        self.check_client_id(account, &asked.client_id)?;
        let held = self.held_lots(account, symbol);
        let mut lots = asked.lots;
        if lots == 0 && asked.reduce_only && asked.close_on_trigger && held != 0 {
            lots = -held.signum() * held.abs().min(market.spec.lots_max);
        }
        check_status(market.status, asked)?;
        let side = lots.signum();
        self.check_size(symbol, lots, asked)?;
        let waits = asked.trigger.is_some();
        if asked.reduce_only && !waits {
            if held == 0 || held.signum() == side {
                return Err(Refusal::ReduceOnly);
            }
            lots = side * lots.abs().min(held.abs());
        }
        if let Some(trigger) = asked.trigger {
            check_trigger(trigger.ticks, trigger.rising, marks.of(trigger.by))?;
        }
        let ticks = self.price_of(symbol, side, asked.ticks, waits)?;
        self.check_worth(asked, lots, ticks)?;
        check_attached(asked, side, if asked.ticks.is_some() { ticks } else { marks.last })?;
        self.check_counts(account, symbol, waits)?;
        if !waits && !asked.reduce_only && !self.fits_tier(account, symbol, lots) {
            return Err(Refusal::PositionMax);
        }
        let mut order = self.draft(account, symbol, lots, ticks);
        order.client_id.clone_from(&asked.client_id);
        order.market = asked.ticks.is_none();
        order.time_in_force = if order.market { TimeInForce::Ioc } else { asked.time_in_force };
        order.reduce_only = asked.reduce_only;
        order.close_on_trigger = asked.close_on_trigger;
        order.trigger = asked.trigger;
        order.stop_loss_ticks = asked.stop_loss_ticks;
        order.take_profit_ticks = asked.take_profit_ticks;
        order.stop_loss_by = asked.stop_loss_by;
        order.take_profit_by = asked.take_profit_by;
        if waits {
            order.stop_kind = StopKind::Conditional;
            order.state = OrderState::Untriggered;
        }
        Ok(order)
    }

    /// A plain order that nobody has seen yet.
    pub(super) fn draft(&self, account: Id, symbol: Id, lots: i64, ticks: i64) -> Order {
        Order {
            id: self.next_order,
            client_id: String::new(),
            account,
            symbol,
            lots,
            filled_lots: 0,
            ticks,
            market: true,
            time_in_force: TimeInForce::Ioc,
            reduce_only: false,
            close_on_trigger: false,
            trigger: None,
            stop_loss_ticks: 0,
            take_profit_ticks: 0,
            stop_loss_by: super::TriggerBy::Last,
            take_profit_by: super::TriggerBy::Last,
            stop_kind: StopKind::None,
            created_by: CreatedBy::User,
            state: OrderState::Working,
            why: CancelReason::None,
            value_e8: 0,
            fee_e8: 0,
            last_ticks: self.markets[symbol as usize].marks.map_or(0, |marks| marks.last),
            ahead_lots: 0,
            woken_ms: 0,
            created_ms: self.now_ms,
            updated_ms: self.now_ms,
        }
    }

    fn check_client_id(&self, account: Id, name: &str) -> Checked<()> {
        let sound = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_';
        if name.len() > CLIENT_ID_MAX || !name.chars().all(sound) {
            return Err(Refusal::BadId);
        }
        if self.accounts[account as usize].client_ids.contains_key(name) {
            return Err(Refusal::DuplicateId);
        }
        Ok(())
    }

    fn check_size(&self, symbol: Id, lots: i64, asked: &Place) -> Checked<()> {
        let spec = &self.markets[symbol as usize].spec;
        let most = if asked.ticks.is_some() { spec.lots_max } else { spec.lots_max_market };
        if (spec.lots_min..=most).contains(&lots.abs()) { Ok(()) } else { Err(Refusal::Size) }
    }

    /// The limit that an order gets: its own, moved into the band, or the market's protection.
    fn price_of(&self, symbol: Id, side: i64, ticks: Option<i64>, waits: bool) -> Checked<i64> {
        let market = &self.markets[symbol as usize];
        match ticks {
            Some(ticks) if ticks <= 0 => Err(Refusal::Price),
            Some(ticks) if waits => Ok(ticks),
            Some(ticks) if side > 0 => Ok(ticks.min(market.band(side))),
            Some(ticks) => Ok(ticks.max(market.band(side))),
            None if waits => Ok(0),
            None => market.protection(side).ok_or(Refusal::NoPrice),
        }
    }

    fn check_worth(&self, asked: &Place, lots: i64, ticks: i64) -> Checked<()> {
        let market = &self.markets[asked.symbol as usize];
        let price = match (asked.ticks, asked.trigger) {
            (None, Some(trigger)) => trigger.ticks,
            // A market order is worth what the mark says, not what it could have to pay.
            (None, None) => market.mark(),
            (Some(_), _) => ticks,
        };
        let worth = market.spec.value_e8(lots, price).abs();
        let enough = asked.reduce_only || worth >= super::E8::from(market.spec.notional_min_e8);
        if enough { Ok(()) } else { Err(Refusal::Notional) }
    }

    fn check_counts(&self, account: Id, symbol: Id, waits: bool) -> Checked<()> {
        let owner = &self.accounts[account as usize];
        let spec = &self.markets[symbol as usize].spec;
        let ids = owner.positions[symbol as usize].orders.iter();
        let orders = ids.filter_map(|id| owner.open.get(id));
        let same = orders.filter(|order| {
            if waits {
                order.state == OrderState::Untriggered && order.stop_kind == StopKind::Conditional
            } else {
                order.active()
            }
        });
        let count = same.count() as u32;
        match waits {
            true if count >= spec.conditional_max => Err(Refusal::TooManyConditional),
            false if count >= spec.orders_max => Err(Refusal::TooManyOrders),
            _ => Ok(()),
        }
    }

    /// An open order by number or name; a closed one says that it is done.
    fn open_order(&self, account: Id, order: u64, client_id: &str) -> Checked<&Order> {
        let owner = self.accounts.get(account as usize).ok_or(Refusal::NoAccount)?;
        let found = owner.find(order, client_id).ok_or(Refusal::NoOrder)?;
        if found.state.is_final() { Err(Refusal::AlreadyDone) } else { Ok(found) }
    }

    pub(super) fn amend(&mut self, account: Id, order: u64, client_id: &str, change: Change) {
        let changed = self.open_order(account, order, client_id);
        match changed.and_then(|order| self.check_change(order, change)) {
            Err(refusal) => self.refuse(account, refusal),
            Ok(changed) => self.put_change(changed),
        }
    }

    fn check_change(&self, order: &Order, change: Change) -> Checked<Order> {
        let market = &self.markets[order.symbol as usize];
        let mut new = Order { updated_ms: self.now_ms, ..order.clone() };
        if let Some(lots) = change.lots.filter(|_| !order.stop_kind.whole()) {
            if lots.signum() != order.side() || lots.abs() < market.spec.lots_min {
                return Err(Refusal::Size);
            }
            if lots.abs() > market.spec.lots_max {
                return Err(Refusal::Size);
            }
            if lots.abs() <= order.filled_lots.abs() {
                return Err(Refusal::BelowFilled);
            }
            new.lots = lots;
        }
        if let Some(ticks) = change.ticks.filter(|_| !order.market) {
            let waits = order.state == OrderState::Untriggered;
            new.ticks = self.price_of(order.symbol, order.side(), Some(ticks), waits)?;
        }
        if let (Some(ticks), Some(trigger)) = (change.trigger, order.trigger) {
            if order.state != OrderState::Untriggered {
                return Err(Refusal::AlreadyDone);
            }
            let now = market.marks.ok_or(Refusal::NoPrice)?.of(trigger.by);
            check_trigger(ticks, trigger.rising, now)?;
            new.trigger = Some(super::Trigger { ticks, ..trigger });
        }
        let same = (new.lots, new.ticks, new.trigger) == (order.lots, order.ticks, order.trigger);
        if same { Err(Refusal::NoChange) } else { Ok(new) }
    }

    /// Put the changed order in the old one's place; one that stands goes to the end of its queue.
    fn put_change(&mut self, new: Order) {
        let (account, id) = (new.account, new.id);
        let (active, reduces) = (new.active(), new.reduce_only);
        let before = self.wallet(account).available_e8;
        let Some(old) = self.accounts[account as usize].open.insert(id, new) else { return };
        if active && !reduces && self.lacks_margin(account, before) {
            self.accounts[account as usize].open.insert(id, old);
            return self.refuse(account, Refusal::Margin);
        }
        self.tell_order(account, id, OrderNews::Amended);
        if active {
            self.enter_book(account, id);
        }
    }

    pub(super) fn cancel(&mut self, account: Id, order: u64, client_id: &str) {
        let found = self.open_order(account, order, client_id);
        match found.map(|order| (order.id, order.symbol, order.stop_kind.of_position())) {
            Err(refusal) => self.refuse(account, refusal),
            Ok((id, symbol, stop)) => {
                self.close_order(account, id, CancelReason::User);
                // A position shows its stops.
                if stop {
                    self.tell_position(account, symbol);
                }
            }
        }
    }

    pub(super) fn cancel_all(&mut self, account: Id, symbol: Option<Id>, filter: Filter) {
        let Some(owner) = self.accounts.get(account as usize) else {
            return self.refuse(account, Refusal::NoAccount);
        };
        let meant = |order: &&Order| {
            let kind = match filter {
                Filter::All => true,
                Filter::Active => order.active(),
                Filter::PositionStops => order.stop_kind.of_position(),
                Filter::Conditional => {
                    order.state == OrderState::Untriggered && !order.stop_kind.of_position()
                }
            };
            kind && symbol.is_none_or(|symbol| symbol == order.symbol)
        };
        let ids: Vec<u64> = owner.open.values().filter(meant).map(|order| order.id).collect();
        for id in ids {
            self.close_order(account, id, CancelReason::User);
        }
    }
}

/// A trigger lies beyond the price that it watches.
fn check_trigger(ticks: i64, rising: bool, now: i64) -> Checked<()> {
    match rising {
        _ if ticks <= 0 => Err(Refusal::Price),
        true if ticks <= now => Err(Refusal::TriggerNotAbove),
        false if ticks >= now => Err(Refusal::TriggerNotBelow),
        _ => Ok(()),
    }
}

fn check_status(status: Status, asked: &Place) -> Checked<()> {
    match status {
        Status::Open => Ok(()),
        Status::Closed => Err(Refusal::NotTrading),
        Status::Closing if asked.reduce_only => Ok(()),
        Status::Closing => Err(Refusal::OnlyReduce),
        Status::PostOnly if asked.time_in_force == TimeInForce::PostOnly => Ok(()),
        Status::PostOnly => Err(Refusal::OnlyPost),
    }
}

fn check_attached(asked: &Place, side: i64, price: i64) -> Checked<()> {
    let (stop, target) = (asked.stop_loss_ticks, asked.take_profit_ticks);
    if stop == 0 && target == 0 {
        return Ok(());
    }
    if asked.reduce_only {
        return Err(Refusal::StopsOnReduceOnly);
    }
    let stop_sound = stop == 0 || (stop > 0 && side * (price - stop) > 0);
    let target_sound = target == 0 || (target > 0 && side * (target - price) > 0);
    if stop_sound && target_sound { Ok(()) } else { Err(Refusal::StopSide) }
}
