//! Performance and overfitting measures on plain arrays.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use xsmom_kernel::KernelError;
use xsmom_kernel::bootstrap;
use xsmom_kernel::metrics::{self as kernel, Metrics};
use xsmom_kernel::overfit::{self, Track};

use crate::arrays::slice1;
use crate::enter::{enter, raise};

/// The returns, refused when empty or not finite.
fn read<'a>(returns: &'a PyReadonlyArray1<'_, f64>) -> PyResult<&'a [f64]> {
    let values = slice1("returns", returns)?;
    let what = if values.is_empty() {
        "are empty; at least one return is needed".to_owned()
    } else if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        format!("hold {} at place {at}, want finite numbers", values[at])
    } else {
        return Ok(values);
    };
    Err(raise(&KernelError::Argument { name: "returns", what }))
}

/// All performance figures of a series of simple returns, `periods` of them a year.
#[pyfunction]
pub(crate) fn metrics<'py>(
    py: Python<'py>,
    returns: PyReadonlyArray1<'py, f64>,
    periods: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let values = read(&returns)?;
    let found = enter(py, || Ok(kernel::metrics(values, periods)))?;
    let dict = PyDict::new(py);
    dict.set_item("n", found.n)?;
    for (name, value) in figures(&found) {
        dict.set_item(name, value)?;
    }
    dict.set_item("drawdown_peak", found.drawdown_peak)?;
    dict.set_item("drawdown_trough", found.drawdown_trough)?;
    dict.set_item("underwater_max", found.underwater_max)?;
    dict.set_item("bankrupt", found.bankrupt)?;
    Ok(dict)
}

fn figures(found: &Metrics) -> [(&'static str, f64); 20] {
    [
        ("mean", found.mean),
        ("std", found.std),
        ("sharpe", found.sharpe),
        ("sortino", found.sortino),
        ("volatility_ann", found.volatility_ann),
        ("downside_ann", found.downside_ann),
        ("total_return", found.total_return),
        ("cagr", found.cagr),
        ("max_drawdown", found.max_drawdown),
        ("calmar", found.calmar),
        ("ulcer", found.ulcer),
        ("var95", found.var95),
        ("cvar95", found.cvar95),
        ("skew", found.skew),
        ("kurtosis", found.kurtosis),
        ("hit_rate", found.hit_rate),
        ("profit_factor", found.profit_factor),
        ("mean_win", found.mean_win),
        ("mean_loss", found.mean_loss),
        ("tail_ratio", found.tail_ratio),
    ]
}

/// Sharpe ratio per period with the long-run variance (Bartlett weights, `lags` lags).
#[pyfunction]
pub(crate) fn hac_sharpe(returns: PyReadonlyArray1<'_, f64>, lags: usize) -> PyResult<f64> {
    Ok(kernel::hac_sharpe(read(&returns)?, lags))
}

/// Newey-West t statistic of the mean.
#[pyfunction]
pub(crate) fn newey_west_t(returns: PyReadonlyArray1<'_, f64>, lags: usize) -> PyResult<f64> {
    Ok(kernel::newey_west_t(read(&returns)?, lags))
}

/// Lags by the rule of thumb `floor(4·(n/100)^(2/9))`.
#[pyfunction]
pub(crate) fn automatic_lags(n: usize) -> usize {
    kernel::automatic_lags(n)
}

/// Probability that the true Sharpe ratio per period is above `benchmark`: the 2012 and the 2025 form.
#[pyfunction]
#[pyo3(signature = (sharpe, n, skew, kurtosis, *, benchmark=0.0, rho=0.0))]
pub(crate) fn psr(
    sharpe: f64,
    n: f64,
    skew: f64,
    kurtosis: f64,
    benchmark: f64,
    rho: f64,
) -> (f64, f64) {
    let track = Track { sharpe, n, skew, kurtosis };
    (track.psr_2012(benchmark), track.psr_2025(benchmark, rho))
}

/// Observations needed before the 2012 form reaches `confidence`.
#[pyfunction]
#[pyo3(signature = (sharpe, skew, kurtosis, *, benchmark=0.0, confidence=0.95))]
pub(crate) fn min_track_record(
    sharpe: f64,
    skew: f64,
    kurtosis: f64,
    benchmark: f64,
    confidence: f64,
) -> f64 {
    Track { sharpe, n: f64::NAN, skew, kurtosis }.min_track_record(benchmark, confidence)
}

/// Expected maximum of `trials` independent standard normals.
#[pyfunction]
pub(crate) fn expected_max(trials: f64) -> f64 {
    overfit::expected_max(trials)
}

/// Sharpe ratio per period of each draw of the stationary bootstrap; `fresh` is the chance that a stretch ends.
#[pyfunction]
pub(crate) fn sharpe_draws<'py>(
    py: Python<'py>,
    returns: PyReadonlyArray1<'py, f64>,
    fresh: f64,
    draws: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let values = slice1("returns", &returns)?;
    let found = enter(py, || Ok(bootstrap::sharpe_draws(values, fresh, draws, seed)))?;
    Ok(found.into_pyarray(py))
}
