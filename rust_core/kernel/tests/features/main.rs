//! The block implementation of the features against a plain recomputation, and its promise that a
//! value has the same bits wherever the history begins and however fast the CPU is.

mod oracle;
mod panels;
mod steady;

use oracle::Oracle;
use panels::{Arrays, Uniform};
use xsmom_kernel::KernelError;
use xsmom_kernel::features::{
    FeatureTable, Scratch, blocks, check_warmup, features, features_block, features_last,
    warmup_bars,
};
use xsmom_kernel::lanes;
use xsmom_kernel::params::{Params, SignalCombine, SignalKind, TrailKind};
use xsmom_kernel::row::FeatureRow;

const HOUR_MS: i64 = 3_600_000;

/// Short windows, so that a slow recomputation of many bars is quick; everything switched on.
fn everything() -> Params {
    Params {
        bar_ms: 4 * HOUR_MS,
        lookback_bars: vec![5, 24, 70],
        lookback_weights: vec![0.5, 0.3, 0.2],
        vol_bars: 40,
        dollar_volume_days: 6,
        universe_top_n: 5,
        adv_share_max_frac: 0.01,
        adv_days: 9,
        beta_neutral: true,
        beta_bars: 150,
        vol_target_enabled: true,
        vol_target_bars: 33,
        correlation_enabled: true,
        correlation_bars: 70,
        regime_enabled: true,
        regime_ema_bars: 40,
        regime_slope_bars: 7,
        adx_enabled: true,
        adx_bars: 9,
        breakout_enabled: true,
        breakout_fast_bars: 14,
        breakout_base_bars: 48,
        vol_regime_enabled: true,
        vol_regime_fast_bars: 12,
        vol_regime_base_bars: 130,
        k_dispersion_bars: 100,
        funding_tilt_x: 1.0,
        funding_bars: 72,
        router_enabled: true,
        router_bars: 66,
        majors: vec!["S000".to_owned()],
        atr_bars: 10,
        trailing_enabled: true,
        trail_kind: TrailKind::MaAtr,
        trail_ma_bars: 20,
        ..Params::default()
    }
}

fn variants() -> Vec<Params> {
    let base = everything;
    vec![
        base(),
        Params { signal_kind: SignalKind::Log, skip_bars: 3, ..base() },
        Params { signal_kind: SignalKind::VolScaled, vol_scaled_clip: 1.5, ..base() },
        Params { signal_kind: SignalKind::VolScaled, vol_scaled_clip: 0.0, ..base() },
        Params { signal_combine: SignalCombine::Rank, skip_bars: 1, ..base() },
        Params {
            signal_combine: SignalCombine::Rank,
            signal_kind: SignalKind::VolScaled,
            lookback_bars: vec![64],
            lookback_weights: vec![1.0],
            vol_bars: 2,
            beta_bars: 64,
            regime_ema_bars: 1,
            regime_slope_bars: 1,
            adx_bars: 2,
            atr_bars: 1,
            router_bars: 129,
            trail_ma_bars: 1,
            breakout_fast_bars: 80,
            breakout_base_bars: 3,
            vol_regime_fast_bars: 70,
            vol_regime_base_bars: 65,
            k_dispersion_bars: 1,
            dollar_volume_days: 8,
            adv_days: 3,
            ..base()
        },
    ]
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn all_same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(*a, *b))
}

/// Where two arrays differ by more than `tolerance` (absolute below 1, relative above).
fn assert_near(name: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{name}");
    let known = want.iter().filter(|x| !x.is_nan()).count();
    assert!(known * 4 > want.len(), "{name}: only {known} of {} are known", want.len());
    for (k, (g, w)) in got.iter().zip(want).enumerate() {
        let near = (g - w).abs() <= tolerance * w.abs().max(1.0) || (g.is_nan() && w.is_nan());
        assert!(near, "{name}[{k}]: {g:e}, recomputed {w:e}");
    }
}

