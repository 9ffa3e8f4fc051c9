//! Lanes across symbols: run-time SIMD dispatch, sums in a fixed order, pure-Rust ln, exp and pow.
//!
//! `dispatch` runs a closure compiled for the best instruction set of the CPU. Only *speed* may
//! depend on it: everything inside works on eight fixed lanes in a fixed order, without fused
//! multiply-add, so the bits are the same on every level.

use std::cell::Cell;

use pulp::Arch;

mod elementary;
mod list;
mod row;
mod sums;

pub use elementary::{exp, ln, pow};
pub use list::List;
pub use row::{Line, Row};
pub use sums::{
    dot, fold, sum, sum_abs, sum_part, sum_present, sum_sq, sum_sq_from, sum_sq_present,
};
pub(crate) use sums::{fold_whole, sum_whole};

/// Number of lanes of every sum across symbols, whatever the register width of the CPU.
pub const LANES: usize = 8;

/// Eight symbols side by side.
pub type Lane = [f64; LANES];

/// Columns that are worked on together where no sum across symbols is taken: a cache line, one register
/// of AVX-512, two of AVX2.
pub const PACK: usize = 8;

/// Some symbols side by side.
pub type Pack = [f64; PACK];

thread_local! {
    static AT_BASELINE: Cell<bool> = const { Cell::new(false) };
}

/// Name of the SIMD level that [`dispatch`] uses on this machine.
pub fn simd_level() -> &'static str {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) => "x86-64-v4",
        #[cfg(target_arch = "x86_64")]
        Arch::V3(_) => "x86-64-v3",
        _ => "baseline",
    }
}

/// CPU features that matter to the kernel, as found at run time.
pub fn cpu_features() -> Vec<&'static str> {
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("sse4.2") {
            found.push("sse4.2");
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            found.push("avx2");
        }
        if std::arch::is_x86_feature_detected!("fma") {
            found.push("fma");
        }
        if std::arch::is_x86_feature_detected!("avx512f") {
            found.push("avx512f");
        }
    }
    found
}

/// The level to use: `XSMOM_SIMD=baseline` masks the CPU's features for the process (read once) and
/// `x86-64-v3` those beyond AVX2; [`at_baseline`] masks all of them for a call on this thread.
fn level() -> Arch {
    static LEVEL: std::sync::OnceLock<Arch> = std::sync::OnceLock::new();
    let level = *LEVEL.get_or_init(|| masked(std::env::var("XSMOM_SIMD").ok().as_deref()));
    if AT_BASELINE.get() { Arch::Scalar } else { level }
}

/// The best level of this CPU that `most` lets through.
fn masked(most: Option<&str>) -> Arch {
    match most {
        Some("baseline") => Arch::Scalar,
        #[cfg(target_arch = "x86_64")]
        Some("x86-64-v3") => pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3),
        _ => Arch::new(),
    }
}

/// Run `work` compiled for the best instruction set of this CPU. All that `work` calls must be
/// `#[inline(always)]`, and so must the closure itself (`dispatch(#[inline(always)] || …)`), or
/// the part that is not inlined runs as baseline code: right, but slow.
#[inline(always)]
pub fn dispatch<R>(work: impl FnOnce() -> R) -> R {
    level().dispatch(work)
}

/// Run `work` with every [`dispatch`] of this thread at the baseline level: how a test compares the
/// bits of two levels inside one process.
pub fn at_baseline<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            AT_BASELINE.set(self.0);
        }
    }
    let _restore = Restore(AT_BASELINE.replace(true));
    work()
}

/// Ends the work on one [`Pack`]: at the end of a loop over many, or between the stores of two that
/// stand side by side in memory. It is no instruction: it only keeps the compiler from vectorising
/// across lanes, which would shuffle what is already in the right registers.
#[inline(always)]
pub fn end_lane() {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
}

/// Eight values from `at` on; NaN beyond the end.
#[inline(always)]
pub fn load(values: &[f64], at: usize) -> Lane {
    match values[at..].first_chunk::<LANES>() {
        Some(chunk) => *chunk,
        None => load_tail(&values[at..]),
    }
}

#[inline(never)]
fn load_tail(values: &[f64]) -> Lane {
    let mut lane = [f64::NAN; LANES];
    lane[..values.len()].copy_from_slice(values);
    lane
}

/// `f` of each lane.
#[inline(always)]
pub fn map<const N: usize>(a: [f64; N], f: impl Fn(f64) -> f64) -> [f64; N] {
    let mut out = [0.0; N];
    for k in 0..N {
        out[k] = f(a[k]);
    }
    out
}

/// `f` of each pair of lanes.
#[inline(always)]
pub fn zip<const N: usize>(a: [f64; N], b: [f64; N], f: impl Fn(f64, f64) -> f64) -> [f64; N] {
    let mut out = [0.0; N];
    for k in 0..N {
        out[k] = f(a[k], b[k]);
    }
    out
}

/// `f` of each triple of lanes.
#[inline(always)]
pub fn zip3<const N: usize>(
    a: [f64; N],
    b: [f64; N],
    c: [f64; N],
    f: impl Fn(f64, f64, f64) -> f64,
) -> [f64; N] {
    let mut out = [0.0; N];
    for k in 0..N {
        out[k] = f(a[k], b[k], c[k]);
    }
    out
}

