//! The public indicators against published vectors, against a two-pass recomputation on hard data,
//! and against themselves: columns are independent, absent values behave as said, bits are the same.

use std::path::Path;

use serde_json::Value;
use xsmom_kernel::indicators::{
    self as ind, Bars, adx, adx_into, atr, atr_into, ema, ema_into, rolling_std, rolling_std_into,
};
use xsmom_kernel::{KernelError, lanes};

/// A file of shared vectors; `None`, with a note, where they are not beside the repository.
fn vectors(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn assert_near(name: &str, got: &[f64], want: &[f64], rtol: f64, atol: f64) {
    assert_eq!(got.len(), want.len(), "{name}");
    assert!(want.iter().any(|x| !x.is_nan()), "{name}: nothing to compare with");
    for (t, (g, w)) in got.iter().zip(want).enumerate() {
        let near = (g - w).abs() <= atol + rtol * w.abs() || (g.is_nan() && w.is_nan());
        assert!(near, "{name}[{t}]: {g}, expected {w}");
    }
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}

#[test]
fn talib_vectors() {
    let Some(file) = vectors("01_talib_indicators.json") else { return };
    let input = |name: &str| numbers(&file["cases"]["input"][name]);
    let (high, low, close) = (input("high"), input("low"), input("close"));
    let bars = Bars { high: &high, low: &low, close: &close, cols: 1 };
    let check = |name: String, got: Vec<f64>| {
        let want = numbers(&file["cases"]["expected"][&name]);
        assert_near(&name, &got, &want, 1e-9, 1e-9);
    };
    for p in [7, 14, 20] {
        check(format!("ATR_{p}"), atr(bars, p).unwrap());
        check(format!("ADX_{p}"), adx(bars, p).unwrap());
        check(format!("PLUS_DI_{p}"), ind::plus_di(bars, p).unwrap());
        check(format!("MINUS_DI_{p}"), ind::minus_di(bars, p).unwrap());
    }
    check("TRANGE".to_owned(), ind::true_range(bars).unwrap());
    check("PLUS_DM_14".to_owned(), ind::plus_dm(bars, 14).unwrap());
    check("MINUS_DM_14".to_owned(), ind::minus_dm(bars, 14).unwrap());
    check("DX_14".to_owned(), ind::dx(bars, 14).unwrap());
    for p in [12, 26, 50] {
        check(format!("EMA_{p}"), ema(&close, 1, p).unwrap());
    }
    check("SMA_20".to_owned(), ind::rolling_mean(&close, 1, 20).unwrap());
    let want = numbers(&file["cases"]["expected"]["STDDEV_20"]);
    assert_near("STDDEV_20", &rolling_std(&close, 1, 20, 0).unwrap(), &want, 1e-6, 1e-9);
}

#[test]
fn rolling_vectors() {
    let Some(file) = vectors("02_rolling_ewm_zscore.json") else { return };
    let x = numbers(&file["cases"]["returns"]);
    let expected = &file["cases"]["expected"];
    let check = |name: String, got: Vec<f64>| {
        assert_near(&name, &got, &numbers(&expected[&name]), 1e-9, 1e-12);
    };
    for p in [10, 24, 72] {
        check(format!("mean_{p}"), ind::rolling_mean(&x, 1, p).unwrap());
        for ddof in [0, 1] {
            check(format!("std_{p}_ddof{ddof}"), rolling_std(&x, 1, p, ddof).unwrap());
            let z = ind::rolling_zscore(&x, 1, p, ddof).unwrap();
            check(format!("zlast_{p}_ddof{ddof}"), z);
        }
    }
    check("median_24".to_owned(), ind::rolling_median(&x, 1, 24).unwrap());
    let hard = &file["cases"]["ill_conditioned"];
    let got = rolling_std(&numbers(&hard["x"]), 1, 20, 1).unwrap();
    assert_near("ill-conditioned", &got, &numbers(&hard["std_20_ddof1"]), 1e-7, 0.0);
}

#[test]
fn cross_section_vectors() {
    let Some(file) = vectors("02_rolling_ewm_zscore.json") else { return };
    let case = &file["cases"]["cross_section"];
    let flat = |name: &str| -> Vec<f64> {
        case[name].as_array().unwrap().iter().flat_map(numbers).collect()
    };
    let (x, cols) = (flat("matrix"), case["matrix"][0].as_array().unwrap().len());
    for (name, got) in [
        ("rank_average", ind::ranks(&x, cols)),
        ("zscore_ddof0", ind::zscores(&x, cols, 0)),
        ("zscore_ddof1", ind::zscores(&x, cols, 1)),
        ("robust_z_mad_1.4826", ind::robust_zscores(&x, cols)),
    ] {
        assert_near(name, &got.unwrap(), &flat(name), 1e-9, 1e-12);
    }
}

/// Where nothing moves, DX and ADX keep their values; figures of TA-Lib 0.8.2.
#[test]
fn a_market_that_stands_still_keeps_its_direction() {
    let flat = [10.0; 9];
    let moving = [10.5, 10.2, 10.9, 11.3, 11.0];
    let close: Vec<f64> = flat.into_iter().chain(moving).chain([11.0; 6]).collect();
    let wick = |side: f64| -> Vec<f64> {
        let inside = |t: usize| (9..14).contains(&t);
        close.iter().enumerate().map(|(t, p)| if inside(t) { p + side } else { *p }).collect()
    };
    let (high, low) = (wick(0.25), wick(-0.2));
    let bars = Bars { high: &high, low: &low, close: &close, cols: 1 };
    let n = f64::NAN;
    let dx = [
        n,
        n,
        n,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0,
        100.0,
        24.999_999_999_999_89,
        67.567_567_567_567_55,
        78.181_818_181_818_16,
        30.232_558_139_534_82,
        30.232_558_139_534_827,
        30.232_558_139_534_827,
        30.232_558_139_534_827,
        30.232_558_139_534_838,
        30.232_558_139_534_838,
        30.232_558_139_534_827,
    ];
    let adx_want = [
        n,
        n,
        n,
        n,
        n,
        0.0,
        0.0,
        0.0,
        0.0,
        33.333_333_333_333_336,
        30.555_555_555_555_518,
        42.892_892_892_892_86,
        54.655_867_989_201_29,
        46.514_764_705_979_13,
        41.087_362_517_164_365,
        37.469_094_391_287_854,
        35.056_915_640_703_515,
        33.448_796_473_647_29,
        32.376_717_028_943_14,
        31.661_997_399_140_372,
    ];
    assert_near("DX_3", &ind::dx(bars, 3).unwrap(), &dx, 1e-9, 1e-9);
    assert_near("ADX_3", &adx(bars, 3).unwrap(), &adx_want, 1e-9, 1e-9);
    let still = vec![10.0; 12];
    let bars = Bars { high: &still, low: &still, close: &still, cols: 1 };
    assert_eq!(adx(bars, 3).unwrap()[5..], [0.0; 7]);
    assert_eq!(ind::plus_di(bars, 3).unwrap()[3..], [0.0; 9]);
}

/// Prices in columns of very different levels, with jumps, stretches without a move, and NaN.
fn panel(rows: usize, cols: usize, hole_every: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut state = 9_u64;
    let mut uniform = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut price: Vec<f64> =
        (0..cols).map(|i| [1e-6, 1.0, 1e8, 40_000.0][i % 4] * (1.0 + uniform())).collect();
    let (mut high, mut low, mut close) = (Vec::new(), Vec::new(), Vec::new());
    for t in 0..rows {
        for i in 0..cols {
            let quiet = (t / 90) % 3 == 1 && i % 3 == 0;
            let jump = if t % 131 == 7 && i % 5 == 1 { 50.0 } else { 1.0 };
            let size = if i % 4 == 2 { 1e-11 } else { 0.02 };
            price[i] *= if quiet { 1.0 } else { (1.0 + size * (uniform() - 0.5)) * jump };
            if price[i] > 1e12 {
                price[i] *= 1e-9;
            }
            let hole = hole_every > 0 && (t * cols + i) % hole_every == 3;
            let shown = if hole || (i == 1 && t < 40) { f64::NAN } else { price[i] };
            high.push(shown * (1.0 + 0.003 * uniform()));
            low.push(shown * (1.0 - 0.003 * uniform()));
            close.push(shown);
        }
    }
    (high, low, close)
}

fn column(x: &[f64], cols: usize, i: usize) -> Vec<f64> {
    x.iter().copied().skip(i).step_by(cols).collect()
}

#[test]
fn rolling_deviation_keeps_its_digits_on_hard_data() {
    let (cols, rows) = (11, 700);
    let (_, _, close) = panel(rows, cols, 97);
    for period in [2, 20, 64, 150] {
        let got = rolling_std(&close, cols, period, 1).unwrap();
        for i in 0..cols {
            let x = column(&close, cols, i);
            for t in period - 1..rows {
                let window = &x[t + 1 - period..=t];
                let mean = window.iter().map(|v| v - window[0]).sum::<f64>() / period as f64;
                let squares =
                    window.iter().map(|v| (v - window[0] - mean) * (v - window[0] - mean));
                let want = (squares.sum::<f64>() / (period - 1) as f64).sqrt();
                let g = got[t * cols + i];
                let near = (g - want).abs() <= 1e-7 * want || (g.is_nan() && want.is_nan());
                assert!(near, "period {period}, column {i}, row {t}: {g:e}, two passes {want:e}");
            }
        }
    }
}

/// Every indicator that works down columns, by name.
fn down_columns(
    high: &[f64],
    low: &[f64],
    close: &[f64],
    cols: usize,
) -> Vec<(&'static str, Vec<f64>)> {
    let bars = Bars { high, low, close, cols };
    let all = vec![
        ("ema", ema(close, cols, 12)),
        ("wilder", ind::wilder(close, cols, 9)),
        ("mean", ind::rolling_mean(close, cols, 30)),
        ("std", rolling_std(close, cols, 30, 1)),
        ("zscore", ind::rolling_zscore(close, cols, 30, 0)),
        ("median", ind::rolling_median(close, cols, 9)),
        ("mad", ind::rolling_mad(close, cols, 8)),
        ("correlation", ind::rolling_correlation(close, high, cols, 20)),
        ("beta", ind::rolling_beta(close, low, cols, 20)),
        ("true range", ind::true_range(bars)),
        ("atr", atr(bars, 14)),
        ("+dm", ind::plus_dm(bars, 14)),
        ("-dm", ind::minus_dm(bars, 14)),
        ("+di", ind::plus_di(bars, 14)),
        ("-di", ind::minus_di(bars, 14)),
        ("dx", ind::dx(bars, 14)),
        ("adx", adx(bars, 14)),
    ];
    all.into_iter().map(|(name, values)| (name, values.unwrap())).collect()
}

#[test]
fn a_panel_is_its_columns() {
    let cols = 11;
    // Holes so near that a pack of columns has hardly a row without one in its past, so far between that it
    // mostly has none, and none at all.
    for hole_every in [53, 1_511, 0] {
        let (high, low, close) = panel(600, cols, hole_every);
        let together = down_columns(&high, &low, &close, cols);
        for i in 0..cols {
            let one = |x: &[f64]| column(x, cols, i);
            let alone = down_columns(&one(&high), &one(&low), &one(&close), 1);
            for ((name, together), (_, alone)) in together.iter().zip(&alone) {
                let same = same_bits(&column(together, cols, i), alone);
                assert!(same, "{name}, column {i}, a hole every {hole_every}");
            }
        }
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    for (cols, hole_every) in [(13, 61), (13, 2_003), (5, 0)] {
        let (high, low, close) = panel(400, cols, hole_every);
        let best = down_columns(&high, &low, &close, cols);
        let baseline = lanes::at_baseline(|| down_columns(&high, &low, &close, cols));
        for ((name, best), (_, baseline)) in best.iter().zip(&baseline) {
            assert!(same_bits(best, baseline), "{name}");
        }
    }
}

#[test]
fn an_absent_value_starts_a_recursion_anew() {
    let (high, low, close) = panel(200, 1, 0);
    let (mut broken_high, mut broken_low, mut broken) = (high.clone(), low.clone(), close.clone());
    for x in [&mut broken_high, &mut broken_low, &mut broken] {
        x[80] = f64::NAN;
    }
    let got = down_columns(&broken_high, &broken_low, &broken, 1);
    let before = down_columns(&high, &low, &close, 1);
    let after = down_columns(&high[81..], &low[81..], &close[81..], 1);
    for (((name, got), (_, before)), (_, after)) in got.iter().zip(&before).zip(&after) {
        assert!(same_bits(&got[..80], &before[..80]), "{name} before the hole");
        assert!(got[80].is_nan(), "{name} at the hole");
        // Windows are grouped at other rows there, recursions are the very same.
        assert_near(name, &got[81..], after, 1e-9, 1e-12);
    }
}

#[test]
fn lengths_and_shapes_that_make_no_sense_are_refused() {
    let x = [1.0, 2.0, 3.0, 4.0];
    let argument =
        |result: Result<Vec<f64>, KernelError>| matches!(result, Err(KernelError::Argument { .. }));
    let shape =
        |result: Result<Vec<f64>, KernelError>| matches!(result, Err(KernelError::Shape { .. }));
    let bars = Bars { high: &x, low: &x, close: &x, cols: 2 };
    assert!(argument(ema(&x, 1, 0)) && argument(atr(bars, 0)) && argument(adx(bars, 0)));
    assert!(argument(ind::rolling_mean(&x, 1, 0)) && argument(ind::rolling_median(&x, 1, 0)));
    assert!(argument(rolling_std(&x, 1, 1, 1)) && argument(rolling_std(&x, 1, 3, 2)));
    assert!(argument(ind::rolling_correlation(&x, &x, 1, 1)) && argument(ind::zscores(&x, 2, 2)));
    assert!(shape(ema(&x, 3, 2)) && shape(ema(&x, 0, 2)) && shape(ind::ranks(&x, 3)));
    assert!(shape(ind::rolling_beta(&x, &x[..2], 1, 2)));
    assert!(shape(atr(Bars { low: &x[..2], ..bars }, 2)));
    let mut short = [0.0; 3];
    assert!(ema_into(&x, 1, 2, &mut short).is_err() && atr_into(bars, 2, &mut short).is_err());
    assert!(rolling_std_into(&x, 1, 2, 0, &mut short).is_err());
    assert!(adx_into(bars, 2, &mut short).is_err());
    for (name, values) in down_columns(&x, &x, &x, 1) {
        let reaches = ["true range"].contains(&name);
        assert_eq!(values.iter().all(|v| v.is_nan()), !reaches, "{name}: longer than the data");
    }
    assert!(ema(&[], 3, 5).unwrap().is_empty());
}

#[test]
fn degenerate_rows_have_answers() {
    let n = f64::NAN;
    let x = [2.0, 2.0, 2.0, n, n, n, 5.0, n, n, -0.0, 0.0, 1.0];
    assert_near("ranks", &ind::ranks(&x, 3).unwrap()[..3], &[2.0, 2.0, 2.0], 0.0, 0.0);
    assert_near("zeros tie", &ind::ranks(&x, 3).unwrap()[9..], &[1.5, 1.5, 3.0], 0.0, 0.0);
    let z = ind::zscores(&x, 3, 0).unwrap();
    assert!(z[..9].iter().all(|v| v.is_nan()) && z[11] > 1.0);
    assert!(ind::robust_zscores(&x, 3).unwrap().iter().all(|v| v.is_nan()));
    let flat = [3.0; 6];
    assert_eq!(rolling_std(&flat, 1, 3, 1).unwrap()[2..], [0.0; 4]);
    assert!(ind::rolling_zscore(&flat, 1, 3, 1).unwrap().iter().all(|v| v.is_nan()));
    assert!(ind::rolling_correlation(&flat, &flat, 1, 3).unwrap().iter().all(|v| v.is_nan()));
}
