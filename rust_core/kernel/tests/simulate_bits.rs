//! The bits of whole runs, pinned: what makes a run quicker must not make it different.
//!
//! Each configuration switches other rules on, over a market with absent bars, late listings and
//! vanished names. A change that is meant to change results renews the table: the failure prints it.
//!
//! The pins are the same for every build: the suite runs this file unoptimised and as released, at each
//! SIMD level, so that neither may differ from the other.

#![allow(clippy::format_push_string)] // a table for the eye of whoever broke the bits

use xsmom_kernel::fill::Costs;
use xsmom_kernel::panel::Panel;
use xsmom_kernel::params::{Params, StreakScope, TrailKind};
use xsmom_kernel::simulate::strategy::{Contracts, Run, Setup, run};
use xsmom_kernel::simulate::{FillAt, Timing, weights};

mod random_market;
use random_market::Market;

const COSTS: Costs = Costs {
    taker_fee_frac: 0.000_55,
    maker_fee_frac: 0.0002,
    maker_share_frac: 0.25,
    half_spread_frac: 0.0002,
    impact_y: 0.0,
    funding: true,
};

/// FNV-1a over 64-bit words.
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        self.0 ^= self.0 >> 29;
    }

    fn floats(&mut self, values: &[f64]) {
        // A NaN has many faces and one meaning.
        for x in values {
            self.word(if x.is_nan() { 1 } else { x.to_bits() });
        }
    }
}

fn hash(run: &Run) -> u64 {
    let mut hash = Hash::new();
    for rows in [&run.equity_usdt, &run.gross_usdt, &run.net_usdt, &run.units] {
        hash.floats(rows);
    }
    for costs in &run.costs {
        let paid = [costs.fee_usdt, costs.spread_usdt, costs.impact_usdt];
        hash.floats(&paid);
        hash.floats(&[costs.funding_usdt, costs.traded_usdt]);
    }
    for fill in &run.fills {
        for word in [fill.bar as u64, fill.at_ms as u64, fill.symbol as u64] {
            hash.word(word);
        }
        hash.word(fill.exit.map_or(0, |exit| exit as u64));
        hash.floats(&[fill.units, fill.price, fill.reference_price, fill.fee_usdt]);
    }
    for trip in &run.trips {
        for word in [trip.symbol as u64, trip.opened_ms as u64, trip.closed_ms as u64] {
            hash.word(word);
        }
        hash.word(trip.exit.map_or(0, |exit| exit as u64));
        hash.floats(&[trip.units_max, trip.entry_price, trip.exit_price]);
        hash.floats(&[trip.net_usdt, trip.funding_usdt]);
    }
    for (reason, count) in &run.reason_counts {
        hash.word(*reason as u64);
        hash.word(*count);
    }
    for count in [run.guarded_bars, run.decisions] {
        hash.word(count);
    }
    for at in [run.bankrupt_at, run.liquidated_at] {
        hash.word(at.map_or(u64::MAX, |bar| bar as u64));
    }
    hash.0
}

fn classic() -> Params {
    Params {
        signal_power: 1.35,
        redemean: false,
        zscore_clip: 0.0,
        vol_floor_ann_frac: 0.0,
        k_frac: 0.0,
        k_min: 6,
        k_max: 6,
        catastrophic_atr_x: 0.0,
        streak_losses: 0,
        cooldown_bars: 0,
        daily_loss_max_frac: 0.0,
        band_frac: 0.0,
        ..Params::default()
    }
}

fn setup() -> Setup {
    Setup {
        costs: COSTS,
        timing: Timing { fill_at: FillAt::Close, delay_bars: 0 },
        cash_usdt: 1e5,
        contracts: None,
        maintenance_frac: 0.005,
        tiers: None,
        keep_fills: true,
        keep_trips: true,
        keep_units: true,
    }
}

fn coarse(cols: usize) -> Contracts {
    let step = |i: usize| [1.0, 0.1, 10.0, 0.001][i % 4];
    Contracts {
        qty_step: (0..cols).map(step).collect(),
        notional_usdt_min: (0..cols).map(|i| 5.0 * (i % 40) as f64).collect(),
    }
}

type Change = fn(&mut Params, &mut Setup);

