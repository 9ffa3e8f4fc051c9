//! Indicators on `[T, N]` arrays, row after row (N = 1 for one series), lanes across columns.
//!
//! These are the public forms, with the seeding of TA-Lib: unbounded recursions that start where the
//! data starts. The decision uses the finite-memory forms in [`crate::features`] instead.
//!
//! One rule for absent values (NaN): over a window, a NaN inside gives NaN; a recursion gives NaN at
//! a NaN and starts anew after it, seeding included. So leading NaN delay a column, and a period
//! longer than the data gives NaN everywhere. A period of 0 is refused.
//!
//! The `_into` forms write to an array of the caller: touching fresh memory costs more than most of
//! the arithmetic here.

use crate::error::{KernelError, Result};
use crate::lanes::{PACK, Pack};

mod across;
mod average;
mod direction;
mod order;
mod pair;
mod rolling;

pub use across::{ranks, robust_zscores, zscores};
pub use average::{ema, ema_into, wilder};
pub use direction::{
    Bars, adx, adx_into, atr, atr_into, dx, minus_di, minus_dm, plus_di, plus_dm, true_range,
};
pub use order::{rolling_mad, rolling_median};
pub use pair::{rolling_beta, rolling_correlation};
pub use rolling::{
    rolling_mean, rolling_mean_into, rolling_std, rolling_std_into, rolling_zscore, sma,
};

/// Rows of an array of `len` values in `cols` columns.
fn rows_of(field: &'static str, len: usize, cols: usize) -> Result<usize> {
    if cols == 0 || !len.is_multiple_of(cols) {
        let found = format!("{len} values in {cols} columns");
        let expected = "whole rows of at least one column".to_owned();
        return Err(KernelError::Shape { field, found, expected });
    }
    Ok(len / cols)
}

fn check_same(field: &'static str, len: usize, expected: usize) -> Result<()> {
    if len == expected {
        return Ok(());
    }
    let (found, expected) = (format!("{len} values"), format!("{expected} values"));
    Err(KernelError::Shape { field, found, expected })
}

fn check_period(period: usize, least: usize) -> Result<()> {
    if period >= least {
        return Ok(());
    }
    let what = format!("is {period}, wants at least {least}");
    Err(KernelError::Argument { name: "period", what })
}

/// Column at which lane `j` begins. The last lane reaches back over columns of the one before it
/// rather than past the end; both compute the same values for them.
#[inline(always)]
fn first_column(j: usize, cols: usize) -> usize {
    (j * PACK).min(cols.saturating_sub(PACK))
}

/// Pack `j` of a row; padded with NaN when the row is shorter than a lane.
#[inline(always)]
fn lane_of(row: &[f64], j: usize) -> Pack {
    if let Some(lane) = row[first_column(j, row.len())..].first_chunk::<PACK>() {
        return *lane;
    }
    let mut lane = [f64::NAN; PACK];
    lane[..row.len()].copy_from_slice(row);
    lane
}

/// Write lane `j` of a row, without its padding.
#[inline(always)]
fn put_lane(row: &mut [f64], j: usize, lane: Pack) {
    let cols = row.len();
    if let Some(place) = row[first_column(j, cols)..].first_chunk_mut::<PACK>() {
        *place = lane;
        return;
    }
    row.copy_from_slice(&lane[..cols]);
}
