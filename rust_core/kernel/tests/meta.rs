//! The meta-labeller against published numbers, its slow twin, and worlds with and without skill.

use std::path::PathBuf;

use serde_json::Value;
use xsmom_kernel::book::Side;
use xsmom_kernel::features::{Scratch, features_last};
use xsmom_kernel::meta::{
    CalibrationError, Estimate, FEATURES, Labelled, Logistic, MetaLabeller, MetaRow, Rates, Scaler,
    sigmoid,
};
use xsmom_kernel::panel::Panel;
use xsmom_kernel::params::Params;
use xsmom_kernel::row::FeatureRow;

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(float).collect()
}

fn whole(value: &Value) -> i64 {
    value.as_i64().expect("a whole number")
}

fn eight(value: &Value) -> [f64; FEATURES] {
    floats(value).try_into().expect("eight features")
}

fn same(found: f64, expected: f64, tolerance: f64) -> bool {
    (found.is_nan() && expected.is_nan()) || (found - expected).abs() <= tolerance
}

// ---- published numbers -------------------------------------------------------------------------

/// The vectors lie beside the checkout; without them the test has nothing to compare with.
fn vectors() -> Option<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let Ok(text) = std::fs::read_to_string(root.join("12_logistic_sgd_river.json")) else {
        eprintln!("skipped: 12_logistic_sgd_river.json is not beside this checkout");
        return None;
    };
    Some(serde_json::from_str(&text).expect("vectors are JSON"))
}

/// Predict, then learn, through all samples; the probabilities before each step.
fn run(cases: &Value, variant: &str, rates: &Rates, scaled: bool) -> Vec<f64> {
    let expected = &cases["expected"][variant];
    let (mut model, mut scaler) = (Logistic::<5>::default(), Scaler::<5>::default());
    let rows = cases["X"].as_array().expect("samples");
    let labels = cases["y"].as_array().expect("labels");
    let probabilities = floats(&expected["predict_proba_before_learn"]);
    assert_eq!((rows.len(), probabilities.len()), (400, 400));
    for (at, row) in rows.iter().enumerate() {
        let mut x: [f64; 5] = floats(row).try_into().expect("five features");
        if scaled {
            scaler.learn(&x);
            x = scaler.transform(&x);
        }
        let found = sigmoid(model.logit(&x));
        assert!(same(found, probabilities[at], 1e-9), "{variant} sample {at}: {found}");
        model.learn(&x, labels[at] == 1, rates);
        if let Some(snapshot) = expected["snapshots_after"].get(at.to_string()) {
            assert!(same(model.intercept, float(&snapshot["intercept"]), 1e-9), "{variant} {at}");
            for (weight, expected) in model.weights.iter().zip(floats(&snapshot["weights"])) {
                assert!(same(*weight, expected, 1e-9), "{variant} sample {at}");
            }
        }
    }
    probabilities
}

#[test]
fn online_learning_reproduces_river() {
    let Some(vectors) = vectors() else { return };
    for (variant, weights, intercept, l2, scaled) in [
        ("sgd_lr0.01", 0.01, 0.01, 0.0, false),
        ("sgd_lr0.05_l2_0.001", 0.05, 0.01, 0.001, false),
        ("sgd_lr0.05_scaled", 0.05, 0.01, 0.0, true),
        ("sgd_lr0.05_intercept_lr0", 0.05, 0.0, 0.0, false),
    ] {
        run(&vectors["cases"], variant, &Rates { weights, intercept, l2 }, scaled);
    }
}

#[test]
fn calibration_error_matches() {
    let Some(vectors) = vectors() else { return };
    let cases = &vectors["cases"];
    let rates = Rates { weights: 0.05, intercept: 0.01, l2: 0.0 };
    let chances = run(cases, "sgd_lr0.05_scaled", &rates, true);
    let labels = cases["y"].as_array().expect("labels");
    let pairs = chances.iter().zip(labels).skip(100);
    let labelled: Vec<_> = pairs
        .map(|(chance, label)| Labelled { logit: 0.0, chance: *chance, paid: label == 1 })
        .collect();
    let found = CalibrationError::of(&labelled);
    assert!(same(found.error, float(&cases["calibration"]["ece_10_equal_width"]), 1e-9));
}

