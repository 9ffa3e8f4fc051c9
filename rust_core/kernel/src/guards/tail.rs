//! Expected shortfall of the book for one day, from its own bars.

use super::{DAY_MS, Moment};
use crate::metrics::expected_shortfall;

/// Fewest rows from which a tail is read: three of them are the worst 5 %.
pub const CVAR_ROWS_MIN: usize = 60;

/// Newest rows that are read, however many there are: twelve of them are the worst 5 %.
pub const CVAR_ROWS_MAX: usize = 240;

/// Share of the worst days.
const TAIL_FRAC: f64 = 0.05;

/// Expected loss of the worst 5 % of days, share of equity; NaN when it cannot be known.
pub fn expected_shortfall_day(moment: &Moment, bar_ms: i64, scratch: &mut Vec<f64>) -> f64 {
    let exposure = moment.exposure_frac;
    let names = exposure.len();
    let rows = moment.ret_rows.min(CVAR_ROWS_MAX);
    let window = &moment.ret_window[(moment.ret_rows - rows) * names..];
    // Rows before the first bar are rows of NaN.
    let known = |row: &&[f64]| row.iter().any(|ret| !ret.is_nan());
    let filled = if names == 0 { 0 } else { window.chunks_exact(names).filter(known).count() };
    if rows < CVAR_ROWS_MIN || filled * 100 < rows * 95 {
        return f64::NAN;
    }
    scratch.clear();
    scratch.resize(rows, 0.0);
    for (i, share) in exposure.iter().enumerate().filter(|(_, share)| **share != 0.0) {
        let mut present = 0;
        for (t, sum) in scratch.iter_mut().enumerate() {
            let ret = window[t * names + i];
            if !ret.is_nan() {
                present += 1;
                *sum += share * ret;
            }
        }
        if share.is_nan() || present * 100 < rows * 95 {
            return f64::NAN;
        }
    }
    scratch.sort_unstable_by(f64::total_cmp);
    let loss = -expected_shortfall(scratch, TAIL_FRAC);
    let bars_a_day = DAY_MS as f64 / bar_ms as f64;
    // A gain in the worst case is no loss; a NaN stays one.
    if loss < 0.0 { 0.0 } else { loss * bars_a_day.sqrt() }
}
