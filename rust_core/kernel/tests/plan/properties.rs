//! What holds of every plan.

use proptest::prelude::*;
use xsmom_kernel::book::GuardAction;
use xsmom_kernel::reason::Reason;

use super::case::Case;

prop_compose! {
    fn names(n: usize)(
        rows in prop::collection::vec(
            (-0.3..0.3_f64, -1.6..1.6_f64, -8.0..8.0_f64, 0.5..900.0_f64, 0_u8..20, 0.0..2.0_f64),
            n,
        ),
        equity in 100.0..1e6_f64,
        band in prop::sample::select(vec![0.0, 0.25, 0.6, 1.5]),
        flags in (any::<bool>(), 0_u8..12, 0_u8..6),
    ) -> Case {
        let n = rows.len();
        let mut case = Case::new(&vec![0.0; n], &vec![0; n]);
        case.sizing_usdt = equity;
        case.params.band_frac = band;
        case.params.market_neutral = flags.0;
        case.rebalance = flags.2 > 0;
        case.guard = match flags.1 { 0 => GuardAction::Flatten, 1 | 2 => GuardAction::BlockEntries, _ => GuardAction::None };
        for (i, (weight, held, log_price, fineness, kind, minimum)) in rows.into_iter().enumerate() {
            let price = libm::exp(log_price);
            let weight = if kind == 0 { 0.0 } else { weight };
            case.price[i] = if kind == 1 { f64::NAN } else { price };
            case.mark[i] = price;
            case.qty_step[i] = equity / fineness / price;
            case.notional_usdt_min[i] = minimum * equity / 100.0;
            case.targets.weight_frac[i] = weight;
            case.closing[i] = kind == 2;
            if kind == 3 { case.targets.reason[i] = Reason::Stale; }
            case.lots[i] = if kind > 12 { 0 } else { (held * weight * fineness) as i64 };
        }
        case
    }
}