// ---- the twin ----------------------------------------------------------------------------------

fn twin() -> Value {
    let text = include_str!("../../../tests/vectors/meta_twin.json");
    serde_json::from_str(text).expect("cases are JSON")
}

fn params(row: &Value) -> Params {
    Params {
        meta_rate: float(&row["meta_rate"]),
        meta_intercept_rate: float(&row["meta_intercept_rate"]),
        meta_l2: float(&row["meta_l2"]),
        meta_horizon_bars: whole(&row["meta_horizon_bars"]) as u32,
        meta_labels_min: whole(&row["meta_labels_min"]) as u32,
        meta_scale_min: float(&row["meta_scale_min"]),
        meta_scale_max: float(&row["meta_scale_max"]),
        ..Params::default()
    }
}

#[test]
fn the_slow_twin_lives_the_same_life() {
    let told = &twin()["life"];
    let params = params(&told["params"]);
    let mut meta = MetaLabeller::new(3, &params);
    let mut scaled = 0;
    for step in told["steps"].as_array().expect("steps") {
        let (bar, close) = (whole(&step["bar"]), floats(&step["close"]));
        meta.observe(bar, &close, &params);
        let trial = &meta.trial;
        assert!(same(trial.statistic, float(&step["state"][0]), 1e-6), "bar {bar}");
        assert!(same(trial.calibration_excess, float(&step["state"][1]), 1e-6), "bar {bar}");
        assert_eq!(Some(trial.promoted), step["state"][2].as_bool(), "bar {bar}");
        let entries = step["entries"].as_array().expect("entries");
        let said: Vec<(usize, Side, [f64; FEATURES], Estimate)> = entries
            .iter()
            .map(|entry| {
                let x = eight(&entry[2]);
                let side = if whole(&entry[1]) > 0 { Side::Long } else { Side::Short };
                (whole(&entry[0]) as usize, side, x, meta.estimate(&x, &params))
            })
            .collect();
        for ((symbol, side, x, estimate), entry) in said.iter().zip(entries) {
            let expected = floats(&entry[3]);
            let found = [estimate.logit, estimate.chance, estimate.base_rate, estimate.scale];
            for (found, expected) in found.iter().zip(&expected) {
                assert!(same(*found, *expected, 1e-6), "bar {bar}: {found} is not {expected}");
            }
            scaled += u32::from(estimate.scale != 1.0);
            meta.enter(bar, *symbol, *side, close[*symbol], x, estimate, &params);
        }
    }
    assert!(scaled > 50, "the life must reach the promoted state, {scaled} entries did");
    for (found, expected) in meta.model.weights.iter().zip(floats(&told["weights"])) {
        assert!(same(*found, expected, 1e-9));
    }
}

#[test]
fn features_are_those_of_the_twin() {
    for (at, told) in twin()["rows"].as_array().expect("rows").iter().enumerate() {
        let take = |name: &str| floats(&told[name]);
        let (score, sigma, moves) = (take("score"), take("sigma"), take("moves"));
        let (funding, volume) = (take("funding_frac"), take("dollar_volume_usdt"));
        let variance: Vec<f64> = sigma.iter().map(|sigma| sigma * sigma).collect();
        let empty: &[f64] = &[];
        let row = FeatureRow {
            close_ms: 0,
            close: empty,
            score: &score,
            moves: &moves,
            trend: empty,
            variance: &variance,
            atr: empty,
            trail_ma: empty,
            slope_bps_day: empty,
            adx: empty,
            breakout: empty,
            beta: empty,
            funding_frac: &funding,
            dollar_volume_usdt: &volume,
            adv_usdt: empty,
            ret_window: empty,
            ret_rows: 0,
            vol_ratio: float(&told["vol_ratio"]),
            dispersion_ratio: float(&told["dispersion_ratio"]),
            implied_corr: float(&told["implied_corr"]),
            router_dispersion_bps: f64::NAN,
        };
        let mut meta = MetaRow::new(6);
        meta.prepare(&row);
        for i in 0..6 {
            for side in Side::BOTH {
                let found = meta.features_of(&row, i, side);
                let expected = eight(&told["features"][i][side as usize]);
                for (found, expected) in found.iter().zip(&expected) {
                    assert!(same(*found, *expected, 1e-12), "row {at}: {found} {expected}");
                }
            }
        }
    }
}

