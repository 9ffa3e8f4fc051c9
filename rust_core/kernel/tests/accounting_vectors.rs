//! Fees, margin, impact and a hand-size ledger against independently computed numbers.

use std::path::PathBuf;

use serde_json::Value;
use xsmom_kernel::book::Side;
use xsmom_kernel::fill::{Costs, Depth, fill, impact_frac};
use xsmom_kernel::ledger::Ledger;
use xsmom_kernel::margin::{Isolated, TierTable, Tiers, account_rate};

/// The vectors lie beside the checkout; without them the test has nothing to compare with.
fn load(name: &str) -> Option<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let Ok(text) = std::fs::read_to_string(root.join(name)) else {
        eprintln!("skipped: {name} is not beside this checkout");
        return None;
    };
    Some(serde_json::from_str(&text).expect("vectors are JSON"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    let list = value.as_array().expect("a list");
    list.iter().map(|row| row.as_array().expect("a row").iter().map(number).collect()).collect()
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected}");
}

#[test]
fn isolated_liquidation_prices_match_both_published_forms() {
    let Some(vectors) = load("13_bybit_funding_margin.json") else { return };
    let cases = vectors["cases"]["isolated_liquidation"].as_array().expect("cases");
    assert!(cases.len() >= 7);
    for case in cases {
        let position = Isolated {
            side: if case["side"] == "long" { Side::Long } else { Side::Short },
            units: number(&case["qty"]),
            entry_price: number(&case["entry"]),
            leverage_x: number(&case["leverage"]),
            extra_usdt: number(&case["extra_margin"]),
            mmr: number(&case["mmr"]),
            deduction_usdt: number(&case["mm_deduction"]),
        };
        let entry_form = position.liquidation_on_entry_value();
        close(entry_form, number(&case["expected_entry_value_formula"]), 1e-9, "on entry value");
        let mark_form = position.liquidation_on_mark_value();
        close(mark_form, number(&case["expected_mark_value_formula"]), 1e-9, "on mark value");
        close(position.bankruptcy_price(), number(&case["bankruptcy_price"]), 1e-9, "bankruptcy");
    }
}

#[test]
fn tiers_are_continuous_and_match() {
    let Some(vectors) = load("13_bybit_funding_margin.json") else { return };
    let list = vectors["cases"]["tiers"].as_array().expect("tiers");
    let rows: Vec<_> = list
        .iter()
        .map(|tier| (number(&tier["limit"]), number(&tier["mmr"]), number(&tier["imr"])))
        .collect();
    let tiers = Tiers::new(&rows).expect("valid tiers");
    for tier in list {
        let found = tiers.tier(number(&tier["limit"])).deduction_usdt;
        close(found, number(&tier["mm_deduction"]), 1e-9, "deduction");
    }
    for case in vectors["cases"]["tier_mm"].as_array().expect("cases") {
        let value = number(&case["position_value"]);
        close(tiers.maintenance_usdt(value), number(&case["expected_mm"]), 1e-9, "maintenance");
    }
}

#[test]
fn a_cross_account_matches() {
    let Some(vectors) = load("13_bybit_funding_margin.json") else { return };
    for case in vectors["cases"]["cross_account"].as_array().expect("cases") {
        let positions = case["positions"].as_array().expect("positions");
        let mut ledger = Ledger::new(positions.len(), number(&case["wallet_balance"]));
        let (mut maintenance, mut marks) = (0.0, Vec::new());
        for (i, position) in positions.iter().enumerate() {
            let (units, entry) = (number(&position["qty"]), number(&position["entry"]));
            ledger.apply_fill(i, units, entry, &fill(units, entry, &Costs::FREE, no_depth()));
            let value = (units * number(&position["mark"])).abs();
            maintenance += value * (number(&position["mmr"]) + number(&case["taker"]));
            marks.push(number(&position["mark"]));
        }
        ledger.mark_to(&marks);
        let expected = &case["expected"];
        close(ledger.equity_usdt(), number(&expected["margin_balance"]), 1e-9, "margin balance");
        close(ledger.gross_usdt(), number(&expected["gross"]), 1e-9, "gross");
        close(maintenance, number(&expected["mm_with_close_fee"]), 1e-9, "maintenance");
        let rate = account_rate(maintenance, ledger.equity_usdt());
        close(rate, number(&expected["account_mm_rate"]), 1e-9, "account rate");
    }
}

#[test]
fn a_table_of_tiers_is_due_where_the_account_rate_reaches_one() {
    let Some(vectors) = load("13_bybit_funding_margin.json") else { return };
    for case in vectors["cases"]["cross_account"].as_array().expect("cases") {
        let positions = case["positions"].as_array().expect("positions");
        let rows: Vec<_> =
            positions.iter().map(|position| vec![(1e12, number(&position["mmr"]))]).collect();
        let table = TierTable::new(&rows).expect("valid tiers");
        let value = |position: &Value| number(&position["qty"]) * number(&position["mark"]);
        let values = || positions.iter().map(value).enumerate();
        let gross = values().map(|(_, value)| value.abs()).sum::<f64>();
        let needed = number(&case["expected"]["mm_with_close_fee"]);
        let fee = number(&case["taker"]);
        assert!(table.is_due(values(), gross, fee, needed * (1.0 - 1e-9)));
        assert!(!table.is_due(values(), gross, fee, needed * (1.0 + 1e-9)));
    }
    // In brackets: the published table, each slice at its own rate.
    let list = vectors["cases"]["tiers"].as_array().expect("tiers");
    let rows = list.iter().map(|tier| (number(&tier["limit"]), number(&tier["mmr"]))).collect();
    let table = TierTable::new(&[rows]).expect("valid tiers");
    for case in vectors["cases"]["tier_mm"].as_array().expect("cases") {
        let (value, needed) = (number(&case["position_value"]), number(&case["expected_mm"]));
        for (equity, due) in [(needed * (1.0 - 1e-9), true), (needed * (1.0 + 1e-9), false)] {
            assert_eq!(table.is_due([(0, -value)].into_iter(), value, 0.0, equity), due, "{value}");
        }
    }
}

