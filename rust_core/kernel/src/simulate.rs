//! Simulation of a book over a panel. Order of things inside a bar: docs/explanation/accounting.md.

mod account;
mod names;
mod rows;
mod settlements;
mod setup;
pub mod strategy;
mod tally;
pub mod weights;

pub(crate) use rows::{CAP_HAIR, bar_row};
pub use settlements::Settlements;
pub(crate) use setup::sizing_usdt;
pub use setup::{FillRow, TripRow};

/// The price at which a decision is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillAt {
    /// The close it was taken on (delay 0), or a later close.
    Close,
    /// The open of the next bar (delay 0), or a later open.
    Open,
    /// The mean of open, high, low and close of the next bar (delay 0), or a later one.
    Vwap,
}

/// When a decision is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The price.
    pub fill_at: FillAt,
    /// Bars of delay beyond the first possible bar.
    pub delay_bars: usize,
}

impl Timing {
    /// Bars between the close of a decision and the bar of its fill.
    pub fn lag_bars(self) -> usize {
        self.delay_bars + usize::from(self.fill_at != FillAt::Close)
    }
}
