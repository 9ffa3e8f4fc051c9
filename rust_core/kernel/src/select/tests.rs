use super::{Ladder, clear_reentry, new_ladders};
use crate::book::{Bar, GuardAction, Side};
use crate::decide::world::{HOUR_MS, NAN, World, named, sides};
use crate::params::Params;
use crate::reason::Reason;
use crate::select::names_a_side;
use crate::universe::{Facts, Roll};
use proptest::prelude::*;

#[test]
fn names_a_side_round_half_up_and_never_pass_half() {
    let mut p = Params { k_frac: 0.12, k_min: 2, k_max: 9, ..Params::default() };
    let sizes =
        |p: &Params, ratio: f64| [0, 1, 3, 8, 21, 54, 200].map(|n| names_a_side(n, ratio, p));
    assert_eq!(sizes(&p, 0.5), [0, 0, 1, 2, 3, 6, 9]);
    p.k_dispersion_bars = 100;
    assert_eq!(sizes(&p, NAN), [0, 0, 1, 2, 3, 6, 9]);
    // 3 · 0.5 rounds up to 2, 9 · 0.5 to 5; the ratio is bounded by 0.5 and 1.5.
    assert_eq!(sizes(&p, 0.1), [0, 0, 1, 2, 2, 3, 5]);
    assert_eq!(sizes(&p, 9.0), [0, 0, 1, 3, 5, 9, 9]);
}

/// What bars name 0 (the best long), and name 11 (the best short) where the rule has sides.
#[test]
fn each_entry_rule_gives_its_reason_and_leaves_the_slot_to_the_next() {
    type Case = (Reason, fn(&mut World));
    let cases: [Case; 12] = [
        (Reason::Cooldown, |w| w.barred_by[0][0] = Bar::Cooldown),
        (Reason::Banned, |w| w.barred_by[0][0] = Bar::Banned),
        (Reason::StreakPause, |w| w.barred_by[0][0] = Bar::Streak),
        (Reason::SymbolPause, |w| w.barred_by[0][0] = Bar::SymbolLoss),
        (Reason::AwaitingReentry, |w| w.state.awaiting_reentry[0][0] = true),
        (Reason::Regime, |w| {
            w.params.regime_enabled = true;
            w.slope = (0..12).map(|i| if i < 6 { 2.0 } else { -2.0 }).collect();
            w.slope[0] = 1.9;
        }),
        (Reason::Regime, |w| {
            w.params.regime_enabled = true;
            w.slope = (0..12).map(|i| if i < 6 { 2.0 } else { -2.0 }).collect();
            w.slope[0] = NAN;
        }),
        (Reason::Adx, |w| {
            w.params.adx_enabled = true;
            w.adx[0] = 24.9;
        }),
        (Reason::Adx, |w| {
            w.params.adx_enabled = true;
            w.adx[0] = NAN;
        }),
        (Reason::Breakout, |w| {
            w.params.breakout_enabled = true;
            w.breakout[0] = 1.4;
        }),
        (Reason::Breakout, |w| {
            w.params.breakout_enabled = true;
            w.breakout[0] = NAN;
        }),
        (Reason::BelowEntry, |w| {
            w.params.atr_regime_enabled = true;
            w.params.entry_zscore_min = 0.5;
            w.params.atr_regime_high_shift = 1.2;
            w.atr[0] = 1.6;
        }),
    ];
    for (rule, change) in cases {
        let mut world = World::falling(12);
        change(&mut world);
        if world.barred_by[0][0] != Bar::None {
            world.barred_until_ms[0][0] = world.close_ms + 1;
        }
        let out = world.decide();
        assert_eq!(named(&out, rule), [0], "{rule:?}");
        assert_eq!(sides(&out), [vec![1, 2, 3], vec![9, 10, 11]], "{rule:?}");
    }
}