#[test]
fn funding_is_paid_at_its_instants_on_the_units_then_held() {
    let Some(vectors) = load("13_bybit_funding_margin.json") else { return };
    for case in vectors["cases"]["funding_cash"].as_array().expect("cases") {
        let mut ledger = Ledger::new(1, 0.0);
        ledger.units[0] = number(&case["signed_qty"]);
        ledger.settle_funding(0, number(&case["mark_price"]), number(&case["rate"]));
        close(ledger.cash_usdt, number(&case["expected_cash_to_account"]), 1e-9, "funding");
    }
    let stream = &vectors["cases"]["dynamic_interval"];
    let mut ledger = Ledger::new(1, 0.0);
    for settlement in stream["settlements"].as_array().expect("settlements") {
        // ISO stamps of one zone compare as text.
        let at = settlement["t"].as_str().expect("a stamp");
        let held = at >= stream["entered"].as_str().expect("a stamp")
            && at < stream["exited"].as_str().expect("a stamp");
        ledger.units[0] = if held { number(&stream["position_qty"]) } else { 0.0 };
        ledger.settle_funding(0, number(&settlement["mark"]), number(&settlement["rate"]));
    }
    close(ledger.cash_usdt, number(&stream["expected_cash"]), 1e-9, "stream of settlements");
}

#[test]
fn fees_match() {
    let taker = Costs { taker_fee_frac: 0.00055, maker_fee_frac: 0.0002, ..Costs::FREE };
    let maker = Costs { maker_share_frac: 1.0, ..taker };
    close(fill(100.0, 100.0, &taker, no_depth()).fee_usdt, 5.5, 1e-12, "taker");
    close(fill(-100.0, 100.0, &maker, no_depth()).fee_usdt, 2.0, 1e-12, "maker");
}

#[test]
fn the_square_root_law_matches() {
    let Some(vectors) = load("14_market_impact.json") else { return };
    for case in vectors["cases"]["square_root"].as_array().expect("cases") {
        let depth = Depth { sigma_day_frac: number(&case["daily_vol"]), adv_usdt: 1e8 };
        let notional = number(&case["Q_over_daily_volume"]) * 1e8;
        let found = impact_frac(number(&case["Y"]), notional, depth) * 1e4;
        close(found, number(&case["avg_cost_two_thirds_bp"]), 1e-9, "average impact");
    }
}

#[test]
fn a_hand_size_ledger_matches_bar_by_bar() {
    let Some(vectors) = load("16_perp_ledger.json") else { return };
    let cases = &vectors["cases"];
    let (open, close_price) = (rows(&cases["open"]), rows(&cases["close"]));
    // There the slippage is a second fee on the same notional: one rate carries both.
    let rate = number(&cases["fee_rate"]) + number(&cases["slippage_rate"]);
    let costs = Costs { taker_fee_frac: rate, ..Costs::FREE };
    let mut ledger = Ledger::new(3, number(&cases["initial_equity"]));
    for (bar, row) in cases["rows"].as_array().expect("rows").iter().enumerate() {
        if let Some(funding) = cases["funding"].get(bar.to_string()) {
            for i in 0..3 {
                ledger.settle_funding(i, number(&funding["mark"][i]), number(&funding["rate"][i]));
            }
        }
        ledger.mark_to(&open[bar]);
        let equity = ledger.equity_usdt();
        close(equity, number(&row["equity_at_open"]), 1e-8, "equity at open");
        let decided = bar
            .checked_sub(1)
            .and_then(|last| cases["targets_decided_on_close_of_bar"].get(last.to_string()));
        for (i, weight) in decided.and_then(Value::as_array).into_iter().flatten().enumerate() {
            let price = open[bar][i];
            let units = number(weight) * equity / price - ledger.units[i];
            let done = fill(units, price, &costs, no_depth());
            ledger.apply_fill(i, units, price, &done);
        }
        ledger.mark_to(&close_price[bar]);
        close(ledger.equity_usdt(), number(&row["equity_close"]), 1e-8, "equity at close");
        for i in 0..3 {
            close(ledger.units[i], number(&row["qty"][i]), 1e-8, "units");
        }
    }
    let totals = &cases["totals"];
    let paid = number(&totals["fees"]) + number(&totals["slippage"]);
    close(ledger.costs.fee_usdt, paid, 1e-8, "fees and slippage");
    close(ledger.costs.funding_usdt, -number(&totals["funding"]), 1e-8, "funding");
    close(ledger.equity_usdt(), number(&totals["final_equity"]), 1e-8, "final equity");
}

fn no_depth() -> Depth {
    Depth { sigma_day_frac: f64::NAN, adv_usdt: f64::NAN }
}
