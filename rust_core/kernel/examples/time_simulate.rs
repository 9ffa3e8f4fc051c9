//! Prints what a simulated bar costs, for the classic strategy alone and with more switched on.
//!
//! `cargo run --release -p xsmom-kernel --example time_simulate [bars [names [variant [rounds]]]]`

use std::time::Instant;

use xsmom_kernel::Result;
use xsmom_kernel::fill::Costs;
use xsmom_kernel::panel::Panel;
use xsmom_kernel::params::Params;
use xsmom_kernel::simulate::{FillAt, Timing, strategy, weights};

#[path = "../tests/random_market/mod.rs"]
mod random_market;

const COSTS: Costs = Costs {
    taker_fee_frac: 0.000_55,
    maker_fee_frac: 0.0,
    maker_share_frac: 0.0,
    half_spread_frac: 0.0002,
    impact_y: 0.0,
    funding: true,
};

/// The strategy alone: no band, stop, pause or guard.
fn classic() -> Params {
    Params {
        signal_power: 1.35,
        redemean: false,
        zscore_clip: 0.0,
        vol_floor_ann_frac: 0.0,
        k_frac: 0.0,
        k_min: 10,
        k_max: 10,
        catastrophic_atr_x: 0.0,
        streak_losses: 0,
        cooldown_bars: 0,
        daily_loss_max_frac: 0.0,
        band_frac: 0.0,
        ..Params::default()
    }
}

/// Every variant with its name; each switches something on over the classic one.
fn variants() -> Vec<(&'static str, Params)> {
    type Change = (&'static str, fn(&mut Params));
    let changes: [Change; 6] = [
        ("classic", |_| {}),
        ("band 0.25", |p| p.band_frac = 0.25),
        ("streaks", |p| p.streak_losses = 3),
        ("trailing stops and ladder", |p| {
            (p.stop_atr_x, p.trailing_enabled, p.trail_atr_x, p.atr_bars) = (2.5, true, 2.5, 14);
            (p.ladder, p.cooldown_bars) = (vec![(2.0, 0.3), (4.0, 0.3)], 24);
        }),
        ("guards", |p| {
            (p.daily_loss_max_frac, p.symbol_daily_loss_max_frac) = (0.05, 0.02);
            (p.trade_loss_max_frac, p.stop_cluster_count) = (0.03, 8);
        }),
        ("weekly-like", |p| {
            (p.rebalance_bars, p.tranches, p.rank_buffer) = (24, 7, 3);
            (p.catastrophic_atr_x, p.band_frac) = (3.5, 0.25);
        }),
    ];
    let apply = |(name, change): Change| {
        let mut params = classic();
        change(&mut params);
        (name, params)
    };
    changes.into_iter().map(apply).collect()
}

/// Median nanoseconds per cell of `work`, after one run that does not count.
fn time(panel: &Panel<'_>, rounds: usize, mut work: impl FnMut() -> Result<f64>) -> Result<f64> {
    let cells = (panel.rows * panel.cols) as f64;
    let mut found = Vec::with_capacity(rounds);
    for round in 0..=rounds {
        let start = Instant::now();
        std::hint::black_box(work()?);
        if round > 0 {
            found.push(start.elapsed().as_nanos() as f64 / cells);
        }
    }
    found.sort_by(f64::total_cmp);
    Ok(found[rounds / 2])
}

fn main() -> Result<()> {
    let number = |at: usize, or: usize| {
        std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(or)
    };
    let (bars, names, rounds) = (number(1, 35_040), number(2, 100), number(4, 5));
    let wanted = std::env::args().nth(3).unwrap_or_default();
    let market = random_market::Market::new(bars, names, 7, false);
    let panel = market.panel();
    println!("{bars} bars of {names} names, ns per cell, median of {rounds} rounds");
    let timing = Timing { fill_at: FillAt::Close, delay_bars: 0 };
    for (name, params) in variants().into_iter().filter(|(name, _)| name.contains(&wanted)) {
        let setup = strategy::Setup {
            costs: COSTS,
            timing,
            cash_usdt: 1e5,
            contracts: None,
            maintenance_frac: 0.0,
            tiers: None,
            keep_fills: false,
            keep_trips: false,
            keep_units: false,
        };
        let last = || {
            let run = strategy::run(&panel, &params, &setup)?;
            if run.bankrupt_at.is_some() {
                println!("{name}: bankrupt at {:?}", run.bankrupt_at);
            }
            Ok(run.equity_usdt[bars - 1])
        };
        println!("{:>8.2}  {name}", time(&panel, rounds, last)?);
    }
    let mut given = vec![0.0; bars * names];
    if "model book".contains(&wanted) {
        let walk = || {
            xsmom_kernel::model_book::weights_into(&panel, &classic(), 1e5, &mut given)?;
            Ok(0.0)
        };
        println!("{:>8.2}  model book: features and decisions", time(&panel, rounds, walk)?);
    }
    if "weights alone".contains(&wanted) {
        xsmom_kernel::model_book::weights_into(&panel, &classic(), 1e5, &mut given)?;
        let (weights, cash_usdt) = (&given[..], 1e5);
        let setup = weights::Setup { weights, costs: COSTS, timing, cash_usdt, depth: None };
        let last = || Ok(weights::run(&panel, &setup, false)?.equity_usdt[bars - 1]);
        println!("{:>8.2}  weights alone", time(&panel, rounds, last)?);
    }
    Ok(())
}
