//! The model book: decisions walked over a panel with perfect fills at the close and no costs.
//!
//! It answers "what would the strategy hold?" with the state that a running book would have:
//! hysteresis, tranches and membership depend on what came before. Between rebalances the weights
//! drift with prices. Exits, guards, lots and costs belong to the simulation.

use crate::book::{Bar, BookRow, DecisionState, GuardAction, Targets};
use crate::decide::{Decider, Straight, is_rebalance};
use crate::error::{KernelError, Result};
use crate::features::{Scratch, features_block, strides};
use crate::lanes::{bits_with_value, dispatch};
use crate::meta::Labels;
use crate::panel::Panel;
use crate::params::Params;

/// A book without costs, its state, and what it decided last.
#[derive(Debug)]
pub struct ModelBook {
    /// State after the last decision.
    pub state: DecisionState,
    /// State that the last decision started from.
    pub state_before: DecisionState,
    /// What was decided last.
    pub targets: Targets,
    /// Close of the bar of that decision, UTC milliseconds; `None` before the first.
    pub decided_ms: Option<i64>,
    /// Shares of sizing equity that the last decision found.
    pub weight_before_frac: Vec<f64>,
    /// Shares of sizing equity held now.
    pub weight_now_frac: Vec<f64>,
    /// Bars in a row without data, for each name.
    pub stale_bars: Vec<u32>,
    /// Equity, USDT.
    pub equity_usdt: f64,
    /// The meta-labeller with its labels; `None` when it is off.
    pub labels: Option<Labels>,
    /// Its multipliers at the last decision, `[long, short]`; 1 when it is off.
    pub meta_scale: Vec<[f64; 2]>,
    value_usdt: Vec<f64>,
    mark: Vec<f64>,
    held: Vec<usize>,
    any_stale: bool,
    blank: Blank,
}

/// What a book without exits and guards says of every name.
#[derive(Debug)]
struct Blank {
    hold: Vec<bool>,
    barred_until_ms: Vec<[i64; 2]>,
    barred_by: Vec<[Bar; 2]>,
    rung_cap_frac: Vec<f64>,
    order_usdt_min: Vec<f64>,
}

impl ModelBook {
    /// A flat book of `cash_usdt`.
    pub fn new(symbols: usize, params: &Params, cash_usdt: f64) -> Result<Self> {
        if !(cash_usdt > 0.0 && cash_usdt.is_finite()) {
            let what = format!("is {cash_usdt}, wants a finite amount above 0");
            return Err(KernelError::Argument { name: "cash_usdt", what });
        }
        let state = DecisionState::new(symbols, params.tranches as usize);
        Ok(Self {
            state_before: state.clone(),
            state,
            targets: Targets::new(symbols),
            decided_ms: None,
            weight_before_frac: vec![0.0; symbols],
            weight_now_frac: vec![0.0; symbols],
            stale_bars: vec![0; symbols],
            equity_usdt: cash_usdt,
            labels: Labels::where_enabled(symbols, params),
            meta_scale: vec![[1.0; 2]; symbols],
            value_usdt: vec![0.0; symbols],
            mark: vec![f64::NAN; symbols],
            held: Vec::with_capacity(symbols),
            any_stale: false,
            blank: Blank {
                hold: vec![false; symbols],
                barred_until_ms: vec![[0; 2]; symbols],
                barred_by: vec![[Bar::None; 2]; symbols],
                rung_cap_frac: vec![f64::INFINITY; symbols],
                order_usdt_min: vec![0.0; symbols],
            },
        })
    }

    /// Walk the whole panel; `sink` sees the book after each bar.
    pub fn walk(
        panel: &Panel<'_>,
        params: &Params,
        cash_usdt: f64,
        mut sink: impl FnMut(usize, &Self),
    ) -> Result<Self> {
        let mut book = Self::new(panel.cols, params, cash_usdt)?;
        let mut decider = Decider::new(panel.symbols, panel.listed_ms, panel.delisted_ms, params)?;
        let mut scratch = Scratch::new(params, panel.cols)?;
        for rows in strides(panel.first_bar, 0..panel.rows) {
            features_block(panel, rows.clone(), &mut scratch)?;
            for t in rows {
                book.mark(panel.row(panel.close, t));
                if let Some(labels) = &mut book.labels {
                    labels.observe(&scratch.row(panel.first_bar + t as i64), params);
                }
                if is_rebalance(panel.close_ms(t), params) {
                    let row = scratch.row(panel.first_bar + t as i64);
                    book.decide(&mut decider, &row, params)?;
                }
                sink(t, &book);
            }
        }
        Ok(book)
    }

    /// Share of sizing equity in one USDT of value.
    fn per_usdt(&self, params: &Params) -> f64 {
        let capital = self.equity_usdt * params.capital_frac;
        let bound = if params.capital_usdt_max > 0.0 { params.capital_usdt_max } else { capital };
        1.0 / capital.min(bound)
    }

