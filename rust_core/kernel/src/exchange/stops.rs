//! Orders that wait for a price, and stops that belong to a position: they follow its size and go with it.

use super::command::StopsAsked;
use super::event::{Event, OrderNews, Refusal};
use super::order::{CancelReason, Order, OrderState, StopKind, TimeInForce, Trigger, TriggerBy};
use super::{Exchange, Id};

/// One leg of a pair of stops, as it is wanted.
#[derive(Debug, Clone, Copy)]
struct Leg {
    kind: StopKind,
    ticks: i64,
    by: TriggerBy,
    limit_ticks: Option<i64>,
}

impl Leg {
    fn is_target(self) -> bool {
        matches!(self.kind, StopKind::TakeProfit | StopKind::PartialTakeProfit)
    }

    /// The trigger of this leg for a position of this side.
    fn trigger(self, held_side: i64) -> Trigger {
        Trigger { ticks: self.ticks, by: self.by, rising: self.is_target() == (held_side > 0) }
    }
}

impl Exchange {
    pub(super) fn set_stops(&mut self, asked: &StopsAsked) {
        if !self.known(asked.account, asked.symbol) {
            return self.refuse(asked.account, Refusal::NoSymbol);
        }
        let done = match asked.part_lots {
            None => self.set_whole(asked),
            Some(lots) => self.add_part(asked, lots),
        };
        match done {
            Ok(()) => self.tell_position(asked.account, asked.symbol),
            Err(refusal) => self.refuse(asked.account, refusal),
        }
    }

    fn set_whole(&mut self, asked: &StopsAsked) -> Result<(), Refusal> {
        let (account, symbol) = (asked.account, asked.symbol);
        let held = self.held_lots(account, symbol);
        if held == 0 {
            return Err(Refusal::NoPosition);
        }
        let leg = |kind, ticks, by| Leg { kind, ticks, by, limit_ticks: None };
        let legs = [
            asked.stop_loss_ticks.map(|t| leg(StopKind::StopLoss, t, asked.stop_loss_by)),
            asked.take_profit_ticks.map(|t| leg(StopKind::TakeProfit, t, asked.take_profit_by)),
        ];
        for leg in legs.iter().flatten() {
            self.check_leg(symbol, *leg, held)?;
        }
        let changed = legs.iter().flatten().map(|leg| self.put_leg(account, symbol, *leg, held));
        let any = changed.fold(false, |any, changed| any | changed);
        if any { Ok(()) } else { Err(Refusal::NoChange) }
    }

    fn check_leg(&self, symbol: Id, leg: Leg, held: i64) -> Result<(), Refusal> {
        let marks = self.markets[symbol as usize].marks.ok_or(Refusal::NoPrice)?;
        let trigger = leg.trigger(held.signum());
        let sound = leg.ticks == 0 || (leg.ticks > 0 && !trigger.met(marks.of(leg.by)));
        if sound { Ok(()) } else { Err(Refusal::StopSide) }
    }

    /// Set, move or take away one leg for the whole position; whether anything is different now.
    fn put_leg(&mut self, account: Id, symbol: Id, leg: Leg, held: i64) -> bool {
        let found = self.stop_of(account, symbol, leg.kind).map(|order| (order.id, order.trigger));
        let trigger = leg.trigger(held.signum());
        match found {
            Some((id, _)) if leg.ticks == 0 => {
                self.close_order(account, id, CancelReason::PositionStops);
            }
            Some((_, now)) if now == Some(trigger) => return false,
            Some((id, _)) => {
                let now_ms = self.now_ms;
                if let Some(order) = self.accounts[account as usize].open.get_mut(&id) {
                    order.trigger = Some(trigger);
                    order.updated_ms = now_ms;
                }
                self.tell_order(account, id, OrderNews::Amended);
            }
            None if leg.ticks == 0 => return false,
            None => self.add_leg(account, symbol, leg, -held),
        }
        true
    }

