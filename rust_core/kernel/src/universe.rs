//! Who may be traded at this close: the first rule that fails gives the reason.
//!
//! The lanes decide for all names at once; a name that fails is then asked again, rule by rule, for
//! the reason. Both read the same inequalities. See docs/explanation/decision.md §2.

use crate::book::{BookRow, Side};
use crate::decide::Scene;
use crate::lanes;
use crate::params::{Params, SignalCombine, Standardise};
use crate::reason::Reason;
use crate::row::FeatureRow;

mod facts;
mod members;

pub(crate) use facts::padded;
pub use facts::{Calendar, Facts};

/// Volatility at or below which a price counts as not moving.
pub(crate) const SIGMA_MIN: f64 = 1e-7;
/// The largest number with a root of no more than that.
const VARIANCE_MIN: f64 = 1e-14;

/// Who is eligible at one close.
#[derive(Debug, Clone)]
pub struct Roll {
    /// Score of every eligible name, NaN for every other; padded with NaN to whole lanes. Not written where all
    /// names are eligible ([`Self::whole`]): then the scores are those of the row.
    pub(crate) score: lanes::Row,
    /// All names are eligible, and nothing that could bar one was asked.
    pub whole: bool,
    /// Number of eligible names.
    pub eligible: usize,
    ranking: members::Ranking,
}

impl Roll {
    /// Room for the names of `facts`.
    pub fn new(facts: &Facts) -> Self {
        Self {
            score: lanes::Row::new(padded(facts.names()), f64::NAN),
            whole: false,
            eligible: 0,
            ranking: members::Ranking::new(facts.names()),
        }
    }

    /// Is this name eligible?
    pub fn has(&self, name: usize) -> bool {
        self.whole || !self.score[name].is_nan()
    }

    /// The scores of the eligible names, NaN for every other; whole lanes of them unless all names are eligible.
    #[inline(always)]
    pub fn scores<'a>(&'a self, row: &FeatureRow<'a>) -> &'a [f64] {
        if self.whole { row.score } else { &self.score }
    }
}

/// Does nothing but listing, presence and movement decide who is eligible, and z alone who scores how much?
pub(crate) fn may_be_whole(p: &Params) -> bool {
    let rules = p.universe_top_n > 0
        || p.price_min_usdt > 0.0
        || p.dollar_volume_min_usdt > 0.0
        || wants_more_features(p);
    !rules && p.standardise == Standardise::Z
}

/// Mark who is eligible by the market alone: rules that ask no book. `asked`: somebody asks one later, who
/// has a say in it.
#[inline(always)]
pub fn mark(
    facts: &Facts,
    calendar: &mut Calendar,
    roll: &mut Roll,
    row: &FeatureRow<'_>,
    params: &Params,
    asked: bool,
) {
    calendar.turn_to(facts, row.close_ms);
    roll.whole = !asked && calendar.all_listed && may_be_whole(params) && all_known(row);
    if roll.whole {
        roll.eligible = facts.names();
        return;
    }
    roll.eligible = pass(&mut roll.score, &calendar.gate, row);
    if narrow(&mut roll.score, row, params) {
        roll.eligible = count(&roll.score);
    }
}

/// Take out who fails a rule that asks the book, and update membership.
#[inline(always)]
pub fn ask_book(
    facts: &Facts,
    roll: &mut Roll,
    row: &FeatureRow<'_>,
    book: &BookRow<'_>,
    member: &mut [bool],
    params: &Params,
) {
    let mut narrowed = false;
    if !book.quiet && book.hold.iter().fold(false, |any, hold| any | hold) {
        keep_where(&mut roll.score, |i| !book.hold[i]);
        narrowed = true;
    }
    if params.universe_top_n > 0 {
        let failure = |i| before_top_n(facts, row, book, params, i);
        members::update(member, &mut roll.ranking, row.dollar_volume_usdt, params, failure);
        keep_where(&mut roll.score, |i| member[i]);
        narrowed = true;
    }
    if narrowed {
        roll.eligible = count(&roll.score);
    }
    if !book.quiet {
        drop_too_small(roll, row, book, params);
    }
}

