//! How much of a Sharpe ratio is luck: PSR in both published forms, minimum track record, the best of
//! many trials. Everything is per period; `g3` is skewness, `g4` kurtosis with 3 for a normal.
//!
//! ```text
//! PSR 2012 (Bailey, López de Prado)      Φ((s − b)·√(T − 1) / √(1 − g3·s + (g4 − 1)/4·s²))
//! PSR 2025 (López de Prado et al.)       variance at the null b, over T, for AR(1) with ρ:
//!     V = (A − B·g3·b + C·(g4 − 1)/4·b²)/T,  A = 1 + 2ρ/(1−ρ),
//!     B = 1 + ρ/(1−ρ) + ρ²/(1−ρ²),           C = 1 + 2ρ²/(1−ρ²)
//! MinTRL                                 1 + (1 − g3·s + (g4 − 1)/4·s²)·(z/(s − b))²
//! E[max of N]                            √V·((1 − γ)·z(1 − 1/N) + γ·z(1 − 1/(N·e)))
//! DSR                                    PSR with b = E[max of N]
//! ```
//! The two PSR forms are different statistics; a gate takes the smaller.

use std::f64::consts::{E, FRAC_1_SQRT_2};

/// Euler-Mascheroni constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// Shape of the returns behind a Sharpe ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Sharpe ratio per period.
    pub sharpe: f64,
    /// Number of returns.
    pub n: f64,
    /// Skewness.
    pub skew: f64,
    /// Kurtosis, 3 for a normal.
    pub kurtosis: f64,
}

impl Track {
    /// `1 − g3·s + (g4 − 1)/4·s²`, NaN where moments and Sharpe ratio contradict each other.
    fn shape(&self) -> f64 {
        let s = self.sharpe;
        let shape = 1.0 - self.skew * s + (self.kurtosis - 1.0) / 4.0 * s * s;
        if shape > 0.0 { shape } else { f64::NAN }
    }

    /// Standard error of the Sharpe ratio, 2012 form.
    pub fn standard_error(&self) -> f64 {
        (self.shape() / (self.n - 1.0)).sqrt()
    }

    /// Probability that the true Sharpe ratio is above `benchmark`, 2012 form.
    pub fn psr_2012(&self, benchmark: f64) -> f64 {
        normal_cdf((self.sharpe - benchmark) / self.standard_error())
    }

    /// The same with the variance at the null, for returns with autocorrelation `rho` at lag 1.
    pub fn psr_2025(&self, benchmark: f64, rho: f64) -> f64 {
        let (once, twice) = (rho / (1.0 - rho), rho * rho / (1.0 - rho * rho));
        let linear = (1.0 + once + twice) * self.skew * benchmark;
        let square = (1.0 + 2.0 * twice) * (self.kurtosis - 1.0) / 4.0 * benchmark * benchmark;
        let variance = (1.0 + 2.0 * once - linear + square) / self.n;
        normal_cdf((self.sharpe - benchmark) / variance.sqrt())
    }

    /// Observations needed before PSR (2012) reaches `confidence`; infinite at or below the benchmark.
    pub fn min_track_record(&self, benchmark: f64, confidence: f64) -> f64 {
        if self.sharpe <= benchmark {
            return f64::INFINITY;
        }
        let z = normal_quantile(confidence) / (self.sharpe - benchmark);
        1.0 + self.shape() * z * z
    }

    /// Deflated Sharpe ratio: PSR (2012) against the best of `trials` lucky ones.
    pub fn dsr(&self, trial_variance: f64, trials: f64) -> f64 {
        self.psr_2012(trial_variance.sqrt() * expected_max(trials))
    }
}

/// Expected maximum of `trials` independent standard normals (approximation of the paper).
pub fn expected_max(trials: f64) -> f64 {
    if trials <= 1.0 {
        return 0.0;
    }
    (1.0 - GAMMA) * normal_quantile(1.0 - 1.0 / trials)
        + GAMMA * normal_quantile(1.0 - 1.0 / (trials * E))
}

/// Normal distribution function.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Normal quantile: a rational start (Hastings) polished by Newton steps on the exact distribution.
pub fn normal_quantile(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return if p == 0.0 {
            f64::NEG_INFINITY
        } else if p == 1.0 {
            f64::INFINITY
        } else {
            f64::NAN
        };
    }
    let tail = p.min(1.0 - p);
    let t = (-2.0 * libm::log(tail)).sqrt();
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let bottom = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut x = top / bottom - t;
    for _ in 0..4 {
        // x is on the lower side, where the distribution function keeps its digits.
        let density = libm::exp(-0.5 * x * x) / (2.0 * std::f64::consts::PI).sqrt();
        let step = (normal_cdf(x) - tail) / density;
        x -= step / (1.0 + 0.5 * x * step);
    }
    if p < 0.5 { x } else { -x }
}
