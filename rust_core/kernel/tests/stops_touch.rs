//! Each rule of docs/explanation/exits.md §1 and §2 (fills, touches) on cases worked out by hand.

use xsmom_kernel::book::{Position, Side};
use xsmom_kernel::params::{LadderUnit, Params};
use xsmom_kernel::stops::{
    BarRange, CloseFeatures, Exit, ExitReason, bar_close_ms, close_bar, fold_fill, mark_touched,
    rung_cap_lots, touch_bar, touch_tick,
};

const HOUR_MS: i64 = 3_600_000;
const NAN: f64 = f64::NAN;

/// Initial stop of 2 ATR; everything else off.
fn plain() -> Params {
    Params { stop_atr_x: 2.0, ..Params::default() }
}

/// `lots` opened at 100 with ATR 5 at the open of the bar that closes at hour 1: R = 10.
fn opened(lots: i64, params: &Params) -> Position {
    fold_fill(&Position::FLAT, lots, 100.0, 5.0, 0, params).position
}

/// The bar that closes at `hour`.
fn bar(hour: i64, open: f64, high: f64, low: f64, close: f64) -> BarRange {
    BarRange { open_ms: (hour - 1) * HOUR_MS, close_ms: hour * HOUR_MS, open, high, low, close }
}

fn closed(position: &mut Position, bar: BarRange, params: &Params) -> Option<Exit> {
    close_bar(position, &bar, &CloseFeatures::UNKNOWN, params)
}

fn told(exits: &[Exit]) -> Vec<(ExitReason, i64, f64)> {
    exits.iter().map(|exit| (exit.reason, exit.lots, exit.price)).collect()
}

#[test]
fn the_first_fill_sets_r_and_the_stop() {
    let none = Params { catastrophic_atr_x: 0.0, ..Params::default() };
    let table = [
        // lots, ATR, parameters, R, stop, rule
        (3, 5.0, plain(), 10.0, 90.0, Some(ExitReason::InitialStop)),
        (-3, 5.0, plain(), 10.0, 110.0, Some(ExitReason::InitialStop)),
        (3, 4.0, Params::default(), 14.0, 86.0, Some(ExitReason::CatastrophicStop)),
        (-3, 4.0, Params::default(), 14.0, 114.0, Some(ExitReason::CatastrophicStop)),
        (3, NAN, plain(), 5.0, 95.0, Some(ExitReason::EmergencyStop)),
        (-3, NAN, plain(), 5.0, 105.0, Some(ExitReason::EmergencyStop)),
        (3, 0.0, plain(), 5.0, 95.0, Some(ExitReason::EmergencyStop)),
        (3, 50.0, plain(), 5.0, 95.0, Some(ExitReason::EmergencyStop)), // 2 ATR = the price
        (3, NAN, none.clone(), NAN, NAN, None),
        (3, 5.0, none, NAN, NAN, None),
    ];
    for (lots, atr, params, r, stop, rule) in table {
        let position = fold_fill(&Position::FLAT, lots, 100.0, atr, 0, &params).position;
        assert_eq!(position.r_usdt.to_bits(), f64::to_bits(r), "{lots} lots, ATR {atr}");
        assert_eq!(position.stop_price.to_bits(), f64::to_bits(stop), "{lots} lots, ATR {atr}");
        assert_eq!(position.stop_by, rule, "{lots} lots, ATR {atr}");
    }
    // The flag of a position without a usable ATR.
    let blind = fold_fill(&Position::FLAT, 3, 100.0, 50.0, 0, &plain()).position;
    assert!(blind.entry_atr.is_nan());
}

#[test]
fn adds_average_the_entry_and_keep_r_and_the_stop() {
    let params = plain();
    let first = opened(10, &params);
    let added = fold_fill(&first, 30, 108.0, 50.0, HOUR_MS, &params).position;
    assert_eq!((added.lots, added.lots_initial), (40, 40));
    assert_eq!(added.entry_price, 106.0); // (10·100 + 30·108)/40
    assert_eq!((added.r_usdt, added.entry_atr, added.opened_ms), (10.0, 5.0, 0));
    assert_eq!(added.stop_price, 90.0);
    // The close moves the stop to the new entry − R, and only tighter.
    let mut up = added;
    closed(&mut up, bar(2, 106.0, 107.0, 105.0, 106.0), &params);
    assert_eq!((up.stop_price, up.stop_by), (96.0, Some(ExitReason::InitialStop)));
    let mut down = fold_fill(&first, 30, 92.0, 5.0, HOUR_MS, &params).position;
    closed(&mut down, bar(2, 94.0, 95.0, 93.0, 94.0), &params);
    assert_eq!((down.entry_price, down.stop_price), (94.0, 90.0));
}

#[test]
fn reductions_change_neither_entry_nor_r() {
    let params = plain();
    let folded = fold_fill(&opened(-10, &params), 4, 90.0, NAN, HOUR_MS, &params);
    assert_eq!((folded.closed_lots, folded.realised_price_lots), (4, 40.0));
    assert!(folded.closed.is_none());
    let left = folded.position;
    assert_eq!((left.lots, left.lots_initial, left.entry_price), (-6, -10, 100.0));
    assert_eq!((left.r_usdt, left.stop_price), (10.0, 110.0));
    // Going back up to the old size is no growth.
    let back = fold_fill(&left, -4, 100.0, NAN, HOUR_MS, &params).position;
    assert_eq!((back.lots, back.lots_initial), (-10, -10));
}