#[test]
fn every_feature_agrees_with_a_plain_recomputation() {
    for (number, params) in variants().into_iter().enumerate() {
        for (cols, hole_frac) in [(7, 0.01), (17, 0.004)] {
            let arrays = Arrays::made_up(7 + number as u64, 620, cols, params.bar_ms, hole_frac);
            let got = features(&arrays.panel(), &params).unwrap();
            let want = Oracle::new(&arrays, &params);
            // A price that has stopped leaves the rounding of sliding sums, far below any use.
            assert_near("sigma", &got.sigma, &want.sigma(), 2e-10);
            assert_near("score", &got.score, &want.score(), 1e-10);
            assert_near("trend", &got.trend, &want.trend(), 1e-10);
            assert_near("atr", &got.atr, &want.atr(), 1e-10);
            assert_near("trail_ma", &got.trail_ma, &want.trail_ma(), 1e-10);
            assert_near("slope", &got.slope_bps_day, &want.slope(), 1e-10);
            assert_near("adx", &got.adx, &want.adx(), 1e-10);
            assert_near("breakout", &got.breakout, &want.breakout(), 1e-10);
            assert_near("beta", &got.beta, &want.beta(), 1e-10);
            assert_near("funding", &got.funding_frac, &want.funding(), 1e-10);
            assert_near("dollar volume", &got.dollar_volume_usdt, &want.dollar_volume(), 1e-10);
            assert_near("adv", &got.adv_usdt, &want.adv(), 1e-10);
            assert_near("vol_ratio", &got.vol_ratio, &want.vol_ratio(), 1e-10);
            assert_near("dispersion", &got.dispersion_ratio, &want.dispersion_ratio(), 1e-10);
            assert_near("implied_corr", &got.implied_corr, &want.implied_corr(), 1e-8);
            let moved = want.router_dispersion_bps();
            assert_near("router_dispersion_bps", &got.router_dispersion_bps, &moved, 1e-10);
            if params.signal_combine == SignalCombine::Rank {
                assert_near("moves", &got.moves, &want.moves(), 1e-10);
            }
        }
    }
}

/// A row's values under their names, to compare rows of different runs.
fn fields<'a>(row: &FeatureRow<'a>) -> Vec<(&'static str, Vec<f64>)> {
    let copy = |values: &'a [f64]| values.to_vec();
    vec![
        ("close", copy(row.close)),
        ("score", copy(row.score)),
        ("moves", copy(row.moves)),
        ("trend", copy(row.trend)),
        ("sigma", copy(row.variance)),
        ("atr", copy(row.atr)),
        ("trail_ma", copy(row.trail_ma)),
        ("slope", copy(row.slope_bps_day)),
        ("adx", copy(row.adx)),
        ("breakout", copy(row.breakout)),
        ("beta", copy(row.beta)),
        ("funding", copy(row.funding_frac)),
        ("dollar volume", copy(row.dollar_volume_usdt)),
        ("adv", copy(row.adv_usdt)),
        ("returns", copy(row.ret_window)),
        (
            "market",
            vec![
                row.vol_ratio,
                row.dispersion_ratio,
                row.implied_corr,
                row.router_dispersion_bps,
                row.ret_rows as f64,
                row.close_ms as f64,
            ],
        ),
    ]
}

