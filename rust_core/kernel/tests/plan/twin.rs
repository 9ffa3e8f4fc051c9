//! The answers of the slow twin.

use serde_json::Value;
use xsmom_kernel::book::GuardAction;
use xsmom_kernel::reason::Reason;

use super::case::Case;

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
    let text = include_str!("../../../../tests/vectors/plan_twin.json");
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