/// Does [`ask_book`] leave everybody in, whatever the book (of a simulation without contracts)?
pub(crate) fn asks_no_book(params: &Params) -> bool {
    params.universe_top_n == 0
}

/// Give every name that is not eligible its reason, and find those that are held but may not be
/// touched: stale or on hold.
#[inline(always)]
pub(crate) fn tell(
    scene: Scene<'_>,
    roll: &Roll,
    frozen: &mut Vec<u32>,
    member: &[bool],
    reason: &mut [Reason],
) {
    reason.fill(Reason::NotSelected);
    frozen.clear();
    if roll.eligible < scene.facts.names() {
        explain(scene, roll, frozen, member, reason);
    }
}

/// The pass that every decision pays: listed, present, scored, moving. Returns how many are.
///
/// A plain loop, because eight explicit lanes without a floating-point sum in them tempt the
/// compiler to vectorise across the eights, with a shuffle for every load.
#[inline(always)]
fn pass(score: &mut [f64], gate: &[f64], row: &FeatureRow<'_>) -> usize {
    let facts = gate.iter().zip(row.score).zip(row.close).zip(row.variance);
    let mut eligible = 0_u64;
    for (out, (((gate, raw), close), variance)) in score.iter_mut().zip(facts) {
        // Adding 0 changes no score; adding NaN (not listed, or no bar) masks it.
        let known = raw + gate + 0.0 * close;
        let score = if *variance > VARIANCE_MIN { known } else { f64::NAN };
        *out = score;
        eligible += u64::from(!score.is_nan());
    }
    eligible as usize
}

/// The same question of all names at once: is each of them present, scored and moving?
#[inline(always)]
fn all_known(row: &FeatureRow<'_>) -> bool {
    let facts = row.score.iter().zip(row.close).zip(row.variance);
    let odd = |odd, ((raw, close), variance): ((&f64, &f64), &f64)| {
        let moves = *variance > VARIANCE_MIN;
        odd | u64::from(!moves | (raw + 0.0 * close).is_nan())
    };
    facts.fold(0, odd) == 0
}

/// Rules that are seldom on; true if one was asked.
fn narrow(score: &mut [f64], row: &FeatureRow<'_>, params: &Params) -> bool {
    if params.price_min_usdt > 0.0 {
        keep_where(score, |i| row.close[i] >= params.price_min_usdt);
    }
    if params.dollar_volume_min_usdt > 0.0 {
        keep_where(score, |i| row.dollar_volume_usdt[i] >= params.dollar_volume_min_usdt);
    }
    if wants_more_features(params) {
        keep_where(score, |i| has_features(row, params, i));
    }
    params.price_min_usdt > 0.0
        || params.dollar_volume_min_usdt > 0.0
        || wants_more_features(params)
}

fn wants_more_features(params: &Params) -> bool {
    params.beta_neutral || params.router_enabled || params.signal_combine == SignalCombine::Rank
}

fn has_features(row: &FeatureRow<'_>, params: &Params, i: usize) -> bool {
    let names = row.close.len();
    let moves = params.signal_combine != SignalCombine::Rank
        || (0..params.lookback_bars.len()).all(|j| !row.moves[j * names + i].is_nan());
    let beta = !params.beta_neutral || !row.beta[i].is_nan();
    let trend = !params.router_enabled || !row.trend[i].is_nan();
    moves & beta & trend
}

#[inline(always)]
fn keep_where(score: &mut [f64], keep: impl Fn(usize) -> bool) {
    for (i, value) in score.iter_mut().enumerate() {
        // The padding is NaN already; asking `keep` about it would leave the arrays.
        if !value.is_nan() && !keep(i) {
            *value = f64::NAN;
        }
    }
}

#[inline(always)]
fn count(score: &[f64]) -> usize {
    score.iter().fold(0_u64, |count, value| count + u64::from(!value.is_nan())) as usize
}

/// Equity used for sizing, USDT.
pub(crate) fn sizing_equity_usdt(book: &BookRow<'_>, params: &Params) -> f64 {
    let share = book.equity_usdt * params.capital_frac;
    if params.capital_usdt_max > 0.0 && share > params.capital_usdt_max {
        return params.capital_usdt_max;
    }
    share
}

