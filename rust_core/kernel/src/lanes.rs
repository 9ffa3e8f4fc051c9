//! Lanes across symbols: run-time SIMD dispatch, sums in a fixed order, pure-Rust ln, exp and pow.
//!
//! `dispatch` runs a closure compiled for the best instruction set of the CPU. Only *speed* may
//! depend on it: everything inside works on eight fixed lanes in a fixed order, without fused
//! multiply-add, so the bits are the same on every level.

use pulp::Arch;

/// Number of lanes of every sum across symbols, whatever the register width of the CPU.
pub const LANES: usize = 8;

/// Name of the SIMD level that [`dispatch`] uses on this machine.
pub fn simd_level() -> &'static str {
    match level() {
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

/// The level to use: `XSMOM_SIMD=baseline` masks the CPU's features, which is how the tests
/// compare bits between levels. Read once per process.
fn level() -> Arch {
    static BASELINE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let baseline = *BASELINE
        .get_or_init(|| std::env::var_os("XSMOM_SIMD").is_some_and(|value| value == "baseline"));
    if baseline { Arch::Scalar } else { Arch::new() }
}

/// Run `work` compiled for the best instruction set of this CPU. `work` and all that it calls must
/// be `#[inline(always)]`, or it falls back to baseline code.
#[inline(always)]
pub fn dispatch<R>(work: impl FnOnce() -> R) -> R {
    level().dispatch(work)
}