#[test]
fn a_flip_is_a_close_and_a_new_position() {
    let params = plain();
    let mut long = opened(10, &params);
    (long.rungs_hit, long.breakeven_latched, long.hold) = (1, true, true);
    long.funding_usdt_cum = -2.5;
    long.closing = Some(ExitReason::MaxHold);
    let folded = fold_fill(&long, -15, 104.0, 3.0, 5 * HOUR_MS, &params);
    let trip = folded.closed.unwrap();
    assert_eq!((trip.side, trip.lots_max, trip.realised_price_lots), (Side::Long, 10, 40.0));
    assert_eq!((trip.entry_price, trip.exit_price), (100.0, 104.0));
    assert_eq!((trip.opened_ms, trip.closed_ms), (0, 5 * HOUR_MS));
    assert_eq!((trip.exit, trip.funding_usdt_cum), (Some(ExitReason::MaxHold), -2.5));
    let short = folded.position;
    assert_eq!((short.lots, short.lots_initial, short.entry_price), (-5, -5, 104.0));
    assert_eq!((short.r_usdt, short.stop_price, short.opened_ms), (6.0, 110.0, 5 * HOUR_MS));
    assert_eq!((short.rungs_hit, short.breakeven_latched, short.closing), (0, false, None));
    assert!(short.hold, "the hold is on the symbol");
    assert_eq!(short.funding_usdt_cum, 0.0);
}

#[test]
fn a_full_close_leaves_nothing_behind() {
    let params = plain();
    let folded = fold_fill(&opened(7, &params), -7, 101.5, NAN, HOUR_MS, &params);
    assert_eq!(folded.realised_price_lots, 10.5);
    assert_eq!((folded.position.lots, folded.position.closing), (0, None));
    assert!(folded.position.stop_price.is_nan());
    let still = fold_fill(&folded.position, 0, 50.0, 1.0, HOUR_MS, &params);
    assert_eq!((still.position.lots, still.closed), (0, None));
}

#[test]
fn a_stop_is_touched_at_its_level_and_fills_at_a_gapped_open() {
    let params = plain();
    let table = [
        // lots, bar, exit price (NaN: none)
        (5, bar(2, 95.0, 96.0, 90.0, 95.0), 90.0), // touched exactly
        (5, bar(2, 95.0, 96.0, 90.01, 95.0), NAN), // not touched
        (5, bar(2, 88.0, 97.0, 80.0, 95.0), 88.0), // gap: min(open, stop)
        (5, bar(2, 90.0, 97.0, 80.0, 95.0), 90.0), // opens on it
        (-5, bar(2, 105.0, 110.0, 99.0, 100.0), 110.0),
        (-5, bar(2, 105.0, 109.99, 99.0, 100.0), NAN),
        (-5, bar(2, 112.0, 115.0, 99.0, 100.0), 112.0), // gap: max(open, stop)
        (5, bar(2, NAN, NAN, NAN, NAN), NAN),           // no bar
        (5, bar(0, 95.0, 96.0, 80.0, 95.0), NAN),       // before the entry
    ];
    for (lots, bar, price) in table {
        let exits = touch_bar(&opened(lots, &params), &bar, &params);
        if price.is_nan() {
            assert!(exits.is_empty(), "{bar:?}");
        } else {
            assert_eq!(told(&exits), [(ExitReason::InitialStop, -lots, price)], "{bar:?}");
            assert_eq!(exits[0].bar_close_ms, bar.close_ms);
        }
    }
}

#[test]
fn a_tick_on_the_stop_closes_all_and_only_once() {
    let params = plain();
    let mut position = opened(5, &params);
    assert!(touch_tick(&position, 90.01, 10, &params).is_empty());
    assert!(touch_tick(&position, NAN, 10, &params).is_empty());
    let exits = touch_tick(&position, 90.0, 10, &params);
    assert_eq!(told(&exits), [(ExitReason::InitialStop, -5, 90.0)]);
    assert_eq!(exits[0].bar_close_ms, HOUR_MS);
    mark_touched(&mut position, &exits);
    assert_eq!(position.closing, Some(ExitReason::InitialStop));
    assert!(touch_tick(&position, 85.0, 11, &params).is_empty(), "it is on its way already");
}

