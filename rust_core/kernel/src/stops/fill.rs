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

/// What a fill ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    /// The round trip, when nothing of the position is left.
    pub closed: Option<RoundTrip>,
    /// Lots that the fill closed, without sign.
    pub closed_lots: i64,
    /// Their result, price times lots.
    pub realised_price_lots: f64,
}

impl Ended {
    const NOTHING: Self = Self { closed: None, closed_lots: 0, realised_price_lots: 0.0 };
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
    let mut position = *position;
    let ended = fold_into(&mut position, signed_lots, price, atr, at_ms, params);
    let Ended { closed, closed_lots, realised_price_lots } = ended;
    Folded { position, closed, closed_lots, realised_price_lots }
}

/// [`fold_fill`] in place: most fills change a few figures of a position that has many.
#[inline]
pub fn fold_into(
    position: &mut Position,
    signed_lots: i64,
    price: f64,
    atr: f64,
    at_ms: i64,
    params: &Params,
) -> Ended {
    let held = position.lots;
    if signed_lots == 0 {
        return Ended::NOTHING;
    }
    debug_assert!(price > 0.0, "the ledger checks prices before it folds a fill");
    if held == 0 {
        open(position, signed_lots, price, atr, at_ms, params);
        return Ended::NOTHING;
    }
    if held.signum() == signed_lots.signum() {
        add(position, signed_lots, price);
        return Ended::NOTHING;
    }
    if signed_lots.abs() < held.abs() {
        return reduce(position, signed_lots, price);
    }
    let ended = close(position, price, at_ms);
    let rest = held + signed_lots;
    if rest != 0 {
        open(position, rest, price, atr, at_ms, params);
    }
    ended
}

fn open(position: &mut Position, lots: i64, price: f64, atr: f64, at_ms: i64, params: &Params) {
    let d = lots.signum() as f64;
    *position = Position {
        lots,
        lots_initial: lots,
        entry_price: price,
        cost_price_lots: lots as f64 * price,
        best_price: price,
        entry_atr: atr,
        opened_ms: at_ms,
        // The operator's hold is on the symbol, not on this position.
        hold: position.hold,
        ..Position::FLAT
    };
    let (atr_x, rule) = base_rule(params);
    if atr_x <= 0.0 {
        return;
    }
    let distance = atr_x * atr;
    // A NaN distance fails this test too.
    let usable = distance > 0.0 && distance < price;
    position.r_usdt = if usable { distance } else { EMERGENCY_STOP_FRAC * price };
    position.entry_atr = if usable { atr } else { f64::NAN };
    position.stop_by = Some(if usable { rule } else { ExitReason::EmergencyStop });
    position.stop_price = price - d * position.r_usdt;
}

/// The multiple of ATR that sets R, and the name of the stop that it makes.
pub(super) fn base_rule(params: &Params) -> (f64, ExitReason) {
    if params.stop_atr_x > 0.0 {
        (params.stop_atr_x, ExitReason::InitialStop)
    } else {
        (params.catastrophic_atr_x, ExitReason::CatastrophicStop)
    }
}

fn add(position: &mut Position, lots: i64, price: f64) {
    position.lots += lots;
    position.cost_price_lots += lots as f64 * price;
    position.entry_price = position.cost_price_lots / position.lots as f64;
    if position.lots.abs() > position.lots_initial.abs() {
        position.lots_initial = position.lots;
    }
}

fn reduce(position: &mut Position, lots: i64, price: f64) -> Ended {
    let closed_lots = lots.abs();
    let share = closed_lots as f64 / position.lots.abs() as f64;
    let cost = position.cost_price_lots * share;
    let realised = -(lots as f64) * price - cost;
    position.lots += lots;
    position.cost_price_lots -= cost;
    position.realised_price_lots += realised;
    Ended { closed: None, closed_lots, realised_price_lots: realised }
}

fn close(position: &mut Position, price: f64, at_ms: i64) -> Ended {
    let before = *position;
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
    *position = Position { hold: before.hold, ..Position::FLAT };
    Ended { closed: Some(trip), closed_lots: before.lots.abs(), realised_price_lots: realised }
}
