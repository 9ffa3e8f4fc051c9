//! Stops that belong to a position.

use xsmom_kernel::exchange::{
    CancelReason, Command, OrderState, Place, Refusal, StopKind, StopsAsked, TriggerBy,
};

use crate::venue::{Venue, cancelled, limit, market, whole_stops};

#[test]
fn attached_stops_stand_with_the_first_fill_and_follow_the_size() {
    let mut venue = Venue::new();
    let entry = Place { stop_loss_ticks: 950, take_profit_ticks: 1_080, ..market(100) };
    venue.place(&entry).expect("taken");
    let stops = venue.open_orders();
    assert_eq!(stops.len(), 2);
    assert!(stops.iter().all(|stop| stop.lots == -100 && stop.reduce_only));
    venue.place(&market(40)).expect("taken");
    assert!(venue.open_orders().iter().all(|stop| stop.lots == -140));
    venue.place(&Place { reduce_only: true, ..market(-90) }).expect("taken");
    assert!(venue.open_orders().iter().all(|stop| stop.lots == -50));
    venue.place(&Place { reduce_only: true, ..market(-50) }).expect("taken");
    assert!(venue.open_orders().is_empty());
    assert_eq!(cancelled(&venue.order(stops[0].id)), Some(CancelReason::PositionStops));
}

#[test]
fn a_stop_closes_the_position_and_takes_its_sister_with_it() {
    let mut venue = Venue::new();
    venue
        .place(&Place { stop_loss_ticks: 950, take_profit_ticks: 1_080, ..market(100) })
        .expect("taken");
    let stop = venue.open_orders()[0].clone();
    assert_eq!(stop.stop_kind, StopKind::StopLoss);
    venue.price(0, 950);
    assert_eq!(venue.position(0).lots, 0);
    assert_eq!(venue.order(stop.id).state, OrderState::Filled);
    assert!(venue.open_orders().is_empty());
    assert_eq!(venue.executions()[0].ticks, 949);
}

#[test]
fn a_short_is_stopped_from_above() {
    let mut venue = Venue::new();
    venue.place(&Place { stop_loss_ticks: 1_050, ..market(-100) }).expect("taken");
    venue.price(0, 1_049);
    assert_eq!(venue.position(0).lots, -100);
    venue.price(0, 1_060);
    assert_eq!(venue.position(0).lots, 0);
}

#[test]
fn stops_are_set_moved_and_taken_away() {
    let mut venue = Venue::new();
    assert_eq!(venue.refused(&whole_stops(Some(950), None)), Some(Refusal::NoPosition));
    venue.place(&market(100)).expect("taken");
    assert_eq!(venue.refused(&whole_stops(Some(950), Some(1_080))), None);
    assert_eq!(venue.refused(&whole_stops(Some(950), Some(1_080))), Some(Refusal::NoChange));
    assert_eq!(venue.refused(&whole_stops(Some(1_000), None)), Some(Refusal::StopSide));
    assert_eq!(venue.refused(&whole_stops(None, Some(990))), Some(Refusal::StopSide));
    let before = venue.open_orders();
    assert_eq!(venue.refused(&whole_stops(Some(960), None)), None);
    let position = venue.position(0);
    assert_eq!((position.stop_loss_ticks, position.take_profit_ticks), (960, 1_080));
    assert_eq!(venue.open_orders().len(), before.len(), "moved, not added");
    assert_eq!(venue.refused(&whole_stops(Some(0), None)), None);
    assert_eq!(
        (venue.position(0).stop_loss_ticks, venue.position(0).take_profit_ticks),
        (0, 1_080)
    );
}

#[test]
fn stops_of_a_turned_position_go() {
    let mut venue = Venue::new();
    venue.place(&Place { stop_loss_ticks: 950, ..market(100) }).expect("taken");
    venue.place(&Place { stop_loss_ticks: 1_060, ..market(-300) }).expect("taken");
    let position = venue.position(0);
    assert_eq!((position.lots, position.stop_loss_ticks), (-200, 1_060));
    assert_eq!(venue.open_orders().len(), 1);
    assert_eq!(venue.open_orders()[0].lots, 200);
}

#[test]
fn partial_stops_have_a_size_of_their_own() {
    let mut venue = Venue::new();
    venue.place(&market(100)).expect("taken");
    let part = |lots| {
        Command::SetStops(StopsAsked {
            account: 0,
            symbol: 0,
            stop_loss_ticks: Some(950),
            take_profit_ticks: Some(1_050),
            stop_loss_by: TriggerBy::Last,
            take_profit_by: TriggerBy::Last,
            part_lots: Some(lots),
            stop_loss_limit_ticks: None,
            take_profit_limit_ticks: Some(1_049),
        })
    };
    assert_eq!(venue.refused(&part(101)), Some(Refusal::Size));
    assert_eq!(venue.refused(&part(30)), None);
    venue.price(0, 1_050);
    assert_eq!(venue.position(0).lots, 70, "the target's limit is met by the bid");
    for _ in 0..9 {
        venue.price(0, 1_000);
        assert_eq!(venue.refused(&part(5)), None);
    }
    assert_eq!(venue.refused(&part(5)), Some(Refusal::TooManyStops));
}

#[test]
fn a_position_is_stopped_before_the_same_price_liquidates_it() {
    let mut venue = Venue::new();
    let entry = Place { stop_loss_ticks: 930, ..limit(9_000, 1_004) };
    venue.place(&entry).expect("taken");
    let held = venue.position(0).lots;
    assert_eq!(held, 4_000);
    venue.price(0, 920);
    assert!(
        venue.executions().iter().all(|e| e.kind == xsmom_kernel::exchange::ExecutionKind::Trade)
    );
}
