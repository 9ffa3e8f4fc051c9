//! One decision: features and book in, target weights and reasons out.
//!
//! A [`Decider`] holds facts and scratch, never state: what one decision hands to the next is in
//! [`DecisionState`], so that the same inputs give the same bits whoever asks and however often.
//! The steps are those of docs/explanation/decision.md.

use crate::book::{BookRow, DecisionState, GuardAction, Side, Targets};
use crate::error::Result;
use crate::lanes;
use crate::overlay::{correlation, router, scale};
use crate::params::Params;
use crate::reason::Reason;
use crate::row::FeatureRow;
use crate::select::{self, Field, Picks};
use crate::size::{self, Legs, caps, limits};
use crate::universe::{self, Calendar, Facts};

mod shape;
mod signal;
mod straight;

pub use signal::{Reader, Signal};
pub(crate) use straight::Straight;

/// What every rule may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) row: &'a FeatureRow<'a>,
    pub(crate) book: &'a BookRow<'a>,
    pub(crate) params: &'a Params,
}

/// Decides for one list of symbols under one set of parameters. Allocates only when it is made.
#[derive(Debug, Clone)]
pub struct Decider {
    facts: Facts,
    calendar: Calendar,
    signal: Signal,
    scratch: Scratch,
}

#[derive(Debug, Clone)]
struct Scratch {
    /// Names that keep their current weight: stale or on hold, and held.
    frozen: Vec<u32>,
    picks: Picks,
    legs: Legs,
    tranche_sum: Vec<f64>,
    variance: scale::Variance,
    columns: correlation::Columns,
    /// What the renewed tranche wants is written into the state.
    keeps_tranche: bool,
    /// Nobody reads why a name was chosen, but how many were.
    may_leave_untold: bool,
    /// No rule but ranks, sizes and the plain limits is on.
    may_go_straight: bool,
}

/// Is the bar that closes at `close_ms` one at which targets are decided?
#[inline]
pub fn is_rebalance(close_ms: i64, params: &Params) -> bool {
    // Most configurations; divisions are slow.
    if params.rebalance_bars == 1 {
        return params.rebalance_offset_bars == 0;
    }
    let bar = close_ms.div_euclid(params.bar_ms);
    bar.rem_euclid(params.rebalance_bars.into()) == i64::from(params.rebalance_offset_bars)
}

impl Decider {
    /// Resolve the names and make room; a major that is not in the panel is refused.
    pub fn new(
        symbols: &[String],
        listed_ms: &[i64],
        delisted_ms: &[i64],
        params: &Params,
    ) -> Result<Self> {
        let facts = Facts::new(symbols, listed_ms, delisted_ms, params)?;
        let names = facts.names();
        let rows_of = |on: bool, bars: u32| if on { bars as usize } else { 0 };
        let scratch = Scratch {
            frozen: Vec::with_capacity(names),
            picks: Picks::new(names),
            legs: Legs::new(names),
            tranche_sum: vec![0.0; names],
            variance: scale::Variance::new(
                names,
                rows_of(params.vol_target_enabled, params.vol_target_bars),
            ),
            columns: correlation::Columns::new(
                names,
                rows_of(params.correlation_enabled, params.correlation_bars),
            ),
            keeps_tranche: true,
            may_leave_untold: false,
            may_go_straight: straight::is_open(params),
        };
        let (calendar, signal) = (Calendar::new(names), Signal::new(&facts));
        Ok(Self { facts, calendar, signal, scratch })
    }

    /// For a caller whose state nobody reads but this decider: one tranche that is all of the book need not
    /// be kept.
    pub(crate) fn with_state_unseen(mut self, params: &Params) -> Self {
        self.scratch.keeps_tranche = params.tranches > 1;
        self
    }

    /// For a caller who asks [`Self::untold`] for the reasons of the chosen names.
    pub(crate) fn with_reasons_untold(mut self, may: bool) -> Self {
        // Older tranches look at the reasons of the newest.
        self.scratch.may_leave_untold = may && !self.scratch.keeps_tranche;
        self
    }

    /// Where the last decision did not say who was selected and who kept, and no other rule said anything about
    /// anybody since: how many were `[selected, kept]`.
    #[inline(always)]
    pub(crate) fn untold(&self, reason: &[Reason]) -> Option<[usize; 2]> {
        let silent = |row: &[Reason]| {
            let odd = |any, reason: &Reason| any | (*reason as u8 ^ Reason::NotSelected as u8);
            row.iter().fold(0, odd) == 0
        };
        let picks = &self.scratch.picks;
        picks.untold.filter(|_| picks.silent || silent(reason))
    }

