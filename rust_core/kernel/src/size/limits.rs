//! Limits of legs and book, after the caps of single names: only ever downward.

use crate::book::{GuardAction, Side};
use crate::decide::Scene;
use crate::reason::Reason;
use crate::size::{Legs, beta_sum, known_beta};

/// A reduction by a smaller share is rounding, and no reason.
const REDUCED_MIN_FRAC: f64 = 1e-9;
/// What is above a limit by a smaller share of it, or of equity, is there by rounding, and stays.
const ROUNDING_FRAC: f64 = 1e-12;

/// What the names weigh that may not be touched: `[long, short]`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Frozen {
    weight: [f64; 2],
    beta: [f64; 2],
}

impl Frozen {
    #[inline(always)]
    pub(crate) fn of(names: &[u32], scene: Scene<'_>) -> Self {
        if names.is_empty() { Self::default() } else { Self::count(names, scene) }
    }

    #[inline(never)]
    fn count(names: &[u32], scene: Scene<'_>) -> Self {
        let mut frozen = Self::default();
        for name in names {
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

/// The legs with their totals, which every limit needs and only a reduction changes.
#[derive(Debug)]
pub(crate) struct Limiter<'a> {
    legs: &'a mut Legs,
    frozen: Frozen,
    own: [f64; 2],
    reason: &'a mut [Reason],
}

impl<'a> Limiter<'a> {
    #[inline(always)]
    pub(crate) fn new(legs: &'a mut Legs, frozen: Frozen, reason: &'a mut [Reason]) -> Self {
        let own = Side::BOTH.map(|side| legs.total(side));
        Self { legs, frozen, own, reason }
    }

    /// Weight of a side, frozen names included.
    #[inline(always)]
    fn with_frozen(&self, side: Side) -> f64 {
        self.own[side as usize] + self.frozen.weight[side as usize]
    }

    /// Scale a leg by `factor`, and say why where it is more than rounding.
    #[inline(always)]
    fn reduce(&mut self, side: Side, factor: f64, rule: Reason) {
        // Only ever downward.
        if factor >= 1.0 {
            return;
        }
        if factor < 1.0 - REDUCED_MIN_FRAC {
            for place in self.legs.places(side) {
                // A name that an earlier rule left nothing keeps that rule's reason.
                if self.legs.weight[place] != 0.0 {
                    self.reason[self.legs.name[place] as usize] = rule;
                }
            }
        }
        self.legs.scale(side, factor);
        self.own[side as usize] = self.legs.total(side);
    }

    /// A leg leaves room for its frozen names; `target` is what each leg may weigh with them.
    #[inline(always)]
    pub(crate) fn leave_room(&mut self, target: [f64; 2]) {
        for side in Side::BOTH {
            let held = self.frozen.weight[side as usize];
            if held > 0.0 {
                let room = (target[side as usize] - held).max(0.0);
                let factor = factor_to(room, self.own[side as usize]);
                self.reduce(side, factor, Reason::StaleRoom);
            }
        }
    }

    /// Reduce the larger side to the smaller one, in dollars or in beta.
    #[inline(always)]
    pub(crate) fn balance(&mut self, scene: Scene<'_>) {
        if scene.params.beta_neutral && self.balance_beta(scene) {
            return;
        }
        self.even_out(self.own, self.frozen.weight);
    }

    #[inline(always)]
    fn even_out(&mut self, own: [f64; 2], held: [f64; 2]) {
        let [long, short] = [own[0] + held[0], own[1] + held[1]];
        if (long - short).abs() <= ROUNDING_FRAC * long {
            return;
        }
        if long > short {
            self.reduce(Side::Long, factor_to(short - held[0], own[0]), Reason::LegShort);
        } else if short > long {
            self.reduce(Side::Short, factor_to(long - held[1], own[1]), Reason::LegShort);
        }
    }

    /// The same in `Σ|w|·β`; false where a side that is not empty has no positive beta to balance.
    #[inline(never)]
    fn balance_beta(&mut self, scene: Scene<'_>) -> bool {
        let own_beta = Side::BOTH.map(|side| beta_sum(self.legs, side, scene));
        for side in Side::BOTH {
            let beta = own_beta[side as usize] + self.frozen.beta[side as usize];
            if self.with_frozen(side) > 0.0 && beta <= 0.0 {
                return false;
            }
        }
        self.even_out(own_beta, self.frozen.beta);
        true
    }

    /// `|Σw| ≤ cap`, by reducing the heavier side.
    #[inline(always)]
    pub(crate) fn cap_net(&mut self, cap: f64) {
        let net = self.with_frozen(Side::Long) - self.with_frozen(Side::Short);
        let excess = net.abs() - cap;
        if excess <= ROUNDING_FRAC {
            return;
        }
        let Some(heavier) = Side::of(net) else { return };
        let from = self.own[heavier as usize];
        self.reduce(heavier, factor_to(from - excess, from), Reason::NetCap);
    }

    /// `Σ|w| ≤ cap`, by reducing all that may be touched.
    #[inline(always)]
    pub(crate) fn cap_gross(&mut self, cap: f64) {
        let held = self.frozen.weight[0] + self.frozen.weight[1];
        let own = self.own[0] + self.own[1];
        if own + held > cap * (1.0 + ROUNDING_FRAC) {
            let factor = factor_to(cap - held, own);
            for side in Side::BOTH {
                self.reduce(side, factor, Reason::GrossCap);
            }
        }
    }

    /// While a guard blocks entries a target lies between 0 and what is held; true if one does.
    #[inline(always)]
    pub(crate) fn block_entries(&mut self, scene: Scene<'_>) -> bool {
        if scene.book.guard == GuardAction::None {
            return false;
        }
        for place in 0..self.legs.len() {
            let i = self.legs.name[place] as usize;
            let held = (self.legs.sign(place) * scene.book.weight_now_frac[i]).max(0.0);
            if self.legs.weight[place] > held {
                self.legs.weight[place] = held;
                self.reason[i] = Reason::EntriesBlocked;
            }
        }
        self.own = Side::BOTH.map(|side| self.legs.total(side));
        true
    }
}

/// Factor that brings a leg from `from` to `to`; 1 for an empty leg.
#[inline(always)]
fn factor_to(to: f64, from: f64) -> f64 {
    if from > 0.0 { (to / from).clamp(0.0, 1.0) } else { 1.0 }
}
