//! How orders come in, stand, are met and go.

use xsmom_kernel::exchange::{
    CancelReason, Command, Event, Exchange, Filter, OrderState, Place, Refusal, Status, StopKind,
    TimeInForce, Trigger, TriggerBy,
};

use crate::venue::{Venue, cancelled, limit, market, spec};

#[test]
fn a_market_order_takes_levels_within_its_protection() {
    let mut venue = Venue::new();
    let order = venue.place(&market(250)).expect("taken");
    assert_eq!((order.state, order.filled_lots), (OrderState::Filled, 250));
    let fill = &venue.executions()[0];
    assert_eq!((fill.ticks, fill.lots, fill.is_maker), (1_001, 250, false));
    assert_eq!(order.ticks, 1_051, "five per cent above the best ask, rounded down");
}

#[test]
fn what_the_book_cannot_give_is_taken_back() {
    let mut venue = Venue::new();
    venue.go(&Command::Transfer { account: 0, change_e8: 100 * crate::venue::CASH_E8 as i64 });
    let order = venue.place(&market(6_000)).expect("taken");
    assert_eq!(order.filled_lots, 5_000);
    assert_eq!(cancelled(&order), Some(CancelReason::Immediate));
    let prices: Vec<i64> = venue.executions().iter().rev().map(|e| e.ticks).collect();
    assert_eq!(prices, [1_001, 1_002, 1_003, 1_004, 1_005]);
}

#[test]
fn a_resting_order_waits_until_the_price_goes_through_it() {
    let mut venue = Venue::new();
    let order = venue.place(&limit(100, 995)).expect("taken");
    assert_eq!(order.state, OrderState::Working);
    venue.price(0, 995);
    assert_eq!(venue.order(order.id).state, OrderState::Working, "at its price others stand first");
    venue.price(0, 994);
    let order = venue.order(order.id);
    assert_eq!((order.state, order.filled_lots), (OrderState::Filled, 100));
    let fill = &venue.executions()[0];
    assert_eq!((fill.ticks, fill.is_maker), (995, true));
    assert_eq!(fill.fee_e8, 995 * 100 * 1_000_000 * 20_000 / 100_000_000);
}

#[test]
fn trades_of_others_eat_the_queue_before_us() {
    let mut venue = Venue::new();
    let order = venue.place(&limit(100, 999)).expect("taken");
    assert_eq!(order.ahead_lots, 1_000);
    let trade = |lots| Command::Trade { symbol: 0, ticks: 999, lots };
    venue.go(&trade(900));
    assert_eq!(venue.order(order.id).filled_lots, 0);
    venue.go(&trade(130));
    assert_eq!(venue.order(order.id).filled_lots, 30);
    assert_eq!(venue.order(order.id).state, OrderState::Partial);
    venue.go(&Command::Trade { symbol: 0, ticks: 998, lots: 500 });
    assert_eq!(venue.order(order.id).state, OrderState::Filled);
}

#[test]
fn a_post_only_order_never_takes() {
    let mut venue = Venue::new();
    let post = |ticks| Place { time_in_force: TimeInForce::PostOnly, ..limit(10, ticks) };
    let crossing = venue.place(&post(1_001)).expect("acknowledged first");
    assert_eq!(cancelled(&crossing), Some(CancelReason::PostOnly));
    assert_eq!(venue.place(&post(1_000)).expect("stands").state, OrderState::Working);
    assert!(venue.executions().is_empty());
}

#[test]
fn immediate_and_whole_orders() {
    let mut venue = Venue::new();
    let with = |time_in_force, lots, ticks| Place { time_in_force, ..limit(lots, ticks) };
    let ioc = venue.place(&with(TimeInForce::Ioc, 50, 1_000)).expect("taken");
    assert_eq!((ioc.filled_lots, cancelled(&ioc)), (0, Some(CancelReason::Immediate)));
    let fok = venue.place(&with(TimeInForce::Fok, 1_001, 1_001)).expect("taken");
    assert_eq!((fok.filled_lots, cancelled(&fok)), (0, Some(CancelReason::NotWhole)));
    let fok = venue.place(&with(TimeInForce::Fok, 1_000, 1_001)).expect("taken");
    assert_eq!(fok.state, OrderState::Filled);
}

#[test]
fn reducing_orders_never_open_or_turn() {
    let mut venue = Venue::new();
    let reduce = |lots| Place { reduce_only: true, ..market(lots) };
    assert_eq!(venue.place(&reduce(-10)), Err(Refusal::ReduceOnly));
    venue.place(&market(100)).expect("taken");
    assert_eq!(venue.place(&reduce(10)), Err(Refusal::ReduceOnly));
    let clamped = venue.place(&reduce(-500)).expect("clamped");
    assert_eq!(clamped.lots, -100);
    assert_eq!(venue.position(0).lots, 0);
}

