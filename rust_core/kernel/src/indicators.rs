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

mod across;
mod average;
mod direction;
mod down;
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
