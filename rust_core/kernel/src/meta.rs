//! Do entries like this pay? docs/explanation/meta-labeller.md, step by step.
//!
//! ```text
//! logit = Σ w·x̂ + b          x̂ = (x − mean)/√var, learned before it is used
//! w −= rate·((p − y)·x̂ + l2·w),   b −= intercept_rate·(p − y)        at the label, h bars later
//! q = 1/(1 + e^−(A·logit + C))                                       Platt, on past labels
//! scale = clip(q/q₀, min, max) while promoted, else 1
//! ```

use std::collections::VecDeque;

use crate::book::Side;
use crate::params::Params;

mod calibrate;
mod features;
mod labels;
mod model;
mod trial;

pub use calibrate::{CALIBRATION_LABELS, Calibration, CalibrationError, Labelled};
pub use features::{FEATURES, MetaRow};
pub use labels::{Labels, LabelsReport};
pub use model::{Logistic, Rates, Scaler, sigmoid};
pub use trial::{BLOCKS_MAX, BLOCKS_MIN, Trial, diebold_mariano};

/// What the model says of an entry, as it was known at its bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Standardised features.
    pub x: [f64; FEATURES],
    /// The model's answer before calibration.
    pub logit: f64,
    /// Calibrated chance that the entry pays.
    pub chance: f64,
    /// Share of all entries that paid.
    pub base_rate: f64,
    /// Multiplier of size.
    pub scale: f64,
}

/// An entry that waits for its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pending {
    /// Bar of its label.
    pub due_bar: i64,
    /// Index of the symbol.
    pub symbol: usize,
    /// Side taken.
    pub side: Side,
    /// Price at its bar.
    pub price: f64,
    /// What was said of it.
    pub estimate: Estimate,
}

/// The learner with all that it remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct MetaLabeller {
    /// Standardisation of the features.
    pub scaler: Scaler<FEATURES>,
    /// The model.
    pub model: Logistic<FEATURES>,
    /// Entries without a label yet, oldest first.
    pub pending: VecDeque<Pending>,
    /// Most of them.
    pub pending_max: usize,
    /// From logit to chance.
    pub calibration: Calibration,
    /// Model against base rate.
    pub trial: Trial,
    /// Labels so far.
    pub labels: u64,
    /// Labels of 1 so far.
    pub labels_paid: u64,
    /// Entries that never got a label: no bar there, or no room.
    pub lost: u64,
}

impl MetaLabeller {
    /// It has seen nothing.
    pub fn new(symbols: usize, params: &Params) -> Self {
        let pending_max = symbols * (params.meta_horizon_bars as usize + 1);
        Self {
            scaler: Scaler::default(),
            model: Logistic::default(),
            pending: VecDeque::with_capacity(pending_max),
            pending_max,
            calibration: Calibration::default(),
            trial: Trial::default(),
            labels: 0,
            labels_paid: 0,
            lost: 0,
        }
    }

    /// A bar has closed: give the entries that are due their labels, and learn them.
    pub fn observe(&mut self, bar_number: i64, close: &[f64], params: &Params) {
        let block_bars = 2 * i64::from(params.meta_horizon_bars.max(1));
        if self.trial.enter_block(bar_number.div_euclid(block_bars)) {
            self.calibration.fit();
            let error = CalibrationError::of(&self.calibration.labels);
            let enough = self.labels >= u64::from(params.meta_labels_min);
            self.trial.judge(error.excess(), enough);
        }
        while let Some(entry) = self.pending.front().filter(|entry| entry.due_bar <= bar_number) {
            let price = if entry.due_bar == bar_number { close[entry.symbol] } else { f64::NAN };
            let moved = entry.side.sign() * (price - entry.price);
            let estimate = entry.estimate;
            self.pending.pop_front();
            if moved.is_nan() {
                self.lost += 1;
            } else {
                self.learn(&estimate, moved > 0.0, params);
            }
        }
    }

    fn learn(&mut self, estimate: &Estimate, paid: bool, params: &Params) {
        let rates = Rates {
            weights: params.meta_rate,
            intercept: params.meta_intercept_rate,
            l2: params.meta_l2,
        };
        self.model.learn(&estimate.x, paid, &rates);
        self.trial.score(estimate.chance, estimate.base_rate, paid);
        self.calibration.push(Labelled { logit: estimate.logit, chance: estimate.chance, paid });
        self.labels += 1;
        self.labels_paid += u64::from(paid);
    }

    /// What it says of an entry with these features.
    pub fn estimate(&self, features: &[f64; FEATURES], params: &Params) -> Estimate {
        let mut scaler = self.scaler;
        scaler.learn(features);
        let x = scaler.transform(features);
        let logit = self.model.logit(&x);
        let chance = self.calibration.chance(logit);
        let base_rate = (self.labels_paid as f64 + 1.0) / (self.labels as f64 + 2.0);
        let scale = if self.trial.promoted {
            (chance / base_rate).clamp(params.meta_scale_min, params.meta_scale_max)
        } else {
            1.0
        };
        Estimate { x, logit, chance, base_rate, scale }
    }

    /// An entry was made on what `estimate` said of `features`; its label comes later.
    pub fn enter(
        &mut self,
        bar_number: i64,
        symbol: usize,
        side: Side,
        price: f64,
        features: &[f64; FEATURES],
        estimate: &Estimate,
        params: &Params,
    ) {
        self.scaler.learn(features);
        if self.pending.len() == self.pending_max {
            self.lost += 1;
            return;
        }
        let due_bar = bar_number + i64::from(params.meta_horizon_bars.max(1));
        self.pending.push_back(Pending { due_bar, symbol, side, price, estimate: *estimate });
    }
}
