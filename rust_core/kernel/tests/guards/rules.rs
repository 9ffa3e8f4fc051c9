//! Each guard fires, acts as its row says, and ends as its row says.

use proptest::prelude::*;
use xsmom_kernel::book::GuardAction;
use xsmom_kernel::guards::{GUARDS, Guard, Guards, Reading, Standing, Verdict, strictness};
use xsmom_kernel::params::{DailyLossBase, Params};

use super::life::{DAY, HOUR, Now, off};

/// Feed `(hours since midnight, value)`; the last verdict.
fn feed(guards: &mut Guards, params: &Params, values: &[(i64, f64)]) -> Verdict {
    let mut last = None;
    for (hours, value) in values {
        last = Some(Now::new(hours * HOUR, *value).seen_by(guards, params));
    }
    last.expect("at least one moment")
}

fn reading(verdict: &Verdict, guard: Guard) -> Reading {
    verdict.readings[guard as usize]
}

#[test]
fn the_table_is_in_order_and_names_parameters() {
    for (at, row) in GUARDS.iter().enumerate() {
        assert_eq!(row.guard as usize, at);
        assert!(Params::FIELDS.contains(&row.limit), "{}", row.limit);
    }
}

#[test]
fn with_everything_off_nothing_fires() {
    let mut guards = Guards::new(2);
    let found = feed(&mut guards, &off(), &[(1, 1.0), (2, 0.1), (3, f64::NAN)]);
    assert_eq!((found.action, found.by), (GuardAction::None, None));
    assert!(found.readings.iter().all(|one| one.standing == Standing::Off));
}

#[test]
fn daily_loss_counts_from_high_or_open() {
    for (base, value, fires) in [
        (DailyLossBase::High, 1.045, true),
        (DailyLossBase::High, 1.046, false),
        (DailyLossBase::Open, 1.045, false),
        (DailyLossBase::Open, 0.95, true),
    ] {
        let params = Params { daily_loss_max_frac: 0.05, daily_loss_base: base, ..off() };
        let found = feed(&mut Guards::new(2), &params, &[(1, 1.0), (2, 1.1), (3, value)]);
        let action = if fires { GuardAction::Flatten } else { GuardAction::None };
        assert_eq!(found.action, action, "{base:?} {value}");
    }
}

#[test]
fn daily_loss_lasts_to_midnight_and_at_least_its_pause() {
    let params = Params { daily_loss_max_frac: 0.05, daily_loss_pause_ms: 3 * HOUR, ..off() };
    for (fired_at, free_at) in [(10, 24), (22, 25), (24, 27)] {
        let mut guards = Guards::new(2);
        let found = feed(&mut guards, &params, &[(1, 1.0), (fired_at, 0.9)]);
        assert_eq!(found.action, GuardAction::Flatten);
        assert_eq!(reading(&found, Guard::DailyLoss).until_ms, free_at * HOUR);
        let before = Now::new(free_at * HOUR - 1, 0.9).seen_by(&mut guards, &params);
        assert_eq!(before.action, GuardAction::Flatten, "{fired_at}");
        let after = Now::new(free_at * HOUR, 0.9).seen_by(&mut guards, &params);
        assert_eq!(
            after.action,
            GuardAction::None,
            "{fired_at}: it does not fire twice for one day"
        );
    }
}

#[test]
fn midnight_sharp_belongs_to_the_old_day_and_opens_the_new() {
    let params = Params { emergency_loss_frac: 0.05, ..off() };
    let mut guards = Guards::new(2);
    // 6 % lost in the old day: blocked to midnight, not a moment longer.
    assert_eq!(
        feed(&mut guards, &params, &[(1, 1.0), (23, 0.94)]).action,
        GuardAction::BlockEntries
    );
    let before = Now::new(DAY - 1, 0.94).seen_by(&mut guards, &params);
    assert_eq!(before.action, GuardAction::BlockEntries);
    let midnight = Now::new(DAY, 0.90).seen_by(&mut guards, &params);
    assert_eq!(midnight.action, GuardAction::None);
    // The new day opens at 0.90, so 0.86 is 4.4 % and 0.85 is 5.6 %.
    assert_eq!(feed(&mut guards, &params, &[(25, 0.86)]).action, GuardAction::None);
    assert_eq!(feed(&mut guards, &params, &[(26, 0.85)]).action, GuardAction::BlockEntries);
}

