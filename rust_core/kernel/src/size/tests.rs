use crate::book::{DecisionState, GuardAction};
use crate::decide::is_rebalance;
use crate::decide::world::{HOUR_MS, NAN, World, named, near, sides};
use crate::params::Params;
use crate::reason::Reason;

fn total(world_weights: &[f64], sign: f64) -> f64 {
    world_weights.iter().filter(|weight| sign * **weight > 0.0).map(|weight| weight.abs()).sum()
}

#[test]
fn size_power_shapes_a_leg() {
    let mut world = World::falling(12);
    for power in [0.0, 0.5, 1.0, 2.0] {
        world.params.size_power = power;
        let out = world.decide();
        // |z| of the longs stands 11 : 9 : 7.
        let want = libm::pow(11.0 / 7.0, power);
        assert!(near(out.weight_frac[0] / out.weight_frac[2], want), "{power}");
    }
}

#[test]
fn the_meta_labeller_scales_one_side_of_a_name() {
    let mut world = World::falling(12);
    let plain = world.decide();
    world.meta[0] = [0.5, 9.0];
    assert_eq!(world.decide().weight_frac, plain.weight_frac, "not read while off");
    world.params.meta_enabled = true;
    let out = world.decide();
    let (plain, out) = (plain.weight_frac, out.weight_frac);
    assert!(near(out[0] / out[1], 0.5 * plain[0] / plain[1]));
    assert!(near(out[11], plain[11]));
}

/// Each cap alone: the weight that name 0 (or 11) ends with, and the reason.
#[test]
fn each_cap_bounds_and_says_so() {
    type Case = (Reason, usize, f64, fn(&mut World));
    let cases: [Case; 9] = [
        (Reason::WeightCap, 0, 0.26, |w| w.params.weight_long_max_frac = 0.26),
        (Reason::WeightCap, 11, -0.26, |w| w.params.weight_short_max_frac = 0.26),
        (Reason::SqueezeCap, 11, -0.26, |w| w.params.squeeze_loss_frac = 0.52),
        (Reason::RiskCap, 0, 0.25, |w| {
            (w.params.risk_per_trade_frac, w.params.stop_atr_x) = (0.005, 2.0);
            w.atr = vec![0.1; 12];
            w.atr[0] = 1.0;
        }),
        (Reason::RiskCap, 0, 0.0, |w| {
            (w.params.risk_per_trade_frac, w.params.stop_atr_x) = (0.005, 2.0);
            w.atr = vec![0.1; 12];
            w.atr[0] = NAN;
        }),
        (Reason::NotionalCap, 0, 0.26, |w| w.params.notional_max_usdt = 26_000.0),
        (Reason::AdvCap, 0, 0.25, |w| {
            w.params.adv_share_max_frac = 0.01;
            w.adv[0] = 2.5e6;
        }),
        (Reason::AdvCap, 0, 0.0, |w| {
            w.params.adv_share_max_frac = 0.01;
            w.adv[0] = NAN;
        }),
        (Reason::RungCap, 0, 0.1, |w| w.rung_cap[0] = 0.1),
    ];
    for (rule, i, want, change) in cases {
        let mut world = World::falling(12);
        world.params.k_frac = 0.25;
        change(&mut world);
        let out = world.decide();
        assert!(near(out.weight_frac[i], want), "{rule:?}: {}", out.weight_frac[i]);
        assert!(named(&out, rule).contains(&i), "{rule:?}");
        // The excess found room with the other names of the leg.
        assert!(near(total(&out.weight_frac, 1.0), 0.75), "{rule:?}");
        assert!(near(total(&out.weight_frac, -1.0), 0.75), "{rule:?}");
    }
}

#[test]
fn the_lowest_of_several_caps_is_named() {
    let mut world = World::falling(12);
    world.params.weight_long_max_frac = 0.2;
    world.params.notional_max_usdt = 10_000.0;
    world.rung_cap[1] = 0.05;
    let out = world.decide();
    assert_eq!(out.reason[..3], [Reason::NotionalCap, Reason::RungCap, Reason::NotionalCap]);
    assert!(near(total(&out.weight_frac, 1.0), 0.25), "the rest finds no room");
    assert_eq!(named(&out, Reason::LegShort), [9, 10, 11], "they had .30");
}

