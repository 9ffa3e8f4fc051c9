//! Each rule of the plan by itself.

use xsmom_kernel::book::GuardAction;
use xsmom_kernel::reason::Reason;

use super::case::Case;

fn goals(case: &Case) -> Vec<i64> {
    case.plan().goal_lots
}

fn legs(case: &Case) -> Vec<(usize, i64, bool)> {
    case.plan().legs.iter().map(|leg| (leg.symbol, leg.lots, leg.reduce_only)).collect()
}

#[test]
fn openings_closes_and_flips_are_traded_in_full() {
    let case = Case::new(&[0.1, 0.0, -0.05], &[0, 40, 30]).with(|c| c.params.band_frac = 0.25);
    assert_eq!(goals(&case), [100, 0, -50]);
    assert_eq!(
        legs(&case),
        [(1, -40, true), (2, -30, true), (0, 100, false), (2, -50, false)],
        "everything that closes goes first, a flip is two legs"
    );
}

#[test]
fn what_is_held_as_a_weight_is_held_as_lots() {
    for held in 1..400_i64 {
        for side in [1, -1] {
            let mut case = Case::new(&[0.0], &[held * side]).with(|c| {
                c.price = vec![0.3 + held as f64 / 7.0];
                c.qty_step = vec![0.7];
                c.sizing_usdt = 9_876.543 + held as f64 / 3.0;
                c.guard = GuardAction::BlockEntries;
                c.params.net_cap_frac = 20.0;
            });
            let value = (held * side) as f64 * case.qty_step[0] * case.price[0];
            case.targets.weight_frac = vec![value * (1.0 / case.sizing_usdt)];
            assert_eq!(goals(&case), [held * side]);
            case.targets.weight_frac[0] *= 1.0 - 1e-8;
            assert_eq!(goals(&case), [(held - 1) * side], "less is less");
        }
    }
}

#[test]
fn the_band_trades_to_its_edge_and_not_inside() {
    for (held, goal, reason) in [
        (75, 75, Reason::InsideBand),
        (125, 125, Reason::InsideBand),
        (100, 100, Reason::Selected),
        (74, 75, Reason::Selected),
        (10, 75, Reason::Selected),
        (126, 125, Reason::Selected),
        (400, 125, Reason::Selected),
    ] {
        for side in [1, -1] {
            let case =
                Case::new(&[0.1 * side as f64], &[held * side]).with(|c| c.params.band_frac = 0.25);
            let plan = case.plan();
            assert_eq!(plan.goal_lots, [goal * side], "held {held}");
            assert_eq!(plan.reason, [reason], "held {held}");
        }
    }
}

#[test]
fn minima_drop_openings_and_partial_reductions_but_never_a_close() {
    for (weight, held, goal, reason) in [
        (0.004, 0, 0, Reason::BelowMinimum),
        (0.005, 0, 5, Reason::Selected),
        (0.0, 3, 0, Reason::Selected),
        (0.003, 50, 0, Reason::BelowMinimum),
        (0.100, 97, 97, Reason::BelowMinimum),
        (0.100, 104, 104, Reason::BelowMinimum),
        (0.100, 95, 100, Reason::Selected),
        (0.100, 105, 100, Reason::Selected),
        (-0.004, 50, 0, Reason::BelowMinimum),
    ] {
        let case = Case::new(&[weight], &[held]).with(|c| c.notional_usdt_min = vec![5.0]);
        let plan = case.plan();
        assert_eq!(plan.goal_lots, [goal], "weight {weight} held {held}");
        assert_eq!(plan.reason, [reason], "weight {weight} held {held}");
        assert!(plan.legs.iter().all(|leg| !leg.reduce_only || goal.abs() < held.abs()));
    }
}

#[test]
fn blocked_entries_only_let_lots_move_towards_nothing() {
    let weights = [0.2, 0.05, -0.1, 0.0, -0.1];
    let lots = [100, 100, 100, 100, 0];
    let blocked = [100, 50, 0, 0, 0];
    let base = Case::new(&weights, &lots).with(|c| c.params.net_cap_frac = 10.0);
    let guard = base.clone().with(|c| c.guard = GuardAction::BlockEntries);
    assert_eq!(goals(&guard), blocked);
    assert_eq!(guard.plan().reason[0], Reason::EntriesBlocked);
    for (cost, spent) in [(0.0048, true), (f64::NAN, true), (0.0047, false)] {
        let budget = base.clone().with(|c| {
            c.params.annual_cost_max_frac = 0.25;
            c.cost_week_frac = cost;
        });
        let found = goals(&budget);
        assert_eq!(found == blocked, spent, "cost {cost}");
        assert_eq!(budget.plan().reason[4] == Reason::CostBudget, spent, "cost {cost}");
    }
    let flat = base.with(|c| c.guard = GuardAction::Flatten);
    assert_eq!(goals(&flat), [0; 5]);
    assert_eq!(flat.plan().reason[0], Reason::Flattened);
}

