//! The features of a running book allocate nothing: not a byte a bar after construction.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use xsmom_kernel::features::{Scratch, blocks, features_block};
use xsmom_kernel::panel::Panel;
use xsmom_kernel::params::{Params, SignalCombine, SignalKind, TrailKind};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system allocator as it came; the counter touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn everything() -> Params {
    Params {
        signal_kind: SignalKind::VolScaled,
        signal_combine: SignalCombine::Rank,
        universe_top_n: 5,
        adv_share_max_frac: 0.01,
        beta_neutral: true,
        vol_target_enabled: true,
        correlation_enabled: true,
        regime_enabled: true,
        adx_enabled: true,
        breakout_enabled: true,
        vol_regime_enabled: true,
        k_dispersion_bars: 100,
        funding_tilt_x: 1.0,
        router_enabled: true,
        majors: vec!["S00".to_owned()],
        trailing_enabled: true,
        trail_kind: TrailKind::MaAtr,
        ..Params::default()
    }
}

#[test]
fn streaming_allocates_nothing() {
    let (rows, cols) = (1_500, 10);
    let wave = |shift: f64| -> Vec<f64> {
        let value = |k: usize| 50.0 + 10.0 * libm::sin(k as f64 * 0.37) + shift;
        (0..rows * cols).map(|k| if k % 97 == 0 { f64::NAN } else { value(k) }).collect()
    };
    let (close, high, low) = (wave(0.0), wave(1.0), wave(-1.0));
    let symbols: Vec<String> = (0..cols).map(|i| format!("S{i:02}")).collect();
    let (listed_ms, delisted_ms) = (vec![0; cols], vec![i64::MAX; cols]);
    let params = everything();
    let panel = Panel {
        bar_ms: params.bar_ms,
        first_bar: 472_001,
        rows,
        cols,
        symbols: &symbols,
        open: &close,
        high: &high,
        low: &low,
        close: &close,
        volume_usdt: &high,
        funding_frac: &low,
        settles: &[],
        listed_ms: &listed_ms,
        delisted_ms: &delisted_ms,
    };
    let mut scratch = Scratch::new(&params, cols).unwrap();
    let mut sum = 0.0;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for block in blocks(panel.first_bar, 0..rows) {
        features_block(&panel, block.clone(), &mut scratch).unwrap();
        for t in block {
            let row = scratch.row(panel.first_bar + t as i64);
            sum += row.sigma(0) + row.adx[1] + row.ret_window[2];
        }
    }
    let cold = rows / 2..rows / 2 + 1;
    features_block(&panel, cold, &mut scratch).unwrap();
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(after - before, 0, "{sum}");
    // The counter counts: it would have seen an allocation.
    assert!(!vec![sum].is_empty() && ALLOCATIONS.load(Ordering::Relaxed) > after);
}
