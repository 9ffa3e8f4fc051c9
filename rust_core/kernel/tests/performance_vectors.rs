//! Metrics, PSR, minimum track record and Newey-West against independently computed numbers.

use std::path::PathBuf;

use serde_json::Value;
use xsmom_kernel::metrics::{
    Moments, automatic_lags, hac_sharpe, lo_factor, long_run_variance, metrics, newey_west_t,
};
use xsmom_kernel::overfit::{Track, expected_max, normal_cdf, normal_quantile};

/// The vectors lie beside the checkout; without them the test has nothing to compare with.
fn load(name: &str) -> Option<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let Ok(text) = std::fs::read_to_string(root.join(name)) else {
        eprintln!("skipped: {name} is not beside this checkout");
        return None;
    };
    Some(serde_json::from_str(&text).expect("vectors are JSON"))
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

#[track_caller]
fn near(found: f64, expected: &Value, rtol: f64, what: &str) {
    let Some(expected) = expected.as_f64() else {
        assert!(!found.is_finite(), "{what}: {found} should not be defined");
        return;
    };
    assert!(
        (found - expected).abs() <= 1e-12 + rtol * expected.abs(),
        "{what}: {found} is not {expected}"
    );
}

#[test]
fn metrics_match_on_every_series() {
    let Some(vectors) = load("03_performance_metrics.json") else { return };
    for (name, case) in vectors["cases"].as_object().expect("cases") {
        let primary = &case["primary"];
        let found =
            metrics(&list(&case["returns"]), primary["periods_per_year"].as_f64().expect("P"));
        for (key, value) in [
            ("mean", found.mean),
            ("std_ddof1", found.std),
            ("sharpe_ann", found.sharpe),
            ("sortino_ann", found.sortino),
            ("downside_dev_ann", found.downside_ann),
            ("total_return", found.total_return),
            ("cagr", found.cagr),
            ("ann_vol", found.volatility_ann),
            ("max_drawdown", found.max_drawdown),
            ("calmar", found.calmar),
            ("ulcer_index", found.ulcer),
            ("VaR95_hist_linear", found.var95),
            ("CVaR95_rockafellar_uryasev", found.cvar95),
            ("skew_biased", found.skew),
            ("kurt_biased_nonexcess", found.kurtosis),
            ("hit_rate", found.hit_rate),
            ("tail_ratio", found.tail_ratio),
        ] {
            near(value, &primary[key], 1e-9, &format!("{name}.{key}"));
        }
        for (key, value) in [
            ("dd_peak_index_in_equity", found.drawdown_peak),
            ("dd_trough_index_in_equity", found.drawdown_trough),
            ("max_underwater_periods", found.underwater_max),
        ] {
            assert_eq!(value as u64, primary[key].as_u64().expect("an index"), "{name}.{key}");
        }
    }
}

#[test]
fn edge_cases_are_undefined_and_never_absurd() {
    let zero = metrics(&[0.0; 20], 365.0);
    assert!(zero.sharpe.is_nan() && zero.calmar.is_nan() && zero.max_drawdown == 0.0);
    assert!(metrics(&[0.001; 20], 365.0).sharpe.is_nan());
    assert!(metrics(&[0.01], 365.0).sharpe.is_nan());
    let lost = metrics(&[0.01, -1.0, 0.02], 365.0);
    assert!(lost.max_drawdown == -1.0 && lost.cagr == -1.0 && lost.bankrupt);
    let levered = metrics(&[0.01, -1.2, 0.02], 365.0);
    assert!(levered.total_return == -1.0 && levered.bankrupt);
}

#[test]
fn leverage_leaves_sharpe_and_sortino_alone() {
    let base: Vec<f64> =
        (0..200_i32).map(|i| f64::from((i * 7919) % 199) / 19_900.0 - 0.0049).collect();
    let twice: Vec<f64> = base.iter().map(|r| 2.0 * r).collect();
    let (one, two) = (metrics(&base, 365.0), metrics(&twice, 365.0));
    assert!((one.sharpe - two.sharpe).abs() < 1e-12 && (one.sortino - two.sortino).abs() < 1e-12);
    assert!(two.max_drawdown < one.max_drawdown);
}

fn track(args: &Value) -> Track {
    let field = |name: &str| args[name].as_f64().unwrap_or(f64::NAN);
    Track { sharpe: field("sr"), n: field("T"), skew: field("skew"), kurtosis: field("kurt") }
}

