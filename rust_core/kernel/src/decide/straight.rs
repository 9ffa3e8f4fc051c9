//! The short way of a decision: all names are eligible, and nothing but ranks, sizes and plain limits has a say.
//!
//! It gives what the long way gives, bit for bit, and leaves to it what is not ordinary; a test goes both ways.

use super::{Decider, Scene, Scratch, Signal};
use crate::book::{BookRow, DecisionState, Side, Targets};
use crate::lanes::{self, LANES, end_lane};
use crate::momentum::Cross;
use crate::params::Params;
use crate::reason::Reason;
use crate::row::FeatureRow;
use crate::select::{self, Ladder, Ladders, SIGN_MIN};
use crate::size::{self, Legs, caps};
use crate::universe::Facts;

/// Is every rule off that could bar, scale, cap or keep a name, but for its rank and the caps of weights?
pub(super) fn is_open(p: &Params) -> bool {
    let bars = p.regime_enabled
        || p.adx_enabled
        || p.breakout_enabled
        || p.majors_enabled
        || p.breadth_enabled
        || p.atr_regime_enabled
        || !p.blackout_hours.is_empty();
    let keeps = p.rank_buffer > 0
        || p.entries_per_decision_max > 0
        || p.positions_max > 0
        || p.hold_zscore_min != p.entry_zscore_min;
    let scales = p.vol_target_enabled
        || p.vol_regime_enabled
        || p.drawdown_scale_enabled
        || p.meta_enabled
        || p.correlation_enabled;
    let caps = p.risk_per_trade_frac > 0.0
        || p.notional_max_usdt > 0.0
        || p.adv_share_max_frac > 0.0
        || p.squeeze_loss_frac > 0.0;
    let shapes = p.tranches > 1 || p.router_enabled || p.beta_neutral || !p.market_neutral;
    !(bars || keeps || scales || caps || shapes)
}

/// How far the short way leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Straight {
    /// Nowhere: names are not eligible, or more than ranks, sizes and plain limits has a say. Nothing counts.
    No,
    /// Names are chosen and weighed, and some weigh more than they may: [`Decider::cut_straight`] is what follows.
    Over,
    /// All the way: [`Decider::write_straight`] is what follows, where anybody reads it.
    Fits,
}

/// A decision by ranks alone. Two of these together give what [`Decider::decide_fitting`] gives, bit for bit, but for the
/// state, which is not written.
impl Decider {
    /// Choose and weigh, of a book that is quiet ([`BookRow::quiet`]) and under no guard.
    pub(crate) fn choose_straight(
        &mut self,
        signal: Option<&mut Signal>,
        row: &FeatureRow<'_>,
        params: &Params,
    ) -> Straight {
        let Self { facts, calendar, signal: own, scratch } = self;
        if !scratch.may_go_straight {
            return Straight::No;
        }
        lanes::dispatch(
            #[inline(always)]
            || {
                let signal = if let Some(signal) = signal {
                    signal
                } else {
                    own.read_alone(facts, calendar, row, params);
                    own
                };
                scratch.go_straight(facts, row, signal, params)
            },
        )
    }

    /// Write down what was chosen; `held`: anything with the signs of what is held.
    pub(crate) fn write_straight(&mut self, held: &[f64], out: &mut Targets) {
        let scratch = &mut self.scratch;
        lanes::dispatch(
            #[inline(always)]
            || scratch.write_down(held, out),
        );
    }

    /// Cut what was chosen at its limits, and write it down; `book` has the signs of what is held.
    pub(crate) fn cut_straight(
        &mut self,
        row: &FeatureRow<'_>,
        book: &BookRow<'_>,
        state: &mut DecisionState,
        params: &Params,
        out: &mut Targets,
    ) {
        let Self { facts, scratch, .. } = self;
        let scene = Scene { facts, row, book, params };
        lanes::dispatch(
            #[inline(always)]
            || {
                if scratch.keeps_tranche {
                    size::store_tranche(&scratch.legs, &mut state.tranche_weight);
                }
                out.reason.fill(Reason::NotSelected);
                scratch.say_why(book.weight_now_frac, &mut out.reason);
                caps::apply(&mut scratch.legs, scene, &mut out.reason);
                scratch.limit(scene, [0.5 * params.gross_x; 2], false, out);
            },
        );
    }

    /// Names that the last decision wants, where it left none frozen: the longs first, how many these are, and the
    /// size of each weight.
    #[inline(always)]
    pub(crate) fn legs(&self) -> (&[u32], usize, &[f64]) {
        let legs = &self.scratch.legs;
        (&legs.name, legs.longs, &legs.weight)
    }
}