#[test]
fn a_loss_across_a_gap_belongs_to_the_day_in_which_it_is_seen() {
    let params = Params { daily_loss_max_frac: 0.05, ..off() };
    let found = feed(&mut Guards::new(2), &params, &[(1, 1.0), (24 * 9 + 5, 0.9)]);
    assert_eq!(found.action, GuardAction::Flatten);
    assert_eq!(reading(&found, Guard::DailyLoss).until_ms, 10 * DAY);
}

#[test]
fn emergency_loss_stays_for_the_day_though_the_value_recovers() {
    let params = Params { emergency_loss_frac: 0.02, ..off() };
    let found = feed(&mut Guards::new(2), &params, &[(1, 1.0), (2, 0.98), (3, 1.2)]);
    assert_eq!((found.action, found.by), (GuardAction::BlockEntries, Some(Guard::EmergencyLoss)));
}

#[test]
fn drawdown_forgets_old_highs_latches_and_is_re_armed() {
    let params = Params { drawdown_max_frac: 0.15, drawdown_days: 3, ..off() };
    let slow = [(1, 1.0), (25, 0.94), (49, 0.90), (73, 0.86), (97, 0.82)];
    assert_eq!(feed(&mut Guards::new(2), &params, &slow).action, GuardAction::None);
    let mut guards = Guards::new(2);
    let fast = [(1, 1.0), (25, 0.94), (49, 0.85)];
    assert_eq!(feed(&mut guards, &params, &fast).action, GuardAction::Flatten);
    assert_eq!(feed(&mut guards, &params, &[(24 * 90, 2.0)]).action, GuardAction::Flatten);
    assert!(guards.rearm(Guard::Drawdown));
    assert!(!guards.rearm(Guard::Drawdown), "there is nothing more to let go");
    assert!(!guards.rearm(Guard::Cvar));
    assert_eq!(feed(&mut guards, &params, &[(24 * 90 + 1, 1.71)]).action, GuardAction::None);
    assert_eq!(feed(&mut guards, &params, &[(24 * 90 + 2, 1.70)]).action, GuardAction::Flatten);
}

#[test]
fn long_term_drawdown_remembers_and_blocks() {
    let params = Params { longterm_drawdown_max_frac: 0.3, ..off() };
    let mut guards = Guards::new(2);
    let found = feed(&mut guards, &params, &[(1, 1.0), (24 * 400, 0.8), (24 * 800, 0.7)]);
    assert_eq!(
        (found.action, found.by),
        (GuardAction::BlockEntries, Some(Guard::LongtermDrawdown))
    );
    assert_eq!(reading(&found, Guard::LongtermDrawdown).until_ms, i64::MAX);
    assert!(guards.rearm(Guard::LongtermDrawdown));
    assert_eq!(feed(&mut guards, &params, &[(24 * 801, 0.6)]).action, GuardAction::None);
}

#[test]
fn a_symbol_that_loses_pauses_to_midnight() {
    let params = Params { symbol_daily_loss_max_frac: 0.02, ..off() };
    let mut guards = Guards::new(2);
    let mut at = |hour: i64, result: f64| {
        let now = Now::new(hour * HOUR, 1.0).with(|now| now.symbol_result_usdt[1] = result);
        let found = now.seen_by(&mut guards, &params);
        (found.action, reading(&found, Guard::SymbolDailyLoss), guards.symbols[1].paused_until_ms)
    };
    assert_eq!(at(1, 500.0).2, 0);
    assert_eq!(at(2, 481.0).2, 0);
    let (action, reading, until_ms) = at(3, 480.0);
    assert_eq!((action, until_ms), (GuardAction::None, DAY));
    assert_eq!((reading.standing, reading.until_ms), (Standing::Fired, DAY));
    assert_eq!(at(24, 480.0).1.standing, Standing::Clear);
    assert_eq!(at(25, 461.0).2, DAY, "the new day counts from its own open");
    assert_eq!(at(26, f64::NAN).0, GuardAction::BlockEntries);
}