fn filled(case: &Case) -> Case {
    case.clone().with(|c| c.lots = case.plan().goal_lots)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_filled_plan_plans_nothing_more(case in (1_usize..9).prop_flat_map(names)) {
        let again = filled(&case).plan();
        prop_assert!(again.legs.is_empty(), "{:?}", again.legs);
        prop_assert!(again.order_lots.iter().all(|lots| *lots == 0));
    }

    #[test]
    fn lots_stay_between_what_is_held_and_what_is_wanted(case in (1_usize..9).prop_flat_map(names)) {
        let plan = case.plan();
        for i in 0..case.lots.len() {
            let (held, goal) = (case.lots[i], plan.goal_lots[i]);
            let unit = case.mark[i] * case.qty_step[i];
            let wanted = case.targets.weight_frac[i] * case.sizing_usdt;
            let grows = goal.abs() > held.abs() || (goal != 0 && goal.signum() != held.signum());
            if grows {
                prop_assert!(goal.abs() as f64 * unit <= wanted.abs() * (1.0 + 1e-12));
                prop_assert!(goal as f64 * wanted > 0.0);
                let from = if goal.signum() == held.signum() { held } else { 0 };
                let order_usdt = (goal - from).abs() as f64 * unit;
                prop_assert!(order_usdt >= case.notional_usdt_min[i]);
                prop_assert!(case.guard == GuardAction::None && case.rebalance && !case.closing[i]);
            }
            if case.price[i].is_nan() || (case.targets.reason[i] == Reason::Stale && !case.closing[i] && case.guard != GuardAction::Flatten) {
                prop_assert_eq!(goal, held);
            } else if case.closing[i] || case.guard == GuardAction::Flatten {
                prop_assert_eq!(goal, 0);
            }
        }
    }

    #[test]
    fn legs_add_up_and_reduce_only_never_crosses_nothing(case in (1_usize..9).prop_flat_map(names)) {
        let plan = case.plan();
        let mut lots = case.lots.clone();
        let mut opening = false;
        for leg in &plan.legs {
            prop_assert!(leg.lots != 0);
            let before = lots[leg.symbol];
            let after = before + leg.lots;
            opening |= !leg.reduce_only;
            prop_assert_eq!(opening, !leg.reduce_only, "a close after an opening");
            if leg.reduce_only {
                prop_assert!(after.abs() < before.abs() && (after == 0 || after.signum() == before.signum()));
                let least = case.notional_usdt_min[leg.symbol] / (case.price[leg.symbol] * case.qty_step[leg.symbol]);
                prop_assert!(after == 0 || leg.lots.abs() as f64 >= least * (1.0 - 1e-12));
            } else {
                prop_assert!(before == 0 || before.signum() == leg.lots.signum());
            }
            lots[leg.symbol] = after;
        }
        prop_assert_eq!(&lots, &plan.goal_lots);
    }

    #[test]
    fn openings_of_a_balanced_book_are_balanced(mut case in (2_usize..9).prop_flat_map(names)) {
        let n = case.lots.len();
        case.lots = vec![0; n];
        case.rebalance = true;
        case.guard = GuardAction::None;
        case.price = case.mark.clone();
        case.closing = vec![false; n];
        case.params.market_neutral = true;
        case.notional_usdt_min = vec![0.0; n];
        case.targets.reason = vec![Reason::Selected; n];
        let wanted: f64 = case.targets.weight_frac.iter().sum::<f64>().abs();
        let plan = case.plan();
        let lot = (0..n).filter(|i| case.targets.weight_frac[*i].abs() * case.sizing_usdt >= case.mark[*i] * case.qty_step[*i])
            .map(|i| case.mark[i] * case.qty_step[i]).fold(f64::INFINITY, f64::min);
        let limit = lot.max(case.sizing_usdt * wanted.clamp(0.02, 0.15));
        let net = case.net(&plan.goal_lots);
        // Where the net is above its limit, no lot of the heavier leg could have made it smaller.
        let finest = (0..n).filter(|i| plan.goal_lots[*i] as f64 * net > 0.0)
            .map(|i| case.mark[i] * case.qty_step[i]).fold(f64::INFINITY, f64::min);
        prop_assert!(net.abs() <= limit * (1.0 + 1e-8) || finest >= 2.0 * net.abs());
    }

    #[test]
    fn drifted_legs_come_back_inside_their_bands(mut case in (2_usize..9).prop_flat_map(names)) {
        let n = case.lots.len();
        case.rebalance = true;
        case.guard = GuardAction::None;
        case.price = case.mark.clone();
        case.closing = vec![false; n];
        case.params.market_neutral = true;
        case.params.band_frac = 0.25;
        case.notional_usdt_min = vec![0.0; n];
        case.targets.reason = vec![Reason::Selected; n];
        let wanted: f64 = case.targets.weight_frac.iter().sum::<f64>().abs();
        let plan = case.plan();
        let lots: f64 = (0..n).filter(|i| plan.goal_lots[*i] != 0).map(|i| case.mark[i] * case.qty_step[i]).sum();
        let limit = case.sizing_usdt * wanted.clamp(0.02, 0.15);
        prop_assert!(case.net(&plan.goal_lots).abs() <= limit * (1.0 + 1e-8) + lots);
    }

    #[test]
    fn a_blocked_book_is_brought_under_the_net_cap(mut case in (2_usize..9).prop_flat_map(names)) {
        let n = case.lots.len();
        case.guard = GuardAction::BlockEntries;
        case.price = case.mark.clone();
        case.notional_usdt_min = vec![0.0; n];
        case.targets.reason = vec![Reason::Selected; n];
        let plan = case.plan();
        let lot = (0..n).filter(|i| plan.goal_lots[*i] != 0).map(|i| case.mark[i] * case.qty_step[i]).fold(f64::INFINITY, f64::min);
        if plan.goal_lots.iter().any(|goal| *goal != 0) {
            prop_assert!(case.net(&plan.goal_lots).abs() <= lot.max(0.15 * case.sizing_usdt) * (1.0 + 1e-8));
        }
    }

    #[test]
    fn the_order_of_symbols_does_not_matter(case in (2_usize..9).prop_flat_map(names), turn in 1_usize..8) {
        let n = case.lots.len();
        let from: Vec<usize> = (0..n).map(|i| (i + turn) % n).collect();
        let turned = case.clone().with(|c| {
            for (to, &i) in from.iter().enumerate() {
                c.targets.weight_frac[to] = case.targets.weight_frac[i];
                c.targets.reason[to] = case.targets.reason[i];
                c.lots[to] = case.lots[i];
                (c.price[to], c.mark[to]) = (case.price[i], case.mark[i]);
                c.closing[to] = case.closing[i];
                c.qty_step[to] = case.qty_step[i];
                c.notional_usdt_min[to] = case.notional_usdt_min[i];
            }
        });
        let (plain, other) = (case.plan(), turned.plan());
        for (to, &i) in from.iter().enumerate() {
            prop_assert_eq!(other.goal_lots[to], plain.goal_lots[i]);
            prop_assert_eq!(other.reason[to], plain.reason[i]);
        }
    }

    #[test]
    fn a_used_plan_gives_what_a_fresh_one_gives(a in (1_usize..9).prop_flat_map(names), b in (1_usize..9).prop_flat_map(names)) {
        let mut used = a.plan();
        b.plan_into(&mut used);
        let fresh = b.plan();
        prop_assert_eq!(used.goal_lots, fresh.goal_lots);
        prop_assert_eq!(used.legs, fresh.legs);
        prop_assert_eq!(used.reason, fresh.reason);
    }
}