impl Scratch {
    #[inline(always)]
    fn go_straight(
        &mut self,
        facts: &Facts,
        row: &FeatureRow<'_>,
        signal: &mut Signal,
        p: &Params,
    ) -> Straight {
        let Signal { roll, cross, ladders, dispersed, .. } = signal;
        let k = select::names_a_side(roll.eligible, row.dispersion_ratio, p);
        let ordinary = roll.whole
            && *dispersed
            && roll.eligible >= p.breadth_names_min as usize
            && k > 0
            // Before 1970 a bar that is over has not begun.
            && row.close_ms >= 0;
        if !(ordinary && self.picks.shortcut && p.gross_x <= p.gross_hard_cap_x) {
            return Straight::No;
        }
        Ladder::climb_both(ladders, cross.key(), k);
        if !Side::BOTH.iter().all(|side| may_enter(cross, ladders, k, *side, p)) {
            return Straight::No;
        }
        let legs = &mut self.legs;
        seat(legs, ladders, row.variance, k);
        let whole = legs.whole_lanes();
        let (weights, variances) = (&mut legs.weight[..whole], &legs.cap[..whole]);
        size::raise_and_divide(weights, variances, cross, facts.sigma_floor(), p);
        legs.scale_to([0.5, 0.5], p.gross_x);
        self.frozen.clear();
        // Both legs weigh half of gross but for rounding: no limit of legs and book cuts them.
        let most = p.weight_long_max_frac.min(p.weight_short_max_frac);
        let over = legs.weight[..whole].iter().fold(0, |over, w| over | u64::from(*w > most));
        if over == 0 { Straight::Fits } else { Straight::Over }
    }

    /// What [`Self::go_straight`] chose, in full: weights, and reasons or how many of each there were.
    #[inline(always)]
    fn write_down(&mut self, held: &[f64], out: &mut Targets) {
        size::store_tranche(&self.legs, &mut out.weight_frac);
        out.reason.fill(Reason::NotSelected);
        if self.may_leave_untold {
            let Self { legs, picks, .. } = self;
            let held = &held[..out.reason.len()];
            let kept = |side: Side| {
                let kept = |name: &&u32| select::keeps(held, **name, side);
                legs.name[legs.places(side)].iter().filter(kept).count()
            };
            let kept = kept(Side::Long) + kept(Side::Short);
            (picks.untold, picks.silent) = (Some([legs.len() - kept, kept]), true);
        } else {
            self.say_why(held, &mut out.reason);
        }
    }

    /// Who was selected and who kept, where nobody else has a reason.
    #[inline(always)]
    fn say_why(&mut self, held: &[f64], reason: &mut [Reason]) {
        let Self { legs, picks, .. } = self;
        picks.untold = None;
        let held = &held[..reason.len()];
        for side in Side::BOTH {
            select::tell(&legs.name[legs.places(side)], side, held, reason);
        }
    }
}

/// Have the first `k` of a side its sign, and enough z? Keys fall with rank, and z with them where names rank by it.
#[inline(always)]
fn may_enter(cross: &Cross, ladders: &Ladders, k: usize, side: Side, p: &Params) -> bool {
    let ranked = &ladders[side as usize].known()[..k];
    let enough = |name: &u32| side.sign() * cross.z[*name as usize] >= p.entry_zscore_min;
    ladders[side as usize].keys_and_room()[k - 1] > SIGN_MIN
        && if cross.ranks_by_z() { enough(&ranked[k - 1]) } else { ranked.iter().all(enough) }
}

/// Seat the first `k` of each side, with their |key| and variance.
#[inline(always)]
fn seat(legs: &mut Legs, ladders: &Ladders, variance: &[f64], k: usize) {
    legs.longs = k;
    legs.name.clear();
    for ladder in ladders {
        let start = legs.name.len();
        legs.name.append(ladder.known_and_room(), k);
        // Keys are counted to their side, and all of these are above 0.
        let keys = ladder.keys_and_room()[..k.next_multiple_of(LANES)].as_chunks::<LANES>().0;
        let places = legs.weight[start..start + keys.len() * LANES].as_chunks_mut::<LANES>().0;
        for (place, key) in places.iter_mut().zip(keys) {
            *place = *key;
            end_lane();
        }
    }
    pick_into(&mut legs.cap[..2 * k], variance, &legs.name);
    // Behind the last name stands what comes to 0, whatever its power.
    legs.weight[2 * k..2 * k + LANES].copy_from_slice(&[1.0; LANES]);
    legs.cap[2 * k..2 * k + LANES].copy_from_slice(&[f64::INFINITY; LANES]);
}

/// The values of these names. On its own, not in the wide code around it, which leaves no register free.
#[inline(never)]
fn pick_into(out: &mut [f64], values: &[f64], names: &[u32]) {
    for (out, name) in out.iter_mut().zip(names) {
        *out = values[*name as usize];
        end_lane();
    }
}

#[cfg(test)]
mod tests;