    /// Let the positions drift to these closes; an absent one leaves its position as it is.
    fn mark(&mut self, close: &[f64]) {
        // All rows of one length, so that an index is asked about its bounds once.
        let names = close.len();
        let (values, marks) = (&mut self.value_usdt[..names], &mut self.mark[..names]);
        let mut equity = self.equity_usdt;
        for &name in &self.held {
            let price = close[name];
            if price.is_nan() {
                continue;
            }
            let value = values[name] * (price / marks[name]);
            equity += value - values[name];
            (values[name], marks[name]) = (value, price);
        }
        self.equity_usdt = equity;
        let absent = dispatch(
            #[inline(always)]
            || close.iter().fold(0, |absent, price| absent | u64::from(price.is_nan())) != 0,
        );
        if absent || self.any_stale {
            for (stale, price) in self.stale_bars.iter_mut().zip(close) {
                *stale = if price.is_nan() { stale.saturating_add(1) } else { 0 };
            }
        }
        self.any_stale = absent;
    }

    fn decide(
        &mut self,
        decider: &mut Decider,
        row: &crate::row::FeatureRow<'_>,
        params: &Params,
    ) -> Result<()> {
        let share = self.per_usdt(params);
        for &name in &self.held {
            self.weight_now_frac[name] = self.value_usdt[name] * share;
        }
        self.weight_before_frac.copy_from_slice(&self.weight_now_frac);
        self.state_before.clone_from(&self.state);
        if let Some(labels) = &mut self.labels {
            labels.estimate(row, params, &mut self.meta_scale);
        }
        let book = BookRow {
            close_ms: row.close_ms,
            equity_usdt: self.equity_usdt,
            unit_value: 1.0,
            unit_value_peak: 1.0,
            guard: GuardAction::None,
            weight_now_frac: &self.weight_before_frac,
            stale_bars: &self.stale_bars,
            quiet: true,
            hold: &self.blank.hold,
            barred_until_ms: &self.blank.barred_until_ms,
            barred_by: &self.blank.barred_by,
            rung_cap_frac: &self.blank.rung_cap_frac,
            meta_scale: &self.meta_scale,
            order_usdt_min: &self.blank.order_usdt_min,
        };
        match decider.choose_straight(None, row, params) {
            Straight::Fits => {
                // Nothing has cut the newest tranche, which is all of the book.
                decider.write_straight(&self.weight_before_frac, &mut self.targets);
                self.state.tranche_weight.copy_from_slice(&self.targets.weight_frac);
            }
            Straight::Over => {
                decider.cut_straight(row, &book, &mut self.state, params, &mut self.targets);
            }
            Straight::No => {
                decider.decide(row, &book, &mut self.state, params, &mut self.targets)?;
            }
        }
        if let Some(labels) = &mut self.labels {
            labels.enter(row, &self.targets, params);
        }
        self.decided_ms = Some(row.close_ms);
        self.take_over(row.close, share);
        Ok(())
    }

    /// Perfect fills: what was decided is held.
    fn take_over(&mut self, close: &[f64], share: f64) {
        self.weight_now_frac.copy_from_slice(&self.targets.weight_frac);
        // All rows of one length, so that an index is asked about its bounds once.
        let names = close.len();
        let (weights, values) = (&self.weight_now_frac[..names], &mut self.value_usdt[..names]);
        let marks = &mut self.mark[..names];
        for &name in &self.held {
            values[name] = 0.0;
        }
        self.held.clear();
        // In the order of names, which is that of sums over what is held.
        for (first, part) in (0..).step_by(64).zip(weights.chunks(64)) {
            let mut left = dispatch(
                #[inline(always)]
                || bits_with_value(part),
            );
            while left != 0 {
                let name = first + left.trailing_zeros() as usize;
                left &= left - 1;
                values[name] = weights[name] / share;
                marks[name] = if close[name].is_nan() { marks[name] } else { close[name] };
                self.held.push(name);
            }
        }
    }
}

/// Weights held after each bar, `rows x cols`, written into `out`.
pub fn weights_into(
    panel: &Panel<'_>,
    params: &Params,
    cash_usdt: f64,
    out: &mut [f64],
) -> Result<ModelBook> {
    if out.len() != panel.rows * panel.cols {
        let found = format!("{} cells", out.len());
        let expected = format!("{} x {} cells", panel.rows, panel.cols);
        return Err(KernelError::Shape { field: "out", found, expected });
    }
    ModelBook::walk(panel, params, cash_usdt, |t, book| {
        let row = &mut out[t * panel.cols..(t + 1) * panel.cols];
        if book.decided_ms == Some(panel.close_ms(t)) {
            row.copy_from_slice(&book.weight_now_frac);
        } else {
            row.fill(0.0);
            let share = book.per_usdt(params);
            for &name in &book.held {
                row[name] = book.value_usdt[name] * share;
            }
        }
    })
}