#[test]
fn water_fills_until_it_finds_no_room() {
    let mut world = World::falling(12);
    // 11 : 9 : 7 of 0.75 is .3056, .25, .1944; a cap of .27 lifts .25 over itself as well.
    world.params.weight_long_max_frac = 0.26;
    let out = world.decide();
    assert!(near(out.weight_frac[0], 0.26) && near(out.weight_frac[1], 0.26));
    assert!(near(out.weight_frac[2], 0.23));
    assert!(near(out.weight_frac[11], -0.75 * 11.0 / 27.0));
}

#[test]
fn a_leg_without_room_takes_the_other_down_with_it() {
    let mut world = World::falling(12);
    world.params.weight_long_max_frac = 0.1;
    let out = world.decide();
    assert!(near(total(&out.weight_frac, 1.0), 0.3));
    assert!(near(total(&out.weight_frac, -1.0), 0.3));
    assert_eq!(named(&out, Reason::LegShort), [9, 10, 11]);
    // Not neutral: only the net cap pulls.
    world.params.market_neutral = false;
    let out = world.decide();
    assert!(near(total(&out.weight_frac, -1.0), 0.45));
    assert_eq!(named(&out, Reason::NetCap), [9, 10, 11]);
}

#[test]
fn gross_is_capped_last() {
    let mut world = World::falling(12);
    world.params.gross_hard_cap_x = 1.5;
    world.held[5] = 0.6;
    world.close[5] = NAN;
    world.params.market_neutral = false;
    world.params.net_cap_frac = 10.0;
    // A stale long of .6 leaves .15 to its leg; the shorts keep .75: together 1.5.
    let out = world.decide();
    assert!(near(total(&out.weight_frac, 1.0), 0.75));
    assert!(near(total(&out.weight_frac, -1.0), 0.75));
    assert_eq!(named(&out, Reason::StaleRoom), [0, 1, 2]);
    // A stale long larger than its leg leaves nothing, and then the gross cap cuts the shorts.
    world.held[5] = 1.0;
    let out = world.decide();
    assert!(near(total(&out.weight_frac, 1.0), 1.0));
    assert!(near(total(&out.weight_frac, -1.0), 0.5));
    assert!(named(&out, Reason::GrossCap).contains(&11));
    assert_eq!((out.weight_frac[5], out.reason[5]), (1.0, Reason::Stale));
}

#[test]
fn stale_names_count_in_the_balance_and_are_never_moved() {
    let mut world = World::falling(12);
    world.held[5] = 0.2;
    world.close[5] = NAN;
    let out = world.decide();
    assert!(near(total(&out.weight_frac, 1.0), 0.75));
    assert!(near(total(&out.weight_frac, -1.0), 0.75));
    // More than the other side can bear: only the stale name is left over.
    world.held[5] = 0.9;
    let out = world.decide();
    assert!(near(total(&out.weight_frac, 1.0), 0.9));
    assert!(near(total(&out.weight_frac, -1.0), 0.75));
    assert_eq!(out.weight_frac[5], 0.9);
}

#[test]
fn beta_neutral_legs_cancel_in_beta() {
    let mut world = World::falling(12);
    world.params.beta_neutral = true;
    world.params.net_cap_frac = 10.0;
    world.beta[9..].fill(2.0);
    let out = world.decide();
    // b_L = 1, b_S = 2: the longs take two thirds of 1.5.
    assert!(near(total(&out.weight_frac, 1.0), 1.0));
    assert!(near(total(&out.weight_frac, -1.0), 0.5));
    // A cap on the shorts takes the longs down in beta, not in dollars.
    world.params.weight_short_max_frac = 0.1;
    let out = world.decide();
    assert!(near(total(&out.weight_frac, -1.0), 0.3));
    assert!(near(total(&out.weight_frac, 1.0), 0.6));
    assert_eq!(named(&out, Reason::LegShort), [0, 1, 2]);
    // Betas below 0 cannot cancel: dollars are balanced instead.
    world.beta[9..].fill(-1.0);
    let out = world.decide();
    assert!(near(total(&out.weight_frac, 1.0), 0.3));
}

