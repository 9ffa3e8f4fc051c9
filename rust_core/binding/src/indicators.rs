//! Public indicators on bars by symbols; each is one call of the kernel's function of the same name.
//!
//! The result is an array of NumPy's own making, which the kernel writes once: NumPy asks the system
//! for large pages, and touching fresh small ones costs more than most of these indicators.

use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use xsmom_kernel::indicators::{self as kernel, Bars};
use xsmom_kernel::{KernelError, Result};

use crate::arrays::slice2;
use crate::enter::enter;

type Table<'py> = PyReadonlyArray2<'py, f64>;
type Found<'py> = PyResult<Bound<'py, PyArray2<f64>>>;

type Given<'py> = Option<Bound<'py, PyArray2<f64>>>;

/// Let `work(cells, columns, out)` fill a table of the shape of `x`: the caller's, or a new one.
fn fill_one<'py>(
    py: Python<'py>,
    x: &Table<'py>,
    given: Given<'py>,
    work: impl FnOnce(&[f64], usize, &mut [f64]) -> Result<()> + Send,
) -> Found<'py> {
    let cells = slice2("x", x)?;
    let shape = [x.shape()[0], x.shape()[1]];
    let found = given.unwrap_or_else(|| PyArray2::<f64>::zeros(py, shape, false));
    {
        let refused = |why: String| PyValueError::new_err(format!("out: {why}"));
        if found.shape() != shape || !found.is_c_contiguous() {
            let what = format!("wants a C-contiguous array of shape {shape:?}");
            return Err(refused(format!("{what}, got {:?}", found.shape())));
        }
        let mut out = found.try_readwrite().map_err(|error| refused(error.to_string()))?;
        let out = out.as_slice_mut().map_err(|error| refused(error.to_string()))?;
        enter(py, || work(cells, shape[1], out))?;
    }
    Ok(found)
}

/// The same over high, low and close.
fn fill_bars<'py>(
    py: Python<'py>,
    [high, low, close]: [&Table<'py>; 3],
    given: Given<'py>,
    work: impl FnOnce(Bars<'_>, &mut [f64]) -> Result<()> + Send,
) -> Found<'py> {
    let (low, close) = (slice2("low", low)?, slice2("close", close)?);
    fill_one(py, high, given, |high, cols, out| work(Bars { high, low, close, cols }, out))
}

/// Run `work` over one table and give back a table of the same shape.
fn over_one<'py>(
    py: Python<'py>,
    x: &Table<'py>,
    work: impl FnOnce(&[f64], usize) -> Result<Vec<f64>> + Send,
) -> Found<'py> {
    let cells = slice2("x", x)?;
    let shape = [x.shape()[0], x.shape()[1]];
    enter(py, || work(cells, shape[1]))?.into_pyarray(py).reshape(shape)
}

/// The same over two tables of one shape.
fn over_two<'py>(
    py: Python<'py>,
    x: &Table<'py>,
    y: &Table<'py>,
    work: impl FnOnce(&[f64], &[f64], usize) -> Result<Vec<f64>> + Send,
) -> Found<'py> {
    let other = slice2("y", y)?;
    let (found, expected) = (format!("{:?}", y.shape()), format!("{:?}", x.shape()));
    over_one(py, x, |cells, cols| {
        if other.len() != cells.len() || found != expected {
            return Err(KernelError::Shape { field: "y", found, expected });
        }
        work(cells, other, cols)
    })
}

macro_rules! fill_by_period {
    ($($name:ident, $into:ident);+ $(;)?) => { $(
        #[pyfunction]
        #[pyo3(signature = (x, period, *, out=None))]
        pub(crate) fn $name<'py>(
            py: Python<'py>, x: Table<'py>, period: usize, out: Given<'py>,
        ) -> Found<'py> {
            fill_one(py, &x, out, |cells, cols, out| kernel::$into(cells, cols, period, out))
        }
    )+ };
}

macro_rules! fill_by_spread {
    ($($name:ident, $into:ident);+ $(;)?) => { $(
        #[pyfunction]
        #[pyo3(signature = (x, period, ddof, *, out=None))]
        pub(crate) fn $name<'py>(
            py: Python<'py>, x: Table<'py>, period: usize, ddof: usize, out: Given<'py>,
        ) -> Found<'py> {
            fill_one(py, &x, out, |cells, cols, out| kernel::$into(cells, cols, period, ddof, out))
        }
    )+ };
}

macro_rules! fill_by_bars {
    ($($name:ident, $into:ident);+ $(;)?) => { $(
        #[pyfunction]
        #[pyo3(signature = (high, low, close, period, *, out=None))]
        pub(crate) fn $name<'py>(
            py: Python<'py>,
            high: Table<'py>,
            low: Table<'py>,
            close: Table<'py>,
            period: usize,
            out: Given<'py>,
        ) -> Found<'py> {
            fill_bars(py, [&high, &low, &close], out, |bars, out| kernel::$into(bars, period, out))
        }
    )+ };
}

macro_rules! by_period {
    ($($name:ident),+) => { $(
        #[pyfunction]
        pub(crate) fn $name<'py>(py: Python<'py>, x: Table<'py>, period: usize) -> Found<'py> {
            over_one(py, &x, |cells, cols| kernel::$name(cells, cols, period))
        }
    )+ };
}

fill_by_period!(
    ema, ema_into;
    wilder, wilder_into;
    sma, rolling_mean_into;
    rolling_mean, rolling_mean_into;
);
fill_by_spread!(rolling_std, rolling_std_into; rolling_zscore, rolling_zscore_into);
fill_by_bars!(
    atr, atr_into;
    plus_dm, plus_dm_into;
    minus_dm, minus_dm_into;
    plus_di, plus_di_into;
    minus_di, minus_di_into;
    dx, dx_into;
    adx, adx_into;
);
by_period!(rolling_median, rolling_mad);

#[pyfunction]
#[pyo3(signature = (high, low, close, *, out=None))]
pub(crate) fn true_range<'py>(
    py: Python<'py>,
    high: Table<'py>,
    low: Table<'py>,
    close: Table<'py>,
    out: Given<'py>,
) -> Found<'py> {
    fill_bars(py, [&high, &low, &close], out, kernel::true_range_into)
}

#[pyfunction]
pub(crate) fn rolling_correlation<'py>(
    py: Python<'py>,
    x: Table<'py>,
    y: Table<'py>,
    period: usize,
) -> Found<'py> {
    over_two(py, &x, &y, |x, y, cols| kernel::rolling_correlation(x, y, cols, period))
}

/// Slope of `y` on `x`.
#[pyfunction]
pub(crate) fn rolling_beta<'py>(
    py: Python<'py>,
    y: Table<'py>,
    x: Table<'py>,
    period: usize,
) -> Found<'py> {
    over_two(py, &y, &x, |y, x, cols| kernel::rolling_beta(y, x, cols, period))
}

#[pyfunction]
pub(crate) fn ranks<'py>(py: Python<'py>, x: Table<'py>) -> Found<'py> {
    over_one(py, &x, kernel::ranks)
}

#[pyfunction]
pub(crate) fn zscores<'py>(py: Python<'py>, x: Table<'py>, ddof: usize) -> Found<'py> {
    over_one(py, &x, |cells, cols| kernel::zscores(cells, cols, ddof))
}

#[pyfunction]
pub(crate) fn robust_zscores<'py>(py: Python<'py>, x: Table<'py>) -> Found<'py> {
    over_one(py, &x, kernel::robust_zscores)
}
