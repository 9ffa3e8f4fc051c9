//! Performance of a series of simple returns per period, with the conventions written out.
//!
//! ```text
//! Sharpe   = mean/std(ddof 1)·√P                 P periods a year, risk-free rate 0
//! Sortino  = mean·√P / √(mean(min(r,0)²))        over all observations
//! drawdown = E/max(E so far) − 1                 equity E starts at 1, before the first return
//! CAGR     = (E_n)^(P/n) − 1                     Calmar = CAGR/|max drawdown|
//! Ulcer    = √(mean(drawdown²))
//! VaR      = 5 % quantile of returns (linear)    CVaR: Rockafellar-Uryasev, fractional last one
//! ```
//!
//! A spread within rounding of zero is zero: its Sharpe is not defined (NaN), never 10¹⁵. Equity at or
//! below zero ends the run: later returns do not count, and the total is −1.

/// Sums and ratios of one return series. Undefined figures are NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// Number of returns.
    pub n: usize,
    /// Mean return.
    pub mean: f64,
    /// Standard deviation, ddof 1.
    pub std: f64,
    /// Annualised Sharpe ratio.
    pub sharpe: f64,
    /// Annualised Sortino ratio.
    pub sortino: f64,
    /// Annualised volatility.
    pub volatility_ann: f64,
    /// Annualised downside deviation.
    pub downside_ann: f64,
    /// Compounded return.
    pub total_return: f64,
    /// Compound annual growth.
    pub cagr: f64,
    /// Deepest drawdown; 0 or negative.
    pub max_drawdown: f64,
    /// Where that drawdown began: index into the equity curve of n + 1 points.
    pub drawdown_peak: usize,
    /// Where it was deepest.
    pub drawdown_trough: usize,
    /// Longest time below an earlier high, periods.
    pub underwater_max: usize,
    /// CAGR over the deepest drawdown.
    pub calmar: f64,
    /// Root mean square of drawdown.
    pub ulcer: f64,
    /// 5 % quantile of returns.
    pub var95: f64,
    /// Mean of the worst 5 % of returns.
    pub cvar95: f64,
    /// Skewness, biased.
    pub skew: f64,
    /// Kurtosis, biased, 3 for a normal.
    pub kurtosis: f64,
    /// Share of returns above 0.
    pub hit_rate: f64,
    /// Gains over losses.
    pub profit_factor: f64,
    /// Mean of the returns above 0.
    pub mean_win: f64,
    /// Mean of the returns below 0.
    pub mean_loss: f64,
    /// 95 % quantile over the size of the 5 % quantile.
    pub tail_ratio: f64,
    /// Equity fell to zero or below.
    pub bankrupt: bool,
}

/// All metrics of `returns` at `periods` a year.
pub fn metrics(returns: &[f64], periods: f64) -> Metrics {
    let moments = Moments::of(returns);
    let path = Path::of(returns);
    let downside = (mean_of(returns.iter().map(|r| r.min(0.0) * r.min(0.0)))).sqrt();
    let (gain, wins) = part(returns, |r| r > 0.0);
    let (loss, losses) = part(returns, |r| r < 0.0);
    let mut sorted = returns.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cagr = if path.equity <= 0.0 {
        -1.0
    } else {
        libm::pow(path.equity, periods / returns.len() as f64) - 1.0
    };
    let var95 = quantile(&sorted, 0.05);
    Metrics {
        n: returns.len(),
        mean: moments.mean,
        std: moments.std,
        sharpe: moments.mean / moments.spread() * periods.sqrt(),
        sortino: moments.mean / positive(downside) * periods.sqrt(),
        volatility_ann: moments.std * periods.sqrt(),
        downside_ann: downside * periods.sqrt(),
        total_return: path.equity - 1.0,
        cagr,
        max_drawdown: path.max_drawdown,
        drawdown_peak: path.peak,
        drawdown_trough: path.trough,
        underwater_max: path.underwater_max,
        calmar: cagr / positive(-path.max_drawdown),
        ulcer: path.ulcer,
        var95,
        cvar95: expected_shortfall(&sorted, 0.05),
        skew: moments.skew,
        kurtosis: moments.kurtosis,
        hit_rate: wins as f64 / returns.len() as f64,
        profit_factor: gain / positive(-loss),
        mean_win: gain / wins as f64,
        mean_loss: loss / losses as f64,
        tail_ratio: quantile(&sorted, 0.95).abs() / positive(var95.abs()),
        bankrupt: path.equity <= 0.0,
    }
}

/// Mean, spread and shape of a series; two passes, so a large mean costs no digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation, ddof 1.
    pub std: f64,
    /// Skewness, biased.
    pub skew: f64,
    /// Kurtosis, biased, 3 for a normal.
    pub kurtosis: f64,
}