    /// Say who was selected and who kept, where that was not said and no later rule has spoken.
    pub(crate) fn tell(&self, weight_now_frac: &[f64], reason: &mut [Reason]) {
        if self.scratch.picks.untold.is_some() {
            self.scratch.picks.tell(weight_now_frac, reason);
        }
    }

    /// Did the last decision leave no name frozen?
    #[inline(always)]
    pub(crate) fn moves_all(&self) -> bool {
        self.scratch.frozen.is_empty()
    }

    /// Decide at one bar; `params` must be those that the decider was made with.
    pub fn decide(
        &mut self,
        row: &FeatureRow<'_>,
        book: &BookRow<'_>,
        state: &mut DecisionState,
        params: &Params,
        out: &mut Targets,
    ) -> Result<()> {
        shape::check(self.facts.names(), row, book, state, params, out)?;
        self.decide_fitting(None, row, book, state, params, out);
        Ok(())
    }

    /// Decide on a signal that was read by a [`Reader`] of the same names, under parameters that read the
    /// market alike ([`Signal::is_shared`], [`Signal::same`]): what [`Self::decide`] gives, bit for bit.
    pub fn decide_on(
        &mut self,
        signal: &mut Signal,
        row: &FeatureRow<'_>,
        book: &BookRow<'_>,
        state: &mut DecisionState,
        params: &Params,
        out: &mut Targets,
    ) -> Result<()> {
        shape::check(self.facts.names(), row, book, state, params, out)?;
        self.decide_fitting(Some(signal), row, book, state, params, out);
        Ok(())
    }

    /// Both of these, for a caller whose arrays are made to fit once a run and are not asked at each bar.
    pub(crate) fn decide_fitting(
        &mut self,
        signal: Option<&mut Signal>,
        row: &FeatureRow<'_>,
        book: &BookRow<'_>,
        state: &mut DecisionState,
        params: &Params,
        out: &mut Targets,
    ) {
        debug_assert!(shape::check(self.facts.names(), row, book, state, params, out).is_ok());
        let scene = Scene { facts: &self.facts, row, book, params };
        let (own, calendar, scratch) = (&mut self.signal, &mut self.calendar, &mut self.scratch);
        lanes::dispatch(
            #[inline(always)]
            || {
                debug_assert!(
                    signal.as_ref().is_none_or(|s| Signal::is_shared(params) && s.of_bar(row)),
                    "a signal of its own"
                );
                let (signal, mix) = if let Some(signal) = signal {
                    (signal, None)
                } else {
                    let mix = own.read_with_book(scene, calendar, state);
                    (own, mix)
                };
                scratch.decide(scene, signal, mix, state, out);
            },
        );
    }
}

/// One decision on its own: makes a [`Decider`] for a single use.
pub fn decide_once(
    symbols: &[String],
    listed_ms: &[i64],
    delisted_ms: &[i64],
    row: &FeatureRow<'_>,
    book: &BookRow<'_>,
    state: &mut DecisionState,
    params: &Params,
) -> Result<Targets> {
    let mut out = Targets::new(symbols.len());
    let mut decider = Decider::new(symbols, listed_ms, delisted_ms, params)?;
    decider.decide(row, book, state, params, &mut out)?;
    Ok(out)
}

impl Scratch {
    #[inline(always)]
    fn decide(
        &mut self,
        scene: Scene<'_>,
        signal: &mut Signal,
        mix: Option<f64>,
        state: &mut DecisionState,
        out: &mut Targets,
    ) {
        let Scene { facts, row, book, params } = scene;
        let names = facts.names();
        let reason = &mut out.reason[..];
        universe::tell(scene, &signal.roll, &mut self.frozen, &state.member, reason);
        (self.picks.untold, self.picks.silent) = (None, false);
        let dispersed = signal.dispersed;
        let k = select::names_a_side(signal.roll.eligible, row.dispersion_ratio, params);
        if params.tranches > 1 {
            size::clean_tranches(state, reason);
        }
        let first = size::tranche_number(scene) * names;
        let mixing = router::is_mixing(mix);
        if k == 0 || !dispersed {
            let rule = if k == 0 { Reason::UniverseTooSmall } else { Reason::NoDispersion };
            if self.keeps_tranche {
                state.tranche_weight[first..first + names].fill(0.0);
            }
            signal.stand_aside(rule, reason);
            self.legs.clear();
            out.weight_frac.fill(0.0);
        } else {
            self.select(scene, signal, k, mixing, first, state, reason);
            self.fill_book(scene, signal, mixing, first, state, out);
        }
        for name in &self.frozen {
            out.weight_frac[*name as usize] = book.weight_now_frac[*name as usize];
        }
        if book.guard == GuardAction::Flatten {
            flatten(scene, state, out);
        }
    }

