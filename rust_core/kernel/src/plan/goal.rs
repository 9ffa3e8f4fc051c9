//! The no-trade band.

use super::Name;
use crate::reason::Reason;

/// First and last lots (without sign) of the band around `target`.
pub(super) fn band(target: i64, band_frac: f64) -> (i64, i64) {
    let size = target.abs() as f64;
    let half = band_frac * size;
    // Casts cut toward 0, which is down for what is above 0: rounding without a call into libm.
    (round_up(size - half).max(0), (size + half) as i64)
}

/// `⌈x⌉` of an `x` above −1; anything lower gives at most 0 too.
fn round_up(x: f64) -> i64 {
    let whole = x as i64;
    whole.saturating_add(i64::from((whole as f64) < x))
}

/// Lots to hold, and the reason when the band or the smallest order made it.
#[inline(always)]
pub(super) fn within_band(name: &Name, band_frac: f64) -> (i64, Option<Reason>) {
    if name.still || name.target == 0 || !name.same_side() {
        return (name.target, None);
    }
    let held = name.held.abs();
    let edge = if band_frac == 0.0 {
        name.target.abs()
    } else {
        let (lower, upper) = band(name.target, band_frac);
        held.max(lower).min(upper)
    };
    if edge == held {
        let reason = (name.held != name.target).then_some(Reason::InsideBand);
        return (name.held, reason);
    }
    if (edge - held).abs() < name.least {
        return (name.held, Some(Reason::BelowMinimum));
    }
    (name.held.signum() * edge, None)
}