#[test]
fn the_rest_of_the_entry_bar_counts_pessimistically() {
    let params = Params { ladder: vec![(1.0, 0.5)], breakeven_after_r: 1.0, ..plain() };
    let inside = fold_fill(&Position::FLAT, 4, 100.0, 5.0, HOUR_MS / 2, &params).position;
    // The low may lie before the entry, and counts; the open does not.
    let exits = touch_bar(&inside, &bar(1, 80.0, 120.0, 89.0, 100.0), &params);
    assert_eq!(told(&exits), [(ExitReason::InitialStop, -4, 90.0)]);
    // The high may lie before the entry, and does not count; the close does.
    let wide = bar(1, 100.0, 120.0, 95.0, 105.0);
    assert!(touch_bar(&inside, &wide, &params).is_empty());
    let mut after = inside;
    closed(&mut after, wide, &params);
    assert_eq!((after.best_price, after.breakeven_latched), (105.0, false));
    let risen = bar(1, 100.0, 120.0, 95.0, 111.0);
    assert_eq!(told(&touch_bar(&inside, &risen, &params)), [(ExitReason::TakeProfit, -2, 110.0)]);
    // A fill at the open lives through all of it.
    let mut whole = opened(4, &params);
    closed(&mut whole, wide, &params);
    assert_eq!((whole.best_price, whole.breakeven_latched), (120.0, true));
}

#[test]
fn the_stop_comes_before_the_rung_unless_the_open_had_reached_it() {
    let params = Params { ladder: vec![(1.0, 0.5)], ..plain() };
    let position = opened(4, &params);
    let both = touch_bar(&position, &bar(2, 100.0, 115.0, 85.0, 100.0), &params);
    assert_eq!(told(&both), [(ExitReason::InitialStop, -4, 90.0)]);
    let gapped = touch_bar(&position, &bar(2, 112.0, 115.0, 85.0, 100.0), &params);
    let rung_then_stop = [(ExitReason::TakeProfit, -2, 110.0), (ExitReason::InitialStop, -2, 90.0)];
    assert_eq!(told(&gapped), rung_then_stop);
}

#[test]
fn rungs_are_shares_of_the_initial_quantity_and_only_of_gains() {
    let third = 1.0 / 3.0;
    let ladder = vec![(0.5, third), (1.0, third), (2.0, third)];
    let params = Params { ladder, ..plain() };
    let mut position = opened(10, &params);
    // A loser of one R is no gain of one R.
    assert!(touch_tick(&position, 90.5, 0, &params).is_empty());
    // Two rungs in one bar, each at its own level.
    let exits = touch_bar(&position, &bar(1, 100.0, 111.0, 99.0, 110.0), &params);
    let two = [(ExitReason::TakeProfit, -3, 105.0), (ExitReason::TakeProfit, -3, 110.0)];
    assert_eq!(told(&exits), two);
    assert_eq!((exits[0].rung, exits[1].rung), (1, 2));
    mark_touched(&mut position, &exits);
    for exit in exits.iter() {
        position = fold_fill(&position, exit.lots, exit.price, NAN, 1, &params).position;
    }
    assert_eq!((position.lots, position.rungs_hit), (4, 2));
    assert_eq!(rung_cap_lots(&position, &params), Some(4));
    // The last takes what its share says; the remainder stays.
    let last = touch_tick(&position, 125.0, 2, &params);
    assert_eq!(told(&last), [(ExitReason::TakeProfit, -3, 125.0)]);
    mark_touched(&mut position, &last);
    assert_eq!(position.closing, None);
    // Never more than is held.
    let mut small = fold_fill(&opened(10, &params), -8, 100.0, NAN, 1, &params).position;
    let exits = touch_tick(&small, 106.0, 2, &params);
    assert_eq!(told(&exits), [(ExitReason::TakeProfit, -2, 106.0)]);
    mark_touched(&mut small, &exits);
    assert_eq!(small.closing, Some(ExitReason::TakeProfit));
}

#[test]
fn rungs_of_a_short_and_by_price() {
    let ladder = vec![(0.05, 0.29), (0.2, 0.71)];
    let params = Params { ladder, ladder_unit: LadderUnit::PriceFrac, ..plain() };
    let position = opened(-100, &params);
    assert!(touch_tick(&position, 95.01, 0, &params).is_empty());
    let exits = touch_tick(&position, 94.0, 0, &params);
    assert_eq!(told(&exits), [(ExitReason::TakeProfit, 29, 94.0)], "0.29 · 100 is 29 lots");
    let all = touch_bar(&position, &bar(1, 99.0, 100.0, 79.0, 81.0), &params);
    assert_eq!(
        told(&all),
        [(ExitReason::TakeProfit, 29, 95.0), (ExitReason::TakeProfit, 71, 80.0)]
    );
}

#[test]
fn a_rung_of_no_lots_is_taken_all_the_same() {
    let params = Params { ladder: vec![(0.5, 0.25), (1.0, 0.75)], ..plain() };
    let mut position = opened(2, &params);
    let exits = touch_tick(&position, 105.0, 0, &params);
    assert_eq!((exits.len(), exits.rungs_hit()), (0, 1));
    mark_touched(&mut position, &exits);
    assert_eq!(rung_cap_lots(&position, &params), Some(2));
    assert_eq!(
        told(&touch_tick(&position, 110.0, 1, &params)),
        [(ExitReason::TakeProfit, -1, 110.0)]
    );
}

#[test]
fn bars_close_after_the_instants_that_they_hold() {
    for (at_ms, close_ms) in [(0, 10), (9, 10), (10, 20), (-1, 0)] {
        assert_eq!(bar_close_ms(at_ms, 10), close_ms);
    }
}