    #[inline(always)]
    fn select(
        &mut self,
        scene: Scene<'_>,
        signal: &mut Signal,
        k: usize,
        mixing: bool,
        first: usize,
        state: &mut DecisionState,
        reason: &mut [Reason],
    ) {
        let names = scene.facts.names();
        let weights = &state.tranche_weight[..];
        let renewed = first..first + names;
        let in_other_tranche = |i: usize| {
            let others = (0..weights.len()).skip(i).step_by(names);
            others.filter(|at| !renewed.contains(at)).any(|at| weights[at] != 0.0)
        };
        let flags = state.awaiting_reentry.as_flattened();
        let any_awaiting =
            !scene.book.quiet && flags.iter().fold(0, |any, flag| any | u8::from(*flag)) != 0;
        let one = scene.params.tranches == 1;
        let Signal { roll, cross, ladders, .. } = signal;
        let field = Field {
            scene,
            roll,
            cross,
            frozen: &self.frozen,
            k,
            mixing,
            held_weight: if one { scene.book.weight_now_frac } else { &weights[renewed.clone()] },
            in_other_tranche: &in_other_tranche,
            awaiting: &state.awaiting_reentry,
            any_awaiting,
            untold: self.may_leave_untold && roll.eligible == names,
        };
        self.picks.choose(&field, ladders, reason);
        if any_awaiting {
            select::clear_reentry(&mut state.awaiting_reentry, ladders, roll, k);
        }
    }

    /// Weights of the selected names, then every limit in its order.
    #[inline(always)]
    fn fill_book(
        &mut self,
        scene: Scene<'_>,
        signal: &Signal,
        mixing: bool,
        first: usize,
        state: &mut DecisionState,
        out: &mut Targets,
    ) {
        let (p, legs, reason) = (scene.params, &mut self.legs, &mut out.reason[..]);
        let names = scene.facts.names();
        let share = size::weigh(legs, &self.picks.chosen, &signal.cross, scene, mixing);
        if self.keeps_tranche {
            size::store_tranche(legs, &mut state.tranche_weight[first..first + names]);
        }
        if p.tranches > 1 {
            size::join_tranches(legs, &mut self.tranche_sum, state, reason);
        }
        let scale = scale::multiplier(scene, legs, &mut self.variance);
        if scale != 1.0 {
            legs.scale_all(scale);
        }
        if p.correlation_enabled {
            correlation::limit(scene, legs, &mut self.columns, reason);
        }
        caps::apply(legs, scene, reason);
        self.limit(scene, share.map(|share| scale * p.gross_x * share), mixing, out);
    }

    /// What is above the limits of legs and book goes, in their order; `target`: what each leg is to weigh with the names
    /// that may not be touched.
    #[inline(always)]
    fn limit(&mut self, scene: Scene<'_>, target: [f64; 2], mixing: bool, out: &mut Targets) {
        let (p, legs, reason) = (scene.params, &mut self.legs, &mut out.reason[..]);
        let balanced = p.market_neutral && !mixing;
        let net_cap = if mixing { p.router_net_cap_frac } else { p.net_cap_frac };
        let frozen = limits::Frozen::of(&self.frozen, scene);
        let mut limiter = limits::Limiter::new(legs, frozen, reason);
        limiter.leave_room(target);
        if balanced {
            limiter.balance(scene);
        }
        limiter.cap_net(net_cap);
        limiter.cap_gross(p.gross_hard_cap_x);
        // Names that may not be touched can leave the scaled legs unequal again.
        limiter.cap_net(net_cap);
        if limiter.block_entries(scene) {
            if balanced {
                limiter.balance(scene);
            }
            limiter.cap_net(net_cap);
        }
        size::store_tranche(legs, &mut out.weight_frac);
    }
}

/// A flattening guard: nothing is wanted any more, and older tranches do not come back after it.
#[inline(never)]
fn flatten(scene: Scene<'_>, state: &mut DecisionState, out: &mut Targets) {
    for i in 0..out.weight_frac.len() {
        let held = Side::of(scene.book.weight_now_frac[i]).is_some();
        if held || out.weight_frac[i] != 0.0 {
            out.reason[i] = Reason::Flattened;
        }
    }
    out.weight_frac.fill(0.0);
    state.tranche_weight.fill(0.0);
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;