impl Moments {
    /// Moments of a series.
    pub fn of(x: &[f64]) -> Self {
        let n = x.len() as f64;
        let mean = mean_of(x.iter().copied());
        let (mut m2, mut m3, mut m4) = (0.0, 0.0, 0.0);
        for value in x {
            let d = value - mean;
            m2 += d * d;
            m3 += d * d * d;
            m4 += d * d * d * d;
        }
        let std = (m2 / (n - 1.0)).sqrt();
        let variance = m2 / n;
        let flat = is_flat(std, mean);
        let shape = |value: f64| if flat { f64::NAN } else { value };
        Self {
            mean,
            std: if flat { 0.0 } else { std },
            skew: shape(m3 / n / (variance * variance.sqrt())),
            kurtosis: shape(m4 / n / (variance * variance)),
        }
    }

    /// The standard deviation, or NaN where it is zero: a ratio over it is not defined.
    pub fn spread(&self) -> f64 {
        positive(self.std)
    }
}

/// A spread that is nothing but rounding of the mean.
pub(crate) fn is_flat(std: f64, mean: f64) -> bool {
    std <= 1e-14 * mean.abs()
}

fn positive(value: f64) -> f64 {
    if value > 0.0 { value } else { f64::NAN }
}

fn mean_of(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

fn part(returns: &[f64], keep: impl Fn(f64) -> bool) -> (f64, usize) {
    let kept = returns.iter().copied().filter(|r| keep(*r));
    kept.fold((0.0, 0), |(sum, count), r| (sum + r, count + 1))
}

/// Linear quantile (type 7) of sorted values.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Mean of the worst share `alpha` of sorted returns; the last one counts by its fraction.
pub fn expected_shortfall(sorted: &[f64], alpha: f64) -> f64 {
    let weight = alpha * sorted.len() as f64;
    // The nudge takes back the rounding of alpha·n where it should be whole.
    let whole = ((weight + 1e-9).floor() as usize).min(sorted.len());
    let mut sum: f64 = sorted[..whole].iter().sum();
    let rest = weight - whole as f64;
    if rest > 1e-9 && whole < sorted.len() {
        sum += rest * sorted[whole];
    }
    sum / positive(weight)
}

struct Path {
    equity: f64,
    max_drawdown: f64,
    peak: usize,
    trough: usize,
    underwater_max: usize,
    ulcer: f64,
}

impl Path {
    fn of(returns: &[f64]) -> Self {
        let mut path = Self {
            equity: 1.0,
            max_drawdown: 0.0,
            peak: 0,
            trough: 0,
            underwater_max: 0,
            ulcer: 0.0,
        };
        let (mut high, mut high_at, mut squares) = (1.0, 0, 0.0);
        for (i, r) in returns.iter().enumerate() {
            // A levered book can lose more than it has; what is gone stays gone.
            path.equity = (path.equity * (1.0 + r)).max(0.0);
            if path.equity >= high {
                (high, high_at) = (path.equity, i + 1);
            }
            path.underwater_max = path.underwater_max.max(i + 1 - high_at);
            let drawdown = path.equity / high - 1.0;
            squares += drawdown * drawdown;
            if drawdown < path.max_drawdown {
                path.max_drawdown = drawdown;
                (path.peak, path.trough) = (high_at, i + 1);
            }
        }
        path.ulcer = (squares / returns.len() as f64).sqrt();
        path
    }
}

/// Long-run variance of the mean's numerator (Bartlett weights, autocovariances over n).
pub fn long_run_variance(x: &[f64], lags: usize) -> f64 {
    let mean = mean_of(x.iter().copied());
    let covariance = |lag: usize| {
        let products = x[lag..].iter().zip(x).map(|(a, b)| (a - mean) * (b - mean));
        products.sum::<f64>() / x.len() as f64
    };
    let weighted = |lag: usize| (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag);
    covariance(0) + 2.0 * (1..=lags.min(x.len().saturating_sub(1))).map(weighted).sum::<f64>()
}

/// Lags by the rule of thumb `floor(4·(n/100)^(2/9))`.
pub fn automatic_lags(n: usize) -> usize {
    (4.0 * libm::pow(n as f64 / 100.0, 2.0 / 9.0)).floor() as usize
}

/// Newey-West t statistic of the mean.
pub fn newey_west_t(x: &[f64], lags: usize) -> f64 {
    let mean = mean_of(x.iter().copied());
    mean / positive((long_run_variance(x, lags) / x.len() as f64).sqrt())
}

/// Sharpe ratio per period with the long-run variance in place of the plain one.
pub fn hac_sharpe(x: &[f64], lags: usize) -> f64 {
    mean_of(x.iter().copied()) / positive(long_run_variance(x, lags).sqrt())
}

/// Lo's factor that turns a Sharpe ratio per period into one per `q` periods, given autocorrelations
/// from lag 1 on (0 beyond the list).
pub fn lo_factor(q: usize, autocorrelations: &[f64]) -> f64 {
    let tail = autocorrelations.iter().take(q.saturating_sub(1)).enumerate();
    let sum: f64 = tail.map(|(i, rho)| (q - i - 1) as f64 * rho).sum();
    let q = q as f64;
    q / positive((q + 2.0 * sum).sqrt())
}
