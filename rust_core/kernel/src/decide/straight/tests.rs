//! Ranks alone or the whole decision: the same bits, or no answer at all.

use super::*;
use crate::book::{Bar, GuardAction};
use crate::decide::random::Without;
use crate::decide::world::{NAN, World};
use crate::params::Standardise;
use proptest::prelude::*;

/// Nobody is held back by the past, nothing is on hold, and no order is too small.
fn calm(world: &mut World) {
    world.guard = GuardAction::None;
    world.hold.fill(false);
    world.barred_until_ms.fill([0; 2]);
    world.barred_by.fill([Bar::None; 2]);
    world.rung_cap.fill(f64::INFINITY);
    world.order_usdt_min.fill(0.0);
    world.state.awaiting_reentry.fill([false; 2]);
}

/// Switch off every rule that is more than ranks, sizes and plain limits.
fn leave_ranks(p: &mut Params) {
    (p.regime_enabled, p.adx_enabled, p.breakout_enabled) = (false, false, false);
    (p.majors_enabled, p.breadth_enabled, p.atr_regime_enabled) = (false, false, false);
    (p.vol_target_enabled, p.vol_regime_enabled, p.drawdown_scale_enabled) = (false, false, false);
    (p.meta_enabled, p.correlation_enabled, p.router_enabled) = (false, false, false);
    (p.beta_neutral, p.market_neutral, p.tranches) = (false, true, 1);
    (p.rank_buffer, p.entries_per_decision_max, p.positions_max) = (0, 0, 0);
    p.hold_zscore_min = p.entry_zscore_min;
    (p.risk_per_trade_frac, p.notional_max_usdt) = (0.0, 0.0);
    (p.adv_share_max_frac, p.squeeze_loss_frac, p.universe_top_n) = (0.0, 0.0, 0);
    p.blackout_hours.clear();
}

/// What a decision gives: targets, the newest tranche, and how many were selected and kept where it does not say who.
type Given = (Targets, Vec<f64>, Option<[usize; 2]>);

/// What the straight way says, where it says something; `world` has been decided, so that its row is written.
fn straight(world: &World, told: bool) -> Option<Given> {
    let mut decider = world.decider();
    if !told {
        decider = decider.with_state_unseen(&world.params).with_reasons_untold(true);
    }
    let (mut out, row) = (Targets::new(world.names()), world.row());
    let mut state = DecisionState::new(world.names(), 1);
    match decider.choose_straight(None, &row, &world.params) {
        Straight::No => return None,
        Straight::Fits => {
            decider.write_straight(&world.held, &mut out);
            state.tranche_weight.copy_from_slice(&out.weight_frac);
        }
        Straight::Over => {
            let book = BookRow { quiet: true, ..world.book() };
            decider.cut_straight(&row, &book, &mut state, &world.params, &mut out);
        }
    }
    let untold = decider.untold(&out.reason);
    Some((out, state.tranche_weight, untold))
}

fn count(out: &Targets, wanted: Reason) -> usize {
    out.reason.iter().filter(|reason| **reason == wanted).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn ranks_alone_give_what_the_long_way_gives(
        seed in any::<u64>(),
        names in 1_usize..130,
        (ties, defects) in any::<(bool, bool)>(),
        ranks_alone in prop::bool::weighted(0.8),
    ) {
        let mut world = World::random(seed, names, Without { ties, defects });
        calm(&mut world);
        if ranks_alone {
            leave_ranks(&mut world.params);
        }
        world.state = DecisionState::new(names, world.params.tranches as usize);
        let out = world.decide();
        if let Some((mine, tranche, untold)) = straight(&world, true) {
            prop_assert_eq!(untold, None);
            prop_assert_eq!(&mine.reason, &out.reason);
            let bits = |row: &[f64]| row.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&mine.weight_frac), bits(&out.weight_frac));
            prop_assert_eq!(bits(&tranche), bits(&world.state.tranche_weight));
            let Some((quiet, _, untold)) = straight(&world, false) else {
                return Err(TestCaseError::fail("it has just had an answer"));
            };
            prop_assert_eq!(bits(&quiet.weight_frac), bits(&out.weight_frac));
            let counts = [count(&out, Reason::Selected), count(&out, Reason::Kept)];
            if let Some(untold) = untold {
                prop_assert_eq!(untold, counts);
            } else {
                prop_assert_eq!(&quiet.reason, &out.reason);
            }
        }
    }
}

fn ordinary() -> World {
    let mut world = World::falling(40);
    leave_ranks(&mut world.params);
    world.decide();
    world
}

#[test]
fn an_ordinary_bar_goes_straight() {
    for (redemean, zscore_clip) in [(false, 0.0), (true, 0.0), (true, 2.0)] {
        let mut world = ordinary();
        (world.params.redemean, world.params.zscore_clip) = (redemean, zscore_clip);
        assert!(straight(&world, true).is_some());
    }
}

#[test]
fn what_weighs_too_much_is_cut_on_the_straight_way() {
    let mut world = ordinary();
    world.params.weight_long_max_frac = 0.01;
    let out = world.decide();
    let Some((mine, _, untold)) = straight(&world, false) else { panic!("a cap leads astray") };
    assert_eq!((untold, &mine), (None, &out));
    assert!(count(&mine, Reason::WeightCap) > 0 && count(&mine, Reason::LegShort) > 0);
}

#[test]
fn what_is_not_ordinary_has_no_answer() {
    let changes: [fn(&mut World); 8] = [
        |w| w.score[3] = NAN,
        |w| w.close[3] = NAN,
        |w| w.sigma[3] = 0.0,
        |w| w.delisted_ms[3] = w.close_ms,
        |w| w.params.entry_zscore_min = 5.0,
        |w| w.params.breadth_names_min = 41,
        |w| w.params.gross_hard_cap_x = 0.5 * w.params.gross_x,
        |w| w.params.standardise = Standardise::Robust,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut world = ordinary();
        change(&mut world);
        world.params.hold_zscore_min = world.params.entry_zscore_min;
        world.decide();
        assert!(straight(&world, true).is_none(), "change {number}");
    }
}