    fn add_leg(&mut self, account: Id, symbol: Id, leg: Leg, lots: i64) {
        let mut order = self.draft(account, symbol, lots, leg.limit_ticks.unwrap_or(0));
        order.market = leg.limit_ticks.is_none();
        order.time_in_force = if order.market { TimeInForce::Ioc } else { TimeInForce::Gtc };
        order.reduce_only = true;
        order.close_on_trigger = true;
        order.trigger = Some(leg.trigger(-lots.signum()));
        order.stop_kind = leg.kind;
        order.state = OrderState::Untriggered;
        let id = order.id;
        self.next_order += 1;
        self.insert(order);
        self.tell_order(account, id, OrderNews::Placed);
    }

    /// Add a pair, or one leg, for a part of the position.
    fn add_part(&mut self, asked: &StopsAsked, lots: i64) -> Result<(), Refusal> {
        let (account, symbol) = (asked.account, asked.symbol);
        let held = self.held_lots(account, symbol);
        let spec = &self.markets[symbol as usize].spec;
        if held == 0 {
            return Err(Refusal::NoPosition);
        }
        if lots < spec.lots_min || lots > held.abs() {
            return Err(Refusal::Size);
        }
        let leg = |kind, ticks: Option<i64>, by, limit_ticks| {
            ticks.filter(|ticks| *ticks != 0).map(|ticks| Leg { kind, ticks, by, limit_ticks })
        };
        let (stop, target) = (StopKind::PartialStopLoss, StopKind::PartialTakeProfit);
        let legs = [
            leg(stop, asked.stop_loss_ticks, asked.stop_loss_by, asked.stop_loss_limit_ticks),
            leg(
                target,
                asked.take_profit_ticks,
                asked.take_profit_by,
                asked.take_profit_limit_ticks,
            ),
        ];
        let wanted = legs.iter().flatten().count();
        if wanted == 0 {
            return Err(Refusal::NoChange);
        }
        let parts = self.stops(account, symbol, |kind| kind.of_position() && !kind.whole()).len();
        if parts + wanted > spec.partial_stops_max as usize {
            return Err(Refusal::TooManyStops);
        }
        for leg in legs.iter().flatten() {
            if leg.limit_ticks.is_some_and(|ticks| ticks <= 0) {
                return Err(Refusal::Price);
            }
            self.check_leg(symbol, *leg, held)?;
        }
        for leg in legs.into_iter().flatten() {
            self.add_leg(account, symbol, leg, -held.signum() * lots);
        }
        Ok(())
    }

    /// The stop of the whole position of one kind.
    pub(super) fn stop_of(&self, account: Id, symbol: Id, kind: StopKind) -> Option<&Order> {
        let id = self.stops(account, symbol, |found| found == kind).first().copied()?;
        self.order(account, id)
    }

    fn stops(&self, account: Id, symbol: Id, chosen: impl Fn(StopKind) -> bool) -> Vec<u64> {
        let owner = &self.accounts[account as usize];
        let ids = owner.positions[symbol as usize].orders.iter();
        let orders = ids.filter_map(|id| owner.open.get(id));
        let waits = orders.filter(|order| order.state == OrderState::Untriggered);
        waits.filter(|order| chosen(order.stop_kind)).map(|order| order.id).collect()
    }

    /// What an order carried along is set for the position that it has opened. A leg on the wrong side
    /// by now is left out: the price has gone through it, and the account sees that it has no stop.
    pub(super) fn attach_stops(&mut self, order: &Order) {
        let (account, symbol) = (order.account, order.symbol);
        let held = self.held_lots(account, symbol);
        if held.signum() != order.side() {
            return;
        }
        let (stop, target) = (order.stop_loss_ticks, order.take_profit_ticks);
        for (kind, ticks, by) in [
            (StopKind::StopLoss, stop, order.stop_loss_by),
            (StopKind::TakeProfit, target, order.take_profit_by),
        ] {
            let leg = Leg { kind, ticks, by, limit_ticks: None };
            if ticks > 0 && self.check_leg(symbol, leg, held).is_ok() {
                self.put_leg(account, symbol, leg, held);
            }
        }
    }

