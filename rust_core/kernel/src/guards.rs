//! What stops the book: docs/explanation/guards.md. A state machine without a clock of its own.
//!
//! ```text
//! loss from a base = 1 − unit_value/base
//! day of t         = ⌊(t − 1)/86_400_000⌋       midnight closes the old day and opens the new
//! CVaR             = −mean(worst 5 % of p_τ)·√B,   p_τ = Σ e_i·r_i,τ
//! ```

use crate::book::GuardAction;
use crate::params::{DailyLossBase, Params};

mod reading;
mod table;
mod tail;

pub use reading::{Reading, Standing};
use reading::{Worst, loss_from, share_of};
pub use table::{GUARDS, Guard, Row};
pub use tail::{CVAR_ROWS_MAX, CVAR_ROWS_MIN, expected_shortfall_day};

/// Milliseconds of a UTC day.
pub const DAY_MS: i64 = 86_400_000;

/// What the guards see at one moment. Slices have one entry a symbol.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Now, UTC milliseconds; the close of the bar that is decided.
    pub at_ms: i64,
    /// Value of one unit of the book (transfers taken out).
    pub unit_value: f64,
    /// Equity.
    pub equity_usdt: f64,
    /// Result of each symbol since the book began: price, funding, fees.
    pub symbol_result_usdt: &'a [f64],
    /// Result of each open position since its first fill; 0 when flat.
    pub trade_result_usdt: &'a [f64],
    /// Signed value held over equity.
    pub exposure_frac: &'a [f64],
    /// Newest returns, oldest row first, `ret_rows x symbols`, NaN where absent.
    pub ret_window: &'a [f64],
    /// Rows in `ret_window`.
    pub ret_rows: usize,
}

/// What all guards together say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The strictest action.
    pub action: GuardAction,
    /// The first guard of the table that asks for it.
    pub by: Option<Guard>,
    /// One reading a guard, in the order of [`GUARDS`].
    pub readings: [Reading; GUARDS.len()],
}

impl Verdict {
    /// Is any symbol to be paused or closed?
    pub(crate) fn rules_symbols(&self) -> bool {
        let fired = |(row, reading): (&Row, &Reading)| {
            matches!(row.guard, Guard::SymbolDailyLoss | Guard::TradeLoss)
                && reading.standing == Standing::Fired
        };
        GUARDS.iter().zip(&self.readings).any(fired)
    }
}

/// The day of one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SymbolDay {
    /// Cumulative result at the day's open.
    pub open_result_usdt: f64,
    /// Cumulative result as last known.
    pub last_result_usdt: f64,
    /// Its entries pause until then.
    pub paused_until_ms: i64,
    /// Its position has lost too much and is to be closed.
    pub close: bool,
}

/// All that the guards remember; plain data, stored before a verdict is acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Guards {
    /// Number of the day in progress; `None` before the first value.
    pub day: Option<i64>,
    /// Last known value of a unit.
    pub last_value: f64,
    /// Last known equity.
    pub last_equity_usdt: f64,
    /// Value at the day's open.
    pub day_open_value: f64,
    /// Highest value of the day.
    pub day_high_value: f64,
    /// Equity at the day's open.
    pub day_open_equity_usdt: f64,
    /// The daily loss has fired today.
    pub daily_loss_spent: bool,
    /// Flat after a daily loss until then.
    pub flat_until_ms: i64,
    /// No entries after an emergency loss until then.
    pub emergency_until_ms: i64,
    /// Highs of past days, `(day, value)`, oldest first.
    pub highs: Vec<(i64, f64)>,
    /// Highest value of today since the drawdown was last re-armed.
    pub today_high_value: f64,
    /// The drawdown has fired.
    pub drawdown_latched: bool,
    /// Highest value since the long-term drawdown was last re-armed.
    pub peak_value: f64,
    /// The long-term drawdown has fired.
    pub longterm_latched: bool,
    /// Newest stops, UTC milliseconds.
    pub stops_ms: Vec<i64>,
    /// No entries after a cluster of stops until then.
    pub cluster_until_ms: i64,
    /// The symbols' results are being followed.
    pub results_known: bool,
    /// One day a symbol.
    pub symbols: Vec<SymbolDay>,
}

impl Guards {
    /// Nothing has been seen yet.
    pub fn new(symbols: usize) -> Self {
        Self {
            day: None,
            last_value: f64::NAN,
            last_equity_usdt: f64::NAN,
            day_open_value: f64::NAN,
            day_high_value: f64::NAN,
            day_open_equity_usdt: f64::NAN,
            daily_loss_spent: false,
            flat_until_ms: 0,
            emergency_until_ms: 0,
            highs: Vec::new(),
            today_high_value: f64::NAN,
            drawdown_latched: false,
            peak_value: f64::NAN,
            longterm_latched: false,
            stops_ms: Vec::new(),
            cluster_until_ms: 0,
            results_known: false,
            symbols: vec![SymbolDay::default(); symbols],
        }
    }

