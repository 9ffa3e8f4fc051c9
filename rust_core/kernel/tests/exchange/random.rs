//! Streams of random commands, sound and unsound: nothing panics, and what must hold holds.

use proptest::prelude::*;
use xsmom_kernel::exchange::{
    Answer, Command, Event, Exchange, Filter, Id, Order, Place, Query, Status, StopKind,
    TimeInForce, Trigger, TriggerBy,
};

use crate::venue::{CASH_E8, Venue, market, whole_stops};

fn lots() -> impl Strategy<Value = i64> {
    prop_oneof![-3_000i64..3_000, Just(0), Just(i64::MAX / 4), -20i64..20]
}

fn ticks() -> impl Strategy<Value = i64> {
    prop_oneof![900i64..1_100, 1i64..3_000, Just(0), Just(-5)]
}

fn by() -> impl Strategy<Value = TriggerBy> {
    prop_oneof![Just(TriggerBy::Last), Just(TriggerBy::Mark), Just(TriggerBy::Index)]
}

prop_compose! {
    fn place()(
        account in 0u32..3, symbol in 0u32..3, lots in lots(), limit in prop::option::of(ticks()),
        time_in_force in prop_oneof![
            Just(TimeInForce::Gtc), Just(TimeInForce::Ioc), Just(TimeInForce::Fok),
            Just(TimeInForce::PostOnly)
        ],
        reduce_only in any::<bool>(), close_on_trigger in any::<bool>(),
        trigger in prop::option::of((ticks(), by(), any::<bool>())),
        stops in (prop_oneof![Just(0i64), ticks()], prop_oneof![Just(0i64), ticks()]),
        name in prop_oneof![Just(String::new()), "[a-c]{1,2}"],
    ) -> Command {
        Command::Place(Place {
            account, symbol, lots, ticks: limit, time_in_force, reduce_only, close_on_trigger,
            client_id: name,
            trigger: trigger.map(|(ticks, by, rising)| Trigger { ticks, by, rising }),
            stop_loss_ticks: stops.0, take_profit_ticks: stops.1,
            ..market(0)
        })
    }
}

fn command() -> impl Strategy<Value = Command> {
    let order = 0u64..60;
    prop_oneof![
        8 => place(),
        2 => (0u32..2, order.clone(), prop::option::of(lots()), prop::option::of(ticks()))
            .prop_map(|(account, order, lots, ticks)| Command::Amend {
                account, order, client_id: String::new(), lots, ticks, trigger_ticks: ticks,
            }),
        2 => (0u32..2, order).prop_map(|(account, order)| Command::Cancel {
            account, order, client_id: String::new(),
        }),
        1 => Just(Command::CancelAll { account: 0, symbol: None, filter: Filter::Active }),
        2 => (prop::option::of(ticks()), prop::option::of(ticks()))
            .prop_map(|(stop, target)| whole_stops(stop, target)),
        1 => (0u32..2, -50_000i64..50_000).prop_map(|(symbol, rate_e8)| Command::Funding { symbol, rate_e8 }),
        1 => (0u32..2, ticks(), 1i64..500).prop_map(|(symbol, ticks, lots)| Command::Trade { symbol, ticks, lots }),
        1 => (0u32..2, 1i64..100).prop_map(|(account, lots)| Command::Deleverage { account, symbol: 0, lots }),
        1 => prop_oneof![Just(Status::Open), Just(Status::Closing), Just(Status::PostOnly)]
            .prop_map(|status| Command::Status { symbol: 1, status }),
    ]
}

/// A command, or a move of prices in between.
#[derive(Debug, Clone)]
enum Step {
    Do(Command),
    Move(Id, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => command().prop_map(Step::Do),
        1 => (0u32..2, 850i64..1_150).prop_map(|(symbol, ticks)| Step::Move(symbol, ticks)),
        1 => (0u32..2, 300i64..2_000).prop_map(|(symbol, ticks)| Step::Move(symbol, ticks)),
    ];
    prop::collection::vec(step, 1..120)
}

fn two_accounts() -> Venue {
    let mut venue = Venue::new();
    venue.go(&Command::OpenAccount { name: "two".to_owned(), wallet_e8: CASH_E8 as i64 });
    venue
}

