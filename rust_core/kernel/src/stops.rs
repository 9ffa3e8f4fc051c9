//! How a position ends: one state machine for backtest, paper and live.
//!
//! The exact definition is docs/explanation/exits.md; the names here are the names there. In short,
//! with `d` the side (`+1`, `−1`):
//!
//! ```text
//! R            = x·ATR at the first fill             stop at entry − d·R from that fill on
//! wanted(t)    = tightest of  entry − d·R,  entry (latched),  entry + d·lock·R (latched),
//!                             best(t) − d·x·ATR(t)  or  MA(t) − d·x·ATR(t)
//! stop(t)      = wanted(t) if tighter than stop(t−1) by 0.1 % and 180 s later, else stop(t−1)
//! touched      : d·price ≤ d·stop; rung k once d·price ≥ d·(entry + d·a_k·R)
//! ```
//!
//! Levels move at the close of a bar and nowhere else, so what happens inside a bar is the same
//! whether it is seen as ticks ([`touch_tick`]) or as high and low ([`touch_bar`]).
//!
//! The order in a bar: fills at the open ([`fold_fill`]) → [`Advance::Range`] and its exits folded →
//! funding, mark → [`Advance::Close`]. Live sends [`Advance::Tick`] in place of the range.

pub(crate) use advance::calls_exits;
pub use advance::{Advance, BarRow, SymbolExit, Tick, advance_held, advance_stops, may_exit};
pub use close::{CloseFeatures, close_bar, stop_level};
pub use exit::{Exit, ExitReason, Exits};
pub use fill::{EMERGENCY_STOP_FRAC, Ended, Folded, RoundTrip, fold_fill, fold_into};
pub(crate) use levels::{CloseRules, Folds, Legs, Levels, each_bit};
pub use touch::{RUNGS_MAX, mark_touched, rung_cap_lots, touch_bar, touch_tick};

mod advance;
mod close;
mod exit;
mod fill;
mod levels;
mod touch;

/// One bar of one symbol. All prices are NaN when there is no bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarRange {
    /// Open of the bar, UTC milliseconds.
    pub open_ms: i64,
    /// Close of the bar, UTC milliseconds.
    pub close_ms: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
}

/// How much of a bar a position lived through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// From its open on.
    Whole,
    /// From somewhere inside; the extremes may lie before the entry.
    Rest,
    /// Not at all, or the bar is absent.
    None,
}

impl BarRange {
    fn presence(&self, opened_ms: i64) -> Presence {
        if self.close.is_nan() || opened_ms >= self.close_ms {
            Presence::None
        } else if opened_ms <= self.open_ms {
            Presence::Whole
        } else {
            Presence::Rest
        }
    }

    /// The extreme that a position of side `d` fears.
    fn worse(&self, d: f64) -> f64 {
        if d > 0.0 { self.low } else { self.high }
    }

    /// The extreme that a position of side `d` hopes for.
    fn better(&self, d: f64) -> f64 {
        if d > 0.0 { self.high } else { self.low }
    }
}

/// Close of the signal bar in which `at_ms` lies. An instant on the boundary belongs to the bar that
/// opens there, as a fill at the open does.
pub fn bar_close_ms(at_ms: i64, bar_ms: i64) -> i64 {
    (at_ms.div_euclid(bar_ms) + 1) * bar_ms
}