    /// A protective stop closed a position at `at_ms` (the close of its bar).
    pub fn note_stop(&mut self, at_ms: i64, params: &Params) {
        self.stops_ms.push(at_ms);
        // Older ones can no longer be part of the newest `stop_cluster_count`.
        let spare = self.stops_ms.len().saturating_sub(params.stop_cluster_count.max(1) as usize);
        self.stops_ms.drain(..spare);
    }

    /// The operator lets a latched guard go; its peak starts anew at the last known value. Whether
    /// there was anything to let go.
    pub fn rearm(&mut self, guard: Guard) -> bool {
        match guard {
            Guard::Drawdown => {
                self.highs.clear();
                self.today_high_value = self.last_value;
                std::mem::take(&mut self.drawdown_latched)
            }
            Guard::LongtermDrawdown => {
                self.peak_value = self.last_value;
                std::mem::take(&mut self.longterm_latched)
            }
            _ => false,
        }
    }

    /// Take in a moment and say what is allowed. `scratch` is working space.
    pub fn evaluate(
        &mut self,
        moment: &Moment,
        params: &Params,
        scratch: &mut Vec<f64>,
    ) -> Verdict {
        if moment.unit_value.is_finite() {
            self.roll_day(moment, params);
            self.day_high_value = self.day_high_value.max(moment.unit_value);
            self.today_high_value = self.today_high_value.max(moment.unit_value);
            self.peak_value = self.peak_value.max(moment.unit_value);
            self.last_value = moment.unit_value;
        }
        let readings = [
            self.daily_loss(moment, params),
            self.emergency_loss(moment, params),
            self.drawdown(moment, params),
            self.longterm_drawdown(moment, params),
            self.symbol_daily_loss(moment, params),
            self.trade_loss(moment, params),
            cvar(moment, params, scratch),
            self.stop_cluster(moment, params),
        ];
        if moment.equity_usdt.is_finite() {
            self.last_equity_usdt = moment.equity_usdt;
        }
        verdict(readings)
    }

    /// Midnight that ends the day in progress.
    fn day_end_ms(&self) -> i64 {
        self.day.map_or(0, |day| (day + 1) * DAY_MS)
    }

    fn roll_day(&mut self, moment: &Moment, params: &Params) {
        let day = (moment.at_ms - 1).div_euclid(DAY_MS);
        match self.day {
            Some(known) if day <= known => return,
            Some(known) => {
                self.highs.push((known, self.today_high_value));
                let first = day - i64::from(params.drawdown_days);
                self.highs.retain(|(day, _)| *day > first);
            }
            None => {
                self.last_value = moment.unit_value;
                self.last_equity_usdt = moment.equity_usdt;
            }
        }
        self.day = Some(day);
        self.daily_loss_spent = false;
        self.day_open_value = self.last_value;
        self.day_high_value = self.last_value;
        self.today_high_value = self.last_value;
        self.day_open_equity_usdt = self.last_equity_usdt;
        for symbol in &mut self.symbols {
            symbol.open_result_usdt = symbol.last_result_usdt;
        }
    }

    fn daily_loss(&mut self, moment: &Moment, params: &Params) -> Reading {
        let base = match params.daily_loss_base {
            DailyLossBase::Open => self.day_open_value,
            DailyLossBase::High => self.day_high_value,
        };
        let limit = params.daily_loss_max_frac;
        let measure = loss_from(base, moment.unit_value);
        if limit > 0.0 && measure >= limit && !self.daily_loss_spent {
            self.daily_loss_spent = true;
            self.flat_until_ms = self.day_end_ms().max(moment.at_ms + params.daily_loss_pause_ms);
        }
        Reading::until(measure, limit, self.flat_until_ms, moment.at_ms)
    }

    fn emergency_loss(&mut self, moment: &Moment, params: &Params) -> Reading {
        let limit = params.emergency_loss_frac;
        let measure = loss_from(self.day_open_value, moment.unit_value);
        if limit > 0.0 && measure >= limit {
            self.emergency_until_ms = self.day_end_ms();
        }
        Reading::until(measure, limit, self.emergency_until_ms, moment.at_ms)
    }

    fn drawdown(&mut self, moment: &Moment, params: &Params) -> Reading {
        let past = self.highs.iter().map(|(_, value)| *value);
        let measure = loss_from(past.fold(self.today_high_value, f64::max), moment.unit_value);
        let limit = params.drawdown_max_frac;
        self.drawdown_latched |= limit > 0.0 && measure >= limit;
        Reading::latched(measure, limit, self.drawdown_latched)
    }

