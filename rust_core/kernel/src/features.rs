//! Features of closed bars: one implementation, in blocks of 64 bars that stay in cache.
//!
//! [`features_block`] is the only code that computes a feature; [`features`] and [`features_last`]
//! collect from it. The definitions are in docs/explanation/decision.md §1. A value at a bar
//! depends on at most [`warmup_bars`] bars at an absolute place (blocks start where the bar number
//! is a multiple of 64), so a run over the whole history and a run that starts cold at any bar give
//! the same bits.

use std::ops::Range;

use crate::error::Result;
use crate::panel::Panel;
use crate::params::Params;
use crate::row::FeatureRow;

mod adx;
mod beta;
mod dollar_volume;
mod ema;
mod funding;
mod market;
mod moves;
mod needs;
mod pool;
mod prices;
mod range;
mod ring;
mod scratch;
mod sigma;
mod sums;
mod table;
mod window;

pub use needs::{Needs, check_warmup, warmup_bars};
pub(crate) use pool::{Pool, Seat};
pub use ring::BLOCK;
use scratch::STRIDE;
pub use scratch::Scratch;
pub use table::FeatureTable;

/// Compute the features of rows `rows` of `panel`, to be read by [`Scratch::row`].
///
/// The rows are at most 64, inside one absolute block (see [`blocks`]). When they follow the rows of
/// the call before, all that the two share is reused and nothing is allocated; otherwise the
/// scratch warms up first, from as far back as it needs.
pub fn features_block(panel: &Panel, rows: Range<usize>, scratch: &mut Scratch) -> Result<()> {
    scratch.advance(panel, rows)
}

/// `rows` of a panel cut where absolute blocks begin.
pub fn blocks(first_bar: i64, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut next = rows.start;
    std::iter::from_fn(move || {
        if next >= rows.end {
            return None;
        }
        let start = next;
        let bar = first_bar + start as i64;
        next = rows.end.min(start + (ring::block_start(bar) + BLOCK - bar) as usize);
        Some(start..next)
    })
}

/// [`blocks`], each cut into the few rows that stay in the first cache: for a caller who reads the
/// features of a row once, soon after they are there.
pub(crate) fn strides(first_bar: i64, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    blocks(first_bar, rows).flat_map(|block| {
        let end = block.end;
        block.step_by(STRIDE as usize).map(move |start| start..end.min(start + STRIDE as usize))
    })
}

/// Features of every row of `panel`, as dense arrays.
pub fn features(panel: &Panel, params: &Params) -> Result<FeatureTable> {
    let mut scratch = Scratch::new(params, panel.cols)?;
    let mut table = FeatureTable::new(*scratch.needs(), params, panel);
    for rows in blocks(panel.first_bar, 0..panel.rows) {
        features_block(panel, rows.clone(), &mut scratch)?;
        for t in rows {
            table.push(&scratch.row(panel.first_bar + t as i64));
        }
    }
    Ok(table)
}

/// Features of the last row of `panel`. A scratch that has just seen the bar before goes one step;
/// any other one warms up over the bars that the features depend on.
pub fn features_last<'s>(panel: &Panel, scratch: &'s mut Scratch) -> Result<FeatureRow<'s>> {
    features_block(panel, panel.rows.saturating_sub(1)..panel.rows, scratch)?;
    Ok(scratch.row(panel.first_bar + panel.rows as i64 - 1))
}
