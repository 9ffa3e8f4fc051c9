//! From selected names to weights: legs, tranches, and the list of names that the book wants.
//!
//! `u = |s|^a/max(σ, floor)`, each leg scaled to its share of gross. The limits that follow only
//! ever reduce, apart from the water-filling inside a leg. See docs/explanation/decision.md §5–6.

use std::ops::Range;

use crate::book::{DecisionState, Side};
use crate::decide::Scene;
use crate::lanes::{self, List, Row};
use crate::momentum::{Cross, power};
use crate::params::Params;
use crate::reason::Reason;
use crate::select::Chosen;

pub(crate) mod caps;
pub(crate) mod limits;

/// Wanted names with their |weights|: the longs first, the shorts behind them.
#[derive(Debug, Clone)]
pub(crate) struct Legs {
    /// Columns of the names.
    pub(crate) name: List,
    /// |weight|; the places behind the last name are room for whole lanes, and one more.
    pub(crate) weight: Row,
    /// Takes no excess of others: it was reduced for moving with them.
    pub(crate) closed: Vec<bool>,
    pub(crate) longs: usize,
    /// Cap of each place; before the caps are known, room for its volatility.
    pub(crate) cap: Row,
    capped: Vec<bool>,
}

impl Legs {
    pub(crate) fn new(names: usize) -> Self {
        let room = crate::universe::padded(names) + lanes::LANES;
        Self {
            name: List::with_room(names),
            weight: Row::new(room, 0.0),
            closed: vec![false; room],
            longs: 0,
            cap: Row::new(room, 0.0),
            capped: vec![false; room],
        }
    }

    /// Nothing is wanted.
    pub(crate) fn clear(&mut self) {
        self.name.clear();
        self.longs = 0;
    }

    /// Names on both legs.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.name.len()
    }

    /// Places of one leg.
    #[inline(always)]
    pub(crate) fn places(&self, side: Side) -> Range<usize> {
        match side {
            Side::Long => 0..self.longs,
            Side::Short => self.longs..self.len(),
        }
    }

    /// `+1` for a long, `−1` for a short.
    #[inline(always)]
    pub(crate) fn sign(&self, place: usize) -> f64 {
        if place < self.longs { 1.0 } else { -1.0 }
    }

    /// Summed |weight| of a leg.
    #[inline(always)]
    pub(crate) fn total(&self, side: Side) -> f64 {
        lanes::sum_part(&self.weight, self.places(side))
    }

    /// Whole lanes of weights: those of the names, and what stands behind them.
    #[inline(always)]
    pub(crate) fn whole_lanes(&self) -> usize {
        self.len().next_multiple_of(lanes::LANES)
    }

    #[inline(always)]
    fn scale(&mut self, side: Side, factor: f64) {
        let places = self.places(side);
        for weight in &mut self.weight[places] {
            *weight *= factor;
        }
    }

    /// Scale both legs.
    #[inline(always)]
    pub(crate) fn scale_all(&mut self, factor: f64) {
        self.scale_each([factor; 2]);
    }

    /// Scale each leg to its share of gross.
    #[inline(always)]
    pub(crate) fn scale_to(&mut self, share: [f64; 2], gross_x: f64) {
        let factor = Side::BOTH.map(|side| {
            let total = self.total(side);
            if total > 0.0 { share[side as usize] * gross_x / total } else { 0.0 }
        });
        self.scale_each(factor);
    }

    /// Scale each leg by its own factor.
    #[inline(always)]
    fn scale_each(&mut self, factor: [f64; 2]) {
        let (whole, longs) = (self.whole_lanes(), self.longs);
        for (place, weight) in self.weight[..whole].iter_mut().enumerate() {
            *weight *= factor[usize::from(place >= longs)];
        }
    }

    #[inline(always)]
    fn seat(&mut self, chosen: &Chosen) {
        self.name.clear();
        self.name.append(chosen.names.whole_lanes(), chosen.names.len());
        self.longs = chosen.longs;
    }
}

/// Raw weights of the selected names, each leg at its share of gross; returns the two shares.
#[inline(always)]
pub(crate) fn weigh(
    legs: &mut Legs,
    chosen: &Chosen,
    cross: &Cross,
    scene: Scene<'_>,
    mixing: bool,
) -> [f64; 2] {
    let p = scene.params;
    legs.seat(chosen);
    let names = scene.facts.names();
    // All rows of one length, so that an index is asked about its bounds once.
    let (key, variance) = (&cross.key()[..names], &scene.row.variance[..names]);
    let whole_lanes = legs.whole_lanes();
    let (weights, sigmas) = (&mut legs.weight[..whole_lanes], &mut legs.cap[..whole_lanes]);
    for ((weight, sigma), name) in weights.iter_mut().zip(sigmas.iter_mut()).zip(&*legs.name) {
        let i = *name as usize;
        (*weight, *sigma) = (key[i].abs(), variance[i]);
    }
    raise_and_divide(weights, sigmas, cross, scene.facts.sigma_floor(), p);
    if p.meta_enabled {
        for place in 0..legs.len() {
            let side = usize::from(place >= legs.longs);
            legs.weight[place] *= scene.book.meta_scale[legs.name[place] as usize][side];
        }
    }
    let share = if mixing { [0.5, 0.5] } else { leg_shares(legs, scene) };
    legs.scale_to(share, p.gross_x);
    share
}

