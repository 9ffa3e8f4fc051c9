//! What is left of a configuration that has run: totals, measures, and its daily returns on demand.

use super::days::Days;
use crate::ledger::CostTotals;
use crate::metrics::{Metrics, Moments, metrics};
use crate::overfit::Track;
use crate::simulate::strategy::Run;

/// Days a year, of which the daily measures are made yearly.
const DAYS_A_YEAR: f64 = 365.0;

/// Figures of one configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Measures of the UTC-daily net returns, 365 a year.
    pub metrics: Metrics,
    /// Probability that the true Sharpe ratio is above 0, in both published forms.
    pub psr: [f64; 2],
    /// Equity at the last close.
    pub equity_usdt: f64,
    /// Mean of the equity at all closes.
    pub equity_mean_usdt: f64,
    /// Mean of gross over equity; 0 where equity is gone.
    pub gross_mean_frac: f64,
    /// Mean of net over equity; 0 where equity is gone.
    pub net_mean_frac: f64,
    /// Costs of the whole run.
    pub costs: CostTotals,
    /// Closed round trips.
    pub trips: u64,
    /// Fills.
    pub fills: u64,
    /// Decisions.
    pub decisions: u64,
    /// Bars at which a guard limited the book.
    pub guarded_bars: u64,
    /// Bar at which equity was gone.
    pub bankrupt_at: Option<usize>,
    /// Bar at which the margin was gone.
    pub liquidated_at: Option<usize>,
    /// UTC-daily net returns; empty unless asked for.
    pub daily: Vec<f64>,
}

/// What is noted bar by bar.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Costs so far.
    pub(super) costs: CostTotals,
    bars: usize,
    day: usize,
    equity_before: f64,
    equity: f64,
    equity_sum: f64,
    gross_sum: f64,
    net_sum: f64,
    daily: Vec<f64>,
}

impl Tally {
    pub(super) fn new(cash_usdt: f64, days: &Days) -> Self {
        Self {
            costs: CostTotals::default(),
            bars: 0,
            day: 0,
            equity_before: cash_usdt,
            equity: cash_usdt,
            equity_sum: 0.0,
            gross_sum: 0.0,
            net_sum: 0.0,
            daily: Vec::with_capacity(days.number.len()),
        }
    }

    /// Note the close of bar `t`; every bar is noted once, in order.
    #[inline]
    pub(super) fn note(&mut self, t: usize, days: &Days, equity: f64, gross: f64, net: f64) {
        self.bars += 1;
        self.equity = equity;
        self.equity_sum += equity;
        if equity > 0.0 {
            self.gross_sum += gross / equity;
            self.net_sum += net / equity;
        }
        if days.last_bar[self.day] == t {
            let before = self.equity_before;
            self.daily.push(if before > 0.0 { equity / before - 1.0 } else { 0.0 });
            self.equity_before = equity;
            self.day += 1;
        }
    }

    /// The measures, from what was noted and what the book counted.
    pub(super) fn finish(self, book: &Run, keep_daily: bool) -> Outcome {
        let found = metrics(&self.daily, DAYS_A_YEAR);
        let moments = Moments::of(&self.daily);
        let track = Track {
            sharpe: moments.mean / moments.spread(),
            n: found.n as f64,
            skew: found.skew,
            kurtosis: found.kurtosis,
        };
        let bars = self.bars as f64;
        Outcome {
            psr: [track.psr_2012(0.0), track.psr_2025(0.0, 0.0)],
            metrics: found,
            equity_usdt: self.equity,
            equity_mean_usdt: self.equity_sum / bars,
            gross_mean_frac: self.gross_sum / bars,
            net_mean_frac: self.net_sum / bars,
            costs: self.costs,
            trips: book.trip_count,
            fills: book.fill_count,
            decisions: book.decisions,
            guarded_bars: book.guarded_bars,
            bankrupt_at: book.bankrupt_at,
            liquidated_at: book.liquidated_at,
            daily: if keep_daily { self.daily } else { Vec::new() },
        }
    }
}
