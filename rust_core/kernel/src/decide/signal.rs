//! What a bar says of the names before any book is asked: who may be traded, scores, ranks.
//!
//! A decision reads it for itself. Books whose configurations read the market alike may share one:
//! the market's part of the decision is then made once a bar for all of them.

use super::{Scene, is_rebalance};
use crate::book::DecisionState;
use crate::error::Result;
use crate::lanes;
use crate::momentum::{self, Cross};
use crate::overlay::router;
use crate::params::Params;
use crate::reason::Reason;
use crate::row::FeatureRow;
use crate::select::{self, Ladder};
use crate::select::{Ladders, new_ladders};
use crate::universe::{self, Calendar, Facts, Roll};

/// Eligibility, scores and ranks of one bar. Ranks are found as far down as somebody has asked.
#[derive(Debug, Clone)]
pub struct Signal {
    pub(crate) roll: Roll,
    pub(crate) cross: Cross,
    pub(crate) ladders: Ladders,
    /// Any score differs from 0.
    pub(crate) dispersed: bool,
    close_ms: i64,
}

impl Signal {
    pub(super) fn new(facts: &Facts) -> Self {
        let names = facts.names();
        Self {
            roll: Roll::new(facts),
            cross: Cross::new(names),
            ladders: new_ladders(names),
            dispersed: false,
            close_ms: i64::MIN,
        }
    }

    /// May books share a signal under these parameters? Not where the book has a say in who is
    /// eligible or in the scores. (A book with contracts or with names on hold has one too; that is for
    /// the caller to know.)
    pub fn is_shared(params: &Params) -> bool {
        universe::asks_no_book(params) && !params.router_enabled
    }

    /// Do the two read the market alike? Only settings that come in before selection are asked, and
    /// of the power only where a mean is taken out after it.
    pub fn same(a: &Params, b: &Params) -> bool {
        macro_rules! alike {
            ($($field:ident)+) => { $(a.$field == b.$field)&&+ };
        }
        let power = !a.redemean || a.signal_power == b.signal_power;
        let universe = alike!(universe_include universe_exclude age_min_days price_min_usdt
                              dollar_volume_min_usdt dollar_volume_days);
        let moves = alike!(bar_ms lookback_bars lookback_weights skip_bars signal_kind
                           signal_combine vol_scaled_clip vol_bars beta_neutral beta_bars);
        let scores = alike!(standardise zscore_clip redemean funding_tilt_x funding_hold_bars
                            funding_bars);
        power && universe && moves && scores
    }

    /// Read the market, and ask the book where it has a say; returns the router's mix.
    #[inline(always)]
    pub(super) fn read_with_book(
        &mut self,
        scene: Scene<'_>,
        calendar: &mut Calendar,
        state: &mut DecisionState,
    ) -> Option<f64> {
        let Scene { facts, row, book, params } = scene;
        universe::mark(facts, calendar, &mut self.roll, row, params, !book.quiet);
        universe::ask_book(facts, &mut self.roll, row, book, &mut state.member, params);
        let mix = router::turn(scene, state);
        self.score(row, params, mix);
        mix
    }

    /// Read the market for a book that has no say in it, where all names are eligible; else nothing of it counts.
    #[inline(always)]
    pub(super) fn read_alone(
        &mut self,
        facts: &Facts,
        calendar: &mut Calendar,
        row: &FeatureRow<'_>,
        params: &Params,
    ) {
        universe::mark(facts, calendar, &mut self.roll, row, params, false);
        if self.roll.whole {
            self.score(row, params, None);
        }
    }

    #[inline(always)]
    fn score(&mut self, row: &FeatureRow<'_>, params: &Params, mix: Option<f64>) {
        self.close_ms = row.close_ms;
        self.dispersed = momentum::cross_section(&mut self.cross, &self.roll, row, params, mix);
        self.ladders.iter_mut().for_each(crate::select::Ladder::forget);
    }

    /// Know the ranks that books under these parameters look at first.
    #[inline(always)]
    fn rank(&mut self, row: &FeatureRow<'_>, books: &[&Params]) {
        let names_a_side =
            |p: &&Params| select::names_a_side(self.roll.eligible, row.dispersion_ratio, p);
        let most = books.iter().map(names_a_side).max().unwrap_or(0);
        if most > 0 && self.dispersed {
            Ladder::climb_both(&mut self.ladders, self.cross.key(), most);
        }
    }

    pub(super) fn of_bar(&self, row: &FeatureRow<'_>) -> bool {
        self.close_ms == row.close_ms
    }

    /// Nothing can be ranked: every name that could have been says why.
    #[inline(never)]
    pub(super) fn stand_aside(&self, rule: Reason, reason: &mut [Reason]) {
        for (i, reason) in reason.iter_mut().enumerate() {
            if self.roll.has(i) {
                *reason = rule;
            }
        }
    }
}

/// Reads the market for several books, none of which has a say in it.
#[derive(Debug, Clone)]
pub struct Reader {
    facts: Facts,
    calendar: Calendar,
    signal: Signal,
}

impl Reader {
    /// A reader of these names under these parameters, or under such as read the market alike.
    pub fn new(
        symbols: &[String],
        listed_ms: &[i64],
        delisted_ms: &[i64],
        params: &Params,
    ) -> Result<Self> {
        let facts = Facts::new(symbols, listed_ms, delisted_ms, params)?;
        let (calendar, signal) = (Calendar::new(facts.names()), Signal::new(&facts));
        Ok(Self { facts, calendar, signal })
    }

    /// The signal of a bar at which one of the books decides; of any other bar it is that of one before.
    /// `books` are the parameters of these books ([`Signal::is_shared`], [`Signal::same`]), at least one.
    pub fn read(&mut self, row: &FeatureRow<'_>, books: &[&Params]) -> &mut Signal {
        if books.iter().any(|params| is_rebalance(row.close_ms, params)) {
            let Self { facts, calendar, signal } = self;
            lanes::dispatch(
                #[inline(always)]
                || {
                    universe::mark(facts, calendar, &mut signal.roll, row, books[0], false);
                    signal.score(row, books[0], None);
                    signal.rank(row, books);
                },
            );
        }
        &mut self.signal
    }
}