fn take(venue: &mut Venue, step: &Step) -> Vec<Event> {
    match step {
        Step::Do(command) => venue.go(command),
        Step::Move(symbol, ticks) => venue.price(*symbol, *ticks),
    }
}

fn orders(exchange: &Exchange, account: Id) -> Vec<Order> {
    match exchange.answer(&Query::OpenOrders { account }) {
        Answer::Orders(orders) => orders,
        _ => Vec::new(),
    }
}

/// What holds after every command.
fn check(venue: &Venue, events: &[Event]) {
    let exchange = &venue.exchange;
    assert_eq!(exchange.money_e8(), 2 * CASH_E8, "money is conserved");
    for account in 0..2 {
        let Answer::Wallet(wallet) = exchange.answer(&Query::Wallet { account }) else { panic!() };
        assert!(wallet.order_initial_e8 >= 0 && wallet.maintenance_e8 >= 0);
        for order in orders(exchange, account) {
            let Answer::Position(held) =
                exchange.answer(&Query::Position { account, symbol: order.symbol })
            else {
                panic!()
            };
            assert!(!order.state.is_final());
            assert!(order.filled_lots.abs() < order.lots.abs());
            if order.stop_kind.whole() && !order.active() {
                assert_eq!(order.lots, -held.lots, "a stop is as large as its position");
            }
            if order.reduce_only && order.stop_kind != StopKind::Conditional {
                assert!(order.rest_lots().abs() <= held.lots.abs(), "{order:?} {held:?}");
            }
        }
    }
    for event in events {
        if let Event::Executed(execution) = event {
            let beyond = execution.rest_lots.signum() * execution.order_lots.signum() < 0;
            assert!(!beyond, "filled beyond its size: {execution:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_breaks_the_rules(steps in steps()) {
        let mut venue = two_accounts();
        let mut wallet = [CASH_E8; 2];
        for step in &steps {
            let events = take(&mut venue, step);
            check(&venue, &events);
            for event in &events {
                if let Event::Wallet { account, transaction, .. } = event {
                    wallet[*account as usize] += transaction.change_e8;
                    prop_assert_eq!(wallet[*account as usize], transaction.wallet_e8);
                }
            }
        }
    }

    #[test]
    fn the_same_commands_give_the_same_log_and_a_restored_one_the_same_future(
        steps in steps(), cut in 0usize..120,
    ) {
        let cut = cut.min(steps.len());
        let (mut one, mut two) = (two_accounts(), two_accounts());
        for step in &steps[..cut] {
            prop_assert_eq!(take(&mut one, step), take(&mut two, step));
        }
        two.exchange = Exchange::restore(&two.exchange.snapshot()).expect("what was written");
        for step in &steps[cut..] {
            prop_assert_eq!(take(&mut one, step), take(&mut two, step));
        }
        prop_assert_eq!(one.exchange.log_hash(), two.exchange.log_hash());
        prop_assert_eq!(one.exchange.snapshot(), two.exchange.snapshot());
    }

    #[test]
    fn what_only_reduces_never_opens(steps in steps()) {
        let mut venue = two_accounts();
        for step in &steps {
            let reduces = matches!(step, Step::Do(Command::Place(place)) if place.reduce_only && place.trigger.is_none());
            let Step::Do(Command::Place(place)) = step else {
                take(&mut venue, step);
                continue;
            };
            let held = |venue: &Venue| match venue.exchange.answer(
                &Query::Position { account: place.account, symbol: place.symbol }
            ) {
                Answer::Position(row) => row.lots,
                _ => 0,
            };
            let before = held(&venue);
            take(&mut venue, step);
            let after = held(&venue);
            if reduces {
                prop_assert!(after == before || (after.signum() != -before.signum() && after.abs() <= before.abs()));
            }
        }
    }
}

#[test]
fn a_broken_snapshot_is_refused() {
    let venue = Venue::new();
    let bytes = venue.exchange.snapshot();
    assert!(Exchange::restore(&bytes[..bytes.len() / 2]).is_err());
    assert!(Exchange::restore(&[]).is_err());
}