#[test]
fn a_trade_that_loses_too_much_is_closed() {
    let params = Params { trade_loss_max_frac: 0.02, ..off() };
    let mut guards = Guards::new(2);
    // The equity of the day's open is the measure: a deposit does not hide a loss.
    Now::new(HOUR, 1.0).seen_by(&mut guards, &params);
    for (result, close) in [(-19.9, false), (-20.0, true), (30.0, false)] {
        let now = Now::new(2 * HOUR, 1.0).with(|now| {
            now.trade_result_usdt[0] = result;
            now.equity_usdt = 50_000.0;
        });
        assert_eq!(now.seen_by(&mut guards, &params).action, GuardAction::None);
        assert_eq!([guards.symbols[0].close, guards.symbols[1].close], [close, false]);
    }
}

#[test]
fn cvar_blocks_a_book_with_a_heavy_tail_until_it_is_lighter() {
    let params = Params { cvar_max_frac: 0.05, ..off() };
    let mut guards = Guards::new(2);
    // Five bars of −2 % in a hundred: the worst 5 % lose 2 % a bar, 9.8 % a day at full exposure.
    let mut window = vec![0.001; 200];
    for t in 0..5 {
        window[t * 40] = -0.02;
    }
    let mut at = |exposure: f64| {
        let now = Now::new(HOUR, 1.0).with(|now| {
            now.ret_window = window.clone();
            now.exposure_frac = vec![exposure, 0.0];
        });
        now.seen_by(&mut guards, &params)
    };
    let heavy = at(1.0);
    assert_eq!(heavy.action, GuardAction::BlockEntries);
    assert!((reading(&heavy, Guard::Cvar).measure - 0.02 * 24_f64.sqrt()).abs() < 1e-12);
    assert_eq!(at(0.5).action, GuardAction::None);
    assert_eq!(at(-1.0).action, GuardAction::None, "a short loses 0.1 % a bar");
    assert_eq!(reading(&at(0.0), Guard::Cvar).measure, 0.0);
}

#[test]
fn a_cluster_of_stops_pauses_once() {
    let params = Params {
        stop_cluster_count: 3,
        stop_cluster_window_ms: 5 * HOUR,
        stop_cluster_pause_ms: 2 * HOUR,
        ..off()
    };
    let mut guards = Guards::new(2);
    for hour in [1, 7, 8] {
        guards.note_stop(hour * HOUR, &params);
        assert_eq!(feed(&mut guards, &params, &[(hour, 1.0)]).action, GuardAction::None, "{hour}");
    }
    guards.note_stop(9 * HOUR, &params);
    assert_eq!(feed(&mut guards, &params, &[(9, 1.0)]).action, GuardAction::BlockEntries);
    assert_eq!(feed(&mut guards, &params, &[(10, 1.0)]).action, GuardAction::BlockEntries);
    assert_eq!(feed(&mut guards, &params, &[(11, 1.0)]).action, GuardAction::None);
}

#[test]
fn a_guard_that_cannot_evaluate_blocks_entries() {
    let value_guards = [
        (Guard::DailyLoss, Params { daily_loss_max_frac: 0.5, ..off() }),
        (Guard::EmergencyLoss, Params { emergency_loss_frac: 0.5, ..off() }),
        (Guard::Drawdown, Params { drawdown_max_frac: 0.5, ..off() }),
        (Guard::LongtermDrawdown, Params { longterm_drawdown_max_frac: 0.5, ..off() }),
    ];
    for (guard, params) in value_guards {
        let found = feed(&mut Guards::new(2), &params, &[(1, 1.0), (2, f64::NAN)]);
        assert_eq!((found.action, found.by), (GuardAction::BlockEntries, Some(guard)));
        assert_eq!(reading(&found, guard).standing, Standing::Unknown);
    }
    let params = Params { cvar_max_frac: 0.5, ..off() };
    let blind: [fn(&mut Now); 4] = [
        |now| now.ret_window.truncate(2 * 59),
        |now| (0..6).for_each(|t| now.ret_window[2 * t] = f64::NAN),
        |now| now.exposure_frac[0] = f64::NAN,
        |now| {
            now.exposure_frac[0] = 0.0;
            now.ret_window[..2 * 6].fill(f64::NAN);
        },
    ];
    for change in blind {
        let now = Now::new(HOUR, 1.0).with(|now| now.exposure_frac[0] = 0.1).with(change);
        let found = now.seen_by(&mut Guards::new(2), &params);
        assert_eq!((found.action, found.by), (GuardAction::BlockEntries, Some(Guard::Cvar)));
    }
    let params = Params { trade_loss_max_frac: 0.02, ..off() };
    let poor = Now::new(HOUR, 1.0).with(|now| now.equity_usdt = f64::NAN);
    assert_eq!(poor.seen_by(&mut Guards::new(2), &params).by, Some(Guard::TradeLoss));
}