/// From |key| and variance to `|s|^a/max(σ, floor)`.
#[inline(always)]
pub(crate) fn raise_and_divide(
    weights: &mut [f64],
    variances: &[f64],
    cross: &Cross,
    floor: f64,
    params: &Params,
) {
    power::raise(weights, cross.power_left(params));
    power::raise(weights, params.size_power);
    for (weight, variance) in weights.iter_mut().zip(variances) {
        let sigma = variance.sqrt();
        *weight /= if sigma > floor { sigma } else { floor };
    }
}

/// Shares of gross: a half each, or those at which the legs' betas cancel.
#[inline(always)]
fn leg_shares(legs: &Legs, scene: Scene<'_>) -> [f64; 2] {
    if !scene.params.beta_neutral {
        return [0.5, 0.5];
    }
    let mean_beta = Side::BOTH.map(|side| {
        let total = legs.total(side);
        beta_sum(legs, side, scene) / total
    });
    let [long, short] = mean_beta;
    // NaN (an empty leg) fails the comparisons as well.
    if long > 0.0 && short > 0.0 {
        [short / (long + short), long / (long + short)]
    } else {
        [0.5, 0.5]
    }
}

/// `Σ|w|·β` of a leg; an unknown β is 1.
pub(crate) fn beta_sum(legs: &Legs, side: Side, scene: Scene<'_>) -> f64 {
    legs.places(side)
        .map(|place| legs.weight[place] * known_beta(scene, legs.name[place] as usize))
        .sum()
}

pub(crate) fn known_beta(scene: Scene<'_>, i: usize) -> f64 {
    let beta = scene.row.beta[i];
    if beta.is_nan() { 1.0 } else { beta }
}

/// Which tranche this decision renews.
#[inline(always)]
pub(crate) fn tranche_number(scene: Scene<'_>) -> usize {
    let p = scene.params;
    if p.tranches == 1 {
        return 0;
    }
    let rebalance = scene.row.close_ms.div_euclid(p.bar_ms).div_euclid(p.rebalance_bars.into());
    rebalance.rem_euclid(p.tranches.into()) as usize
}

/// Take names that left the universe, and sides that were stopped, out of every tranche.
#[inline(never)]
pub(crate) fn clean_tranches(state: &mut DecisionState, reason: &[Reason]) {
    let names = reason.len();
    for tranche in state.tranche_weight.chunks_exact_mut(names) {
        for i in 0..names {
            let stopped =
                Side::of(tranche[i]).is_some_and(|side| state.awaiting_reentry[i][side as usize]);
            if stopped || crate::universe::has_left(reason[i]) {
                tranche[i] = 0.0;
            }
        }
    }
}

/// Write the legs into the renewed tranche.
#[inline(always)]
pub(crate) fn store_tranche(legs: &Legs, tranche: &mut [f64]) {
    tranche.fill(0.0);
    for side in Side::BOTH {
        let places = legs.places(side);
        for (name, weight) in legs.name[places.clone()].iter().zip(&legs.weight[places]) {
            // 0 + x turns the −0 of a short that was reduced to nothing into 0.
            tranche[*name as usize] = 0.0 + side.sign() * weight;
        }
    }
}

/// The book that all tranches together want; names that only older ones hold say so.
#[inline(never)]
pub(crate) fn join_tranches(
    legs: &mut Legs,
    sum: &mut [f64],
    state: &DecisionState,
    reason: &mut [Reason],
) {
    let names = reason.len();
    let tranches = (state.tranche_weight.len() / names) as f64;
    sum.fill(0.0);
    for tranche in state.tranche_weight.chunks_exact(names) {
        for (total, weight) in sum.iter_mut().zip(tranche) {
            *total += weight;
        }
    }
    legs.name.clear();
    for side in Side::BOTH {
        for i in 0..names {
            let weight = side.sign() * sum[i] / tranches;
            let frozen = matches!(reason[i], Reason::Stale | Reason::OperatorHold);
            if weight > 0.0 && !frozen {
                legs.weight[legs.name.len()] = weight;
                legs.name.push(i as u32);
                if !matches!(reason[i], Reason::Selected | Reason::Kept) {
                    reason[i] = Reason::OlderTranche;
                }
            }
        }
        if side == Side::Long {
            legs.longs = legs.name.len();
        }
    }
}

#[cfg(test)]
mod tests;
