use proptest::prelude::*;

use crate::book::{DecisionState, GuardAction, Side, Targets};
use crate::decide::decide_once;
use crate::decide::random::Without;
use crate::decide::world::{World, named};
use crate::error::KernelError;
use crate::lanes;
use crate::reason::Reason;
use crate::size::caps::cap_of;

use super::{Decider, Scene};

const ROUNDING: f64 = 1e-12;

fn is_frozen(world: &World, out: &Targets, i: usize) -> bool {
    let held = Side::of(world.held[i]).is_some();
    held && matches!(out.reason[i], Reason::Stale | Reason::OperatorHold)
}

fn frozen(world: &World, out: &Targets) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for i in (0..world.names()).filter(|i| is_frozen(world, out, *i)) {
        sum[usize::from(world.held[i] < 0.0)] += world.held[i].abs();
    }
    sum
}

fn same_bits(a: &Targets, b: &Targets) -> bool {
    let bits =
        |out: &Targets| -> Vec<u64> { out.weight_frac.iter().map(|w| w.to_bits()).collect() };
    bits(a) == bits(b) && a.reason == b.reason
}

fn same_state(a: &DecisionState, b: &DecisionState) -> bool {
    let bits =
        |s: &DecisionState| -> Vec<u64> { s.tranche_weight.iter().map(|w| w.to_bits()).collect() };
    bits(a) == bits(b) && a == b
}

fn check_limits(world: &World, out: &Targets) -> Result<(), TestCaseError> {
    let p = &world.params;
    let held = frozen(world, out);
    let gross: f64 = out.weight_frac.iter().map(|weight| weight.abs()).sum();
    prop_assert!(gross <= p.gross_hard_cap_x.max(held[0] + held[1]) + ROUNDING, "gross {gross}");
    let mixing = p.router_enabled && world.state.router_mix < 1.0 - 1e-9;
    let cap = if mixing { p.router_net_cap_frac } else { p.net_cap_frac };
    let net: f64 = out.weight_frac.iter().sum();
    prop_assert!(net.abs() <= cap.max((held[0] - held[1]).abs()) + ROUNDING, "net {net}");
    let decider = world.decider();
    let (row, book) = (world.row(), world.book());
    let scene = Scene { facts: &decider.facts, row: &row, book: &book, params: p };
    for i in 0..world.names() {
        let Some(side) = Side::of(out.weight_frac[i]).filter(|_| !is_frozen(world, out, i)) else {
            continue;
        };
        let (cap, _) = cap_of(scene, i, side);
        prop_assert!(out.weight_frac[i].abs() <= cap + ROUNDING, "{i} is above its cap {cap}");
    }
    Ok(())
}

