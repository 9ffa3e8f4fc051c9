//! Limits of legs and book, after the caps of single names: only ever downward.

use crate::book::{GuardAction, Side};
use crate::decide::Scene;
use crate::reason::Reason;
use crate::size::{Legs, beta_sum, known_beta};
use crate::universe::Roll;

/// A reduction by a smaller share is rounding, and no reason.
const REDUCED_MIN_FRAC: f64 = 1e-9;

/// What the names weigh that may not be touched: `[long, short]`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Frozen {
    weight: [f64; 2],
    beta: [f64; 2],
}

impl Frozen {
    #[inline(always)]
    pub(crate) fn of(roll: &Roll, scene: Scene<'_>) -> Self {
        if roll.frozen.is_empty() { Self::default() } else { Self::count(roll, scene) }
    }

    #[inline(never)]
    fn count(roll: &Roll, scene: Scene<'_>) -> Self {
        let mut frozen = Self::default();
        for name in &roll.frozen {
            let i = *name as usize;
            let weight = scene.book.weight_now_frac[i];
            let Some(side) = Side::of(weight) else { continue };
            frozen.weight[side as usize] += weight.abs();
            if scene.params.beta_neutral {
                frozen.beta[side as usize] += weight.abs() * known_beta(scene, i);
            }
        }
        frozen
    }
}

/// Scale a leg by `factor`, and say why where it is more than rounding.
#[inline(always)]
fn reduce(legs: &mut Legs, side: Side, factor: f64, rule: Reason, reason: &mut [Reason]) {
    if !(factor < 1.0) {
        return;
    }
    legs.scale(side, factor);
    if factor < 1.0 - REDUCED_MIN_FRAC {
        for place in legs.places(side) {
            reason[legs.name[place] as usize] = rule;
        }
    }
}

/// Factor that brings a leg from `from` to `to`; 1 for an empty leg.
#[inline(always)]
fn factor_to(to: f64, from: f64) -> f64 {
    if from > 0.0 { (to / from).clamp(0.0, 1.0) } else { 1.0 }
}

/// A leg leaves room for its frozen names; `target` is what each leg may weigh with them.
#[inline(always)]
pub(crate) fn leave_room(
    legs: &mut Legs,
    frozen: &Frozen,
    target: [f64; 2],
    reason: &mut [Reason],
) {
    for side in Side::BOTH {
        let held = frozen.weight[side as usize];
        if held > 0.0 {
            let room = (target[side as usize] - held).max(0.0);
            let factor = factor_to(room, legs.total(side));
            reduce(legs, side, factor, Reason::StaleRoom, reason);
        }
    }
}

/// Reduce the larger side to the smaller one, in dollars or in beta.
#[inline(always)]
pub(crate) fn balance(legs: &mut Legs, frozen: &Frozen, scene: Scene<'_>, reason: &mut [Reason]) {
    let own = Side::BOTH.map(|side| legs.total(side));
    if scene.params.beta_neutral && balance_beta(legs, frozen, own, scene, reason) {
        return;
    }
    even_out(legs, own, frozen.weight, reason);
}

#[inline(always)]
fn even_out(legs: &mut Legs, own: [f64; 2], held: [f64; 2], reason: &mut [Reason]) {
    let [long, short] = [own[0] + held[0], own[1] + held[1]];
    if long > short {
        reduce(legs, Side::Long, factor_to(short - held[0], own[0]), Reason::LegShort, reason);
    } else if short > long {
        reduce(legs, Side::Short, factor_to(long - held[1], own[1]), Reason::LegShort, reason);
    }
}

/// The same in `Σ|w|·β`; false where a side that is not empty has no positive beta to balance.
#[inline(never)]
fn balance_beta(
    legs: &mut Legs,
    frozen: &Frozen,
    own: [f64; 2],
    scene: Scene<'_>,
    reason: &mut [Reason],
) -> bool {
    let own_beta = Side::BOTH.map(|side| beta_sum(legs, side, scene));
    for s in 0..2 {
        let weight = own[s] + frozen.weight[s];
        if weight > 0.0 && !(own_beta[s] + frozen.beta[s] > 0.0) {
            return false;
        }
    }
    even_out(legs, own_beta, frozen.beta, reason);
    true
}

/// `|Σw| ≤ cap`, by reducing the heavier side.
#[inline(always)]
pub(crate) fn cap_net(legs: &mut Legs, frozen: &Frozen, cap: f64, reason: &mut [Reason]) {
    let own = Side::BOTH.map(|side| legs.total(side));
    let net = (own[0] + frozen.weight[0]) - (own[1] + frozen.weight[1]);
    let Some(heavier) = Side::of(net) else { return };
    let excess = net.abs() - cap;
    if excess > 0.0 {
        let from = own[heavier as usize];
        reduce(legs, heavier, factor_to(from - excess, from), Reason::NetCap, reason);
    }
}

/// `Σ|w| ≤ cap`, by reducing all that may be touched.
#[inline(always)]
pub(crate) fn cap_gross(legs: &mut Legs, frozen: &Frozen, cap: f64, reason: &mut [Reason]) {
    let held = frozen.weight[0] + frozen.weight[1];
    let own = legs.total(Side::Long) + legs.total(Side::Short);
    if own + held > cap {
        let factor = factor_to(cap - held, own);
        for side in Side::BOTH {
            reduce(legs, side, factor, Reason::GrossCap, reason);
        }
    }
}

/// While a guard blocks entries a target lies between 0 and what is held.
#[inline(always)]
pub(crate) fn block_entries(legs: &mut Legs, scene: Scene<'_>, reason: &mut [Reason]) -> bool {
    if scene.book.guard == GuardAction::None {
        return false;
    }
    for place in 0..legs.len() {
        let i = legs.name[place] as usize;
        let held = (legs.sign(place) * scene.book.weight_now_frac[i]).max(0.0);
        if legs.weight[place] > held {
            legs.weight[place] = held;
            reason[i] = Reason::EntriesBlocked;
        }
    }
    true
}
