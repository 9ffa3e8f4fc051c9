//! Money to the unit: fees, results, funding, margin by tiers, liquidation.

use xsmom_kernel::exchange::{
    Answer, Command, Event, ExecutionKind, ONE_E8, Place, Query, Refusal,
};

use crate::venue::{CASH_E8, UNIT_E8, Venue, limit, market, whole_stops};

const fn usdt(whole: i128) -> i128 {
    whole * ONE_E8 as i128
}

#[test]
fn a_round_trip_to_the_unit() {
    let mut venue = Venue::new();
    venue.place(&market(100)).expect("taken"); // at 1,001
    venue.price(0, 1_100);
    venue.place(&Place { reduce_only: true, ..market(-100) }).expect("taken"); // at 1,099
    let unit = i128::from(UNIT_E8);
    let (bought, sold) = (1_001 * 100 * unit, 1_099 * 100 * unit);
    let fees = (bought + sold) * 55_000 / 100_000_000;
    assert_eq!(venue.wallet().wallet_e8, CASH_E8 + sold - bought - fees);
    assert_eq!(venue.wallet().realised_e8, sold - bought - fees);
    assert_eq!(venue.exchange.money_e8(), CASH_E8, "what one gains the other loses");
}

#[test]
fn adding_averages_reducing_keeps_and_turning_starts_anew() {
    let mut venue = Venue::new();
    let unit = i128::from(UNIT_E8);
    venue.place(&market(100)).expect("taken"); // 1,001
    venue.price(0, 1_019);
    venue.place(&market(50)).expect("taken"); // 1,020
    let cost = (1_001 * 100 + 1_020 * 50) * unit;
    assert_eq!(venue.position(0).cost_e8, cost);
    venue.place(&market(-60)).expect("taken"); // 1,018
    assert_eq!(venue.position(0).cost_e8, cost - cost * 60 / 150);
    let fill = &venue.executions()[0];
    assert_eq!((fill.closed_lots, fill.realised_e8), (60, 1_018 * 60 * unit - cost * 60 / 150));
    venue.price(0, 1_019);
    venue.place(&market(-200)).expect("taken"); // 1,018
    let position = venue.position(0);
    assert_eq!((position.lots, position.cost_e8), (-110, -1_018 * 110 * unit));
    assert_eq!(venue.executions()[0].closed_lots, 90);
}

#[test]
fn funding_is_paid_by_longs_and_rounded_against_everybody() {
    let mut venue = Venue::new();
    venue.go(&Command::OpenAccount { name: "two".to_owned(), wallet_e8: CASH_E8 as i64 });
    venue.place(&market(33)).expect("taken");
    venue.go(&Command::Place(Place { account: 1, ..market(-33) }));
    let before: Vec<i128> = (0..2).map(|account| wallet_of(&venue, account)).collect();
    venue.go(&Command::Funding { symbol: 0, rate_e8: 12_345 });
    let exact = 33 * 1_000 * i128::from(UNIT_E8) * 12_345;
    let paid = before[0] - wallet_of(&venue, 0);
    let received = wallet_of(&venue, 1) - before[1];
    assert_eq!(paid, -(-exact).div_euclid(100_000_000));
    assert_eq!(received, exact / 100_000_000);
    let funding = &venue.executions()[0];
    assert_eq!((funding.kind, funding.lots, funding.ticks), (ExecutionKind::Funding, 33, 1_000));
    assert_eq!(funding.fee_e8, paid);
    assert_eq!(venue.exchange.money_e8(), 2 * CASH_E8);
}

fn wallet_of(venue: &Venue, account: u32) -> i128 {
    match venue.exchange.answer(&Query::Wallet { account }) {
        Answer::Wallet(row) => row.wallet_e8,
        other => panic!("{other:?}"),
    }
}

#[test]
fn margins_follow_value_leverage_and_tier() {
    let mut venue = Venue::new();
    venue.go(&Command::Transfer { account: 0, change_e8: usdt(90_000) as i64 });
    venue.place(&limit(1_999, 1_004)).expect("taken");
    let position = venue.position(0);
    let value = 1_999 * 1_000 * i128::from(UNIT_E8);
    let closing = (value - value / 10) * 55_000 / 100_000_000;
    assert_eq!((position.value_e8, position.tier), (value, 1));
    assert_eq!(position.initial_e8, value / 10 + closing);
    assert_eq!(position.maintenance_e8, value / 100 + closing);
    venue.place(&limit(2_000, 1_004)).expect("taken");
    let position = venue.position(0);
    let value = position.value_e8;
    let closing = -(-(value - value / 10) * 55_000).div_euclid(100_000_000);
    assert_eq!(position.tier, 2);
    assert_eq!(position.maintenance_e8, value / 40 - usdt(300) + closing);
}

#[test]
fn a_tier_bounds_the_leverage_and_a_leverage_the_position() {
    let mut venue = Venue::new();
    venue.go(&Command::Transfer { account: 0, change_e8: usdt(900_000) as i64 });
    let leverage = |x: i64| Command::SetLeverage { account: 0, symbol: 0, leverage_e8: x * ONE_E8 };
    assert_eq!(venue.refused(&leverage(10)), Some(Refusal::NoChange));
    assert_eq!(venue.refused(&leverage(51)), Some(Refusal::Leverage));
    assert_eq!(venue.refused(&leverage(50)), None);
    assert_eq!(venue.place(&limit(2_001, 1_000)), Err(Refusal::PositionMax));
    assert!(venue.place(&limit(1_900, 1_004)).is_ok());
    assert_eq!(venue.refused(&leverage(20)), None);
    assert!(venue.place(&limit(3_000, 1_005)).is_ok());
    assert_eq!(venue.refused(&leverage(50)), Some(Refusal::Leverage));
}

