//! From logit to chance: Platt's method on past labels, and how far off the chances were.

use std::collections::VecDeque;

use super::model::sigmoid;

/// Newest labels that calibration looks at.
pub const CALIBRATION_LABELS: usize = 1_024;
/// Steps of Newton's method at most; it needs two or three.
const STEPS_MAX: usize = 50;
/// Equal bins of the calibration error.
const BINS: usize = 10;

/// An entry with its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    /// The model's answer at its bar.
    pub logit: f64,
    /// The calibrated chance at its bar.
    pub chance: f64,
    /// Its label.
    pub paid: bool,
}

/// Slope and offset of the logit, and the labels they were fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// `A`; never negative.
    pub slope: f64,
    /// `C`.
    pub offset: f64,
    /// Newest labels, oldest first.
    pub labels: VecDeque<Labelled>,
}

impl Default for Calibration {
    fn default() -> Self {
        let labels = VecDeque::with_capacity(CALIBRATION_LABELS);
        Self { slope: 1.0, offset: 0.0, labels }
    }
}

impl Calibration {
    /// Calibrated chance of a logit.
    pub fn chance(&self, logit: f64) -> f64 {
        sigmoid(self.slope * logit + self.offset)
    }

    /// Remember a label, and forget the oldest when there are too many.
    pub fn push(&mut self, labelled: Labelled) {
        if self.labels.len() == CALIBRATION_LABELS {
            self.labels.pop_front();
        }
        self.labels.push_back(labelled);
    }

    /// Fit slope and offset to the labels. The loss has one lowest point, so where the search starts
    /// only saves steps; a slope that was held at 0 says nothing about it.
    pub fn fit(&mut self) {
        if self.slope == 0.0 {
            (self.slope, self.offset) = (1.0, 0.0);
        }
        self.descend(true);
        if self.slope < 0.0 {
            (self.slope, self.offset) = (0.0, 0.0);
            self.descend(false);
        }
    }

    /// Newton's method on a strictly convex loss; a step that does not lower it is halved.
    fn descend(&mut self, with_slope: bool) {
        let targets = self.targets();
        let mut loss = self.loss(targets, self.slope, self.offset);
        for _ in 0..STEPS_MAX {
            let (mut by_slope, by_offset) = self.step(targets, with_slope);
            if !with_slope {
                by_slope = 0.0;
            }
            let mut share = 1.0;
            let mut next = self.loss(targets, self.slope - by_slope, self.offset - by_offset);
            while next > loss && share > 1e-6 {
                share *= 0.5;
                let (a, c) = (self.slope - share * by_slope, self.offset - share * by_offset);
                next = self.loss(targets, a, c);
            }
            if next > loss {
                return;
            }
            self.slope -= share * by_slope;
            self.offset -= share * by_offset;
            loss = next;
            if by_slope.abs() + by_offset.abs() < 1e-9 {
                return;
            }
        }
    }

    /// Platt's targets for labels of 0 and of 1.
    fn targets(&self) -> [f64; 2] {
        let ones = self.labels.iter().filter(|label| label.paid).count() as f64;
        let zeros = self.labels.len() as f64 - ones;
        [1.0 / (zeros + 2.0), (ones + 1.0) / (ones + 2.0)]
    }

    fn loss(&self, targets: [f64; 2], slope: f64, offset: f64) -> f64 {
        let terms = self.labels.iter().map(|label| {
            let s = slope * label.logit + offset;
            // ln(1 + e^s) without overflow.
            let softplus = s.max(0.0) + libm::log1p(crate::lanes::exp(-s.abs()));
            softplus - targets[usize::from(label.paid)] * s
        });
        let prior = 0.5 * ((slope - 1.0) * (slope - 1.0) + offset * offset);
        terms.sum::<f64>() + prior
    }

    /// Newton's step in slope and offset.
    fn step(&self, targets: [f64; 2], with_slope: bool) -> (f64, f64) {
        let (mut g_a, mut g_c) = (self.slope - 1.0, self.offset);
        let (mut h_aa, mut h_ac, mut h_cc) = (1.0, 0.0, 1.0);
        for label in &self.labels {
            let chance = sigmoid(self.slope * label.logit + self.offset);
            let miss = chance - targets[usize::from(label.paid)];
            let bend = chance * (1.0 - chance);
            g_a += miss * label.logit;
            g_c += miss;
            h_aa += bend * label.logit * label.logit;
            h_ac += bend * label.logit;
            h_cc += bend;
        }
        if !with_slope {
            return (0.0, g_c / h_cc);
        }
        let det = h_aa * h_cc - h_ac * h_ac;
        ((h_cc * g_a - h_ac * g_c) / det, (h_aa * g_c - h_ac * g_a) / det)
    }
}

/// Calibration error over ten equal bins, and the error that right chances would show by luck.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CalibrationError {
    /// `Σ (n_k/n)·|mean q − mean y|`; 0 without labels.
    pub error: f64,
    /// Its expectation when every `q` is right, by the normal law.
    pub luck: f64,
}

impl CalibrationError {
    /// Measure labelled entries.
    pub fn of<'a>(labels: impl IntoIterator<Item = &'a Labelled>) -> Self {
        let mut miss = [0.0; BINS];
        let mut variance = [0.0; BINS];
        let mut count = 0.0;
        for label in labels {
            let bin = ((label.chance * BINS as f64) as usize).min(BINS - 1);
            miss[bin] += label.chance - f64::from(u8::from(label.paid));
            variance[bin] += label.chance * (1.0 - label.chance);
            count += 1.0;
        }
        if count == 0.0 {
            return Self::default();
        }
        // n_k·|mean q − mean y| is |Σ(q − y)|: the size of a bin cancels. E|N(0, v)| = √(2v/π).
        let error = miss.iter().map(|sum: &f64| sum.abs()).sum::<f64>() / count;
        let lucky = variance.iter().map(|v| (v * std::f64::consts::FRAC_2_PI).sqrt());
        Self { error, luck: lucky.sum::<f64>() / count }
    }

    /// What luck does not explain.
    pub fn excess(&self) -> f64 {
        (self.error - self.luck).max(0.0)
    }
}