/// One bit for each of up to 64 values, whole lanes of them, of which `is` says so.
#[inline(always)]
pub fn bits_where(values: &[f64], is: impl Fn(f64) -> bool) -> u64 {
    let (chunks, tail) = values.as_chunks::<LANES>();
    debug_assert!(tail.is_empty() && values.len() <= 64, "rows are padded to whole lanes");
    let mut bits = [0; LANES];
    let mut bit = [1_u64, 2, 4, 8, 16, 32, 64, 128];
    for chunk in chunks {
        for l in 0..LANES {
            bits[l] |= u64::from(is(chunk[l])).wrapping_neg() & bit[l];
            bit[l] <<= LANES;
        }
    }
    bits.iter().fold(0, |all, lane| all | lane)
}

/// One bit for each of up to 64 values that is not 0.
#[inline(always)]
pub(crate) fn bits_with_value(values: &[f64]) -> u64 {
    let (lanes, tail) = values.split_at(values.len() / LANES * LANES);
    let mut bits = bits_where(
        lanes,
        #[inline(always)]
        |value| value != 0.0,
    );
    let mut bit = 1_u64.checked_shl(lanes.len() as u32).unwrap_or(0);
    for value in tail {
        bits |= if *value == 0.0 { 0 } else { bit };
        bit <<= 1;
    }
    bits
}

/// One bit for each of up to 64 pairs of values of which `is` says so.
#[inline(always)]
pub fn bits_where_two(x: &[f64], y: &[f64], is: impl Fn(f64, f64) -> bool) -> u64 {
    debug_assert!(x.len() <= 64, "a word has so many bits");
    let pairs = x.iter().zip(y).enumerate();
    pairs.fold(0, |bits, (at, (x, y))| bits | u64::from(is(*x, *y)) << at)
}

/// A whole number of a size below 2^51 as an integer, without the conversion that AVX2 lacks. A larger
/// one up to 2^54 gives some number that is not below 2^51 in size either.
#[inline(always)]
pub fn whole_number(x: f64) -> i64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (x + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()) as i64
}

/// `ln` in place, over a whole row at once: so long a body is vectorised as a loop only.
#[inline(always)]
pub fn ln_in_place(x: &mut [f64]) {
    for value in x {
        *value = ln(*value);
    }
}

/// `sign(z)·|z|^power` in place; NaN stays NaN, and a power of 1 leaves every bit as it is.
#[inline(always)]
pub fn signed_pow_in_place(z: &mut [f64], power: f64) {
    if power == 1.0 {
        return;
    }
    // Two passes, because one would run out of registers.
    let mut exponents = [0.0; 64];
    for part in z.chunks_mut(exponents.len()) {
        for (exponent, value) in exponents.iter_mut().zip(&*part) {
            *exponent = power * ln(value.abs());
        }
        for (exponent, value) in exponents.iter().zip(part) {
            let raised = if power == 0.0 { 1.0 } else { exp(*exponent) };
            *value = raised.copysign(*value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(n: usize) -> Vec<f64> {
        (0..n).map(|i| libm::sin(i as f64 * 0.7) * libm::exp(libm::cos(i as f64) * 3.0)).collect()
    }

    #[test]
    fn the_amplifier_keeps_signs_and_absent_values() {
        let mut z = vec![-2.0, -0.0, 0.0, 3.0, f64::NAN, 1.0, -1.0, 0.25, -0.5];
        let before = z.clone();
        signed_pow_in_place(&mut z, 1.35);
        for (got, from) in z.iter().zip(&before) {
            assert!(
                from.is_nan() || got.to_bits() == pow(from.abs(), 1.35).copysign(*from).to_bits()
            );
            let want = libm::pow(from.abs(), 1.35).copysign(*from);
            assert!((got - want).abs() <= 1e-15 * want.abs() || (got.is_nan() && from.is_nan()));
        }
        let mut same = before.clone();
        signed_pow_in_place(&mut same, 1.0);
        assert!(same.iter().zip(&before).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    /// The same work at both levels; on a CPU without AVX2 they are one level and the test is idle.
    #[test]
    fn every_level_gives_the_same_bits() {
        let work = || {
            dispatch(|| {
                let mut z = wave(1_003);
                signed_pow_in_place(&mut z, 1.35);
                let logs: Vec<f64> = z.iter().map(|v| ln(v.abs() + 1e-9)).collect();
                let exps: Vec<f64> = z.iter().map(|v| exp(*v)).collect();
                let sums = vec![sum(&z), sum_sq(&z), sum_abs(&z), dot(&z, &logs), sum(&exps)];
                [z, logs, exps, sums].concat()
            })
        };
        let best = work();
        let (baseline, name) = at_baseline(|| (work(), simd_level()));
        assert_eq!(name, "baseline");
        assert!(best.iter().zip(&baseline).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn the_baseline_is_left_even_by_a_panic() {
        let before = simd_level();
        let caught = std::panic::catch_unwind(|| at_baseline(|| panic!("inside")));
        assert!(caught.is_err());
        assert_eq!(simd_level(), before);
    }
}
