//! What holds for any path of prices and fills (docs/explanation/exits.md).

use proptest::prelude::*;
use xsmom_kernel::book::Position;
use xsmom_kernel::params::{LadderUnit, Params, TrailKind};
use xsmom_kernel::stops::{
    BarRange, CloseFeatures, Exit, close_bar, fold_fill, mark_touched, rung_cap_lots, touch_bar,
    touch_tick,
};

const HOUR_MS: i64 = 3_600_000;

/// One hour of a random life: an optional fill near its open, its range, its close.
#[derive(Debug, Clone)]
struct Hour {
    fill_lots: i64,
    fill_late_ms: i64,
    bar: BarRange,
    features: CloseFeatures,
}

fn any_params() -> impl Strategy<Value = Params> {
    let levels = (
        prop_oneof![Just(0.0), 0.5..4.0],
        any::<bool>(),
        any::<bool>(),
        0.3..3.0,
        prop_oneof![Just(0.0), 0.2..2.0],
        any::<bool>(),
    );
    let rest = (
        any::<bool>(),
        prop::collection::vec((0.2..1.0f64, 0.05..0.25f64), 0..4),
        prop_oneof![Just(0u32), 2u32..9],
        prop_oneof![Just(0u32), 4u32..12],
        prop_oneof![Just(0.0), 0.0..0.02],
    );
    (levels, rest).prop_map(|(levels, rest)| {
        let (stop_atr_x, trailing_enabled, chandelier, trail_atr_x, breakeven_after_r, locks) =
            levels;
        let (in_r, rungs, no_progress_bars, hold_bars_max, stop_move_min_frac) = rest;
        let unit_size = if in_r { 1.0 } else { 0.03 };
        let mut distance = 0.0;
        let ladder = rungs.into_iter().map(|(step, share)| {
            distance += step * unit_size;
            (distance, share)
        });
        let params = Params {
            stop_atr_x,
            trailing_enabled,
            trail_kind: if chandelier { TrailKind::Chandelier } else { TrailKind::MaAtr },
            trail_atr_x,
            breakeven_after_r,
            profit_locks_r: if locks { vec![(0.8, 0.0), (1.5, 0.5)] } else { Vec::new() },
            ladder_unit: if in_r { LadderUnit::R } else { LadderUnit::PriceFrac },
            ladder: ladder.collect(),
            no_progress_bars,
            hold_bars_max,
            regime_flip_exit: locks,
            stop_move_min_frac,
            ..Params::default()
        };
        params.validate().expect("a strategy of valid parameters");
        params
    })
}

/// Hours of a random walk that starts at 100.
fn any_hours() -> impl Strategy<Value = Vec<Hour>> {
    let moves = (-0.02..0.02f64, -0.05..0.05f64, 0.0..0.03f64, 0.0..0.03f64);
    let rest = (
        prop_oneof![3 => Just(0i64), 1 => -30i64..30],
        prop_oneof![Just(0i64), 1i64..HOUR_MS],
        prop_oneof![9 => 0.005..0.03f64, 1 => Just(f64::NAN)],
        -0.03..0.03f64,
        -20.0..20.0f64,
        0u8..20,
    );
    prop::collection::vec((moves, rest), 2..40).prop_map(|hours| {
        let mut price = 100.0;
        let mut made = Vec::new();
        for (number, ((gap, body, up, down), rest)) in (1..).zip(hours) {
            let (fill_lots, fill_late_ms, atr_frac, ma_frac, slope_bps_day, absent) = rest;
            let open = price * (1.0 + gap);
            let close = open * (1.0 + body);
            let mut bar = BarRange {
                open_ms: (number - 1) * HOUR_MS,
                close_ms: number * HOUR_MS,
                open,
                high: open.max(close) * (1.0 + up),
                low: open.min(close) * (1.0 - down),
                close,
            };
            if absent == 0 {
                let nan = f64::NAN;
                (bar.open, bar.high, bar.low, bar.close) = (nan, nan, nan, nan);
            } else {
                price = close;
            }
            let features = CloseFeatures {
                atr: price * atr_frac,
                trail_ma: price * (1.0 + ma_frac),
                slope_bps_day,
            };
            made.push(Hour { fill_lots, fill_late_ms, bar, features });
        }
        made
    })
}