#[test]
fn the_estimate_is_where_liquidation_begins() {
    for lots in [4_000, -4_000] {
        let mut venue = Venue::new();
        let ticks = if lots > 0 { 1_004 } else { 996 };
        venue.place(&limit(lots, ticks)).expect("taken");
        let edge = venue.position(0).liquidation_ticks.expect("there is one");
        let towards = -lots.signum();
        venue.price(0, edge - towards * 2);
        assert!(venue.position(0).lots != 0, "not before {edge}");
        let events = venue.price(0, edge + towards * 2);
        assert!(events.iter().any(|event| matches!(event, Event::Liquidated { .. })), "{edge}");
    }
}

#[test]
fn a_liquidation_takes_orders_steps_down_and_leaves_nothing_below_zero() {
    let mut venue = Venue::new();
    venue.place(&limit(4_000, 1_004)).expect("taken");
    venue.place(&limit(4_000, 1_009)).expect("stands");
    venue.go(&Command::Prices(xsmom_kernel::exchange::Prices {
        symbol: 0,
        last: 760,
        mark: 760,
        index: 760,
        bids: vec![(759, 500)],
        asks: vec![(761, 500)],
    }));
    assert_eq!(venue.position(0).lots, 0);
    assert!(venue.open_orders().is_empty());
    let kinds: Vec<ExecutionKind> = venue.executions().iter().map(|e| e.kind).collect();
    assert!(kinds.contains(&ExecutionKind::Takeover));
    let left = venue.wallet().wallet_e8;
    assert!((0..usdt(1)).contains(&left), "{left}");
    assert_eq!(venue.exchange.money_e8(), CASH_E8);
}

#[test]
fn a_reduction_can_save_an_account() {
    let mut venue = Venue::new();
    venue.place(&limit(4_000, 1_004)).expect("taken");
    let edge = venue.position(0).liquidation_ticks.expect("there is one");
    let events = venue.price(0, edge);
    assert!(events.iter().any(|event| matches!(event, Event::Liquidated { .. })));
    let position = venue.position(0);
    assert!(position.lots > 0 && position.value_e8 <= usdt(20_000), "{position:?}");
    assert!(
        venue.wallet().wallet_e8 + venue.wallet().unrealised_e8 > venue.wallet().maintenance_e8
    );
}

#[test]
fn a_gap_beyond_bankruptcy_is_covered_by_the_house() {
    let mut venue = Venue::new();
    venue.place(&limit(4_000, 1_004)).expect("taken");
    let events = venue.price(0, 500);
    let covered = events.iter().find_map(|event| match event {
        Event::Liquidated { covered_e8, .. } => Some(*covered_e8),
        _ => None,
    });
    assert!(covered.is_some_and(|covered| covered > 0));
    assert_eq!(venue.wallet().wallet_e8, 0);
    assert_eq!(venue.exchange.money_e8(), CASH_E8);
}

#[test]
fn others_liquidations_close_at_the_mark_without_a_fee() {
    let mut venue = Venue::new();
    venue.place(&market(100)).expect("taken");
    venue.go(&whole_stops(Some(900), None));
    venue.go(&Command::Deleverage { account: 0, symbol: 0, lots: 40 });
    let fill = &venue.executions()[0];
    assert_eq!((fill.kind, fill.lots, fill.ticks), (ExecutionKind::Deleveraging, -40, 1_000));
    assert_eq!(fill.fee_e8, 0);
    assert_eq!(venue.open_orders()[0].lots, -60, "the stop follows");
}

#[test]
fn the_end_of_a_contract_closes_everything() {
    let mut venue = Venue::new();
    venue.place(&market(100)).expect("taken");
    venue.place(&limit(10, 990)).expect("stands");
    venue.go(&Command::Delist { symbol: 0, ticks: 950 });
    assert_eq!(venue.position(0).lots, 0);
    assert!(venue.open_orders().is_empty());
    assert_eq!(venue.executions()[0].kind, ExecutionKind::Delivery);
    assert_eq!(venue.place(&market(1)), Err(Refusal::NotTrading));
}

#[test]
fn money_goes_out_only_as_far_as_it_is_free() {
    let mut venue = Venue::new();
    venue.place(&market(4_000)).expect("taken");
    let free = venue.wallet().available_e8;
    let out = |amount: i128| Command::Transfer { account: 0, change_e8: -amount as i64 };
    assert_eq!(venue.refused(&out(free + 1)), Some(Refusal::Funds));
    assert_eq!(venue.refused(&out(free)), None);
    assert_eq!(venue.wallet().available_e8, 0);
}

#[test]
fn an_accounts_own_fees_are_charged() {
    let mut venue = Venue::new();
    venue.go(&Command::SetFees { account: 0, symbol: 0, maker_e8: -5_000, taker_e8: 30_000 });
    venue.place(&market(100)).expect("taken");
    assert_eq!(venue.executions()[0].fee_rate_e8, 30_000);
    venue.place(&limit(-100, 1_050)).expect("stands");
    venue.price(0, 1_060);
    assert!(venue.executions()[0].fee_e8 < 0, "a rebate");
}