#[test]
fn the_strictest_guard_rules_and_what_has_fired_stays_in_force_while_blind() {
    let params = Params { daily_loss_max_frac: 0.05, emergency_loss_frac: 0.02, ..off() };
    let mut guards = Guards::new(2);
    let soft = feed(&mut guards, &params, &[(1, 1.0), (2, 0.97)]);
    assert_eq!((soft.action, soft.by), (GuardAction::BlockEntries, Some(Guard::EmergencyLoss)));
    let hard = feed(&mut guards, &params, &[(3, 0.90)]);
    assert_eq!((hard.action, hard.by), (GuardAction::Flatten, Some(Guard::DailyLoss)));
    let blind = feed(&mut guards, &params, &[(4, f64::NAN)]);
    assert_eq!((blind.action, blind.by), (GuardAction::Flatten, Some(Guard::DailyLoss)));
    let order = [GuardAction::None, GuardAction::BlockEntries, GuardAction::Flatten];
    assert!(order.windows(2).all(|pair| strictness(pair[0]) < strictness(pair[1])));
}

#[test]
fn a_bankrupt_book_has_lost_everything() {
    let params = Params { daily_loss_max_frac: 0.05, ..off() };
    let found = feed(&mut Guards::new(2), &params, &[(1, -1.0)]);
    assert_eq!(found.action, GuardAction::Flatten);
}

fn everything_on() -> Params {
    Params {
        daily_loss_max_frac: 0.05,
        emergency_loss_frac: 0.02,
        drawdown_max_frac: 0.12,
        drawdown_days: 3,
        longterm_drawdown_max_frac: 0.2,
        symbol_daily_loss_max_frac: 0.02,
        trade_loss_max_frac: 0.02,
        stop_cluster_count: 2,
        ..off()
    }
}

proptest! {
    #[test]
    fn a_restart_in_the_middle_changes_nothing(
        steps in prop::collection::vec((1_i64..30, -0.04..0.04_f64, any::<bool>()), 2..60),
        cut in 0_usize..60,
    ) {
        let params = everything_on();
        let (mut whole, mut halves) = (Guards::new(2), Guards::new(2));
        let (mut at_ms, mut value) = (0, 1.0);
        for (at, (hours, moved, stopped)) in steps.into_iter().enumerate() {
            if at == cut {
                let stored = halves.clone();
                halves = stored;
            }
            at_ms += hours * HOUR;
            value *= 1.0 + moved;
            if stopped {
                whole.note_stop(at_ms, &params);
                halves.note_stop(at_ms, &params);
            }
            let now = Now::new(at_ms, value).with(|now| now.symbol_result_usdt[0] = 1_000.0 * value);
            prop_assert_eq!(now.seen_by(&mut whole, &params), now.seen_by(&mut halves, &params));
            prop_assert_eq!(&whole, &halves);
            prop_assert!(whole.highs.len() < 3);
        }
    }

    #[test]
    fn the_scale_of_value_is_irrelevant(
        steps in prop::collection::vec((1_i64..30, -0.04..0.04_f64), 2..60),
        power in -20_i32..20,
    ) {
        // A power of two scales every float exactly.
        let scale = libm::exp2(f64::from(power));
        let params = Params { symbol_daily_loss_max_frac: 0.0, trade_loss_max_frac: 0.0, ..everything_on() };
        let (mut plain, mut scaled) = (Guards::new(2), Guards::new(2));
        let (mut at_ms, mut value) = (0, 1.0);
        for (hours, moved) in steps {
            at_ms += hours * HOUR;
            value *= 1.0 + moved;
            let one = Now::new(at_ms, value).seen_by(&mut plain, &params);
            let two = Now::new(at_ms, value * scale).seen_by(&mut scaled, &params);
            prop_assert_eq!(one, two);
        }
    }
}
