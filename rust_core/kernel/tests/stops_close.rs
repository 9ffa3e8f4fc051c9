//! Each rule of docs/explanation/exits.md §3 (the close of a bar) on cases worked out by hand.

use xsmom_kernel::book::Position;
use xsmom_kernel::params::{Params, TrailKind};
use xsmom_kernel::stops::{
    BarRange, CloseFeatures, Exit, ExitReason, close_bar, fold_fill, touch_bar, touch_tick,
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
fn breakeven_latches_and_survives_a_return_to_the_entry() {
    let params = Params { breakeven_after_r: 0.5, ..plain() };
    let mut long = opened(5, &params);
    closed(&mut long, bar(1, 100.0, 104.9, 99.0, 104.0), &params);
    assert!(!long.breakeven_latched);
    closed(&mut long, bar(2, 104.0, 105.0, 103.0, 104.0), &params);
    assert_eq!((long.stop_price, long.stop_by), (100.0, Some(ExitReason::BreakEven)));
    let exits = touch_bar(&long, &bar(3, 103.0, 104.0, 100.0, 101.0), &params);
    assert_eq!(told(&exits), [(ExitReason::BreakEven, -5, 100.0)]);
    // Back below the entry before the close: the level is crossed, and the next price takes it.
    let mut back = opened(-5, &params);
    closed(&mut back, bar(1, 100.0, 102.0, 95.0, 101.0), &params);
    assert_eq!(back.stop_price, 100.0);
    let exits = touch_bar(&back, &bar(2, 101.5, 103.0, 101.0, 102.0), &params);
    assert_eq!(told(&exits), [(ExitReason::BreakEven, 5, 101.5)]);
}

#[test]
fn profit_locks_climb_and_stay() {
    let locks = vec![(0.8, 0.0), (1.5, 0.5), (2.5, 1.2)];
    let params = Params { profit_locks_r: locks, ..plain() };
    let mut position = opened(5, &params);
    let table = [
        (108.0, 1, 100.0),
        (114.9, 1, 100.0),
        (126.0, 3, 112.0), // two steps in one bar
        (110.0, 3, 112.0),
    ];
    for (hour, (high, step, stop)) in (1..).zip(table) {
        closed(&mut position, bar(hour, 100.0, high, 100.0, 105.0), &params);
        assert_eq!((position.lock_step, position.stop_price), (step, stop), "high {high}");
    }
    assert_eq!(position.stop_by, Some(ExitReason::ProfitLock));
}

#[test]
fn the_trail_follows_the_best_price_or_the_average_and_never_loosens() {
    let features = |atr, trail_ma| CloseFeatures { atr, trail_ma, slope_bps_day: NAN };
    let chandelier = Params { trailing_enabled: true, trail_atr_x: 1.5, ..plain() };
    let mut long = opened(5, &chandelier);
    let table = [
        (110.0, 4.0, 104.0),
        (109.0, 10.0, 104.0), // ATR grew: the wanted level fell
        (112.0, NAN, 104.0),  // no ATR, no candidate
        (112.0, 2.0, 109.0),  // the extreme of the bar before was kept
    ];
    for (hour, (high, atr, stop)) in (1..).zip(table) {
        let bar = bar(hour, 105.0, high, 105.0, 106.0);
        close_bar(&mut long, &bar, &features(atr, NAN), &chandelier);
        assert_eq!(long.stop_price, stop, "high {high}, ATR {atr}");
    }
    let average = Params { trail_kind: TrailKind::MaAtr, ..chandelier };
    let mut short = opened(-5, &average);
    for (hour, (trail_ma, stop)) in
        (1..).zip([(101.0, 107.0), (103.0, 107.0), (NAN, 107.0), (90.0, 96.0)])
    {
        let bar = bar(hour, 95.0, 96.0, 90.0, 92.0);
        close_bar(&mut short, &bar, &features(4.0, trail_ma), &average);
        assert_eq!(short.stop_price, stop, "average {trail_ma}");
    }
    assert_eq!(short.stop_by, Some(ExitReason::TrailingStop));
    // Switched off, nothing trails.
    let mut still = opened(5, &plain());
    close_bar(&mut still, &bar(1, 105.0, 150.0, 105.0, 140.0), &features(1.0, 139.0), &plain());
    assert_eq!(still.stop_price, 90.0);
}

#[test]
fn small_and_hasty_moves_are_not_made_and_the_level_sent_is_in_force() {
    let params = Params {
        bar_ms: 60_000,
        trailing_enabled: true,
        trail_atr_x: 1.0,
        stop_move_min_frac: 0.01,
        ..plain()
    };
    let mut position = opened(5, &params);
    let highs = [
        // minute, high, stop in force; the close is 100, so the least move is 1.0; ATR 5
        (1, 95.9, 95.0),  // best is the entry
        (2, 103.0, 95.0), // wants 98: far enough, but one minute after the last move
        (3, 103.0, 95.0),
        (4, 103.0, 98.0), // three minutes after
        (9, 103.9, 98.0), // wants 98.9: too small
        (10, 104.0, 99.0),
    ];
    for (minute, high, stop) in highs {
        let close_ms = minute * 60_000;
        let bar = BarRange {
            open_ms: close_ms - 60_000,
            close_ms,
            open: 100.0,
            high,
            low: 99.5,
            close: 100.0,
        };
        close_bar(
            &mut position,
            &bar,
            &CloseFeatures { atr: 5.0, ..CloseFeatures::UNKNOWN },
            &params,
        );
        assert_eq!(position.stop_price, stop, "minute {minute}");
    }
    // Wanted 98.9 was never sent, so 98.95 did not touch; what was sent is what counts.
    assert!(touch_tick(&position, 99.01, 0, &params).is_empty());
    assert_eq!(touch_tick(&position, 99.0, 0, &params).len(), 1);
}

#[test]
fn a_missing_bar_leaves_levels_and_ages_alone() {
    let params = Params { hold_bars_max: 2, trailing_enabled: true, ..plain() };
    let mut position = opened(5, &params);
    let before = position;
    let features = CloseFeatures { atr: 1.0, trail_ma: 120.0, slope_bps_day: -50.0 };
    assert_eq!(close_bar(&mut position, &bar(2, NAN, NAN, NAN, NAN), &features, &params), None);
    assert_eq!(format!("{position:?}"), format!("{before:?}"));
    // The age has gone on: the next bar decides.
    assert!(closed(&mut position, bar(3, 100.0, 101.0, 99.0, 100.0), &params).is_some());
}

#[test]
fn exits_decided_at_a_close() {
    let hold = Params { hold_bars_max: 3, ..plain() };
    let progress = Params { no_progress_bars: 3, no_progress_min_r: 0.5, ..plain() };
    let flip = Params { regime_flip_exit: true, regime_slope_min_bps_day: 2.0, ..plain() };
    let table = [
        // lots, parameters, hour, high, low, slope, exit
        (5, &hold, 2, 101.0, 99.0, NAN, None),
        (5, &hold, 3, 101.0, 99.0, NAN, Some(ExitReason::MaxHold)),
        (5, &progress, 2, 101.0, 99.0, NAN, None),
        (5, &progress, 3, 104.9, 99.0, NAN, Some(ExitReason::NoProgress)),
        (5, &progress, 3, 105.0, 99.0, NAN, None),
        (5, &progress, 3, 101.0, 91.0, NAN, Some(ExitReason::NoProgress)), // a loser made none
        (-5, &progress, 3, 109.0, 96.0, NAN, Some(ExitReason::NoProgress)),
        (-5, &progress, 3, 101.0, 95.0, NAN, None),
        (5, &flip, 1, 101.0, 99.0, -2.0, None),
        (5, &flip, 1, 101.0, 99.0, -2.1, Some(ExitReason::RegimeFlip)),
        (5, &flip, 1, 101.0, 99.0, NAN, None),
        (-5, &flip, 1, 101.0, 99.0, -9.0, None),
        (-5, &flip, 1, 101.0, 99.0, 2.1, Some(ExitReason::RegimeFlip)),
        (5, &plain(), 1, 101.0, 99.0, -99.0, None),
    ];
    for (lots, params, hour, high, low, slope_bps_day, reason) in table {
        let mut position = opened(lots, params);
        let features = CloseFeatures { slope_bps_day, ..CloseFeatures::UNKNOWN };
        let exit = close_bar(&mut position, &bar(hour, 100.0, high, low, 100.0), &features, params);
        assert_eq!(exit.map(|exit| exit.reason), reason, "{lots} at hour {hour}, high {high}");
        assert_eq!(position.closing, reason);
        if let Some(exit) = exit {
            assert_eq!((exit.lots, exit.price, exit.bar_close_ms), (-lots, 100.0, hour * HOUR_MS));
        }
    }
}

#[test]
fn an_entry_averaged_above_the_best_price_is_no_progress() {
    let params = Params { no_progress_bars: 1, no_progress_min_r: 0.5, ..plain() };
    let mut position = fold_fill(&opened(10, &params), 30, 120.0, NAN, 1, &params).position;
    assert_eq!(position.entry_price, 115.0); // 1.4 R above the high of 101, on the wrong side
    let exit = closed(&mut position, bar(1, 100.0, 101.0, 99.0, 100.0), &params);
    assert_eq!(exit.map(|exit| exit.reason), Some(ExitReason::NoProgress));
}

#[test]
fn the_entry_bar_is_the_first_bar_held_whenever_the_fill_came() {
    let params = Params { hold_bars_max: 1, ..plain() };
    for at_ms in [0, 400, HOUR_MS - 1] {
        let mut position = fold_fill(&Position::FLAT, 5, 100.0, 5.0, at_ms, &params).position;
        let exit = closed(&mut position, bar(1, 100.0, 101.0, 99.0, 100.0), &params);
        assert!(exit.is_some(), "filled at {at_ms}");
    }
}

#[test]
fn an_exit_that_waits_for_its_fill_keeps_the_stop_and_stops_the_ladder() {
    let params = Params { hold_bars_max: 1, ladder: vec![(1.0, 0.5)], ..plain() };
    let mut position = opened(4, &params);
    assert!(closed(&mut position, bar(1, 100.0, 101.0, 99.0, 100.0), &params).is_some());
    assert!(closed(&mut position, bar(2, 100.0, 101.0, 99.0, 100.0), &params).is_none());
    assert!(touch_tick(&position, 115.0, 0, &params).is_empty());
    let grown = fold_fill(&position, 2, 100.0, NAN, 2 * HOUR_MS, &params).position;
    assert_eq!(grown.closing, Some(ExitReason::MaxHold));
    let exits = touch_tick(&grown, 89.0, 0, &params);
    assert_eq!(told(&exits), [(ExitReason::InitialStop, -6, 89.0)]);
}

#[test]
fn on_hold_the_stop_protects_and_nothing_else_happens() {
    let params =
        Params { hold_bars_max: 1, breakeven_after_r: 0.5, ladder: vec![(1.0, 0.5)], ..plain() };
    let mut position = opened(4, &params);
    position.hold = true;
    assert!(closed(&mut position, bar(1, 100.0, 120.0, 99.0, 110.0), &params).is_none());
    assert_eq!((position.stop_price, position.breakeven_latched), (90.0, false));
    assert!(touch_tick(&position, 120.0, 0, &params).is_empty());
    assert_eq!(touch_tick(&position, 90.0, 0, &params).len(), 1);
    // Extremes were followed, so the release finds the latch.
    position.hold = false;
    let params = Params { hold_bars_max: 0, ..params };
    closed(&mut position, bar(2, 105.0, 106.0, 104.0, 105.0), &params);
    assert_eq!(position.stop_price, 100.0);
}