/// A whole life, hour by hour. `look` sees the position after every step; all exits come back.
fn live(hours: &[Hour], params: &Params, mut look: impl FnMut(&Position)) -> Vec<Exit> {
    let mut position = Position::FLAT;
    let mut told = Vec::new();
    for (number, hour) in hours.iter().enumerate() {
        let lots = if number == 0 { hour.fill_lots | 1 } else { hour.fill_lots };
        let atr = hour.features.atr;
        if !hour.bar.open.is_nan() {
            let at_ms = hour.bar.open_ms + hour.fill_late_ms;
            position = fold_fill(&position, lots, hour.bar.open, atr, at_ms, params).position;
            look(&position);
        }
        let touched = touch_bar(&position, &hour.bar, params);
        mark_touched(&mut position, &touched);
        look(&position);
        for exit in touched.iter() {
            let at_ms = hour.bar.close_ms - 1;
            position =
                fold_fill(&position, exit.lots, exit.price, f64::NAN, at_ms, params).position;
            look(&position);
        }
        told.extend_from_slice(&touched);
        told.extend(close_bar(&mut position, &hour.bar, &hour.features, params));
        look(&position);
    }
    told
}

fn same_life(a: &Position, b: &Position) -> bool {
    a.lots != 0 && a.lots.signum() == b.lots.signum() && a.opened_ms == b.opened_ms
}

/// Ticks of a bar in the pessimistic order; what each causes is filled before the next.
fn as_ticks(position: &Position, bar: &BarRange, params: &Params) -> (Position, Vec<Exit>) {
    let (worse, better) = if position.lots > 0 { (bar.low, bar.high) } else { (bar.high, bar.low) };
    let whole = position.opened_ms <= bar.open_ms;
    let prices = if whole { vec![bar.open, worse, better] } else { vec![worse, bar.close] };
    let mut position = *position;
    let mut told = Vec::new();
    for price in prices {
        let touched = touch_tick(&position, price, bar.close_ms - 1, params);
        mark_touched(&mut position, &touched);
        for exit in touched.iter() {
            position = fold_fill(&position, exit.lots, price, f64::NAN, 1, params).position;
        }
        told.extend_from_slice(&touched);
    }
    (position, told)
}

