//! The exchange against independently computed numbers, which lie beside the checkout.

use std::path::PathBuf;

use serde_json::Value;
use xsmom_kernel::exchange::{
    Answer, Command, Exchange, Id, ONE_E8, Prices, Query, Setup, Spec, SpecTier,
};

use crate::venue::{limit, spec};

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

/// A number as whole units of `one`.
fn whole(value: f64, one: f64) -> i64 {
    (value * one).round() as i64
}

/// A contract without fees and bounds, on ticks of 0.01 and lots of 0.000001.
fn free(symbol: &str, tiers: Vec<SpecTier>) -> Spec {
    Spec {
        unit_e8: 1,
        lots_max: i64::MAX / 4,
        lots_max_market: i64::MAX / 4,
        notional_min_e8: 0,
        maker_e8: 0,
        taker_e8: 0,
        band_e8: ONE_E8 - 1,
        tiers,
        ..spec(symbol)
    }
}

fn one_tier(maintenance: f64) -> Vec<SpecTier> {
    vec![SpecTier {
        value_max_e8: i64::MAX / 2,
        maintenance_e8: whole(maintenance, 1e8),
        deduction_e8: 0,
        leverage_max_e8: 100 * ONE_E8,
    }]
}

const TICKS: f64 = 100.0;
const LOTS: f64 = 1e6;

struct Desk {
    exchange: Exchange,
    now_ms: i64,
}

impl Desk {
    fn new(specs: Vec<Spec>, wallet_usdt: f64) -> Self {
        let exchange = Exchange::new(&Setup { specs }).expect("sound");
        let mut desk = Self { exchange, now_ms: 0 };
        desk.go(&Command::OpenAccount { name: String::new(), wallet_e8: whole(wallet_usdt, 1e8) });
        desk
    }

    fn go(&mut self, command: &Command) {
        self.now_ms += 1;
        self.exchange.apply(command, self.now_ms);
    }

    /// A book so deep at one price that everything is had there.
    fn price(&mut self, symbol: Id, price: f64) {
        let ticks = whole(price, TICKS);
        let level = vec![(ticks, i64::MAX / 8)];
        let (bids, asks) = (level.clone(), level);
        let prices = Prices { symbol, last: ticks, mark: ticks, index: ticks, bids, asks };
        self.go(&Command::Prices(prices));
    }

    fn trade(&mut self, symbol: Id, units: f64, price: f64) {
        let lots = whole(units, LOTS);
        if lots != 0 {
            self.price(symbol, price);
            let order = limit(lots, whole(price, TICKS));
            self.go(&Command::Place(xsmom_kernel::exchange::Place { symbol, ..order }));
        }
    }

    fn wallet(&self) -> xsmom_kernel::exchange::WalletRow {
        match self.exchange.answer(&Query::Wallet { account: 0 }) {
            Answer::Wallet(row) => row,
            other => panic!("{other:?}"),
        }
    }

