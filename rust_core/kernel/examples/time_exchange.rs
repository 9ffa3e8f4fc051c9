//! Time of order commands in the exchange core: orders that stand and are taken back, and orders that are filled.
//!
//! `cargo run --release --example time_exchange [commands]`

use std::time::Instant;

use xsmom_kernel::exchange::{
    Command, Exchange, ONE_E8, Place, Prices, Setup, Spec, SpecTier, TimeInForce, TriggerBy,
};

fn spec() -> Spec {
    let tier = SpecTier {
        value_max_e8: i64::MAX / 2,
        maintenance_e8: ONE_E8 / 100,
        deduction_e8: 0,
        leverage_max_e8: 50 * ONE_E8,
    };
    Spec {
        symbol: "AAAUSDT".to_owned(),
        unit_e8: ONE_E8 / 100,
        lots_min: 1,
        lots_max: 1_000_000,
        lots_max_market: 1_000_000,
        notional_min_e8: 0,
        maker_e8: 20_000,
        taker_e8: 55_000,
        band_e8: ONE_E8 / 10,
        protection_e8: ONE_E8 / 20,
        orders_max: 500,
        conditional_max: 10,
        partial_stops_max: 20,
        tiers: vec![tier],
    }
}

fn order(lots: i64, ticks: Option<i64>, number: usize) -> Command {
    Command::Place(Place {
        account: 0,
        symbol: 0,
        client_id: format!("n{number}"),
        lots,
        ticks,
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        close_on_trigger: false,
        trigger: None,
        stop_loss_ticks: 0,
        take_profit_ticks: 0,
        stop_loss_by: TriggerBy::Mark,
        take_profit_by: TriggerBy::Mark,
    })
}

fn main() {
    let wanted = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(400_000);
    let mut exchange = Exchange::new(&Setup { specs: vec![spec()] }).expect("sound");
    let wallet_e8 = 10_000_000 * ONE_E8;
    exchange.apply(&Command::OpenAccount { name: "one".to_owned(), wallet_e8 }, 1);
    let deep = vec![(999, 1_000_000_000)];
    let prices = Prices {
        symbol: 0,
        last: 1_000,
        mark: 1_000,
        index: 1_000,
        bids: deep,
        asks: vec![(1_001, 1_000_000_000)],
    };
    exchange.apply(&Command::Prices(prices), 2);
    let standing: Vec<Command> = (0..wanted / 2)
        .flat_map(|number| {
            let client_id = format!("n{number}");
            [order(1, Some(950), number), Command::Cancel { account: 0, order: 0, client_id }]
        })
        .collect();
    let filled: Vec<Command> = (0..wanted)
        .map(|number| order(if number % 2 == 0 { 1 } else { -1 }, None, wanted + number))
        .collect();
    for (name, commands) in [("placed and taken back", &standing), ("filled at once", &filled)] {
        let began = Instant::now();
        let mut events = 0;
        for (number, command) in commands.iter().enumerate() {
            events += exchange.apply(command, 3 + number as i64).len();
        }
        let spent_s = began.elapsed().as_secs_f64();
        let each_ns = 1e9 * spent_s / commands.len() as f64;
        println!(
            "{name}: {:.2} M commands/s, {each_ns:.0} ns each, {events} events",
            commands.len() as f64 / spent_s / 1e6
        );
    }
}
