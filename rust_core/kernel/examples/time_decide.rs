//! Prints what one decision costs, for the classic strategy and with each overlay on.
//!
//! `cargo run --release -p xsmom-kernel --example time_decide [names [variant]]`

use std::time::Instant;

use xsmom_kernel::Result;
use xsmom_kernel::book::{Bar, BookRow, DecisionState, GuardAction, Targets};
use xsmom_kernel::decide::Decider;
use xsmom_kernel::params::{ClusterAction, Params, SignalCombine, Standardise};
use xsmom_kernel::row::FeatureRow;

const BARS: usize = 64;
const ROUNDS: usize = 101;
const HOUR_MS: i64 = 3_600_000;
const RET_ROWS: usize = 96;

/// A small generator of repeatable numbers (`SplitMix64`), roughly normal by summing.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) as f64 / 18_446_744_073_709_551_616.0
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// Features of `BARS` bars: scores that wander as momentum does, everything else around its usual
/// size.
struct Market {
    names: usize,
    score: Vec<f64>,
    moves: Vec<f64>,
    sigma: Vec<f64>,
    variance: Vec<f64>,
    close: Vec<f64>,
    slope: Vec<f64>,
    volume: Vec<f64>,
    funding: Vec<f64>,
    returns: Vec<f64>,
}

impl Market {
    fn new(names: usize) -> Self {
        let mut noise = Noise(7);
        let (mut score, mut moves) = (Vec::new(), Vec::new());
        let mut now: Vec<f64> = (0..names).map(|_| noise.normal() * 0.02).collect();
        for _ in 0..BARS {
            for value in &mut now {
                *value = *value * 0.97 + noise.normal() * 0.02 * 0.243;
            }
            score.extend_from_slice(&now);
            for _ in 0..4 {
                moves.extend(now.iter().map(|value| value + noise.normal() * 0.01));
            }
        }
        let mut around = |size: f64, spread: f64| -> Vec<f64> {
            (0..names).map(|_| size * (1.0 + spread * noise.normal() / 6.0)).collect()
        };
        let (sigma, close) = (around(0.01, 0.8), around(100.0, 0.9));
        let (slope, volume) = (around(3.0, 9.0), around(1e8, 0.9));
        let funding = around(1e-5, 2.0);
        let returns = (0..names * RET_ROWS).map(|_| noise.normal() * 0.01).collect();
        let variance = sigma.iter().map(|sigma| sigma * sigma).collect();
        Self { names, score, moves, sigma, variance, close, slope, volume, funding, returns }
    }

    fn row(&self, bar: usize) -> FeatureRow<'_> {
        let names = self.names;
        FeatureRow {
            close_ms: (480_000 + bar as i64) * HOUR_MS,
            close: &self.close,
            score: &self.score[bar * names..(bar + 1) * names],
            moves: &self.moves[bar * names * 4..(bar + 1) * names * 4],
            trend: &self.score[bar * names..(bar + 1) * names],
            variance: &self.variance,
            atr: &self.sigma,
            trail_ma: &[],
            slope_bps_day: &self.slope,
            adx: &self.close,
            breakout: &self.close,
            beta: &self.close,
            funding_frac: &self.funding,
            dollar_volume_usdt: &self.volume,
            adv_usdt: &self.volume,
            ret_window: &self.returns,
            ret_rows: RET_ROWS,
            vol_ratio: 1.8,
            dispersion_ratio: 1.1,
            implied_corr: 0.7,
            router_dispersion_bps: 60.0,
        }
    }
}

fn classic() -> Params {
    Params {
        signal_power: 1.35,
        redemean: false,
        zscore_clip: 3.0,
        k_frac: 0.1,
        k_min: 10,
        k_max: 10,
        majors: vec!["S0000".to_owned(), "S0001".to_owned()],
        ..Params::default()
    }
}

