//! Nanoseconds per element of the panel indicators, output array touched before: again and again, and after other memory.
//!
//! `cargo run --release -p xsmom-kernel --example time_indicators [rows] [cols]`

use std::hint::black_box;
use std::time::Instant;

use xsmom_kernel::Result;
use xsmom_kernel::indicators::{
    Bars, adx_into, atr_into, ema_into, rolling_mean_into, rolling_std_into,
};

const REPEATS: usize = 30;
/// Numbers that stand for what a program does between two indicators.
const OTHER: usize = 16 << 20;

fn argument(place: usize, default: usize) -> usize {
    std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn time(name: &str, out: &mut [f64], work: impl Fn(&mut [f64]) -> Result<()>) -> Result<()> {
    let mut other = vec![1.0; OTHER];
    let mut best = [f64::INFINITY; 2];
    for (best, touches) in best.iter_mut().zip([false, true]) {
        for _ in 0..REPEATS {
            if touches {
                for value in &mut other {
                    *value += 1.0;
                }
            }
            let start = Instant::now();
            work(out)?;
            black_box((&out, &other));
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    let [again, after] = best.map(|seconds| seconds * 1e9 / out.len() as f64);
    println!("{name:<16} {again:>8.3} {after:>8.3}");
    Ok(())
}

fn main() -> Result<()> {
    let (rows, cols) = (argument(1, 35_040), argument(2, 100));
    let wave = |shift: f64| -> Vec<f64> {
        let value = |k: usize| 100.0 + 10.0 * libm::sin(k as f64 * 0.37) + shift;
        (0..rows * cols).map(value).collect()
    };
    let (high, low, close) = (wave(1.0), wave(-1.0), wave(0.0));
    let bars = Bars { high: &high, low: &low, close: &close, cols };
    let mut out = vec![0.0; rows * cols];
    out.fill(1.0);
    println!(
        "{rows} x {cols}, best of {REPEATS}, ns an element: again and again, after other memory"
    );
    time("a copy", &mut out, |out| {
        out.copy_from_slice(&close);
        Ok(())
    })?;
    time("EMA 24", &mut out, |out| ema_into(&close, cols, 24, out))?;
    time("ATR 14", &mut out, |out| atr_into(bars, 14, out))?;
    time("ADX 14", &mut out, |out| adx_into(bars, 14, out))?;
    time("mean 96", &mut out, |out| rolling_mean_into(&close, cols, 96, out))?;
    time("std 96", &mut out, |out| rolling_std_into(&close, cols, 96, 0, out))
}