fn assert_same_row(case: &str, got: &FeatureRow, want: &[(&'static str, Vec<f64>)]) {
    for ((name, got), (_, want)) in fields(got).iter().zip(want) {
        assert!(all_same(got, want), "{case}: {name} differs");
    }
}

/// All rows of one run over the panel from its start.
fn streamed(arrays: &Arrays, params: &Params) -> Vec<Vec<(&'static str, Vec<f64>)>> {
    let panel = arrays.panel();
    let mut scratch = Scratch::new(params, panel.cols).unwrap();
    let mut rows = Vec::new();
    for block in blocks(panel.first_bar, 0..panel.rows) {
        features_block(&panel, block.clone(), &mut scratch).unwrap();
        rows.extend(block.map(|t| fields(&scratch.row(panel.first_bar + t as i64))));
    }
    rows
}

#[test]
fn a_window_that_holds_the_warm_up_gives_the_same_bits() {
    for (number, params) in variants().into_iter().enumerate() {
        let warmup = warmup_bars(&params) as usize;
        let arrays = Arrays::made_up(90 + number as u64, warmup + 400, 11, params.bar_ms, 0.01);
        let rows = streamed(&arrays, &params);
        let mut uniform = Uniform(number as u64);
        let mut scratch = Scratch::new(&params, arrays.cols).unwrap();
        for _ in 0..25 {
            let t = warmup - 1 + uniform.below(arrays.rows - warmup + 1);
            let spare = uniform.below(t + 2 - warmup).min(uniform.below(130));
            let window = arrays.window(t + 1 - warmup - spare, t + 1);
            let case = format!("variant {number}, bar {t}, {spare} to spare");
            assert_same_row(&case, &features_last(&window, &mut scratch).unwrap(), &rows[t]);
        }
    }
}

#[test]
fn a_cold_start_and_any_cut_of_the_rows_give_the_same_bits() {
    for (number, params) in variants().into_iter().enumerate() {
        let arrays = Arrays::made_up(50 + number as u64, 900, 9, params.bar_ms, 0.01);
        let rows = streamed(&arrays, &params);
        let panel = arrays.panel();
        let mut uniform = Uniform(1 + number as u64);
        let mut scratch = Scratch::new(&params, panel.cols).unwrap();
        for _ in 0..12 {
            let from = uniform.below(panel.rows);
            let to = panel.rows.min(from + 1 + uniform.below(200));
            for block in blocks(panel.first_bar, from..to) {
                let mut next = block.start;
                while next < block.end {
                    let end = block.end.min(next + 1 + uniform.below(30));
                    features_block(&panel, next..end, &mut scratch).unwrap();
                    for t in next..end {
                        let row = scratch.row(panel.first_bar + t as i64);
                        assert_same_row(&format!("variant {number}, bar {t}"), &row, &rows[t]);
                    }
                    next = end;
                }
            }
        }
    }
}

#[test]
fn a_live_window_goes_one_step_at_a_time() {
    let params = everything();
    let warmup = warmup_bars(&params) as usize;
    let arrays = Arrays::made_up(3, warmup + 150, 8, params.bar_ms, 0.02);
    let rows = streamed(&arrays, &params);
    let mut scratch = Scratch::new(&params, arrays.cols).unwrap();
    for t in warmup..arrays.rows {
        let window = arrays.window(t - warmup, t + 1);
        assert_same_row("live", &features_last(&window, &mut scratch).unwrap(), &rows[t]);
    }
}

#[test]
fn other_data_is_noticed() {
    let params = everything();
    let (one, other) = (
        Arrays::made_up(1, 300, 6, params.bar_ms, 0.0),
        Arrays::made_up(1, 300, 6, params.bar_ms, 0.3),
    );
    let rows = streamed(&other, &params);
    let mut scratch = Scratch::new(&params, 6).unwrap();
    features_last(&one.window(0, 200), &mut scratch).unwrap();
    let row = features_last(&other.window(0, 201), &mut scratch).unwrap();
    assert_same_row("after a switch", &row, &rows[200]);
}

#[test]
fn every_level_gives_the_same_bits() {
    for (number, params) in variants().into_iter().enumerate() {
        let arrays = Arrays::made_up(number as u64, 500, 13, params.bar_ms, 0.01);
        let best = streamed(&arrays, &params);
        let baseline = lanes::at_baseline(|| streamed(&arrays, &params));
        for (t, (best, baseline)) in best.iter().zip(&baseline).enumerate() {
            for ((name, a), (_, b)) in best.iter().zip(baseline) {
                assert!(all_same(a, b), "variant {number}, {name} at {t}");
            }
        }
    }
}

#[test]
fn the_table_holds_the_rows() {
    let params = Params { signal_combine: SignalCombine::Rank, ..everything() };
    let arrays = Arrays::made_up(11, 200, 5, params.bar_ms, 0.01);
    let rows = streamed(&arrays, &params);
    let FeatureTable { score, moves, adx, implied_corr, .. } =
        features(&arrays.panel(), &params).unwrap();
    let joined = |name: &str| -> Vec<f64> {
        let find = |row: &Vec<(&str, Vec<f64>)>| {
            row.iter().find(|(field, _)| *field == name).unwrap().1.clone()
        };
        rows.iter().flat_map(find).collect()
    };
    assert!(all_same(&score, &joined("score")));
    assert!(all_same(&moves, &joined("moves")));
    assert!(all_same(&adx, &joined("adx")));
    assert!(all_same(&implied_corr, &joined("market").chunks(6).map(|m| m[2]).collect::<Vec<_>>()));
}

#[test]
fn what_is_not_needed_is_not_there() {
    let params = Params { catastrophic_atr_x: 0.0, ..Params::default() };
    let arrays = Arrays::made_up(1, 200, 4, params.bar_ms, 0.0);
    let mut scratch = Scratch::new(&params, 4).unwrap();
    let row = features_last(&arrays.panel(), &mut scratch).unwrap();
    for (name, values) in fields(&row) {
        let always = ["close", "score", "sigma", "market"].contains(&name);
        assert_eq!(values.is_empty(), !always, "{name}");
    }
    assert!(row.vol_ratio.is_nan() && row.implied_corr.is_nan() && row.ret_rows == 0);
    assert_eq!(warmup_bars(&params), 96 + 64);
}

#[test]
fn too_long_a_memory_is_refused_by_name() {
    let slow = Params {
        regime_enabled: true,
        regime_ema_bars: 450,
        regime_slope_bars: 200,
        ..Params::default()
    };
    let days = Params { bar_ms: 900_000, universe_top_n: 5, ..Params::default() };
    let back =
        Params { lookback_bars: vec![2_000], lookback_weights: vec![1.0], ..Params::default() };
    for (params, culprit) in
        [(slow, "regime_ema_bars"), (days, "dollar_volume_days"), (back, "lookback_bars")]
    {
        let refused = check_warmup(&params).unwrap_err();
        assert!(
            matches!(&refused, KernelError::Param { name, .. } if *name == culprit),
            "{refused}"
        );
        assert_eq!(Scratch::new(&params, 3).unwrap_err(), refused);
    }
    let nothing = Params {
        trailing_enabled: true,
        trail_kind: TrailKind::MaAtr,
        trail_ma_bars: 0,
        ..Params::default()
    };
    assert!(check_warmup(&nothing).is_err());
}

#[test]
fn rows_that_are_no_part_of_one_block_are_refused() {
    let params = everything();
    let arrays = Arrays::made_up(1, 200, 4, params.bar_ms, 0.0);
    let panel = arrays.panel();
    let mut scratch = Scratch::new(&params, 4).unwrap();
    let next_block = (64 - panel.first_bar.rem_euclid(64)) as usize;
    for rows in [5..5, 199..201, next_block - 1..next_block + 1, 0..150] {
        assert!(features_block(&panel, rows, &mut scratch).is_err());
    }
    let mut other = Scratch::new(&params, 5).unwrap();
    assert!(features_block(&panel, 0..1, &mut other).is_err());
    assert!(Scratch::new(&params, 0).is_err());
}

#[test]
fn one_symbol_and_empty_markets_have_answers() {
    let params = everything();
    let alone = Arrays::made_up(5, 400, 1, params.bar_ms, 0.0);
    let table = features(&alone.panel(), &params).unwrap();
    let last = table.rows - 1;
    assert!(table.sigma[last] > 0.0 && table.score[last].is_finite());
    assert!((table.beta[last] - 1.0).abs() < 1e-9, "one name is the market");
    assert!(table.dispersion_ratio[last].is_nan() && table.implied_corr[last].is_nan());
    let empty = Arrays::made_up(5, 200, 3, params.bar_ms, 1.1);
    let table = features(&empty.panel(), &params).unwrap();
    for array in [&table.score, &table.sigma, &table.atr, &table.adx, &table.beta, &table.vol_ratio]
    {
        assert!(array.iter().all(|x| x.is_nan()));
    }
    assert!(table.dollar_volume_usdt.iter().all(|x| *x == 0.0));
}