#[test]
fn a_bar_ends_at_its_moment_and_holds_for_its_side_alone() {
    let mut world = World::falling(12);
    world.barred_by.fill([Bar::Cooldown; 2]);
    world.barred_until_ms[0] = [world.close_ms, i64::MAX];
    world.barred_until_ms[11] = [i64::MAX, world.close_ms];
    assert_eq!(sides(&world.decide()), [vec![0, 1, 2], vec![9, 10, 11]]);
}

#[test]
fn rules_of_a_side_bar_the_whole_side() {
    type Case = (Reason, fn(&mut World), bool, bool);
    let cases: [Case; 7] = [
        (Reason::EntriesBlocked, |w| w.guard = GuardAction::BlockEntries, true, true),
        (Reason::Breadth, |w| w.params.breadth_names_min = 13, true, true),
        (Reason::Blackout, |w| w.params.blackout_hours = vec![3, 0], true, true),
        (Reason::Majors, |w| majors(w, -1.0), true, false),
        (Reason::Majors, |w| majors(w, 1.0), false, true),
        (Reason::Breadth, |w| breadth(w, 0.6, 0.5), true, false),
        (Reason::Breadth, |w| breadth(w, 0.5, 0.6), false, true),
    ];
    for (rule, change, bars_long, bars_short) in cases {
        let mut world = World::falling(12);
        change(&mut world);
        // Without balance the free side shows.
        world.params.net_cap_frac = 10.0;
        world.params.market_neutral = false;
        let out = world.decide();
        let [long, short] = sides(&out);
        assert_eq!((long.is_empty(), short.is_empty()), (bars_long, bars_short), "{rule:?}");
        let barred = 6 * (usize::from(bars_long) + usize::from(bars_short));
        assert_eq!(named(&out, rule).len(), barred, "{rule:?}: the half of each side");
    }
}

fn majors(world: &mut World, slope: f64) {
    world.params.majors_enabled = true;
    world.params.majors = world.symbols[4..7].to_vec();
    world.slope[4..6].fill(slope);
}

fn breadth(world: &mut World, long: f64, short: f64) {
    world.params.breadth_enabled = true;
    world.params.breadth_long_min_frac = long;
    world.params.breadth_short_min_frac = short;
}

#[test]
fn other_hours_and_other_majors_bar_nobody() {
    let mut world = World::falling(12);
    world.params.blackout_hours = vec![23, 1];
    majors(&mut world, 0.9);
    assert_eq!(sides(&world.decide()).map(|side| side.len()), [3, 3]);
    world.slope[4..6].copy_from_slice(&[1.0, -1.0]);
    assert_eq!(sides(&world.decide()).map(|side| side.len()), [3, 3]);
}

#[test]
fn a_held_name_stays_by_threshold_and_by_rank_buffer() {
    let mut world = World::falling(12);
    // z is ±1.593, ±1.303, ±1.014, ±.724, ...; K = 3.
    world.params.entry_zscore_min = 1.2;
    world.params.hold_zscore_min = 0.7;
    world.params.net_cap_frac = 10.0;
    let out = world.decide();
    assert_eq!(sides(&out), [vec![0, 1], vec![10, 11]]);
    assert_eq!(named(&out, Reason::BelowEntry), [2, 3, 4, 5, 6, 7, 8, 9]);
    world.held[2] = 0.1;
    world.held[3] = 0.1;
    let out = world.decide();
    assert_eq!(sides(&out)[0], [0, 1, 2], "rank 4 is outside without a buffer");
    assert_eq!(named(&out, Reason::Kept), [2]);
    world.params.rank_buffer = 1;
    let out = world.decide();
    assert_eq!(sides(&out)[0], [0, 2, 3], "kept names take slots first");
    assert_eq!(named(&out, Reason::Kept), [2, 3]);
    assert_eq!(out.reason[1], Reason::NotSelected);
    // Held on the other side is not held on this one.
    world.held[3] = -0.1;
    assert_eq!(sides(&world.decide())[0], [0, 1, 2]);
}

