//! What is remembered of round trips and stops: cooldowns, losing streaks, bans (exits.md §4).
//!
//! ```text
//! F(x)  = P(win rate < x),  win rate ~ Beta(1 + w, 1 + l)
//!       = Σ_{j>w} C(n,j)·x^j·(1−x)^(n−j),  n = w + l + 1
//! ban   : w + l ≥ min, F(win_rate_min) ≥ 0.8 and F(pf_min/(pf_min + payoff)) ≥ 0.8
//! ```
//!
//! Times are closes of bars ([`crate::stops::bar_close_ms`]), so that ticks and bars give the same.

use crate::book::{Bar, Side};
use crate::params::{Params, StreakScope};

/// Posterior chance from which a record counts as bad.
pub const BAN_POSTERIOR: f64 = 0.8;

/// Kinds of bar in the order in which ties are told.
const KINDS: [Bar; 4] = [Bar::Cooldown, Bar::Banned, Bar::Streak, Bar::SymbolLoss];

/// What is remembered of one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SymbolRecord {
    /// Round trips that gained, since the last ban.
    pub wins: u32,
    /// Round trips that lost, since the last ban.
    pub losses: u32,
    /// Sum of their gains.
    pub gain_usdt: f64,
    /// Sum of their losses, a number above 0.
    pub loss_usdt: f64,
    /// Losses in a row.
    pub streak: u32,
    /// Until when each kind of bar (cooldown, ban, streak, loss of the day) lasts, `[long, short]`.
    pub until_ms: [[i64; 2]; 4],
}

/// What is remembered of all symbols.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// One record a symbol.
    pub symbols: Vec<SymbolRecord>,
    /// Losses in a row over all symbols.
    pub book_streak: u32,
    /// Until when the streak of the book bars every entry.
    pub book_until_ms: i64,
}

impl Records {
    /// Nothing has happened yet.
    pub fn new(symbols: usize) -> Self {
        Self { symbols: vec![SymbolRecord::default(); symbols], book_streak: 0, book_until_ms: 0 }
    }

    /// A protective stop closed `side` of `symbol` in the bar that closes at `bar_close_ms`: bar the
    /// side and make it wait for re-entry (`DecisionState::awaiting_reentry`).
    pub fn note_stop(
        &mut self,
        symbol: usize,
        side: Side,
        bar_close_ms: i64,
        params: &Params,
        awaiting_reentry: &mut [bool; 2],
    ) {
        awaiting_reentry[side as usize] = true;
        let until_ms = bar_close_ms + i64::from(params.cooldown_bars) * params.bar_ms;
        self.bar_side(symbol, side, Bar::Cooldown, until_ms);
    }

    /// A round trip of `symbol` ended with `net_usdt` (after costs and funding). Whether it bars the symbol; a
    /// streak of the book does not say so here.
    pub fn note_round_trip(
        &mut self,
        symbol: usize,
        net_usdt: f64,
        bar_close_ms: i64,
        params: &Params,
    ) -> bool {
        // Exactly nothing is neither a win nor a loss, and so is what nobody knows.
        if net_usdt == 0.0 || net_usdt.is_nan() {
            return false;
        }
        let record = &mut self.symbols[symbol];
        if net_usdt > 0.0 {
            record.wins += 1;
            record.gain_usdt += net_usdt;
            record.streak = 0;
            self.book_streak = 0;
        } else {
            record.losses += 1;
            record.loss_usdt -= net_usdt;
            record.streak += 1;
            self.book_streak += 1;
        }
        let pauses = self.pause_streak(symbol, bar_close_ms, params);
        let bans = self.ban(symbol, bar_close_ms, params);
        pauses || bans
    }

    /// Bar one side of a symbol until a later time; an earlier one never shortens it.
    pub fn bar_side(&mut self, symbol: usize, side: Side, why: Bar, until_ms: i64) {
        if let Some(kind) = KINDS.iter().position(|kind| *kind == why) {
            let until = &mut self.symbols[symbol].until_ms[kind][side as usize];
            *until = until_ms.max(*until);
        }
    }