    fn longterm_drawdown(&mut self, moment: &Moment, params: &Params) -> Reading {
        let measure = loss_from(self.peak_value, moment.unit_value);
        let limit = params.longterm_drawdown_max_frac;
        self.longterm_latched |= limit > 0.0 && measure >= limit;
        Reading::latched(measure, limit, self.longterm_latched)
    }

    fn symbol_daily_loss(&mut self, moment: &Moment, params: &Params) -> Reading {
        let limit = params.symbol_daily_loss_max_frac;
        if limit <= 0.0 {
            self.results_known = false;
            return Reading::default();
        }
        let (equity, end_ms) = (self.day_open_equity_usdt, self.day_end_ms());
        let results = moment.symbol_result_usdt;
        if !std::mem::replace(&mut self.results_known, true) {
            for (symbol, result) in self.symbols.iter_mut().zip(results) {
                (symbol.open_result_usdt, symbol.last_result_usdt) = (*result, *result);
            }
        }
        let mut worst = Worst::NONE;
        let mut until_ms = 0;
        for (at, (symbol, result)) in self.symbols.iter_mut().zip(results).enumerate() {
            worst.add(at, symbol.open_result_usdt - result);
            let last = symbol.last_result_usdt;
            symbol.last_result_usdt = if result.is_nan() { last } else { *result };
            until_ms = symbol.paused_until_ms.max(until_ms);
        }
        if worst.may_reach(limit, equity) {
            until_ms = 0;
            for (symbol, result) in self.symbols.iter_mut().zip(results) {
                if share_of(symbol.open_result_usdt - result, equity) >= limit {
                    symbol.paused_until_ms = end_ms;
                }
                until_ms = symbol.paused_until_ms.max(until_ms);
            }
        }
        let losses = self.symbols.iter().zip(results);
        let measure =
            worst.share_of(equity, || losses.map(|(day, result)| day.open_result_usdt - result));
        Reading::until(measure, limit, until_ms, moment.at_ms)
    }

    fn trade_loss(&mut self, moment: &Moment, params: &Params) -> Reading {
        let limit = params.trade_loss_max_frac;
        if limit <= 0.0 {
            self.symbols.iter_mut().for_each(|symbol| symbol.close = false);
            return Reading::default();
        }
        let (equity, results) = (self.day_open_equity_usdt, moment.trade_result_usdt);
        let mut worst = Worst::NONE;
        for (at, (symbol, result)) in self.symbols.iter_mut().zip(results).enumerate() {
            worst.add(at, -result);
            symbol.close = false;
        }
        let mut any = false;
        if worst.may_reach(limit, equity) {
            for (symbol, result) in self.symbols.iter_mut().zip(results) {
                symbol.close = share_of(-result, equity) >= limit;
                any |= symbol.close;
            }
        }
        let measure = worst.share_of(equity, || results.iter().map(|result| -result));
        Reading::until(measure, limit, if any { i64::MAX } else { 0 }, moment.at_ms)
    }

    fn stop_cluster(&mut self, moment: &Moment, params: &Params) -> Reading {
        let since_ms = moment.at_ms - params.stop_cluster_window_ms;
        self.stops_ms.retain(|at_ms| *at_ms > since_ms);
        let limit = f64::from(params.stop_cluster_count);
        let measure = self.stops_ms.len() as f64;
        if limit > 0.0 && measure >= limit {
            self.stops_ms.clear();
            self.cluster_until_ms = moment.at_ms + params.stop_cluster_pause_ms;
        }
        Reading::until(measure, limit, self.cluster_until_ms, moment.at_ms)
    }
}

fn cvar(moment: &Moment, params: &Params, scratch: &mut Vec<f64>) -> Reading {
    let limit = params.cvar_max_frac;
    if limit <= 0.0 {
        return Reading::default();
    }
    let measure = expected_shortfall_day(moment, params.bar_ms, scratch);
    Reading::until(measure, limit, if measure >= limit { i64::MAX } else { 0 }, moment.at_ms)
}

fn verdict(readings: [Reading; GUARDS.len()]) -> Verdict {
    let mut found = Verdict { action: GuardAction::None, by: None, readings };
    for (row, reading) in GUARDS.iter().zip(&readings) {
        let action = match reading.standing {
            Standing::Off | Standing::Clear => GuardAction::None,
            Standing::Fired => row.book_action,
            Standing::Unknown => GuardAction::BlockEntries,
        };
        if strictness(action) > strictness(found.action) {
            (found.action, found.by) = (action, Some(row.guard));
        }
    }
    found
}

/// Rank of an action; more is stricter.
pub fn strictness(action: GuardAction) -> u8 {
    match action {
        GuardAction::None => 0,
        GuardAction::BlockEntries => 1,
        GuardAction::Flatten => 2,
    }
}