#[test]
fn a_feature_row_carries_what_the_meta_labeller_reads() {
    let (rows, cols, bar_ms) = (300, 4, 3_600_000);
    let mut dice = Dice(7);
    let mut close = vec![100.0; cols];
    let (mut prices, mut volume) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        for price in &mut close {
            *price *= 1.0 + 0.02 * (dice.roll() - 0.5);
        }
        prices.extend_from_slice(&close);
        volume.extend((0..cols).map(|_| 1e6 * dice.roll()));
    }
    let symbols: Vec<String> = (0..cols).map(|i| format!("S{i}")).collect();
    let funding = vec![1e-5; rows * cols];
    let panel = Panel {
        bar_ms,
        first_bar: 400_000,
        rows,
        cols,
        symbols: &symbols,
        open: &prices,
        high: &prices,
        low: &prices,
        close: &prices,
        volume_usdt: &volume,
        funding_frac: &funding,
        settles: &[],
        listed_ms: &[0; 4],
        delisted_ms: &[i64::MAX; 4],
    };
    panel.check().expect("a sound panel");
    for (on, k_dispersion_bars, known) in [(true, 24, 8), (true, 0, 7), (false, 0, 2)] {
        let params = Params {
            meta_enabled: on,
            k_dispersion_bars,
            dollar_volume_days: 5,
            vol_regime_base_bars: 48,
            ..Params::default()
        };
        let mut scratch = Scratch::new(&params, cols).expect("parameters");
        let row = features_last(&panel, &mut scratch).expect("features");
        let mut meta = MetaRow::new(cols);
        meta.prepare(&row);
        let found = meta.features_of(&row, 2, Side::Short);
        let known_now = found.iter().filter(|value| !value.is_nan()).count();
        assert_eq!(known_now, known, "{found:?}");
    }
}

// ---- worlds ------------------------------------------------------------------------------------

/// A seeded stream of uniform numbers in 0 … 1.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// 800 entries, one every third bar; the price moves to the entry's side with a chance that leans on
/// the first feature by `skill`. The learner, and the scales that it gave.
fn world(seed: u64, skill: f64) -> (MetaLabeller, Vec<f64>) {
    let params = Params { meta_horizon_bars: 3, meta_labels_min: 100, ..Params::default() };
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut meta = MetaLabeller::new(1, &params);
    let mut price = 100.0;
    let mut scales = Vec::new();
    for bar in 0..2_400 {
        meta.observe(bar, &[price], &params);
        if bar % 3 != 0 {
            continue;
        }
        let mut x = [0.0; FEATURES];
        for value in &mut x {
            *value = dice.roll() - 0.5;
        }
        let estimate = meta.estimate(&x, &params);
        scales.push(estimate.scale);
        meta.enter(bar, 0, Side::Short, price, &x, &estimate, &params);
        let pays = dice.roll() < 0.45 + skill * x[0];
        price *= if pays { 0.99 } else { 1.01 };
    }
    (meta, scales)
}

#[test]
fn skill_is_promoted_and_scales_within_its_bounds() {
    let promoted = (1..=8).filter(|seed| world(*seed, 0.8).0.trial.promoted).count();
    assert!(promoted >= 7, "{promoted} of 8 skilful worlds");
    let (meta, scales) = world(1, 0.8);
    assert!(scales[..100].iter().all(|scale| *scale == 1.0), "too few labels change nothing");
    assert!(scales.iter().all(|scale| (0.5..=1.5).contains(scale)));
    assert!(scales.iter().any(|scale| *scale < 0.8) && scales.iter().any(|scale| *scale > 1.2));
    assert!(meta.model.weights[0] > 0.0);
}

