//! The plan: a table of single rules, properties, and the answers of the slow twin.

use proptest::prelude::*;
use xsmom_kernel::book::{GuardAction, Targets};
use xsmom_kernel::params::Params;
use xsmom_kernel::plan::{Lots, Plan, PlanInput, plan};
use xsmom_kernel::reason::Reason;

/// One moment, owned.
#[derive(Debug, Clone)]
struct Case {
    targets: Targets,
    lots: Vec<i64>,
    price: Vec<f64>,
    mark: Vec<f64>,
    closing: Vec<bool>,
    qty_step: Vec<f64>,
    notional_usdt_min: Vec<f64>,
    lots_max: Vec<i64>,
    sizing_usdt: f64,
    guard: GuardAction,
    rebalance: bool,
    cost_week_frac: f64,
    params: Params,
}

impl Case {
    /// Names at price 1 with lots of 1 USDT, an account of 1,000, no minimum, no band.
    fn new(weights: &[f64], lots: &[i64]) -> Self {
        let n = weights.len();
        let params = Params { band_frac: 0.0, market_neutral: false, ..Params::default() };
        Self {
            targets: Targets { weight_frac: weights.to_vec(), reason: vec![Reason::Selected; n] },
            lots: lots.to_vec(),
            price: vec![1.0; n],
            mark: vec![1.0; n],
            closing: vec![false; n],
            qty_step: vec![1.0; n],
            notional_usdt_min: vec![0.0; n],
            lots_max: Vec::new(),
            sizing_usdt: 1_000.0,
            guard: GuardAction::None,
            rebalance: true,
            cost_week_frac: 0.0,
            params,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn plan(&self) -> Plan {
        let mut out = Plan::new(self.lots.len());
        self.plan_into(&mut out);
        out
    }

    fn plan_into(&self, out: &mut Plan) {
        let input = PlanInput {
            targets: &self.targets,
            lots: &self.lots,
            price: &self.price,
            mark: &self.mark,
            closing: &self.closing,
            contracts: Lots {
                qty_step: &self.qty_step,
                notional_usdt_min: &self.notional_usdt_min,
                lots_max: &self.lots_max,
            },
            sizing_usdt: self.sizing_usdt,
            guard: self.guard,
            rebalance: self.rebalance,
            cost_week_frac: self.cost_week_frac,
        };
        plan(&input, &self.params, out);
    }

    /// Signed value of lots.
    fn net(&self, lots: &[i64]) -> f64 {
        let value = |i: usize| lots[i] as f64 * self.mark[i] * self.qty_step[i];
        (0..lots.len()).map(value).sum()
    }
}

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

// ---- properties --------------------------------------------------------------------------------

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

// ---- the twin ----------------------------------------------------------------------------------

mod twin {
    use serde_json::Value;

    use super::{Case, GuardAction, Reason};

    fn floats(value: &Value) -> Vec<f64> {
        value.as_array().expect("a list").iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
    }

    fn whole(value: &Value) -> Vec<i64> {
        value.as_array().expect("a list").iter().map(|x| x.as_i64().expect("whole")).collect()
    }

    fn reasons(value: &Value) -> Vec<Reason> {
        let one = |key: &Value| {
            let found = Reason::ALL.iter().find(|reason| Some(reason.key()) == key.as_str());
            *found.expect("a reason")
        };
        value.as_array().expect("a list").iter().map(one).collect()
    }

    fn read(row: &Value) -> Case {
        let (case, params) = (&row["case"], &row["params"]);
        let mut read = Case::new(&floats(&case["weight_frac"]), &whole(&case["lots"]));
        read.targets.reason = reasons(&case["reason"]);
        read.price = floats(&case["price"]);
        read.mark = floats(&case["mark"]);
        let closing = case["closing"].as_array().expect("a list");
        read.closing = closing.iter().map(|flag| flag == true).collect();
        read.qty_step = floats(&case["qty_step"]);
        read.notional_usdt_min = floats(&case["notional_usdt_min"]);
        read.lots_max = whole(&case["lots_max"]);
        read.sizing_usdt = case["sizing_usdt"].as_f64().expect("equity");
        read.guard = match case["guard"].as_str() {
            Some("flatten") => GuardAction::Flatten,
            Some("block_entries") => GuardAction::BlockEntries,
            _ => GuardAction::None,
        };
        read.rebalance = case["rebalance"] == true;
        read.cost_week_frac = case["cost_week_frac"].as_f64().expect("cost");
        read.params.band_frac = params["band_frac"].as_f64().expect("band");
        read.params.market_neutral = params["market_neutral"] == true;
        read.params.net_cap_frac = params["net_cap_frac"].as_f64().expect("cap");
        read.params.router_enabled = params["router_enabled"] == true;
        read.params.router_net_cap_frac = params["router_net_cap_frac"].as_f64().expect("cap");
        read.params.annual_cost_max_frac = params["annual_cost_max_frac"].as_f64().expect("budget");
        read
    }

    #[test]
    fn the_slow_twin_agrees() {
        let text = include_str!("../../../tests/oracle/cases/plan.json");
        let rows: Vec<Value> = serde_json::from_str(text).expect("cases are JSON");
        assert!(rows.len() >= 100);
        for (at, row) in rows.iter().enumerate() {
            let plan = read(row).plan();
            assert_eq!(plan.goal_lots, whole(&row["goal_lots"]), "case {at}");
            assert_eq!(plan.reason, reasons(&row["reason"]), "case {at}");
            let legs = row["legs"].as_array().expect("legs");
            assert_eq!(plan.legs.len(), legs.len(), "case {at}");
            for (leg, expected) in plan.legs.iter().zip(legs) {
                assert_eq!(Some(leg.symbol as u64), expected[0].as_u64(), "case {at}");
                assert_eq!(Some(leg.lots), expected[1].as_i64(), "case {at}");
                assert_eq!(Some(leg.reduce_only), expected[2].as_bool(), "case {at}");
            }
        }
    }
}
