//! A fill folded into a position: open, add, reduce, close, flip (exits.md §1).

use super::exit::ExitReason;
use crate::book::{Position, Side};
use crate::params::Params;

/// Distance of the stop, as a share of the entry, where no ATR can say it.
pub const EMERGENCY_STOP_FRAC: f64 = 0.05;

/// A position from its first fill to flat. Money (fees, lot size) is the ledger's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundTrip {
    /// Side that was held.
    pub side: Side,
    /// Largest lots held, without sign.
    pub lots_max: i64,
    /// Average cost at the end.
    pub entry_price: f64,
    /// Price of the last fill.
    pub exit_price: f64,
    /// First fill, UTC milliseconds.
    pub opened_ms: i64,
    /// Last fill, UTC milliseconds.
    pub closed_ms: i64,
    /// Result of all closed parts, price times lots, before costs and funding.
    pub realised_price_lots: f64,
    /// Funding over its life, as the position carried it.
    pub funding_usdt_cum: f64,
    /// The exit that had been called; `None` when the plan (or the operator) closed it.
    pub exit: Option<ExitReason>,
}

/// What a fill made of a position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Folded {
    /// The position after the fill.
    pub position: Position,
    /// The round trip that the fill ended.
    pub closed: Option<RoundTrip>,
    /// Lots that the fill closed, without sign.
    pub closed_lots: i64,
    /// Their result, price times lots: times `qty_step` it is money before costs.
    pub realised_price_lots: f64,
}

/// Fold a fill of `signed_lots` at `price` into `position`. `atr` is the ATR at the decision; only a
/// first fill reads it.
pub fn fold_fill(
    position: &Position,
    signed_lots: i64,
    price: f64,
    atr: f64,
    at_ms: i64,
    params: &Params,
) -> Folded {
    let held = position.lots;
    if signed_lots == 0 {
        return unchanged(*position);
    }
    debug_assert!(price > 0.0, "the ledger checks prices before it folds a fill");
    if held == 0 {
        return unchanged(open(position, signed_lots, price, atr, at_ms, params));
    }
    if held.signum() == signed_lots.signum() {
        return unchanged(add(position, signed_lots, price));
    }
    if signed_lots.abs() < held.abs() {
        return reduce(position, signed_lots, price);
    }
    let mut folded = close(position, price, at_ms);
    let rest = held + signed_lots;
    if rest != 0 {
        folded.position = open(&folded.position, rest, price, atr, at_ms, params);
    }
    folded
}

fn unchanged(position: Position) -> Folded {
    Folded { position, closed: None, closed_lots: 0, realised_price_lots: 0.0 }
}

fn open(
    before: &Position,
    lots: i64,
    price: f64,
    atr: f64,
    at_ms: i64,
    params: &Params,
) -> Position {
    let d = lots.signum() as f64;
    let mut position = Position {
        lots,
        lots_initial: lots,
        entry_price: price,
        cost_price_lots: lots as f64 * price,
        best_price: price,
        entry_atr: atr,
        opened_ms: at_ms,
        // The operator's hold is on the symbol, not on this position.
        hold: before.hold,
        ..Position::FLAT
    };
    let (atr_x, rule) = base_rule(params);
    if atr_x <= 0.0 {
        return position;
    }
    let distance = atr_x * atr;
    // A NaN distance fails this test too.
    let usable = distance > 0.0 && distance < price;
    position.r_usdt = if usable { distance } else { EMERGENCY_STOP_FRAC * price };
    position.entry_atr = if usable { atr } else { f64::NAN };
    position.stop_by = Some(if usable { rule } else { ExitReason::EmergencyStop });
    position.stop_price = price - d * position.r_usdt;
    position
}

/// The multiple of ATR that sets R, and the name of the stop that it makes.
pub(super) fn base_rule(params: &Params) -> (f64, ExitReason) {
    if params.stop_atr_x > 0.0 {
        (params.stop_atr_x, ExitReason::InitialStop)
    } else {
        (params.catastrophic_atr_x, ExitReason::CatastrophicStop)
    }
}

fn add(before: &Position, lots: i64, price: f64) -> Position {
    let mut position = *before;
    position.lots += lots;
    position.cost_price_lots += lots as f64 * price;
    position.entry_price = position.cost_price_lots / position.lots as f64;
    if position.lots.abs() > position.lots_initial.abs() {
        position.lots_initial = position.lots;
    }
    position
}

fn reduce(before: &Position, lots: i64, price: f64) -> Folded {
    let mut position = *before;
    let closed_lots = lots.abs();
    let share = closed_lots as f64 / before.lots.abs() as f64;
    let cost = before.cost_price_lots * share;
    let realised = -(lots as f64) * price - cost;
    position.lots += lots;
    position.cost_price_lots -= cost;
    position.realised_price_lots += realised;
    Folded { position, closed: None, closed_lots, realised_price_lots: realised }
}

fn close(before: &Position, price: f64, at_ms: i64) -> Folded {
    let realised = before.lots as f64 * price - before.cost_price_lots;
    let trip = RoundTrip {
        side: if before.lots > 0 { Side::Long } else { Side::Short },
        lots_max: before.lots_initial.abs(),
        entry_price: before.entry_price,
        exit_price: price,
        opened_ms: before.opened_ms,
        closed_ms: at_ms,
        realised_price_lots: before.realised_price_lots + realised,
        funding_usdt_cum: before.funding_usdt_cum,
        exit: before.closing,
    };
    Folded {
        position: Position { hold: before.hold, ..Position::FLAT },
        closed: Some(trip),
        closed_lots: before.lots.abs(),
        realised_price_lots: realised,
    }
}