#[test]
fn a_reducing_order_shrinks_with_its_position() {
    let mut venue = Venue::new();
    venue.place(&market(100)).expect("taken");
    let resting = Place { reduce_only: true, ..limit(-100, 1_050) };
    let order = venue.place(&resting).expect("stands");
    venue.place(&Place { reduce_only: true, ..market(-60) }).expect("taken");
    assert_eq!(venue.order(order.id).lots, -40);
    venue.place(&Place { reduce_only: true, ..market(-40) }).expect("taken");
    assert_eq!(cancelled(&venue.order(order.id)), Some(CancelReason::ReduceOnly));
}

#[test]
fn zero_lots_close_all_that_is_held() {
    let mut venue = Venue::new();
    venue.place(&market(-77)).expect("taken");
    let close = Place { reduce_only: true, close_on_trigger: true, ..market(0) };
    assert_eq!(venue.place(&close).expect("taken").lots, 77);
    assert_eq!(venue.position(0).lots, 0);
    assert_eq!(venue.place(&market(0)), Err(Refusal::Size));
}

#[test]
fn a_conditional_order_holds_no_margin_and_wakes_at_its_price() {
    let mut venue = Venue::new();
    let trigger = Some(Trigger { ticks: 1_010, by: TriggerBy::Mark, rising: true });
    let before = venue.wallet();
    let order = venue.place(&Place { trigger, ..market(100) }).expect("waits");
    assert_eq!((order.state, order.stop_kind), (OrderState::Untriggered, StopKind::Conditional));
    assert_eq!(venue.wallet(), before);
    venue.price(0, 1_009);
    assert_eq!(venue.order(order.id).state, OrderState::Untriggered);
    venue.price(0, 1_010);
    assert_eq!(venue.order(order.id).state, OrderState::Filled);
    assert_eq!(venue.executions()[0].ticks, 1_011);
}

#[test]
fn a_trigger_lies_beyond_the_price() {
    let mut venue = Venue::new();
    let at = |ticks, rising| Place {
        trigger: Some(Trigger { ticks, by: TriggerBy::Last, rising }),
        ..market(100)
    };
    assert_eq!(venue.place(&at(1_000, true)), Err(Refusal::TriggerNotAbove));
    assert_eq!(venue.place(&at(1_000, false)), Err(Refusal::TriggerNotBelow));
    assert!(venue.place(&at(999, false)).is_ok());
}

#[test]
fn a_woken_order_without_margin_is_taken_back() {
    let mut venue = Venue::new();
    let trigger = Some(Trigger { ticks: 1_010, by: TriggerBy::Last, rising: true });
    let order = venue.place(&Place { trigger, ..market(4_000) }).expect("waits");
    venue.go(&Command::Transfer { account: 0, change_e8: -9_000 * 100_000_000 });
    venue.price(0, 1_010);
    assert_eq!(cancelled(&venue.order(order.id)), Some(CancelReason::Margin));
}

#[test]
fn margin_is_asked_for_before_an_order_is_taken() {
    let mut venue = Venue::new();
    // 10,000 USDT at ten times: 100,000 USDT less the fees.
    assert_eq!(venue.place(&limit(10_000, 1_000)), Err(Refusal::Margin));
    assert!(venue.place(&limit(9_800, 1_000)).is_ok());
    assert!(venue.wallet().available_e8 >= 0);
    assert_eq!(venue.place(&limit(500, 1_000)), Err(Refusal::Margin));
}

#[test]
fn what_closes_a_position_needs_no_margin() {
    let mut venue = Venue::new();
    venue.place(&limit(4_000, 1_004)).expect("taken");
    let used = venue.wallet();
    assert!(venue.place(&limit(-4_000, 1_100)).is_ok());
    assert_eq!(venue.wallet().order_initial_e8, 0);
    assert_eq!(venue.wallet().available_e8, used.available_e8);
}

#[test]
fn names_are_unique_for_ever() {
    let mut venue = Venue::new();
    let named = |name: &str| Place { client_id: name.to_owned(), ..limit(10, 990) };
    let order = venue.place(&named("a-1")).expect("taken");
    assert_eq!(venue.place(&named("a-1")), Err(Refusal::DuplicateId));
    venue.go(&Command::Cancel { account: 0, order: 0, client_id: "a-1".to_owned() });
    assert_eq!(cancelled(&venue.order(order.id)), Some(CancelReason::User));
    assert_eq!(venue.place(&named("a-1")), Err(Refusal::DuplicateId));
    assert_eq!(venue.place(&named("a b")), Err(Refusal::BadId));
    assert_eq!(venue.place(&named(&"x".repeat(37))), Err(Refusal::BadId));
    let again = Command::Cancel { account: 0, order: order.id, client_id: String::new() };
    assert_eq!(venue.refused(&again), Some(Refusal::AlreadyDone));
    venue.go(&Command::ForgetClosed {});
    assert_eq!(venue.refused(&again), Some(Refusal::NoOrder));
    assert_eq!(venue.place(&named("a-1")), Err(Refusal::DuplicateId), "a restart frees no name");
}