#[test]
fn what_cannot_or_must_not_be_traded_is_left_alone() {
    let base = Case::new(&[0.2, 0.2, 0.2, 0.2], &[7, 7, 7, 7]).with(|c| {
        c.price[0] = f64::NAN;
        c.targets.reason[1] = Reason::Stale;
        c.targets.reason[2] = Reason::OperatorHold;
        c.targets.weight_frac[3] = f64::NAN;
    });
    let plan = base.plan();
    assert_eq!(plan.goal_lots, [7; 4]);
    assert!(plan.legs.is_empty());
    assert_eq!(plan.reason[0], Reason::NoData);
    let exits = base.with(|c| c.closing = vec![true; 4]);
    assert_eq!(goals(&exits), [7, 0, 0, 0], "an exit needs a price and nothing else");
    let lost = Case::new(&[0.2, 0.0], &[7, 7]).with(|c| c.sizing_usdt = f64::NAN);
    assert_eq!(goals(&lost), [7, 7], "without equity nothing is known");
    let broke = Case::new(&[0.2, -0.2], &[7, -7]).with(|c| c.sizing_usdt = 0.0);
    assert_eq!(goals(&broke), [0, 0]);
}

#[test]
fn rounding_is_taken_back_from_the_heavier_leg() {
    // Lots of 90 USDT on the short side lose 70 of 250; the longs give lots until 20 are left.
    let case = Case::new(&[0.125, 0.125, -0.25], &[0, 0, 0]).with(|c| {
        c.params.market_neutral = true;
        c.qty_step = vec![1.0, 1.0, 90.0];
    });
    let plan = case.plan();
    assert_eq!(plan.goal_lots, [100, 100, -2]);
    assert_eq!(plan.reason[..2], [Reason::LegRounding; 2]);
    assert!(case.net(&plan.goal_lots).abs() <= 20.0);
    let alone = case.with(|c| c.params.market_neutral = false);
    assert_eq!(goals(&alone), [125, 125, -2]);
}

#[test]
fn a_net_that_the_decision_wanted_stays() {
    let case = Case::new(&[0.20, -0.10], &[0, 0]).with(|c| c.params.market_neutral = true);
    assert_eq!(goals(&case), [200, -100]);
    let capped = case.with(|c| c.params.net_cap_frac = 0.05);
    assert_eq!(goals(&capped), [150, -100]);
}

#[test]
fn drift_inside_the_bands_is_cut_on_the_heavier_leg_only() {
    let case = Case::new(&[0.2, 0.2, -0.2, -0.2], &[230, 220, -180, -200]).with(|c| {
        c.params.market_neutral = true;
        c.params.band_frac = 0.25;
    });
    let plan = case.plan();
    // Net is 70, 20 is allowed: the name furthest above its target gives what it has above it.
    assert_eq!(plan.goal_lots, [200, 200, -180, -200]);
    assert_eq!(plan.reason[0], Reason::LegRounding);
}

#[test]
fn between_rebalances_a_stop_out_trims_the_other_leg_to_the_net_cap() {
    let case = Case::new(&[0.0; 4], &[200, 200, -200, -200]).with(|c| {
        c.rebalance = false;
        c.closing[3] = true;
        c.params.market_neutral = true;
    });
    let plan = case.plan();
    assert_eq!(plan.goal_lots, [150, 200, -200, 0]);
    assert_eq!(plan.reason[0], Reason::NetCap);
    assert_eq!(plan.reason[3], Reason::Exit);
    assert!(plan.legs.iter().all(|leg| leg.reduce_only));
}

#[test]
fn a_bound_on_lots_bounds_the_target() {
    let case = Case::new(&[0.2, -0.2], &[0, -300]).with(|c| c.lots_max = vec![50, 60]);
    assert_eq!(goals(&case), [50, -60]);
}
