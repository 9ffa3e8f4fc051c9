//! The no-trade band.

use super::Name;
use crate::reason::Reason;

/// First and last lots (without sign) of the band around `target`.
pub(super) fn band(target: i64, band_frac: f64) -> (i64, i64) {
    let size = target.abs() as f64;
    let half = band_frac * size;
    (((size - half).ceil() as i64).max(0), (size + half).floor() as i64)
}

/// Lots to hold, and the reason when the band or the smallest order made it.
pub(super) fn within_band(name: &Name, band_frac: f64) -> (i64, Option<Reason>) {
    if name.still || name.target == 0 || !name.same_side() {
        return (name.target, None);
    }
    let (lower, upper) = band(name.target, band_frac);
    let held = name.held.abs();
    let edge = held.clamp(lower, upper);
    if edge == held {
        let reason = (name.held != name.target).then_some(Reason::InsideBand);
        return (name.held, reason);
    }
    if (edge - held).abs() < name.least {
        return (name.held, Some(Reason::BelowMinimum));
    }
    (name.held.signum() * edge, None)
}