#[test]
fn an_amended_order_keeps_its_number_and_may_meet_the_book() {
    let mut venue = Venue::new();
    let order = venue.place(&limit(100, 990)).expect("stands");
    let amend = |lots, ticks| Command::Amend {
        account: 0,
        order: order.id,
        client_id: String::new(),
        lots,
        ticks,
        trigger_ticks: None,
    };
    assert_eq!(venue.refused(&amend(None, Some(990))), Some(Refusal::NoChange));
    assert_eq!(venue.refused(&amend(Some(-5), None)), Some(Refusal::Size));
    assert_eq!(venue.refused(&amend(Some(200), None)), None);
    assert_eq!((venue.order(order.id).lots, venue.order(order.id).ticks), (200, 990));
    venue.go(&Command::Trade { symbol: 0, ticks: 989, lots: 50 });
    assert_eq!(venue.refused(&amend(Some(50), None)), Some(Refusal::BelowFilled));
    assert_eq!(venue.refused(&amend(None, Some(1_001))), None);
    assert_eq!(venue.order(order.id).state, OrderState::Filled);
    assert_eq!(venue.refused(&amend(None, Some(1_002))), Some(Refusal::AlreadyDone));
}

#[test]
fn limits_beyond_the_band_are_moved_to_it() {
    let mut venue = Venue::new();
    assert_eq!(venue.place(&limit(-10, 1)).expect("taken").ticks, 900);
    assert_eq!(venue.place(&limit(10, 9_000)).expect("taken").ticks, 1_100);
}

#[test]
fn sizes_and_worths_have_bounds() {
    let mut venue = Venue::new();
    assert_eq!(venue.place(&limit(2_000_000, 1_000)), Err(Refusal::Size));
    assert_eq!(venue.place(&market(600_000)), Err(Refusal::Size));
    venue.price(0, 100);
    assert_eq!(venue.place(&limit(4, 100)), Err(Refusal::Notional));
    assert!(venue.place(&limit(5, 100)).is_ok());
    assert_eq!(venue.place(&limit(5, 0)), Err(Refusal::Price));
}

#[test]
fn an_exchange_that_does_not_trade() {
    let mut venue = Venue::new();
    venue.place(&market(100)).expect("taken");
    let status = |status| Command::Status { symbol: 0, status };
    venue.go(&status(Status::Closing));
    assert_eq!(venue.place(&market(10)), Err(Refusal::OnlyReduce));
    assert!(venue.place(&Place { reduce_only: true, ..market(-10) }).is_ok());
    venue.go(&status(Status::PostOnly));
    assert_eq!(venue.place(&market(10)), Err(Refusal::OnlyPost));
    venue.go(&status(Status::Closed));
    assert_eq!(venue.place(&market(10)), Err(Refusal::NotTrading));
}

#[test]
fn many_can_be_taken_back_at_once() {
    let mut venue = Venue::new();
    let trigger = Some(Trigger { ticks: 1_100, by: TriggerBy::Mark, rising: true });
    venue.place(&limit(10, 990)).expect("stands");
    venue.place(&Place { trigger, ..market(10) }).expect("waits");
    venue.place(&Place { stop_loss_ticks: 900, ..market(10) }).expect("taken");
    assert_eq!(venue.open_orders().len(), 3);
    let all = |filter| Command::CancelAll { account: 0, symbol: None, filter };
    venue.go(&all(Filter::Active));
    assert_eq!(venue.open_orders().len(), 2);
    venue.go(&all(Filter::Conditional));
    assert_eq!(venue.position(0).stop_loss_ticks, 900);
    venue.go(&all(Filter::All));
    assert_eq!(venue.position(0).stop_loss_ticks, 0, "everything takes the stops with it");
}

#[test]
fn a_contract_that_is_listed_later_trades_like_the_others() {
    let mut venue = Venue::new();
    let events = venue.go(&Command::List { spec: spec("CCCUSDT") });
    assert!(events.is_empty());
    let mut refused = spec("DDDUSDT");
    refused.unit_e8 = 0;
    assert!(matches!(venue.go(&Command::List { spec: refused })[..], [Event::Refused { .. }]));
    venue.price(2, 500);
    let order = venue.place(&Place { symbol: 2, ..market(100) }).expect("taken");
    assert_eq!(order.symbol, 2);
    let again = Exchange::restore(&venue.exchange.snapshot()).expect("whole");
    assert_eq!(again.log_hash(), venue.exchange.log_hash());
    assert_eq!(again.snapshot(), venue.exchange.snapshot());
}
