use crate::decide::world::{HOUR_MS, NAN, World, named, near, sides};
use crate::params::ClusterAction;
use crate::reason::Reason;

/// Repeatable returns without pattern.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut x = seed;
    move || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((x >> 33) as f64 / 2_147_483_648.0 - 0.5) * 0.02
    }
}

fn with_returns(world: &mut World, rows: usize) {
    let mut draw = noise(5);
    world.ret_rows = rows;
    world.returns = (0..rows * world.names()).map(|_| draw()).collect();
}

fn gross(weights: &[f64]) -> f64 {
    weights.iter().map(|weight| weight.abs()).sum()
}

/// The formula of the page, the slow way: a full covariance matrix.
fn expected_sigma(world: &World, weights: &[f64], shrink: f64) -> f64 {
    let (n, rows) = (world.names(), world.params.vol_target_bars as usize);
    let first = world.ret_rows - rows;
    let at = |row: usize, i: usize| {
        let r = world.returns[(first + row) * n + i];
        if r.is_nan() { 0.0 } else { r }
    };
    let mean = |i: usize| (0..rows).map(|row| at(row, i)).sum::<f64>() / rows as f64;
    let mut total = 0.0;
    for i in 0..n {
        for j in 0..n {
            let products = (0..rows).map(|row| (at(row, i) - mean(i)) * (at(row, j) - mean(j)));
            let cov = products.sum::<f64>() / (rows - 1) as f64;
            let kept = if i == j { 1.0 } else { 1.0 - shrink };
            total += weights[i] * weights[j] * cov * kept;
        }
    }
    (365.0 * 24.0 * total).sqrt()
}

#[test]
fn the_volatility_target_is_met_on_unscaled_weights() {
    let mut world = World::falling(12);
    with_returns(&mut world, 40);
    world.returns[30 * 12] = NAN;
    let plain = world.decide().weight_frac;
    world.params.vol_target_enabled = true;
    world.params.vol_target_bars = 30;
    world.params.vol_target_scale_min = 0.0;
    world.params.vol_target_scale_max = 10.0;
    world.params.gross_hard_cap_x = 100.0;
    for shrink in [0.0, 0.2, 1.0] {
        world.params.vol_target_shrink_frac = shrink;
        let scale = 0.3 / expected_sigma(&world, &plain, shrink);
        let out = world.decide();
        for (got, plain) in out.weight_frac.iter().zip(&plain) {
            assert!((got - scale * plain).abs() < 1e-12, "{got} {plain} {scale}");
        }
    }
    world.params.vol_target_scale_max = 0.5;
    assert!(near(gross(&world.decide().weight_frac), 0.75));
}

#[test]
fn without_returns_the_volatility_target_is_neutral() {
    let mut world = World::falling(12);
    world.params.vol_target_enabled = true;
    world.params.vol_target_bars = 40;
    for (rows, value) in [(0, 0.0), (37, 0.01), (40, 0.0), (40, NAN)] {
        world.ret_rows = rows;
        world.returns = vec![value; rows * 12];
        // 37 rows of 40 are too few; 40 rows of 0 have no volatility; NaN rows are absent.
        assert!(near(gross(&world.decide().weight_frac), 1.5), "{rows} {value}");
    }
    // 38 rows are enough, and the two that are missing count as 0.
    world.ret_rows = 38;
    world.returns = (0..38 * 12).map(|at| if at % 12 < 6 { 0.05 } else { -0.05 }).collect();
    assert!(near(gross(&world.decide().weight_frac), 0.9), "bounded by scale_min");
}

#[test]
fn a_jump_of_market_volatility_scales_down() {
    let mut world = World::falling(12);
    world.params.vol_regime_enabled = true;
    for (ratio, scale) in [(1.0, 1.0), (1.5, 1.0), (2.25, 0.75), (9.0, 0.5), (NAN, 1.0)] {
        world.vol_ratio = ratio;
        assert!(near(gross(&world.decide().weight_frac), 1.5 * scale), "{ratio}");
    }
}

#[test]
fn a_drawdown_scales_down() {
    let mut world = World::falling(12);
    world.params.drawdown_scale_enabled = true;
    for (unit, scale) in [(1.0, 1.0), (0.95, 1.0), (0.9, 0.5), (0.7, 0.25), (NAN, 1.0)] {
        world.unit_value = unit;
        assert!((gross(&world.decide().weight_frac) - 1.5 * scale).abs() < 1e-12, "{unit}");
    }
}

/// Longs 0, 1, 2 and shorts 9, 10, 11; names 0 and 1 move together, 2 a little.
fn correlated() -> World {
    let mut world = World::falling(12);
    with_returns(&mut world, 60);
    for row in world.returns.chunks_exact_mut(12) {
        row[1] = row[0] + 0.05 * row[5];
        row[11] = -row[10];
    }
    world.params.correlation_enabled = true;
    world.params.net_cap_frac = 10.0;
    world.params.market_neutral = false;
    world
}