    fn position(&self, symbol: Id) -> xsmom_kernel::exchange::PositionRow {
        match self.exchange.answer(&Query::Position { account: 0, symbol }) {
            Answer::Position(row) => *row,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn funding_matches_to_the_unit() {
    let Some(vectors) = load("13_bybit_funding_margin.json") else { return };
    for case in vectors["cases"]["funding_cash"].as_array().expect("cases") {
        let (units, mark) = (number(&case["signed_qty"]), number(&case["mark_price"]));
        let mut desk = Desk::new(vec![free("A", one_tier(0.01))], 1e6);
        desk.price(0, mark);
        desk.trade(0, units, mark);
        let before = desk.wallet().wallet_e8;
        desk.go(&Command::Funding { symbol: 0, rate_e8: whole(number(&case["rate"]), 1e8) });
        let expected = whole(number(&case["expected_cash_to_account"]), 1e8);
        assert_eq!(desk.wallet().wallet_e8 - before, i128::from(expected), "{case}");
    }
}

#[test]
fn maintenance_by_tiers_matches_to_the_unit() {
    let Some(vectors) = load("13_bybit_funding_margin.json") else { return };
    let tier = |row: &Value| SpecTier {
        value_max_e8: whole(number(&row["limit"]), 1e8),
        maintenance_e8: whole(number(&row["mmr"]), 1e8),
        deduction_e8: whole(number(&row["mm_deduction"]), 1e8),
        leverage_max_e8: whole(1.0 / number(&row["imr"]), 1e8),
    };
    let tiers: Vec<_> =
        vectors["cases"]["tiers"].as_array().expect("tiers").iter().map(tier).collect();
    for case in vectors["cases"]["tier_mm"].as_array().expect("cases") {
        let mut desk = Desk::new(vec![free("A", tiers.clone())], 5e7);
        desk.price(0, 1.0);
        desk.trade(0, number(&case["position_value"]), 1.0);
        let expected = whole(number(&case["expected_mm"]), 1e8);
        assert_eq!(desk.position(0).maintenance_e8, i128::from(expected), "{case}");
    }
}

#[test]
fn a_cross_account_matches() {
    let Some(vectors) = load("13_bybit_funding_margin.json") else { return };
    for case in vectors["cases"]["cross_account"].as_array().expect("cases") {
        let positions = case["positions"].as_array().expect("positions");
        let spec = |row: &Value| {
            free(row["symbol"].as_str().expect("a name"), one_tier(number(&row["mmr"])))
        };
        let mut desk = Desk::new(positions.iter().map(spec).collect(), 1e6);
        for (symbol, row) in positions.iter().enumerate() {
            desk.trade(symbol as Id, number(&row["qty"]), number(&row["entry"]));
        }
        let out = whole(1e6 - number(&case["wallet_balance"]), 1e8);
        for (symbol, row) in positions.iter().enumerate() {
            let leverage_e8 = 100 * ONE_E8;
            desk.go(&Command::SetLeverage { account: 0, symbol: symbol as Id, leverage_e8 });
            desk.price(symbol as Id, number(&row["mark"]));
        }
        desk.go(&Command::Transfer { account: 0, change_e8: -out });
        let (row, expected) = (desk.wallet(), &case["expected"]);
        let balance = whole(number(&expected["margin_balance"]), 1e8);
        assert_eq!(row.wallet_e8 + row.unrealised_e8, i128::from(balance), "margin balance");
        let maintenance = whole(number(&expected["mm_without_close_fee"]), 1e8);
        assert_eq!(row.maintenance_e8, i128::from(maintenance), "maintenance");
    }
}

/// Lots of a millionth round the vector's endless quantities: by half a lot a name at its price, some
/// 1e-4 USDT a trade at most. Its slippage is a second fee there, and is taken out here.
#[test]
fn a_hand_size_ledger_matches_bar_by_bar() {
    let Some(vectors) = load("16_perp_ledger.json") else { return };
    let cases = &vectors["cases"];
    let fee_e8 = whole(number(&cases["fee_rate"]), 1e8);
    let spec = |name: &str| Spec { taker_e8: fee_e8, ..free(name, one_tier(0.01)) };
    let cash = number(&cases["initial_equity"]);
    let mut desk = Desk::new(["AAA", "BBB", "CCC"].map(spec).to_vec(), cash);
    let mut slipped = 0.0;
    let rows = cases["rows"].as_array().expect("rows");
    for (bar, row) in rows.iter().enumerate() {
        let field = |name: &str, symbol: usize| number(&cases[name][bar][symbol]);
        if let Some(funding) = cases["funding"].get(bar.to_string()) {
            for symbol in 0..3 {
                desk.price(symbol, number(&funding["mark"][symbol as usize]));
                let rate_e8 = whole(number(&funding["rate"][symbol as usize]), 1e8);
                desk.go(&Command::Funding { symbol, rate_e8 });
            }
        }
        for symbol in 0..3 {
            desk.price(symbol as Id, field("open", symbol));
        }
        for symbol in 0..3 {
            desk.trade(symbol as Id, number(&row["trade_qty"][symbol]), field("open", symbol));
        }
        for symbol in 0..3 {
            desk.price(symbol as Id, field("close", symbol));
            let lots = desk.position(symbol as Id).lots as f64 / LOTS;
            assert!((lots - number(&row["qty"][symbol])).abs() < 4e-6, "bar {bar}");
        }
        slipped += number(&row["slippage"]);
        let wallet = desk.wallet();
        let equity = (wallet.wallet_e8 + wallet.unrealised_e8) as f64 / 1e8 - slipped;
        let expected = number(&row["equity_close"]);
        assert!((equity - expected).abs() < 2e-3, "bar {bar}: {equity} is not {expected}");
    }
    assert!(slipped > 0.0);
}
