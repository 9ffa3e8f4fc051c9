//! The state machine over a book of symbols: who is touched, in which order, and what it costs.

use xsmom_kernel::book::Position;
use xsmom_kernel::params::Params;
use xsmom_kernel::stops::{
    Advance, BarRow, ExitReason, SymbolExit, Tick, advance_stops, fold_fill,
};

const HOUR_MS: i64 = 3_600_000;
const NAN: f64 = f64::NAN;

fn params() -> Params {
    Params { stop_atr_x: 2.0, ladder: vec![(1.0, 0.5)], hold_bars_max: 2, ..Params::default() }
}

/// A long, a flat name, a short and a long: 100 each, ATR 5, R 10.
fn book(params: &Params) -> Vec<Position> {
    [4, 0, -6, 8]
        .into_iter()
        .map(|lots| fold_fill(&Position::FLAT, lots, 100.0, 5.0, 0, params).position)
        .collect()
}

fn told(exits: &[SymbolExit]) -> Vec<(usize, ExitReason, i64)> {
    exits.iter().map(|told| (told.symbol, told.exit.reason, told.exit.lots)).collect()
}

fn row<'a>(hour: i64, high: &'a [f64], low: &'a [f64], last: &'a [f64]) -> BarRow<'a> {
    BarRow {
        close_ms: hour * HOUR_MS,
        open: last,
        high,
        low,
        close: last,
        atr: &[],
        trail_ma: &[],
        slope_bps_day: &[],
    }
}

#[test]
fn a_range_touches_each_held_name_in_order_of_symbols() {
    let params = params();
    let mut positions = book(&params);
    let mut exits = Vec::new();
    // Name 0 gains, the flat name falls, name 2 is stopped, name 3 has no bar.
    let high = [111.0, 100.0, 112.0, NAN];
    let low = [99.0, 1.0, 99.0, NAN];
    let last = [105.0, 50.0, 105.0, NAN];
    let row = row(1, &high, &low, &last);
    advance_stops(&mut positions, Advance::Range(&row), &params, &mut exits);
    assert_eq!(told(&exits), [(0, ExitReason::TakeProfit, -2), (2, ExitReason::InitialStop, 6)]);
    assert_eq!((positions[0].rungs_hit, positions[0].closing), (1, None));
    assert_eq!(positions[2].closing, Some(ExitReason::InitialStop));
    assert_eq!(positions[1].lots, 0);
    // A range moves no level and follows no extreme.
    assert_eq!((positions[0].best_price, positions[0].stop_price), (100.0, 90.0));
    // The same range again fires nothing: what was touched is state.
    exits.clear();
    advance_stops(&mut positions, Advance::Range(&row), &params, &mut exits);
    assert!(exits.is_empty());
}

#[test]
fn a_tick_touches_its_own_symbol_only() {
    let params = params();
    let mut positions = book(&params);
    let mut exits = Vec::new();
    for symbol in 0..4 {
        let tick = Tick { symbol, price: 89.0, at_ms: 5 };
        advance_stops(&mut positions, Advance::Tick(tick), &params, &mut exits);
    }
    let wanted = [
        (0, ExitReason::InitialStop, -4),
        (2, ExitReason::TakeProfit, 3),
        (3, ExitReason::InitialStop, -8),
    ];
    assert_eq!(told(&exits), wanted);
    assert!(exits.iter().all(|told| told.exit.bar_close_ms == HOUR_MS));
}

#[test]
fn a_close_moves_levels_and_decides_exits_and_touches_nothing() {
    let params = Params { trailing_enabled: true, trail_atr_x: 1.0, ..params() };
    let mut positions = book(&params);
    let mut exits = Vec::new();
    let (high, low, last) = ([104.0; 4], [60.0; 4], [101.0; 4]);
    let mut closes = row(1, &high, &low, &last);
    let atr = [2.0, 2.0, 2.0, NAN];
    closes.atr = &atr;
    advance_stops(&mut positions, Advance::Close(&closes), &params, &mut exits);
    assert!(exits.is_empty(), "the low of 60 is not a close's business");
    let stops: Vec<f64> = positions.iter().map(|position| position.stop_price).collect();
    assert_eq!((stops[0], stops[2], stops[3]), (102.0, 62.0, 90.0));
    assert!(stops[1].is_nan());
    closes.close_ms = 2 * HOUR_MS;
    advance_stops(&mut positions, Advance::Close(&closes), &params, &mut exits);
    let held_too_long =
        [(0, ExitReason::MaxHold, -4), (2, ExitReason::MaxHold, 6), (3, ExitReason::MaxHold, -8)];
    assert_eq!(told(&exits), held_too_long);
}

#[test]
fn a_list_with_room_is_never_moved() {
    let params = params();
    let mut positions = book(&params);
    let mut exits = Vec::with_capacity(64);
    let place = exits.as_ptr();
    let (high, low, last) = ([125.0; 4], [85.0; 4], [100.0; 4]);
    for hour in 1..5 {
        exits.clear();
        let row = row(hour, &high, &low, &last);
        advance_stops(&mut positions, Advance::Range(&row), &params, &mut exits);
        advance_stops(&mut positions, Advance::Close(&row), &params, &mut exits);
    }
    assert_eq!(exits.as_ptr(), place);
}

#[test]
fn keys_and_codes_of_reasons_are_unique() {
    let keys: std::collections::BTreeSet<_> =
        ExitReason::ALL.iter().map(|reason| reason.key()).collect();
    assert_eq!(keys.len(), ExitReason::ALL.len());
    for (code, reason) in (1u8..).zip(ExitReason::ALL) {
        assert_eq!(reason as u8, code);
        assert_eq!(reason.is_stop(), code <= 6, "{reason:?}");
    }
}

#[test]
fn parameters_that_could_not_work_are_refused() {
    let bare = || Params { catastrophic_atr_x: 0.0, ladder: Vec::new(), ..Params::default() };
    assert!(bare().validate().is_ok());
    let table = [
        ("trailing_enabled", Params { trailing_enabled: true, ..bare() }),
        ("breakeven_after_r", Params { breakeven_after_r: 1.0, ..bare() }),
        ("profit_locks_r", Params { profit_locks_r: vec![(1.0, 0.5)], ..bare() }),
        ("ladder", Params { ladder: vec![(1.0, 0.5)], ..bare() }),
        ("no_progress_bars", Params { no_progress_bars: 5, ..bare() }),
    ];
    for (name, params) in table {
        let told = params.validate().unwrap_err().to_string();
        assert!(told.contains(name) && told.contains("stop_atr_x"), "{told}");
        let based = Params { catastrophic_atr_x: 3.5, ..params };
        assert!(based.validate().is_ok(), "{name}");
    }
    let ladder_unit = xsmom_kernel::params::LadderUnit::PriceFrac;
    let by_price = Params { ladder: vec![(0.1, 0.5)], ladder_unit, ..bare() };
    assert!(by_price.validate().is_ok());
    let rungs = |count: u32| (1..=count).map(|rung| (f64::from(rung), 0.1)).collect();
    assert!(Params { ladder: rungs(8), ..Params::default() }.validate().is_ok());
    assert!(Params { ladder: rungs(9), ..Params::default() }.validate().is_err());
}
