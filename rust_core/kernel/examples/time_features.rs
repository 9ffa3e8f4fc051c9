//! Nanoseconds per cell of each group of features, on a made-up panel that streams from memory.
//!
//! Each block counts with its best of some runs over the whole panel, which leaves out what other
//! programs on the machine take, and keeps what memory costs.
//!
//! `cargo run --release -p xsmom-kernel --example time_features [rows] [cols] [hole share] [name]`

use std::hint::black_box;
use std::time::Instant;

use xsmom_kernel::features::{Scratch, blocks, features_block, features_last};
use xsmom_kernel::lanes;
use xsmom_kernel::panel::Panel;
use xsmom_kernel::params::{Params, SignalCombine, SignalKind};

const BAR_MS: i64 = 3_600_000;
const FIRST_BAR: i64 = 438_291;
const REPEATS: usize = 9;

struct Arrays {
    rows: usize,
    cols: usize,
    symbols: Vec<String>,
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    volume_usdt: Vec<f64>,
    funding_frac: Vec<f64>,
    listed_ms: Vec<i64>,
    delisted_ms: Vec<i64>,
}

impl Arrays {
    fn made_up(rows: usize, cols: usize, hole_frac: f64) -> Self {
        let mut state = 42_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let cells = rows * cols;
        let mut arrays = Self {
            rows,
            cols,
            symbols: (0..cols).map(|i| format!("S{i:04}")).collect(),
            open: vec![f64::NAN; cells],
            high: vec![f64::NAN; cells],
            low: vec![f64::NAN; cells],
            close: vec![f64::NAN; cells],
            volume_usdt: vec![f64::NAN; cells],
            funding_frac: vec![f64::NAN; cells],
            listed_ms: vec![0; cols],
            delisted_ms: vec![i64::MAX; cols],
        };
        let mut price: Vec<f64> = (0..cols).map(|_| 1.0 + 100.0 * uniform()).collect();
        for t in 0..rows {
            for i in 0..cols {
                let before = price[i];
                price[i] *= 1.0 + 0.02 * (uniform() - 0.5);
                let late = i % 5 == 0 && t < rows / 10;
                if late || uniform() < hole_frac {
                    continue;
                }
                let at = t * cols + i;
                let top = price[i].max(before);
                let bottom = price[i].min(before);
                arrays.open[at] = before;
                arrays.close[at] = price[i];
                arrays.high[at] = top * (1.0 + 0.003 * uniform());
                arrays.low[at] = bottom * (1.0 - 0.003 * uniform());
                arrays.volume_usdt[at] = 1e6 * uniform();
                arrays.funding_frac[at] = if t % 8 == 0 { 1e-4 * uniform() } else { 0.0 };
            }
        }
        arrays
    }

    fn panel(&self) -> Panel<'_> {
        Panel {
            bar_ms: BAR_MS,
            first_bar: FIRST_BAR,
            rows: self.rows,
            cols: self.cols,
            symbols: &self.symbols,
            open: &self.open,
            high: &self.high,
            low: &self.low,
            close: &self.close,
            volume_usdt: &self.volume_usdt,
            funding_frac: &self.funding_frac,
            settles: &[],
            listed_ms: &self.listed_ms,
            delisted_ms: &self.delisted_ms,
        }
    }
}

/// The classic decision's features: four raw look-backs and volatility, nothing else.
fn classic() -> Params {
    Params { catastrophic_atr_x: 0.0, ..Params::default() }
}

fn groups() -> Vec<(&'static str, Params)> {
    let base = classic;
    let everything = Params {
        signal_kind: SignalKind::VolScaled,
        catastrophic_atr_x: 3.5,
        regime_enabled: true,
        adx_enabled: true,
        breakout_enabled: true,
        beta_neutral: true,
        funding_tilt_x: 1.0,
        universe_top_n: 40,
        adv_share_max_frac: 0.01,
        vol_target_enabled: true,
        vol_regime_enabled: true,
        k_dispersion_bars: 240,
        router_enabled: true,
        majors: vec!["S0000".to_owned()],
        ..Params::default()
    };
    vec![
        ("classic (raw, mean, vol 96)", base()),
        ("  rank", Params { signal_combine: SignalCombine::Rank, ..base() }),
        ("  log", Params { signal_kind: SignalKind::Log, ..base() }),
        ("  vol_scaled", Params { signal_kind: SignalKind::VolScaled, ..base() }),
        ("  + ATR 28", Params { catastrophic_atr_x: 3.5, ..base() }),
        ("  + slope EMA 200", Params { regime_enabled: true, ..base() }),
        ("  + ADX 14", Params { adx_enabled: true, ..base() }),
        ("  + breakout 14/48", Params { breakout_enabled: true, ..base() }),
        ("  + beta 720", Params { beta_neutral: true, ..base() }),
        ("  + funding 72", Params { funding_tilt_x: 1.0, ..base() }),
        ("  + dollar volume 30 d", Params { universe_top_n: 40, ..base() }),
        ("  + adv 30 d", Params { adv_share_max_frac: 0.01, ..base() }),
        ("  + vol target 72", Params { vol_target_enabled: true, ..base() }),
        ("  + vol regime 24/480", Params { vol_regime_enabled: true, ..base() }),
        ("  + dispersion 240", Params { k_dispersion_bars: 240, ..base() }),
        ("  + router", Params { router_enabled: true, ..base() }),
        ("everything", everything),
    ]
}

fn argument(place: usize, default: f64) -> f64 {
    std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (rows, cols) = (argument(1, 35_040.0) as usize, argument(2, 100.0) as usize);
    let arrays = Arrays::made_up(rows, cols, argument(3, 0.0));
    let panel = arrays.panel();
    panel.check()?;
    println!(
        "{rows} bars x {cols} symbols, {}, each block's best of {REPEATS}",
        lanes::simd_level()
    );
    println!("{:<30} {:>9} {:>10} {:>12}", "features", "ns/cell", "warm-up", "last, ms");
    let only = std::env::args().nth(4).unwrap_or_default();
    for (name, params) in groups() {
        if !name.contains(&only) {
            continue;
        }
        let cut: Vec<_> = blocks(panel.first_bar, 0..rows).collect();
        let mut best = vec![f64::INFINITY; cut.len()];
        let mut scratch = Scratch::new(&params, cols)?;
        for _ in 0..REPEATS {
            for (block, best) in cut.iter().zip(&mut best) {
                let start = Instant::now();
                features_block(&panel, block.clone(), &mut scratch)?;
                *best = best.min(start.elapsed().as_secs_f64());
            }
            black_box(&scratch);
        }
        let mut last = f64::INFINITY;
        for _ in 0..REPEATS {
            scratch.reset();
            let start = Instant::now();
            black_box(features_last(&panel, &mut scratch)?);
            last = last.min(start.elapsed().as_secs_f64());
        }
        let cell = best.iter().sum::<f64>() * 1e9 / (rows * cols) as f64;
        println!("{name:<30} {cell:>9.2} {:>10} {:>12.3}", scratch.warmup_bars(), last * 1e3);
    }
    Ok(())
}