    /// Bring orders that reduce in line with what is held now.
    pub(super) fn settle_orders(&mut self, account: Id, symbol: Id) {
        let held = self.held_lots(account, symbol);
        let owner = &self.accounts[account as usize];
        let ids: Vec<u64> = owner.positions[symbol as usize].orders.iter().copied().collect();
        for id in ids {
            let Some(order) = self.order(account, id) else { continue };
            let stop = order.stop_kind.of_position();
            let waits = order.state == OrderState::Untriggered;
            if !order.reduce_only || (waits && !stop) {
                continue;
            }
            let gone = held == 0 || held.signum() == order.side();
            let rest = if order.stop_kind.whole() && waits {
                -held
            } else {
                order.side() * order.rest_lots().abs().min(held.abs())
            };
            if gone {
                let why = if stop { CancelReason::PositionStops } else { CancelReason::ReduceOnly };
                self.close_order(account, id, why);
            } else if rest != order.rest_lots() {
                let now_ms = self.now_ms;
                if let Some(order) = self.accounts[account as usize].open.get_mut(&id) {
                    order.lots = order.filled_lots + rest;
                    order.updated_ms = now_ms;
                }
                self.tell_order(account, id, OrderNews::Amended);
            }
        }
    }

    /// Wake whatever waited for these prices: stops before targets, then the oldest first.
    pub(super) fn wake_orders(&mut self, symbol: Id) {
        let Some(marks) = self.markets[symbol as usize].marks else { return };
        let mut met: Vec<(bool, u64, Id)> = Vec::new();
        for (account, owner) in self.accounts.iter().enumerate() {
            let ids = owner.positions[symbol as usize].orders.iter();
            let orders = ids.filter_map(|id| owner.open.get(id));
            let waits = orders.filter(|order| order.state == OrderState::Untriggered);
            let woken = waits.filter(|order| order.trigger.is_some_and(|t| t.met(marks.of(t.by))));
            met.extend(woken.map(|order| {
                let target =
                    matches!(order.stop_kind, StopKind::TakeProfit | StopKind::PartialTakeProfit);
                (target, order.id, account as Id)
            }));
        }
        met.sort_unstable();
        for (_, id, account) in met {
            self.wake(account, id);
        }
    }

    fn wake(&mut self, account: Id, id: u64) {
        let now_ms = self.now_ms;
        let Some(order) = self.order(account, id) else { return };
        if order.state != OrderState::Untriggered {
            return;
        }
        let (symbol, side, market) = (order.symbol, order.side(), order.market);
        let (reduces, closes) = (order.reduce_only, order.close_on_trigger);
        let held = self.held_lots(account, symbol);
        if reduces && (held == 0 || held.signum() == side) {
            return self.close_order(account, id, CancelReason::ReduceOnly);
        }
        let ticks =
            if market { self.markets[symbol as usize].protection(side) } else { Some(order.ticks) };
        let Some(ticks) = ticks else { return }; // No book to meet: it waits for one.
        let before = self.wallet(account).available_e8;
        let Some(order) = self.accounts[account as usize].open.get_mut(&id) else { return };
        if reduces {
            order.lots = order.filled_lots + side * order.rest_lots().abs().min(held.abs());
        }
        order.ticks = ticks;
        order.state = OrderState::Working;
        order.woken_ms = now_ms;
        order.updated_ms = now_ms;
        self.tell_order(account, id, OrderNews::Triggered);
        let short = |exchange: &Self| {
            let after = exchange.wallet(account).available_e8;
            !reduces && after < 0 && after < before
        };
        while short(self) {
            // An order that closes makes the others of its contract give way, the newest first.
            let other = if closes { self.newest_active(account, symbol, id) } else { None };
            match other {
                Some(other) => self.close_order(account, other, CancelReason::Margin),
                None => return self.close_order(account, id, CancelReason::Margin),
            }
        }
        self.enter_book(account, id);
    }

    fn newest_active(&self, account: Id, symbol: Id, but: u64) -> Option<u64> {
        let owner = &self.accounts[account as usize];
        let mut ids = owner.positions[symbol as usize].orders.iter().rev();
        ids.find(|id| **id != but && owner.open.get(id).is_some_and(Order::active)).copied()
    }

    pub(super) fn tell_position(&mut self, account: Id, symbol: Id) {
        let row = self.position_row(account, symbol);
        self.events.push(Event::Position(row));
    }
}
