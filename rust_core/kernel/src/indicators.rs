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
use crate::lanes::{self, PACK, Pack};

mod across;
mod average;
mod direction;
mod order;
mod owned;
mod pair;
mod rolling;
mod trend;

pub use across::{ranks, robust_zscores, zscores};
pub use average::{ema_into, wilder_into};
pub use direction::{
    Bars, atr_into, minus_di_into, minus_dm_into, plus_di_into, plus_dm_into, true_range_into,
};
pub use order::{rolling_mad, rolling_median};
pub use owned::{
    adx, atr, dx, ema, minus_di, minus_dm, plus_di, plus_dm, rolling_mean, rolling_std,
    rolling_zscore, true_range, wilder,
};
pub use pair::{rolling_beta, rolling_correlation};
pub use rolling::{rolling_mean_into, rolling_std_into, rolling_zscore_into};
pub use trend::{adx_into, dx_into};

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

/// How a computation goes down a pack of columns, row by row.
trait Down<const INPUTS: usize> {
    /// What it remembers of one pack.
    type State;

    /// The answer where no column is seeding or absent: nearly always. `None` leaves the state as it
    /// was and asks for [`Down::slow`].
    fn fast(&mut self, state: &mut Self::State, x: &[Pack; INPUTS]) -> Option<Pack>;

    /// The answer in every case.
    fn slow(&mut self, state: &mut Self::State, x: &[Pack; INPUTS]) -> Pack;
}

/// Go along a row of the inputs into `out`; one state a pack. Whole packs are walked without a bounds
/// check, and what is rare is kept out of the loop: either would cost as much as an average does.
#[inline(always)]
fn along_row<D: Down<INPUTS>, const INPUTS: usize>(
    work: &mut D,
    inputs: &[&[f64]; INPUTS],
    out: &mut [f64],
    states: &mut [D::State],
) {
    let (places, _) = out.as_chunks_mut::<PACK>();
    let whole = places.len();
    let mut packs: [&[Pack]; INPUTS] = [&[]; INPUTS];
    for (packs, row) in packs.iter_mut().zip(inputs) {
        *packs = &row.as_chunks::<PACK>().0[..whole];
    }
    let (states, rest) = states.split_at_mut(whole);
    for (j, (place, state)) in places.iter_mut().zip(states).enumerate() {
        let mut x = [[0.0; PACK]; INPUTS];
        for (x, row) in x.iter_mut().zip(&packs) {
            *x = row[j];
        }
        match work.fast(state, &x) {
            Some(answer) => *place = answer,
            None => *place = late(work, inputs, state, j),
        }
        lanes::end_lane();
    }
    if let Some(state) = rest.first_mut() {
        let last = late(work, inputs, state, whole);
        put_lane(out, whole, last);
    }
}

/// One pack that is not whole, or is seeding, or has an absent column.
#[inline(never)]
fn late<D: Down<INPUTS>, const INPUTS: usize>(
    work: &mut D,
    inputs: &[&[f64]; INPUTS],
    state: &mut D::State,
    j: usize,
) -> Pack {
    let mut x = [[0.0; PACK]; INPUTS];
    for (x, row) in x.iter_mut().zip(inputs) {
        *x = lane_of(row, j);
    }
    work.fast(state, &x).unwrap_or_else(|| work.slow(state, &x))
}

/// Whether no column is absent.
#[inline(always)]
fn all_present(x: &Pack) -> bool {
    let mut absent = [0_u64; PACK];
    for k in 0..PACK {
        absent[k] = u64::from(x[k].is_nan());
    }
    absent == [0; PACK]
}

/// Whether every column is above `least`.
fn all_above(x: &Pack, least: f64) -> bool {
    x.iter().all(|value| *value > least)
}