#[test]
fn the_smaller_of_a_correlated_pair_is_halved() {
    let mut world = correlated();
    world.params.correlation_enabled = false;
    let plain = world.decide().weight_frac;
    world.params.correlation_enabled = true;
    let out = world.decide();
    assert_eq!(named(&out, Reason::Correlated), [1], "opposite moves are no common bet");
    for i in 0..12 {
        let want = if i == 1 { 0.5 * plain[i] } else { plain[i] };
        assert!(near(out.weight_frac[i], want), "{i}");
    }
    // What a cap cuts elsewhere does not go to the halved name.
    world.params.weight_long_max_frac = out.weight_frac[0] - 0.01;
    let capped = world.decide();
    assert!(near(capped.weight_frac[1], out.weight_frac[1]));
    assert!(near(capped.weight_frac[2], out.weight_frac[2] + 0.01));
}

#[test]
fn a_cluster_is_capped_as_one() {
    let mut world = correlated();
    world.params.correlation_action = ClusterAction::Cap;
    world.params.cluster_weight_max_frac = 0.3;
    let out = world.decide();
    assert_eq!(named(&out, Reason::ClusterCap), [0, 1]);
    assert!(near(out.weight_frac[0] + out.weight_frac[1], 0.3));
    assert!(near(out.weight_frac[0] / out.weight_frac[1], 11.0 / 9.0));
    world.params.cluster_weight_max_frac = 0.7;
    assert!(named(&world.decide(), Reason::ClusterCap).is_empty());
}

#[test]
fn names_without_returns_are_not_correlated() {
    let mut world = correlated();
    for row in world.returns.chunks_exact_mut(12) {
        row[..3].fill(NAN);
    }
    assert!(named(&world.decide(), Reason::Correlated).is_empty());
    world.ret_rows = 0;
    world.returns.clear();
    assert!(named(&world.decide(), Reason::Correlated).is_empty());
}

fn routed() -> World {
    let mut world = World::falling(12);
    world.params.router_enabled = true;
    world.params.majors = world.symbols[..2].to_vec();
    world.params.router_step_frac = 0.25;
    world.slope = vec![3.0; 12];
    world.trend = vec![1.0; 12];
    world
}

#[test]
fn the_router_is_called_and_dismissed_with_hysteresis() {
    let mut world = routed();
    let mut step = |corr: f64, slope: f64, dispersion: f64| {
        (world.implied_corr, world.router_dispersion_bps) = (corr, dispersion);
        world.slope[0] = slope;
        world.close_ms += HOUR_MS;
        world.decide();
        (world.state.router_called, world.state.router_mix)
    };
    assert_eq!(step(0.59, 3.0, 100.0), (false, 1.0));
    assert_eq!(step(0.60, -3.0, 100.0), (true, 0.75), "the slope's size counts");
    assert_eq!(step(0.55, 3.0, 100.0), (true, 0.5625));
    assert!(step(NAN, 3.0, 100.0).0, "what is not known changes nothing");
    assert!(step(0.40, 3.0, 45.0).0, "dispersion is still low");
    assert!(!step(0.40, 3.0, 46.0).0);
    assert!(!step(0.90, 0.0, 46.0).0, "mean slope 1.5 is no trend");
    assert!(step(0.10, 0.0, 35.0).0, "no dispersion calls alone");
    assert!(!step(0.90, 0.0, 50.0).0, "the trend is gone");
}

#[test]
fn time_series_in_the_mix_may_empty_a_leg() {
    let mut world = routed();
    world.implied_corr = 0.9;
    world.params.router_step_frac = 1.0;
    world.params.router_net_cap_frac = 0.5;
    // Pure time series, every trend up: no shorts, and the net cap of the router bounds the longs.
    let out = world.decide();
    let [long, short] = sides(&out);
    assert_eq!((long.len(), short.len()), (3, 0));
    assert!(near(gross(&out.weight_frac), 0.5));
    assert_eq!(named(&out, Reason::NetCap).len(), 3);
    // Equal trends rank by symbol on both sides: the shorts come past names 0 to 5.
    assert_eq!(named(&out, Reason::WrongSign), [3, 4, 5]);
    // The default net cap of 0 leaves nothing of a one-sided book.
    world.params.router_net_cap_frac = 0.0;
    assert_eq!(gross(&world.decide().weight_frac), 0.0);
}

#[test]
fn the_mix_weighs_both_scores() {
    let mut world = routed();
    world.implied_corr = 0.9;
    world.params.router_step_frac = 0.5;
    world.params.k_frac = 0.5;
    world.params.gross_hard_cap_x = 10.0;
    world.trend = (0..12).map(|i| if i < 6 { 0.2 } else { -0.2 }).collect();
    let out = world.decide();
    // s = z/2 ± 0.1; z falls by 2/11·1.5933 a name.
    let z = |i: f64| (5.5 - i) / (143.0_f64 / 12.0).sqrt();
    let ratio = (0.5 * z(0.0) + 0.1) / (0.5 * z(5.0) + 0.1);
    assert!((out.weight_frac[0] / out.weight_frac[5] - ratio).abs() < 1e-12);
}