fn stops(p: &mut Params) {
    (p.stop_atr_x, p.trailing_enabled, p.trail_atr_x, p.atr_bars) = (2.0, true, 2.0, 14);
    (p.ladder, p.cooldown_bars, p.breakeven_after_r) = (vec![(1.0, 0.3), (2.0, 0.3)], 24, 1.5);
    p.profit_locks_r = vec![(2.0, 1.0)];
}

fn pauses(p: &mut Params) {
    (p.streak_losses, p.symbol_score_enabled, p.symbol_score_min_trades) = (3, true, 5);
}

#[rustfmt::skip]
const CASES: [(&str, Change, u64); 17] = [
    ("classic", |_, _| {}, 0x4c63_9be4_74fc_5c22),
    ("open", |_, s| s.timing.fill_at = FillAt::Open, 0x010c_2ed8_9f30_fa19),
    ("vwap, two bars late", |_, s| s.timing = Timing { fill_at: FillAt::Vwap, delay_bars: 2 }, 0xb544_0614_07a5_3690),
    ("band and contracts", |p, s| {
        (p.band_frac, s.contracts) = (0.25, Some(coarse(40)));
    }, 0xb6af_c263_be47_0283),
    ("small account", |p, s| {
        (p.band_frac, s.contracts, s.cash_usdt) = (0.25, Some(coarse(40)), 3e3);
        s.timing.fill_at = FillAt::Open;
    }, 0xdabd_5814_4a41_81db),
    ("impact", |_, s| s.costs.impact_y = 1.0, 0x98ed_0cf5_3f79_07ed),
    ("streaks and bans", |p, _| pauses(p), 0xe420_847a_f0c3_588a),
    ("streak of the book", |p, _| (p.streak_losses, p.streak_scope) = (5, StreakScope::Book), 0x352e_70ec_1042_d6e9),
    ("stops", |p, _| stops(p), 0xebf9_8feb_e6e8_0e4d),
    ("stops at the open, ages", |p, s| {
        stops(p);
        (p.trail_kind, p.no_progress_bars, p.hold_bars_max) = (TrailKind::MaAtr, 12, 60);
        s.timing = Timing { fill_at: FillAt::Open, delay_bars: 1 };
    }, 0x66f2_eab8_f147_56e5),
    ("guards", |p, _| {
        (p.daily_loss_max_frac, p.emergency_loss_frac, p.drawdown_max_frac) = (0.03, 0.02, 0.2);
        (p.symbol_daily_loss_max_frac, p.trade_loss_max_frac) = (0.004, 0.006);
    }, 0x61e5_0753_e372_d784),
    ("stops and guards", |p, s| {
        stops(p);
        pauses(p);
        (p.stop_cluster_count, p.stop_cluster_pause_ms) = (6, 20_000_000);
        (p.symbol_daily_loss_max_frac, p.trade_loss_max_frac) = (0.004, 0.006);
        (p.cvar_max_frac, p.band_frac) = (0.03, 0.25);
        s.timing.fill_at = FillAt::Open;
    }, 0x6873_16c6_3a0f_1d0c),
    ("weekly-like", |p, s| {
        (p.rebalance_bars, p.tranches, p.rank_buffer, p.universe_top_n) = (24, 7, 3, 25);
        (p.catastrophic_atr_x, p.band_frac, p.hold_bars_max) = (3.5, 0.25, 200);
        s.timing.fill_at = FillAt::Open;
    }, 0x7fa8_ce59_3191_f8cb),
    ("cost budget", |p, _| (p.annual_cost_max_frac, p.band_frac) = (0.8, 0.25), 0xe647_e7ce_43d5_9f72),
    ("one-sided", |p, _| {
        (p.market_neutral, p.net_cap_frac, p.entry_zscore_min) = (false, 0.3, 0.8);
    }, 0x525a_4700_4b06_e428),
    ("margin call", |p, s| {
        (p.gross_x, p.gross_hard_cap_x) = (12.0, 12.0);
        (p.weight_long_max_frac, p.weight_short_max_frac) = (4.0, 4.0);
        s.maintenance_frac = 0.08;
    }, 0x442c_d842_42e3_5110),
    ("ruin", |p, s| {
        (p.gross_x, p.gross_hard_cap_x, p.capital_usdt_max) = (60.0, 60.0, 9e4);
        (p.weight_long_max_frac, p.weight_short_max_frac) = (20.0, 20.0);
        s.maintenance_frac = 0.0;
    }, 0xeff6_ffcf_4be2_c82e),
];