/// A position must be worth at least twice the smallest order, or it could not be trimmed.
#[inline(always)]
fn drop_too_small(roll: &mut Roll, row: &FeatureRow<'_>, book: &BookRow<'_>, params: &Params) {
    // By their bits but for the sign: NaN differs from 0 as well, an unknown minimum is not "no minimum".
    let bits = book.order_usdt_min.iter().fold(0, |any, usdt| any | usdt.to_bits());
    let given = bits << 1 != 0;
    if !given {
        return;
    }
    let k = crate::select::names_a_side(roll.eligible, row.dispersion_ratio, params);
    if k == 0 {
        return;
    }
    let typical_frac = (params.gross_x / 2.0 / k as f64).min(params.weight_long_max_frac);
    let typical_usdt = typical_frac * sizing_equity_usdt(book, params);
    keep_where(&mut roll.score, |i| {
        book.order_usdt_min[i] <= 0.0 || typical_usdt >= 2.0 * book.order_usdt_min[i]
    });
    roll.eligible = count(&roll.score);
}

#[inline(never)]
fn explain(
    scene: Scene<'_>,
    roll: &Roll,
    frozen: &mut Vec<u32>,
    member: &[bool],
    reason: &mut [Reason],
) {
    let Scene { facts, row, book, params } = scene;
    for i in 0..facts.names() {
        if roll.has(i) {
            continue;
        }
        let first = before_top_n(facts, row, book, params, i)
            .unwrap_or_else(|| from_top_n(row, member, params, i));
        let held = Side::of(book.weight_now_frac[i]).is_some();
        reason[i] = match first {
            Reason::NoData if held && book.stale_bars[i] > params.stale_bars_max => {
                Reason::StaleTooLong
            }
            Reason::NoData if held => Reason::Stale,
            other => other,
        };
        if held && matches!(reason[i], Reason::Stale | Reason::OperatorHold) {
            frozen.push(i as u32);
        }
    }
}

/// The first rule before `OutsideTopN` that name `i` fails.
fn before_top_n(
    facts: &Facts,
    row: &FeatureRow<'_>,
    book: &BookRow<'_>,
    params: &Params,
    i: usize,
) -> Option<Reason> {
    if book.hold[i] {
        Some(Reason::OperatorHold)
    } else if let Some(listing) = facts.listing_failure(i, row.close_ms) {
        Some(listing)
    } else if row.close[i].is_nan() {
        Some(Reason::NoData)
    } else if facts.too_young(i, row.close_ms) {
        Some(Reason::TooYoung)
    } else if params.price_min_usdt > 0.0 && row.close[i] < params.price_min_usdt {
        Some(Reason::PriceTooLow)
    } else if params.dollar_volume_min_usdt > 0.0
        && !at_least(row.dollar_volume_usdt[i], params.dollar_volume_min_usdt)
    {
        Some(Reason::VolumeTooLow)
    } else {
        None
    }
}

/// Is the value known and not below the limit?
#[inline(always)]
pub(crate) fn at_least(value: f64, limit: f64) -> bool {
    value >= limit
}

/// The first rule from `OutsideTopN` on that a name fails which is known not to be eligible.
fn from_top_n(row: &FeatureRow<'_>, member: &[bool], params: &Params, i: usize) -> Reason {
    if params.universe_top_n > 0 && !member[i] {
        Reason::OutsideTopN
    } else if row.score[i].is_nan() || row.variance[i].is_nan() || !has_features(row, params, i) {
        Reason::ShortHistory
    } else if row.variance[i] <= VARIANCE_MIN {
        Reason::FlatPrice
    } else {
        Reason::TooSmall
    }
}

/// Has the name left the universe, so that older tranches give it up too? (A name that is merely
/// stale, short of history or too small has not.)
pub(crate) fn has_left(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NotListed
            | Reason::Delisted
            | Reason::Excluded
            | Reason::NotIncluded
            | Reason::NoData
            | Reason::TooYoung
            | Reason::PriceTooLow
            | Reason::VolumeTooLow
            | Reason::OutsideTopN
            | Reason::StaleTooLong
    )
}

#[cfg(test)]
mod tests;
