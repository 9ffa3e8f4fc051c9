//! The state machine over all symbols: one tick, the range of a bar, or its close.

use super::BarRange;
use super::close::{CloseFeatures, close_bar};
use super::exit::Exit;
use super::fill::base_rule;
use super::touch::{walk_bar, walk_tick};
use crate::book::Position;
use crate::params::Params;

/// One price of one symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Number of the symbol.
    pub symbol: usize,
    /// Price.
    pub price: f64,
    /// When, UTC milliseconds.
    pub at_ms: i64,
}

/// One closed bar of all symbols. A price of NaN means no bar; a feature that nothing needs is an
/// empty slice, as in [`crate::row::FeatureRow`].
#[derive(Debug, Clone, Copy)]
pub struct BarRow<'a> {
    /// Close of the bar, UTC milliseconds.
    pub close_ms: i64,
    /// First prices.
    pub open: &'a [f64],
    /// Highest prices.
    pub high: &'a [f64],
    /// Lowest prices.
    pub low: &'a [f64],
    /// Last prices.
    pub close: &'a [f64],
    /// Average true range.
    pub atr: &'a [f64],
    /// Mean of the closes of the trail.
    pub trail_ma: &'a [f64],
    /// EMA slope, basis points a day.
    pub slope_bps_day: &'a [f64],
}

impl BarRow<'_> {
    fn range(&self, symbol: usize, bar_ms: i64) -> BarRange {
        BarRange {
            open_ms: self.close_ms - bar_ms,
            close_ms: self.close_ms,
            open: self.open[symbol],
            high: self.high[symbol],
            low: self.low[symbol],
            close: self.close[symbol],
        }
    }

    fn features(&self, symbol: usize) -> CloseFeatures {
        let at = |slice: &[f64]| slice.get(symbol).copied().unwrap_or(f64::NAN);
        CloseFeatures {
            atr: at(self.atr),
            trail_ma: at(self.trail_ma),
            slope_bps_day: at(self.slope_bps_day),
        }
    }
}

/// What the stops are advanced with.
#[derive(Debug, Clone, Copy)]
pub enum Advance<'a> {
    /// One price: touches only.
    Tick(Tick),
    /// The range of a bar that was not seen as ticks: touches only.
    Range(&'a BarRow<'a>),
    /// The close of a bar: levels move, exits by age and trend are decided.
    Close(&'a BarRow<'a>),
}

/// An exit, and whose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SymbolExit {
    /// Number of the symbol.
    pub symbol: usize,
    /// The exit.
    pub exit: Exit,
}

/// Advance the stops of all positions; exits are appended in the order of symbols. The caller folds
/// what gets filled, and keeps `exits` between calls, so that a bar allocates nothing.
pub fn advance_stops(
    positions: &mut [Position],
    with: Advance<'_>,
    params: &Params,
    exits: &mut Vec<SymbolExit>,
) {
    advance_held(positions, 0..positions.len(), with, params, exits);
}

/// [`advance_stops`] for a caller that knows, in their order, which symbols may be held.
pub fn advance_held(
    positions: &mut [Position],
    held: impl Iterator<Item = usize>,
    with: Advance<'_>,
    params: &Params,
    exits: &mut Vec<SymbolExit>,
) {
    match with {
        Advance::Tick(tick) => {
            let position = &mut positions[tick.symbol];
            if position.lots != 0 {
                let tell = |exit| exits.push(SymbolExit { symbol: tick.symbol, exit });
                walk_tick(position, tick.price, tick.at_ms, params, tell).apply(position);
            }
        }
        Advance::Range(row) => {
            for symbol in held {
                let position = &mut positions[symbol];
                if position.lots == 0 {
                    continue;
                }
                let bar = row.range(symbol, params.bar_ms);
                let tell = |exit| exits.push(SymbolExit { symbol, exit });
                walk_bar(position, &bar, params, tell).apply(position);
            }
        }
        Advance::Close(row) => {
            for symbol in held {
                let position = &mut positions[symbol];
                if position.lots == 0 {
                    continue;
                }
                let bar = row.range(symbol, params.bar_ms);
                let decided = close_bar(position, &bar, &row.features(symbol), params);
                exits.extend(decided.map(|exit| SymbolExit { symbol, exit }));
            }
        }
    }
}

/// Is an exit ever called at a close, so that it waits for a fill?
pub(crate) fn calls_exits(params: &Params) -> bool {
    params.hold_bars_max > 0 || params.no_progress_bars > 0 || params.regime_flip_exit
}

/// Whether any rule can end a position or move a level; without one, advancing changes nothing that
/// a later bar reads.
pub fn may_exit(params: &Params) -> bool {
    base_rule(params).0 > 0.0
        || params.trailing_enabled
        || !params.ladder.is_empty()
        || params.hold_bars_max > 0
        || params.no_progress_bars > 0
        || params.regime_flip_exit
}