/// The same hour with every price times `x`.
fn scaled(hour: &Hour, x: f64) -> Hour {
    let mut hour = hour.clone();
    for price in [
        &mut hour.bar.open,
        &mut hour.bar.high,
        &mut hour.bar.low,
        &mut hour.bar.close,
        &mut hour.features.atr,
        &mut hour.features.trail_ma,
    ] {
        *price *= x;
    }
    hour
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn stops_only_tighten_and_latches_only_close(params in any_params(), hours in any_hours()) {
        let mut before = Position::FLAT;
        let mut moves = 0;
        live(&hours, &params, |after| {
            if same_life(&before, after) {
                let d = after.lots.signum() as f64;
                assert!(d * after.stop_price >= d * before.stop_price, "{before:?} {after:?}");
                assert!(d * after.best_price >= d * before.best_price);
                assert!(after.breakeven_latched >= before.breakeven_latched);
                assert!(after.lock_step >= before.lock_step);
                assert!(after.rungs_hit >= before.rungs_hit);
                assert!(after.lots_initial.abs() >= after.lots.abs());
                assert_eq!(after.r_usdt.to_bits(), before.r_usdt.to_bits());
                if after.stop_price != before.stop_price {
                    moves += 1;
                    let least = params.stop_move_min_frac * 0.5 * after.stop_price;
                    assert!((after.stop_price - before.stop_price).abs() >= least);
                }
            }
            before = *after;
        });
        prop_assert!(moves <= hours.len());
    }

    #[test]
    fn a_held_position_always_has_a_stop(params in any_params(), hours in any_hours()) {
        live(&hours, &params, |position| {
            assert!(position.lots == 0 || position.stop_price > 0.0, "{position:?}");
        });
    }

    #[test]
    fn ticks_and_bars_give_the_same_exits(params in any_params(), hours in any_hours()) {
        let mut position = Position::FLAT;
        for (number, hour) in hours.iter().enumerate() {
            let bar = &hour.bar;
            if bar.open.is_nan() {
                continue;
            }
            let lots = if number == 0 { hour.fill_lots | 1 } else { hour.fill_lots };
            let at_ms = bar.open_ms + hour.fill_late_ms;
            let atr = hour.features.atr;
            position = fold_fill(&position, lots, bar.open, atr, at_ms, &params).position;
            let (ticked, by_tick) = as_ticks(&position, bar, &params);
            let by_bar = touch_bar(&position, bar, &params);
            let names = |exits: &[Exit]| -> Vec<_> {
                exits.iter().map(|exit| (exit.reason, exit.rung, exit.lots, exit.bar_close_ms)).collect()
            };
            prop_assert_eq!(names(&by_tick), names(&by_bar));
            let side = position.lots.signum() as f64;
            for (tick, range) in by_tick.iter().zip(by_bar.iter()) {
                // Ticks at the extremes: a stop fills no better, a rung no worse than in the bar.
                let better = side * (tick.price - range.price);
                let fills_as_told = if tick.reason.is_stop() { better <= 0.0 } else { better >= 0.0 };
                prop_assert!(fills_as_told);
            }
            position = ticked;
            close_bar(&mut position, bar, &hour.features, &params);
        }
    }

    #[test]
    fn exits_never_close_more_than_is_held(params in any_params(), hours in any_hours()) {
        let mut position = Position::FLAT;
        for (number, hour) in hours.iter().enumerate() {
            let lots = if number == 0 { hour.fill_lots | 1 } else { hour.fill_lots };
            if !hour.bar.open.is_nan() {
                let at_ms = hour.bar.open_ms + hour.fill_late_ms;
                position = fold_fill(&position, lots, hour.bar.open, hour.features.atr, at_ms, &params).position;
            }
            let touched = touch_bar(&position, &hour.bar, &params);
            let total: i64 = touched.iter().map(|exit| exit.lots).sum();
            prop_assert!(touched.iter().all(|exit| exit.lots.signum() == -position.lots.signum()));
            prop_assert!(total.abs() <= position.lots.abs());
            mark_touched(&mut position, &touched);
            let capped = rung_cap_lots(&position, &params);
            prop_assert!(capped.is_none_or(|cap| cap <= position.lots_initial.abs()));
            position = fold_fill(&position, total, hour.bar.open, f64::NAN, 1, &params).position;
            // Where only the ladder has sold, what is left is what the rungs allow.
            let ladder_only = touched.iter().all(|exit| !exit.reason.is_stop()) && number == 0;
            if let Some(cap) = capped.filter(|_| ladder_only) {
                prop_assert_eq!(position.lots.abs(), cap);
            }
            close_bar(&mut position, &hour.bar, &hour.features, &params);
        }
    }

    #[test]
    fn breakeven_survives_a_return_to_the_entry(
        side in prop_oneof![Just(-1i64), Just(1i64)],
        after_r in 0.2..2.0f64,
        hours in any_hours(),
    ) {
        let params =
            Params { stop_atr_x: 2.0, breakeven_after_r: after_r, stop_move_min_frac: 0.0, ..Params::default() };
        let mut position = fold_fill(&Position::FLAT, side * 8, 100.0, 1.0, 0, &params).position;
        let d = side as f64;
        // 1e-9: the gain, worked out from rounded prices, may fall short of it by a rounding.
        let gained = 100.0 + d * 2.0 * after_r * (1.0 + 1e-9);
        let bar = BarRange { open_ms: 0, close_ms: HOUR_MS, open: 100.0, high: gained.max(100.0), low: gained.min(100.0), close: 100.0 };
        close_bar(&mut position, &bar, &CloseFeatures::UNKNOWN, &params);
        prop_assert_eq!(position.stop_price, 100.0);
        for hour in &hours {
            close_bar(&mut position, &hour.bar, &hour.features, &params);
            prop_assert!(d * position.stop_price >= d * 100.0);
        }
        prop_assert_eq!(touch_tick(&position, 100.0 - d, 0, &params).len(), 1);
    }

    #[test]
    fn a_rung_taken_does_not_fire_again_after_a_restart(params in any_params(), hours in any_hours()) {
        let mut position = fold_fill(&Position::FLAT, 40, 100.0, 1.5, 0, &params).position;
        let mut fired = std::collections::BTreeSet::new();
        for hour in hours.iter().filter(|hour| !hour.bar.open.is_nan()) {
            for price in [hour.bar.high, hour.bar.close, hour.bar.high] {
                let touched = touch_tick(&position, price, hour.bar.open_ms, &params);
                for exit in touched.iter().filter(|exit| exit.rung > 0) {
                    prop_assert!(fired.insert(exit.rung), "rung {} twice", exit.rung);
                }
                // The restart: all that is left is the position as it was written down, and the
                // order may not have been filled yet.
                mark_touched(&mut position, &touched);
            }
        }
    }

    #[test]
    fn the_scale_of_prices_is_irrelevant(params in any_params(), hours in any_hours(), power in 1i32..40) {
        let x = if power > 20 { f64::from(1 << (power - 20)) } else { 1.0 / f64::from(1 << power) };
        let scaled: Vec<Hour> = hours.iter().map(|hour| scaled(hour, x)).collect();
        let (mut small, mut large) = (Vec::new(), Vec::new());
        let here = live(&hours, &params, |position| small.push(*position));
        let there = live(&scaled, &params, |position| large.push(*position));
        prop_assert_eq!(here.len(), there.len());
        for (a, b) in here.iter().zip(&there) {
            prop_assert_eq!((a.reason, a.lots, a.rung), (b.reason, b.lots, b.rung));
            prop_assert_eq!((a.price * x).to_bits(), b.price.to_bits());
        }
        for (a, b) in small.iter().zip(&large) {
            prop_assert_eq!((a.stop_price * x).to_bits(), b.stop_price.to_bits());
            prop_assert_eq!((a.realised_price_lots * x).to_bits(), b.realised_price_lots.to_bits());
            prop_assert_eq!(a.stop_by, b.stop_by);
        }
    }

    #[test]
    fn results_add_up_to_the_cash_that_flowed(
        fills in prop::collection::vec((-50i64..50, 1i64..4_000_000), 1..60),
    ) {
        // Prices in 1/64: whole numbers say what the cash flow is, exactly.
        let params = Params { stop_atr_x: 2.0, ..Params::default() };
        let mut position = Position::FLAT;
        let (mut cash, mut result, mut size) = (0i128, 0.0f64, 0.0f64);
        let last = (0, 640);
        for (lots, ticks) in fills.into_iter().chain([last]) {
            let lots = if (lots, ticks) == last { -position.lots } else { lots };
            let price = ticks as f64 / 64.0;
            let folded = fold_fill(&position, lots, price, 1.0, 0, &params);
            position = folded.position;
            cash -= i128::from(lots) * i128::from(ticks);
            result += folded.realised_price_lots;
            size += (lots as f64 * price).abs();
        }
        prop_assert_eq!(position.lots, 0);
        prop_assert!((result - cash as f64 / 64.0).abs() <= 1e-13 * size.max(1.0));
    }

    #[test]
    fn without_partial_closes_results_are_exact(
        adds in prop::collection::vec((1i64..1_000, 1i64..4_000_000), 1..20),
        side in prop_oneof![Just(-1i64), Just(1i64)],
        exit_ticks in 1i64..4_000_000,
    ) {
        let params = Params { stop_atr_x: 2.0, ..Params::default() };
        let mut position = Position::FLAT;
        let mut cash = 0i64;
        for (lots, ticks) in adds {
            position = fold_fill(&position, side * lots, ticks as f64 / 64.0, 1.0, 0, &params).position;
            cash -= side * lots * ticks;
        }
        cash += position.lots * exit_ticks;
        let folded = fold_fill(&position, -position.lots, exit_ticks as f64 / 64.0, 1.0, 9, &params);
        prop_assert_eq!(folded.realised_price_lots, cash as f64 / 64.0);
        prop_assert_eq!(folded.closed.unwrap().realised_price_lots, cash as f64 / 64.0);
    }
}
