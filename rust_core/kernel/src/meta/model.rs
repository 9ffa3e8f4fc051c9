//! Logistic regression and standardisation that learn one sample at a time, as River defines them.

use crate::lanes;

/// Bound of a gradient.
const GRADIENT_MAX: f64 = 1e12;

/// `1/(1 + e^−x)`.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + lanes::exp(-x))
}

/// Rates of one learning step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Of the weights.
    pub weights: f64,
    /// Of the intercept.
    pub intercept: f64,
    /// Ridge penalty of the weights; the intercept has none.
    pub l2: f64,
}

/// The model: all zero at the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logistic<const N: usize> {
    /// One a feature.
    pub weights: [f64; N],
    /// Added to every answer.
    pub intercept: f64,
}

impl<const N: usize> Default for Logistic<N> {
    fn default() -> Self {
        Self { weights: [0.0; N], intercept: 0.0 }
    }
}

impl<const N: usize> Logistic<N> {
    /// `Σ w·x + b`.
    pub fn logit(&self, x: &[f64; N]) -> f64 {
        let terms = self.weights.iter().zip(x).map(|(weight, value)| weight * value);
        terms.sum::<f64>() + self.intercept
    }

    /// One step down the gradient of the log-loss.
    pub fn learn(&mut self, x: &[f64; N], paid: bool, rates: &Rates) {
        let logit = self.logit(x);
        // p − y, written so that neither tail cancels.
        let gradient = if paid { -sigmoid(-logit) } else { sigmoid(logit) };
        let gradient = gradient.clamp(-GRADIENT_MAX, GRADIENT_MAX);
        self.intercept -= rates.intercept * gradient;
        for (weight, value) in self.weights.iter_mut().zip(x) {
            *weight -= rates.weights * (gradient * value + rates.l2 * *weight);
        }
    }
}

/// Running mean and population variance of each feature; NaN is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaler<const N: usize> {
    /// Values seen.
    pub count: [f64; N],
    /// Their mean.
    pub mean: [f64; N],
    /// Their summed squared distance from it.
    pub sum_sq: [f64; N],
}

impl<const N: usize> Default for Scaler<N> {
    fn default() -> Self {
        Self { count: [0.0; N], mean: [0.0; N], sum_sq: [0.0; N] }
    }
}

impl<const N: usize> Scaler<N> {
    /// Take in one sample.
    pub fn learn(&mut self, x: &[f64; N]) {
        for j in 0..N {
            if x[j].is_nan() {
                continue;
            }
            self.count[j] += 1.0;
            let before = x[j] - self.mean[j];
            self.mean[j] += before / self.count[j];
            self.sum_sq[j] += before * (x[j] - self.mean[j]);
        }
    }

    /// Standardise a sample; 0 where nothing is known or nothing has varied.
    pub fn transform(&self, x: &[f64; N]) -> [f64; N] {
        let mut out = [0.0; N];
        for j in 0..N {
            if !x[j].is_nan() && self.sum_sq[j] > 0.0 {
                out[j] = (x[j] - self.mean[j]) / (self.sum_sq[j] / self.count[j]).sqrt();
            }
        }
        out
    }
}
