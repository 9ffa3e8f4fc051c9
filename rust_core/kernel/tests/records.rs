//! Cooldowns, streaks and bans (docs/explanation/exits.md §4); the posterior against `SciPy`.

use proptest::prelude::*;
use xsmom_kernel::book::{Bar, Side};
use xsmom_kernel::params::{Params, StreakScope};
use xsmom_kernel::records::{Records, beta_cdf};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn scored() -> Params {
    Params { symbol_score_enabled: true, streak_losses: 0, ..Params::default() }
}

/// One symbol after round trips of these results, all noted at hour 100.
fn after(results: &[f64], params: &Params) -> Records {
    let mut records = Records::new(1);
    for net_usdt in results {
        records.note_round_trip(0, *net_usdt, 100 * HOUR_MS, params);
    }
    records
}

fn is_banned(records: &Records) -> bool {
    records.barred(0, 100 * HOUR_MS).1 == [Bar::Banned; 2]
}

/// `wins` gains of `gain`, then `losses` losses of 1.
fn mix(wins: usize, gain: f64, losses: usize) -> Vec<f64> {
    let mut results = vec![gain; wins];
    results.extend(vec![-1.0; losses]);
    results
}

#[test]
fn the_posterior_is_that_of_scipy() {
    // scipy.stats.beta.cdf(x, 1 + wins, 1 + losses), SciPy 1.x
    let table = [
        (0, 0, 0.4, 0.4),
        (0, 8, 0.4, 0.989_922_304),
        (8, 0, 0.4, 0.000_262_144_000_000_000_1),
        (2, 6, 0.4, 0.768_212_992),
        (3, 7, 0.55, 0.939_036_762_896_289_1),
        (1, 7, 0.3, 0.803_996_766),
        (400, 600, 0.42, 0.899_164_680_656_495),
        (900, 1100, 0.4, 2.789_828_538_568_37e-6),
        (5000, 15000, 0.26, 0.999_386_498_704_044),
        (2, 6, 1e-9, 8.399_999_962_200_005e-26),
        (2, 6, 0.999_999_999, 1.0),
        (0, 3000, 0.001, 0.950_337_318_395_961_7),
    ];
    for (wins, losses, x, wanted) in table {
        let found = beta_cdf(wins, losses, x);
        let error = (found - wanted).abs() / wanted;
        assert!(error <= 1e-11, "{wins} wins, {losses} losses, {x}: {found} against {wanted}");
    }
    assert_eq!((beta_cdf(3, 4, 0.0), beta_cdf(3, 4, 1.0)), (0.0, 1.0));
    assert_eq!((beta_cdf(3, 4, -1.0), beta_cdf(3, 4, 2.0)), (0.0, 1.0));
}

#[test]
fn a_ban_needs_both_thresholds_missed() {
    let table = [
        // wins, size of a win against losses of 1, losses, banned
        (8, 1.0, 0, false),   // a perfect record
        (0, 1.0, 8, true),    // hopeless
        (0, 1.0, 7, false),   // too few
        (1, 1.0, 7, true),    // F(.4; 2, 8) = 0.93
        (2, 1.0, 6, false),   // F(.4; 3, 7) = 0.77: not sure enough
        (1, 20.0, 7, false),  // low win rate, but its wins pay for it: F(0.057) = 0.1
        (40, 0.1, 40, false), // loses money, but wins often enough
    ];
    for (wins, gain, losses, banned) in table {
        let records = after(&mix(wins, gain, losses), &scored());
        assert_eq!(is_banned(&records), banned, "{wins} wins of {gain}, {losses} losses");
    }
    let off = Params { symbol_score_enabled: false, ..scored() };
    assert!(!is_banned(&after(&mix(0, 1.0, 20), &off)));
    let no_factor = Params { symbol_score_profit_factor_min: 0.0, ..scored() };
    assert!(!is_banned(&after(&mix(0, 1.0, 20), &no_factor)));
}

#[test]
fn a_ban_lasts_its_time_and_empties_the_record() {
    let mut records = after(&[-1.0; 8], &scored());
    let (until, by) = records.barred(0, 100 * HOUR_MS);
    assert_eq!((until, by), ([100 * HOUR_MS + DAY_MS; 2], [Bar::Banned; 2]));
    assert_eq!(records.barred(0, 100 * HOUR_MS + DAY_MS), ([0; 2], [Bar::None; 2]));
    let record = records.symbols[0];
    assert_eq!((record.wins, record.losses, record.gain_usdt, record.loss_usdt), (0, 0, 0.0, 0.0));
    // Trades before the ban do not count: it takes eight more.
    for number in 1..=8 {
        records.note_round_trip(0, -1.0, 200 * HOUR_MS, &scored());
        assert_eq!(records.barred(0, 200 * HOUR_MS).1[0] == Bar::Banned, number == 8);
    }
}