    /// Until when, and why, each side of `symbol` is barred from entries decided at `close_ms`.
    pub fn barred(&self, symbol: usize, close_ms: i64) -> ([i64; 2], [Bar; 2]) {
        let mut until = [0; 2];
        let mut by = [Bar::None; 2];
        for side in Side::BOTH {
            let at = side as usize;
            for (kind, bars) in KINDS.iter().zip(&self.symbols[symbol].until_ms) {
                let book = if *kind == Bar::Streak { self.book_until_ms } else { 0 };
                let lasts = bars[at].max(book);
                if lasts > close_ms && lasts > until[at] {
                    until[at] = lasts;
                    by[at] = *kind;
                }
            }
        }
        (until, by)
    }

    /// Fill the arrays that [`crate::book::BookRow`] borrows.
    pub fn write_barred(&self, close_ms: i64, until_ms: &mut [[i64; 2]], by: &mut [[Bar; 2]]) {
        for symbol in 0..self.symbols.len() {
            (until_ms[symbol], by[symbol]) = self.barred(symbol, close_ms);
        }
    }

    fn bar_both(&mut self, symbol: usize, why: Bar, until_ms: i64) {
        for side in Side::BOTH {
            self.bar_side(symbol, side, why, until_ms);
        }
    }

    fn pause_streak(&mut self, symbol: usize, at_ms: i64, params: &Params) -> bool {
        let until_ms = at_ms + params.streak_pause_ms;
        let full = |streak: u32| params.streak_losses > 0 && streak >= params.streak_losses;
        match params.streak_scope {
            StreakScope::Symbol => {
                let pauses = full(self.symbols[symbol].streak);
                if pauses {
                    self.symbols[symbol].streak = 0;
                    self.bar_both(symbol, Bar::Streak, until_ms);
                }
                pauses
            }
            StreakScope::Book => {
                if full(self.book_streak) {
                    self.book_streak = 0;
                    self.book_until_ms = self.book_until_ms.max(until_ms);
                }
                false
            }
        }
    }

    fn ban(&mut self, symbol: usize, at_ms: i64, params: &Params) -> bool {
        if !params.symbol_score_enabled || !self.symbols[symbol].fails(params) {
            return false;
        }
        let record = &mut self.symbols[symbol];
        (record.wins, record.losses) = (0, 0);
        (record.gain_usdt, record.loss_usdt) = (0.0, 0.0);
        self.bar_both(symbol, Bar::Banned, at_ms + params.symbol_score_ban_ms);
        true
    }
}

impl SymbolRecord {
    /// Both the win rate and the profit factor miss their thresholds at 80 % posterior.
    pub fn fails(&self, params: &Params) -> bool {
        if self.wins + self.losses < params.symbol_score_min_trades {
            return false;
        }
        let bad = |win_rate: f64| beta_cdf(self.wins, self.losses, win_rate) >= BAN_POSTERIOR;
        bad(params.symbol_score_win_rate_min) && bad(self.win_rate_needed(params))
    }

    /// Win rate at which the profit factor would be just the least one, at this record's payoff
    /// (mean win over mean loss).
    fn win_rate_needed(&self, params: &Params) -> f64 {
        let least = params.symbol_score_profit_factor_min;
        if self.losses == 0 || least <= 0.0 {
            return 0.0;
        }
        if self.wins == 0 {
            return 1.0;
        }
        let mean_win = self.gain_usdt / f64::from(self.wins);
        let mean_loss = self.loss_usdt / f64::from(self.losses);
        least / (least + mean_win / mean_loss)
    }
}

/// `P(win rate < x)` for `Beta(1 + wins, 1 + losses)`: a binomial tail, summed outward from its
/// largest term as ratios, so that neither factorials overflow nor powers underflow.
pub fn beta_cdf(wins: u32, losses: u32, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let n = u64::from(wins) + u64::from(losses) + 1;
    let odds = x / (1.0 - x);
    let mode = (((n + 1) as f64 * x).floor() as u64).min(n);
    let mut sums = [0.0; 2]; // terms j ≤ wins, terms j > wins
    let mut put = |j: u64, term: f64| sums[usize::from(j > u64::from(wins))] += term;
    put(mode, 1.0);
    let mut term = 1.0;
    for j in mode..n {
        term *= (n - j) as f64 / (j + 1) as f64 * odds;
        put(j + 1, term);
    }
    term = 1.0;
    for j in (1..=mode).rev() {
        term *= j as f64 / (n - j + 1) as f64 / odds;
        put(j - 1, term);
    }
    sums[1] / (sums[0] + sums[1])
}