#[test]
fn luck_is_hardly_ever_promoted() {
    let ends: Vec<_> = (1..=30).map(|seed| world(seed, 0.0)).collect();
    let promoted = ends.iter().filter(|(meta, _)| meta.trial.promoted).count();
    let bars = ends.iter().flat_map(|(_, scales)| scales);
    let touched = bars.filter(|scale| **scale != 1.0).count();
    println!("{promoted} of 30 worlds end promoted, {touched} of 24,000 entries were scaled");
    assert!(promoted <= 2, "{promoted} of 30 worlds without skill end promoted");
    assert!(touched <= 720, "{touched} of 24,000 entries without skill were scaled");
}

#[test]
fn labels_come_late_once_or_not_at_all() {
    let params = Params { meta_horizon_bars: 5, ..Params::default() };
    let mut meta = MetaLabeller::new(2, &params);
    let x = [1.0; FEATURES];
    let estimate = meta.estimate(&x, &params);
    assert_eq!((estimate.chance, estimate.base_rate, estimate.scale), (0.5, 0.5, 1.0));
    assert_eq!(estimate.x, [0.0; FEATURES], "one sample has no spread");
    meta.enter(10, 0, Side::Long, 100.0, &x, &estimate, &params);
    meta.enter(10, 1, Side::Short, 100.0, &x, &estimate, &params);
    for bar in 11..15 {
        meta.observe(bar, &[500.0, 500.0], &params);
        assert_eq!(meta.labels, 0, "nothing is known at bar {bar}");
    }
    let before = meta.model;
    meta.observe(15, &[101.0, f64::NAN], &params);
    assert_eq!((meta.labels, meta.labels_paid, meta.lost), (1, 1, 1));
    assert_ne!(meta.model, before);
    meta.observe(16, &[101.0, 101.0], &params);
    assert_eq!(meta.labels, 1);
    // A bar that was never seen gives no label later.
    meta.enter(20, 0, Side::Long, 100.0, &x, &estimate, &params);
    meta.observe(26, &[101.0, 101.0], &params);
    assert_eq!((meta.labels, meta.lost, meta.pending.len()), (1, 2, 0));
}

#[test]
fn the_queue_has_a_bound() {
    let params = Params { meta_horizon_bars: 2, ..Params::default() };
    let mut meta = MetaLabeller::new(1, &params);
    let estimate = meta.estimate(&[0.0; FEATURES], &params);
    for _ in 0..9 {
        meta.enter(0, 0, Side::Long, 1.0, &[0.0; FEATURES], &estimate, &params);
    }
    assert_eq!((meta.pending.len(), meta.pending_max, meta.lost), (3, 3, 6));
}

#[test]
fn an_upside_down_model_is_calibrated_to_the_base_rate() {
    let mut calibration = xsmom_kernel::meta::Calibration::default();
    for k in 0..300 {
        let paid = k % 3 == 0;
        let logit = if paid { -1.0 } else { 1.0 };
        calibration.push(Labelled { logit, chance: 0.5, paid });
    }
    calibration.fit();
    assert_eq!(calibration.slope, 0.0);
    assert!((calibration.chance(9.0) - 1.0 / 3.0).abs() < 0.01);
}

#[test]
fn unknown_features_teach_the_scaler_nothing() {
    let mut scaler = Scaler::<2>::default();
    for x in [[1.0, f64::NAN], [3.0, f64::NAN], [f64::NAN, f64::NAN]] {
        scaler.learn(&x);
    }
    assert_eq!(scaler.transform(&[3.0, 5.0]), [1.0, 0.0]);
    assert_eq!(scaler.transform(&[f64::NAN, 5.0]), [0.0, 0.0]);
}