#[test]
fn tranches_are_renewed_in_turn_and_added_up() {
    let mut world = World::falling(12);
    (world.params.tranches, world.params.rebalance_bars) = (3, 2);
    let bars = world.close_ms / HOUR_MS;
    assert_eq!(bars.rem_euclid(6), 0);
    world.params.net_cap_frac = 10.0;
    let first = world.decide();
    assert!(near(total(&first.weight_frac, 1.0), 0.25));
    assert!(world.state.tranche_weight[12..].iter().all(|weight| *weight == 0.0));
    world.close_ms += 2 * HOUR_MS;
    world.score.reverse();
    let second = world.decide();
    assert_eq!(sides(&second), [Vec::<usize>::new(), vec![]], "the two tranches cancel");
    assert_eq!(world.state.tranche_weight[0], -world.state.tranche_weight[12]);
    // The third brings name 5 to the top; older ones still hold the rest.
    world.close_ms += 2 * HOUR_MS;
    world.state.tranche_weight[12..24].fill(0.0);
    world.score.swap(5, 11);
    let third = world.decide();
    assert_eq!(third.reason[5], Reason::Selected);
    assert!(named(&third, Reason::OlderTranche).contains(&11));
}

#[test]
fn tranches_give_up_what_left_or_was_stopped_but_not_what_is_absent() {
    let mut world = World::falling(12);
    (world.params.tranches, world.params.market_neutral) = (2, false);
    world.params.net_cap_frac = 10.0;
    world.state = DecisionState::new(12, 2);
    // Tranche 1 is the older one.
    world.state.tranche_weight[12..18].fill(0.2);
    world.close[0] = NAN;
    world.held[0] = 0.2;
    world.close[1] = NAN;
    world.delisted_ms[2] = world.close_ms;
    world.state.awaiting_reentry[3][0] = true;
    world.state.awaiting_reentry[4][1] = true;
    world.score[5] = NAN;
    world.decide();
    assert_eq!(world.state.tranche_weight[12..18], [0.2, 0.0, 0.0, 0.0, 0.2, 0.2]);
}

#[test]
fn blocked_entries_move_only_toward_zero() {
    let mut world = World::falling(12);
    world.guard = GuardAction::BlockEntries;
    world.held[0] = 0.1;
    world.held[1] = 0.9;
    world.held[11] = -0.4;
    world.held[6] = 0.3;
    let out = world.decide();
    // Wanted are 0 and 1 long, 11 short with .75 each leg; 6 is not wanted at all.
    assert!(out.weight_frac[0] <= 0.1 && out.weight_frac[1] <= 0.9);
    assert_eq!(out.weight_frac[6], 0.0);
    assert!(near(total(&out.weight_frac, 1.0), 0.4) && near(out.weight_frac[11], -0.4));
    assert_eq!(out.reason[11], Reason::EntriesBlocked);
    assert_eq!(out.reason[0], Reason::LegShort, "the last rule that reduced it");
}

#[test]
fn a_flattening_guard_leaves_nothing() {
    let mut world = World::falling(12);
    world.params.tranches = 2;
    world.state = DecisionState::new(12, 2);
    world.state.tranche_weight.fill(0.1);
    world.guard = GuardAction::Flatten;
    world.held[0] = 0.1;
    world.held[5] = -0.2;
    world.close[5] = NAN;
    world.hold[7] = true;
    world.held[7] = 0.1;
    let out = world.decide();
    assert!(out.weight_frac.iter().all(|weight| *weight == 0.0));
    for i in [0, 5, 7] {
        assert_eq!(out.reason[i], Reason::Flattened);
    }
    assert!(world.state.tranche_weight.iter().all(|weight| *weight == 0.0));
}

#[test]
fn rebalances_stand_at_absolute_bar_numbers() {
    let p = Params { rebalance_bars: 24, rebalance_offset_bars: 7, ..Params::default() };
    let at: Vec<i64> = (0..100).filter(|bar| is_rebalance(bar * HOUR_MS, &p)).collect();
    assert_eq!(at, [7, 31, 55, 79]);
}
