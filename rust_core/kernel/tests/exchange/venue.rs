//! A small exchange that the tests drive: one account of 10,000 USDT, two contracts of 0.01 USDT a unit.

use xsmom_kernel::exchange::{
    Answer, CancelReason, Command, Event, Exchange, Execution, Id, ONE_E8, Order, OrderState,
    Place, PositionRow, Prices, Query, Refusal, Setup, Spec, SpecTier, StopsAsked, TimeInForce,
    TriggerBy, WalletRow,
};

pub(crate) const UNIT_E8: i64 = ONE_E8 / 100;
pub(crate) const CASH_E8: i128 = 10_000 * ONE_E8 as i128;

pub(crate) fn spec(symbol: &str) -> Spec {
    let usdt = |whole: i64| whole * ONE_E8;
    Spec {
        symbol: symbol.to_owned(),
        unit_e8: UNIT_E8,
        lots_min: 1,
        lots_max: 1_000_000,
        lots_max_market: 500_000,
        notional_min_e8: usdt(5),
        maker_e8: 20_000,
        taker_e8: 55_000,
        band_e8: ONE_E8 / 10,
        protection_e8: ONE_E8 / 20,
        orders_max: 500,
        conditional_max: 10,
        partial_stops_max: 20,
        tiers: vec![
            SpecTier {
                value_max_e8: usdt(20_000),
                maintenance_e8: ONE_E8 / 100,
                deduction_e8: 0,
                leverage_max_e8: usdt(50),
            },
            SpecTier {
                value_max_e8: usdt(100_000),
                maintenance_e8: ONE_E8 / 40,
                deduction_e8: usdt(300),
                leverage_max_e8: usdt(20),
            },
            SpecTier {
                value_max_e8: usdt(1_000_000),
                maintenance_e8: ONE_E8 / 20,
                deduction_e8: usdt(2_800),
                leverage_max_e8: usdt(10),
            },
        ],
    }
}

pub(crate) struct Venue {
    pub(crate) exchange: Exchange,
    pub(crate) now_ms: i64,
}

impl Venue {
    /// Both contracts at 1,000 ticks (10 USDT a lot), book one tick to each side.
    pub(crate) fn new() -> Self {
        let setup = Setup { specs: vec![spec("AAAUSDT"), spec("BBBUSDT")] };
        let mut venue = Self { exchange: Exchange::new(&setup).expect("sound"), now_ms: 1_000 };
        venue.go(&Command::OpenAccount { name: "one".to_owned(), wallet_e8: CASH_E8 as i64 });
        venue.price(0, 1_000);
        venue.price(1, 1_000);
        venue
    }

    pub(crate) fn go(&mut self, command: &Command) -> Vec<Event> {
        self.now_ms += 1;
        self.exchange.apply(command, self.now_ms)
    }

    /// Last, mark and index at `ticks`; five levels of 1,000 lots on both sides.
    pub(crate) fn price(&mut self, symbol: Id, ticks: i64) -> Vec<Event> {
        let bids = (1..=5).map(|k| (ticks - k, 1_000)).collect();
        let asks = (1..=5).map(|k| (ticks + k, 1_000)).collect();
        self.go(&Command::Prices(Prices {
            symbol,
            last: ticks,
            mark: ticks,
            index: ticks,
            bids,
            asks,
        }))
    }

    pub(crate) fn place(&mut self, place: &Place) -> Result<Order, Refusal> {
        let events = self.go(&Command::Place(place.clone()));
        let placed = events.iter().find_map(|event| match event {
            Event::Refused { refusal, .. } => Some(Err(*refusal)),
            Event::Order { order, .. } => Some(Ok(order.id)),
            _ => None,
        });
        placed.expect("placed or refused").map(|id| self.order(id))
    }

    pub(crate) fn refused(&mut self, command: &Command) -> Option<Refusal> {
        self.go(command).iter().find_map(|event| match event {
            Event::Refused { refusal, .. } => Some(*refusal),
            _ => None,
        })
    }

    pub(crate) fn order(&self, id: u64) -> Order {
        match self.exchange.answer(&Query::Order {
            account: 0,
            order: id,
            client_id: String::new(),
        }) {
            Answer::Order(order) => *order,
            other => panic!("no order {id}: {other:?}"),
        }
    }

    pub(crate) fn open_orders(&self) -> Vec<Order> {
        match self.exchange.answer(&Query::OpenOrders { account: 0 }) {
            Answer::Orders(orders) => orders,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn executions(&self) -> Vec<Execution> {
        match self.exchange.answer(&Query::Executions { account: 0, since_ms: 0 }) {
            Answer::Executions(list) => list,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn position(&self, symbol: Id) -> PositionRow {
        match self.exchange.answer(&Query::Position { account: 0, symbol }) {
            Answer::Position(row) => *row,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn wallet(&self) -> WalletRow {
        match self.exchange.answer(&Query::Wallet { account: 0 }) {
            Answer::Wallet(row) => row,
            other => panic!("{other:?}"),
        }
    }
}

/// A market order.
pub(crate) fn market(lots: i64) -> Place {
    Place {
        account: 0,
        symbol: 0,
        client_id: String::new(),
        lots,
        ticks: None,
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        close_on_trigger: false,
        trigger: None,
        stop_loss_ticks: 0,
        take_profit_ticks: 0,
        stop_loss_by: TriggerBy::Mark,
        take_profit_by: TriggerBy::Mark,
    }
}

/// An order with a limit.
pub(crate) fn limit(lots: i64, ticks: i64) -> Place {
    Place { ticks: Some(ticks), ..market(lots) }
}

pub(crate) fn whole_stops(stop: Option<i64>, target: Option<i64>) -> Command {
    Command::SetStops(StopsAsked {
        account: 0,
        symbol: 0,
        stop_loss_ticks: stop,
        take_profit_ticks: target,
        stop_loss_by: TriggerBy::Mark,
        take_profit_by: TriggerBy::Mark,
        part_lots: None,
        stop_loss_limit_ticks: None,
        take_profit_limit_ticks: None,
    })
}

pub(crate) fn cancelled(order: &Order) -> Option<CancelReason> {
    (order.state == OrderState::Cancelled).then_some(order.why)
}
