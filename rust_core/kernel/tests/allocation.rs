//! A decision allocates nothing: counted by an allocator of this test's own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use xsmom_kernel::book::{Bar, BookRow, DecisionState, GuardAction, Targets};
use xsmom_kernel::decide::Decider;
use xsmom_kernel::params::{ClusterAction, Params, SignalCombine, Standardise};
use xsmom_kernel::row::FeatureRow;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; only a thread's own counter moves.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NAMES: usize = 37;
const ROWS: usize = 40;

/// The plain strategy, and everything that can be on at once in each form that it can take.
fn variants() -> Vec<Params> {
    let plain = Params { k_frac: 0.2, k_max: 9, ..Params::default() };
    let full = Params {
        beta_neutral: true,
        squeeze_loss_frac: 0.1,
        risk_per_trade_frac: 0.005,
        stop_atr_x: 2.0,
        universe_top_n: 30,
        rank_buffer: 3,
        entries_per_decision_max: 5,
        positions_max: 20,
        tranches: 3,
        regime_enabled: true,
        majors_enabled: true,
        majors: vec!["S01".to_owned()],
        majors_count_min: 1,
        breadth_enabled: true,
        vol_target_enabled: true,
        vol_target_bars: 30,
        correlation_enabled: true,
        correlation_bars: 30,
        funding_tilt_x: 0.5,
        drawdown_scale_enabled: true,
        router_enabled: true,
        ..plain.clone()
    };
    let ranked = Params {
        signal_combine: SignalCombine::Rank,
        standardise: Standardise::RankNormal,
        correlation_action: ClusterAction::Cap,
        ..full.clone()
    };
    let robust = Params { standardise: Standardise::Robust, ..full.clone() };
    vec![plain, full, ranked, robust]
}

fn wave(size: f64, step: f64, count: usize) -> Vec<f64> {
    (0..count).map(|i| size * libm::sin(step * (i + 1) as f64)).collect()
}

fn level(size: f64, count: usize) -> Vec<f64> {
    wave(0.5 * size, 1.3, count).iter().map(|value| size + value).collect()
}

/// Decide at some bars of a small market and return how often memory was asked for.
fn count_allocations(params: &Params, guard: GuardAction, absent: usize) -> usize {
    let symbols: Vec<String> = (0..NAMES).map(|i| format!("S{i:02}")).collect();
    let mut decider = Decider::new(&symbols, &[0; NAMES], &[i64::MAX; NAMES], params)
        .expect("the majors are there");
    let mut state = DecisionState::new(NAMES, params.tranches as usize);
    state.awaiting_reentry[2] = [true, true];
    let mut out = Targets::new(NAMES);
    let mut held = wave(0.1, 2.0, NAMES);
    let (mut close, size, slope) = (level(50.0, NAMES), level(0.01, NAMES), wave(30.0, 0.9, NAMES));
    close[..absent].fill(f64::NAN);
    let (beta, volume) = (level(1.0, NAMES), level(1e8, NAMES));
    let returns = wave(0.01, 1.7, NAMES * ROWS);
    let mut asked = 0;
    for bar in 0..6_i64 {
        let score = wave(0.05, 0.7 + 0.01 * bar as f64, NAMES);
        let moves = wave(0.05, 0.71 + 0.01 * bar as f64, NAMES * 4);
        let row = FeatureRow {
            close_ms: (480_000 + bar) * 3_600_000,
            close: &close,
            score: &score,
            moves: &moves,
            trend: &score,
            variance: &size,
            atr: &size,
            trail_ma: &[],
            slope_bps_day: &slope,
            adx: &volume,
            breakout: &volume,
            beta: &beta,
            funding_frac: &score,
            dollar_volume_usdt: &volume,
            adv_usdt: &volume,
            ret_window: &returns,
            ret_rows: ROWS,
            vol_ratio: 2.0,
            dispersion_ratio: 1.0,
            implied_corr: 0.9,
            router_dispersion_bps: 30.0,
        };
        let book = BookRow {
            close_ms: row.close_ms,
            equity_usdt: 1e5,
            unit_value: 0.9,
            unit_value_peak: 1.0,
            guard,
            weight_now_frac: &held,
            stale_bars: &[1; NAMES],
            quiet: false,
            hold: &[false; NAMES],
            barred_until_ms: &[[0; 2]; NAMES],
            barred_by: &[[Bar::None; 2]; NAMES],
            rung_cap_frac: &[f64::INFINITY; NAMES],
            meta_scale: &[[1.0; 2]; NAMES],
            order_usdt_min: &[5.0; NAMES],
        };
        let before = COUNT.get();
        decider.decide(&row, &book, &mut state, params, &mut out).expect("shapes agree");
        asked += COUNT.get() - before;
        held.copy_from_slice(&out.weight_frac);
    }
    asked
}

#[test]
fn a_decision_allocates_nothing() {
    for (number, params) in variants().iter().enumerate() {
        params.validate().expect("legal parameters");
        for guard in [GuardAction::None, GuardAction::BlockEntries, GuardAction::Flatten] {
            for absent in [0, 4, NAMES] {
                let asked = count_allocations(params, guard, absent);
                assert_eq!(asked, 0, "variant {number}, {guard:?}, {absent} names absent");
            }
        }
    }
}

#[test]
fn the_allocator_of_this_test_counts() {
    let before = COUNT.get();
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(COUNT.get() - before, 1);
}