#[test]
fn published_examples_of_psr_dsr_and_track_record_match() {
    let Some(vectors) = load("04_psr_dsr_paper_examples.json") else { return };
    let mut seen = 0;
    for case in vectors["cases"]["paper"].as_array().expect("cases") {
        let args = &case["args"];
        let field = |name: &str| args[name].as_f64().unwrap_or(f64::NAN);
        let found = match case["fn"].as_str().expect("fn") {
            "psr" => track(args).psr_2012(field("sr_benchmark")),
            "sr_stdev" => track(args).standard_error(),
            "min_trl_obs" => {
                track(args).min_track_record(field("sr_benchmark"), field("confidence"))
            }
            "dsr" => track(args).dsr(field("trial_sr_var"), field("n_trials")),
            "expected_max_z" => expected_max(field("n_trials")),
            "expected_max_sr_daily" => {
                field("trial_sr_var").sqrt() * expected_max(field("n_trials"))
            }
            _ => continue,
        };
        seen += 1;
        let tolerance = case["abs_tol"].as_f64().expect("a tolerance");
        let expected = case["expected"].as_f64().expect("a number");
        assert!((found - expected).abs() <= tolerance, "{case}: {found}");
        if let Some(exact) = case["exact"].as_f64() {
            assert!((found - exact).abs() <= 1e-9, "{case}: {found} is not exactly {exact}");
        }
    }
    assert!(seen >= 14, "only {seen} published examples were read");
}

#[test]
fn the_2025_form_matches_its_public_examples() {
    let Some(vectors) = load("04_psr_dsr_paper_examples.json") else { return };
    let cases = vectors["cases"]["how_to_use_2025"].as_array().expect("cases");
    assert!(!cases.is_empty());
    for case in cases {
        let field = |name: &str| case[name].as_f64().expect("a number");
        let track = Track {
            sharpe: field("SR"),
            n: field("T"),
            skew: field("skew"),
            kurtosis: field("kurt"),
        };
        near(track.psr_2025(0.0, field("rho")), &case["psr_SR0_0"], 1e-9, "psr at 0");
        near(track.psr_2025(0.1, field("rho")), &case["psr_SR0_01"], 1e-9, "psr at 0.1");
    }
}

#[test]
fn identities_of_psr_hold() {
    let track = Track { sharpe: 0.1, n: 500.0, skew: -0.7, kurtosis: 6.0 };
    assert!((track.psr_2012(0.1) - 0.5).abs() < 1e-15);
    let needed = track.min_track_record(0.02, 0.95);
    let at = Track { n: needed, ..track };
    assert!((at.psr_2012(0.02) - 0.95).abs() < 1e-12);
    assert!(track.dsr(0.001, 100.0) < track.dsr(0.001, 10.0));
    assert!(Track { sharpe: 3.0, skew: 4.0, kurtosis: 2.0, ..track }.psr_2012(0.0).is_nan());
}

#[test]
fn the_normal_quantile_inverts_its_distribution() {
    for i in 1..2_000 {
        let p = f64::from(i) / 2_000.0;
        assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-15 + 1e-14 * p, "p = {p}");
    }
    for tail in [1e-3, 1e-9, 1e-30, 1e-200] {
        assert!((normal_cdf(normal_quantile(tail)) / tail - 1.0).abs() < 1e-10, "tail {tail}");
    }
    assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-14);
}

#[test]
fn newey_west_and_lo_match() {
    let (Some(vectors), Some(series)) =
        (load("10_newey_west_lo_sharpe.json"), load("08_bootstrap.json"))
    else {
        return;
    };
    for case in vectors["cases"]["eta_ar1"].as_array().expect("cases") {
        let (q, rho) =
            (case["q"].as_u64().expect("q") as usize, case["rho"].as_f64().expect("rho"));
        let mut power = 1.0;
        let autocorrelations: Vec<f64> = (1..q)
            .map(|_| {
                power *= rho;
                power
            })
            .collect();
        near(lo_factor(q, &autocorrelations), &case["eta"], 1e-8, "eta");
    }
    for (name, case) in vectors["cases"]["data"].as_object().expect("cases") {
        let x = list(&series["cases"]["series"][name]);
        let x: Vec<f64> = x.iter().map(|r| r + 0.0005).collect();
        near(Moments::of(&x).std, &case["std_ddof1"], 1e-8, "std");
        assert_eq!(
            automatic_lags(x.len()) as u64,
            case["auto_lag_floor_4(n/100)^(2/9)"].as_u64().expect("lags")
        );
        for lags in [0, 4, 12, 24, 48] {
            let expected = &case[format!("nw_L{lags}")];
            near(newey_west_t(&x, lags), &expected["t_no_corr"], 1e-8, "t");
            near(hac_sharpe(&x, lags), &expected["hac_sharpe_per_period"], 1e-8, "hac");
            let se = (long_run_variance(&x, lags) / x.len() as f64).sqrt();
            near(se, &expected["se_no_corr"], 1e-8, "se");
        }
    }
}