#[test]
fn runs_keep_their_bits() {
    let market = Market::new(2_600, 40, 11, true);
    let panel = market.panel();
    let mut table = String::new();
    let mut same = true;
    for (name, change, pinned) in CASES {
        let (mut params, mut setup) = (classic(), setup());
        change(&mut params, &mut setup);
        let done = run(&panel, &params, &setup).unwrap();
        let found = hash(&done);
        same &= found == pinned;
        table += &format!(
            "{name}: {found:#018x}, {} fills, {} trips, {} guarded bars, end {:?} {:?}\n",
            done.fills.len(),
            done.trips.len(),
            done.guarded_bars,
            done.bankrupt_at,
            done.liquidated_at
        );
    }
    assert!(same, "\n{table}");
}

/// What is kept of a run is no part of it: a book of which nobody reads single orders is booked on a
/// shorter way, and ends with the same bits.
#[test]
fn what_is_kept_changes_no_bit() {
    let market = Market::new(1_400, 40, 11, true);
    let panel = market.panel();
    for (name, change, _) in CASES {
        let (mut params, mut setup) = (classic(), setup());
        change(&mut params, &mut setup);
        let full = run(&panel, &params, &setup).unwrap();
        (setup.keep_fills, setup.keep_trips, setup.keep_units) = (false, false, false);
        let bare = run(&panel, &params, &setup).unwrap();
        let bits = |row: &[f64]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&bare.equity_usdt), bits(&full.equity_usdt), "{name}");
        assert_eq!(bare.costs, full.costs, "{name}");
        let counts = |run: &Run| (run.fill_count, run.trip_count, run.reason_counts.clone());
        assert_eq!(counts(&bare), counts(&full), "{name}");
        assert_eq!(full.fill_count, full.fills.len() as u64, "{name}");
        assert_eq!(full.trip_count, full.trips.len() as u64, "{name}");
    }
}

/// A panel that knows which bars settle funding spares a run the look at their rates, and nothing else.
#[test]
fn known_settlements_change_no_bit() {
    let market = Market::new(700, 40, 11, true);
    let panel = market.panel();
    let (params, setup) = (classic(), setup());
    let looked = run(&panel, &params, &setup).unwrap();
    let rows = panel.funding_frac.chunks_exact(market.cols);
    let settles: Vec<bool> = rows.map(|row| row.iter().any(|rate| *rate != 0.0)).collect();
    assert!(settles.contains(&true) && settles.contains(&false));
    let told = run(&Panel { settles: &settles, ..panel }, &params, &setup).unwrap();
    assert_ne!(looked.costs.last().unwrap().funding_usdt, 0.0);
    assert_eq!(hash(&told), hash(&looked));
    let short = Panel { settles: &settles[1..], ..panel };
    assert!(short.check_shape().is_err());
}

/// The same pins without the CPU's vector registers.
#[test]
fn runs_keep_their_bits_at_the_baseline() {
    xsmom_kernel::lanes::at_baseline(runs_keep_their_bits);
}

#[test]
fn weights_keep_their_bits() {
    let market = Market::new(1_500, 43, 5, true);
    let panel = market.panel();
    let mut given = vec![0.0; market.rows * market.cols];
    xsmom_kernel::model_book::weights_into(&panel, &classic(), 1e5, &mut given).unwrap();
    let mut table = String::new();
    let mut same = true;
    // Renewed when legs that differ by rounding alone were left so: a last bit of some weights.
    let pins = [0xd660_d4c5_4368_fd36, 0xdb27_e5e3_f0c1_cd1e, 0x2349_fc2a_5251_138b];
    let prices = [FillAt::Close, FillAt::Open, FillAt::Vwap];
    for (at, (fill_at, pinned)) in prices.into_iter().zip(pins).enumerate() {
        let setup = weights::Setup {
            weights: &given,
            costs: COSTS,
            timing: Timing { fill_at, delay_bars: at },
            cash_usdt: 1e5,
            depth: None,
        };
        let done = weights::run(&panel, &setup, true).unwrap();
        let mut hash = Hash::new();
        hash.floats(&done.equity_usdt);
        hash.floats(&done.units);
        for costs in &done.costs {
            hash.floats(&[costs.fee_usdt, costs.spread_usdt, costs.funding_usdt]);
        }
        same &= hash.0 == pinned;
        table += &format!("{fill_at:?}: {:#018x}\n", hash.0);
    }
    assert!(same, "\n{table}");
}