fn check_names(before: &World, out: &Targets) -> Result<(), TestCaseError> {
    for i in 0..before.names() {
        let (weight, held) = (out.weight_frac[i], before.held[i]);
        prop_assert!(weight.is_finite() && !(weight == 0.0 && weight.is_sign_negative()));
        if is_frozen(before, out, i) {
            prop_assert_eq!(weight.to_bits(), held.to_bits(), "{} was moved", i);
            continue;
        }
        let there = !before.close[i].is_nan()
            && before.delisted_ms[i] > before.close_ms
            && before.listed_ms[i] <= before.close_ms;
        prop_assert!(there || weight == 0.0, "{i} is masked and not held");
        if before.guard == GuardAction::BlockEntries {
            let toward_zero = weight.abs() <= held.abs() && weight * held >= 0.0;
            prop_assert!(toward_zero, "{i} moved from {held} to {weight}");
        }
        if before.guard == GuardAction::Flatten {
            prop_assert_eq!(weight, 0.0);
        }
        let wanted = weight == 0.0 || out.reason[i] != Reason::NotSelected;
        prop_assert!(wanted, "{i} has a weight and no reason");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn limits_hold_in_any_world(seed in any::<u64>(), names in 1_usize..90) {
        let mut world = World::random(seed, names, Without::default());
        let before = world.clone();
        let out = world.decide();
        check_limits(&world, &out)?;
        check_names(&before, &out)?;
        for tranche in world.state.tranche_weight.chunks_exact(names) {
            let gross: f64 = tranche.iter().map(|weight| weight.abs()).sum();
            prop_assert!(gross.is_finite());
        }
    }

    /// Whatever a decider saw before, and whichever way it takes, the bits are the same.
    #[test]
    fn scratch_shortcut_and_simd_level_leave_no_trace(
        seed in any::<u64>(),
        names in 1_usize..130,
        defects in any::<bool>(),
    ) {
        let world = World::random(seed, names, Without { defects, ties: false });
        let mut fresh = world.clone();
        let out = fresh.decide();

        let mut used = world.clone();
        let mut decider = used.decider();
        for other in 1..4 {
            let mut before = World::random(seed.wrapping_add(other), names, Without::default());
            before.params = world.params.clone();
            before.state = DecisionState::new(names, world.params.tranches as usize);
            before.decide_with(&mut decider);
        }
        prop_assert!(same_bits(&used.decide_with(&mut decider), &out));
        prop_assert!(same_state(&used.state, &fresh.state));

        let mut long_way = world.clone();
        let mut decider = long_way.decider();
        decider.scratch.picks.shortcut = false;
        prop_assert!(same_bits(&long_way.decide_with(&mut decider), &out));
        prop_assert!(same_state(&long_way.state, &fresh.state));

        let mut narrow = world.clone();
        prop_assert!(same_bits(&lanes::at_baseline(|| narrow.decide()), &out));
        prop_assert!(same_state(&narrow.state, &fresh.state));
    }

    /// Where ranks and the past of single names decide alone, names that are barred are passed on a
    /// shorter way.
    #[test]
    fn passing_barred_names_gives_what_the_long_way_gives(
        seed in any::<u64>(),
        names in 2_usize..130,
        ties in any::<bool>(),
    ) {
        let mut world = World::random(seed, names, Without { defects: false, ties });
        let p = &mut world.params;
        (p.regime_enabled, p.adx_enabled, p.breakout_enabled) = (false, false, false);
        (p.majors_enabled, p.vol_regime_enabled, p.router_enabled) = (false, false, false);
        (p.rank_buffer, p.entries_per_decision_max, p.positions_max) = (0, 0, 0);
        (p.market_neutral, p.atr_regime_enabled, p.breadth_names_min) = (true, false, 0);
        (p.entry_zscore_min, p.hold_zscore_min) = (0.0, 0.0);
        p.blackout_hours.clear();
        world.guard = GuardAction::None;
        let mut long_way = world.clone();
        let out = world.decide();
        let mut decider = long_way.decider();
        decider.scratch.picks.shortcut = false;
        prop_assert!(same_bits(&long_way.decide_with(&mut decider), &out));
        prop_assert!(same_state(&long_way.state, &world.state));
    }

    #[test]
    fn the_order_of_symbols_is_irrelevant_off_ties(
        seed in any::<u64>(),
        names in 2_usize..60,
        turn in 1_usize..60,
    ) {
        let mut world = World::random(seed, names, Without { ties: true, defects: false });
        let mut turned = world.clone();
        turned.turn(turn % names);
        let (out, moved) = (world.decide(), turned.decide());
        for i in 0..names {
            let j = (i + names - turn % names) % names;
            let apart = (out.weight_frac[i] - moved.weight_frac[j]).abs();
            prop_assert!(apart <= ROUNDING, "{i}: {} {}", out.weight_frac[i], moved.weight_frac[j]);
            // Two caps or sums that are equal but for rounding may name another rule.
            if out.weight_frac[i] == 0.0 {
                prop_assert_eq!(out.reason[i], moved.reason[j]);
            }
        }
    }

    #[test]
    fn a_masked_name_more_changes_nothing(seed in any::<u64>(), names in 3_usize..60) {
        let mut world = World::random(seed, names + 1, Without { ties: true, defects: true });
        world.params.universe_exclude = vec![world.symbols[names].clone()];
        let out = world.decide();
        let mut smaller = World::random(seed, names + 1, Without { ties: true, defects: true });
        smaller.drop_last();
        let without = smaller.decide();
        for i in 0..names {
            let apart = (out.weight_frac[i] - without.weight_frac[i]).abs();
            prop_assert!(apart <= ROUNDING, "{i}");
        }
        prop_assert_eq!(out.reason[names], Reason::Excluded);
    }

    #[test]
    fn scale_of_prices_is_irrelevant(seed in any::<u64>(), names in 1_usize..60) {
        let mut world = World::random(seed, names, Without::default());
        let mut scaled = world.clone();
        scaled.close.iter_mut().for_each(|close| *close *= 0.25);
        scaled.atr.iter_mut().for_each(|atr| *atr *= 0.25);
        prop_assert!(same_bits(&world.decide(), &scaled.decide()));
    }
}

impl World {
    /// Move the first `by` names behind the others.
    fn turn(&mut self, by: usize) {
        let n = self.names();
        let tranches = self.params.tranches as usize;
        self.symbols.rotate_left(by);
        for ints in [&mut self.listed_ms, &mut self.delisted_ms] {
            ints.rotate_left(by);
        }
        for floats in [
            &mut self.close,
            &mut self.score,
            &mut self.trend,
            &mut self.sigma,
            &mut self.atr,
            &mut self.slope,
            &mut self.adx,
            &mut self.breakout,
            &mut self.beta,
            &mut self.funding,
            &mut self.volume,
            &mut self.adv,
            &mut self.held,
            &mut self.rung_cap,
            &mut self.order_usdt_min,
        ] {
            floats.rotate_left(by);
        }
        let tables = [&mut self.moves, &mut self.returns, &mut self.state.tranche_weight];
        for rows in tables {
            rows.chunks_exact_mut(n).for_each(|row| row.rotate_left(by));
        }
        self.stale_bars.rotate_left(by);
        self.hold.rotate_left(by);
        self.barred_until_ms.rotate_left(by);
        self.barred_by.rotate_left(by);
        self.meta.rotate_left(by);
        self.state.member.rotate_left(by);
        self.state.awaiting_reentry.rotate_left(by);
        assert_eq!(self.state.tranche_weight.len(), n * tranches);
    }

    /// Forget the last name.
    fn drop_last(&mut self) {
        let n = self.names();
        let cut = |table: &[f64]| -> Vec<f64> {
            table.chunks_exact(n).flat_map(|row| row[..n - 1].to_vec()).collect()
        };
        (self.moves, self.returns) = (cut(&self.moves), cut(&self.returns));
        let mut one = self.clone();
        one.turn_back();
        *self = one;
    }

    fn turn_back(&mut self) {
        let n = self.names() - 1;
        let fields = [
            &mut self.close,
            &mut self.score,
            &mut self.trend,
            &mut self.sigma,
            &mut self.atr,
            &mut self.slope,
            &mut self.adx,
            &mut self.breakout,
            &mut self.beta,
            &mut self.funding,
            &mut self.volume,
            &mut self.adv,
            &mut self.held,
            &mut self.rung_cap,
            &mut self.order_usdt_min,
        ];
        for field in fields {
            field.truncate(n);
        }
        self.symbols.truncate(n);
        self.listed_ms.truncate(n);
        self.delisted_ms.truncate(n);
        self.stale_bars.truncate(n);
        self.hold.truncate(n);
        self.barred_until_ms.truncate(n);
        self.barred_by.truncate(n);
        self.meta.truncate(n);
        self.state = DecisionState::new(n, self.params.tranches as usize);
    }
}

#[test]
fn one_call_gives_what_a_kept_decider_gives() {
    let mut world = World::falling(12);
    let out = world.decide();
    let mut state = DecisionState::new(12, 1);
    let once = decide_once(
        &world.symbols,
        &world.listed_ms,
        &world.delisted_ms,
        &world.row(),
        &world.book(),
        &mut state,
        &world.params,
    );
    assert_eq!(once, Ok(out));
    assert_eq!(state, world.state);
}

#[test]
fn arrays_of_another_length_are_refused_by_name() {
    type Case = (&'static str, fn(&mut World));
    let cases: [Case; 7] = [
        ("close", |w| w.close.push(1.0)),
        ("weight_now_frac", |w| w.held.push(0.0)),
        ("tranche_weight", |w| w.state = DecisionState::new(12, 2)),
        ("atr", |w| {
            w.params.atr_regime_enabled = true;
            w.atr.clear();
        }),
        ("ret_window", |w| {
            w.params.vol_target_enabled = true;
            w.ret_rows = 3;
        }),
        ("moves", |w| {
            w.params.signal_combine = crate::params::SignalCombine::Rank;
            w.moves.clear();
        }),
        ("slope_bps_day", |w| {
            w.params.regime_enabled = true;
            w.slope.clear();
        }),
    ];
    for (name, change) in cases {
        let mut world = World::falling(12);
        let decider = world.decider();
        change(&mut world);
        let mut decider = Decider { facts: decider.facts.clone(), ..decider };
        let (mut out, mut state) = (Targets::new(12), world.state.clone());
        let refused =
            decider.decide(&world.row(), &world.book(), &mut state, &world.params, &mut out);
        let Err(KernelError::Shape { field, .. }) = refused else {
            panic!("{name} of another length was taken");
        };
        assert_eq!(field, name);
    }
}

#[test]
fn ties_everywhere_choose_by_symbol() {
    let mut world = World::of(&[0.1, 0.1, 0.1, 0.1, -0.1, -0.1, -0.1, -0.1]);
    let out = world.decide();
    assert_eq!(named(&out, Reason::Selected), [0, 1, 4, 5]);
}

#[test]
fn k_above_the_universe_takes_half_of_it() {
    let mut world = World::falling(7);
    (world.params.k_min, world.params.k_max) = (50, 60);
    let out = world.decide();
    assert_eq!(named(&out, Reason::Selected), [0, 1, 2, 4, 5, 6]);
}
