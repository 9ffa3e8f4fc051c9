use crate::decide::world::{NAN, World, named, near, sides};
use crate::params::{SignalCombine, Standardise};
use crate::reason::Reason;

/// Weights that were worked out by hand: z of −3 −1 1 3 is ±1.3416, ±0.4472; K = 2.
#[test]
fn two_legs_by_hand() {
    let mut world = World::of(&[0.03, -0.01, 0.01, -0.03]);
    (world.params.k_frac, world.params.signal_power) = (0.5, 2.0);
    world.sigma = vec![0.01, 0.02, 0.01, 0.02];
    let out = world.decide();
    // |z|² is 1.8 and 0.2; with equal σ inside each leg the legs are 9 : 1 of 0.75.
    let want = [0.675, -0.075, 0.075, -0.675];
    assert!(out.weight_frac.iter().zip(want).all(|(got, want)| near(*got, want)), "{out:?}");
    assert!(out.reason.iter().all(|reason| *reason == Reason::Selected));
}

#[test]
fn volatility_divides_and_its_floor_bounds_that() {
    let mut world = World::of(&[0.03, 0.03, 0.0, 0.0, -0.03, -0.03]);
    world.params.k_frac = 0.34;
    world.sigma[1] = 0.03;
    let out = world.decide();
    assert!(near(out.weight_frac[0] / out.weight_frac[1], 3.0));
    world.params.vol_floor_ann_frac = 0.02 * (365.0_f64 * 24.0).sqrt();
    let out = world.decide();
    assert!(near(out.weight_frac[0] / out.weight_frac[1], 1.5));
}

#[test]
fn clip_bounds_an_outlier() {
    // z is 2, ½, −½, −½, −½, −1.
    let mut world = World::of(&[0.04, 0.01, -0.01, -0.01, -0.01, -0.02]);
    world.params.k_frac = 0.34;
    let ratio = |world: &mut World| {
        let out = world.decide();
        out.weight_frac[0] / out.weight_frac[1]
    };
    assert!(near(ratio(&mut world), 4.0));
    world.params.zscore_clip = 1.0;
    assert!(near(ratio(&mut world), 2.0));
}

#[test]
fn the_mean_taken_out_again_moves_the_signs() {
    // After squaring, one large positive score leaves a positive mean.
    let scores = [0.09, 0.012, -0.02, -0.02, -0.02, -0.02];
    let mut world = World::of(&scores);
    (world.params.k_frac, world.params.signal_power) = (0.5, 3.0);
    world.params.redemean = true;
    let out = world.decide();
    assert_eq!(sides(&out)[0], [0]);
    assert_eq!(named(&out, Reason::WrongSign), [1]);
}

#[test]
fn robust_scores_hold_an_outlier_down() {
    let mut world = World::of(&[100.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0]);
    world.params.standardise = Standardise::Robust;
    (world.params.entry_zscore_min, world.params.k_frac) = (1.0, 0.5);
    // Median 0.5, deviations 99.5 2.5 1.5 .5 .5 1.5 2.5 3.5: MAD 2, so that z of name 1 is 0.843.
    let out = world.decide();
    assert_eq!(sides(&out), [vec![0], vec![7]]);
    world.params.entry_zscore_min = 0.84;
    assert_eq!(sides(&world.decide()), [vec![0, 1], vec![6, 7]]);
}

#[test]
fn rank_normal_sees_ranks_only() {
    let mut world = World::of(&[5.0, 1.0, 0.9, -7.0, NAN]);
    world.params.standardise = Standardise::RankNormal;
    world.params.k_frac = 0.5;
    let out = world.decide();
    // Quantiles of 7/8 and 5/8 are 1.15035 and 0.31864.
    let ratio = out.weight_frac[0] / out.weight_frac[1];
    assert!((ratio - 1.150_349_380_376_008 / 0.318_639_363_964_375_2).abs() < 1e-12);
    world.score[0] = 1.1;
    assert_eq!(world.decide().weight_frac, out.weight_frac);
}

#[test]
fn ranks_of_each_look_back_are_averaged() {
    let mut world = World::of(&[0.0; 4]);
    world.params.signal_combine = SignalCombine::Rank;
    world.params.lookback_bars = vec![10, 20];
    world.params.lookback_weights = vec![0.75, 0.25];
    world.params.k_frac = 0.5;
    world.moves = vec![4.0, 3.0, 2.0, 1.0, 1.0, 1.0, 5.0, 5.0];
    // x = .75·(1, 1/3, −1/3, −1) + .25·(−2/3, −2/3, 2/3, 2/3) = 7/12, 1/12, −1/12, −7/12.
    let out = world.decide();
    assert!(near(out.weight_frac[0] / out.weight_frac[1], 7.0), "{out:?}");
    assert!(near(out.weight_frac[3] / out.weight_frac[2], 7.0));
}

#[test]
fn funding_tilts_against_the_payer() {
    let mut world = World::of(&[0.02, 0.02, 0.0, 0.0, -0.02, -0.02]);
    world.params.k_frac = 0.17;
    world.params.funding_tilt_x = 1.0;
    world.funding[0] = 1e-4;
    world.funding[4] = 1e-4;
    world.funding[2] = NAN;
    let out = world.decide();
    assert_eq!(sides(&out), [vec![1], vec![4]]);
}

#[test]
fn no_spread_is_no_dispersion() {
    for standardise in [Standardise::Z, Standardise::Robust, Standardise::RankNormal] {
        for scores in [vec![0.3; 9], (0..9).map(|i| 1e6 + f64::from(i) * 1e-8).collect()] {
            let mut world = World::of(&scores);
            world.params.standardise = standardise;
            let out = world.decide();
            assert_eq!(named(&out, Reason::NoDispersion).len(), 9, "{standardise:?}");
            assert!(out.weight_frac.iter().all(|weight| *weight == 0.0));
        }
    }
}

#[test]
fn a_median_without_neighbours_has_no_deviation() {
    // More than half of the names are equal: MAD 0, whatever the others do.
    let mut world = World::of(&[5.0, 1.0, 1.0, 1.0, 1.0, -5.0]);
    world.params.standardise = Standardise::Robust;
    assert_eq!(named(&world.decide(), Reason::NoDispersion).len(), 6);
}

#[test]
fn scale_of_scores_and_prices_is_irrelevant() {
    let mut world = World::falling(40);
    world.params.signal_power = 1.35;
    world.params.redemean = true;
    let out = world.decide();
    world.score.iter_mut().for_each(|score| *score *= 4.0);
    world.close.iter_mut().for_each(|close| *close *= 0.125);
    world.atr.iter_mut().for_each(|atr| *atr *= 0.125);
    assert_eq!(world.decide(), out);
}
