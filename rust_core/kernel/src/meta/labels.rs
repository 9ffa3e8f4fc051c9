//! The meta-labeller beside a running book: labels first, then estimates, then entries, at every bar
//! in that order. Backtest, model book and live call these three and nothing else.

use super::features::{FEATURES, MetaRow};
use super::{Estimate, MetaLabeller};
use crate::book::{Side, Targets};
use crate::params::Params;
use crate::reason::Reason;
use crate::row::FeatureRow;

/// A learner, and what it must remember of the book to know an entry when it sees one.
#[derive(Debug, Clone)]
pub struct Labels {
    /// The learner.
    pub learner: MetaLabeller,
    /// Side on which the last decision put each name.
    pub side: Vec<Option<Side>>,
    /// Bars observed while the model was promoted.
    pub bars_promoted: u64,
    /// Bars observed.
    pub bars: u64,
    row: MetaRow,
    features: Vec<[[f64; FEATURES]; 2]>,
    estimates: Vec<[Option<Estimate>; 2]>,
}

/// What became of the learner, for whoever reads a result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelsReport {
    /// It changes sizes now.
    pub promoted: bool,
    /// Bars at which it did.
    pub bars_promoted: u64,
    /// Bars it has seen.
    pub bars: u64,
    /// Entries with a label.
    pub labels: u64,
    /// Share of them that paid; NaN without labels.
    pub base_rate: f64,
    /// Entries that never got one.
    pub lost: u64,
    /// Entries that wait for theirs.
    pub pending: u64,
    /// Blocks that were tested.
    pub blocks: u64,
    /// Mean gain of a block over the base rate, in nats, predicted before each label; NaN without.
    pub gain_nats: f64,
    /// Statistic of that gain.
    pub statistic: f64,
    /// Calibration error beyond luck.
    pub calibration_excess: f64,
}

impl Labels {
    /// It has seen nothing of these symbols.
    pub fn new(symbols: usize, params: &Params) -> Self {
        Self::of(MetaLabeller::new(symbols, params), vec![None; symbols], 0, 0)
    }

    /// As it was stored.
    pub fn of(
        learner: MetaLabeller,
        side: Vec<Option<Side>>,
        bars_promoted: u64,
        bars: u64,
    ) -> Self {
        let symbols = side.len();
        Self {
            learner,
            side,
            bars_promoted,
            bars,
            row: MetaRow::new(symbols),
            features: vec![[[f64::NAN; FEATURES]; 2]; symbols],
            estimates: vec![[None; 2]; symbols],
        }
    }

    /// One where the parameters ask for it.
    pub fn where_enabled(symbols: usize, params: &Params) -> Option<Self> {
        params.meta_enabled.then(|| Self::new(symbols, params))
    }

    /// A bar has closed: labels that are due. To be called at every bar, also where nothing is decided.
    pub fn observe(&mut self, row: &FeatureRow, params: &Params) {
        self.learner.observe(row.close_ms.div_euclid(params.bar_ms), row.close, params);
        self.bars += 1;
        self.bars_promoted += u64::from(self.learner.trial.promoted);
    }

    /// Multipliers of all names and sides, before a decision.
    pub fn estimate(&mut self, row: &FeatureRow, params: &Params, scale: &mut [[f64; 2]]) {
        self.row.prepare(row);
        for i in 0..self.side.len() {
            for side in Side::BOTH {
                let at = side as usize;
                self.features[i][at] = self.row.features_of(row, i, side);
                let found = self.learner.estimate(&self.features[i][at], params);
                scale[i][at] = found.scale;
                self.estimates[i][at] = Some(found);
            }
        }
    }

    /// A decision has been taken on those estimates: note its entries.
    pub fn enter(&mut self, row: &FeatureRow, targets: &Targets, params: &Params) {
        let bar_number = row.close_ms.div_euclid(params.bar_ms);
        for (i, weight) in targets.weight_frac.iter().enumerate() {
            let before = std::mem::replace(&mut self.side[i], Side::of(*weight));
            let Some(side) = self.side[i].filter(|side| before != Some(*side)) else { continue };
            // What is frozen is held as it is: nobody wanted to enter it now.
            if matches!(targets.reason[i], Reason::Stale | Reason::OperatorHold) {
                continue;
            }
            let at = side as usize;
            if let Some(estimate) = self.estimates[i][at] {
                let (price, features) = (row.close[i], &self.features[i][at]);
                self.learner.enter(bar_number, i, side, price, features, &estimate, params);
            }
        }
    }

    /// What became of it.
    pub fn report(&self) -> LabelsReport {
        let MetaLabeller { trial, labels, labels_paid, lost, pending, .. } = &self.learner;
        let blocks = trial.gains.len();
        LabelsReport {
            promoted: trial.promoted,
            bars_promoted: self.bars_promoted,
            bars: self.bars,
            labels: *labels,
            base_rate: *labels_paid as f64 / *labels as f64,
            lost: *lost,
            pending: pending.len() as u64,
            blocks: blocks as u64,
            gain_nats: trial.gains.iter().sum::<f64>() / blocks as f64,
            statistic: trial.statistic,
            calibration_excess: trial.calibration_excess,
        }
    }
}