#[test]
fn a_buffer_never_reaches_into_the_other_half() {
    let mut world = World::falling(8);
    world.params.rank_buffer = 100;
    world.params.market_neutral = false;
    world.params.net_cap_frac = 10.0;
    world.held.fill(0.1);
    assert_eq!(sides(&world.decide()), [vec![0, 1], vec![6, 7]]);
}

#[test]
fn entries_are_throttled_in_turns() {
    let mut world = World::falling(12);
    world.params.net_cap_frac = 10.0;
    world.params.entries_per_decision_max = 3;
    let out = world.decide();
    assert_eq!(sides(&out), [vec![0, 1], vec![11]]);
    assert_eq!(named(&out, Reason::Throttle), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
    // Kept names are no entries.
    world.held[2] = 0.1;
    world.held[10] = -0.1;
    assert_eq!(sides(&world.decide()), [vec![0, 1, 2], vec![10, 11]]);
    // A side without a candidate is skipped.
    world.held.fill(0.0);
    world.barred_until_ms.fill([0, i64::MAX]);
    world.params.market_neutral = false;
    assert_eq!(sides(&world.decide()), [vec![0, 1, 2], vec![]]);
}

#[test]
fn open_positions_are_counted_with_kept_and_stale_ones() {
    let mut world = World::falling(12);
    world.params.net_cap_frac = 10.0;
    world.params.positions_max = 4;
    world.held[2] = 0.1;
    world.held[6] = 0.1;
    world.close[6] = NAN;
    let out = world.decide();
    // One kept, one stale: room for two, long first.
    assert_eq!(sides(&out), [vec![0, 2, 6], vec![11]]);
    assert!(named(&out, Reason::PositionsMax).contains(&10));
}

#[test]
fn names_of_other_tranches_count_as_open_once() {
    let mut world = World::falling(12);
    (world.params.tranches, world.params.positions_max) = (3, 4);
    world.params.net_cap_frac = 10.0;
    world.decide();
    assert_eq!(sides(&world.decide()), [vec![0, 1], vec![10, 11]]);
    // The next tranche: the four open names may enter again, nobody else may.
    world.close_ms += HOUR_MS;
    let out = world.decide();
    assert_eq!(sides(&out), [vec![0, 1], vec![10, 11]]);
    assert!(named(&out, Reason::PositionsMax).contains(&2));
    assert_eq!(named(&out, Reason::Selected), [0, 1, 10, 11]);
}

#[test]
fn a_stopped_name_waits_until_it_has_left_the_selection() {
    let mut world = World::falling(12);
    world.state.awaiting_reentry[0] = [true, false];
    assert_eq!(world.decide().reason[0], Reason::AwaitingReentry);
    assert!(world.state.awaiting_reentry[0][0]);
    // It falls out of the first K: the flag goes, but it may not enter in the same decision.
    let best = std::mem::replace(&mut world.score[0], 0.02);
    world.barred_until_ms[1..4].fill([i64::MAX; 2]);
    let out = world.decide();
    assert_eq!(out.reason[0], Reason::AwaitingReentry);
    assert!(!world.state.awaiting_reentry[0][0]);
    world.score[0] = best;
    assert_eq!(world.decide().reason[0], Reason::Selected);
}

#[test]
fn a_flag_waits_while_nothing_is_known_of_the_name() {
    let mut world = World::falling(12);
    world.state.awaiting_reentry[0] = [true, true];
    world.close[0] = NAN;
    world.decide();
    assert_eq!(world.state.awaiting_reentry[0], [true, true]);
    world.close[0] = 100.0;
    world.decide();
    assert_eq!(world.state.awaiting_reentry[0], [true, false], "it is no short");
}

#[test]
fn a_stopped_name_is_not_kept_by_a_position_that_is_not_gone_yet() {
    let mut world = World::falling(12);
    world.state.awaiting_reentry[0][0] = true;
    world.held[0] = 0.2;
    let out = world.decide();
    assert_eq!((out.weight_frac[0], out.reason[0]), (0.0, Reason::AwaitingReentry));
}

#[test]
fn legs_are_disjoint_where_ties_straddle_the_middle() {
    for neutral in [true, false] {
        let mut world = World::of(&[1.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
        world.params.k_frac = 0.5;
        world.params.market_neutral = neutral;
        world.params.net_cap_frac = 10.0;
        let out = world.decide();
        // z of the middle is 0: signed legs leave it out, unsigned ones give it no weight. The best
        // shorts by rank are 5, 1 and 2, of which 1 and 2 are in the upper half already.
        assert_eq!(sides(&out), [vec![0], vec![5]]);
        let selected = named(&out, Reason::Selected);
        let want: &[usize] = if neutral { &[0, 5] } else { &[0, 1, 2, 5] };
        assert_eq!(selected, want);
    }
}

#[test]
fn equal_scores_rank_in_the_order_of_symbols() {
    let mut world = World::of(&[0.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 0.0]);
    world.params.k_frac = 0.2;
    assert_eq!(sides(&world.decide()), [vec![1, 3], vec![2, 4]]);
}

#[test]
fn one_name_or_none_is_no_universe() {
    for n in 0..3 {
        let mut world = World::falling(12);
        world.score[n..].fill(NAN);
        world.held.fill(0.1);
        let out = world.decide();
        let small = named(&out, Reason::UniverseTooSmall);
        if n < 2 {
            assert_eq!(small, (0..n).collect::<Vec<_>>());
            assert!(out.weight_frac.iter().all(|weight| *weight == 0.0));
        } else {
            assert_eq!(sides(&out), [vec![0], vec![1]]);
        }
    }
}

#[test]
fn an_empty_selection_sells_no_stale_name_and_keeps_flags() {
    let mut world = World::falling(12);
    world.close.fill(NAN);
    world.held[3] = -0.2;
    world.state.awaiting_reentry[5][0] = true;
    world.state.tranche_weight.fill(0.1);
    let out = world.decide();
    assert_eq!((out.weight_frac[3], out.reason[3]), (-0.2, Reason::Stale));
    assert_eq!(sides(&out), [vec![], vec![3]]);
    assert!(world.state.awaiting_reentry[5][0]);
    assert!(world.state.tranche_weight.iter().all(|weight| *weight == 0.0));
}

proptest! {
    /// Flags come down for names that are seen outside the first `k` of their side, and for no others.
    #[test]
    fn flags_come_down_where_a_name_is_seen_outside(
        names in prop::collection::vec(
            (prop::option::weighted(0.9, -1.0..1.0f64), any::<[bool; 2]>()), 2..300),
        all_seen in any::<bool>(),
        share in 0.0..=1.0f64,
    ) {
        let world = World::falling(names.len());
        let facts = Facts::new(&world.symbols, &world.listed_ms, &world.delisted_ms, &world.params)?;
        let mut roll = Roll::new(&facts);
        for (score, (drawn, _)) in roll.score.iter_mut().zip(&names) {
            *score = drawn.unwrap_or(if all_seen { 0.5 } else { NAN });
        }
        roll.eligible = roll.score.iter().filter(|score| !score.is_nan()).count();
        prop_assume!(roll.eligible > 1);
        let k = ((roll.eligible / 2) as f64 * share) as usize;
        let mut ladders = new_ladders(names.len());
        Ladder::climb_both(&mut ladders, &roll.score, k.max(1));
        let mut flags: Vec<[bool; 2]> = names.iter().map(|(_, flags)| *flags).collect();
        clear_reentry(&mut flags, &ladders, &roll, k);
        for (i, (_, before)) in names.iter().enumerate() {
            for side in Side::BOTH {
                let first = &ladders[side as usize].known()[..k];
                let stays = before[side as usize] && (!roll.has(i) || first.contains(&(i as u32)));
                prop_assert_eq!(flags[i][side as usize], stays, "{} of {}", i, names.len());
            }
        }
    }
}