/// Every variant with its name; each switches one thing on over the classic one.
fn variants() -> Vec<(&'static str, Params)> {
    type Change = (&'static str, fn(&mut Params));
    let changes: [Change; 25] = [
        ("classic", |_| {}),
        ("classic, no clip", |p| p.zscore_clip = 0.0),
        ("classic + redemean", |p| p.redemean = true),
        ("tight caps", |p| (p.weight_long_max_frac, p.weight_short_max_frac) = (0.1, 0.1)),
        ("squeeze cap", |p| p.squeeze_loss_frac = 0.2),
        ("robust", |p| p.standardise = Standardise::Robust),
        ("rank_normal", |p| p.standardise = Standardise::RankNormal),
        ("funding tilt", |p| p.funding_tilt_x = 0.5),
        ("top 80 by volume", |p| p.universe_top_n = 80),
        ("entry 1.0, hold 0.5", |p| (p.entry_zscore_min, p.hold_zscore_min) = (1.0, 0.5)),
        ("rank buffer 5", |p| p.rank_buffer = 5),
        ("atr regime", |p| p.atr_regime_enabled = true),
        ("throttle 2", |p| p.entries_per_decision_max = 2),
        ("positions 16", |p| p.positions_max = 16),
        ("regime", |p| p.regime_enabled = true),
        ("adx", |p| p.adx_enabled = true),
        ("majors", |p| p.majors_enabled = true),
        ("breadth", |p| p.breadth_enabled = true),
        ("breakout", |p| p.breakout_enabled = true),
        ("vol regime + drawdown", |p| {
            (p.vol_regime_enabled, p.drawdown_scale_enabled) = (true, true);
        }),
        ("vol target (72 bars)", |p| p.vol_target_enabled = true),
        ("correlation, halve", |p| p.correlation_enabled = true),
        ("correlation, cap", |p| {
            (p.correlation_enabled, p.correlation_action) = (true, ClusterAction::Cap);
        }),
        ("router", |p| p.router_enabled = true),
        ("weekly-like: ranks, 7 tranches", |p| {
            (p.signal_combine, p.tranches) = (SignalCombine::Rank, 7);
            (p.rank_buffer, p.redemean) = (3, true);
        }),
    ];
    let apply = |(name, change): Change| {
        let mut params = classic();
        change(&mut params);
        (name, params)
    };
    changes.into_iter().map(apply).collect()
}

/// Median and least over rounds of the mean time of a decision, nanoseconds.
fn time(market: &Market, params: &Params) -> Result<(f64, f64)> {
    let names = market.names;
    let symbols: Vec<String> = (0..names).map(|i| format!("S{i:04}")).collect();
    let mut decider = Decider::new(&symbols, &vec![0; names], &vec![i64::MAX; names], params)?;
    let mut state = DecisionState::new(names, params.tranches as usize);
    let (mut out, mut held) = (Targets::new(names), vec![0.0; names]);
    let mut rounds = Vec::with_capacity(ROUNDS);
    let (stale, hold) = (vec![0; names], vec![false; names]);
    let (until, by) = (vec![[0; 2]; names], vec![[Bar::None; 2]; names]);
    let (rung, meta, least) = (vec![f64::INFINITY; names], vec![[1.0; 2]; names], vec![0.0; names]);
    for round in 0..=ROUNDS {
        let start = Instant::now();
        for bar in 0..BARS {
            let row = market.row(bar);
            let book = BookRow {
                close_ms: row.close_ms,
                equity_usdt: 1e6,
                unit_value: 0.93,
                unit_value_peak: 1.0,
                guard: GuardAction::None,
                weight_now_frac: &held,
                stale_bars: &stale,
                quiet: false,
                hold: &hold,
                barred_until_ms: &until,
                barred_by: &by,
                rung_cap_frac: &rung,
                meta_scale: &meta,
                order_usdt_min: &least,
            };
            decider.decide(&row, &book, &mut state, params, &mut out)?;
            held.copy_from_slice(&out.weight_frac);
        }
        // The first round warms the caches and is not counted.
        if round > 0 {
            rounds.push(start.elapsed().as_nanos() as f64 / BARS as f64);
        }
    }
    rounds.sort_by(f64::total_cmp);
    Ok((rounds[ROUNDS / 2], rounds[0]))
}

fn main() -> Result<()> {
    let names = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100);
    let market = Market::new(names);
    println!("{names} names, ns per decision: median and least of {ROUNDS} rounds of {BARS} bars");
    let wanted = std::env::args().nth(2).unwrap_or_default();
    for (name, params) in variants().into_iter().filter(|(name, _)| name.contains(&wanted)) {
        let (median, least) = time(&market, &params)?;
        println!("{median:>9.0} {least:>9.0}  {name}");
    }
    Ok(())
}