#[test]
fn a_stop_bars_its_side_for_the_cooldown_and_asks_for_reentry() {
    let params = Params { cooldown_bars: 24, ..Params::default() };
    let mut records = Records::new(2);
    let mut awaiting = [false; 2];
    records.note_stop(1, Side::Short, 10 * HOUR_MS, &params, &mut awaiting);
    assert_eq!(awaiting, [false, true]);
    assert_eq!(records.barred(0, 10 * HOUR_MS), ([0; 2], [Bar::None; 2]));
    let barred = (10..40).filter(|hour| records.barred(1, hour * HOUR_MS).1[1] != Bar::None);
    assert_eq!(barred.count(), 24, "decisions, the stop's own bar among them");
    assert_eq!(records.barred(1, 10 * HOUR_MS), ([0, 34 * HOUR_MS], [Bar::None, Bar::Cooldown]));
    let none = Params { cooldown_bars: 0, ..params };
    records.note_stop(0, Side::Long, 10 * HOUR_MS, &none, &mut awaiting);
    assert_eq!(records.barred(0, 10 * HOUR_MS).1, [Bar::None; 2]);
}

#[test]
fn a_streak_of_a_symbol_pauses_that_symbol() {
    let params = Params { streak_losses: 3, streak_pause_ms: DAY_MS, ..Params::default() };
    let mut records = Records::new(2);
    for net_usdt in [-1.0, -1.0, 2.0, -1.0, -1.0, 0.0] {
        records.note_round_trip(0, net_usdt, HOUR_MS, &params);
        records.note_round_trip(1, -net_usdt, HOUR_MS, &params);
        assert_eq!(records.barred(0, HOUR_MS).1, [Bar::None; 2]);
    }
    // Exactly nothing has not broken the streak of two.
    records.note_round_trip(0, -1.0, HOUR_MS, &params);
    assert_eq!(records.barred(0, HOUR_MS), ([HOUR_MS + DAY_MS; 2], [Bar::Streak; 2]));
    assert_eq!(records.barred(1, HOUR_MS).1, [Bar::None; 2]);
    // The count starts anew.
    let later = 5 * DAY_MS;
    records.note_round_trip(0, -1.0, later, &params);
    assert_eq!(records.barred(0, later).1, [Bar::None; 2]);
}

#[test]
fn a_streak_of_the_book_pauses_every_symbol() {
    let params = Params {
        streak_losses: 3,
        streak_pause_ms: DAY_MS,
        streak_scope: StreakScope::Book,
        ..Params::default()
    };
    let mut records = Records::new(4);
    for symbol in 0..3 {
        assert_eq!(records.barred(3, HOUR_MS).1, [Bar::None; 2]);
        records.note_round_trip(symbol, -1.0, HOUR_MS, &params);
    }
    let mut until_ms = [[7; 2]; 4];
    let mut by = [[Bar::SymbolLoss; 2]; 4];
    records.write_barred(HOUR_MS, &mut until_ms, &mut by);
    assert_eq!((until_ms, by), ([[HOUR_MS + DAY_MS; 2]; 4], [[Bar::Streak; 2]; 4]));
    records.write_barred(HOUR_MS + DAY_MS, &mut until_ms, &mut by);
    assert_eq!((until_ms, by), ([[0; 2]; 4], [[Bar::None; 2]; 4]));
}

#[test]
fn the_longest_bar_is_told_and_none_is_shortened() {
    let mut records = Records::new(1);
    records.bar_side(0, Side::Long, Bar::SymbolLoss, 50);
    records.bar_side(0, Side::Long, Bar::Cooldown, 40);
    assert_eq!(records.barred(0, 0), ([50, 0], [Bar::SymbolLoss, Bar::None]));
    records.bar_side(0, Side::Long, Bar::Cooldown, 50);
    assert_eq!(records.barred(0, 0).1[0], Bar::Cooldown, "ties in the order of the rules");
    records.bar_side(0, Side::Long, Bar::Cooldown, 60);
    records.bar_side(0, Side::Long, Bar::Cooldown, 10);
    assert_eq!(records.barred(0, 45).0, [60, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_posterior_is_a_distribution(wins in 0u32..400, losses in 0u32..400, x in 0.0..1.0f64, y in 0.0..1.0f64) {
        let (low, high) = (x.min(y), x.max(y));
        let (a, b) = (beta_cdf(wins, losses, low), beta_cdf(wins, losses, high));
        prop_assert!((0.0..=1.0).contains(&a) && a <= b + 1e-12 && b <= 1.0);
        // Wins below x are losses above 1 − x.
        prop_assert!((beta_cdf(losses, wins, 1.0 - x) - (1.0 - beta_cdf(wins, losses, x))).abs() <= 1e-9);
        // One more win makes a low win rate less likely.
        prop_assert!(beta_cdf(wins + 1, losses, x) <= beta_cdf(wins, losses, x) + 1e-12);
    }
}
